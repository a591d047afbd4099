"""Which traces are objects."""

from __future__ import annotations

import numpy as np

from .scene import GATE, Floats, Scene, evidence
from .traces import Trace, around

_BIN = 0.1
"""Seconds."""
_AS_WELL = 1.1
"""Ratio of squared distances up to which two places explain events as well as a path does."""
_WITHIN, _LITTLE = 0.8, 0.5
"""Share of its speed beside the background that a trace must have within its pieces: if two places explain its events
as well, and if they do not."""


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
    """Whether the events of a trace are those of one place that drifts, and then of another one.

    So it is with a path that goes from one star to the next. Beside the drift, it moves from piece to piece rather than
    within them, and two places that drift explain its events as well as the path does.
    """
    own = np.flatnonzero(scene.owner == number)
    if len(own) < 4:
        return True
    t, xy = scene.t[own], np.stack([scene.x[own], scene.y[own]], axis=1)
    beside = trace.velocity - drift
    speed = float(np.hypot(beside[0], beside[1]))
    resting = xy - drift * t[:, np.newaxis]
    way = resting @ (beside / speed)
    cut = [_best_cut(way)]
    product = square = 0.0
    for times, places in zip(np.split(t, cut), np.split(way, cut), strict=True):
        product += float((times - times.mean()) @ places)
        square += float(np.sum((times - times.mean()) ** 2))
    within = product / (speed * max(square, 1e-12))
    # Medians, because some of the events are noise, which lies anywhere.
    hops = np.concatenate([np.sum((part - np.median(part, axis=0)) ** 2, axis=1) for part in np.split(resting, cut)])
    along = np.sum((xy - trace.at(t)) ** 2, axis=1)
    as_well = bool(np.median(hops) < _AS_WELL * np.median(along))
    return within < (_WITHIN if as_well else _LITTLE)


def _best_cut(values: Floats) -> int:
    """The number of first values for which squared distances to the means of the first and of the others are least."""
    n = np.arange(1, len(values))
    first = np.cumsum(values - values.mean())[:-1]
    return 1 + int(np.argmax(first**2 / n + first**2 / (len(values) - n)))
