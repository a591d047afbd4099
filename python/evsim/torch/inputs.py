"""Spikes from tensors, and where in its tensor each lies."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._lib.modules import only_public
from .._lib.time_steps import spikes_of_steps
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError, UnsupportedError
from ..nodes import Input
from ..spikes import SpikeArray
from .values import as_numpy

__all__: list[str] = []


@dataclass(frozen=True)
class Given:
    """Spikes of one input, one array for each sample; those of a padded tensor also by their place in it."""

    samples: list[SpikeArray]
    tensor: torch.Tensor | None = None
    places: npt.NDArray[np.int64] | None = None

    def gradient(self, by_time: Sequence[npt.NDArray[np.float64]]) -> torch.Tensor:
        """Put derivatives by the time of each spike where the spike is; 0 at padding."""
        tensor, places = self.tensor, self.places
        assert tensor is not None
        assert places is not None
        out = np.zeros(tensor.numel())
        out[places] = np.concatenate([np.empty(0), *by_time])
        return torch.from_numpy(out).reshape(tensor.shape).to(tensor.dtype)


def as_given(value: Any, node: Input, dt: float | None) -> Given:
    """Return spikes from a SpikeArray, a list of them, a padded tensor of times, or a dense one of steps of `dt`."""
    if isinstance(value, torch.Tensor):
        if value.device.type != "cpu":
            raise UnsupportedError(f"evsim.torch runs on the CPU; the spikes of {node.name!r} are on {value.device}")
        return _of_times(value, node) if dt is None else _of_steps(value, node, dt)
    if isinstance(value, SpikeArray):
        return Given([value])
    if isinstance(value, (list, tuple)) and all(isinstance(one, SpikeArray) for one in value):
        return Given(list(value))
    raise DTypeError(
        f"the spikes of {node.name!r} must be a SpikeArray, a list of them, or a tensor; got {type(value).__name__}"
    )


def _of_times(tensor: torch.Tensor, node: Input) -> Given:
    """Of times, shape (batch, n_inputs, k), inf where there is no spike; or (batch, n_inputs)."""
    padded = tensor if tensor.ndim == 3 else tensor.unsqueeze(-1)
    if padded.ndim != 3 or padded.shape[1] != node.n_neurons:
        raise ShapeMismatchError(
            f"times of {node.name!r} must have shape (batch, {node.n_neurons}) or (batch, {node.n_neurons}, k), got "
            f"{tuple(tensor.shape)}; for a dense tensor (time, batch, {node.n_neurons}) give dt"
        )
    if not tensor.is_floating_point():
        raise DTypeError(f"times of {node.name!r} must be of a floating type, got {tensor.dtype}")
    times = as_numpy(padded).astype(np.float64)
    if np.any(np.isnan(times)) or np.any(times == -np.inf):
        raise NonFiniteError(f"times of {node.name!r} must be finite, or inf where there is no spike")
    samples, inputs, _ = spots = np.nonzero(np.isfinite(times))
    found = times[spots]
    order = np.lexsort((found, samples))
    places = np.ravel_multi_index(spots, times.shape)[order]
    return Given(_split(samples[order], inputs[order], found[order], len(times)), tensor, places)


def _of_steps(tensor: torch.Tensor, node: Input, dt: float) -> Given:
    """Of 0 and 1, or counts, shape (time, batch, n_inputs); further dimensions are those of the input."""
    if tensor.requires_grad:
        raise UnsupportedError(
            "spikes in steps have no derivatives by their times; give times, shape (batch, n_inputs, k), instead of dt"
        )
    if tensor.ndim < 3 or np.prod(tensor.shape[2:]) != node.n_neurons:
        raise ShapeMismatchError(
            f"dense spikes of {node.name!r} must have shape (time, batch, {node.n_neurons}), got {tuple(tensor.shape)}"
        )
    n_steps, batch = tensor.shape[:2]
    cells, times, _ = spikes_of_steps(as_numpy(tensor).reshape(n_steps, batch * node.n_neurons), dt, 0.0)
    samples, inputs = np.divmod(cells, node.n_neurons)
    order = np.argsort(samples, kind="stable")
    return Given(_split(samples[order], inputs[order], times[order], batch))


def _split(
    samples: npt.NDArray[np.int64], inputs: npt.NDArray[np.int64], times: npt.NDArray[np.float64], n: int
) -> list[SpikeArray]:
    ends = np.searchsorted(samples, np.arange(n + 1))
    return [SpikeArray(inputs[a:b], times[a:b]) for a, b in itertools.pairwise(ends)]


def by_input(inputs: Any, nodes: Sequence[Input], dt: float | None) -> dict[str, Given]:
    """Return the spikes of each input by its name; of several inputs, `inputs` is a mapping."""
    if not nodes:
        raise InvalidArgumentError(
            "the network has no input; a module needs one, which tells how many samples there are"
        )
    if not isinstance(inputs, Mapping):
        if len(nodes) > 1:
            names = ", ".join(repr(node.name) for node in nodes)
            raise InvalidArgumentError(f"the network has {len(nodes)} inputs: {names}; give a dict of their spikes")
        inputs = {nodes[0].name: inputs}
    known = {key: node for node in nodes for key in (node, node.name)}
    for key in inputs:
        if key not in known:
            names = ", ".join(repr(node.name) for node in nodes)
            raise InvalidArgumentError(f"the network has no input {key!r}; it has: {names}")
    if not inputs:
        raise InvalidArgumentError("give the spikes of at least one input; its batch may be of empty arrays")
    return {known[key].name: as_given(value, known[key], dt) for key, value in inputs.items()}


__dir__ = only_public(__all__)
