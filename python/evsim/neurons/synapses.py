"""Synapses: what a spike of weight `w` does to the neuron it arrives at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .._lib.arrays import as_number
from .._lib.modules import only_public
from ..errors import DTypeError, FileFormatError, InvalidArgumentError
from .base import PerNeuron, per_neuron
from .circuit import Arrival, Circuit, rows_of

__all__ = ["Alpha", "Delta", "DoubleExponential", "Exponential", "Synapse", "SynapseSum"]


def positive_number(value: Any, name: str) -> float:
    """Return `value` as a number. Raises DTypeError, NonFiniteError, or InvalidArgumentError unless it is positive."""
    number = as_number(value, name)
    if number <= 0:
        raise InvalidArgumentError(f"{name} must be positive, got {value!r}")
    if number < 1e-300:
        raise InvalidArgumentError(f"{name} is too small, got {value!r}; choose another unit of time")
    return number


def positive(value: Any, name: str) -> Any:
    """Return `value` as a positive number, or an array of them, one per neuron.

    Raises DTypeError, ShapeMismatchError, NonFiniteError or InvalidArgumentError.
    """
    if not isinstance(value, (list, tuple)) and np.ndim(value) == 0:
        return positive_number(value, name)
    values = per_neuron(value, name)
    for worst in np.asarray(values)[np.asarray(values) < 1e-300][:1]:
        positive_number(float(worst), name)
    return values


def _factor(value: Any) -> float:
    if isinstance(value, (list, tuple)) or np.ndim(value):
        raise DTypeError(
            f"the factor of a synapse must be one number for all neurons, got {value!r}; multiply the weights of each "
            "neuron by its own factor, and in a sum make each synapse a port, with a projection and weights of its own"
        )
    return as_number(value, "the factor of a synapse")


class Synapse:
    """Base class of all synapses. Sums and multiples of synapses are synapses: ``0.8 * fast + 0.2 * slow``."""

    __slots__ = ()
    __array_ufunc__ = None  # so that an array of factors is refused, and not multiplied one by one

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(repr(self.to_plain()))

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add the synapse's variables to `circuit`, acting on variable `target` at `rate`.

        Returns what a spike of weight 1 adds to which variable.
        """
        raise NotImplementedError

    def terms(self) -> tuple[tuple[float, Synapse], ...]:
        """Return the synapse as a sum of (factor, synapse)."""
        return ((1.0, self),)

    def to_plain(self) -> list[Any]:
        """Return numbers and text that :func:`from_plain` makes the synapse of again."""
        parts: list[tuple[float, Any]] = [*self.terms()]
        return [
            [factor, type(part).__name__, [np.asarray(getattr(part, item.name)).tolist() for item in fields(part)]]
            for factor, part in parts
        ]

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __add__(self, other: Any) -> SynapseSum:
        if not isinstance(other, Synapse):
            return NotImplemented
        return SynapseSum(self.terms() + other.terms())

    def __mul__(self, factor: Any) -> SynapseSum:
        number = _factor(factor)
        return SynapseSum(tuple((number * own, one) for own, one in self.terms()))

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True, eq=False)
class Delta(Synapse):
    """The potential itself jumps by the weight.

    Examples
    --------
    >>> import evsim
    >>> evsim.neurons.Linear(synapses=evsim.neurons.Delta(), tau_mem=20.0).variables
    ('v',)
    """

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add nothing: a spike arrives at the membrane."""
        return {target: 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Exponential(Synapse):
    r"""A current that jumps by the weight and decays, :math:`\tau \dot I = -I`.

    Parameters
    ----------
    tau : float or array
        Per neuron. Time constant; > 0. With ``inf`` (one for all) the current stays: see :func:`evsim.encoders.boxes`.

    Examples
    --------
    >>> import evsim
    >>> evsim.neurons.Linear(synapses=evsim.neurons.Exponential(5.0), tau_mem=20.0).variables
    ('i', 'v')
    """

    tau: PerNeuron

    def __post_init__(self) -> None:
        if not (isinstance(self.tau, float) and self.tau == math.inf):
            object.__setattr__(self, "tau", positive(self.tau, "tau"))

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add the current."""
        current = circuit.add(f"i{name}", 1.0 / np.asarray(self.tau))
        circuit.couple(current, target, rate)
        return {current: 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Alpha(Synapse):
    r"""A current that rises and falls, :math:`I(t) = w\,(t/\tau)\,e^{1 - t/\tau}`, with its peak `w` after `tau`.

    Parameters
    ----------
    tau : float or array
        Per neuron. Time to the peak; > 0.

    Notes
    -----
    Rall 1967, J. Neurophysiol. 30; the normalisation is that of NEST's ``iaf_psc_alpha``.

    Examples
    --------
    >>> import evsim
    >>> evsim.neurons.Linear(synapses=evsim.neurons.Alpha(2.0), tau_mem=20.0).variables
    ('rise', 'i', 'v')
    """

    tau: PerNeuron

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", positive(self.tau, "tau"))

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add the current and what drives it."""
        tau = np.asarray(self.tau)
        return _cascade(circuit, name, target, rate, tau, tau, math.e / tau)


@dataclass(frozen=True, slots=True, eq=False)
class DoubleExponential(Synapse):
    r"""A current :math:`I(t) \propto e^{-t/\tau_d} - e^{-t/\tau_r}` with its peak at the weight.

    Parameters
    ----------
    tau_rise, tau_decay : float or array
        Per neuron. Time constants, > 0 and of any ratio; with equal ones it is :class:`Alpha`.

    Notes
    -----
    The peak lies at :math:`\ln(\tau_d / \tau_r)\, \tau_r \tau_d / (\tau_d - \tau_r)`; normalised as NEST's
    ``beta`` synapses.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.neurons.Linear(synapses=evsim.neurons.DoubleExponential(1.0, 5.0), tau_mem=20.0)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[2.0]]), neuron)
    >>> probe = evsim.Probe(0, times=[2.01179737], variable="i")
    >>> out = net.infer([0], [0.0], record=probe)
    >>> probe.values.round(6)
    array([[2.]])
    """

    tau_rise: PerNeuron
    tau_decay: PerNeuron

    def __post_init__(self) -> None:
        for name in ("tau_rise", "tau_decay"):
            object.__setattr__(self, name, positive(getattr(self, name), name))

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add the current and what drives it."""
        rise, decay = rows_of(self.tau_rise, self.tau_decay)
        gain = [_gain(*both) for both in zip(rise.tolist(), decay.tolist(), strict=True)]
        return _cascade(circuit, name, target, rate, rise, decay, gain)


def _gain(tau_rise: float, tau_decay: float) -> float:
    """How fast a rise of 1 has to drive the current for a peak of 1."""
    far_apart = InvalidArgumentError(f"tau_rise and tau_decay are too far apart: {tau_rise}, {tau_decay}")
    ratio = (tau_decay - tau_rise) / tau_rise
    if not -1.0 < ratio < math.inf:
        raise far_apart
    peak = tau_decay * (math.log1p(ratio) / ratio if ratio else 1.0)
    # At the peak the current neither grows nor falls: i / tau_decay is what still flows in.
    gain = math.exp(peak / tau_rise) / tau_decay
    if not math.isfinite(gain):
        raise far_apart
    return gain


def _cascade(circuit: Circuit, name: str, target: int, rate: Any, tau_rise: Any, tau_decay: Any, gain: Any) -> Arrival:
    rise, current = circuit.add(f"rise{name}", 1.0 / tau_rise), circuit.add(f"i{name}", 1.0 / tau_decay)
    circuit.couple(rise, current, gain)
    circuit.couple(current, target, rate)
    return {rise: 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class SynapseSum(Synapse):
    """Several synapses that one spike reaches together, each with a factor of its own: ``0.8 * fast + 0.2 * slow``.

    Examples
    --------
    >>> import evsim
    >>> fast, slow = evsim.neurons.Exponential(5.0), evsim.neurons.Exponential(50.0)
    >>> evsim.neurons.Linear(synapses=0.8 * fast + 0.2 * slow, tau_mem=20.0).variables
    ('i_0', 'i_1', 'v')
    """

    parts: tuple[tuple[float, Synapse], ...]

    def __post_init__(self) -> None:
        try:
            pairs = [(factor, one) for factor, one in self.parts]
        except (TypeError, ValueError) as error:
            raise DTypeError(f"a sum of synapses is made of (factor, synapse), got {self.parts!r}") from error
        if not pairs:
            raise InvalidArgumentError("a sum of synapses needs one")
        for _, one in pairs:
            if not isinstance(one, Synapse) or isinstance(one, SynapseSum):
                raise DTypeError(f"a sum of synapses is made of (factor, synapse), got {one!r}")
        numbers = [_factor(factor) for factor, _ in pairs]
        object.__setattr__(self, "parts", tuple((number, one) for number, (_, one) in zip(numbers, pairs, strict=True)))

    def terms(self) -> tuple[tuple[float, Synapse], ...]:
        """Return the synapse as a sum of (factor, synapse)."""
        return self.parts

    def build(self, circuit: Circuit, name: str, target: int, rate: Any) -> Arrival:
        """Add the variables of all parts."""
        arrival: Arrival = {}
        for k, (factor, part) in enumerate(self.parts):
            for variable, amount in part.build(circuit, f"{name}_{k}", target, rate).items():
                arrival[variable] = arrival.get(variable, 0.0) + factor * amount
        return arrival


_SYNAPSES: dict[str, type[Synapse]] = {kind.__name__: kind for kind in (Delta, Exponential, Alpha, DoubleExponential)}


def from_plain(values: Iterable[Any]) -> Synapse:
    """Return a synapse as :meth:`Synapse.to_plain` describes it. Raises FileFormatError."""
    terms = []
    for factor, kind, parameters in values:
        if kind not in _SYNAPSES:
            raise FileFormatError(f"there is no synapse {kind!r}; there are {', '.join(_SYNAPSES)}")
        terms.append((float(factor), _SYNAPSES[kind](*parameters)))
    if len(terms) == 1 and terms[0][0] == 1.0:
        return terms[0][1]
    return SynapseSum(tuple(terms))


def as_ports(synapses: Any) -> tuple[tuple[str, Synapse], ...]:
    """Return (name, synapse) of every port: of one synapse, a sequence, or a mapping by name."""
    if isinstance(synapses, Synapse) and type(synapses) is not Synapse:
        return (("", synapses),)
    if isinstance(synapses, Mapping):
        ports = tuple(synapses.items())
    elif isinstance(synapses, (list, tuple)):
        named = all(isinstance(one, tuple) and len(one) == 2 for one in synapses)
        ports = tuple(synapses) if named else tuple((str(k), one) for k, one in enumerate(synapses))
    else:
        raise DTypeError(
            f"synapses must be one such as Exponential(5.0), a list, or a mapping by port, got {synapses!r}"
        )
    if not ports:
        raise InvalidArgumentError("a neuron needs a synapse")
    for name, one in ports:
        if not isinstance(name, str) or not isinstance(one, Synapse) or type(one) is Synapse:
            raise DTypeError(f"synapses must map names of ports to synapses such as Alpha(2.0), got {name!r}: {one!r}")
    names = [name for name, _ in ports]
    if len(set(names)) < len(names):
        raise InvalidArgumentError(f"ports must have different names, got {names}")
    return ports


__dir__ = only_public(__all__)
