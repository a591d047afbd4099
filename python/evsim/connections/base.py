"""What all connections have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_integer
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError, UnsupportedError
from .parts import Part

Shape = tuple[int, int, int]
"""Channels, rows, columns."""


class Connection:
    """Base class of all connections: who receives a spike, and with what weight.

    Each also has `n_inputs`, `n_neurons` and `in_shape`.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    """What it is made of, besides its weights."""
    weight_names: ClassVar[str] = "(n_neurons, n_inputs)"
    """What the axes of the weights are."""
    learnable: ClassVar[bool] = True
    """Whether its weights can be set."""
    array_names: ClassVar[tuple[str, ...]] = ()
    """What :meth:`arrays` gives."""
    takes_kernels: ClassVar[bool] = False
    """Whether callbacks and plasticity rules go with it."""
    on_gpu: ClassVar[bool] = False
    """Whether it runs on a GPU too."""

    @property
    def takes_neurons(self) -> bool:
        """Whether the spikes go to neurons; pooling may do without."""
        return True

    @property
    def out_shape(self) -> Shape | None:
        """Channels, rows and columns of the neurons; None where they are in no such order."""
        return None

    @property
    def synapse_shape(self) -> tuple[int, ...] | None:
        """Shape of what every synapse has for itself; None where that is the shape of the weights."""
        return None

    @property
    def requires(self) -> tuple[Any, ...]:
        """Layers that must lie before it in the same network."""
        return ()

    def placed(self, shape: Shape | None, *, first: bool = False) -> Any:
        """Return the connection as it is behind a source of `shape`, which it takes over if it has no input shape.

        `first`: there is no source, only the connection to tell the shape.
        """
        return self

    def initial_weights(self, dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return the first weights."""
        raise NotImplementedError

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core to `population`, with weights of 0.

        `dense` makes dense ones; `rule`: a plasticity rule or None and what belongs to it, as the core takes them;
        `port`: the core's.
        """
        raise NotImplementedError

    def relay(self) -> Any:
        """Return the node of the core that passes spikes on without neurons."""
        raise NotImplementedError

    def delays_of_synapses(self, delays: npt.NDArray[np.float64], first: bool) -> npt.NDArray[np.float64] | None:
        """Return one delay for each synapse in the order of the core, or None where the shape is another.

        `first`: they come in the order in which the synapses were given.
        """
        return None

    def of_synapses(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of the core's synapses in the shape of the weights."""
        raise NotImplementedError

    def of_shared(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sums over the synapses that share a weight, of values whose last axes are those of `synapse_shape`."""
        raise NotImplementedError

    def part(self, first: int, last: int, *, whole: bool = False) -> Part:
        """Return the synapses that lead to the neurons from `first` up to `last`, for one of several processes.

        `whole`: its values of synapses are to be taken from those of all.
        """
        raise UnsupportedError(f"{self!r} is not shared among processes")

    def signature(self) -> str:
        """Return what must be alike where several processes make it."""
        return repr(self)

    def kept(self) -> Any:
        """Return what a network keeps of it."""
        return self

    def bare(self) -> Any:
        """Return the connection without its first weights."""
        return self

    def to_description(self, name_of: Callable[[Any], str]) -> dict[str, Any]:
        """Return plain values to make it of; `name_of`: the name of a layer."""
        return {"type": type(self).__name__, **{name: getattr(self, name) for name in self.settings}}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays to make it of, besides its description and its weights."""
        return {}

    @classmethod
    def from_description(
        cls, values: Mapping[str, Any], weights: npt.NDArray[Any] | None, named: Callable[[str], Any]
    ) -> Any:
        """Return what :meth:`to_description` described; `named`: the layer of a name."""
        settings = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if name in cls.settings
        }
        return cls(**settings) if weights is None else cls(**settings, weights=weights)  # type: ignore[call-arg]


def as_weights(
    values: npt.ArrayLike, shape: tuple[int, ...], dtype: npt.DTypeLike, names: str = "(n_neurons, n_inputs)"
) -> npt.NDArray[Any]:
    """Weights as an array of `shape` and `dtype`, all finite; `names` says what its axes are."""
    array = as_array(values, "weights", f"an array of shape {shape}")
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"weights must be real numbers, got dtype {array.dtype}")
    if array.shape != shape:
        raise ShapeMismatchError(f"weights must have shape {names} = {shape}, got {array.shape}")
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    if not np.all(np.isfinite(converted)):
        raise NonFiniteError(f"weights must be finite as {np.dtype(dtype).name}")
    return converted


def check_weights_or_initializer(connection: Any) -> None:
    """Raise unless at most one of the two is given."""
    if connection.initializer is not None and connection.weights is not None:
        raise InvalidArgumentError("give an initializer or weights, not both")
    if connection.initializer is not None and not callable(connection.initializer):
        raise DTypeError(f"initializer must be callable, got {connection.initializer!r}")


def as_pair(value: Any, name: str, least: int) -> tuple[int, int]:
    """One whole number for rows and one for columns, from one for both or from two."""
    values = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value, value)
    if len(values) != 2:
        raise ShapeMismatchError(f"{name} must be a whole number or (rows, columns), got {value!r}")
    return as_count(values[0], name, least), as_count(values[1], name, least)


def as_count(value: Any, name: str, least: int) -> int:
    """One integer from `least` on, small enough for the core."""
    if isinstance(value, (bool, np.bool_)):
        raise DTypeError(f"{name} must be an integer, got {value!r}")
    number = as_integer(value, name)
    if not least <= number <= 2**30:
        raise InvalidArgumentError(f"{name} must be from {least} to {2**30}, got {number}")
    return number


def as_shape(value: Any, name: str = "in_shape") -> Shape:
    """Channels, rows and columns, each at least 1."""
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise ShapeMismatchError(f"{name} must be (channels, height, width), got {value!r}")
    channels, height, width = (as_count(number, name, 1) for number in value)
    return channels, height, width


class ImageConnection(Connection):
    """Base class of connections between images."""

    @property
    def n_neurons(self) -> int:
        """Number of neurons that it reaches."""
        channels, height, width = self.out_shape or (0, 0, 0)
        return channels * height * width


OfImages = TypeVar("OfImages", bound=ImageConnection)


def with_input_shape(connection: OfImages, shape: Shape | None, first: bool) -> OfImages:
    """Return the connection with the shape of its source, or raise if that does not fit."""
    given: Shape | None = getattr(connection, "in_shape")  # noqa: B009 (of any image connection)
    if given is None:
        if shape is None:
            raise InvalidArgumentError(
                f"{type(connection).__name__} needs in_shape=(channels, height, width): "
                + ("it is the first layer" if first else "the layer before it has no shape")
            )
        return replace(connection, in_shape=shape)  # type: ignore[type-var]
    if shape is not None and shape != given:
        raise ShapeMismatchError(f"in_shape is {given}, but the layer before has the shape {shape}")
    return connection
