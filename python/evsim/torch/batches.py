"""Batches of spikes for ``torch.utils.data.DataLoader``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils.data import default_collate

from .._lib.modules import only_public
from ..spikes import SpikeArray

__all__ = ["collate"]


def collate(batch: Sequence[Any]) -> Any:
    """Make a batch of samples: lists of SpikeArrays, and tensors of all else.

    Parameters
    ----------
    batch : sequence
        Samples of a data set: SpikeArrays, tensors, numbers, or tuples, lists and mappings of them.

    Returns
    -------
    list, Tensor, or a tuple or dict of them

    Examples
    --------
    >>> import evsim, evsim.torch
    >>> spikes, labels = evsim.torch.collate([(evsim.SpikeArray([0], [1.0]), 2), (evsim.SpikeArray(), 0)])
    >>> spikes, labels
    ([SpikeArray(1 spike, indices 0 to 0, times 1.0 to 1.0), SpikeArray(empty)], tensor([2, 0]))
    """
    first = batch[0]
    if isinstance(first, SpikeArray):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        return tuple(collate(part) for part in zip(*batch, strict=True))
    return default_collate(list(batch))


__dir__ = only_public(__all__)
