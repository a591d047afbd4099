"""Input spikes: taken from the host or the GPU, checked, and put one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._lib import arrays
from ...errors import (
    DTypeError,
    IndexOutOfRangeError,
    NonFiniteError,
    ShapeMismatchError,
    UnsortedSpikesError,
)
from .device import cupy


def as_indices(values: Any, name: str = "indices") -> Any:
    """Neuron indices as int32, where they are; integers of any width are converted."""
    return _converted(values, name, np.int32, "iu", "integers", arrays.as_indices)


def as_times(values: Any, name: str = "times") -> Any:
    """Times as float64, where they are; any real numbers are converted."""
    return _converted(values, name, np.float64, "iuf", "real numbers", arrays.as_times)


def _converted(values: Any, name: str, dtype: Any, kinds: str, what: str, on_host: Any) -> Any:
    xp = cupy()
    if isinstance(values, np.ndarray) or not isinstance(values, xp.ndarray):
        return on_host(values)
    if values.ndim != 1:
        raise ShapeMismatchError(f"{name} must have one dimension, got shape {values.shape}")
    if values.dtype.kind not in kinds:
        raise DTypeError(f"{name} must be {what}, got dtype {values.dtype}")
    if dtype == np.int32 and values.dtype != np.int32 and values.size:
        smallest, largest = int(values.min()), int(values.max())
        if smallest < 0 or largest > np.iinfo(np.int32).max:
            raise IndexOutOfRangeError(
                f"{name} must be from 0 to {np.iinfo(np.int32).max}, got {smallest if smallest < 0 else largest}"
            )
    return xp.ascontiguousarray(values, dtype=dtype)


def number(value: float) -> str:
    """A number as the messages of the core write it."""
    return repr(float(value)).removesuffix(".0")


@dataclass
class Batch:
    """The spikes of all samples in a row; those of sample s lie between offsets[s] and offsets[s + 1]."""

    indices: Any
    times: Any
    offsets: npt.NDArray[np.int64]

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return len(self.offsets) - 1

    def sample(self, s: int) -> tuple[Any, Any]:
        """Indices and times of one sample; no copy."""
        here = slice(int(self.offsets[s]), int(self.offsets[s + 1]))
        return self.indices[here], self.times[here]

    def sample_numbers(self, xp: Any) -> Any:
        """To which sample each spike belongs."""
        return xp.asarray(np.repeat(np.arange(self.n_samples), np.diff(self.offsets)))

    def first_times(self, xp: Any, default: float) -> npt.NDArray[np.float64]:
        """Time of the first spike of every sample, or `default` without one."""
        out = np.full(self.n_samples, default)
        some = np.flatnonzero(np.diff(self.offsets))
        if len(some):
            out[some] = xp.asnumpy(self.times[xp.asarray(self.offsets[some])])
        return out


def batch_of(xp: Any, samples: Sequence[tuple[Any, Any]], n_inputs: int) -> Batch:
    """Check the samples and bring them to the GPU."""
    for k, (indices, times) in enumerate(samples):
        if indices.shape != times.shape:
            raise ShapeMismatchError(
                f"{_name(k, samples)}: indices and times must have the same length, got {len(indices)} and {len(times)}"
            )
    lengths = [len(times) for _, times in samples]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    on_host = all(isinstance(a, np.ndarray) for sample in samples for a in sample)
    home = np if on_host else xp  # what is checked on the host needs no way back
    indices = home.concatenate([home.asarray(i) for i, _ in samples] or [home.empty(0, np.int32)])
    times = home.concatenate([home.asarray(t) for _, t in samples] or [home.empty(0, np.float64)])
    _check(home, samples, offsets, indices, times, n_inputs)
    return Batch(xp.asarray(indices), xp.asarray(times), offsets)


def _name(k: int, samples: Sequence[Any]) -> str:
    return "input" if len(samples) == 1 else f"input {k}"


def _check(
    home: Any, samples: Sequence[Any], offsets: npt.NDArray[np.int64], indices: Any, times: Any, n_inputs: int
) -> None:
    if not len(times):
        return
    infinite = ~home.isfinite(times)
    falls = home.zeros(len(times), bool)
    falls[1:] = times[1:] < times[:-1]
    falls[home.asarray(offsets[:-1][np.diff(offsets) > 0])] = False
    outside = (indices < 0) | (indices >= n_inputs)
    # One look at all: on a GPU each costs a wait for the device.
    if not bool((infinite | falls | outside).any()):
        return
    for k, (own_indices, own_times) in enumerate(samples):
        here = slice(int(offsets[k]), int(offsets[k + 1]))
        name = _name(k, samples)
        if bool(infinite[here].any()):
            at = int(infinite[here].argmax())
            raise NonFiniteError(f"{name}: times must be finite, but times[{at}] is {number(own_times[at])}")
        if bool(falls[here].any()):
            at = int(falls[here].argmax())
            raise UnsortedSpikesError(
                f"{name}: times must not decrease, but times[{at}] = {number(own_times[at])} comes after "
                f"times[{at - 1}] = {number(own_times[at - 1])}; sort them first: "
                "spikes = SpikeArray(indices, times); spikes.sort()"
            )
        if bool(outside[here].any()):
            at = int(outside[here].argmax())
            raise IndexOutOfRangeError(
                f"{name}: spike {at} has index {int(own_indices[at])}, but the layer has {n_inputs} inputs "
                f"(valid: 0 to {n_inputs - 1})"
            )


def delivered(xp: Any, batch: Batch, until: float) -> Batch:
    """Return the spikes up to and including `until`."""
    if math.isinf(until) or not len(batch.times):
        return batch
    inside = batch.times <= until
    if bool(inside.all()):
        return batch
    numbers = batch.sample_numbers(xp)[inside]
    offsets = xp.asnumpy(xp.searchsorted(numbers, xp.arange(batch.n_samples + 1))).astype(np.int64)
    return Batch(batch.indices[inside], batch.times[inside], offsets)
