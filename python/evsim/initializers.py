"""Weight initialisers.

An initialiser is called with the shape of the weights, (n_neurons, n_inputs) for a dense layer, and a generator and
returns an array; any function that does so can be used in its place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from . import random
from ._lib.arrays import as_integer, as_number, as_size
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, ShapeMismatchError, UnsupportedError
from .neurons import NeuronModel
from .neurons.systems import linear_system, port_number

__all__ = [
    "Constant",
    "ConstantInitializer",
    "FluctuationInitializer",
    "Initializer",
    "Normal",
    "NormalInitializer",
    "Uniform",
    "UniformInitializer",
]

Initializer: TypeAlias = Callable[[tuple[int, ...], np.random.Generator], npt.ArrayLike]


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    if not isinstance(shape, (tuple, list)):
        raise DTypeError(f"shape must be a tuple of integers, got {shape!r}")
    return tuple(as_size(n, "a dimension of shape") for n in shape)


def _drawn_from(rng: np.random.Generator | None) -> np.random.Generator:
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise DTypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    return rng or random.generator()


@dataclass(frozen=True)
class ConstantInitializer:
    """Every weight equals `value`.

    Examples
    --------
    >>> import evsim
    >>> evsim.initializers.ConstantInitializer(0.5)((1, 2))
    array([[0.5, 0.5]])
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        as_number(self.value, "value")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`."""
        return np.full(_checked(shape), self.value, dtype=np.float64)


@dataclass(frozen=True)
class NormalInitializer:
    """Weights drawn from a normal distribution.

    Examples
    --------
    >>> import evsim
    >>> evsim.initializers.NormalInitializer(mean=1.0, stddev=0.1)((3, 4)).shape
    (3, 4)
    """

    mean: float = 0.0
    stddev: float = 1.0

    def __post_init__(self) -> None:
        as_number(self.mean, "mean")
        if as_number(self.stddev, "stddev") < 0:
            raise InvalidArgumentError(f"stddev must not be negative, got {self.stddev}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`, drawn from `rng` or from the generator of :mod:`evsim.random`."""
        return _drawn_from(rng).normal(self.mean, self.stddev, _checked(shape))


@dataclass(frozen=True)
class UniformInitializer:
    """Weights drawn evenly from [lower_bound, upper_bound).

    Examples
    --------
    >>> import evsim
    >>> weights = evsim.initializers.UniformInitializer(-0.1, 0.1)((3, 4))
    >>> bool((abs(weights) <= 0.1).all())
    True
    """

    lower_bound: float = -1.0
    upper_bound: float = 1.0

    def __post_init__(self) -> None:
        if as_number(self.lower_bound, "lower_bound") > as_number(self.upper_bound, "upper_bound"):
            raise InvalidArgumentError(f"lower_bound {self.lower_bound} is above upper_bound {self.upper_bound}")

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`, drawn from `rng` or from the generator of :mod:`evsim.random`."""
        return _drawn_from(rng).uniform(self.lower_bound, self.upper_bound, _checked(shape))


class _Response(NamedTuple):
    """What a spike of weight 1 does to the potential of a neuron, as a function eps(t); each of shape (n,)."""

    gap: npt.NDArray[np.float64]
    """From where the potential rests to the threshold."""
    area: npt.NDArray[np.float64]
    """The integral of eps."""
    energy: npt.NDArray[np.float64]
    """That of its square."""
    slope: npt.NDArray[np.float64]
    """That of the square of its derivative; infinite where the potential jumps."""


@functools.lru_cache(maxsize=256)
def _response(neuron: NeuronModel, port: int | str | None) -> _Response:
    """Of eps(t) = c exp(A t) B: the integral is -c A^-1 B, and with A P + P A' = -B B' that of the square is c P c'."""
    system = linear_system(neuron)
    b, c, n = system.arrivals[port_number(neuron, port)], system.readout, system.size
    if np.any(np.linalg.eigvals(system.flow).real >= 0.0):
        raise UnsupportedError(f"{neuron!r} forgets no input, so its potential has no mean and no standard deviation")
    one = np.eye(n)
    rest = -np.linalg.solve(system.flow, system.drive[..., None])[..., 0] @ c
    area = -np.linalg.solve(system.flow, b[:, None])[..., 0] @ c
    sums = np.array([np.kron(a, one) + np.kron(one, a) for a in system.flow])
    p = -np.linalg.solve(sums, np.outer(b, b).reshape(-1, 1)).reshape(-1, n, n)
    by_time = c @ system.flow
    jumps = bool(c @ b)
    slope = np.full(len(p), math.inf) if jumps else np.einsum("ni,nij,nj->n", by_time, p, by_time)
    return _Response(*np.broadcast_arrays(system.threshold - rest, area, p @ c @ c, slope))


def _require_port(neuron: NeuronModel, port: Any) -> None:
    names = getattr(neuron, "port_names", ("",))
    if isinstance(port, str):
        if port not in names:
            raise InvalidArgumentError(f"{neuron!r} has no port {port!r}; it has {', '.join(map(repr, names))}")
    elif isinstance(port, (bool, np.bool_)) or not 0 <= as_integer(port, "port") < len(names):
        raise InvalidArgumentError(f"ports of {neuron!r} are from 0 to {len(names) - 1}, got {port!r}")


@dataclass(frozen=True)
class FluctuationInitializer:
    r"""Normally distributed weights that let the potential fluctuate, at first, up to the threshold.

    Inputs that fire at random times make the potential fluctuate with a mean :math:`\mu` and a standard deviation
    :math:`\sigma`. Weights are drawn so that :math:`\mu` is `mean`, and the threshold lies :math:`\xi\sigma` above it:
    deep networks then start neither silent nor saturated.

    .. math::
       \mu = n \nu \mu_w \int \varepsilon\,dt, \qquad
       \sigma^2 = n \nu (\sigma_w^2 + \mu_w^2) \int \varepsilon^2 dt, \qquad \xi = (\theta - \mu) / \sigma

    with n inputs of rate :math:`\nu` and :math:`\varepsilon` what a spike of weight 1 does to the potential.

    Parameters
    ----------
    neuron : NeuronModel
        Which the weights lead to; a linear one that leaks: LIF, LIFDelta, LI, Linear and its kin, with any time
        constants. A readout, which has no threshold, is taken to have one of 1 above rest.
    rate : float
        :math:`\nu`: the expected number of spikes of an input per unit of time. Of inputs that fire once in a time T,
        1 / T; of a layer made with this initializer, its :attr:`output_rate`.
    xi : float
        :math:`\xi` > 0. Rates that differ come closer to each other from layer to layer where it is below
        :math:`\sqrt 2`, and part above: there :attr:`output_rate` grows faster than the rate.
    mean : float
        :math:`\mu`, where 0 is the potential without input and 1 the threshold; below 1.
    fan_in : int, optional
        n; by default from the shape of the weights, which :class:`~evsim.Sparse` has too few dimensions for.
    port : int or str, optional
        Which the weights lead to, of neurons with several.

    Raises
    ------
    UnsupportedError
        The neuron is not linear, or does not leak.
    InvalidArgumentError, NonFiniteError, DTypeError
        `xi` or `rate` is not positive; the neuron fires without input; the mean alone takes greater fluctuations.
    ShapeMismatchError
        There are parameters for another number of neurons, or no fan-in.

    Notes
    -----
    Rossbroich, Gygax & Zenke 2022, "Fluctuation-driven initialization for spiking neural network training", Neuromorph.
    Comput. Eng. 2:044016, section 2; the sums are Campbell's theorem. The integrals are exact for any linear neuron,
    with equal time constants too: :math:`-c A^{-1} B`, and by Lyapunov's equation. For LIF they are :math:`\tau_s` and
    :math:`\tau_s^2 / 2 (\tau_m + \tau_s)`. What the theory leaves out: resets, and that weights stay as they were
    drawn, so that the mean of a single neuron lies above or below; see :func:`evsim.learning.check_activity`.

    Examples
    --------
    Three layers for 100 inputs that fire once each within 20 ms:

    >>> import evsim
    >>> from evsim.initializers import FluctuationInitializer
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> net, rate = evsim.SpikingNetwork(seed=1), 1 / 20.0
    >>> for n_inputs in (100, 50, 50):
    ...     initializer = FluctuationInitializer(neuron, rate)
    ...     layer = net.add_layer(evsim.Dense(n_inputs, 50, initializer), neuron)
    ...     rate = initializer.output_rate
    >>> round(rate, 4)
    0.0073
    """

    neuron: NeuronModel
    rate: float
    _: KW_ONLY
    xi: float = 1.25
    mean: float = 0.0
    fan_in: int | None = None
    port: int | str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.neuron, NeuronModel):
            raise DTypeError(f"neuron must be a model of neurons such as LIF, got {self.neuron!r}")
        if self.port is not None:
            _require_port(self.neuron, self.port)
        for name in ("rate", "xi"):
            if not 0.0 < as_number(getattr(self, name), name) < math.inf:
                raise InvalidArgumentError(f"{name} must be above 0 and finite, got {getattr(self, name)}")
        if not as_number(self.mean, "mean") < 1.0:
            raise InvalidArgumentError(f"mean must be below 1, the threshold, got {self.mean}")
        if self.fan_in is not None:
            as_size(self.fan_in, "fan_in")
        if np.any(_response(self.neuron, self.port).gap <= 0.0):
            raise InvalidArgumentError(f"{self.neuron!r} fires without input: its bias drives it to the threshold")

    @property
    def output_rate(self) -> float:
        r"""How often neurons fire per unit of time: how often such a potential crosses the threshold from below.

        Without resets, and for normally distributed potentials: :math:`\frac{1}{2\pi} \sqrt{\int \dot\varepsilon^2 dt
        / \int \varepsilon^2 dt}\; e^{-\xi^2 / 2}` (Rice 1945, Bell Syst. Tech. J. 24, eq. 3.3-11), for LIF
        :math:`e^{-\xi^2 / 2} / 2\pi\sqrt{\tau_m \tau_s}`; the mean over neurons. Raises UnsupportedError where spikes
        make the potential jump, which crosses without bound.
        """
        response = _response(self.neuron, self.port)
        if np.any(np.isinf(response.slope)):
            kind = type(self.neuron).__name__
            raise UnsupportedError(f"spikes make the potential of {kind} jump: give the next layer a measured rate")
        crossings = np.sqrt(response.slope / response.energy) / (2.0 * math.pi)
        return float(np.mean(crossings)) * math.exp(-0.5 * self.xi**2)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator | None = None) -> npt.NDArray[np.float64]:
        """Return an array of `shape`, drawn from `rng` or from the generator of :mod:`evsim.random`."""
        mean, stddev = self._moments(_checked(shape))
        n_rows, last = len(mean), (1,) * (len(shape) - 1)
        if n_rows not in (1, shape[0]) or (n_rows > 1 and len(shape) == 1):
            raise ShapeMismatchError(f"the neuron has parameters for {n_rows} neurons, the weights have shape {shape}")
        return _drawn_from(rng).normal(mean.reshape(-1, *last), stddev.reshape(-1, *last), tuple(shape))

    def _moments(self, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return mean and standard deviation of the weights of each neuron, or of all; shapes (n,)."""
        if self.fan_in is None and len(shape) < 2:
            raise ShapeMismatchError(f"weights of shape {shape} do not show how many inputs a neuron has: give fan_in")
        gap, area, energy, _ = _response(self.neuron, self.port)
        spikes = self.rate * (math.prod(shape[1:]) if self.fan_in is None else self.fan_in)
        with np.errstate(all="ignore"):  # what comes of it is looked at below
            mean = self.mean * gap / (spikes * area) if self.mean else np.zeros_like(gap)
            variance = ((1.0 - self.mean) * gap / self.xi) ** 2 / (spikes * energy) - mean**2
        if np.any(variance < 0.0):
            raise InvalidArgumentError(
                f"{spikes:g} spikes per unit of time that keep the potential at {self.mean:g} make it fluctuate more "
                f"than xi = {self.xi:g} says; lower xi or mean"
            )
        if not np.all(np.isfinite(variance)):
            raise InvalidArgumentError(
                f"no weights make {spikes:g} spikes per unit of time move the potential of {self.neuron!r} as xi = "
                f"{self.xi:g} says"
            )
        return mean, np.sqrt(variance)


Constant = ConstantInitializer
Normal = NormalInitializer
Uniform = UniformInitializer


__dir__ = only_public(__all__)
