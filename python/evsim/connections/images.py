"""Numbers of neurons that lie in channels, rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, IndexOutOfRangeError, ShapeMismatchError
from .base import Shape, as_shape


def _whole(values: npt.ArrayLike, name: str, end: int) -> npt.NDArray[np.int64]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeMismatchError(f"{name} must be a number or an array: {error}") from None
    if array.size and array.dtype.kind not in "iu":
        raise DTypeError(f"{name} must be whole numbers, got dtype {array.dtype}")
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < end):
        bad = array[(array < 0) | (array >= end)].flat[0]
        raise IndexOutOfRangeError(f"{name} must be from 0 to {end - 1}, got {bad}")
    return array.astype(np.int64)


def index_of(channel: npt.ArrayLike, y: npt.ArrayLike, x: npt.ArrayLike, shape: Shape) -> Any:
    """Index of the neuron or input at channel, row, column: ``(channel * height + y) * width + x``.

    Parameters
    ----------
    channel, y, x : int or array_like of int
        Where; arrays are broadcast against each other.
    shape : (int, int, int)
        Channels, height and width of the layer or input.

    Returns
    -------
    int or ndarray of int32

    Raises
    ------
    IndexOutOfRangeError
        A place outside the shape.

    Examples
    --------
    >>> import evsim
    >>> evsim.index_of(1, 2, 3, shape=(2, 34, 34))
    1227
    >>> evsim.index_of(0, [0, 1], 3, shape=(2, 34, 34))
    array([ 3, 37], dtype=int32)
    """
    channels, height, width = as_shape(shape, "shape")
    c, row, column = _whole(channel, "channel", channels), _whole(y, "y", height), _whole(x, "x", width)
    try:
        indices = (c * height + row) * width + column
    except ValueError:
        raise ShapeMismatchError(
            f"channel, y and x must fit together, got shapes {c.shape}, {row.shape} and {column.shape}"
        ) from None
    if np.ndim(indices) == 0:
        return int(indices)
    return indices.astype(np.int32)


def coordinates_of(index: npt.ArrayLike, shape: Shape) -> tuple[Any, Any, Any]:
    """Channel, row and column of a neuron or input: the inverse of :func:`index_of`.

    Parameters
    ----------
    index : int or array_like of int
        Which.
    shape : (int, int, int)
        Channels, height and width of the layer or input.

    Returns
    -------
    channel, y, x : int or ndarray of int32

    Raises
    ------
    IndexOutOfRangeError
        An index outside the shape.

    Examples
    --------
    >>> import evsim
    >>> evsim.coordinates_of(1227, shape=(2, 34, 34))
    (1, 2, 3)
    """
    channels, height, width = as_shape(shape, "shape")
    indices = _whole(index, "index", channels * height * width)
    parts = indices // (height * width), indices // width % height, indices % width
    if indices.ndim == 0:
        return int(parts[0]), int(parts[1]), int(parts[2])
    return parts[0].astype(np.int32), parts[1].astype(np.int32), parts[2].astype(np.int32)
