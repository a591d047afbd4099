"""Conversion of what users say about synapses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import random
from .._lib.arrays import as_array, as_indices, as_integer, as_number
from ..errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError
from .base import as_weights

INT32_MAX = int(np.iinfo(np.int32).max)


def as_ends(values: npt.ArrayLike, name: str, n: int, of: str) -> npt.NDArray[np.int32]:
    """Ends of synapses as int32, each below `n`, which counts what `of` names."""
    raw = as_array(values, name, "a one-dimensional array of whole numbers")
    if raw.dtype.kind == "b":
        raise DTypeError(f"{name} must be indices, got a mask; numpy.flatnonzero(mask) gives its indices")
    indices = as_indices(raw, name)
    least, most = int(indices.min(initial=0)), int(indices.max(initial=0))
    if least < 0 or most >= n:
        bad = least if least < 0 else most
        raise IndexOutOfRangeError(f"{name} must be from 0 to {n - 1}, as there are {n} {of}, got {bad}")
    return indices


def entries_of(matrix: Any) -> tuple[tuple[int, int], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Shape of a matrix, and rows, columns and values of its entries: all that a sparse one stores, or all but 0."""
    found: Any = matrix
    stores_entries = callable(getattr(matrix, "tocoo", None))
    if not stores_entries:
        found = as_array(matrix, "matrix", "an array of shape (n_neurons, n_inputs)")
    if len(found.shape) != 2:
        raise ShapeMismatchError(f"the matrix must have the shape (n_neurons, n_inputs), got {found.shape}")
    if found.dtype.kind not in "biuf":
        raise DTypeError(f"the matrix must hold real numbers or booleans, got dtype {found.dtype}")
    if stores_entries:
        coo = matrix.tocoo()
        return found.shape, coo.row, coo.col, np.asarray(coo.data)
    rows, columns = np.nonzero(found)
    return found.shape, rows, columns, found[rows, columns]


def as_synapse_weights(weights: Any, n_synapses: int, names: str) -> float | npt.NDArray[Any] | None:
    """Weights as a number, as an array of floats with one for each synapse, or None."""
    if weights is None:
        return None
    array = as_array(weights, "weights", f"an array of shape {(n_synapses,)}")
    if array.ndim == 0:
        return as_number(weights, "weights")
    return as_weights(array, (n_synapses,), np.float32 if array.dtype == np.float32 else np.float64, names)


def as_inhibitory(value: Any, n_inputs: int) -> npt.NDArray[np.bool_] | None:
    """Return which inputs are inhibitory; None where nothing is said about signs."""
    if value is None:
        return None
    array = as_array(value, "inhibitory", "a fraction, or one boolean for each input")
    if array.ndim == 0:
        fraction = as_number(value, "inhibitory")
        if not 0 <= fraction <= 1:
            raise InvalidArgumentError(f"inhibitory must be a fraction from 0 to 1 of the inputs, got {fraction}")
        mask = np.zeros(n_inputs, np.bool_)
        mask[n_inputs - round(fraction * n_inputs) :] = True
        return mask
    if array.dtype.kind != "b":
        raise DTypeError(f"inhibitory must be a fraction, or one boolean for each input, got dtype {array.dtype}")
    if array.shape != (n_inputs,):
        raise ShapeMismatchError(f"inhibitory must have shape (n_inputs,) = {(n_inputs,)}, got {array.shape}")
    return np.array(array, np.bool_)


def as_degree(value: Any) -> int:
    """Synapses of one neuron or input."""
    if isinstance(value, (bool, np.bool_)):
        raise DTypeError(f"degree must be an integer, got {value!r}")
    number = as_integer(value, "degree")
    if not 0 <= number <= INT32_MAX:
        raise InvalidArgumentError(f"degree must be from 0 to {INT32_MAX}, got {number}")
    return number


def as_switch(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise DTypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def as_profile(value: Any) -> str:
    """Return the name of how probability falls with distance."""
    if not isinstance(value, str) or value not in ("gaussian", "exponential", "step"):
        raise InvalidArgumentError(f"profile must be 'gaussian', 'exponential' or 'step', got {value!r}")
    return value


def as_seed(value: Any) -> int:
    """One number of 64 bits; one drawn from :mod:`evsim.random` for None."""
    if value is None:
        return int(random.generator().integers(2**63))
    if isinstance(value, (bool, np.bool_)):
        raise DTypeError(f"seed must be a whole number, got {value!r}")
    number = as_integer(value, "seed")
    if not 0 <= number < 2**64:
        raise InvalidArgumentError(f"seed must be from 0 to {2**64 - 1}, got {number}")
    return number
