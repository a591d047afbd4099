"""What all statistics share: the spikes of a window, and its bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_positive
from .._lib.trains import count_neurons
from ..errors import DTypeError, InvalidArgumentError, MemoryLimitError
from ..spikes import SpikeArray

Floats = npt.NDArray[np.float64]

_MOST_NUMBERS = 2**28
"""Of a result, or of what is kept on the way to it: 2 GiB."""


@dataclass(frozen=True)
class Trains:
    """Spikes of a window, in the order given: `indices` and `times` of shape (n,), of `n_neurons` neurons."""

    indices: npt.NDArray[np.int32]
    times: Floats
    n_neurons: int

    def by_neuron(self) -> Trains:
        """The same sorted by neuron, and by time within a neuron."""
        order = np.lexsort((self.times, self.indices))
        return Trains(self.indices[order], self.times[order], self.n_neurons)

    def require_neurons(self) -> None:
        """Refuse to average over nobody."""
        if self.n_neurons == 0:
            raise InvalidArgumentError("there are no spikes, and so no neurons; say how many there are by n_neurons=")


def as_trains(spikes: Any, times: Any, n_neurons: int | None, start: float | None, stop: float | None) -> Trains:
    """Read what users give as spikes, and leave out those outside the window."""
    if isinstance(spikes, SpikeArray):
        if times is not None:
            raise InvalidArgumentError("a SpikeArray brings its own times; give one, or indices and times")
        array = spikes
    elif times is None:
        raise DTypeError(f"spikes must be a SpikeArray, or indices and times; got {type(spikes).__name__} alone")
    else:
        array = SpikeArray(spikes, times)
    count = count_neurons(array.indices, array.shape, n_neurons)
    require_room(count, f"{count:,} neurons")
    if start is not None and stop is not None:
        require_window(start, stop)
    inside = array.time_slice(start, stop) if start is not None or stop is not None else array
    return Trains(inside.indices, inside.times, count)


def require_window(start: Any, stop: Any) -> tuple[float, float]:
    """Start and end as numbers, if the one comes before the other."""
    begin, end = as_number(start, "start"), as_number(stop, "stop")
    if not begin < end:
        raise InvalidArgumentError(f"stop must lie after start = {begin}, got {end}")
    if not np.isfinite(end - begin):
        raise InvalidArgumentError(f"the window from {begin} to {end} is too long for a number")
    return begin, end


def require_room(n: float, what: str) -> None:
    """Refuse results that nobody can want."""
    if n > _MOST_NUMBERS:
        raise MemoryLimitError(f"{what} are more than fit ({_MOST_NUMBERS:,} numbers)")


@dataclass(frozen=True)
class Bins:
    """Bins of one width: `edges` has shape (n + 1,)."""

    edges: Floats
    width: float

    @property
    def n(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def __call__(self, trains: Trains) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Bin and neuron of each spike that lies in one."""
        bins = np.searchsorted(self.edges, trains.times, side="right") - 1
        inside = (bins >= 0) & (bins < self.n)
        return bins[inside], trains.indices[inside].astype(np.int64)


def bins_of(start: Any, stop: Any, width: Any, name: str) -> Bins:
    """Bins from `start` on that fit whole before `stop`. What `name` gives the width."""
    begin, end = require_window(start, stop)
    size = as_positive(width, name)
    with np.errstate(over="ignore"):
        fit = np.float64(end - begin) / size
        # 0.3 / 0.1 is a little less than 3; three bins of 0.1 fit into 0.3 all the same.
        slack = 4e-16 * (fit + np.float64(abs(begin) + abs(end)) / size)
    require_room(fit, f"{fit:.3g} bins of {name} = {size}")
    n = int(np.floor(fit + slack))
    edges = begin + size * np.arange(n + 1, dtype=np.float64)
    if n < 1:
        raise InvalidArgumentError(f"not one bin of {name} = {size} fits between start = {begin} and stop = {end}")
    if not np.all(np.diff(edges) > 0):
        raise InvalidArgumentError(f"{name} = {size} is too short for times up to {end}, which cannot tell bins apart")
    return Bins(edges, size)
