"""Which traces are objects."""

from __future__ import annotations

import numpy as np

from .scene import GATE, Floats, Scene, evidence
from .traces import Trace, around

_BIN = 0.1
"""Seconds."""
_AS_WELL = 1.1
"""Ratio of squared distances up to which two places explain events as well as one that moves."""


def believable(scene: Scene, trace: Trace, number: int, least: float) -> bool:
    """Whether a trace has more events than noise would give it, and has them all along.

    Events of other traces do not count, and of a tenth of a second not more than twice the median and two: what touches
    several other objects on its way is none.
    """
    index, off = around(scene, trace)
    owner = scene.owner[index]
    index = index[((off**2).sum(axis=1) < GATE**2) & ((owner == number) | (owner < 0))]
    span = max(trace.stop - trace.start, _BIN)
    if len(index) < 5 or not (owner == number).any():
        return False
    n = int(np.ceil(span / _BIN))
    counts = np.bincount(np.minimum(((scene.t[index] - trace.start) / span * n).astype(np.int64), n - 1), minlength=n)
    counted = np.minimum(counts, 2 * np.median(counts) + 2).sum()
    expected = float(scene.noise[index].mean()) * np.pi * GATE**2 * span
    return bool(evidence(counted, expected) >= least)


def only_hops(scene: Scene, trace: Trace, number: int, drift: Floats) -> bool:
    """Whether one or two places that drift explain the events of a trace as well as its own path does.

    So it is with a path that goes from one star to the next.
    """
    own = np.flatnonzero(scene.owner == number)
    if len(own) < 3:
        return True
    xy = np.stack([scene.x[own], scene.y[own]], axis=1)
    along = np.sum((xy - trace.at(scene.t[own])) ** 2, axis=1)
    resting = xy - drift * scene.t[own, np.newaxis]
    # Places side by side along the way beside the drift: of all ways to cut it in two, the best.
    resting = resting[np.argsort(resting @ (trace.velocity - drift), kind="stable")]
    parts = np.split(resting, [_best_cut(resting - resting.mean(axis=0))])
    hops = np.concatenate([np.sum((part - np.median(part, axis=0)) ** 2, axis=1) for part in parts])
    # Medians, because some of the events are noise, which lies anywhere.
    return bool(np.median(hops) < _AS_WELL * np.median(along))


def _best_cut(xy: Floats) -> int:
    """The number of events to one side for which squared distances to the means of both sides are least."""
    n = np.arange(1, len(xy))
    first = np.cumsum(xy, axis=0)[:-1]
    other = xy.sum(axis=0) - first
    return 1 + int(np.argmax((first**2).sum(axis=1) / n + (other**2).sum(axis=1) / (len(xy) - n)))
