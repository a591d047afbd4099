"""Traces that are pieces of one, and the velocity that most of them share."""

from __future__ import annotations

import functools

import numpy as np

from .scene import SPREAD, Floats, Scene
from .traces import Trace, around, traced

_GAP = 0.8
"""Seconds between the pieces of one object."""
_OVERLAP = 0.3
_NEAR = 3.0
"""Pixels between where one piece would go and where the next has come from."""
_TURN = 3.0
"""Pixels per second by which pieces of one object may differ, beside their errors."""
_END, _SHORT = 0.5, 0.15
"""Seconds of a piece that say where it goes, and below which they do not."""


def link(scene: Scene, traces: list[Trace]) -> list[Trace]:
    """Join pieces of one object, the best pair first, until none are left."""
    traces, distance = list(traces), functools.cache(_distance)
    while True:
        best = (_NEAR, -1, -1)
        for i, first in enumerate(traces):
            for j, second in enumerate(traces):
                if i != j and distance(first, second) < best[0]:
                    best = (distance(first, second), i, j)
        if best[1] < 0:
            return traces
        pair = [traces[k] for k in best[1:]]
        parts = []
        for trace in pair:
            index, off = around(scene, trace)
            signal = trace.density(off, scene.on[index])
            parts.append(index[signal > 0.5 * scene.noise[index]])
        joined = traced(scene, np.unique(np.concatenate(parts)), rest=0.5 * scene.noise)
        traces = [trace for k, trace in enumerate(traces) if k not in best[1:]] + [joined]


def _distance(first: Trace, second: Trace) -> float:
    """How far two pieces miss each other in the middle of the gap; infinite if they are not of one object."""
    gap = second.start - first.stop
    if not -_OVERLAP <= gap <= _GAP or second.stop <= first.stop or second.start <= first.start:
        return np.inf
    ends = [end for end in (_end(first, first.stop, -_END), _end(second, second.start, _END)) if end is not None]
    if len(ends) == 2:
        (one, v, error), (other, w, other_error) = ends
        if np.hypot(*(v - w)) > _TURN + 3 * np.hypot(error, other_error):
            return np.inf
        half = gap / 2
        return float(np.hypot(*(one + v * half - other + w * half)))
    if not ends:
        return np.inf
    # One is too short to say where it goes: then it is to lie where the other goes.
    short = first if first.stop - first.start < second.stop - second.start else second
    time = (short.start + short.stop) / 2
    place, slope, _ = ends[0]
    edge = second.start if short is first else first.stop
    return float(np.hypot(*(place + slope * (time - edge) - short.at(np.array([time]))[0])))


def _end(trace: Trace, edge: float, inner: float) -> tuple[Floats, Floats, float] | None:
    """Place and velocity at one end, and the velocity's error; none if the piece is too short for that."""
    start = float(np.clip(edge + inner, trace.start, trace.stop))
    length = abs(edge - start)
    if length < _SHORT:
        return None
    a, b = trace.at(np.array([start, edge]))
    return b, (b - a) / (edge - start), SPREAD / float(np.sqrt(max(trace.rate.sum(), 1.0) * length**3 / 12))
