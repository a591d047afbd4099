"""Neuron models.

A model is a frozen dataclass of parameters; the mathematics is the header of the same name in
``kernels/evsim/neuron``. Times are in the network's unit. Parameters marked *per neuron* take one number or an
array of shape (n_neurons,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_number
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..kernels import NeuronType

PerNeuron: TypeAlias = "float | npt.ArrayLike"
Reset: TypeAlias = "Literal['subtract'] | PerNeuron"


def _per_neuron(value: Any, name: str) -> float | npt.NDArray[np.float64]:
    array: npt.NDArray[Any] = as_array(value, name, "a number or an array of shape (n_neurons,)").copy()
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} must be a number or an array of numbers, got {value!r}")
    if array.ndim > 1:
        raise ShapeMismatchError(f"{name} must be a number or have shape (n_neurons,), got shape {array.shape}")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{name} must be finite, got {value!r}")
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def _hashable(value: Any) -> bytes:
    """Bytes that are equal for equal parameters (0.0 and -0.0 are)."""
    return (value if isinstance(value, str) else repr((np.asarray(value) + 0.0).tolist())).encode()


def _require_positive(model: Any, *names: str) -> None:
    for name in names:
        value = as_number(getattr(model, name), name)
        if value <= 0:
            raise InvalidArgumentError(f"{name} must be positive, got {value}")
        object.__setattr__(model, name, value)


def _same_length(model: Any, *names: str) -> None:
    lengths = {name: len(v) for name in names if isinstance(v := model._value(name), np.ndarray)}
    if len(set(lengths.values())) > 1:
        raise ShapeMismatchError(f"parameters per neuron must have one length, got {lengths}")


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronModel:
    """Base class of all neuron models.

    A new model needs a kernel (a header in ``kernels/evsim/neuron``, named in ``models.h`` there) and a
    subclass that lists, in the kernel's order, what the kernel calls shared and per-neuron parameters, named in
    :data:`MODELS`. A model of your own needs neither: see :func:`evsim.neurons.from_source`.
    """

    _shared: ClassVar[tuple[str, ...]] = ()
    _neuron: ClassVar[tuple[str, ...]] = ()
    spikes: ClassVar[bool] = True

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        raise NotImplementedError

    def kernel_type(self) -> NeuronType:
        """Return what kernels compiled at run time call the model."""
        return NeuronType(self.kernel_name, f"evsim::model_{self.kernel_name}")

    def _value(self, name: str) -> Any:
        return getattr(self, name)

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        """Kernel name, shared parameters and per-neuron parameters as the core takes them."""
        shared = [float(self._value(name)) for name in self._shared]
        neuron = [np.atleast_1d(self._value(name)).tolist() for name in self._neuron]
        return self.kernel_name, shared, neuron

    def check_times(self, layer: str, *, start: float | None, until: float) -> None:
        """Raise InvalidArgumentError if a call cannot begin or end at these times. Most models take any."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((type(self), *(_hashable(getattr(self, f.name)) for f in fields(self))))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Spiking(NeuronModel):
    """What all spiking models here share: threshold, rest, reset, refractory period."""

    threshold: PerNeuron = 1.0
    v_rest: PerNeuron = 0.0
    reset: Reset = "subtract"
    refractory: float = 0.0
    v_init: PerNeuron | None = None

    _kernel: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in ("threshold", "v_rest"):
            object.__setattr__(self, name, _per_neuron(getattr(self, name), name))
        if isinstance(self.reset, str):
            if self.reset != "subtract":
                raise InvalidArgumentError(f"reset must be 'subtract' or a value, got {self.reset!r}")
        else:
            object.__setattr__(self, "reset", _per_neuron(self.reset, "reset"))
        v_init = self.v_rest if self.v_init is None else _per_neuron(self.v_init, "v_init")
        object.__setattr__(self, "v_init", v_init)
        refractory = as_number(self.refractory, "refractory")
        if refractory < 0:
            raise InvalidArgumentError(f"refractory must not be negative, got {refractory}")
        object.__setattr__(self, "refractory", refractory)
        _same_length(self, "threshold", "v_rest", "reset", "v_init")
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
        return self._kernel + ("_refractory" if self.refractory > 0 else "")

    def _value(self, name: str) -> Any:
        if name == "v_reset":
            return self.v_rest if isinstance(self.reset, str) else self.reset
        if name == "reset_subtract":
            return isinstance(self.reset, str)
        return getattr(self, name)

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        name, shared, neuron = super().kernel_settings()
        return name, shared + ([self.refractory] if self.refractory > 0 else []), neuron


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(_Spiking):
    r"""Leaky integrate-and-fire neuron with exponential current synapse.

    .. math:: \tau_m \dot V = V_{rest} - V + I + I_{bias}, \qquad \tau_s \dot I = -I

    A spike of weight `w` makes the current jump by `w`. When the potential reaches the threshold the neuron fires
    and the potential is reset; the current goes on. With ``tau_mem = 2 * tau_syn`` and the other defaults this is
    EvSpikeSim's neuron.

    Parameters
    ----------
    tau_mem, tau_syn : float
        Membrane and synaptic time constant, > 0, of any ratio.
    threshold : float or array
        Per neuron. Firing threshold; must lie above the potential after reset. It may lie below
        ``v_rest + bias``: then the neuron fires without input, and inference needs ``until=``.
    v_rest, bias : float or array
        Per neuron. Resting potential, and constant current.
    reset : "subtract" or float or array
        Per neuron. Subtract ``threshold - v_rest`` after a spike, or set the potential to this value. Spike times are
        exact here, so the potential is the threshold when the neuron fires and "subtract" ends at `v_rest`.
    refractory : float
        Absolute refractory period: for this long after a spike the potential is held at reset. The current goes on.
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
    """

    tau_mem: float
    tau_syn: float
    bias: PerNeuron = 0.0
    i_init: PerNeuron = 0.0

    _kernel: ClassVar[str] = "lif"
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_rest", "v_reset", "bias", "v_init", "i_init")

    def __post_init__(self) -> None:
        _require_positive(self, "tau_mem", "tau_syn")
        for name in ("bias", "i_init"):
            object.__setattr__(self, name, _per_neuron(getattr(self, name), name))
        super().__post_init__()
        _same_length(self, *self._neuron)


@dataclass(frozen=True, kw_only=True, eq=False)
class LIFDelta(_Spiking):
    r"""Leaky integrate-and-fire neuron with delta synapse.

    .. math:: \tau_m \dot V = V_{rest} - V + I_{bias}

    A spike of weight `w` makes the potential jump by `w`.

    Parameters
    ----------
    tau_mem : float
        Membrane time constant, > 0.
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

    tau_mem: float
    bias: PerNeuron = 0.0

    _kernel: ClassVar[str] = "lif_delta"
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "reset_subtract")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_rest", "v_reset", "bias", "v_init")

    def __post_init__(self) -> None:
        _require_positive(self, "tau_mem")
        object.__setattr__(self, "bias", _per_neuron(self.bias, "bias"))
        super().__post_init__()
        _same_length(self, *self._neuron)


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

    Read its potential at chosen times with ``infer(record=...)``, its maximum over time with ``layer.maximum``.

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
    """

    tau_mem: float
    tau_syn: float
    v_rest: PerNeuron = 0.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None
    i_init: PerNeuron = 0.0

    spikes: ClassVar[bool] = False
    _shared: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    _neuron: ClassVar[tuple[str, ...]] = ("v_rest", "bias", "v_init", "i_init")

    def __post_init__(self) -> None:
        _require_positive(self, "tau_mem", "tau_syn")
        for name in ("v_rest", "bias", "i_init"):
            object.__setattr__(self, name, _per_neuron(getattr(self, name), name))
        v_init = self.v_rest if self.v_init is None else _per_neuron(self.v_init, "v_init")
        object.__setattr__(self, "v_init", v_init)
        _same_length(self, "v_rest", "bias", "v_init", "i_init")

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return "li"


@dataclass(frozen=True, kw_only=True, eq=False)
class _WithoutRest(NeuronModel):
    """What the models that never go below 0 share: a threshold above 0, a first potential, and firing once."""

    threshold: PerNeuron = 1.0
    fire_once: bool = False
    v_init: PerNeuron = 0.0

    _kernel: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in ("threshold", "v_init"):
            object.__setattr__(self, name, _per_neuron(getattr(self, name), name))
        leak = as_number(getattr(self, "leak"), "leak")  # noqa: B009 (of the classes below)
        if leak < 0:
            raise InvalidArgumentError(f"leak must not be negative, got {leak}")
        object.__setattr__(self, "leak", leak)
        if not isinstance(self.fire_once, (bool, np.bool_)):
            raise DTypeError(f"fire_once must be True or False, got {self.fire_once!r}")
        object.__setattr__(self, "fire_once", bool(self.fire_once))
        if np.any(np.asarray(self.threshold) <= 0):
            raise InvalidArgumentError(f"threshold must be positive for every neuron, got {self.threshold}")
        if np.any(np.asarray(self.v_init) < 0):
            raise InvalidArgumentError(f"v_init must not be negative, got {self.v_init}")
        _same_length(self, *self._neuron)

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return self._kernel + ("_once" if self.fire_once else "")


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearLeakIF(_WithoutRest):
    r"""Integrate-and-fire neuron with linear leak, never below 0, with delta synapse.

    .. math:: \dot V = -\lambda \text{ while } V > 0, \qquad V \leftarrow \max(0, V + \textstyle\sum w)

    The weights of all spikes that arrive at one time are added up before the potential is cut off at 0 and compared
    with the threshold. The neuron of event-driven vision: it counts how dense in time its input is.

    Parameters
    ----------
    leak : float
        Loss of potential per unit of time, >= 0; 0 is a neuron that integrates for ever.
    threshold : float or array
        Per neuron. Firing threshold, > 0.
    reset : "subtract" or float or array
        Per neuron. The potential after a spike, from 0 to below the threshold; or "subtract" the threshold, where a
        neuron that is still at its threshold fires again at once.
    fire_once : bool
        At most one spike of every neuron, until the network is reset.
    v_init : float or array
        Per neuron. Potential at the beginning, >= 0.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[0.5]]), evsim.LinearLeakIF(leak=0.25))
    >>> net.infer([0, 0, 0, 0], [0.0, 2.0, 3.0, 4.0]).times
    array([4.])
    """

    leak: float
    reset: Reset = 0.0

    _kernel: ClassVar[str] = "linear_leak_if"
    _shared: ClassVar[tuple[str, ...]] = ("leak", "reset_subtract")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_reset", "v_init")

    def __post_init__(self) -> None:
        if isinstance(self.reset, str):
            if self.reset != "subtract":
                raise InvalidArgumentError(f"reset must be 'subtract' or a value, got {self.reset!r}")
        else:
            object.__setattr__(self, "reset", _per_neuron(self.reset, "reset"))
        super().__post_init__()
        value = np.asarray(self._value("v_reset"))
        if np.any(value < 0) or np.any(value >= np.asarray(self.threshold)):
            raise InvalidArgumentError(
                f"reset must lie from 0 to below the threshold for every neuron; got {self.reset} and threshold "
                f"{self.threshold}"
            )

    def _value(self, name: str) -> Any:
        if name == "v_reset":
            return 0.0 if isinstance(self.reset, str) else self.reset
        if name == "reset_subtract":
            return isinstance(self.reset, str)
        return getattr(self, name)


@dataclass(frozen=True, kw_only=True, eq=False)
class SteppedIF(_WithoutRest):
    r"""Integrate-and-fire neuron that lives in steps of length 1: SpikeSEG's neuron.

    At every whole time, with input or without,

    .. math:: V \leftarrow \max(0, V + I - \lambda) \quad\text{(subtractive)} \qquad\text{or}\qquad
       V \leftarrow \max(0, \beta V + I),\ \beta = 1 - \lambda / \theta \quad\text{(multiplicative)}

    where `I` is the sum of the weights of all spikes that arrive at that time. Where V reaches the threshold, the
    neuron fires at that same time and V is set to 0.

    Parameters
    ----------
    leak : float
        :math:`\lambda`, from 0 to the threshold.
    leak_mode : {"subtractive", "multiplicative"}
        See above.
    threshold : float or array
        Per neuron. Firing threshold, > 0; one value for all with a multiplicative leak.
    fire_once : bool
        At most one spike of every neuron, until the network is reset.
    v_init : float or array
        Per neuron. Potential at the beginning, >= 0.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    Times of input are numbers of steps and must be whole; other times give results of no meaning. So must ``until`` and
    ``start`` of :meth:`evsim.SpikingNetwork.infer`, which refuses others. Idle steps are computed in one go, so the
    cost follows the spikes and not the steps.

    References
    ----------
    Kirkland et al. 2020, SpikeSEG: Spiking Segmentation via STDP Saliency Mapping, IJCNN.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[0.75, 0.5]]), evsim.SteppedIF(leak=0.125))
    >>> net.infer([0, 1, 0, 1], [0, 3, 7, 7]).times
    array([7.])
    """

    leak: float = 0.0
    leak_mode: Literal["subtractive", "multiplicative"] = "subtractive"

    _kernel: ClassVar[str] = "stepped_if"
    _shared: ClassVar[tuple[str, ...]] = ("step_leak", "beta")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "v_init")

    def __post_init__(self) -> None:
        if self.leak_mode not in ("subtractive", "multiplicative"):
            raise InvalidArgumentError(f"leak_mode must be 'subtractive' or 'multiplicative', got {self.leak_mode!r}")
        super().__post_init__()
        if np.any(self.leak > np.asarray(self.threshold)):
            raise InvalidArgumentError(f"leak must not exceed the threshold, got {self.leak} and {self.threshold}")
        if self.leak_mode == "multiplicative" and np.ndim(self.threshold) > 0:
            raise InvalidArgumentError("a multiplicative leak needs one threshold for all neurons")

    def check_times(self, layer: str, *, start: float | None, until: float) -> None:
        """Raise InvalidArgumentError if a call begins or ends within a step: what lies beyond would be lost."""
        for name, time in (("start", start), ("until", until)):
            if time is not None and math.isfinite(time) and time != math.floor(time):
                raise InvalidArgumentError(
                    f"{name} must be a whole number of steps, because {layer} (SteppedIF) lives in steps; got {time}"
                )

    def _value(self, name: str) -> Any:
        if name == "step_leak":
            return self.leak if self.leak_mode == "subtractive" else 0.0
        if name == "beta":
            return 1.0 if self.leak_mode == "subtractive" else 1.0 - self.leak / float(np.asarray(self.threshold))
        return getattr(self, name)


MODELS: dict[str, type[NeuronModel]] = {
    model.__name__: model for model in (LIF, LIFDelta, IAFDelta, LI, LinearLeakIF, SteppedIF)
}
"""All models by name, as network files name them."""
