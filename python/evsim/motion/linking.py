"""Traces that are pieces of one, and the velocity that most of them share."""

from __future__ import annotations

import numpy as np

from .scene import Scene
from .traces import Trace, around, traced

_GAP = 0.8
"""Seconds between the pieces of one object."""
_OVERLAP = 0.3
_NEAR = 3.0
"""Pixels between where one piece would go and where the next has come from."""
_TURN = 3.0
"""Pixels per second by which pieces of one object may differ, beside their errors."""
_END = 0.5
"""Seconds of a piece that say where it goes."""


def link(scene: Scene, traces: list[Trace]) -> list[Trace]:
    """Join pieces of one object, the best pair first, until none are left."""
    traces = list(traces)
    while True:
        best = (_NEAR, -1, -1)
        for i, first in enumerate(traces):
            for j, second in enumerate(traces):
                if i != j and (distance := _distance(first, second)) < best[0]:
                    best = (distance, i, j)
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
    middle = (second.start + first.stop) / 2
    ends = []
    for trace, edge, inner in ((first, first.stop, -_END), (second, second.start, _END)):
        start, stop = np.clip(edge + inner, trace.start, trace.stop), edge
        a, b = trace.at(np.array([start, stop]))
        if abs(stop - start) < 0.1:
            return np.inf
        slope = (b - a) / (stop - start)
        ends.append(
            (b + slope * (middle - stop), slope, 1.5 / (np.sqrt(max(trace.rate.sum(), 1)) * abs(stop - start) ** 1.5))
        )
    (one, v, e), (other, w, f) = ends
    if np.hypot(*(v - w)) > _TURN + 3 * np.hypot(e, f):
        return np.inf
    return float(np.hypot(*(one - other)))
