"""The command ``evsim segment``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ..errors import InvalidArgumentError
from .console import Threads, console, count, duration, progress_bar, say, table_of, use_threads

if TYPE_CHECKING:
    from ..events.array import EventArray
    from ..spikeseg import Segmentation, SpikeSEG

_MOST_OVERLAYS = 8

_FILES = "Events: .raw, .dat, .es, .aedat, .aedat4, HDF5, text, .bin, .bs2, .npz, .npy."
Recording = Annotated[Path, typer.Argument(help=_FILES)]


def segment(
    recording: Recording,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", help="Model (.safetensors) of evsim train-stdp; else a built-in one."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("evsim-segments"),
    method: Annotated[
        str, typer.Option(help="motion (objects of a few pixels), spikeseg (larger ones) or auto: as the recording is.")
    ] = "auto",
    window: Annotated[
        float | None, typer.Option(help="Milliseconds per window; by default as the recording is: 20 or more.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Time steps per window.")] = 20,
    merge: Annotated[int, typer.Option(min=0, help="Instances closer than this many pixels are one.")] = 4,
    outlines: Annotated[bool, typer.Option(help="Masks follow the events to the pixel.")] = True,
    across_classes: Annotated[bool, typer.Option(help="Spikes of different classes may belong to one object.")] = False,
    max_step: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Pixels an object may move between windows; by default a tenth of the sensor's diagonal."
        ),
    ] = None,
    clean: Annotated[bool, typer.Option(help="Leave out hot pixels and isolated events first.")] = False,
    film: Annotated[str, typer.Option(help="gif, mp4 or none.")] = "gif",
    threads: Threads = None,
) -> None:
    """Find [bold]moving objects[/bold] in an event-camera recording and follow them.

    Writes instances.json (instances and tracks), masks.npz, pictures of some
    windows, the tracks in space and time, and a film.
    """
    from .._lib.optional import require
    from ..io import read_events
    from ..spikeseg import SpikeSEG, segment as find_objects

    if film not in ("gif", "mp4", "none"):
        raise typer.BadParameter(f"{film} is neither gif, mp4 nor none", param_hint="--film")
    if method not in ("auto", "motion", "spikeseg"):
        raise typer.BadParameter(f"{method} is neither auto, motion nor spikeseg", param_hint="--method")
    require("matplotlib.figure", "matplotlib", "plot", "drawing")
    if film != "none":
        from ..plot.video import check_format

        check_format(f".{film}")
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"{output} is a file; --output needs a folder")
    use_threads(threads)
    network = SpikeSEG.load(model) if model is not None else None
    with progress_bar() as progress:
        task = progress.add_task(f"reading {recording.name}", total=None)
        events = read_events(recording)
        if clean:
            events = _cleaned(events)
        if len(events) == 0:
            raise InvalidArgumentError(f"{recording} has no events{' left' if clean else ''}")
        progress.update(task, description="segmenting", total=1.0)
        start = time.perf_counter()
        result = find_objects(
            events,
            network,
            method=cast(Literal["auto", "motion", "spikeseg"], method),
            window=window * 1e3 if window is not None else None,
            n_steps=steps,
            merge_radius=merge,
            outlines=outlines,
            across_classes=across_classes,
            max_distance=max_step,
            progress=lambda done, total: progress.update(task, completed=done / total),
        )
        seconds = time.perf_counter() - start
        progress.update(task, description="writing", completed=0.0)
        files = [*result.save(output), *_pictures(result, output)]
        if film != "none":
            from .. import plot

            path = plot.animation(
                output / f"film.{film}",
                events,
                result.window,
                tracks=result.tracks,
                progress=lambda done, total: progress.update(task, completed=done / total),
            )
            files.append(path)
    console.print(_summary(recording, network, result, seconds))
    for path in files:
        say(f"{path}  ", _CONTENTS.get(path.name, "events and instances of a window"))


_CONTENTS = {
    "instances.json": "instances of every window, and tracks",
    "masks.npz": "masks of every window",
    "tracks.png": "tracks in space and time",
    "film.gif": "film of events and instances",
    "film.mp4": "film of events and instances",
}


def _cleaned(events: EventArray) -> EventArray:
    from ..events import filters

    return filters.isolated(filters.hot_pixels(events))


def _pictures(result: Segmentation, folder: Path) -> list[Path]:
    from matplotlib.figure import Figure

    from .. import plot
    from ..io.atomic import replacing

    n_windows = len(result.starts)
    chosen = sorted({k * n_windows // _MOST_OVERLAYS for k in range(_MOST_OVERLAYS)})
    numbers = result.track_ids()
    paths = []
    for k in chosen:
        figure = Figure(figsize=(7.0, 5.2), layout="constrained")
        start = int(result.starts[k])
        ax = figure.subplots()
        stop = start + result.window
        plot.instances(result.events, result.instances[k], start=start, stop=stop, ids=numbers[k], ax=ax)
        paths.append(folder / f"window_{k:04d}.png")
        with replacing(paths[-1]) as temporary:
            figure.savefig(temporary, dpi=110)
    if result.tracks:
        figure = Figure(figsize=(7.5, 6.0), layout="constrained")
        ax = figure.add_subplot(projection="3d")
        plot.trajectories(result.events, result.tracks, ax=ax)
        paths.append(folder / "tracks.png")
        with replacing(paths[-1]) as temporary:
            figure.savefig(temporary, dpi=110)
    return paths


def _chosen(model: SpikeSEG | None, result: Segmentation) -> list[tuple[str, str]]:
    """What the recording or the caller chose."""
    settings = result.settings
    if result.motion is None:
        kind = "built-in model" if model is None else f"model of {count(model.n_classes, 'class')}"
        return [("method", f"SpikeSEG, {kind}, {settings['n_steps']} steps in a window")]
    vx, vy = settings["background_velocity"]
    behind = len(result.motion.tracks) - len(result.tracks)
    return [
        ("method", f"motion, {settings['n_velocities']} velocities up to {settings['max_speed']:g} pixels/s"),
        ("noise", f"{settings['noise_rate']:.3g} events/s per pixel, {count(settings['n_hot_pixels'], 'hot pixel')}"),
        (
            "neurons",
            f"sum over {settings['neuron_window'] / 1e3:.0f} ms, for objects of {settings['faintest']:g} events/s",
        ),
        ("background", f"{count(behind, 'object')} at ({vx:.1f}, {vy:.1f}) pixels/s"),
    ]


def _summary(recording: Path, model: SpikeSEG | None, result: Segmentation, seconds: float) -> Any:
    events = result.events
    longest = max(result.tracks, key=len, default=None)
    recorded = events.duration / 1e6
    tracks = f"{len(result.tracks)}" + (f", the longest over {count(len(longest), 'window')}" if longest else "")
    return table_of(
        f"Objects in {recording.name}",
        [
            ("recording", f"{count(len(events), 'event')}, {events.width} x {events.height} pixels, {recorded:.3g} s"),
            *_chosen(model, result),
            ("windows", f"{len(result.starts)} of {result.window / 1e3:g} ms"),
            ("instances", f"{sum(map(len, result.instances)):,}"),
            ("tracks", tracks),
            ("time taken", f"{duration(seconds)}, {recorded / seconds:.3g} times as fast as the recording"),
        ],
    )
