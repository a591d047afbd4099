"""Recordings as moving pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._lib.arrays import as_number
from .._lib.optional import require
from ..errors import InvalidArgumentError, MissingDependencyError, ShapeMismatchError
from ..io.atomic import replacing
from .common import matplotlib
from .frames import Columns, columns_of, decimals, highest_count, painted, polarity_legend, show_frame
from .segmentation import mark_instances

if TYPE_CHECKING:
    from ..spikeseg import Instance, Track

_MOST_FRAMES = 10_000


def animation(
    path: str | PathLike[str],
    events: Any,
    frame_time: float,
    *,
    start: float | None = None,
    stop: float | None = None,
    instances: Sequence[Sequence[Instance]] | None = None,
    tracks: Sequence[Track] | None = None,
    fps: float = 15.0,
    dark: bool = True,
    limit: float | None = None,
    size: float = 6.0,
    dpi: int = 100,
    progress: Callable[[int, int], None] | None = None,
    time_unit: str | None = None,
) -> Path:
    """Write a recording as a GIF or MP4, one frame per stretch of time, with boxes of instances if there are any.

    Parameters
    ----------
    path : str or path
        Its ending, ``.gif`` or ``.mp4``, chooses the format. The file appears when it is complete.
    events : EventArray or SpikeArray
        See :func:`event_frame`.
    frame_time : float
        Time that each frame shows, in the events' unit: microseconds of an event array; > 0.
    start, stop : float, optional
        Beginning of the first and end of the last frame; by default the first event, and the last frame is the last
        with events.
    instances : sequence of sequences of Instance, optional
        Instances of each frame, which may be fewer than frames.
    tracks : sequence of Track, optional
        Tracks whose windows are the frames, in place of `instances`: an object keeps its number and colour.
    fps : float
        Frames per second of the film; > 0.
    dark : bool
        Whether the ground is dark.
    limit : float, optional
        Number of events of full colour, see :func:`event_frame`; by default from all frames.
    size : float
        Width of the picture in inches; > 0.
    dpi : int
        Pixels per inch.
    progress : callable, optional
        Called as ``progress(done, total)`` after each frame.
    time_unit : str, optional
        Unit of the times of spikes, for the title.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidArgumentError
        Another ending, an option outside its domain, more than 10,000 frames, or both `instances` and `tracks`.
    ShapeMismatchError
        More instances than frames.
    MissingDependencyError
        Without matplotlib; or for MP4 without ffmpeg, neither as a program nor through the package imageio-ffmpeg.
    OSError
        The file cannot be written.

    Notes
    -----
    GIF needs only Pillow, which comes with matplotlib. About 0.15 s a frame of 600 x 500 pixels.

    Examples
    --------
    >>> import evsim.plot, tempfile
    >>> from pathlib import Path
    >>> spikes = evsim.SpikeArray([0, 5, 11], [0.0, 1.0, 2.0], shape=(2, 2, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film = evsim.plot.animation(Path(folder) / "film.gif", spikes, frame_time=1.0, size=2.0, dpi=50)
    ...     film.read_bytes()[:6]
    b'GIF89a'
    """
    target = Path(path)
    if target.suffix not in (".gif", ".mp4"):
        raise InvalidArgumentError(f"the film's file must end in .gif or .mp4, got {target.name!r}")
    for value, name in ((frame_time, "frame_time"), (fps, "fps"), (size, "size"), (dpi, "dpi")):
        if as_number(value, name) <= 0:
            raise InvalidArgumentError(f"{name} must be positive, got {value}")
    if instances is not None and tracks is not None:
        raise InvalidArgumentError("give either instances or tracks")
    columns = columns_of(events, time_unit).between(start, stop)
    frames = _Frames(columns, frame_time, start, stop)
    marks = _marks(instances, tracks)
    if len(marks) > len(frames):
        raise ShapeMismatchError(f"instances of {len(marks)} windows, but there are {len(frames)} frames")
    with _writer(target, fps) as writer, replacing(target) as temporary:
        _film(writer, temporary, frames, marks, dark, limit, size, dpi, progress)
    return target


class _Frames:
    """Stretches of a recording."""

    def __init__(self, columns: Columns, frame_time: float, start: float | None, stop: float | None) -> None:
        first, last = (float(columns.t[0]), float(columns.t[-1])) if len(columns.t) else (0.0, 0.0)
        self.columns, self.frame_time = columns, frame_time
        self.start = first if start is None else float(start)
        span = (last - self.start) / frame_time
        self.n = math.floor(span) + 1 if stop is None else math.ceil((float(stop) - self.start) / frame_time)
        if not 1 <= self.n <= _MOST_FRAMES:
            raise InvalidArgumentError(f"a film has from 1 to {_MOST_FRAMES} frames, these would be {self.n}")

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, k: int) -> Columns:
        return self.columns.between(self.start + k * self.frame_time, self.start + (k + 1) * self.frame_time)

    def title(self, k: int) -> str:
        time = float(self.columns.shown(self.start + k * self.frame_time))
        return decimals(time, self.frame_time * self.columns.scale) + self.columns.after()

    def highest(self, limit: float | None) -> float:
        """Events of full colour: the median of the frames' own, of 16 frames at most."""
        some = sorted({round(k) for k in np.linspace(0, self.n - 1, 16).tolist()})
        own = [highest_count(self[k].counts(), limit) for k in some if len(self[k].t)]
        return float(np.median(own)) if own else 1.0


def _marks(
    instances: Sequence[Sequence[Instance]] | None, tracks: Sequence[Track] | None
) -> list[list[tuple[int, Instance]]]:
    """Numbers and instances of each frame."""
    if instances is not None:
        return [list(enumerate(window)) for window in instances]
    marks: list[list[tuple[int, Instance]]] = []
    for track in tracks or ():
        for window, one in zip(track.windows, track.instances, strict=True):
            marks += [[] for _ in range(window + 1 - len(marks))]
            marks[window].append((track.track_id, one))
    return marks


def _film(
    writer: Any,
    temporary: Path,
    frames: _Frames,
    marks: list[list[tuple[int, Instance]]],
    dark: bool,
    limit: float | None,
    size: float,
    dpi: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    columns, highest = frames.columns, frames.highest(limit)
    height = size * min(max(columns.height / columns.width, 0.4), 2.0) * 0.85 + 0.9
    figure = matplotlib("figure").Figure(figsize=(_even(size, dpi), _even(height, dpi)), layout="constrained")
    axes = figure.subplots()
    legend = columns.n_polarities == 2
    image = show_frame(axes, painted(frames[0].counts(), highest, dark), frames.title(0), legend)
    if legend:
        polarity_legend(axes, dark)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the layout of the first frame stays
    drawn: list[Any] = []
    with writer.saving(figure, str(temporary), dpi):
        for k in range(len(frames)):
            for artist in drawn:
                artist.remove()
            image.set_data(painted(frames[k].counts(), highest, dark))
            axes.title.set_text(frames.title(k))
            numbered = marks[k] if k < len(marks) else []
            numbers = [number for number, _ in numbered]
            found = [one for _, one in numbered]
            drawn = mark_instances(axes, found, numbers, [f"#{number}" for number in numbers], 0.0)
            writer.grab_frame()
            if progress is not None:
                progress(k + 1, len(frames))


def _even(inches: float, dpi: int) -> float:
    """Nearest size whose number of pixels is even, as H.264 asks for."""
    return 2 * max(round(inches * dpi / 2), 1) / dpi


def check_format(suffix: str) -> None:
    """Find out that a kind of film cannot be made before the work is done, not after.

    Raises
    ------
    MissingDependencyError
        ffmpeg is neither there as a program nor through the package imageio-ffmpeg.
    """
    with _writer(Path(f"film{suffix}"), 1.0):
        pass


@contextmanager
def _writer(target: Path, fps: float) -> Iterator[Any]:
    """A writer of matplotlib for the kind of file."""
    writers = matplotlib("animation")
    if target.suffix == ".gif":
        yield writers.PillowWriter(fps=fps)
        return
    settings: dict[str, Any] = {}
    if not writers.FFMpegWriter.isAvailable():
        try:
            package = require("imageio_ffmpeg", "imageio-ffmpeg", "video", "an MP4")
            settings["animation.ffmpeg_path"] = package.get_ffmpeg_exe()
        except (MissingDependencyError, RuntimeError):
            raise MissingDependencyError(
                "an MP4 needs ffmpeg, the program or the package imageio-ffmpeg: python -m pip install 'evsim[video]'; "
                "a file that ends in .gif needs neither"
            ) from None
    with require("matplotlib", "matplotlib", "plot", "evsim.plot").rc_context(settings):
        yield writers.FFMpegWriter(fps=fps, codec="h264", extra_args=["-pix_fmt", "yuv420p"])
