"""Neuron models.

A model is a frozen dataclass of parameters; the mathematics is the header of the same name in
``kernels/evsim/neuron``. Times are in the network's unit. Parameters marked *per neuron* take one number or an
array of shape (n_neurons,).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .._arrays import as_number
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..kernels import NeuronType

PerNeuron: TypeAlias = "float | npt.ArrayLike"
Reset: TypeAlias = "Literal['subtract'] | PerNeuron"


def _per_neuron(value: Any, name: str) -> float | npt.NDArray[np.float64]:
    try:
        array = np.array(value)
    except ValueError as error:
        raise ShapeMismatchError(f"{name} must be a number or have shape (n_neurons,): {error}") from None
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

    A new model needs a kernel (a header in ``kernels/evsim/neuron``, named in ``csrc/engine/models.hpp``) and a
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


MODELS: dict[str, type[NeuronModel]] = {model.__name__: model for model in (LIF, LIFDelta, IAFDelta, LI)}
"""All models by name, as network files name them."""
