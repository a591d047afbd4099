"""Rows of features as spikes: the larger a feature, the earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_number, as_positive
from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..spikes import SpikeArray

__all__ = ["LatencyCode"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LatencyCode:
    """Latency code of features, each between the lowest and the highest value that it was seen with.

    Input k fires at ``(1 - u) * window``, with u from 0 to 1 where the feature is from its lowest to its highest value,
    and not at all at the lowest. Input ``n_features + k`` does so with 1 - u: it says that a feature is small. The last
    input fires at 0 in every sample, so that neurons know when time begins.

    Parameters
    ----------
    lowest, highest : array_like, shape (n_features,)
        Values outside are taken to be these.
    window : float
        > 0.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, ShapeMismatchError, DTypeError
        `lowest` above `highest`, of another shape, or not finite; `window` not above 0.

    Notes
    -----
    Goeltz et al. 2021, Nat. Mach. Intell. 3, give Yin-Yang's coordinates, their complements and a bias spike likewise.

    Examples
    --------
    >>> from evsim.learning import LatencyCode
    >>> code = LatencyCode.of([[0.0, 10.0], [4.0, 30.0]], window=20.0)
    >>> code.n_inputs
    5
    >>> sample = code.encode([[1.0, 30.0]])[0]
    >>> sample.indices, sample.times
    (array([1, 4, 2, 0], dtype=int32), array([ 0.,  0.,  5., 15.]))
    """

    lowest: Floats
    highest: Floats
    window: float = 20.0

    def __post_init__(self) -> None:
        lowest, highest = (_numbers(one).copy() for one in (self.lowest, self.highest))
        if lowest.ndim != 1 or lowest.shape != highest.shape or lowest.size == 0:
            raise ShapeMismatchError(
                f"lowest and highest have one value a feature, got {lowest.shape}, {highest.shape}"
            )
        if not (np.all(np.isfinite(lowest)) and np.all(np.isfinite(highest))):
            raise NonFiniteError("lowest and highest must be finite")
        if np.any(lowest > highest):
            k = int(np.argmax(lowest > highest))
            raise InvalidArgumentError(f"feature {k}: lowest {lowest[k]:g} is above highest {highest[k]:g}")
        lowest.flags.writeable = highest.flags.writeable = False
        object.__setattr__(self, "lowest", lowest)
        object.__setattr__(self, "highest", highest)
        object.__setattr__(self, "window", as_positive(self.window, "window"))

    @classmethod
    def of(cls, features: npt.ArrayLike, window: float = 20.0) -> LatencyCode:
        """Return the code that spans `features`, shape (n_samples, n_features). Raises as :meth:`encode`."""
        rows = _rows(features)
        if not len(rows):
            raise ShapeMismatchError("there must be at least one row of features")
        return cls(rows.min(axis=0), rows.max(axis=0), window)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.lowest)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of a network that takes the spikes: two for each feature, and one."""
        return 2 * self.n_features + 1

    def encode(self, features: npt.ArrayLike) -> list[SpikeArray]:
        """Return the spikes of each row; shape (n_samples, n_features).

        Raises
        ------
        ShapeMismatchError, DTypeError, NonFiniteError
            Rows of another length, or of what is no finite number.
        """
        rows = _rows(features)
        if rows.shape[1] != self.n_features:
            raise ShapeMismatchError(f"rows must have {self.n_features} features, got {rows.shape[1]}")
        return self._encode(self.shares(rows))

    def shares(self, rows: Floats) -> Floats:
        """Return where features are between their lowest (0) and highest (1) value; 0 where these are the same."""
        with np.errstate(over="ignore"):  # a span of more than the largest float: halves have none
            span = self.highest / 2.0 - self.lowest / 2.0
            above = np.clip(rows, self.lowest, self.highest) / 2.0 - self.lowest / 2.0
        shares: Floats = np.divide(above, span, out=np.zeros_like(rows), where=span > 0.0)
        return shares

    def _encode(self, shares: Floats) -> list[SpikeArray]:
        strengths = np.hstack([shares, 1.0 - shares, np.ones((len(shares), 1))])
        times = np.where(strengths > 0.0, (1.0 - strengths) * self.window, np.inf)
        order = np.argsort(times, axis=1, kind="stable").astype(np.int32)
        times = np.take_along_axis(times, order, axis=1)
        counts = np.isfinite(times).sum(axis=1).tolist()
        return [SpikeArray(order[k, :n], times[k, :n]) for k, n in enumerate(counts)]


class Blur:
    """Makes spikes of rows of features, blurred anew each time, so that a network does not learn them by heart.

    What :class:`Trainer` takes as ``augment=`` for rows of features as samples.

    Parameters
    ----------
    code : LatencyCode
    noise : float
        Standard deviation of what is added, as a share of a feature's span; >= 0.
    """

    def __init__(self, code: LatencyCode, noise: float) -> None:
        if not 0.0 <= as_number(noise, "noise") < np.inf:
            raise InvalidArgumentError(f"noise must be >= 0 and finite, got {noise}")
        self._code, self._noise = code, float(noise)

    def __call__(self, rows: Sequence[Floats], rng: np.random.Generator) -> list[SpikeArray]:
        shares = self._code.shares(np.array(rows))
        if self._noise:
            shares = np.clip(shares + rng.normal(0.0, self._noise, shares.shape), 0.0, 1.0)
        return self._code._encode(shares)


def _numbers(given: npt.ArrayLike) -> Floats:
    numbers = as_array(given, "features", "rows of numbers")
    if numbers.dtype.kind not in "biuf":
        raise DTypeError(f"features must be numbers, got {numbers.dtype}")
    return numbers.astype(np.float64, copy=False)


def _rows(features: npt.ArrayLike) -> Floats:
    rows = _numbers(features)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ShapeMismatchError(f"features must have the shape (n_samples, n_features), got {rows.shape}")
    if not np.all(np.isfinite(rows)):
        raise NonFiniteError("features must be finite")
    return rows


__dir__ = only_public(__all__)
