"""What a decoder is given, checked: weights, and the positions that a pooling took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from .output import Shape
from .steps import as_numpy


def given_weights(given: Any, shapes: list[tuple[int, int, int, int]]) -> list[npt.NDArray[Any]]:
    """Weights of the three convolutions that somebody passed in, in the type in which they are used."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        hint = "; give list(weights.values())" if isinstance(given, Mapping) else ""
        raise DTypeError(
            f"encoder_weights must be a sequence of the three arrays of conv1, conv2 and conv3, got a "
            f"{type(given).__name__}{hint}"
        )
    arrays = list(given)
    if len(arrays) != len(shapes):
        raise ShapeMismatchError(f"encoder_weights must be three arrays, of conv1, conv2 and conv3, got {len(arrays)}")
    weights = []
    for number, (values, shape) in enumerate(zip(arrays, shapes, strict=True), start=1):
        try:
            weight = as_numpy(values)
        except ValueError as error:
            raise ShapeMismatchError(f"encoder_weights of conv{number} are no array: {error}") from None
        if weight.dtype.kind not in "iuf":
            raise DTypeError(f"encoder_weights of conv{number} must be real numbers, got dtype {weight.dtype}")
        if weight.shape != shape:
            raise ShapeMismatchError(
                f"encoder_weights must have the shape {shape} for conv{number}, got {weight.shape}"
            )
        weights.append(weight if weight.dtype in (np.float32, np.float64) else weight.astype(np.float32))
    return weights


def pooled_sources(
    indices: npt.NDArray[Any], size: Any, n_samples: int, n_steps: int | None, name: str
) -> list[tuple[_core.StepSpikes, Shape]]:
    """Pooled spikes of each sample from an array of positions, and the shape of the pooled plane.

    `n_steps` None puts all positions into one step, the later ones over the earlier; -1 takes any number of steps.
    """
    if len(size) != 4 or size[0] != n_samples:
        raise ShapeMismatchError(f"the pooled size belonging to {name} must be ({n_samples}, c, h, w), got {size}")
    if indices.ndim not in (4, 5) or indices.shape[-4] != n_samples or indices.dtype.kind not in "iu":
        raise ShapeMismatchError(
            f"{name} must be integers of shape ([steps,] {n_samples}, channels, height, width), got {indices.dtype} of "
            f"shape {indices.shape}"
        )
    if indices.shape[-3] != size[1]:
        raise ShapeMismatchError(f"{name} has {indices.shape[-3]} channels, the pooled size {size[1]}")
    if indices.ndim == 5 and n_steps not in (None, -1, len(indices)):
        raise ShapeMismatchError(f"{name} has {len(indices)} steps, but the spikes have {n_steps}")
    if indices.size and (indices.max() >= size[2] * size[3] or indices.min() < -1):
        raise InvalidArgumentError(f"{name} must be -1 or from 0 to {size[2] * size[3] - 1}, the plane of {size}")
    per_step = indices if indices.ndim == 5 else indices[np.newaxis]
    shape = (per_step.shape[2], per_step.shape[3], per_step.shape[4])
    flat = per_step.reshape(*per_step.shape[:2], -1)
    sources = []
    for s in range(n_samples):
        steps, cells = np.nonzero(flat[:, s] >= 0)
        begin = np.searchsorted(steps, np.arange(len(flat) + 1)).astype(np.int64)
        if n_steps is None:
            begin = np.array([0, len(cells)])
        causes = np.ascontiguousarray(flat[steps, s, cells], np.int32)
        sources.append((_core.StepSpikes(begin, cells.astype(np.int32), None, causes), shape))
    return sources
