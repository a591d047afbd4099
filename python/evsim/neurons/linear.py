"""Any linear neuron from parts: synapses, a membrane, adaptation."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NoSuchParameterError, ShapeMismatchError, UnsupportedError
from .base import (
    NeuronModel,
    PerNeuron,
    Reset,
    per_neuron,
    require_not_negative,
    require_reset,
    same_length,
)
from .circuit import Circuit, LinearSystem, rows_of
from .synapses import Delta, Exponential, Synapse, as_ports, from_plain, positive

__all__ = ["CurrentAdaptation", "Linear", "LinearModel", "ThresholdAdaptation"]


class LinearModel(NeuronModel):
    """Base class of neurons whose variables follow x' = A x + b between events, for any constant matrix A.

    A subclass is a frozen dataclass whose :meth:`system` puts its parameters into matrices. All of them run through
    one compiled kernel, which finds every crossing of the threshold: see :class:`Linear`.
    """

    def system(self) -> LinearSystem:
        """Return the matrices."""
        raise NotImplementedError

    @functools.cached_property
    def _compiled(self) -> Any:
        return self.system().kernel()

    @functools.cached_property
    def variables(self) -> tuple[str, ...]:
        """Names of the state variables, as ``Probe(variable=...)`` takes them."""
        return self.system().names

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters alone: another machine may have other kernels."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def port_names(self) -> tuple[str, ...]:
        """Names of the kinds of synapse, in the order of their numbers."""
        return ("",)

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        name: str = self._compiled.kernel
        return name

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        """Kernel name, shared parameters and per-neuron parameters as the core takes them."""
        return self._compiled.kernel, self._compiled.shared, self._compiled.per_neuron

    def port(self, port: Any) -> int:
        """Return the core's number of a port. Raises InvalidArgumentError."""
        names = self.port_names
        if isinstance(port, str) and port in names:
            return int(self._compiled.ports[names.index(port)])
        if port is None and len(names) == 1:
            return int(self._compiled.ports[0])
        if isinstance(port, (int, np.integer)) and not isinstance(port, bool) and 0 <= port < len(names):
            return int(self._compiled.ports[port])
        known = ", ".join(map(repr, names)) if any(names) else ""
        raise InvalidArgumentError(
            f"{type(self).__name__} has the port{'s' if len(names) > 1 else ''} "
            f"{f'{known} or ' if known else ''}{', '.join(map(str, range(len(names))))}; got port={port!r}"
        )

    def observable(self, variable: str) -> str:
        """Return the core's name of a variable. Raises NoSuchParameterError."""
        if variable not in self.variables:
            known = ", ".join(map(repr, self.variables))
            raise NoSuchParameterError(f"{type(self).__name__} has the variables {known}; got {variable!r}")
        return f"x{self.variables.index(variable)}"

    def check_size(self, n_neurons: int, channels: int | None = None) -> None:
        """Raise ShapeMismatchError unless parameters are one value, one per neuron or, if given, per channel."""
        size = self.system().n_neurons
        if size not in (1, n_neurons, channels):
            per_channel = "" if channels is None else f" or one per channel ({channels})"
            raise ShapeMismatchError(
                f"parameters of {type(self).__name__} must be one value or one per neuron ({n_neurons}){per_channel}, "
                f"got {size}"
            )


@dataclass(frozen=True, eq=False)
class _Adaptation:
    tau: PerNeuron
    jump: PerNeuron

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", positive(self.tau, "tau"))
        object.__setattr__(self, "jump", per_neuron(self.jump, "jump"))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_plain() == other.to_plain()

    def __hash__(self) -> int:
        return hash(repr(self.to_plain()))

    def to_plain(self) -> list[Any]:
        """Return numbers and text that make the adaptation again."""
        return [type(self).__name__, *(np.asarray(getattr(self, f.name)).tolist() for f in fields(self))]


@dataclass(frozen=True, eq=False)
class ThresholdAdaptation(_Adaptation):
    r"""A threshold that jumps at every spike and comes back: :math:`\tau \dot h = -h`, threshold :math:`\theta + h`.

    Parameters
    ----------
    tau : float or array
        Per neuron. Time constant; > 0.
    jump : float or array
        Per neuron. How much a spike adds.

    Notes
    -----
    Bellec et al. 2018, "Long short-term memory and learning-to-learn in networks of spiking neurons", section 2.
    """


@dataclass(frozen=True, eq=False)
class CurrentAdaptation(_Adaptation):
    r"""A current against the membrane, :math:`\tau \dot w = a (V - V_{rest}) - w`, that jumps at every spike.

    Parameters
    ----------
    tau : float or array
        Per neuron. Time constant; > 0.
    jump : float or array
        Per neuron. How much a spike adds to `w`.
    coupling : float or array
        Per neuron. `a`: how the potential drives the current below threshold. With it the membrane may oscillate.

    Notes
    -----
    Brunel, Hakim & Richardson 2003, Phys. Rev. E 67, eq. 1 and 2; a jump of `w` is spike-triggered adaptation as in
    Brette & Gerstner 2005.
    """

    coupling: PerNeuron = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "coupling", per_neuron(self.coupling, "coupling"))


_ADAPTATIONS: dict[str, type[_Adaptation]] = {kind.__name__: kind for kind in (ThresholdAdaptation, CurrentAdaptation)}


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear(LinearModel):
    r"""A neuron from parts: any number of synapses, a membrane with leak or without, adaptation, refractoriness.

    .. math::

        \tau_m \dot V = V_{rest} - V + \sum_p I_p + I_{bias} - \sum_k w_k, \qquad
        \text{spike at } V \ge \theta + \sum_k h_k

    Without leak (``tau_mem=None``): :math:`\dot V = \sum_p I_p + I_{bias} - \sum_k w_k`.

    Parameters
    ----------
    synapses : Synapse, sequence or mapping
        :class:`Delta`, :class:`Exponential`, :class:`Alpha`, :class:`DoubleExponential`, or sums of them. One is the
        only port of the neuron; several are ports by number or by name, to which ``add_layer(port=...)`` and
        ``connect(port=...)`` lead.
    tau_mem : float or array, or None
        Per neuron. Membrane time constant, > 0; None for a membrane that does not leak.
    threshold, v_rest, bias, v_init
        Per neuron. As for :class:`LIF`.
    reset : "subtract" or float or array
        Per neuron. As for :class:`LIFDelta`: after a spike `threshold - v_rest` is subtracted (with an adapting
        threshold, as it is then), or the potential is set to this value.
    adaptation : sequence of ThresholdAdaptation or CurrentAdaptation
        What spikes leave behind.
    refractory : float or array
        Per neuron. For this long after a spike the potential is held at reset.
    refractory_input : "kept" or "lost"
        Whether synapses go on to take input meanwhile. What a :class:`Delta` synapse brings is lost either way.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains; for couplings by which the potential grows without bound.
    UnsupportedError
        More than 8 variables.

    Notes
    -----
    All linear neurons run through one kernel. Propagators by scaling and squaring in the variables as they are, not in
    modes, so equal and nearly equal time constants lose nothing. A neuron may fire in a gap only if an upper bound of
    its potential there (the larger of the ends, plus an eighth of the squared gap times the largest curvature)
    reaches the threshold; then the first crossing is found by steps that never pass one. Cost per event and neuron:
    N (N + 3) multiplications for N variables; some N (N + 1) (N + 2) where time constants (or couplings, or constant
    drive without leak) differ between neurons. See the performance page.

    Examples
    --------
    Excitation and inhibition of different speed, and an adapting threshold:

    >>> import evsim
    >>> from evsim.neurons import Alpha, Exponential, Linear, ThresholdAdaptation
    >>> neuron = Linear(
    ...     synapses={"excitation": Alpha(2.0), "inhibition": Exponential(10.0)},
    ...     tau_mem=20.0,
    ...     adaptation=[ThresholdAdaptation(tau=100.0, jump=0.5)],
    ... )
    >>> neuron.variables
    ('rise_excitation', 'i_excitation', 'i_inhibition', 'v', 'h')
    >>> net = evsim.SpikingNetwork()
    >>> cells = net.add_population(2, neuron, name="cells")
    >>> events = net.add_input(3, name="events")
    >>> _ = net.connect("events", "cells", evsim.Dense(3, 2, weights=[[9.0] * 3] * 2), port="excitation")
    >>> _ = net.connect("events", "cells", evsim.Dense(3, 2, weights=[[0.0] * 3, [-3.0] * 3]), port="inhibition")
    >>> out = net.infer([0, 1, 2], [0.0, 5.0, 10.0])
    >>> out.indices, out.times.round(3)
    (array([0, 1, 0, 1, 0], dtype=int32), array([ 2.956,  4.748,  6.854, 11.309, 11.476]))
    """

    synapses: Any
    tau_mem: PerNeuron | None
    threshold: PerNeuron = 1.0
    v_rest: PerNeuron = 0.0
    bias: PerNeuron = 0.0
    reset: Reset = "subtract"
    adaptation: Sequence[_Adaptation] = ()
    refractory: PerNeuron = 0.0
    refractory_input: Literal["kept", "lost"] = "kept"
    v_init: PerNeuron | None = None

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("synapses", as_ports(self.synapses))
        if self.tau_mem is not None:
            put("tau_mem", positive(self.tau_mem, "tau_mem"))
        for name in ("threshold", "v_rest", "bias"):
            put(name, per_neuron(getattr(self, name), name))
        require_reset(self)
        put("v_init", self.v_rest if self.v_init is None else per_neuron(self.v_init, "v_init"))
        one = self.adaptation
        if not isinstance(one, (_Adaptation, Iterable)):
            raise DTypeError(f"adaptation must be made of ThresholdAdaptation and CurrentAdaptation, got {one!r}")
        put("adaptation", (one,) if isinstance(one, _Adaptation) else tuple(one))
        for part in self.adaptation:
            if not isinstance(part, _Adaptation):
                raise DTypeError(f"adaptation must be made of ThresholdAdaptation and CurrentAdaptation, got {part!r}")
        require_not_negative(self, "refractory")
        if self.refractory_input not in ("kept", "lost"):
            raise InvalidArgumentError(f"refractory_input must be 'kept' or 'lost', got {self.refractory_input!r}")
        same_length(self, "threshold", "v_rest", "bias", "v_init", "reset", "refractory")
        for name, value in (("the potential after reset", self._after_reset()), ("v_init", self.v_init)):
            if np.any(np.asarray(value) >= np.asarray(self.threshold)):
                raise InvalidArgumentError(
                    f"threshold must lie above {name} for every neuron; got threshold {self.threshold} and {value}"
                )
        _ = self._compiled  # what is wrong with the parts together shows here

    def _after_reset(self) -> PerNeuron:
        return self.v_rest if isinstance(self.reset, str) else self.reset

    @property
    def port_names(self) -> tuple[str, ...]:
        """Names of the kinds of synapse, in the order of their numbers."""
        return tuple(name for name, _ in self.synapses)

    def system(self) -> LinearSystem:
        """Return the matrices."""
        circuit = Circuit()
        arrivals, v = self._synapses(circuit)
        rate: Any = 1.0 if self.tau_mem is None else 1.0 / np.asarray(self.tau_mem)
        circuit.links = [(source, v if target == _MEMBRANE else target, r) for source, target, r in circuit.links]
        thresholds, currents = self._adaptations(circuit, v, rate)
        names, n = tuple(circuit.names), len(circuit.names)
        adapting = [*zip(thresholds + currents, self._parts(ThresholdAdaptation, CurrentAdaptation), strict=True)]
        pulls = [getattr(part, "coupling", 0.0) / np.asarray(part.tau) for _, part in adapting]
        threshold, v_rest, bias, v_init, after, rate, *rows = rows_of(
            self.threshold,
            self.v_rest,
            self.bias,
            self.v_init,
            self._after_reset(),
            rate,
            *(part.jump for _, part in adapting),
            *pulls,
        )
        jumps, pulls = rows[: len(adapting)], rows[len(adapting) :]
        drive, offset, initial = np.zeros((3, len(threshold), n))
        drive[:, v] = rate * bias + (0.0 if self.tau_mem is None else rate * v_rest)
        initial[:, v] = v_init
        reset, readout = np.eye(n), np.zeros(n)
        readout[v] = 1.0
        readout[thresholds] = -1.0
        jumping = any(v in arrival for arrival in arrivals)
        if isinstance(self.reset, str) and jumping:
            reset[v, thresholds] = -1.0
            offset[:, v] = v_rest - threshold
        else:
            reset[v, v] = 0.0
            offset[:, v] = after
        for (variable, part), jump, pull in zip(adapting, jumps, pulls, strict=True):
            offset[:, variable] = jump
            if isinstance(part, CurrentAdaptation):
                drive[:, variable] = -pull * v_rest
        vectors = [np.zeros(n) for _ in arrivals]
        for vector, arrival in zip(vectors, arrivals, strict=True):
            for variable, amount in arrival.items():
                vector[variable] = amount
        quiet = all(
            np.all(np.asarray(part.jump) >= 0) and not np.any(getattr(part, "coupling", 0.0))
            for part in self.adaptation
        ) and all(np.all(np.asarray(decay) > 0.0) for k, decay in enumerate(circuit.decay) if k != v)
        return LinearSystem(
            names,
            circuit.flow(),
            drive,
            tuple(vectors),
            readout,
            threshold,
            reset,
            offset,
            initial,
            tuple(k == v for k in range(n)),
            np.atleast_1d(self.refractory),
            self.refractory_input == "lost",
            quiet and self.tau_mem is not None,
        )

    def _synapses(self, circuit: Circuit) -> tuple[list[dict[int, float]], int]:
        """Add the synapses and the membrane; return what arrives where, and the number of the membrane."""
        rate: Any = 1.0 if self.tau_mem is None else 1.0 / np.asarray(self.tau_mem)
        arrivals = []
        for name, synapse in self.synapses:
            arrivals.append(synapse.build(circuit, f"_{name}" if name else "", _MEMBRANE, rate))
        v = circuit.add("v", 0.0 if self.tau_mem is None else rate)
        return [{v if k == _MEMBRANE else k: amount for k, amount in one.items()} for one in arrivals], v

    def _parts(self, *kinds: type[_Adaptation]) -> list[_Adaptation]:
        return [part for kind in kinds for part in self.adaptation if isinstance(part, kind)]

    def _adaptations(self, circuit: Circuit, v: int, rate: Any) -> tuple[list[int], list[int]]:
        """Add the adaptation; return the numbers of variables of the threshold and of currents."""
        found: list[list[int]] = []
        for name, kind in (("h", ThresholdAdaptation), ("w", CurrentAdaptation)):
            parts = self._parts(kind)
            names = [name] if len(parts) == 1 else [f"{name}_{k}" for k in range(len(parts))]
            found.append([circuit.add(own, 1.0 / np.asarray(part.tau)) for own, part in zip(names, parts, strict=True)])
        for variable, part in zip(found[1], self._parts(CurrentAdaptation), strict=True):
            circuit.couple(variable, v, -rate)
            if isinstance(part, CurrentAdaptation) and np.any(part.coupling):
                circuit.couple(v, variable, np.asarray(part.coupling) / np.asarray(part.tau))
        return found[0], found[1]

    def decay_of_input(self, port: Any) -> Any:
        """Return the time constant of the current of a port; None where weights move the potential.

        Raises InvalidArgumentError where there is no such port, and UnsupportedError where it has another synapse.
        """
        self.port(port)
        name, synapse = self.synapses[self.port_names.index(port) if isinstance(port, str) else port or 0]
        if isinstance(synapse, Delta):
            return None
        if not isinstance(synapse, Exponential):
            raise UnsupportedError(f"the port {name!r} takes its input by {synapse!r}, not by an exponential current")
        return synapse.tau

    def to_plain(self) -> dict[str, Any]:
        """Return the parameters as numbers, text, lists and arrays."""
        plain = super().to_plain()
        plain["synapses"] = [[name, synapse.to_plain()] for name, synapse in self.synapses]
        plain["adaptation"] = [part.to_plain() for part in self.adaptation]
        return plain

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Linear:
        """Return a model of what :meth:`to_plain` gave."""
        synapses: dict[str, Synapse] = {name: from_plain(one) for name, one in values["synapses"]}
        only = synapses[""] if tuple(synapses) == ("",) else synapses
        adaptation = [_ADAPTATIONS[kind](*numbers) for kind, *numbers in values["adaptation"]]
        return cls(**{**values, "synapses": only, "adaptation": adaptation})

    def replace(self, **changes: Any) -> Linear:
        """Return the same neuron with other values of some parameters."""
        return replace(self, **changes)


_MEMBRANE = -1
"""Stands for the membrane while synapses are put together, which come before it."""

__dir__ = only_public(__all__)
