"""Non-linear membranes, integrated by power series to a tolerance: ExpLIF, QIF, COBALIF, and what all of them share."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError, NoSuchParameterError, ShapeMismatchError
from .base import NeuronModel, PerNeuron, per_neuron, require_not_negative, require_positive, same_length

LONGEST = float(np.finfo(np.float64).max)
"""What stands for an infinite time constant."""


@dataclass(frozen=True, kw_only=True)
class CurrentSteps:
    """A current that changes at some times: what a neuron with ``tau_syn=inf`` gets from spikes of these weights.

    Attributes
    ----------
    times, steps : array
        When the current changes, ascending, and by how much.
    duration : float
        For how long it is shown.

    Examples
    --------
    >>> import math
    >>> import evsim
    >>> steps = evsim.Izhikevich.current("tonic_spiking")
    >>> steps.times, steps.steps, steps.duration
    (array([10.]), array([14.]), 100.0)
    >>> net = evsim.SpikingNetwork()
    >>> neuron = evsim.Izhikevich.preset("tonic_spiking", tau_syn=math.inf)
    >>> layer = net.add_layer(evsim.Dense(len(steps.times), 1, weights=[steps.steps]), neuron)
    >>> net.infer(range(len(steps.times)), steps.times, until=steps.duration).times.round(2)
    array([12.63, 16.12, 28.92, 55.92, 82.66])
    """

    times: npt.NDArray[np.float64]
    steps: npt.NDArray[np.float64]
    duration: float

    @classmethod
    def of_levels(cls, duration: float, *levels: tuple[float, float]) -> CurrentSteps:
        """Make steps of (time, current from then on)."""
        times, values = np.array(levels, dtype=np.float64).T
        return cls(times=times, steps=np.diff(values, prepend=0.0), duration=float(duration))


@dataclass(frozen=True, kw_only=True, eq=False)
class NonLinear(NeuronModel):
    """Base class of the models that are integrated numerically, each neuron by itself, in double."""

    tolerance: float = 1e-9
    refractory: PerNeuron = 0.0

    _shared: ClassVar[tuple[str, ...]] = ("tolerance", "deaf")
    _positive: ClassVar[tuple[str, ...]] = ()
    _maybe_none: ClassVar[tuple[str, ...]] = ("v_init",)
    _exponential: ClassVar[bool] = True
    _kernel: ClassVar[str] = ""
    _peak: ClassVar[tuple[str, ...]] = ("peak_jump", "tau_peak")
    """Of a peak that moves, which has a kernel of its own."""

    def __post_init__(self) -> None:
        tolerance = as_number(self.tolerance, "tolerance")
        if not 1e-14 <= tolerance <= 1e-3:
            raise InvalidArgumentError(f"tolerance must lie between 1e-14 and 1e-3, got {tolerance}")
        object.__setattr__(self, "tolerance", tolerance)
        require_not_negative(self, "refractory")
        for name in self._names():
            if name == "tau_syn":
                object.__setattr__(self, name, self._synapse())
            elif getattr(self, name) is not None or name not in self._maybe_none:
                object.__setattr__(self, name, per_neuron(getattr(self, name), name))
        self._complete()
        require_positive(self, *self._positive)
        same_length(self, *self._neuron, "refractory", *(name for name in self._peak if hasattr(self, name)))

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name not in (*cls._shared, "refractory")]

    def _synapse(self) -> Any:
        """Time constants of the synapse: None, or all positive; infinite ones are allowed."""
        tau_syn: Any = getattr(self, "tau_syn")  # noqa: B009 (not every model has one)
        if tau_syn is None:
            return None
        if isinstance(tau_syn, float) and tau_syn == math.inf:
            return tau_syn
        value = per_neuron(tau_syn, "tau_syn")
        if np.any(np.asarray(value) <= 0):
            raise InvalidArgumentError(f"tau_syn must be positive, or None for jumps of the potential; got {value}")
        return value

    def _complete(self) -> None:
        """Fill in what was left out, and check what belongs together."""

    def _value(self, name: str) -> Any:
        if name == "deaf":  # a potential that is held takes no jumps; currents and conductances do
            return hasattr(self, "tau_syn") and self.tau_syn is None
        value = getattr(self, name)
        if name == "tau_syn":
            return 0.0 if value is None else LONGEST if isinstance(value, float) and value == math.inf else value
        return value

    def _require_below(self, low: str, high: str) -> None:
        below, above = np.asarray(getattr(self, low)), np.asarray(getattr(self, high))
        if below.ndim and above.ndim and below.shape != above.shape:
            raise ShapeMismatchError(f"{low} and {high} must have one length, got {below.size} and {above.size}")
        if np.any(below >= above):
            raise InvalidArgumentError(f"{high} must lie above {low} for every neuron; got {above} and {below}")

    @property
    def _peak_moves(self) -> bool:
        return bool(np.any(np.asarray(getattr(self, "peak_jump", 0.0))))

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return self._kernel + ("_adaptive_peak" if self._peak_moves else "")

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        """Kernel name, shared parameters and per-neuron parameters as the core takes them."""
        name, shared, neuron = super().kernel_settings()
        moving = [np.atleast_1d(getattr(self, one)).tolist() for one in self._peak] if self._peak_moves else []
        return name, shared, [*neuron, *moving, np.atleast_1d(self.refractory).tolist()]

    def observable(self, variable: str) -> str:
        """Return the core's name of a variable that can be recorded. Raises NoSuchParameterError."""
        if variable == "peak" and hasattr(self, "peak_jump") and not self._peak_moves:
            raise NoSuchParameterError(f"{type(self).__name__} has no peak that moves: peak_jump is 0")
        return super().observable(variable)

    def _set_default(self, name: str, value: Any) -> None:
        if getattr(self, name) is None:
            object.__setattr__(self, name, per_neuron(value, name))


@dataclass(frozen=True, kw_only=True, eq=False)
class ExpLIF(NonLinear):
    r"""Exponential integrate-and-fire neuron (Fourcaud-Trocmé et al. 2003).

    .. math:: \tau_m \dot V = V_{rest} - V + \Delta_T\, e^{(V - V_T) / \Delta_T} + I + I_{bias}, \qquad
              \tau_s \dot I = -I

    Above :math:`V_T` the potential runs away by itself. The neuron fires when it passes `v_peak`.

    Parameters
    ----------
    tau_mem : float or array
        Per neuron. Membrane time constant, > 0.
    tau_syn : float or array or None
        Per neuron. A spike of weight `w` makes the current I jump by `w`, which decays with this time constant
        (``inf``: it stays). None: the potential itself jumps by `w`.
    v_rest, v_t, delta_t : float or array
        Per neuron. Leak potential; soft threshold :math:`V_T`, where the slope is lowest; sharpness :math:`\Delta_T` of
        the upswing, > 0.
    v_peak, v_reset : float or array
        Per neuron. Where a spike is counted, and where the potential starts again; `v_peak` lies above `v_reset`. A
        peak of more than :math:`V_T + 40 \Delta_T` is reached no later than that.
    bias : float or array
        Per neuron. Constant current.
    v_init : float or array, optional
        Per neuron. Potential at the beginning: `v_rest`.
    peak_jump, tau_peak : float or array
        Per neuron. Every spike raises the peak by `peak_jump`, and it comes back with time constant `tau_peak`, > 0:
        :math:`\tau_p \dot h = -h`, spike at :math:`V \ge V_{peak} + h`. Recorded as ``"peak"`` where it moves.
    refractory : float or array
        Per neuron. Absolute refractory period: for this long after a spike the potential is held at reset. A current
        goes on and takes input; jumps of the potential (``tau_syn=None``) are lost.
    tolerance : float
        How far off a spike may be, in units of `tau_mem`: from 1e-14 to 1e-3.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[80.0]]), evsim.ExpLIF(tau_mem=10.0, tau_syn=5.0))
    >>> net.infer([0], [1.0]).times.round(3)
    array([6.216])
    """

    tau_mem: PerNeuron = 10.0
    tau_syn: PerNeuron | None = 5.0
    v_rest: PerNeuron = -65.0
    v_t: PerNeuron = -50.0
    delta_t: PerNeuron = 2.0
    v_peak: PerNeuron = 0.0
    v_reset: PerNeuron = -60.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None
    peak_jump: PerNeuron = 0.0
    tau_peak: PerNeuron = 20.0

    _kernel: ClassVar[str] = "exp_lif"
    _positive: ClassVar[tuple[str, ...]] = ("tau_mem", "delta_t", "tau_peak")
    _neuron: ClassVar[tuple[str, ...]] = (
        "tau_mem", "tau_syn", "v_rest", "v_t", "delta_t", "v_peak", "v_reset", "bias", "v_init",
    )  # fmt: skip

    def _complete(self) -> None:
        self._set_default("v_init", self.v_rest)
        self._require_below("v_reset", "v_peak")


@dataclass(frozen=True, kw_only=True, eq=False)
class QIF(NonLinear):
    r"""Quadratic integrate-and-fire neuron.

    .. math:: \tau_m \dot V = a\, (V - V_{rest}) (V - V_c) + I + I_{bias}, \qquad \tau_s \dot I = -I

    Above :math:`V_c` the potential runs away by itself. The neuron fires when it passes `v_peak`.

    Parameters
    ----------
    tau_mem : float or array
        Per neuron. Membrane time constant, > 0.
    v_rest, v_c : float or array
        Per neuron. Resting potential, and the unstable one above it, beyond which a spike follows.
    gain : float or array, optional
        Per neuron. The factor a > 0; by default 1 / (`v_c` - `v_rest`), with which `tau_mem` is the time constant near
        rest.
    tau_syn, v_peak, v_reset, bias, v_init, refractory, tolerance
        As for :class:`ExpLIF`.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[17.0]]), evsim.QIF(tau_mem=10.0, tau_syn=None))
    >>> net.infer([0], [1.0]).times.round(3)
    array([19.777])
    """

    tau_mem: PerNeuron = 10.0
    tau_syn: PerNeuron | None = 5.0
    v_rest: PerNeuron = -65.0
    v_c: PerNeuron = -50.0
    gain: PerNeuron | None = None
    v_peak: PerNeuron = 0.0
    v_reset: PerNeuron = -60.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None

    _kernel: ClassVar[str] = "qif"
    _positive: ClassVar[tuple[str, ...]] = ("tau_mem", "gain")
    _maybe_none: ClassVar[tuple[str, ...]] = ("gain", "v_init")
    _neuron: ClassVar[tuple[str, ...]] = (
        "tau_mem", "tau_syn", "v_rest", "v_c", "gain", "v_peak", "v_reset", "bias", "v_init",
    )  # fmt: skip

    def _complete(self) -> None:
        self._require_below("v_rest", "v_c")
        self._set_default("gain", 1.0 / (np.asarray(self.v_c) - np.asarray(self.v_rest)))
        self._set_default("v_init", self.v_rest)
        self._require_below("v_reset", "v_peak")


@dataclass(frozen=True, kw_only=True, eq=False)
class COBALIF(NonLinear):
    r"""Leaky integrate-and-fire neuron with conductance-based synapses.

    .. math:: C \dot V = g_L (V_{rest} - V) + g_e (E_e - V) + g_i (E_i - V) + I_{bias}, \qquad
              \tau_e \dot g_e = -g_e, \quad \tau_i \dot g_i = -g_i

    A spike of weight `w` makes :math:`g_e` jump by `w` if that is positive, else :math:`g_i` by -`w`.

    Parameters
    ----------
    capacitance, g_leak : float or array
        Per neuron, > 0. With pF and nS, times are in ms and weights in nS.
    v_rest, e_exc, e_inh : float or array
        Per neuron. Potentials towards which leak, excitation and inhibition pull.
    tau_exc, tau_inh : float or array
        Per neuron. Time constants of the conductances, > 0.
    threshold, v_reset, bias : float or array
        Per neuron. Where the neuron fires, where the potential starts again, constant current.
    v_init : float or array, optional
        Per neuron. Potential at the beginning: `v_rest`. Lies below the threshold, as `v_reset` does.
    refractory : float or array
        Per neuron. For this long after a spike the potential is held at reset. Conductances go on and take input.
    tolerance : float
        How far off a spike may be, in units of `capacitance` / `g_leak`: from 1e-14 to 1e-3.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    The defaults are those of the COBA benchmark of Brette et al. 2007, J. Comput. Neurosci. 23.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, -30.0]]), evsim.COBALIF())
    >>> net.infer([0, 0, 0], [1.0, 9.0, 10.0]).times.round(3)
    array([12.711])
    >>> net.infer([0, 1, 0, 0], [1.0, 8.0, 9.0, 10.0])
    SpikeArray(empty)
    """

    capacitance: PerNeuron = 200.0
    g_leak: PerNeuron = 10.0
    v_rest: PerNeuron = -60.0
    e_exc: PerNeuron = 0.0
    e_inh: PerNeuron = -80.0
    tau_exc: PerNeuron = 5.0
    tau_inh: PerNeuron = 10.0
    threshold: PerNeuron = -50.0
    v_reset: PerNeuron = -60.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None

    _exponential: ClassVar[bool] = False
    _kernel: ClassVar[str] = "coba_lif"
    _positive: ClassVar[tuple[str, ...]] = ("capacitance", "g_leak", "tau_exc", "tau_inh")
    _neuron: ClassVar[tuple[str, ...]] = (
        "capacitance", "g_leak", "v_rest", "e_exc", "e_inh", "tau_exc", "tau_inh", "threshold", "v_reset", "bias",
        "v_init",
    )  # fmt: skip

    def _complete(self) -> None:
        self._set_default("v_init", self.v_rest)
        self._require_below("v_reset", "threshold")
        self._require_below("v_init", "threshold")
