"""The random generator that initialisers draw from when a network has no seed of its own."""

from __future__ import annotations

import operator

import numpy as np

from ._lib.modules import only_public
from .errors import InvalidArgumentError

__all__ = ["generator", "set_seed"]

_generator = np.random.default_rng()


def set_seed(seed: int) -> None:
    """Restart the shared generator: the same seed gives the same weights.

    Raises
    ------
    InvalidArgumentError
        The seed is no whole number, or negative.

    Examples
    --------
    >>> import evsim
    >>> evsim.random.set_seed(1)
    >>> a = evsim.initializers.NormalInitializer()((2, 3))
    >>> evsim.random.set_seed(1)
    >>> b = evsim.initializers.NormalInitializer()((2, 3))
    >>> bool((a == b).all())
    True
    """
    global _generator
    _generator = np.random.default_rng() if seed is None else from_seed(seed)


def from_seed(seed: int) -> np.random.Generator:
    """Return a generator of its own.

    Raises
    ------
    InvalidArgumentError
        The seed is no whole number, or negative.
    """
    try:
        return np.random.default_rng(operator.index(seed))
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"seed must be a whole number that is not negative, got {seed!r}") from error


def generator() -> np.random.Generator:
    """Return the shared generator."""
    return _generator


__dir__ = only_public(__all__)
