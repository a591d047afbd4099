"""Membranes that never go below 0, the neurons of event-driven vision: LinearLeakIF and SteppedIF."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from .._lib.arrays import as_number
from ..errors import DTypeError, InvalidArgumentError
from .base import NeuronModel, PerNeuron, Reset, per_neuron, require_reset, same_length


@dataclass(frozen=True, kw_only=True, eq=False)
class _WithoutRest(NeuronModel):
    """What the models that never go below 0 share: a threshold above 0, a first potential, and firing once."""

    threshold: PerNeuron = 1.0
    fire_once: bool = False
    v_init: PerNeuron = 0.0

    _kernel: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in ("threshold", "v_init"):
            object.__setattr__(self, name, per_neuron(getattr(self, name), name))
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
        same_length(self, *self._neuron)

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
        require_reset(self)
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
