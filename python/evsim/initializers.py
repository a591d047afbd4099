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
from ._lib.arrays import as_number, as_size
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError

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


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(shape, (tuple, list)):
        raise DTypeError(f"shape must be a tuple of integers, got {shape!r}")
    return tuple(as_size(n, "a dimension of shape") for n in shape)


def _drawn_from(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise DTypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    return rng or random.generator()


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
        return np.full(_checked(shape), self.value, dtype=np.float64)


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
        return _drawn_from(rng).normal(self.mean, self.stddev, _checked(shape))


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
        return _drawn_from(rng).uniform(self.lower_bound, self.upper_bound, _checked(shape))


Constant = ConstantInitializer
Normal = NormalInitializer
Uniform = UniformInitializer


__dir__ = only_public(__all__)
