"""Spikes on a grid of steps: dense arrays, tensors and spike arrays on their way to the engine and back."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_size
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..events.array import EventArray
from ..spikes import SpikeArray

_MOST_STEPS = 2**24

Wrap = Callable[[npt.NDArray[Any]], Any]
"""Makes of an array what the caller works with: the array itself, or a tensor."""


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor, without importing torch."""
    return type(value).__module__.partition(".")[0] == "torch"


def as_numpy(value: Any) -> npt.NDArray[Any]:
    """An array or tensor as an array."""
    return np.asarray(value.detach().cpu().numpy() if is_tensor(value) else value)


def as_arrays(array: npt.NDArray[Any]) -> Any:
    """What leaves arrays as they are."""
    return array


@dataclass(frozen=True)
class AsTensors:
    """What makes tensors of arrays, on the device that has this name."""

    device: str

    def __call__(self, array: npt.NDArray[Any]) -> Any:
        """Tensor of an array."""
        torch = importlib.import_module("torch")
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def wrap_like(value: Any) -> Wrap:
    """Return what makes results of the same kind as `value`."""
    return AsTensors(str(value.device)) if is_tensor(value) else as_arrays


def latency_code(images: npt.NDArray[Any], n_steps: int) -> npt.NDArray[np.float32]:
    """Rank-order code: the positive pixels of each sample, brightest first, spread evenly over the steps.

    The pixel of rank r among n positive ones spikes once, in step ``r * n_steps // n``; pixels of one value are ranked
    by position (Thorpe & Gautrais 1998; the code of Kheradpisheh et al. 2018).

    Parameters
    ----------
    images : ndarray, shape (n_samples, ...)
    n_steps : int

    Returns
    -------
    ndarray of float32, shape (n_steps, n_samples, ...)

    Examples
    --------
    >>> import numpy as np
    >>> latency_code(np.array([[0.1, 0.0, 0.9, 0.5]]), 3)[:, 0].argmax(axis=0)
    array([2, 0, 0, 1])
    """
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    if not np.all(np.isfinite(flat)):
        raise NonFiniteError("the input must be finite")
    order = np.argsort(-flat, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(flat.shape[1])[np.newaxis], axis=1)
    positive = flat > 0
    steps = ranks * n_steps // np.maximum(positive.sum(axis=1, keepdims=True), 1)
    coded = np.zeros((n_steps, *flat.shape), np.float32)
    samples, pixels = np.nonzero(positive)
    coded[steps[samples, pixels], samples, pixels] = 1
    return coded.reshape(n_steps, *np.shape(images))


def encode_input(
    x: Any, n_timesteps: int | None, latency: bool
) -> tuple[list[_core.StepSpikes], tuple[int, int, int], int]:
    """Spikes of each sample, the shape (c, h, w) of the input, and the number of steps."""
    if n_timesteps is not None:
        as_size(n_timesteps, "n_timesteps")
    listed = not isinstance(x, np.ndarray) and isinstance(x, Sequence)
    if isinstance(x, EventArray) or (listed and any(isinstance(part, EventArray) for part in x)):
        raise DTypeError("the input is a recording; give it steps first, as in events.binned(n_bins=10)")
    if isinstance(x, SpikeArray):
        x = [x]
    if isinstance(x, Sequence) and x and all(isinstance(sample, SpikeArray) for sample in x):
        return _from_spike_arrays(x, n_timesteps)
    try:
        array = as_numpy(x)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"the input must be an array, a tensor or spike arrays: {error}") from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"the input must hold numbers, got dtype {array.dtype}")
    if array.ndim not in (4, 5) or array.size == 0:
        raise ShapeMismatchError(
            "the input must have the shape (samples, channels, height, width) or (steps, samples, channels, height, "
            f"width) and not be empty, got {array.shape}"
        )
    if array.ndim == 5:
        if n_timesteps is not None and n_timesteps != len(array):
            raise ShapeMismatchError(f"the input has {len(array)} steps, but n_timesteps is {n_timesteps}")
        steps = array
    elif latency and n_timesteps is not None and n_timesteps > 1:
        steps = latency_code(array, n_timesteps)
    else:
        steps = np.broadcast_to(array, (n_timesteps or 1, *array.shape))
    dtype = np.float64 if steps.dtype.kind == "f" and steps.dtype.itemsize > 4 else np.float32
    dense = np.ascontiguousarray(steps, dtype).reshape(*steps.shape[:2], -1)
    channels, height, width = steps.shape[2:]
    return _core.spikes_from_dense(dense), (channels, height, width), len(steps)


def _from_spike_arrays(
    samples: Sequence[SpikeArray], n_timesteps: int | None
) -> tuple[list[_core.StepSpikes], tuple[int, int, int], int]:
    shapes = {sample.shape for sample in samples}
    if len(shapes) != 1 or (shape := next(iter(shapes))) is None or len(shape) != 3:
        raise ShapeMismatchError(
            f"spike arrays need one common shape (channels, height, width), got {sorted(map(str, shapes))}"
        )
    latest = max((float(sample.times.max()) for sample in samples if len(sample)), default=0.0)
    if not all(np.all(sample.times == np.floor(sample.times)) and np.all(sample.times >= 0) for sample in samples):
        raise InvalidArgumentError(
            "the times of spike arrays must be whole numbers of steps from 0 on; bin events first, as in "
            "events.binned(n_bins=10)"
        )
    n_steps = int(latest) + 1 if n_timesteps is None else n_timesteps
    if n_steps > _MOST_STEPS:
        raise InvalidArgumentError(f"{n_steps} steps are too many (at most {_MOST_STEPS}); choose longer bins")
    if latest >= n_steps:
        raise InvalidArgumentError(f"there is a spike in step {int(latest)}, but n_timesteps is {n_steps}")
    spikes = [spikes_from_indices(sample.times.astype(np.int64), sample.indices, n_steps) for sample in samples]
    return spikes, (shape[0], shape[1], shape[2]), n_steps


def spikes_from_indices(
    steps: npt.NDArray[np.int64],
    indices: npt.NDArray[Any],
    n_steps: int,
    causes: npt.NDArray[Any] | None = None,
) -> _core.StepSpikes:
    """Binary spikes in any order; repeated ones count once."""
    if not np.all((steps[1:] > steps[:-1]) | ((steps[1:] == steps[:-1]) & (indices[1:] > indices[:-1]))):
        order = np.lexsort((indices, steps))
        steps, indices = steps[order], indices[order]
        first = np.ones(len(steps), bool)
        first[1:] = (steps[1:] != steps[:-1]) | (indices[1:] != indices[:-1])
        steps, indices = steps[first], indices[first]
        causes = None if causes is None else causes[order][first]
    begin = np.searchsorted(steps, np.arange(n_steps + 1)).astype(np.int64)
    chosen = None if causes is None else np.ascontiguousarray(causes, np.int32)
    return _core.StepSpikes(begin, np.ascontiguousarray(indices, np.int32), None, chosen)


def steps_of(spikes: _core.StepSpikes) -> npt.NDArray[np.int64]:
    """The step of each spike."""
    return np.repeat(np.arange(len(spikes.begin) - 1), np.diff(spikes.begin))


def to_dense(
    samples: Sequence[_core.StepSpikes], shape: tuple[int, int, int], dtype: npt.DTypeLike = np.float32
) -> npt.NDArray[Any]:
    """Array (n_steps, n_samples, *shape) of spikes, 0 and 1 or their values."""
    n_steps, size = len(samples[0].begin) - 1, math.prod(shape)
    dense = np.zeros((n_steps, len(samples), size), dtype)
    for s, spikes in enumerate(samples):
        dense[steps_of(spikes), s, spikes.indices] = spikes.values if len(spikes.values) else 1
    return dense.reshape(n_steps, len(samples), *shape)


def first_steps(samples: Sequence[_core.StepSpikes], shape: tuple[int, int, int]) -> npt.NDArray[np.int64]:
    """Array (n_samples, *shape) of the step of the first spike, -1 where there is none."""
    first = np.full((len(samples), math.prod(shape)), -1, np.int64)
    for s, spikes in enumerate(samples):
        first[s, spikes.indices[::-1]] = steps_of(spikes)[::-1]  # of repeated assignments the last stays
    return first.reshape(len(samples), *shape)
