"""What makes columns of numbers a recording: whole numbers, in the order of time, inside the sensor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import _one_dimensional, as_number, as_size
from ..errors import (
    DTypeError,
    IndexOutOfRangeError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeMismatchError,
    UnsortedSpikesError,
)

FIELD_NAMES = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
    "x": ("x",),
    "y": ("y",),
    "p": ("p", "pol", "polarity", "polarities", "on"),
}
_LATEST = 2**61
"""Times stay below, so that their differences fit into 64 bits."""
_OUTSIDE = 2**62
_MOST_PIXELS = 2**16


def event_column(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """One column of whole numbers: times as int64, others as they are unless they are booleans or floats."""
    array = _one_dimensional(values, name)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise NonFiniteError(f"{name} must be finite")
        if np.any(array != np.trunc(array)):
            unit = "whole microseconds; scale and round the times first" if name == "t" else "whole numbers"
            raise DTypeError(f"{name} must be {unit}, got {array.dtype} with fractions")
    elif array.dtype.kind not in "iu" and not (array.dtype.kind == "b" and name == "p"):
        raise DTypeError(f"{name} must be integers, got dtype {array.dtype}")
    if array.dtype.kind in "iuf" and array.dtype.itemsize >= 8:
        smallest, largest = array.min(), array.max()
        if int(smallest) <= -_LATEST or int(largest) >= _LATEST:
            bad = smallest if int(smallest) <= -_LATEST else largest
            raise InvalidArgumentError(f"{name} must be below 2**61 in magnitude, got {bad}")
    small = array.dtype.kind in "iu" and name != "t"
    return array if small else array.astype(np.int64, copy=False)


def check_inside(x: npt.NDArray[Any], y: npt.NDArray[Any], width: int, height: int) -> None:
    """Raise unless all pixels are inside the sensor."""
    outside = first_outside(x, y, width, height)
    if outside is not None:
        raise IndexOutOfRangeError(
            f"event {outside} is at x = {x[outside]}, y = {y[outside]}, outside {width} x {height} pixels"
        )


def first_outside(x: npt.NDArray[Any], y: npt.NDArray[Any], width: int, height: int) -> int | None:
    """Position of the first pixel outside the sensor."""
    outside = (x < 0) | (x >= width) | (y < 0) | (y >= height)
    return int(np.argmax(outside)) if outside.any() else None


def check_sorted(t: npt.NDArray[np.int64]) -> None:
    """Raise unless times do not decrease."""
    k = first_decrease(t)
    if k is not None:
        raise UnsortedSpikesError(
            f"times must not decrease: t[{k}] = {t[k]} after t[{k - 1}] = {t[k - 1]}; "
            "EventArray(..., sort=True) sorts events"
        )


def first_decrease(t: npt.NDArray[np.int64]) -> int | None:
    """Position of the first time that is smaller than the one before."""
    falls = t[1:] < t[:-1]
    return int(np.argmax(falls)) + 1 if falls.any() else None


def check_polarity(p: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """0 and 1, from 0 and 1 or from -1 and 1."""
    lowest = -1 if p.min(initial=0) < 0 else 0
    wrong = (p != lowest) & (p != 1)
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InvalidArgumentError(f"polarities must be {lowest} and 1, got p[{k}] = {p[k]}")
    on: npt.NDArray[np.uint8] = (p == 1).astype(np.uint8)
    return on


def columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The columns t, x, y and p among `fields`, under any of the names that are in use."""
    columns = {}
    for column, names in FIELD_NAMES.items():
        found = [name for name in names if name in fields]
        if not found:
            raise DTypeError(f"there is no field for {column} ({' or '.join(names)}) among {sorted(fields)}")
        columns[column] = fields[found[0]]
    return columns


def unmasked(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns without the rows that are masked (numpy.ma) in any of them."""
    masks = [np.ma.getmaskarray(column) for column in columns.values() if isinstance(column, np.ma.MaskedArray)]
    if not any(mask.any() for mask in masks):
        return columns
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    shapes = {array.shape for array in arrays.values()}
    if len(shapes) != 1 or arrays["t"].ndim != 1:
        raise ShapeMismatchError(f"t, x, y and p must have one dimension and one length, got shapes {sorted(shapes)}")
    keep = ~np.logical_or.reduce(masks)
    return {name: array[keep] for name, array in arrays.items()}


def microsecond(value: float, name: str) -> int:
    """The first whole microsecond that is not before `value`, within 64 bits."""
    whole = int(value) if isinstance(value, int | np.integer) else math.ceil(as_number(value, name))
    return min(max(whole, -_OUTSIDE), _OUTSIDE)


def sensor_size(size: int | None, coordinates: npt.NDArray[Any], name: str) -> int:
    """Return the pixels of a sensor along one axis: those given, or just enough for `coordinates`."""
    if size is None:
        return min(max(int(coordinates.max(initial=0)) + 1, 1), _MOST_PIXELS)
    number = as_size(size, name)
    if number > _MOST_PIXELS:
        raise InvalidArgumentError(f"{name} must be at most {_MOST_PIXELS}, got {number}")
    return number


def frozen(values: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    """Contiguous, of this type and read-only from now on; not for arrays that a user may still write to."""
    array = np.ascontiguousarray(values, dtype=dtype)
    array.flags.writeable = False
    return array
