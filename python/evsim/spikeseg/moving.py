"""Objects found by their motion, as instances and tracks; and which recordings are for that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from ..motion import Motion, MotionTrack
from .instances import Instance
from .outlines import square_counts
from .result import Segmentation
from .tracks import Track

_SIDE = 9
_LIT = 30
"""Pixels with events, of a square of 9 by 9, that a point of light does not reach: its spot has two dozen at most."""
_SHARE = 0.15
"""Share of events in such squares from which on a recording shows extended objects."""
_SLICE = 0.02
_NOISE = 5.0
"""Pixels of a square that noise lights: with more noise, slices of time are shorter."""
_SLICES = 10
_WINDOWS, _HALF = (20_000, 30_000, 40_000, 60_000, 80_000, 100_000), 0.5


def is_extended(events: EventArray) -> bool:
    """Whether events come in patches that are larger than points of light are."""
    pixel = events.y.astype(np.int64) * events.width + events.x
    counts = np.bincount(pixel, minlength=events.width * events.height)
    # The median pixel sees noise only, whatever the others see.
    rate = float(np.median(counts)) / (max(events.duration, 1) * 1e-6)
    return patch_share(events, min(_SLICE, _NOISE / (_SIDE**2 * max(rate, 1e-9)))) > _SHARE


def patch_window(events: EventArray) -> int:
    """The shortest window, in microseconds, in which half of the events lie in patches that features can be seen in."""
    for window in _WINDOWS:
        if events.duration < window or patch_share(events, window * 1e-6) >= _HALF:
            return window
    return _WINDOWS[-1]


def patch_share(events: EventArray, length: float) -> float:
    """Share of events in squares of 9 by 9 pixels with events at 30 pixels or more, in slices of some seconds."""
    n = int(max(events.duration, 1) * 1e-6 / length) + 1
    dense = looked = 0
    for k in np.unique(np.linspace(0, n - 1, min(n, _SLICES)).astype(np.int64)).tolist():
        start = int(events.t[0]) + k * length * 1e6
        first, last = np.searchsorted(events.t, (start, start + length * 1e6))
        x, y = events.x[first:last], events.y[first:last]
        lit = np.zeros((events.height, events.width), bool)
        lit[y, x] = True
        dense += int(np.count_nonzero(square_counts(lit, _SIDE // 2)[y, x] >= _LIT))
        looked += len(x)
    return dense / max(looked, 1)


def segmentation_of(motion: Motion, starts: npt.NDArray[np.int64], window: int) -> Segmentation:
    """Windows, instances and tracks of what moves against the background.

    An instance has the pixels of an object's events in a window; a window without any is a gap in the track.
    """
    events = motion.events
    edges = np.searchsorted(events.t, np.append(starts, starts[-1] + window)).tolist()
    tracks = [Track(track.object_id, 0) for track in motion.moving]
    result = Segmentation(events, starts, window, tracks=tracks, motion=motion)
    for k, start in enumerate(starts.tolist()):
        part = slice(edges[k], edges[k + 1])
        found = []
        for number in np.unique(motion.object_ids[part]).tolist():
            if 0 <= number < len(tracks):
                own = part.start + np.flatnonzero(motion.object_ids[part] == number)
                found.append(_instance(events, own))
                _append(tracks[number], motion.tracks[number], k, start, start + window, found[-1])
        result.instances.append(found)
        result.n_events.append(edges[k + 1] - edges[k])
        result.n_spikes.append(0)
    result.settings = {"method": "motion", **motion.settings, "window": window}
    return result


def _append(track: Track, motion: MotionTrack, k: int, start: float, stop: float, instance: Instance) -> None:
    middle = float(np.clip((start + stop) / 2, motion.t[0], motion.t[-1]))
    x, y = motion.at(middle).tolist()
    track.windows.append(k)
    track.times.append((start + stop) / 2)
    track.instances.append(instance)
    track.places.append((x, y))


def _instance(events: EventArray, own: npt.NDArray[np.int64]) -> Instance:
    x, y = events.x[own].astype(np.int64), events.y[own].astype(np.int64)
    pixels = np.unique(y * events.width + x).astype(np.int32)
    box = int(x.min()), int(y.min()), int(x.max()), int(y.max())
    nothing = np.zeros((0, 4), np.int64)
    return Instance(0, (events.height, events.width), pixels, box, np.zeros((1, 1), bool), nothing)
