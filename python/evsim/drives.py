"""External drive: arrivals at neurons that no population sends, drawn while the network runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ._lib.arrays import as_array, as_integer, as_positive
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .neurons import NeuronModel

__all__ = ["Drive", "NoiseDrive", "PoissonDrive"]


@dataclass(frozen=True, eq=False)
class Drive:
    """Base class of what drives neurons from outside."""

    seed: int | None = field(default=None, kw_only=True)

    largest_seed: ClassVar[int] = 2**64 - 1
    _per_neuron: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= as_integer(self.seed, "seed") <= self.largest_seed:
            raise InvalidArgumentError(f"seed must be from 0 to 2**64 - 1, got {self.seed}")
        for name in self._per_neuron:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_numbers(getattr(self, name), name))

    def add_to(self, core: Any, node: int, n_neurons: int, neuron: NeuronModel, port: int | str | None) -> None:
        """Let the core drive a node. Raises where the drive does not go with so many neurons of that model."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class PoissonDrive(Drive):
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

    _per_neuron: ClassVar[tuple[str, ...]] = ("rate", "weight", "times")

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.any(np.asarray(self.rate) < 0):
            raise InvalidArgumentError(f"rate must not be negative, got {np.min(np.asarray(self.rate))}")
        n_sources = as_integer(self.n_sources, "n_sources")
        if isinstance(self.n_sources, (bool, np.bool_)) or not 1 <= n_sources <= 2**53:
            raise InvalidArgumentError(f"n_sources must be a whole number from 1 on, got {self.n_sources!r}")
        object.__setattr__(self, "n_sources", n_sources)
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

    def add_to(self, core: Any, node: int, n_neurons: int, neuron: NeuronModel, port: int | str | None) -> None:
        """Let the core drive a node with the rates of all sources together.

        Raises ShapeMismatchError where they are of another number of neurons.
        """
        with np.errstate(over="ignore"):
            rates = np.atleast_1d(np.asarray(self.rate, np.float64)) * self.n_sources
        if not np.all(np.isfinite(rates)):
            raise NonFiniteError(f"rates of {self.n_sources} sources must be finite together")
        for name, last in (("weight", self.weight), ("rate", self.rate)):
            if np.ndim(last) - (name == "rate" and self.times is not None):
                _require_size(name, np.shape(last)[-1], n_neurons)
        times = np.empty(0) if self.times is None else np.asarray(self.times)
        weights = np.atleast_1d(np.asarray(self.weight))
        core.add_poisson_drive(node, weights, times, rates.ravel(), self.seed, neuron.port(port))


@dataclass(frozen=True, eq=False)
class NoiseDrive(Drive):
    r"""A noise current for every neuron, independent of those of all others, by normally distributed jumps on a grid.

    Parameters
    ----------
    mean, sigma : float or array_like, shape (n_neurons,)
        Mean and standard deviation of the current, >= 0, in the unit of weights. Where weights move the potential at
        once (:class:`LIFDelta`, or ``tau_syn=None``): how fast the potential is moved on average, and by how much it
        spreads, in the unit of the potential for a unit of time and for the root of one.
    dt : float
        From one jump to the next; > 0. It belongs to the noise alone: nothing else comes in steps.
    seed : int, optional
        0 to 2**64 - 1. By default the network draws it.

    Raises
    ------
    DTypeError, ShapeMismatchError, NonFiniteError, InvalidArgumentError
        No numbers, more than one dimension, `sigma` below 0, `dt` not above.

    Notes
    -----
    The current of a synapse with the time constant :math:`\tau` decays by :math:`a = e^{-dt/\tau}` and jumps by

    .. math:: \text{mean}\,(1 - a) + \sigma \sqrt{1 - a^2}\,\xi, \qquad \xi \sim N(0, 1)

    and at the beginning of a sample by :math:`\text{mean} + \sigma \xi`. At the times of the grid it is a stationary
    Ornstein-Uhlenbeck process of that mean and deviation, of any `dt`, with the autocovariance
    :math:`\sigma^2 e^{-|s|/\tau}` (Gillespie 1996, "Exact numerical simulation of the Ornstein-Uhlenbeck process and
    its integral", Phys. Rev. E 54, eq. 1.9). Between them it decays as after any input, so that spikes are exact for
    the jumps that were drawn; the mean over time is lower than `mean` by a factor of
    :math:`(1 - a)\,\tau / dt \approx 1 - dt / (2 \tau)`: choose `dt` well below :math:`\tau`. The white noise that
    Brian2 adds to a current, ``sigma * sqrt(2 / tau) * xi``, has the same meaning of sigma. A potential that weights
    move at once jumps, from one `dt` after the beginning on, by

    .. math:: \text{mean}\; dt + \sigma \sqrt{dt}\,\xi

    the increments of a Wiener process with drift: Brian2's ``mean + sigma * xi``. With a leak of `tau_mem` it spreads
    by :math:`\sigma \sqrt{\tau_m / 2}` for a small `dt`.

    Numbers are drawn as those of :class:`PoissonDrive`, at the counter of the jump and of four neurons together; two
    words give two of them (Box & Muller 1958, Ann. Math. Statist. 29), none larger than 8.6. Costs half of a block
    of Philox for two jumps, besides what the neurons do at each.

    Examples
    --------
    Current and spikes of many neurons:

    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> cells = net.add_population(2000, evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=1.0), name="cells")
    >>> net.add_drive("cells", evsim.NoiseDrive(mean=0.8, sigma=0.5, dt=0.5, seed=3))
    >>> probe = evsim.Probe("cells", times=[0.0, 200.0], variable="i")
    >>> spikes = net.infer(until=200.0, record=probe)
    >>> probe.values.mean(axis=1).round(1), probe.values.std(axis=1).round(1)
    (array([0.8, 0.8]), array([0.5, 0.5]))
    """

    mean: npt.ArrayLike
    sigma: npt.ArrayLike
    dt: float

    _per_neuron: ClassVar[tuple[str, ...]] = ("mean", "sigma")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "dt", as_positive(self.dt, "dt"))
        for name in self._per_neuron:
            shape = np.shape(getattr(self, name))
            if len(shape) > 1:
                raise ShapeMismatchError(f"{name} is one number or one for each neuron, got shape {shape}")
        if np.any(np.asarray(self.sigma) < 0):
            raise InvalidArgumentError(f"sigma must not be negative, got {np.min(np.asarray(self.sigma))}")

    def add_to(self, core: Any, node: int, n_neurons: int, neuron: NeuronModel, port: int | str | None) -> None:
        """Let the core drive a node with jumps of the port's synapse.

        Raises ShapeMismatchError where `mean` or `sigma` are of another number of neurons, InvalidArgumentError where
        the current does not decay, and UnsupportedError where there is none.
        """
        mean, sigma = (np.atleast_1d(np.asarray(values, np.float64)) for values in (self.mean, self.sigma))
        for name, values in (("mean", mean), ("sigma", sigma)):
            if values.size != 1:
                _require_size(name, values.size, n_neurons)
        tau = neuron.decay_of_input(port)
        first_mean, first_sigma = mean, sigma
        if tau is None:
            first_mean, first_sigma = np.zeros(1), np.zeros(1)
            mean, sigma = mean * self.dt, sigma * math.sqrt(self.dt)
        elif not np.all(np.isfinite(tau)):
            raise InvalidArgumentError("noise needs a current that decays, but its time constant is infinite")
        else:
            steps = -self.dt / np.asarray(tau, np.float64)
            mean, sigma = -mean * np.expm1(steps), sigma * np.sqrt(-np.expm1(2.0 * steps))
        core.add_noise_drive(node, mean, sigma, first_mean, first_sigma, self.dt, self.seed, neuron.port(port))


def _require_size(name: str, size: int, n_neurons: int) -> None:
    if size != n_neurons:
        raise ShapeMismatchError(f"{name} is of {size} neurons, but there are {n_neurons}")


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
