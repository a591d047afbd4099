"""From a recording to masks, instances and tracks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number, as_size
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..events.array import EventArray
from ..io.atomic import replacing
from .config import EncoderConfig, LayerConfig
from .instances import Instance, find_instances
from .model import SpikeSEG
from .tracks import Track, track_instances

_MOST_WINDOWS = 100_000
_LEAST_STEP = 16.0
"""Pixels by which the box of an object may move between windows because it sees more or less of it."""


def moving_objects_model() -> SpikeSEG:
    """Return a model that needs no training: it responds to whatever moves together.

    One class and uniform weights: conv1 fires where events are dense, conv2 and conv3 where several of
    its spikes meet, and only conv3 competes, so that each step gives one classification spike.

    Examples
    --------
    >>> from evsim.spikeseg import moving_objects_model
    >>> moving_objects_model().n_classes
    1
    """
    config = EncoderConfig(
        conv1=LayerConfig(1, 5, 4.0, 2.0),
        conv2=LayerConfig(1, 5, 3.0, 0.5),
        conv3=LayerConfig(1, 7, 5.0, 0.0),
        wta_layers=("conv3",),
    )
    model = SpikeSEG(config, seed=0)
    for weight in model.get_layer_weights().values():
        weight[...] = 1.0
    return model


@dataclass(slots=True)
class Segmentation:
    """What :func:`segment` found.

    Attributes
    ----------
    events : EventArray
        The recording.
    starts : ndarray of int64, shape (n_windows,)
        First microsecond of each window.
    window : int
        Microseconds per window.
    instances : list of lists of Instance
        Of each window.
    tracks : list of Track
        With times in microseconds, the middles of the windows.
    n_events, n_spikes : list of int
        Events and classification spikes of each window.
    """

    events: EventArray
    starts: npt.NDArray[np.int64]
    window: int
    instances: list[list[Instance]] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    n_events: list[int] = field(default_factory=list)
    n_spikes: list[int] = field(default_factory=list)

    def mask(self, window: int) -> npt.NDArray[np.bool_]:
        """Pixels of all instances of a window, shape (height, width)."""
        mask = np.zeros((self.events.height, self.events.width), bool)
        for instance in self.instances[window]:
            mask |= instance.mask
        return mask

    def detected(self) -> npt.NDArray[np.bool_]:
        """For each event of the recording, whether it lies in the mask of its window, shape (n_events,)."""
        detected = np.zeros(len(self.events), bool)
        edges = np.searchsorted(self.events.t, np.append(self.starts, self.starts[-1:] + self.window))
        for k, (first, last) in enumerate(itertools.pairwise(edges)):
            part = slice(int(first), int(last))
            detected[part] = self.mask(k)[self.events.y[part], self.events.x[part]]
        return detected

    def labels(self, window: int) -> npt.NDArray[np.int32]:
        """Which instance each pixel of a window belongs to: 0 none, k + 1 instance k; shape (height, width).

        Where instances overlap, the later one shows.
        """
        labels = np.zeros((self.events.height, self.events.width), np.int32)
        for k, instance in enumerate(self.instances[window]):
            labels.reshape(-1)[instance.pixels] = k + 1
        return labels

    def track_ids(self) -> list[list[int]]:
        """For each window, the number of the track that each of its instances belongs to."""
        numbers = {id(one): track.track_id for track in self.tracks for one in track.instances}
        return [[numbers[id(one)] for one in found] for found in self.instances]

    def to_dict(self) -> dict[str, Any]:
        """Windows with their instances, and tracks, as numbers and lists for JSON; masks are left out."""
        windows = zip(self.starts.tolist(), self.n_events, self.n_spikes, self.instances, strict=True)
        return {
            "window_us": self.window,
            "windows": [
                {
                    "start_us": start,
                    "events": events,
                    "classification_spikes": spikes,
                    "instances": [
                        {
                            "class_id": one.class_id,
                            "box": list(one.box),
                            "centroid": list(one.centroid),
                            "pixels": len(one.pixels),
                            "spikes": len(one.spikes),
                        }
                        for one in found
                    ],
                }
                for start, events, spikes, found in windows
            ],
            "tracks": [
                {
                    "track_id": track.track_id,
                    "class_id": track.class_id,
                    "windows": list(track.windows),
                    "times_us": list(track.times),
                    "boxes": track.boxes.tolist(),
                    "centroids": track.centroids.tolist(),
                }
                for track in self.tracks
            ],
        }

    def save(self, folder: str | PathLike[str]) -> tuple[Path, Path]:
        """Write ``instances.json`` (see :meth:`to_dict`) and ``masks.npz`` into a folder, each in one step.

        Returns
        -------
        tuple of Path
            The second has the arrays ``labels``, int32, shape (n_windows, height, width), see :meth:`labels`, and
            ``starts``.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        directory = Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        paths = (directory / "instances.json", directory / "masks.npz")
        with replacing(paths[0]) as temporary:
            Path(temporary).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
        labels = np.stack([self.labels(k) for k in range(len(self.starts))])
        with replacing(paths[1]) as temporary, Path(temporary).open("wb") as file:
            np.savez_compressed(file, labels=labels, starts=self.starts)
        return paths

    def __repr__(self) -> str:
        found = sum(map(len, self.instances))
        return f"Segmentation({len(self.starts)} windows, {found} instances, {len(self.tracks)} tracks)"


def segment(
    events: EventArray,
    model: SpikeSEG | None = None,
    *,
    window: float = 20_000.0,
    n_steps: int = 20,
    threshold: float = 0.1,
    merge_radius: int = 4,
    across_classes: bool = False,
    max_distance: float | None = None,
    max_gap: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Segmentation:
    """Find objects in a recording and follow them.

    The recording is cut into windows; each is binned into steps and encoded from rest; its classification spikes become
    instances (HULK, SMASH), and instances of consecutive windows become tracks.

    Parameters
    ----------
    events : EventArray
    model : SpikeSEG, optional
        With one input channel polarities are merged, with two they are kept. Default: :func:`moving_objects_model`.
    window : float
        Microseconds; >= 1.
    n_steps : int
        Steps of a window.
    threshold : float
        Of the SMASH score that makes two spikes one object; 0 to 1.
    merge_radius : int
        Instances of one class whose boxes, grown by this many pixels, overlap are one; 0 leaves them apart.
    across_classes : bool
        Whether spikes of different classes may belong to one object. The classes of a model that has learned without
        labels are features, of which one object shows several.
    max_distance : float, optional
        Largest step: pixels that the centre of an object's box may move from one window to the next, so that tracks do
        not jump across the picture. By default a tenth of the sensor's diagonal, and at least 16.
    max_gap : int
        Windows in a row in which a track may be missing.
    progress : callable, optional
        Gets (windows done, windows in all).

    Returns
    -------
    Segmentation

    Raises
    ------
    ShapeMismatchError
        The model has neither one nor two input channels.
    InvalidArgumentError
        An option is outside its domain, or there are no events or too many windows.

    Examples
    --------
    >>> import numpy as np, evsim
    >>> from evsim.spikeseg import segment
    >>> rng = np.random.default_rng(0)
    >>> t = np.sort(rng.integers(0, 100_000, 6000))
    >>> x, y = (t // 2000 + 10 + rng.integers(0, 8, t.size)), 20 + rng.integers(0, 8, t.size)
    >>> result = segment(evsim.EventArray(t, x, y, np.ones(t.size, bool), width=80, height=48))
    >>> result
    Segmentation(5 windows, 5 instances, 1 tracks)
    >>> bool(np.all(np.diff(result.tracks[0].centroids[:, 0]) > 0))
    True
    """
    chosen = model if model is not None else moving_objects_model()
    length = int(as_number(window, "window"))
    as_size(n_steps, "n_steps")
    if length < 1:
        raise InvalidArgumentError(f"window must be at least 1 microsecond, got {window}")
    if not isinstance(events, EventArray):
        raise DTypeError(
            f"events must be an EventArray, got {type(events).__name__}; read one with evsim.io.read_events"
        )
    if as_integer(merge_radius, "merge_radius") < 0:
        raise InvalidArgumentError(f"merge_radius must not be negative, got {merge_radius}")
    if len(events) == 0:
        raise InvalidArgumentError("the recording has no events")
    n_windows = (int(events.t[-1]) - int(events.t[0])) // length + 1
    if n_windows > _MOST_WINDOWS:
        raise InvalidArgumentError(f"{n_windows} windows are too many; make them longer than {length} microseconds")
    starts = int(events.t[0]) + length * np.arange(n_windows, dtype=np.int64)
    polarity = _polarity(chosen)
    result = Segmentation(events, starts, length)
    for k, start in enumerate(starts.tolist()):
        spikes = events.binned(n_bins=n_steps, start=start, stop=start + length, polarity=polarity)
        output = chosen.encode(spikes, n_timesteps=n_steps)
        found = find_instances(output, chosen.decoder, 0, threshold, across_classes=across_classes)
        near = merge_near(found, merge_radius, across_classes=across_classes) if merge_radius else found
        result.instances.append(near)
        first, last = np.searchsorted(events.t, (start, start + length))
        result.n_events.append(int(last - first))
        result.n_spikes.append(output.n_classification_spikes)
        if progress is not None:
            progress(k + 1, len(starts))
    tenth = 0.1 * float(np.hypot(events.width, events.height))
    limit = max_distance if max_distance is not None else max(tenth, _LEAST_STEP)
    times = starts + length / 2
    result.tracks = track_instances(
        result.instances, max_gap=max_gap, max_distance=limit, times=times, across_classes=across_classes
    )
    return result


def _polarity(model: SpikeSEG) -> Literal["merge", "channels"]:
    channels = model.config.input_channels
    if channels not in (1, 2):
        raise ShapeMismatchError(f"events have one or two channels, but the model takes {channels}")
    return "merge" if channels == 1 else "channels"


def merge_near(instances: list[Instance], radius: int, *, across_classes: bool = False) -> list[Instance]:
    """Instances of one class whose boxes come closer than `radius` pixels, as one; chains of them too.

    Parameters
    ----------
    instances : list of Instance
    radius : int
        Boxes grown by this many pixels must overlap; >= 0.
    across_classes : bool
        Whether instances of different classes count too; the class is then that of most spikes, at a tie the lowest.

    Returns
    -------
    list of Instance
        In the order of their first members.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import Instance, merge_near
    >>> def seen(x):
    ...     return Instance(0, (4, 9), np.array([x]), (x, 0, x, 0), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> [one.box for one in merge_near([seen(1), seen(3), seen(8)], 2)]
    [(1, 0, 3, 0), (8, 0, 8, 0)]
    """
    groups: list[tuple[int, Box, list[Instance]]] = []
    for instance in instances:
        kind, box, members = 0 if across_classes else instance.class_id, instance.box, [instance]
        while True:  # a box that has grown may come near others
            near = [group for group in groups if group[0] == kind and _near(group[1], box, radius)]
            if not near:
                break
            groups = [group for group in groups if not any(group is other for other in near)]
            for _, other, others in near:
                box = (min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3]))
                members = [*others, *members]
        groups.append((kind, box, members))
    merged = [members[0] if len(members) == 1 else _united(members) for _, _, members in groups]
    return sorted(merged, key=lambda one: tuple(one.spikes[0].tolist()))


Box = tuple[int, int, int, int]


def _near(a: Box, b: Box, radius: int) -> bool:
    return a[0] - radius <= b[2] and b[0] - radius <= a[2] and a[1] - radius <= b[3] and b[1] - radius <= a[3]


def _united(members: list[Instance]) -> Instance:
    boxes = np.array([one.box for one in members])
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    spikes = np.concatenate([one.spikes for one in members])
    order = np.lexsort(spikes.T[::-1])
    pixels = np.unique(np.concatenate([one.pixels for one in members]))
    ash = np.logical_or.reduce([one.ash for one in members])
    class_id = int(np.bincount(spikes[:, 1]).argmax())
    return Instance(class_id, members[0].shape, pixels, (x0, y0, x1, y1), ash, spikes[order])
