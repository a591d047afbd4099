"""From a recording to masks, instances and tracks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from .._lib.arrays import as_integer, as_number, as_size
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..events.array import EventArray
from ..motion import find_motion
from .config import EncoderConfig, LayerConfig
from .instances import Instance, find_instances
from .model import SpikeSEG
from .moving import is_extended, patch_window, segmentation_of
from .outlines import sharpened
from .result import Segmentation
from .tracks import track_instances

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


def segment(
    events: EventArray,
    model: SpikeSEG | None = None,
    *,
    method: Literal["auto", "motion", "spikeseg"] = "auto",
    window: float | None = None,
    n_steps: int = 20,
    threshold: float = 0.1,
    merge_radius: int = 4,
    outlines: bool = True,
    across_classes: bool = False,
    max_distance: float | None = None,
    max_gap: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Segmentation:
    """Find objects in a recording and follow them.

    Objects of a few pixels, such as satellites, are found by their motion, event by event, in noise and before a
    background that may drift (:func:`evsim.motion.find_motion`). Extended ones are found by SpikeSEG: the recording is
    cut into windows; each is binned into steps and encoded from rest; its classification spikes become instances (HULK,
    SMASH), and instances of consecutive windows become tracks. Which of both the recording decides, unless it is said.

    Parameters
    ----------
    events : EventArray
    model : SpikeSEG, optional
        With one input channel polarities are merged, with two they are kept. Default: :func:`moving_objects_model`.
    method : str
        "motion", "spikeseg", or "auto": SpikeSEG if a model is given or if events come in patches larger than a point
        of light, otherwise motion.
    window : float, optional
        Microseconds; >= 1. Default: 20,000, or up to 100,000 until half of the events lie in patches, as the built-in
        model needs it; 50,000 for motion, where windows only cut what is shown.
    n_steps : int
        Steps of a window. This and the following are SpikeSEG's.
    threshold : float
        Of the SMASH score that makes two spikes one object; 0 to 1.
    merge_radius : int
        Instances of one class whose boxes, grown by this many pixels, overlap are one; 0 leaves them apart.
    outlines : bool
        Whether masks follow the events of their window to the pixel, with gaps closed and holes filled. Otherwise they
        are what the decoder unravels: wider by a receptive field, and with holes where no feature was seen.
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
        Its ``settings`` say what was chosen.

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
    >>> result, result.settings["method"]
    (Segmentation(5 windows, 5 instances, 1 tracks), 'spikeseg')
    >>> bool(np.all(np.diff(result.tracks[0].centroids[:, 0]) > 0))
    True

    Satellites among drifting stars:

    >>> field = evsim.datasets.star_field(seed=1)
    >>> result = segment(field.events)
    >>> result.settings["method"], len(result.tracks), len(field.trajectories)
    ('motion', 2, 2)
    """
    if not isinstance(events, EventArray):
        raise DTypeError(
            f"events must be an EventArray, got {type(events).__name__}; read one with evsim.io.read_events"
        )
    as_size(n_steps, "n_steps")
    if as_integer(merge_radius, "merge_radius") < 0:
        raise InvalidArgumentError(f"merge_radius must not be negative, got {merge_radius}")
    if method not in ("auto", "motion", "spikeseg"):
        raise InvalidArgumentError(f"method must be auto, motion or spikeseg, got {method!r}")
    if method == "motion" and model is not None:
        raise InvalidArgumentError("a model is for method='spikeseg'; leave one of both out")
    if len(events) == 0:
        raise InvalidArgumentError("the recording has no events")
    by_motion = method == "motion" or (method == "auto" and model is None and not is_extended(events))
    if window is not None:
        length = int(as_number(window, "window"))
    else:
        length = 50_000 if by_motion else patch_window(events) if model is None else 20_000
    if length < 1:
        raise InvalidArgumentError(f"window must be at least 1 microsecond, got {window}")
    n_windows = (int(events.t[-1]) - int(events.t[0])) // length + 1
    if n_windows > _MOST_WINDOWS:
        raise InvalidArgumentError(f"{n_windows} windows are too many; make them longer than {length} microseconds")
    starts = int(events.t[0]) + length * np.arange(n_windows, dtype=np.int64)
    if by_motion:
        result = segmentation_of(find_motion(events), starts, length)
        if progress is not None:
            progress(n_windows, n_windows)
        return result
    chosen = model if model is not None else moving_objects_model()
    result = Segmentation(events, starts, length)
    for k in range(n_windows):
        _segment_window(result, chosen, k, n_steps, threshold, merge_radius, outlines, across_classes)
        if progress is not None:
            progress(k + 1, n_windows)
    tenth = 0.1 * float(np.hypot(events.width, events.height))
    limit = max_distance if max_distance is not None else max(tenth, _LEAST_STEP)
    times = starts + length / 2
    result.tracks = track_instances(
        result.instances, max_gap=max_gap, max_distance=limit, times=times, across_classes=across_classes
    )
    result.settings = {"method": "spikeseg", "window": length, "n_steps": n_steps, "outlines": outlines}
    result.settings["max_distance"] = limit
    return result


def _segment_window(
    result: Segmentation,
    model: SpikeSEG,
    k: int,
    n_steps: int,
    threshold: float,
    merge_radius: int,
    outlines: bool,
    across_classes: bool,
) -> None:
    """Encode window k from rest and add what it shows."""
    events, start, stop = result.events, int(result.starts[k]), int(result.starts[k]) + result.window
    spikes = events.binned(n_bins=n_steps, start=start, stop=stop, polarity=_polarity(model))
    output = model.encode(spikes, n_timesteps=n_steps)
    found = find_instances(output, model.decoder, 0, threshold, across_classes=across_classes)
    now = events.time_slice(start, stop)
    for sharp in (False, True) if outlines else (False,):
        if sharp:
            found = sharpened(found, now, across_classes=across_classes)
        if merge_radius:
            found = merge_near(found, merge_radius, across_classes=across_classes)
    result.instances.append(found)
    result.n_events.append(len(now))
    result.n_spikes.append(output.n_classification_spikes)


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
