"""Random convolutions, and whether evsim agrees with the oracle on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import oracle
from agreement import Case
from machines import Machine
from oracle.conv import Geometry

import evsim


def connection_of(geometry: Geometry, weights: Any) -> Any:
    """The same for evsim."""
    kind = evsim.ConvTranspose2d if geometry.transposed else evsim.Conv2d
    options: dict[str, Any] = {"output_padding": geometry.output_padding} if geometry.transposed else {}
    return kind(
        geometry.out_channels,
        geometry.kernel,
        in_shape=geometry.in_shape,
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=geometry.groups,
        weights=weights,
        **options,
    )


@dataclass
class ConvCase(Case):
    """A convolutional layer and its input; `weights` is the matrix that the convolution is."""

    geometry: Geometry
    kernel: Any
    begin: float | None = None

    @classmethod
    def make(cls, neuron: Any, geometry: Geometry, kernel: Any, indices: Any, times: Any, until: Any) -> ConvCase:
        matrix = geometry.matrix(kernel)[0]
        return cls(neuron, matrix, np.asarray(indices), np.asarray(times, float), until, geometry, kernel)

    def network(self, machine: Machine) -> evsim.SpikingNetwork:
        net = machine.network()
        net.add_layer(connection_of(self.geometry, self.kernel), self.neuron)
        return net

    @property
    def start(self) -> float:
        return super().start if self.begin is None else self.begin

    def parameter(self, name: str, n: int) -> float:
        value = getattr(self.neuron, name)
        if isinstance(value, np.ndarray) and len(value) == self.geometry.out_channels:
            return float(value[n // (len(self.weights) // len(value))])
        return super().parameter(name, n)

    @property
    def work(self) -> int:
        return len(self.times) * self.geometry.out_channels * int(np.prod(self.geometry.kernel))

    @cached_property
    def reached(self) -> Any:
        """Which input spikes reach which neurons."""
        return self.geometry.matrix(self.kernel)[1][:, self.indices]

    def by_the_oracle(self, n: int, dtype: str) -> oracle.Trajectory:
        """What neuron `n` does; it sees only what reaches it."""
        reached = self.reached[n]
        own = replace(self, indices=self.indices[reached], times=self.times[reached], begin=self.start)
        return super(ConvCase, own).by_the_oracle(n, dtype)


def random_geometry(rng: np.random.Generator, *, largest: int = 5, transposed: bool | None = None) -> Geometry:
    """A small convolution of any kind."""
    transposed = bool(rng.random() < 0.35) if transposed is None else transposed
    while True:
        groups = int(rng.choice([1, 1, 2, 3]))
        in_shape = (
            groups * int(rng.integers(1, 3)),
            int(rng.integers(1, largest + 1)),
            int(rng.integers(1, largest + 1)),
        )
        stride, dilation = ((int(a), int(b)) for a, b in rng.integers(1, 4, (2, 2)))
        geometry = Geometry(
            in_shape=in_shape,
            out_channels=groups * int(rng.integers(1, 4)),
            kernel=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
            stride=stride,
            padding=(int(rng.integers(0, 3)), int(rng.integers(0, 3))),
            dilation=dilation,
            groups=groups,
            transposed=transposed,
            output_padding=(
                int(rng.integers(0, max(stride[0], dilation[0]))),
                int(rng.integers(0, max(stride[1], dilation[1]))),
            )
            if transposed
            else (0, 0),
        )
        _, height, width = geometry.out_shape
        if 0 < height * width * geometry.out_channels <= 8 * largest**2 and min(height, width) > 0:
            return geometry


def random_events(rng: np.random.Generator, geometry: Geometry, n: int, scale: float) -> tuple[Any, Any]:
    """Input spikes, some of them at one time, some at the same pixel right after each other."""
    gaps = rng.exponential(scale, n)
    gaps[rng.random(n) < 0.2] = 0.0
    return rng.integers(0, int(np.prod(geometry.in_shape)), n), rng.uniform(-1, 1) * scale + np.cumsum(gaps)
