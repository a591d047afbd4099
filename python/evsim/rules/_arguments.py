"""Checks of what the rules are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from .._lib.arrays import as_float, as_number
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError

Values = TypeVar("Values")


def as_nonnegative(value: float, name: str) -> float:
    """One finite number >= 0."""
    number = as_number(value, name)
    if number < 0.0:
        raise InvalidArgumentError(f"{name} must not be negative, got {number}")
    return number


def as_tau(value: float, name: str) -> float:
    """A time constant: > 0; infinity stands for no decay."""
    number = as_float(value, name)
    if not number > 0.0:
        raise InvalidArgumentError(f"{name} must be > 0, got {number}")
    return number


def as_bounds(w_min: float, w_max: float, *, finite: bool = False) -> dict[str, float]:
    """Bounds of a weight as kernel parameters."""
    convert = as_number if finite else as_float
    low, high = convert(w_min, "w_min"), convert(w_max, "w_max")
    if low != low or high != high:
        raise NonFiniteError(f"w_min and w_max must not be NaN, got {low} and {high}")
    if not low < high:
        raise InvalidArgumentError(f"w_min must be less than w_max, got {low} and {high}")
    return {"w_min": low, "w_max": high}


def as_preset(name: str, presets: Mapping[str, Values]) -> Values:
    """Look up a named set of values, in letters of either case."""
    if not isinstance(name, str):
        raise DTypeError(f"preset must be a string, got {name!r}")
    if name.lower() not in presets:
        raise InvalidArgumentError(f"there is no preset {name!r}; there are: {', '.join(presets)}")
    return presets[name.lower()]


def is_multiplicative(stabilizer: str) -> float:
    """1.0 for "multiplicative", 0.0 for "additive"."""
    if stabilizer not in ("multiplicative", "additive"):
        raise InvalidArgumentError(f"stabilizer must be 'multiplicative' or 'additive', got {stabilizer!r}")
    return float(stabilizer == "multiplicative")
