"""Spikes to and from arrays of time steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError, MemoryLimitError, ShapeMismatchError
from .arrays import as_array, as_integer, as_number

_MOST_CELLS = 2**32
"""Largest dense array that to_dense makes; counting takes 8 bytes a cell."""


def require_inside(indices: npt.NDArray[np.int32], shape: tuple[int, ...]) -> int:
    """Check that all indices lie within `shape`; return the number of places."""
    places = int(np.prod(shape, dtype=object))
    if indices.size and int(indices.max()) >= places:
        raise IndexOutOfRangeError(f"index {int(indices.max())} does not fit into shape {shape} ({places} places)")
    return places


def spikes_of_steps(
    dense: npt.ArrayLike, dt: float, start: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], tuple[int, ...] | None]:
    """Indices, times and shape of the spikes that :meth:`evsim.SpikeArray.from_dense` makes."""
    step = as_number(dt, "dt")
    if step <= 0:
        raise InvalidArgumentError(f"dt must be positive, got {step}")
    counts = as_array(dense, "dense")
    if counts.ndim < 2:
        raise ShapeMismatchError(f"dense must have a time and a neuron dimension, got shape {counts.shape}")
    if counts.dtype.kind not in "biuf":
        raise DTypeError(f"dense must hold spike counts, got dtype {counts.dtype}")
    if counts.dtype.kind == "f" and not np.all(np.isfinite(counts)):
        raise DTypeError("dense must hold finite spike counts")
    if counts.size and (counts.min() < 0 or (counts.dtype.kind == "f" and np.any(counts != np.trunc(counts)))):
        raise InvalidArgumentError("dense must hold spike counts: whole numbers, not negative")
    flat = counts.reshape(counts.shape[0], math.prod(counts.shape[1:]))
    steps, neurons = np.nonzero(flat)
    repeats = flat[steps, neurons].astype(np.int64)
    times = as_number(start, "start") + np.repeat(steps, repeats) * step
    return np.repeat(neurons, repeats), times, counts.shape[1:] if counts.ndim > 2 else None


def counts_in_steps(
    indices: npt.NDArray[np.int32],
    times: npt.NDArray[np.float64],
    shape: tuple[int, ...] | None,
    dt: float,
    n_neurons: int | None,
    start: float,
    stop: float | None,
) -> npt.NDArray[np.int32]:
    """Counts that :meth:`evsim.SpikeArray.to_dense` makes."""
    step, begin = as_number(dt, "dt"), as_number(start, "start")
    n_neurons = None if n_neurons is None else as_integer(n_neurons, "n_neurons")
    if n_neurons is not None and n_neurons < 0:
        raise InvalidArgumentError(f"n_neurons must not be negative, got {n_neurons}")
    if step <= 0:
        raise InvalidArgumentError(f"dt must be positive, got {step}")
    # A time that from_dense made, start + k dt, must come back to step k although it is rounded.
    with np.errstate(over="ignore"):
        slack = 4e-16 * (np.abs(times) + abs(begin))
        positions = np.floor((times - begin + slack) / step * (1 + 4e-16))
    if len(times) and not np.abs(positions).max() < 2**53:
        raise MemoryLimitError(f"steps of {step} are too short for spikes up to {times.max()}; choose a longer dt")
    steps = positions.astype(np.int64)
    last = int(steps.max()) + 1 if len(times) else 0
    n_steps = last if stop is None else int(np.ceil((as_number(stop, "stop") - begin) / step * (1 - 4e-16)))
    if n_neurons is None and shape is None:
        n_neurons = int(indices.max()) + 1 if len(times) else 0
    columns: tuple[int, ...] = (n_neurons,) if n_neurons is not None else shape or ()
    if len(times) and (int(steps.min()) < 0 or last > n_steps):
        raise InvalidArgumentError(
            f"spikes from {times.min()} to {times.max()} do not lie between start = {begin} and stop = {stop}"
        )
    size = require_inside(indices, columns)
    if n_steps * size > _MOST_CELLS:
        raise MemoryLimitError(f"{n_steps} steps of {size} neurons do not fit into memory; choose a longer dt")
    flat = np.bincount(steps * size + indices, minlength=n_steps * size)
    return flat.astype(np.int32).reshape(n_steps, *columns)
