"""What all connections have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError

if TYPE_CHECKING:
    from ..layer import Layer

Shape = tuple[int, int, int]
"""Channels, rows, columns."""


class Connection:
    """Base class of all connections: who receives a spike, and with what weight."""

    @property
    def takes_neurons(self) -> bool:
        """Whether the spikes go to neurons; pooling may do without."""
        return True

    def placed(self, layers: Sequence[Layer]) -> Any:
        """Return the connection as it is after `layers`: with the input shape that they give, if it has none."""
        return self


def as_weights(
    values: npt.ArrayLike, shape: tuple[int, ...], dtype: npt.DTypeLike, names: str = "(n_neurons, n_inputs)"
) -> npt.NDArray[Any]:
    """Weights as an array of `shape` and `dtype`, all finite; `names` says what its axes are."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeMismatchError(f"weights must have shape {shape}: {error}") from None
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


ImageConnection = TypeVar("ImageConnection")


def with_input_shape(connection: ImageConnection, layers: Sequence[Layer]) -> ImageConnection:
    """Return the connection with the shape of the last layer, or raise if that does not fit."""
    given: Shape | None = getattr(connection, "in_shape")  # noqa: B009 (of any image connection)
    last = layers[-1].shape if layers else None
    if given is None:
        if last is None:
            raise InvalidArgumentError(
                f"{type(connection).__name__} needs in_shape=(channels, height, width): "
                + ("the layer before it has no shape" if layers else "it is the first layer")
            )
        return replace(connection, in_shape=last)  # type: ignore[type-var]
    if last is not None and last != given:
        raise ShapeMismatchError(f"in_shape is {given}, but the layer before has the shape {last}")
    return connection
