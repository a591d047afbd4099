"""The derivatives of a loss by everything that led to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..spikes import SpikeArray

__all__ = ["Gradients"]

Floats = npt.NDArray[np.float64]


class SpikeGradients(Mapping[str, Any]):
    """Derivatives by spike times, by the name of an input or population: arrays, or after a batch lists of them."""

    def __init__(self, rows: dict[str, Floats], trains: dict[str, list[SpikeArray]], batch: bool) -> None:
        self._in_a_row, self._trains, self._batch = rows, trains, batch

    def __getitem__(self, name: str) -> Any:
        row = self._in_a_row[name]
        if not self._batch:
            return row
        return np.split(row, np.cumsum([len(train) for train in self._trains[name]])[:-1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._in_a_row)

    def __len__(self) -> int:
        return len(self._in_a_row)


@dataclass(frozen=True)
class Gradients:
    """The derivatives of a loss, summed over samples. Made by :meth:`Tape.backward`.

    Attributes
    ----------
    weights : dict of str to ndarray, in the network's dtype
        By layer; or, of projections that are not of layers, by "source -> target". In the shape of
        :attr:`Projection.weights`; of pooling too, though that cannot be changed.
    delays : dict of str to float or ndarray of float64
        Likewise, in the shape of :attr:`Projection.delays`.
    times : mapping of str to ndarray of float64, shape (n_spikes,), or list of them
        By input and population: by the time of each spike. Of a population it is what a spike does to all that comes
        after it, given all else that happened by then.
    parameters : dict of str to dict of str to float or ndarray of float64
        By population and the name of the parameter: a number where the parameter is one, else one per neuron.
    """

    weights: dict[str, Any]
    delays: dict[str, Any]
    times: Mapping[str, Any]
    parameters: dict[str, dict[str, Any]]


__dir__ = only_public(__all__)
