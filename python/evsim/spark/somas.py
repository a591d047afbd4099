"""Somas: what a neuron does with the current of its synapses. Potentials in mV, times in ms, resistances in GOhm."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import InvalidArgumentError, UnsupportedError
from ..neurons import LIF, AdEx, Delta, Exponential, Izhikevich, LIFDelta, Linear, NeuronModel, ThresholdAdaptation
from .config import ANY, ONE_NOT_NEGATIVE, POSITIVE, Config, config_class, quantity
from .parts import Part
from .refractory import LeakingWhileRefractory
from .synapses import Drive


@config_class
class SomaConfig(Config):
    """Base class of the configurations of somas. Each number is one for all units, or one for each."""

    _below_threshold: ClassVar[tuple[str, ...]] = ()

    def _check(self) -> None:
        one: Any = self
        for name in self._below_threshold:
            low, high = np.asarray(getattr(self, name)), np.asarray(one.threshold)
            if low.ndim and high.ndim and low.shape != high.shape:
                raise InvalidArgumentError(
                    f"{self._path(name)} and threshold must have one length, got {low.size} and {high.size}"
                )
            if np.any(low >= high):
                raise InvalidArgumentError(
                    f"{self._path(name)} must be < threshold (mV), got {getattr(self, name)} and threshold "
                    f"{one.threshold}"
                )


@config_class
class LeakySomaConfig(SomaConfig):
    """Configuration of :class:`LeakySoma`."""

    potential_rest: float = quantity(-60.0, ANY, "mV")
    potential_reset: float = quantity(-50.0, ANY, "mV")
    potential_tau: float = quantity(20.0, POSITIVE, "ms")
    resistance: float = quantity(0.1, POSITIVE, "GOhm")
    threshold: float = quantity(-40.0, ANY, "mV")

    _below_threshold: ClassVar[tuple[str, ...]] = ("potential_rest", "potential_reset")


@config_class
class RefractoryLeakySomaConfig(LeakySomaConfig):
    """Configuration of :class:`RefractoryLeakySoma`: those of :class:`LeakySoma`, and `cooldown` (ms)."""

    cooldown: float = quantity(2.0, ONE_NOT_NEGATIVE, "ms")


@config_class
class StrictRefractoryLeakySomaConfig(RefractoryLeakySomaConfig):
    """Configuration of :class:`StrictRefractoryLeakySoma`: those of :class:`RefractoryLeakySoma`."""


@config_class
class AdaptiveLeakySomaConfig(RefractoryLeakySomaConfig):
    """Configuration of :class:`AdaptiveLeakySoma`: also `threshold_tau` (ms) and `threshold_delta` (mV)."""

    threshold_tau: float = quantity(20.0, POSITIVE, "ms")
    threshold_delta: float = quantity(100.0, ANY, "mV")


@config_class
class ExponentialSomaConfig(SomaConfig):
    """Configuration of :class:`ExponentialSoma`."""

    potential_rest: float = quantity(-70.0, ANY, "mV")
    potential_reset: float = quantity(-51.0, ANY, "mV")
    potential_tau: float = quantity(5.0, POSITIVE, "ms")
    resistance: float = quantity(0.5, POSITIVE, "GOhm")
    threshold: float = quantity(-30.0, ANY, "mV")
    rheobase_threshold: float = quantity(-50.0, ANY, "mV")
    spike_slope: float = quantity(2.0, POSITIVE, "mV")

    _below_threshold: ClassVar[tuple[str, ...]] = ("potential_reset", "rheobase_threshold")


@config_class
class AdaptiveExponentialSomaConfig(ExponentialSomaConfig):
    """Configuration of :class:`AdaptiveExponentialSoma`: also three numbers of the adaptation, and `cooldown`, 0."""

    adaptation_tau: float = quantity(100.0, POSITIVE, "ms")
    adaptation_subthreshold: float = quantity(0.5, ANY, "nS")
    adaptation_delta: float = quantity(7.0, ANY, "pA")
    cooldown: float = quantity(0.0, ONE_NOT_NEGATIVE, "ms")


@config_class
class IzhikevichSomaConfig(SomaConfig):
    """Configuration of :class:`IzhikevichSoma`."""

    potential_rest: float = quantity(-65.0, ANY, "mV")
    potential_reset: float = quantity(-65.0, ANY, "mV")
    resistance: float = quantity(0.1, POSITIVE, "GOhm")
    threshold: float = quantity(30.0, ANY, "mV")
    recovery_timescale: float = quantity(0.02, ANY)
    recovery_sensitivity: float = quantity(0.2, ANY)
    recovery_update: float = quantity(2.0, ANY)

    _below_threshold: ClassVar[tuple[str, ...]] = ("potential_reset", "potential_rest")


class Soma(Part):
    """Base class of all somas.

    evsim's models know a weight and a potential, and no resistance. Here all potentials are divided by a scale, such
    that a weight in pA is what such a model takes, even if units differ in their resistance.
    """

    config_class: ClassVar[type[Config]] = SomaConfig
    variables: tuple[str, ...] = ("v",)
    """Variables of the model whose sum is the potential, in units of :meth:`scale`."""

    def scale(self, drive: Drive) -> Any:
        """Return the millivolts in the model's unit of potential, one number or one for each unit."""
        raise NotImplementedError

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`.

        Raises
        ------
        UnsupportedError
            evsim has no such model.
        """
        raise NotImplementedError


class LeakySoma(Soma):
    r"""Leaky integrate-and-fire: :math:`\tau \dot V = V_{rest} - V + R I`, a spike at the threshold, then the reset.

    :class:`evsim.LIF`, :class:`evsim.LIFDelta` or :class:`evsim.neurons.Linear`, as the synapses ask for.

    Examples
    --------
    >>> from evsim.spark import LeakySoma, TracedSynapses
    >>> type(LeakySoma().model(TracedSynapses().drive())).__name__
    'LIF'
    """

    config_class: ClassVar[type[Config]] = LeakySomaConfig

    def scale(self, drive: Drive) -> Any:
        """Return the millivolts in the model's unit of potential, one number or one for each unit."""
        one = self.config
        if drive.pulse is not None:
            return np.asarray(one.resistance) * drive.pulse / np.asarray(one.potential_tau)
        return np.asarray(one.resistance) * (drive.terms[0][0] if len(drive.terms) == 1 else 1.0)

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        values = {"tau_mem": self.config.potential_tau, "refractory": self._cooldown(), **self._potentials(drive)}
        if drive.pulse is not None:
            return LIFDelta(**values)
        if len(drive.terms) == 1:
            return LIF(tau_syn=drive.terms[0][1], **values)
        return self._linear(drive)

    def _cooldown(self) -> float:
        return float(getattr(self.config, "cooldown", 0.0))

    def _potentials(self, drive: Drive) -> dict[str, Any]:
        scale = self.scale(drive)
        names = {"threshold": "threshold", "v_rest": "potential_rest", "reset": "potential_reset"}
        return {ours: (np.asarray(getattr(self.config, theirs)) / scale)[()] for ours, theirs in names.items()}

    def _linear(self, drive: Drive, **others: Any) -> Linear:
        for name, tau in [("potential_tau", self.config.potential_tau), *(("tau", tau) for _, tau in drive.terms)]:
            if np.ndim(tau) and np.unique(tau).size > 1:
                raise UnsupportedError(
                    f"{type(self).__name__} with these synapses takes one {name} for all units, got {tau}; one for "
                    "each goes with LeakySoma and StrictRefractoryLeakySoma, and linear or traced synapses"
                )
        return Linear(
            synapses=_synapse(drive),
            tau_mem=float(np.ravel(self.config.potential_tau)[0]),
            refractory=self._cooldown(),
            **self._potentials(drive),
            **others,
        )


class StrictRefractoryLeakySoma(LeakySoma):
    """:class:`LeakySoma` whose potential stays at the reset for `cooldown` after a spike; currents go on meanwhile.

    Spark counts steps, one more than `cooldown` says, and also at the beginning; here it is a time after a spike.

    Examples
    --------
    >>> from evsim.spark import StrictRefractoryLeakySoma, TracedSynapses
    >>> StrictRefractoryLeakySoma(cooldown=3.0).model(TracedSynapses().drive()).refractory
    3.0
    """

    config_class: ClassVar[type[Config]] = StrictRefractoryLeakySomaConfig


class RefractoryLeakySoma(LeakySoma):
    """:class:`LeakySoma` which for `cooldown` after a spike does not fire and feels no current, while it leaks.

    `cooldown` is a time, as in :class:`StrictRefractoryLeakySoma`.

    Examples
    --------
    >>> from evsim.spark import RefractoryLeakySoma, TracedSynapses
    >>> RefractoryLeakySoma().model(TracedSynapses().drive()).variables
    ('i', 'v', 'v_reset')
    """

    config_class: ClassVar[type[Config]] = RefractoryLeakySomaConfig

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Variables of the model whose sum is the potential, in units of :meth:`scale`."""
        return ("v", "v_reset") if self._cooldown() > 0 else ("v",)

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        if self._cooldown() == 0:
            return super().model(drive)
        return LeakingWhileRefractory(membrane=self._linear(drive))


class AdaptiveLeakySoma(RefractoryLeakySoma):
    r""":class:`RefractoryLeakySoma` whose threshold jumps by `threshold_delta` at a spike and comes back.

    .. math:: \tau_\theta \dot h = -h, \qquad \text{spike at } V \ge \theta + h

    Examples
    --------
    >>> from evsim.spark import AdaptiveLeakySoma, TracedSynapses
    >>> AdaptiveLeakySoma().model(TracedSynapses().drive()).variables
    ('i', 'v', 'h', 'v_reset')
    """

    config_class: ClassVar[type[Config]] = AdaptiveLeakySomaConfig

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        one = self.config
        if np.unique(one.threshold_tau).size > 1:
            raise UnsupportedError(f"AdaptiveLeakySoma takes one threshold_tau for all units, got {one.threshold_tau}")
        jump = (np.asarray(one.threshold_delta) / self.scale(drive))[()]
        adaptation = ThresholdAdaptation(tau=float(np.ravel(one.threshold_tau)[0]), jump=jump)
        linear = self._linear(drive, adaptation=[adaptation])
        return LeakingWhileRefractory(membrane=linear) if self._cooldown() > 0 else linear


def _synapse(drive: Drive) -> Any:
    if drive.pulse is not None:
        return Delta()
    if len(drive.terms) == 1:  # its height is part of the scale
        return Exponential(float(np.ravel(drive.terms[0][1])[0]))
    first, *others = (height * Exponential(tau) for height, tau in drive.terms)
    for other in others:
        first = first + other
    return first


class ExponentialSoma(Soma):
    r"""Exponential integrate-and-fire, of which :class:`evsim.AdEx` without adaptation is the model.

    .. math:: \tau \dot V = V_{rest} - V + \Delta\, e^{(V - V_{rh}) / \Delta} + R I

    `rheobase_threshold` is the soft threshold :math:`V_{rh}`; the neuron fires at `threshold` above it.

    Examples
    --------
    >>> from evsim.spark import ExponentialSoma, TracedSynapses
    >>> model = ExponentialSoma().model(TracedSynapses().drive())
    >>> model.v_t, model.v_peak, model.a
    (-50.0, -30.0, 0.0)
    """

    config_class: ClassVar[type[Config]] = ExponentialSomaConfig

    def scale(self, drive: Drive) -> Any:
        """Return the millivolts in the model's unit of potential, one number or one for each unit."""
        if drive.pulse is None:
            return np.asarray(1.0)
        return np.asarray(self.config.resistance) * drive.pulse / np.asarray(self.config.potential_tau)

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        one, scale = self.config, self.scale(drive)
        tau_syn, height = _one_time_constant(self, drive)
        # The equation for V / scale, divided by the height of the current, is again that of an AdEx neuron.
        unit = scale / height
        return AdEx(
            capacitance=one.potential_tau / np.asarray(one.resistance) * unit,
            g_leak=1.0 / np.asarray(one.resistance) * unit,
            v_rest=one.potential_rest / scale,
            v_t=one.rheobase_threshold / scale,
            delta_t=one.spike_slope / scale,
            v_peak=one.threshold / scale,
            v_reset=one.potential_reset / scale,
            tau_syn=tau_syn,
            **self._adaptation(unit, height),
        )

    def _adaptation(self, unit: Any, height: float) -> dict[str, Any]:
        return {"a": 0.0, "b": 0.0}


class AdaptiveExponentialSoma(ExponentialSoma):
    r""":class:`ExponentialSoma` with a current :math:`w` against it: AdEx.

    .. math:: \tau \dot V = V_{rest} - V + \Delta\, e^{(V - V_{rh}) / \Delta} - R w + R I, \qquad
              \tau_w \dot w = a (V - V_{rest}) - w

    A spike adds `adaptation_delta` to :math:`w`. A refractory period is not there yet: `cooldown` is 0.

    Examples
    --------
    >>> from evsim.spark import AdaptiveExponentialSoma, TracedSynapses
    >>> model = AdaptiveExponentialSoma().model(TracedSynapses().drive())
    >>> model.capacitance, model.g_leak, model.a, model.b, model.tau_w
    (10.0, 2.0, 0.5, 7.0, 100.0)
    """

    config_class: ClassVar[type[Config]] = AdaptiveExponentialSomaConfig

    def _adaptation(self, unit: Any, height: float) -> dict[str, Any]:
        one = self.config
        if one.cooldown > 0:
            raise UnsupportedError(
                f"AdaptiveExponentialSoma has no refractory period: evsim's non-linear models take none; got cooldown "
                f"{one.cooldown:g} ms, leave it at 0"
            )
        return {
            "a": np.asarray(one.adaptation_subthreshold) * unit,
            "b": np.asarray(one.adaptation_delta) / height,
            "tau_w": one.adaptation_tau,
        }


class IzhikevichSoma(Soma):
    r"""Izhikevich's neuron: :math:`\dot v = 0.04 v^2 + 5 v + 140 - u + R I`, :math:`\dot u = a (b v - u)`.

    `recovery_timescale`, `recovery_sensitivity`, `potential_reset` and `recovery_update` are his a, b, c and d. It
    begins at `potential_rest`, with :math:`u = b v`. In Spark the rest had the wrong sign, so that the neuron fired in
    every step; here v is the potential itself.

    Examples
    --------
    >>> from evsim.spark import IzhikevichSoma, TracedSynapses
    >>> model = IzhikevichSoma(resistance=1.0).model(TracedSynapses().drive())
    >>> model.a, model.b, model.c, model.d
    (0.02, 0.2, -65.0, 2.0)
    """

    config_class: ClassVar[type[Config]] = IzhikevichSomaConfig

    def scale(self, drive: Drive) -> Any:
        """Return the millivolts in the model's unit of potential, one number or one for each unit."""
        height = drive.pulse if drive.pulse is not None else drive.terms[0][0]
        return np.asarray(self.config.resistance) * height

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        tau_syn, _ = _one_time_constant(self, drive)
        one, scale = self.config, self.scale(drive)
        start = np.asarray(one.potential_rest) / scale
        return Izhikevich(
            a=one.recovery_timescale,
            b=one.recovery_sensitivity,
            c=one.potential_reset / scale,
            d=one.recovery_update / scale,
            v_peak=one.threshold / scale,
            square=0.04 * scale,
            constant=140.0 / scale,
            v_init=start,
            u_init=one.recovery_sensitivity * start,
            tau_syn=tau_syn,
        )


def _one_time_constant(soma: Soma, drive: Drive) -> tuple[Any, float]:
    """Time constant and height of the only current; None for a charge. Raises UnsupportedError."""
    if drive.pulse is not None:
        return None, 1.0
    if len(drive.terms) > 1:
        raise UnsupportedError(
            f"{type(soma).__name__} takes LinearSynapses or TracedSynapses: evsim's non-linear models have one time "
            "constant of the current, and currents that rise and decay have several"
        )
    return drive.terms[0][1], drive.terms[0][0]
