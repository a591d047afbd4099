"""Spike trains of neo, which Elephant and others work with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .._lib.arrays import as_number
from .._lib.optional import require
from .._lib.trains import count_neurons, times_by_neuron
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray

if TYPE_CHECKING:
    from neo import SpikeTrain


def to_neo(
    spikes: SpikeArray,
    *,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
    unit: str = "ms",
) -> list[SpikeTrain]:
    """Spike trains of neo, one per neuron (extra ``neo``).

    Parameters
    ----------
    spikes : SpikeArray
        Need not be sorted.
    stop, start : float
        ``t_stop`` and ``t_start`` of all trains, in the network's time unit: usually what ``infer(until=...)`` was
        given, and 0. Every spike has to lie between them; for fewer see :meth:`evsim.SpikeArray.time_slice`.
    n_neurons : int, optional
        Number of trains, those of silent neurons among them; by default the size of ``spikes.shape``, else the largest
        index + 1.
    unit : str
        What the network's time unit is: ``"ms"``, ``"s"``, ``"us"`` or another name of quantities, such as
        ``"minute"``.

    Returns
    -------
    list of n_neurons neo.SpikeTrain
        Train k has the times of neuron k, ascending, in `unit`.

    Raises
    ------
    InvalidArgumentError
        A spike outside the window, `stop` before `start`, or a `unit` that is none of time.
    ShapeMismatchError
        A neuron beyond `n_neurons` fired.
    DTypeError
        `spikes` is no SpikeArray.
    MissingDependencyError
        Without neo.

    Examples
    --------
    >>> import evsim
    >>> trains = evsim.io.to_neo(evsim.SpikeArray([0, 2, 0], [1.0, 2.0, 4.5]), stop=10.0)
    >>> [train.magnitude.tolist() for train in trains]
    [[1.0, 4.5], [], [2.0]]
    >>> trains[0].t_stop
    array(10.) * ms
    """
    if not isinstance(spikes, SpikeArray):
        raise DTypeError(f"spikes must be a SpikeArray, got {type(spikes).__name__}")
    begin, end = as_number(start, "start"), as_number(stop, "stop")
    if end < begin:
        raise InvalidArgumentError(f"stop must not lie before start = {begin}, got {end}")
    outside = spikes.times[(spikes.times < begin) | (spikes.times > end)]
    if outside.size:
        raise InvalidArgumentError(
            f"{outside.size} of {len(spikes)} spikes lie outside start = {begin} to stop = {end}, the first at "
            f"{outside[0]}; leave them out by spikes.time_slice(start, stop)"
        )
    count = count_neurons(spikes.indices, spikes.shape, n_neurons)
    neo, quantity = require("neo", "neo", "neo", "evsim.io.to_neo"), _unit_of_time(unit)
    return [
        neo.SpikeTrain(times, t_start=begin, t_stop=end, units=quantity)
        for times in times_by_neuron(spikes.indices, spikes.times, count)
    ]


def from_neo(trains: Iterable[SpikeTrain], *, unit: str = "ms", shape: tuple[int, ...] | None = None) -> SpikeArray:
    """Spikes from spike trains of neo (extra ``neo``).

    Parameters
    ----------
    trains : iterable of neo.SpikeTrain
        Train k is neuron k: a list, or ``segment.spiketrains``. Their units may differ.
    unit : str
        The time unit of the result, to which times are converted.
    shape : tuple of int, optional
        Gives indices a meaning, see :class:`evsim.SpikeArray`.

    Returns
    -------
    SpikeArray
        Sorted by time, at one time by index. Times are neo's, which count from its 0 and not from ``t_start``.

    Raises
    ------
    DTypeError
        Something else than trains of neo.
    InvalidArgumentError
        A `unit` that is none of time, or `shape` is outside its domain.
    ShapeMismatchError
        `shape` has not as many places as there are trains.
    NonFiniteError
        A time that is NaN or infinite.
    MissingDependencyError
        Without neo.

    Notes
    -----
    A SpikeArray knows neither the number of silent neurons beyond the last one that fired nor the window: for
    statistics give ``n_neurons=len(trains)`` and ``start=`` and ``stop=`` from ``t_start`` and ``t_stop``.

    Examples
    --------
    >>> import evsim, neo
    >>> train = neo.SpikeTrain([0.5, 0.75], t_start=0.25, t_stop=1.0, units="s")
    >>> evsim.io.from_neo([train]).times
    array([500., 750.])
    """
    neo, quantity = require("neo", "neo", "neo", "evsim.io.from_neo"), _unit_of_time(unit)
    read = []
    for k, train in enumerate(_listed(trains)):
        if not isinstance(train, neo.SpikeTrain):
            raise DTypeError(f"train {k} must be a neo.SpikeTrain, got {type(train).__name__}")
        read.append(np.asarray(train.rescale(quantity).magnitude, dtype=np.float64))
    if shape is not None and math.prod(shape) != len(read):
        raise ShapeMismatchError(f"shape {shape} has {math.prod(shape)} places, but there are {len(read)} trains")
    indices = np.repeat(np.arange(len(read)), [len(times) for times in read])
    spikes = SpikeArray(indices, np.concatenate([np.empty(0), *read]), shape=shape)
    spikes.sort()
    return spikes


def _listed(trains: Any) -> list[Any]:
    try:
        return list(trains)
    except TypeError:
        raise DTypeError(f"trains must be a sequence of neo.SpikeTrain, got {type(trains).__name__}") from None


def _unit_of_time(unit: Any) -> Any:
    """A unit of quantities, by its name alone: its own parser evaluates what it is given."""
    quantities = require("quantities", "neo", "neo", "conversion to and from neo")
    found = getattr(quantities, unit, None) if isinstance(unit, str) else None
    if not isinstance(found, quantities.UnitTime):
        raise InvalidArgumentError(f"unit must be the name of a unit of time, such as 'ms', 's' or 'us'; got {unit!r}")
    return found
