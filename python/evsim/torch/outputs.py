"""What a module returns: spikes of a population as padded tensors, and what its potential was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from .._lib.modules import only_public
from ..spikes import SpikeArray

__all__ = ["Output"]


class Output(NamedTuple):
    """What a population did. Made by :class:`Network`; k is the largest number of spikes of a neuron, at least 1.

    Attributes
    ----------
    times : Tensor, shape (batch, n_neurons, k)
        Spike times of each neuron, ascending, inf where there are no more. Differentiable; what a loss derives at
        padding is not looked at, be it NaN.
    mask : Tensor of bool, shape (batch, n_neurons, k)
        Where there is a spike.
    counts : Tensor of int64, shape (batch, n_neurons)
        Number of spikes. Integers have no derivatives: that of a count is 0 wherever there is one, and says nothing of
        spikes that come or go.
    first : Tensor, shape (batch, n_neurons)
        ``times[:, :, 0]``: inf of neurons that are silent.
    potentials : Tensor, shape (batch, n_times, n_neurons), or None
        At the times that were asked for. Differentiable.
    maximum : Tensor, shape (batch, n_neurons), or None
        Highest potential of a readout (:class:`~evsim.LI`). Differentiable.
    mean : Tensor, shape (batch, n_neurons), or None
        Mean potential of a readout over time, in a run that has an end (``until=``). Differentiable.
    """

    times: torch.Tensor
    mask: torch.Tensor
    counts: torch.Tensor
    first: torch.Tensor
    potentials: torch.Tensor | None
    maximum: torch.Tensor | None
    mean: torch.Tensor | None

    @classmethod
    def of(cls, times: torch.Tensor, **readouts: torch.Tensor | None) -> Output:
        """Return what follows from the times."""
        mask = torch.isfinite(times.detach())
        return cls(times, mask, mask.sum(-1), times[..., 0], **readouts)


def padded(
    spikes: Sequence[SpikeArray], n_neurons: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return times of shape (n_samples, n_neurons, k), where in it each spike lies, and the end of each sample."""
    ends = np.cumsum([len(one) for one in spikes], dtype=np.int64)
    neurons = np.concatenate([np.empty(0, np.int64), *(one.indices for one in spikes)])
    cells = np.repeat(np.arange(len(spikes)), np.diff(ends, prepend=0)) * n_neurons + neurons
    order = np.argsort(cells, kind="stable")
    first = np.searchsorted(cells[order], cells[order])  # where the spikes of its neuron begin
    ranks = np.empty(len(cells), np.int64)
    ranks[order] = np.arange(len(cells)) - first
    k = int(ranks.max(initial=0)) + 1
    times = np.full((len(spikes), n_neurons, k), np.inf)
    places = cells * k + ranks
    times.ravel()[places] = np.concatenate([np.empty(0), *(one.times for one in spikes)])
    return times, places, ends


__dir__ = only_public(__all__)
