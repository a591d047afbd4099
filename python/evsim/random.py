"""The random generator that initialisers draw from when a network has no seed of its own."""

from __future__ import annotations

import numpy as np

from ._lib.modules import only_public

__all__ = ["generator", "set_seed"]

_generator = np.random.default_rng()


def set_seed(seed: int) -> None:
    """Restart the shared generator: the same seed gives the same weights.

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
    _generator = np.random.default_rng(seed)


def generator() -> np.random.Generator:
    """Return the shared generator."""
    return _generator


__dir__ = only_public(__all__)
