"""What a reference simulation returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import mpmath

MP = mpmath.MPContext()
"""A context of our own, so that no other user of mpmath changes its precision."""
MP.dps = 50

UNIT64 = 2.0**-53
UNIT32 = 2.0**-24
"""Half the distance from 1 to the next float64, float32."""


@dataclass(frozen=True)
class Certain:
    """A spike that every sound computation must find, within `uncertainty` of `time`."""

    time: Any
    uncertainty: float


@dataclass(frozen=True)
class Segment:
    """From `start` on the neuron follows `value(elapsed) -> (v, i, uncertainty of v, uncertainty of i)`."""

    start: Any
    value: Callable[[Any], tuple[Any, Any, float, float]]


@dataclass
class Trajectory:
    """Spikes of one neuron, and what its state was in between.

    Attributes
    ----------
    spikes : list of Certain
        Spikes before `certain_until`.
    certain_until : number
        From here on rounding decides what happens. Infinity in all but a few cases.
    """

    spikes: list[Certain] = field(default_factory=list)
    certain_until: Any = math.inf
    segments: list[Segment] = field(default_factory=list)

    def at(self, time: float) -> tuple[Any, Any, float, float]:
        """(v, i, uncertainty of v, uncertainty of i) at `time`, after whatever happens at that time."""
        t = MP.mpf(time)
        segment = next(s for s in reversed(self.segments) if s.start <= t)
        return segment.value(t - segment.start)


def arrivals(times: Iterable[float], weights: Iterable[float]) -> list[tuple[Any, list[float]]]:
    """Input as (time, weights that arrive then)."""
    pairs = zip(times, weights, strict=True)
    return [(MP.mpf(t), [float(w) for _, w in group]) for t, group in groupby(pairs, key=lambda pair: float(pair[0]))]
