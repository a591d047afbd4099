"""External drive: arrivals at neurons that no population sends, drawn while the network runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ._lib.arrays import as_array, as_integer
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError

__all__ = ["PoissonDrive"]


@dataclass(frozen=True, eq=False)
class PoissonDrive:
    r"""A Poisson process for every neuron, independent of those of all others; nothing of it is stored.

    Parameters
    ----------
    rate : float or array_like
        Expected arrivals at a neuron in a unit of time from one source, >= 0: one number, or shape (n_neurons,). With
        `times`, one for each of them, shape (n_times,), or shape (n_times, n_neurons).
    weight : float or array_like, shape (n_neurons,)
        Of every arrival.
    times : array_like, shape (n_times,), optional
        Where the rates begin, ascending: a rate that is a step function of time. Before the first it is 0; the last
        one stays.
    n_sources : int
        How many such processes reach each neuron. Together they are one of `n_sources` times the rate, and cost as
        much as that.
    seed : int, optional
        0 to 2**64 - 1. By default the network draws it.

    Raises
    ------
    DTypeError, ShapeMismatchError, NonFiniteError, InvalidArgumentError
        No numbers, arrays that do not fit together, rates below 0, times that do not ascend.

    Notes
    -----
    The intervals of a neuron are :math:`-\ln u` expected arrivals long, with u from Philox4x64-10 at a counter of the
    drive, the sample of a batch, the neuron and the number of the interval (Salmon, Moraes, Dror & Shaw 2011,
    "Parallel random numbers: as easy as 1, 2, 3", SC '11). They depend neither on threads nor on how a stream is
    cut. Where the rate changes with time, an interval ends where the integral of the rate has grown by its length
    (Daley & Vere-Jones 2003, "An Introduction to the Theory of Point Processes", section 7.4). Costs a quarter of
    a block of Philox and a logarithm for each arrival, besides what the neuron does.

    Examples
    --------
    Two neurons, driven at 1 and at 4 arrivals a millisecond; the sum of many small weights fluctuates around its mean:

    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> cells = net.add_population(2, evsim.LIFDelta(tau_mem=20.0, threshold=20.0), name="cells")
    >>> net.add_drive("cells", evsim.PoissonDrive(rate=[1.0, 4.0], weight=0.5, seed=3))
    >>> spikes = net.infer(until=1000.0)
    >>> bool((spikes.indices == 1).all()), len(spikes) > 20
    (True, True)
    """

    rate: npt.ArrayLike
    weight: npt.ArrayLike
    times: npt.ArrayLike | None = None
    n_sources: int = 1
    seed: int | None = None

    largest_seed: ClassVar[int] = 2**64 - 1

    def __post_init__(self) -> None:
        for name in ("rate", "weight", "times"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_numbers(getattr(self, name), name))
        if np.any(np.asarray(self.rate) < 0):
            raise InvalidArgumentError(f"rate must not be negative, got {np.min(np.asarray(self.rate))}")
        n_sources = as_integer(self.n_sources, "n_sources")
        if isinstance(self.n_sources, (bool, np.bool_)) or not 1 <= n_sources <= 2**53:
            raise InvalidArgumentError(f"n_sources must be a whole number from 1 on, got {self.n_sources!r}")
        object.__setattr__(self, "n_sources", n_sources)
        if self.seed is not None and not 0 <= as_integer(self.seed, "seed") <= self.largest_seed:
            raise InvalidArgumentError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")
        if np.ndim(self.weight) > 1:
            raise ShapeMismatchError(f"weight is one number or one for each neuron, got shape {np.shape(self.weight)}")
        if self.times is None:
            if np.ndim(self.rate) > 1:
                raise ShapeMismatchError("rate is one number or one for each neuron; rates that change need times=")
            return
        if np.ndim(self.times) != 1 or np.size(self.times) == 0 or np.any(np.diff(np.asarray(self.times)) <= 0):
            raise InvalidArgumentError("times must be a list of at least one, and ascend")
        if np.ndim(self.rate) not in (1, 2) or np.shape(self.rate)[0] != np.size(self.times):
            raise ShapeMismatchError(
                f"rate needs shape (n_times,) or (n_times, n_neurons) with n_times = {np.size(self.times)}, got "
                f"{np.shape(self.rate)}"
            )

    def settings(self, n_neurons: int) -> tuple[npt.NDArray[np.float64], ...]:
        """Return weights, times and rates of all sources together, as the core takes them.

        Raises ShapeMismatchError where they are of another number of neurons.
        """
        with np.errstate(over="ignore"):
            rates = np.atleast_1d(np.asarray(self.rate, np.float64)) * self.n_sources
        if not np.all(np.isfinite(rates)):
            raise NonFiniteError(f"rates of {self.n_sources} sources must be finite together")
        for name, last in (("weight", self.weight), ("rate", self.rate)):
            by_neuron = np.ndim(last) - (name == "rate" and self.times is not None)
            if by_neuron and np.shape(last)[-1] != n_neurons:
                raise ShapeMismatchError(f"{name} is of {np.shape(last)[-1]} neurons, but there are {n_neurons}")
        times = np.empty(0) if self.times is None else np.asarray(self.times)
        return np.atleast_1d(np.asarray(self.weight)), times, rates.ravel()


def _as_numbers(values: Any, name: str) -> npt.NDArray[np.float64]:
    array = as_array(values, name)
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} must be real numbers, got dtype {array.dtype}")
    numbers: npt.NDArray[np.float64] = array.astype(np.float64)
    if not np.all(np.isfinite(numbers)):
        raise NonFiniteError(f"{name} must be finite, got {numbers[~np.isfinite(numbers)].flat[0]}")
    numbers.flags.writeable = False
    return numbers


__dir__ = only_public(__all__)
