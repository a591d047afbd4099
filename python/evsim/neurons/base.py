"""What all neuron models are: a frozen dataclass of parameters, whose mathematics is a compiled kernel.

The kernel is the header of the same name in ``kernels/evsim/neuron``. Times are in the network's unit. Parameters
marked *per neuron* take one number or an array of shape (n_neurons,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError, UnsupportedError
from ..kernels import NeuronType

PerNeuron: TypeAlias = "float | npt.ArrayLike"
Reset: TypeAlias = "Literal['subtract'] | PerNeuron"


def per_neuron(value: Any, name: str) -> float | npt.NDArray[np.float64]:
    """Return one number, or a read-only array. Raises DTypeError, ShapeMismatchError or NonFiniteError."""
    array: npt.NDArray[Any] = as_array(value, name, "a number or an array of shape (n_neurons,)").copy()
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} must be a number or an array of numbers, got {value!r}")
    if array.ndim > 1:
        raise ShapeMismatchError(f"{name} must be a number or have shape (n_neurons,), got shape {array.shape}")
    if array.size == 0:
        raise ShapeMismatchError(f"{name} must be a number or have one value for each neuron, above 0 in all, got none")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{name} must be finite, got {value!r}")
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


def _hashable(value: Any) -> bytes:
    """Bytes that are equal for equal parameters (0.0 and -0.0 are)."""
    if isinstance(value, (int, float, np.ndarray)):
        return repr((np.asarray(value) + 0.0).tolist()).encode()
    return repr(value).encode()


def require_positive(model: Any, *names: str) -> None:
    """Set these parameters, one number or one per neuron each. Raises InvalidArgumentError unless all are positive."""
    for name in names:
        value = per_neuron(getattr(model, name), name)
        if np.any(np.asarray(value) <= 0):
            raise InvalidArgumentError(f"{name} must be positive, got {value}")
        object.__setattr__(model, name, value)


def require_not_negative(model: Any, name: str) -> None:
    """Set the parameter, one number or one per neuron. Raises InvalidArgumentError if one is negative."""
    value = per_neuron(getattr(model, name), name)
    if np.any(np.asarray(value) < 0):
        raise InvalidArgumentError(f"{name} must not be negative, got {value}")
    object.__setattr__(model, name, value)


def require_reset(model: Any) -> None:
    """Set the parameter `reset`. Raises InvalidArgumentError unless it is "subtract", or a value or one per neuron."""
    if not isinstance(model.reset, str):
        object.__setattr__(model, "reset", per_neuron(model.reset, "reset"))
    elif model.reset != "subtract":
        raise InvalidArgumentError(f"reset must be 'subtract' or a value, got {model.reset!r}")


def same_length(model: Any, *names: str) -> None:
    """Raise ShapeMismatchError unless all arrays among these parameters have one length."""
    require_one_length({name: len(v) for name in names if isinstance(v := model._value(name), np.ndarray)})


def require_one_length(lengths: Mapping[str, int]) -> None:
    """Raise ShapeMismatchError unless all of these numbers of neurons, by parameter, are the same."""
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
    _time_constants: ClassVar[tuple[str, ...]] = ()
    """Those of the shared ones that may differ between neurons, which then have a kernel of their own."""
    _exponential: ClassVar[bool] = False
    """Whether input is a current that decays with `tau_syn` or, without it, moves the potential."""
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

    @property
    def _heterogeneous(self) -> bool:
        values = [np.ravel(self._value(name)) for name in self._time_constants]
        return any(np.any(value != value[0]) for value in values if value.size)

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        """Kernel name, shared parameters and per-neuron parameters as the core takes them."""
        own = self._time_constants if self._heterogeneous else ()
        shared = [float(np.ravel(self._value(name))[0]) for name in self._shared if name not in own]
        neuron = [np.atleast_1d(self._value(name)).tolist() for name in (*self._neuron, *own)]
        return self.kernel_name, shared, neuron

    def check_size(self, n_neurons: int, channels: int | None = None) -> None:
        """Raise ShapeMismatchError unless time constants are one value, one per neuron or, if given, per channel."""
        for name in self._time_constants:
            size = np.size(self._value(name))
            if size not in (1, n_neurons, channels):
                per_channel = "" if channels is None else f" or one per channel ({channels})"
                raise ShapeMismatchError(
                    f"{name} must be one value or one per neuron ({n_neurons}){per_channel}, got {size}"
                )

    def port(self, port: int | str | None) -> int:
        """Return the core's number of a port. Raises InvalidArgumentError."""
        if isinstance(port, (bool, np.bool_)) or (port is not None and port != 0):
            raise InvalidArgumentError(f"{type(self).__name__} has one port, 0; got port={port!r}")
        return 0

    def decay_of_input(self, port: int | str | None) -> Any:
        """Return the time constant with which the current of a port decays; None where weights move the potential.

        Raises InvalidArgumentError where there is no such port, and UnsupportedError where input does something else.
        """
        self.port(port)
        if not self._exponential:
            raise UnsupportedError(f"{type(self).__name__} takes its input by other means than an exponential current")
        return getattr(self, "tau_syn", None)

    def observable(self, variable: str) -> str:
        """Return the core's name of a variable that can be recorded."""
        return variable

    def to_plain(self) -> dict[str, Any]:
        """Return the parameters as numbers, text, lists and arrays."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> NeuronModel:
        """Return a model of what :meth:`to_plain` gave."""
        return cls(**values)

    def check_times(self, layer: str, *, start: float | None, until: float) -> None:
        """Raise InvalidArgumentError if a call cannot begin or end at these times. Most models take any."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        return hash((type(self), *(_hashable(getattr(self, f.name)) for f in fields(self))))
