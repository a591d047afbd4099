"""What all encoders share: numbers in, one sample or a batch of them; spikes out, one array or a list."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_number, as_size
from ..errors import DTypeError, InvalidArgumentError, MemoryLimitError, NonFiniteError, ShapeMismatchError
from ..spikes import SpikeArray

Floats: TypeAlias = npt.NDArray[np.float64]
Shape: TypeAlias = "tuple[int, ...]"

MOST_SPIKES = 2**27
"""That one call makes; 12 bytes each to keep, and several times that while they are made."""


@dataclass(frozen=True)
class Samples:
    """Numbers of one sample or of a batch, a row each.

    Attributes
    ----------
    values : ndarray of float64, shape (n_samples, n_values)
    shape : tuple of int
        Shape of one sample, of n_values in all.
    batch : bool
        Whether a list of arrays is wanted.
    """

    values: Floats
    shape: Shape
    batch: bool

    def spikes(
        self, samples: npt.NDArray[Any], indices: npt.NDArray[Any], times: Floats, *, shape: Shape | None = None
    ) -> SpikeArray | list[SpikeArray]:
        """Spikes of all samples, in any order, as one array per sample, sorted by time and then by index.

        `shape` is that of the indices, if it is not that of the values.
        """
        by_sample = np.argsort(samples, kind="stable")
        bounds = np.concatenate(([0], np.cumsum(np.bincount(samples, minlength=len(self.values)))))
        space = self.shape if shape is None else shape
        encoded = []
        for start, end in itertools.pairwise(bounds):
            of_sample = by_sample[start:end]
            order = of_sample[np.lexsort((indices[of_sample], times[of_sample]))]
            encoded.append(SpikeArray(indices[order], times[order], shape=space if len(space) > 1 else None))
        return encoded if self.batch else encoded[0]

    def parameter(self, value: npt.ArrayLike, name: str) -> Floats:
        """A parameter that is one number, or one per value of a sample: an array that broadcasts against `values`."""
        array = as_array(value, name, "a number or one per value")
        if array.dtype.kind not in "iuf":
            raise DTypeError(f"{name} must be a number or an array of numbers, got {value!r}")
        if array.shape not in ((), self.shape, self.values.shape[1:]):
            raise ShapeMismatchError(f"{name} must be a number or have shape {self.shape}, got shape {array.shape}")
        if not np.all(np.isfinite(array)):
            raise NonFiniteError(f"{name} must be finite, got {value!r}")
        numbers = array.astype(np.float64)
        return numbers.ravel() if numbers.ndim else numbers


def as_samples(values: npt.ArrayLike, name: str, shape: Shape | None, *, item: str = "value") -> Samples:
    """Read one sample or a batch, as :func:`evsim.encoders.latency` documents it."""
    numbers = real_numbers(values, name)
    shape, batch = _sample_shape(numbers.shape, shape, name, item)
    flat = numbers.reshape(len(numbers) if batch else 1, math.prod(shape))
    return Samples(flat, shape, batch)


def real_numbers(values: npt.ArrayLike, name: str) -> Floats:
    """Finite numbers of any shape, in an array of their own."""
    array = as_array(values, name)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    numbers = array.astype(np.float64)
    if not np.all(np.isfinite(numbers)):
        raise NonFiniteError(f"{name} must be finite")
    return numbers


def as_shape(shape: Any, least: int = 1) -> Shape:
    """Shape of one sample as a user gives it, of `least` to 3 dimensions."""
    if not isinstance(shape, (tuple, list)):
        raise DTypeError(f"shape must be a tuple of integers such as (28, 28), got {shape!r}")
    if not least <= len(shape) <= 3:
        raise ShapeMismatchError(f"shape must have {least} to 3 dimensions, got {tuple(shape)}")
    return tuple(as_size(n, "a dimension of shape") for n in shape)


def _sample_shape(given: Shape, shape: Shape | None, name: str, item: str) -> tuple[Shape, bool]:
    """Shape of one sample, and whether there is a batch of them."""
    if shape is None:
        if len(given) == 2:
            raise ShapeMismatchError(
                f"{name} of shape {given} may be one sample or a batch of flat ones: give shape={given} or "
                f"shape=({given[1]},)"
            )
        if len(given) not in (1, 3, 4):
            raise ShapeMismatchError(
                f"{name} must have shape (n_{item}s,), (n, height, width) or (n, channels, height, width), or shape= "
                f"says that of one sample; got {given}"
            )
        shape, batch = given[1:] or given, len(given) > 1
    else:
        shape = as_shape(shape)
        flat = (math.prod(shape),)
        batch = given not in (shape, flat)
        if batch and given[1:] not in (shape, flat):
            raise ShapeMismatchError(
                f"{name} of shape {given} are neither one sample of shape {shape} nor a batch of them"
            )
    if 0 in shape:
        raise ShapeMismatchError(f"{name} must have {item}s, got shape {given}")
    return shape, batch


def as_duration(value: Any, name: str) -> float:
    """One finite number, 0 or above."""
    number = as_number(value, name)
    if number < 0:
        raise InvalidArgumentError(f"{name} must not be negative, got {number}")
    return number


def require_room(n_spikes: float, advice: str) -> None:
    """Refuse to make more spikes than :data:`MOST_SPIKES` before any is made."""
    if not n_spikes <= MOST_SPIKES:
        raise MemoryLimitError(f"about {n_spikes:.3g} spikes are more than one call makes ({MOST_SPIKES:,}); {advice}")
