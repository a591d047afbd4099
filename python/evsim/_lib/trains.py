"""Spikes by neuron."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeMismatchError
from .arrays import as_size


def count_neurons(indices: npt.NDArray[np.int32], shape: tuple[int, ...] | None, n_neurons: Any) -> int:
    """How many neurons there are: `n_neurons`, else the size of `shape`, else the largest index + 1.

    Raises
    ------
    ShapeMismatchError
        A neuron beyond `n_neurons` fired.

    Examples
    --------
    >>> count_neurons(np.array([0, 4], np.int32), None, None)
    5
    """
    needed = int(indices.max()) + 1 if indices.size else 0
    if n_neurons is None:
        return math.prod(shape) if shape else needed
    count = as_size(n_neurons, "n_neurons")
    if count < needed:
        raise ShapeMismatchError(f"n_neurons = {count}, but neuron {needed - 1} fired")
    return count


def times_by_neuron(
    indices: npt.NDArray[np.int32], times: npt.NDArray[np.float64], n_neurons: int
) -> list[npt.NDArray[np.float64]]:
    """Times of each neuron, ascending. O(n log n + n_neurons).

    Examples
    --------
    >>> times_by_neuron(np.array([2, 0, 2], np.int32), np.array([3.0, 1.0, 2.0]), 3)
    [array([1.]), array([], dtype=float64), array([2., 3.])]
    """
    order = np.lexsort((times, indices))
    ends = np.cumsum(np.bincount(indices, minlength=n_neurons))
    return [np.array(part) for part in np.split(times[order], ends[:-1])] if n_neurons else []
