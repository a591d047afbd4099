"""Somas: what a neuron does with the current of its synapses. Potentials in mV, times in ms, resistances in GOhm.

Those here are linear; the others are in :mod:`evsim.spark.nonlinear_somas`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..errors import InvalidArgumentError
from ..neurons import LIF, Delta, Exponential, LIFDelta, Linear, NeuronModel, ThresholdAdaptation
from .config import ANY, NOT_NEGATIVE, POSITIVE, Config, config_class, quantity
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

    cooldown: float = quantity(2.0, NOT_NEGATIVE, "ms")


@config_class
class StrictRefractoryLeakySomaConfig(RefractoryLeakySomaConfig):
    """Configuration of :class:`StrictRefractoryLeakySoma`: those of :class:`RefractoryLeakySoma`."""


@config_class
class AdaptiveLeakySomaConfig(RefractoryLeakySomaConfig):
    """Configuration of :class:`AdaptiveLeakySoma`: also `threshold_tau` (ms) and `threshold_delta` (mV)."""

    threshold_tau: float = quantity(20.0, POSITIVE, "ms")
    threshold_delta: float = quantity(100.0, ANY, "mV")


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

    def _cooldown(self) -> Any:
        return getattr(self.config, "cooldown", 0.0)

    def _potentials(self, drive: Drive) -> dict[str, Any]:
        scale = self.scale(drive)
        names = {"threshold": "threshold", "v_rest": "potential_rest", "reset": "potential_reset"}
        return {ours: (np.asarray(getattr(self.config, theirs)) / scale)[()] for ours, theirs in names.items()}

    def _linear(self, drive: Drive, **others: Any) -> Linear:
        return Linear(
            synapses=_synapse(drive),
            tau_mem=self.config.potential_tau,
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
        return ("v", "v_reset") if np.any(self._cooldown()) else ("v",)

    def model(self, drive: Drive) -> NeuronModel:
        """Return evsim's model of this soma with synapses that bring `drive`."""
        if not np.any(self._cooldown()):
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
        jump = (np.asarray(one.threshold_delta) / self.scale(drive))[()]
        adaptation = ThresholdAdaptation(tau=one.threshold_tau, jump=jump)
        linear = self._linear(drive, adaptation=[adaptation])
        return LeakingWhileRefractory(membrane=linear) if np.any(self._cooldown()) else linear


def _synapse(drive: Drive) -> Any:
    if drive.pulse is not None:
        return Delta()
    if len(drive.terms) == 1:  # its height is part of the scale
        return Exponential(drive.terms[0][1])
    first, *others = (height * Exponential(tau) for height, tau in drive.terms)
    for other in others:
        first = first + other
    return first
