"""LIF neuron with delta synapse and adaptive threshold, in plain numbers and with searches in place of formulas.

tau_mem v' = -v, tau_adapt h' = -h; a spike of weight w moves v by w; v >= threshold + h: output, v <- 0, h <- h + jump.
Inputs of one instant are added up before the neuron looks at its threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class AdaptiveLif:
    """One neuron at `time`; `fired` has its spikes so far."""

    tau_mem: float
    tau_adapt: float
    jump: float
    threshold: float
    time: float = 0.0
    v: float = 0.0
    h: float = 0.0
    fired: list[float] = field(default_factory=list)

    def after(self, elapsed: float) -> tuple[float, float]:
        return self.v * math.exp(-elapsed / self.tau_mem), self.h * math.exp(-elapsed / self.tau_adapt)

    def distance(self, elapsed: float) -> float:
        """Of v above the threshold. With v, h > 0 it has one maximum or none."""
        v, h = self.after(elapsed)
        return v - h - self.threshold

    def crossing(self, limit: float) -> float | None:
        if self.distance(0.0) >= 0.0:
            return 0.0
        if self.v <= 0.0 or self.h <= 0.0:
            return None
        low, high = 0.0, limit
        for _ in range(200):  # the maximum by thirds
            third = (high - low) / 3
            if self.distance(low + third) < self.distance(high - third):
                low += third
            else:
                high -= third
        if self.distance(high) < 0.0:
            return None
        low = 0.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (low, middle) if self.distance(middle) >= 0.0 else (middle, high)
        return high

    def advance(self, time: float) -> None:
        while (elapsed := self.crossing(time - self.time)) is not None and self.time + elapsed < time:
            _, self.h = self.after(elapsed)
            self.v, self.h, self.time = 0.0, self.h + self.jump, self.time + elapsed
            self.fired.append(self.time)
        (self.v, self.h), self.time = self.after(time - self.time), time

    def receive(self, time: float, weight: float) -> None:
        if time > self.time:
            self.advance(time)
        self.v += weight


def simulate(neuron: AdaptiveLif, times: Iterable[float], weights: Iterable[float], until: float) -> AdaptiveLif:
    """Run the neuron over its input up to `until`."""
    for time, weight in zip(times, weights, strict=True):
        neuron.receive(float(time), float(weight))
    neuron.advance(until)
    return neuron
