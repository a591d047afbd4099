"""Somas that run away by themselves: exponential ones and Izhikevich's. Potentials in mV, times in ms."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..connections import Dense
from ..errors import UnsupportedError
from ..network import SpikingNetwork
from ..neurons import AdEx, ExpLIF, Izhikevich, NeuronModel
from ..probe import Probe
from .config import ANY, NOT_NEGATIVE, POSITIVE, Config, config_class, quantity
from .somas import Soma, SomaConfig
from .synapses import Drive


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
class RefractoryExponentialSomaConfig(ExponentialSomaConfig):
    """Configuration of :class:`RefractoryExponentialSoma`: those of :class:`ExponentialSoma`, and `cooldown` (ms)."""

    cooldown: float = quantity(2.0, NOT_NEGATIVE, "ms")


@config_class
class SimplifiedAdaptiveExponentialSomaConfig(RefractoryExponentialSomaConfig):
    """Configuration of :class:`SimplifiedAdaptiveExponentialSoma`: also `threshold_tau` and `threshold_delta`."""

    threshold_tau: float = quantity(20.0, POSITIVE, "ms")
    threshold_delta: float = quantity(100.0, ANY, "mV")


@config_class
class AdaptiveExponentialSomaConfig(ExponentialSomaConfig):
    """Configuration of :class:`AdaptiveExponentialSoma`: also three numbers of the adaptation, and `cooldown`, 0."""

    adaptation_tau: float = quantity(100.0, POSITIVE, "ms")
    adaptation_subthreshold: float = quantity(0.5, ANY, "nS")
    adaptation_delta: float = quantity(7.0, ANY, "pA")
    cooldown: float = quantity(0.0, NOT_NEGATIVE, "ms")


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
            v_reset=self._start() / scale,
            tau_syn=tau_syn,
            refractory=getattr(one, "cooldown", 0.0),
            **self._adaptation(unit, height),
            **self._moving_peak(scale),
        )

    def _start(self) -> Any:
        """Potential from which it goes on after a spike, in mV."""
        return np.asarray(self.config.potential_reset)

    def _adaptation(self, unit: Any, height: float) -> dict[str, Any]:
        return {"a": 0.0, "b": 0.0}

    def _moving_peak(self, scale: Any) -> dict[str, Any]:
        return {}


class RefractoryExponentialSoma(ExponentialSoma):
    r""":class:`ExponentialSoma` which for `cooldown` after a spike does not fire and feels no current, while it leaks.

    What it leaks to without current is always the same: evsim's model waits there, so that potentials recorded
    meanwhile are the one at the end. `cooldown` is a time, as in :class:`StrictRefractoryLeakySoma`.

    Examples
    --------
    >>> from evsim.spark import RefractoryExponentialSoma, TracedSynapses
    >>> model = RefractoryExponentialSoma().model(TracedSynapses().drive())
    >>> model.refractory, round(float(model.v_reset), 3)
    (2.0, -57.159)
    """

    config_class: ClassVar[type[Config]] = RefractoryExponentialSomaConfig

    def _start(self) -> Any:
        one = self.config
        numbers = {
            "tau_mem": one.potential_tau,
            "v_rest": one.potential_rest,
            "v_t": one.rheobase_threshold,
            "delta_t": one.spike_slope,
            "v_peak": one.threshold,
            "v_reset": one.potential_reset,
            "v_init": one.potential_reset,
        }
        if not np.any(one.cooldown):
            return super()._start()
        leaking = ExpLIF(tau_syn=None, **numbers)
        n = max(np.size(number) for number in (*numbers.values(), one.cooldown))
        cooldown = np.broadcast_to(np.asarray(one.cooldown, dtype=np.float64), n)
        net = SpikingNetwork(dtype="float64")
        net.add_layer(Dense(1, n, weights=np.zeros((n, 1))), leaking)
        ends, which = np.unique(cooldown, return_inverse=True)
        potentials = Probe(0, times=ends)
        spikes = net.infer([], [], until=ends[-1], record=potentials)
        early = spikes.indices[spikes.times <= cooldown[spikes.indices]]
        if len(early):
            raise UnsupportedError(
                f"{type(self).__name__} with cooldown {cooldown[early[0]]:g} ms needs a potential_reset from which it "
                f"does not run away by itself; got {one.potential_reset} with rheobase_threshold "
                f"{one.rheobase_threshold}"
            )
        return potentials.values[which, np.arange(n)] if n > 1 else potentials.values[0, 0]


class SimplifiedAdaptiveExponentialSoma(RefractoryExponentialSoma):
    r""":class:`RefractoryExponentialSoma` whose `threshold` jumps by `threshold_delta` at a spike and comes back.

    .. math:: \tau_{th} \dot h = -h, \qquad \text{spike at } V \ge \theta + h

    The threshold cuts an upswing off that nothing stops: far above `rheobase_threshold` it is passed within
    :math:`\tau\, e^{-(\theta - V_{rh}) / \Delta}` (2e-4 ms by default) however high it is, and its adaptation moves
    spikes by less than that. Near `rheobase_threshold` or below it decides when the neuron fires.

    Examples
    --------
    >>> from evsim.spark import SimplifiedAdaptiveExponentialSoma, TracedSynapses
    >>> model = SimplifiedAdaptiveExponentialSoma().model(TracedSynapses().drive())
    >>> model.v_peak, model.peak_jump, model.tau_peak
    (-30.0, 100.0, 20.0)
    """

    config_class: ClassVar[type[Config]] = SimplifiedAdaptiveExponentialSomaConfig

    def _moving_peak(self, scale: Any) -> dict[str, Any]:
        return {"peak_jump": self.config.threshold_delta / scale, "tau_peak": self.config.threshold_tau}


class AdaptiveExponentialSoma(ExponentialSoma):
    r""":class:`ExponentialSoma` with a current :math:`w` against it: AdEx.

    .. math:: \tau \dot V = V_{rest} - V + \Delta\, e^{(V - V_{rh}) / \Delta} - R w + R I, \qquad
              \tau_w \dot w = a (V - V_{rest}) - w

    A spike adds `adaptation_delta` to :math:`w`. For `cooldown` after it V stays at the reset, and w goes on.

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
