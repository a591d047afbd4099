"""Conversion of what users pass in to the exact arrays that the core takes."""

from __future__ import annotations

import operator
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError

_INT32, _FLOAT64 = np.dtype(np.int32), np.dtype(np.float64)
_INT32_MAX = np.iinfo(np.int32).max


def as_array(values: Any, name: str, expected: str = "an array of numbers") -> npt.NDArray[Any]:
    """What users pass in as an array, without losing what it says beside its numbers.

    Raises
    ------
    ShapeMismatchError
        Lists of different lengths.
    DTypeError
        Masked values, or something that is no array.
    """
    _refuse_masked(values, name)
    try:
        return np.asarray(values)
    except (ValueError, OverflowError) as error:
        raise ShapeMismatchError(f"{name} must be {expected}: {error}") from None
    except (TypeError, RuntimeError) as error:  # of a tensor on a GPU, or one that requires gradients
        raise DTypeError(f"{name} cannot be read as an array: {error}") from None


def _refuse_masked(values: Any, name: str) -> None:
    parts = values if isinstance(values, (list, tuple)) else [values]
    if n := sum(int(np.ma.getmaskarray(part).sum()) for part in parts if isinstance(part, np.ma.MaskedArray)):
        raise DTypeError(
            f"{name} has {n} masked value{'s' if n > 1 else ''}, which cannot be left out here; pass "
            "the values that count, such as array.compressed()"
        )


def _one_dimensional(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    array = as_array(values, name, "a one-dimensional array of numbers")
    if array.ndim != 1:
        raise ShapeMismatchError(f"{name} must have one dimension, got shape {array.shape}")
    return array


def _is_exactly(values: Any, dtype: np.dtype[Any]) -> TypeGuard[npt.NDArray[Any]]:
    """Whether the core takes it as it is; quick, because every sample of a batch is asked."""
    return type(values) is np.ndarray and values.dtype == dtype and values.ndim == 1 and values.flags.c_contiguous


def as_indices(values: npt.ArrayLike, name: str = "indices") -> npt.NDArray[np.int32]:
    """Neuron indices as contiguous int32. Integers of any width and whole floating-point numbers are converted."""
    if _is_exactly(values, _INT32):
        return values
    array = _one_dimensional(values, name)
    if array.size == 0:
        return np.empty(0, np.int32)
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise NonFiniteError(f"{name} must be finite")
        if np.any(array != np.trunc(array)):
            raise DTypeError(f"{name} must be whole numbers, got {array.dtype} with fractions")
    elif array.dtype.kind not in "iu":
        raise DTypeError(f"{name} must be integers, got dtype {array.dtype}")
    smallest, largest = array.min(), array.max()
    if int(smallest) < 0 or int(largest) > _INT32_MAX:
        bad = smallest if smallest < 0 else largest
        raise IndexOutOfRangeError(f"{name} must be from 0 to {_INT32_MAX}, got {bad}")
    return np.ascontiguousarray(array, dtype=np.int32)


def as_times(values: npt.ArrayLike, name: str = "times") -> npt.NDArray[np.float64]:
    """Times as contiguous float64. Any real numbers are converted."""
    if _is_exactly(values, _FLOAT64):
        return values
    array = _one_dimensional(values, name)
    if array.size == 0:
        return np.empty(0, np.float64)
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.float64)


def as_number(value: Any, name: str) -> float:
    """One finite float."""
    number = as_float(value, name)
    if not np.isfinite(number):
        raise NonFiniteError(f"{name} must be finite, got {number}")
    return number


def as_positive(value: Any, name: str) -> float:
    """One finite number above 0."""
    number = as_number(value, name)
    if number <= 0:
        raise InvalidArgumentError(f"{name} must be positive, got {number}")
    return number


def as_float(value: Any, name: str) -> float:
    """One float, infinity and NaN included."""
    try:
        array = as_array(value, name)
    except ShapeMismatchError:
        raise DTypeError(f"{name} must be a number, got {value!r}") from None
    if array.dtype.kind not in "iuf" or array.ndim != 0:
        raise DTypeError(f"{name} must be a number, got {value!r}")
    return float(array)


def as_integer(value: Any, name: str) -> int:
    """One integer, as Python's own indexing takes it."""
    try:
        return operator.index(value)
    except TypeError:
        raise DTypeError(f"{name} must be an integer, got {value!r}") from None


def as_size(value: Any, name: str) -> int:
    """One integer >= 1."""
    if isinstance(value, (bool, np.bool_)):
        raise DTypeError(f"{name} must be an integer, got {value!r}")
    number = as_integer(value, name)
    if not 1 <= number <= _INT32_MAX:
        raise InvalidArgumentError(f"{name} must be from 1 to {_INT32_MAX}, got {number}")
    return number


def as_positions(key: Any, n: int) -> npt.NDArray[Any]:
    """Return positions among `n` spikes as int64, or a mask of them; raises what is wrong with them."""
    chosen = as_array(key, "positions")
    if chosen.ndim != 1 or (chosen.dtype.kind not in "biu" and chosen.size):
        raise DTypeError(
            f"spikes are chosen by whole numbers or a mask of one dimension, got {chosen.dtype} of shape {chosen.shape}"
        )
    if chosen.dtype.kind == "b":
        if len(chosen) != n:
            raise ShapeMismatchError(f"the mask has {len(chosen)} values for {n} spikes")
        return chosen
    if chosen.size and not (-n <= int(chosen.min()) and int(chosen.max()) < n):
        raise IndexOutOfRangeError(f"positions go from {-n} to {n - 1}, got {chosen}")
    return chosen.astype(np.int64)
