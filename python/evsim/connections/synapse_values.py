"""Values of synapses: their order and their signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_AT_ONCE = 1 << 20
"""Positions that are made wide at once, as NumPy takes them."""


def sorted_by(values: npt.NDArray[Any], order: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return a copy of values, one for each synapse, in this order; None: in the order that they have."""
    if order is None:
        return np.array(values)
    sorted_values: npt.NDArray[Any] = np.empty(len(order), values.dtype)
    for first in range(0, len(order), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        sorted_values[some] = values[order[some]]
    return sorted_values


def signed(weights: npt.ArrayLike, inhibits: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return weights below 0 where they inhibit, and above where they do not; 0 has no sign."""
    sizes: npt.NDArray[Any] = np.array(np.broadcast_to(np.abs(weights), inhibits.shape))
    np.subtract(0, sizes, out=sizes, where=inhibits)
    return sizes


def of_synapses(by_input: npt.NDArray[Any], firsts: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Return for each synapse the value of its input; `firsts`: the first synapse of each, and how many there are."""
    counts = firsts[1:] - firsts[:-1]
    return np.repeat(by_input, counts.astype(np.int64))


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array, which cannot be written from now on."""
    array.flags.writeable = False
    return array
