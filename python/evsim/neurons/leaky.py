"""Membranes that leak towards rest, or do not leak at all: LIF, LIFDelta, IAFDelta, and the readout LI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InvalidArgumentError
from .base import (
    NeuronModel,
    PerNeuron,
    Reset,
    per_neuron,
    require_not_negative,
    require_positive,
    require_reset,
    same_length,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Spiking(NeuronModel):
    """What all spiking models here share: threshold, rest, reset, refractory period."""

    threshold: PerNeuron = 1.0
    v_rest: PerNeuron = 0.0
    reset: Reset = "subtract"
    refractory: PerNeuron = 0.0
    v_init: PerNeuron | None = None

    _kernel: ClassVar[str] = ""
    _exponential: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("threshold", "v_rest"):
            object.__setattr__(self, name, per_neuron(getattr(self, name), name))
        require_reset(self)
        v_init = self.v_rest if self.v_init is None else per_neuron(self.v_init, "v_init")
        object.__setattr__(self, "v_init", v_init)
        require_not_negative(self, "refractory")
        same_length(self, "threshold", "v_rest", "reset", "v_init", "refractory")
        self._require_below_threshold("v_rest" if isinstance(self.reset, str) else "reset")
        self._require_below_threshold("v_init")

    def _require_below_threshold(self, name: str) -> None:
        value = getattr(self, name)
        if np.any(np.asarray(value) >= np.asarray(self.threshold)):
            what = "v_rest, the potential after reset='subtract'," if name == "v_rest" else name
            raise InvalidArgumentError(
                f"threshold must lie above {what} for every neuron; got threshold {self.threshold} and {value}"
            )

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        if self._heterogeneous:
            return self._kernel + "_heterogeneous"
        return self._kernel + ("_refractory" if np.any(self.refractory) else "")

    def _value(self, name: str) -> Any:
        if name == "v_reset":
            return self.v_rest if isinstance(self.reset, str) else self.reset
        if name == "reset_subtract":
            return isinstance(self.reset, str)
        return getattr(self, name)

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        name, shared, neuron = super().kernel_settings()
        # One kernel for neurons with time constants of their own, which holds them for 0 too: what that costs is lost
        # beside the rest, and a plain one would take as long to compile as any other.
        holds = self._heterogeneous or np.any(self.refractory)
        return name, shared, neuron + ([np.atleast_1d(self.refractory).tolist()] if holds else [])


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(_Spiking):
    r"""Leaky integrate-and-fire neuron with exponential current synapse.

    .. math:: \tau_m \dot V = V_{rest} - V + I + I_{bias}, \qquad \tau_s \dot I = -I

    A spike of weight `w` makes the current jump by `w`. When the potential reaches the threshold the neuron fires
    and the potential is reset; the current goes on. With ``tau_mem = 2 * tau_syn`` and the other defaults this is
    EvSpikeSim's neuron.

    Parameters
    ----------
    tau_mem, tau_syn : float or array
        Per neuron. Membrane and synaptic time constant, > 0, of any ratio. Where they differ between the neurons of a
        layer, every neuron decays by factors of its own, which costs several times as much; equal values cost nothing.
    threshold : float or array
        Per neuron. Firing threshold; must lie above the potential after reset. It may lie below
        ``v_rest + bias``: then the neuron fires without input, and inference needs ``until=``.
    v_rest, bias : float or array
        Per neuron. Resting potential, and constant current.
    reset : "subtract" or float or array
        Per neuron. Subtract ``threshold - v_rest`` after a spike, or set the potential to this value. Spike times are
        exact here, so the potential is the threshold when the neuron fires and "subtract" ends at `v_rest`.
    refractory : float or array
        Per neuron. Absolute refractory period: for this long after a spike the potential is held at reset. The current
        goes on.
    v_init, i_init : float or array
        Per neuron. Potential (default `v_rest`) and current at the beginning.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    Crossing times: closed form for ``tau_mem = 2 * tau_syn`` (Göltz et al. 2021, Nat. Mach. Intell. 3, eq. 9);
    otherwise Newton's method from the left on the increasing, concave part before the only maximum (D'Haene et al.
    2009, Neural Comput. 21). Propagators after Rotter & Diesmann 1999, Biol. Cybern. 81.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=1.0, refractory=2.0)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[12.0]]), neuron)
    >>> net.infer([0], [1.0]).times.round(3)
    array([3.179])

    Neurons of one layer with time constants of their own:

    >>> net = evsim.SpikingNetwork()
    >>> neuron = evsim.LIF(tau_mem=[10.0, 20.0, 40.0], tau_syn=5.0)
    >>> layer = net.add_layer(evsim.Dense(1, 3, weights=[[12.0]] * 3), neuron)
    >>> out = net.infer([0], [1.0])
    >>> [float(out.times[out.indices == n][0].round(3)) for n in range(3)]
    [1.962, 3.179, 7.681]
    """

    tau_mem: PerNeuron
    tau_syn: PerNeuron
    bias: PerNeuron = 0.0
    i_init: PerNeuron = 0.0

    _kernel: ClassVar[str] = "lif"
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _time_constants: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_rest", "v_reset", "bias", "v_init", "i_init")

    def __post_init__(self) -> None:
        require_positive(self, "tau_mem", "tau_syn")
        for name in ("bias", "i_init"):
            object.__setattr__(self, name, per_neuron(getattr(self, name), name))
        super().__post_init__()
        same_length(self, *self._neuron, *self._time_constants)


@dataclass(frozen=True, kw_only=True, eq=False)
class LIFDelta(_Spiking):
    r"""Leaky integrate-and-fire neuron with delta synapse.

    .. math:: \tau_m \dot V = V_{rest} - V + I_{bias}

    A spike of weight `w` makes the potential jump by `w`.

    Parameters
    ----------
    tau_mem : float or array
        Per neuron. Membrane time constant, > 0; see :class:`LIF`.
    threshold, v_rest, bias, refractory, v_init
        As for :class:`LIF`. Input during the refractory period is lost.
    reset : "subtract" or float or array
        As for :class:`LIF`; here "subtract" keeps what a jump left above the threshold, and a neuron that is still at
        its threshold afterwards fires again at once.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[2.5]]), evsim.LIFDelta(tau_mem=10.0))
    >>> net.infer([0], [1.0]).times
    array([1., 1.])
    """

    tau_mem: PerNeuron
    bias: PerNeuron = 0.0

    _kernel: ClassVar[str] = "lif_delta"
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "reset_subtract")
    _time_constants: ClassVar[tuple[str, ...]] = ("tau_mem",)
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_rest", "v_reset", "bias", "v_init")

    def __post_init__(self) -> None:
        require_positive(self, "tau_mem")
        object.__setattr__(self, "bias", per_neuron(self.bias, "bias"))
        super().__post_init__()
        same_length(self, *self._neuron, *self._time_constants)


@dataclass(frozen=True, kw_only=True, eq=False)
class IAFDelta(_Spiking):
    r"""Integrate-and-fire neuron without leak, with delta synapse: :math:`\dot V = 0`, and V jumps by the weight.

    Parameters
    ----------
    threshold, v_rest, reset, refractory, v_init
        As for :class:`LIFDelta`.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[0.5]]), evsim.IAFDelta(threshold=1.0))
    >>> net.infer([0, 0, 0, 0], [1.0, 2.0, 3.0, 4.0]).times
    array([2., 4.])
    """

    _kernel: ClassVar[str] = "iaf_delta"
    _shared: ClassVar[tuple[str, ...]] = ("reset_subtract",)
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_rest", "v_reset", "v_init")


@dataclass(frozen=True, kw_only=True, eq=False)
class LI(NeuronModel):
    r"""Leaky integrator: the membrane and synapse of :class:`LIF` without threshold. A readout that never spikes.

    Read its potential at chosen times with ``infer(record=...)``, its maximum over time with ``layer.maximum``, its
    mean over time with ``layer.mean``: all exact, whatever the times of the input.

    Parameters
    ----------
    tau_mem, tau_syn, v_rest, bias, v_init, i_init
        As for :class:`LIF`.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.LI(tau_mem=20.0, tau_syn=10.0))
    >>> net.infer([0], [0.0])
    SpikeArray(empty)
    >>> layer.maximum.round(6), layer.maximum_time.round(6)
    (array([0.25]), array([13.862944]))
    >>> net.infer([0], [0.0], until=100.0)
    SpikeArray(empty)
    >>> layer.mean.round(6)
    array([0.098657])
    """

    tau_mem: PerNeuron
    tau_syn: PerNeuron
    v_rest: PerNeuron = 0.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None
    i_init: PerNeuron = 0.0

    spikes: ClassVar[bool] = False
    _exponential: ClassVar[bool] = True
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _time_constants: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _neuron: ClassVar[tuple[str, ...]] = ("v_rest", "bias", "v_init", "i_init")

    def __post_init__(self) -> None:
        require_positive(self, "tau_mem", "tau_syn")
        for name in ("v_rest", "bias", "i_init"):
            object.__setattr__(self, name, per_neuron(getattr(self, name), name))
        v_init = self.v_rest if self.v_init is None else per_neuron(self.v_init, "v_init")
        object.__setattr__(self, "v_init", v_init)
        same_length(self, *self._neuron, *self._time_constants)

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return "li_heterogeneous" if self._heterogeneous else "li"
