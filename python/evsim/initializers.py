"""Weight initialisers.

An initialiser is called with the shape of the weights, (n_neurons, n_inputs) for a dense layer, and a generator and
returns an array; any function that does so can be used in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from . import random
from ._lib.arrays import as_number
from ._lib.modules import only_public
from .errors import InvalidArgumentError

__all__ = [
    "Constant",
    "ConstantInitializer",
    "Initializer",
    "Normal",
    "NormalInitializer",
    "Uniform",
    "UniformInitializer",
]

Initializer: TypeAlias = Callable[[tuple[int, ...], np.random.Generator], npt.ArrayLike]


@dataclass(frozen=True)
class ConstantInitializer:
    """Every weight equals `value`.

    Examples
    --------
    >>> import evsim
    >>> evsim.initializers.ConstantInitializer(0.5)((1, 2))
    array([[0.5, 0.5]])
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        as_number(self.value, "value")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`."""
        return np.full(shape, self.value, dtype=np.float64)


@dataclass(frozen=True)
class NormalInitializer:
    """Weights drawn from a normal distribution.

    Examples
    --------
    >>> import evsim
    >>> evsim.initializers.NormalInitializer(mean=1.0, stddev=0.1)((3, 4)).shape
    (3, 4)
    """

    mean: float = 0.0
    stddev: float = 1.0

    def __post_init__(self) -> None:
        as_number(self.mean, "mean")
        if as_number(self.stddev, "stddev") < 0:
            raise InvalidArgumentError(f"stddev must not be negative, got {self.stddev}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`, drawn from `rng` or from the generator of :mod:`evsim.random`."""
        return (rng or random.generator()).normal(self.mean, self.stddev, shape)


@dataclass(frozen=True)
class UniformInitializer:
    """Weights drawn evenly from [lower_bound, upper_bound).

    Examples
    --------
    >>> import evsim
    >>> weights = evsim.initializers.UniformInitializer(-0.1, 0.1)((3, 4))
    >>> bool((abs(weights) <= 0.1).all())
    True
    """

    lower_bound: float = -1.0
    upper_bound: float = 1.0

    def __post_init__(self) -> None:
        if as_number(self.lower_bound, "lower_bound") > as_number(self.upper_bound, "upper_bound"):
            raise InvalidArgumentError(f"lower_bound {self.lower_bound} is above upper_bound {self.upper_bound}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`, drawn from `rng` or from the generator of :mod:`evsim.random`."""
        return (rng or random.generator()).uniform(self.lower_bound, self.upper_bound, shape)


Constant = ConstantInitializer
Normal = NormalInitializer
Uniform = UniformInitializer


__dir__ = only_public(__all__)
