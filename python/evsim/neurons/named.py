"""Linear neurons by the names under which people know them, each a set of parts of :class:`Linear`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np

from .._lib.modules import only_public
from .base import PerNeuron, Reset, per_neuron
from .circuit import LinearSystem
from .linear import CurrentAdaptation, Linear, LinearModel, ThresholdAdaptation
from .synapses import Alpha, Delta, DoubleExponential, Exponential, Synapse

__all__ = ["ALIF", "AdLIF", "LIFAlpha", "LIFDoubleExponential"]


def current(tau_syn: PerNeuron | None) -> Synapse:
    """Return an exponential synapse; without time constant, one that moves the potential itself."""
    return Delta() if tau_syn is None else Exponential(tau_syn)


@dataclass(frozen=True, kw_only=True, eq=False)
class FromParts(LinearModel):
    """What all neurons of one membrane share, as parameters of :class:`Linear`."""

    threshold: PerNeuron = 1.0
    v_rest: PerNeuron = 0.0
    bias: PerNeuron = 0.0
    reset: Reset = "subtract"
    refractory: PerNeuron = 0.0
    refractory_input: Literal["kept", "lost"] = "kept"
    v_init: PerNeuron | None = None

    _membrane: ClassVar[tuple[str, ...]] = (
        "threshold",
        "v_rest",
        "bias",
        "reset",
        "refractory",
        "refractory_input",
        "v_init",
    )

    def __post_init__(self) -> None:
        parts = self.parts()
        for item in fields(self):
            value = getattr(parts if item.name in self._membrane else self, item.name)
            object.__setattr__(self, item.name, per_neuron(value, item.name) if np.ndim(value) else value)

    def parts(self) -> Linear:
        """Return the same neuron as :class:`Linear`."""
        raise NotImplementedError

    def system(self) -> LinearSystem:
        """Return the matrices."""
        return self.parts().system()

    def decay_of_input(self, port: Any) -> Any:
        """Return what that of the same :class:`Linear` returns."""
        return self.parts().decay_of_input(port)

    def _membrane_values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._membrane}


@dataclass(frozen=True, kw_only=True, eq=False)
class LIFAlpha(FromParts):
    r"""Leaky integrate-and-fire neuron whose synaptic current rises and falls: :class:`LIF` with :class:`Alpha`.

    .. math:: \tau_m \dot V = V_{rest} - V + I + I_{bias}, \qquad I(t) = w\,(t/\tau_s)\,e^{1 - t/\tau_s}

    Parameters
    ----------
    tau_mem, tau_syn : float or array
        Per neuron. Membrane time constant; time from a spike to the peak of its current, of height `w`. > 0.
    threshold, v_rest, bias, reset, refractory, refractory_input, v_init
        As for :class:`Linear`.

    Notes
    -----
    NEST's ``iaf_psc_alpha``, with exact spike times.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[10.0]]), evsim.LIFAlpha(tau_mem=20.0, tau_syn=2.0))
    >>> net.infer([0], [0.0]).times.round(3)
    array([2.688, 5.869])
    """

    tau_mem: PerNeuron
    tau_syn: PerNeuron

    def parts(self) -> Linear:
        """Return the same neuron as :class:`Linear`."""
        return Linear(synapses=Alpha(self.tau_syn), tau_mem=self.tau_mem, **self._membrane_values())


@dataclass(frozen=True, kw_only=True, eq=False)
class LIFDoubleExponential(FromParts):
    r"""Leaky integrate-and-fire neuron with a synaptic current of two time constants.

    .. math:: \tau_m \dot V = V_{rest} - V + I + I_{bias}, \qquad I \propto e^{-t/\tau_d} - e^{-t/\tau_r}

    Parameters
    ----------
    tau_mem, tau_rise, tau_decay : float or array
        Per neuron. Time constants of the membrane, and of the current's rise and decay; > 0, of any ratio.
    threshold, v_rest, bias, reset, refractory, refractory_input, v_init
        As for :class:`Linear`.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIFDoubleExponential(tau_mem=20.0, tau_rise=1.0, tau_decay=5.0)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[10.0]]), neuron)
    >>> net.infer([0], [0.0]).times.round(3)
    array([ 2.655,  5.317, 13.044])
    """

    tau_mem: PerNeuron
    tau_rise: PerNeuron
    tau_decay: PerNeuron

    def parts(self) -> Linear:
        """Return the same neuron as :class:`Linear`."""
        synapse = DoubleExponential(self.tau_rise, self.tau_decay)
        return Linear(synapses=synapse, tau_mem=self.tau_mem, **self._membrane_values())


@dataclass(frozen=True, kw_only=True, eq=False)
class ALIF(FromParts):
    r"""Adaptive leaky integrate-and-fire neuron: every spike raises the threshold, which comes back.

    .. math::

        \tau_m \dot V = V_{rest} - V + I + I_{bias}, \quad \tau_s \dot I = -I, \quad \tau_a \dot h = -h, \qquad
        \text{spike at } V \ge \theta + h

    Parameters
    ----------
    tau_mem : float or array
        Per neuron. Membrane time constant; > 0.
    tau_syn : float or array, or None
        Per neuron. That of the synaptic current; None for spikes that move the potential itself.
    tau_adaptation : float or array
        Per neuron. That of the threshold; > 0.
    jump : float or array
        Per neuron. How much a spike raises the threshold.
    threshold, v_rest, bias, reset, refractory, refractory_input, v_init
        As for :class:`Linear`.

    Notes
    -----
    The neuron of long short-term memory spiking networks: Bellec et al. 2018, NeurIPS 31, section 2 (Norse's
    ``LSNN``, Spark's ``ALIFNeuron``), in continuous time: no lag between current and potential, no step.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=100.0, jump=0.2, bias=1.5)
    >>> cell = net.add_population(1, neuron)
    >>> out = net.infer(until=150.0)
    >>> out.times.round(2)
    array([ 21.97,  51.05,  86.51, 126.61])
    """

    tau_mem: PerNeuron
    tau_syn: PerNeuron | None
    tau_adaptation: PerNeuron
    jump: PerNeuron

    def parts(self) -> Linear:
        """Return the same neuron as :class:`Linear`."""
        adaptation = ThresholdAdaptation(self.tau_adaptation, self.jump)
        return Linear(
            synapses=current(self.tau_syn), tau_mem=self.tau_mem, adaptation=[adaptation], **self._membrane_values()
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class AdLIF(FromParts):
    r"""Adaptive leaky integrate-and-fire neuron: a current against the membrane follows it, and jumps at spikes.

    .. math::

        \tau_m \dot V = V_{rest} - V + I + I_{bias} - w, \quad \tau_s \dot I = -I, \quad
        \tau_w \dot w = a (V - V_{rest}) - w

    Parameters
    ----------
    tau_mem : float or array
        Per neuron. Membrane time constant; > 0.
    tau_syn : float or array, or None
        Per neuron. That of the synaptic current; None for spikes that move the potential itself.
    tau_w : float or array
        Per neuron. That of the adaptation current; > 0.
    coupling : float or array
        Per neuron. `a`. Strong coupling makes the membrane a resonator.
    jump : float or array
        Per neuron. How much a spike adds to `w`.
    threshold, v_rest, bias, reset, refractory, refractory_input, v_init
        As for :class:`Linear`.

    Notes
    -----
    Brunel, Hakim & Richardson 2003, Phys. Rev. E 67; the linear part of Brette & Gerstner 2005 (AdEx). Where `a` is
    not 0 the neuron may fire once more on its own after a spike, so that inference without end needs ``until=``.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.AdLIF(tau_mem=20.0, tau_syn=5.0, tau_w=100.0, coupling=0.5, jump=0.2, bias=2.5)
    >>> cell = net.add_population(1, neuron)
    >>> net.infer(until=100.0).times.round(2)
    array([10.27, 21.86, 34.94, 49.68, 66.18, 84.43])
    """

    tau_mem: PerNeuron
    tau_syn: PerNeuron | None
    tau_w: PerNeuron
    coupling: PerNeuron
    jump: PerNeuron

    def parts(self) -> Linear:
        """Return the same neuron as :class:`Linear`."""
        adaptation = CurrentAdaptation(self.tau_w, self.jump, self.coupling)
        return Linear(
            synapses=current(self.tau_syn), tau_mem=self.tau_mem, adaptation=[adaptation], **self._membrane_values()
        )


__dir__ = only_public(__all__)
