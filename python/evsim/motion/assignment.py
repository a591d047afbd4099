"""Which trace each event belongs to, when all traces are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .scene import Floats, Ints, Scene
from .traces import Trace, around, traced

_SURE = 0.02
"""Share of an event below which a trace does without it."""
_ROUNDS = 2


class Assignment(NamedTuple):
    """Owner of each event, -1 for noise, and the probability that it has caused it (of noise: that noise has)."""

    owner: Ints
    confidence: Floats


def settle(scene: Scene, traces: list[Trace]) -> list[Trace]:
    """Fit all traces again, each to its share of every event: expectation and maximisation of the mixture."""
    for _ in range(_ROUNDS):
        places = [around(scene, trace) for trace in traces]
        signals = [trace.density(off, scene.on[index]) for trace, (index, off) in zip(traces, places, strict=True)]
        total = 0.5 * scene.noise
        for (index, _), signal in zip(places, signals, strict=True):
            total[index] += signal
        fitted = []
        for (index, _), signal in zip(places, signals, strict=True):
            share = signal / total[index]
            mine = share > _SURE
            if share.sum() < 5:
                continue
            rest = total.copy()
            rest[index] -= signal
            fitted.append(traced(scene, index[mine], share[mine], np.maximum(rest, 1e-9)))
        traces = fitted
    return traces


def assign(scene: Scene, traces: list[Trace]) -> Assignment:
    """Give each event to what has most likely caused it."""
    total, best = 0.5 * scene.noise, 0.5 * scene.noise
    owner = np.full(len(scene.t), -1, np.int64)
    for k, trace in enumerate(traces):
        index, off = around(scene, trace)
        signal = trace.density(off, scene.on[index])
        total[index] += signal
        better = signal > best[index]
        best[index[better]] = signal[better]
        owner[index[better]] = k
    return Assignment(owner, best / total)
