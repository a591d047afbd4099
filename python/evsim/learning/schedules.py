"""Learning rates over epochs: what a rate is multiplied by in an epoch, counted from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .._lib.arrays import as_number, as_size
from .._lib.modules import only_public
from ..errors import InvalidArgumentError

__all__ = ["CosineDecay", "ExponentialDecay"]


@dataclass(frozen=True)
class CosineDecay:
    """A half cosine, from 1 in the first epoch to `last` in the last one, and after it.

    Parameters
    ----------
    epochs : int
        >= 1.
    last : float
        Above 0 and at most 1.

    Raises
    ------
    InvalidArgumentError, DTypeError, NonFiniteError

    Notes
    -----
    Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts.

    Examples
    --------
    >>> from evsim.learning import CosineDecay
    >>> [round(CosineDecay(5)(epoch), 3) for epoch in range(5)]
    [1.0, 0.855, 0.505, 0.155, 0.01]
    """

    epochs: int
    last: float = 0.01

    def __post_init__(self) -> None:
        as_size(self.epochs, "epochs")
        _require_share(self.last, "last")

    def __call__(self, epoch: int) -> float:
        """Return the factor of an epoch."""
        share = min(1.0, epoch / max(1, self.epochs - 1))
        return self.last + (1.0 - self.last) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class ExponentialDecay:
    """The same factor from each epoch to the next.

    Parameters
    ----------
    factor : float
        Above 0 and at most 1.

    Raises
    ------
    InvalidArgumentError, DTypeError, NonFiniteError

    Examples
    --------
    >>> from evsim.learning import ExponentialDecay
    >>> [round(ExponentialDecay(0.9)(epoch), 3) for epoch in range(4)]
    [1.0, 0.9, 0.81, 0.729]
    """

    factor: float

    def __post_init__(self) -> None:
        _require_share(self.factor, "factor")

    def __call__(self, epoch: int) -> float:
        """Return the factor of an epoch."""
        return float(self.factor**epoch)


def _require_share(value: float, name: str) -> None:
    if not 0.0 < as_number(value, name) <= 1.0:
        raise InvalidArgumentError(f"{name} must be above 0 and at most 1, got {value}")


__dir__ = only_public(__all__)
