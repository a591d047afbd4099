"""How trains go together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_indices, as_number, as_positive, as_size
from ..errors import InvalidArgumentError
from ..random import from_seed, generator
from ..spikes import SpikeArray
from .windows import Bins, Floats, Trains, as_trains, bins_of, require_room

_AT_ONCE = 2**22
"""Counts, or pairs of spikes, held at a time; the result does not depend on it."""


@dataclass(frozen=True, eq=False)
class Correlations:
    """What :func:`correlations` returns.

    Attributes
    ----------
    neurons : ndarray of int64, shape (n,)
        Which neurons these are, ascending.
    matrix : ndarray of float64, shape (n, n)
        Correlation coefficients of each two, -1 to 1; NaN for neurons whose count never changes.
    """

    neurons: npt.NDArray[np.int64]
    matrix: Floats

    @property
    def mean(self) -> float:
        """Mean over all pairs of two neurons that have a coefficient; NaN if there is none."""
        pairs = self.matrix[np.triu_indices(len(self.neurons), 1)]
        known = pairs[~np.isnan(pairs)]
        return float(known.mean()) if known.size else float("nan")

    def __repr__(self) -> str:
        return f"Correlations({len(self.neurons)} neurons, mean {self.mean:.4g})"


def correlations(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    bin_width: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
    sample: int | None = None,
    seed: int | None = None,
) -> Correlations:
    r"""Pearson's correlation coefficients of binned spike counts, of each two neurons.

    Parameters
    ----------
    spikes, times, stop, start, n_neurons
        As for :func:`rates`.
    bin_width : float
        Length of a bin; > 0. What is left before `stop` and shorter than a bin is not looked at.
    sample : int, optional
        Number of neurons, drawn at random, silent ones included; by default all. A sample estimates the mean of large
        networks at a small part of the cost.
    seed : int, optional
        The same seed draws the same neurons; by default :mod:`evsim.random` decides.

    Returns
    -------
    Correlations
        ``matrix``, ``neurons`` and ``mean``. Neurons whose count is the same in all bins, silent ones among them, have
        no coefficient: NaN.

    Raises
    ------
    InvalidArgumentError
        `bin_width` is not positive, or not one bin fits; `stop` does not lie after `start`; `sample` is more than there
        are neurons; or `seed` is no seed.
    ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError
        As for :func:`rates`.
    MemoryLimitError
        A matrix of more than 2**28 numbers; take a `sample`.

    Notes
    -----
    With the count :math:`c_{ib}` of neuron i in bin b and its mean over all bins, those without spikes among them:

    .. math:: r_{ij} = \frac{\sum_b (c_{ib} - \bar c_i)(c_{jb} - \bar c_j)}
              {\sqrt{\sum_b (c_{ib} - \bar c_i)^2 \sum_b (c_{jb} - \bar c_j)^2}}

    as ``numpy.corrcoef`` and Elephant's ``correlation_coefficient`` have it. The sums are of whole numbers, and exact.
    Time n_neurons² times the number of bins that have a spike; memory n_neurons².

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 1, 0, 1, 2], [1.0, 1.5, 12.0, 14.0, 25.0])
    >>> found = evsim.analysis.correlations(spikes, bin_width=10.0, stop=40.0)
    >>> found.matrix.round(3)
    array([[ 1.   ,  1.   , -0.577],
           [ 1.   ,  1.   , -0.577],
           [-0.577, -0.577,  1.   ]])
    >>> round(found.mean, 3)
    -0.052
    """
    bins = bins_of(start, stop, bin_width, "bin_width")
    trains = as_trains(spikes, times, n_neurons, start, stop)
    chosen = _chosen(trains.n_neurons, sample, seed)
    n = len(chosen)
    require_room(float(n) ** 2, f"coefficients of {n:,} neurons")
    sums, products = _sums(bins, trains, chosen)
    covariance = bins.n * products - np.outer(sums, sums)
    deviation = np.sqrt(np.diagonal(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.clip(covariance / deviation / deviation[:, np.newaxis], -1.0, 1.0)
    np.fill_diagonal(matrix, np.where(deviation > 0, 1.0, np.nan))
    return Correlations(chosen, matrix)


def cross_correlogram(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    reference: int | npt.ArrayLike,
    target: int | npt.ArrayLike,
    bin_width: float,
    max_lag: float,
    start: float | None = None,
    stop: float | None = None,
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """How often the target fired how long after the reference: pairs of spikes by their lag.

    Parameters
    ----------
    spikes : SpikeArray, or array_like of int, shape (n,)
        Spikes, or their indices.
    times : array_like of float, shape (n,), optional
        Times that go with indices.
    reference, target : int or array_like of int, shape (k,)
        A neuron, or neurons whose spikes are taken together. The same twice gives the autocorrelogram, in which no
        spike is paired with itself.
    bin_width : float
        Length of a bin; > 0.
    max_lag : float
        Lag of the middle of the last bin; rounded down to a multiple of `bin_width`; >= 0.
    start, stop : float, optional
        The window that both spikes must lie in; by default all time.

    Returns
    -------
    edges : ndarray of float64, shape (2 k + 2,)
        Edges of 2 k + 1 bins, the middle one around lag 0. Bin j has the lags with ``edges[j] <= lag < edges[j + 1]``.
    counts : ndarray of int64, shape (2 k + 1,)
        Pairs by their lag, the target's time minus the reference's: right of the middle, the target comes later.

    Raises
    ------
    InvalidArgumentError
        `bin_width` is not positive, `max_lag` is negative, or `stop` does not lie after `start`.
    ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError
        Spikes that :class:`evsim.SpikeArray` does not take, or neurons and numbers that are none.
    MemoryLimitError
        More than 2**28 bins.

    Notes
    -----
    Perkel, Gerstein and Moore (1967), Biophys. J. 7, 419. Lags come from the exact times, so trains are not binned
    themselves. Of independent trains with n and m spikes in a window T, about ``n * m * bin_width / T`` pairs fall into
    a bin, fewer as lags near T. Time and memory: O(n log n + pairs within `max_lag`), in parts.

    Examples
    --------
    Neuron 1 follows neuron 0 after 2 ms:

    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 1, 0, 1, 0, 1], [10.0, 12.0, 30.0, 32.1, 45.0, 47.0])
    >>> edges, counts = evsim.analysis.cross_correlogram(spikes, reference=0, target=1, bin_width=1.0, max_lag=3.0)
    >>> counts
    array([0, 0, 0, 0, 0, 3, 0])
    >>> edges
    array([-3.5, -2.5, -1.5, -0.5,  0.5,  1.5,  2.5,  3.5])
    """
    size, longest = as_positive(bin_width, "bin_width"), as_number(max_lag, "max_lag")
    if longest < 0:
        raise InvalidArgumentError(f"max_lag must not be negative, got {longest}")
    with np.errstate(over="ignore"):
        last = float(np.float64(longest) / size * (1 + 1e-15))
        require_room(2 * last, f"bins of {size} up to a lag of {longest}")
        edges: Floats = size * (np.arange(-int(last), int(last) + 2, dtype=np.float64) - 0.5)
    trains = as_trains(spikes, times, None, start, stop)
    order = np.argsort(trains.times, kind="stable")
    of_reference, of_target = (
        order[np.isin(trains.indices[order], _group(group, name))]
        for group, name in ((reference, "reference"), (target, "target"))
    )
    counts = np.zeros(len(edges) - 1, dtype=np.int64)
    reach = float(edges[-1]) + size  # a bin more: only the lag itself, rounded once, decides where a pair counts
    for first, second in _pairs(trains.times, of_reference, of_target, reach):
        lags = (trains.times[second] - trains.times[first])[first != second]
        bins = np.searchsorted(edges, lags, side="right") - 1
        counts += np.bincount(bins[(bins >= 0) & (bins < len(counts))], minlength=len(counts))
    return edges, counts


def _chosen(n_neurons: int, sample: int | None, seed: int | None) -> npt.NDArray[np.int64]:
    """Neurons that are looked at, ascending."""
    if sample is None:
        return np.arange(n_neurons)
    size = as_size(sample, "sample")
    if size > n_neurons:
        raise InvalidArgumentError(f"sample = {size}, but there are {n_neurons} neurons")
    drawing = generator() if seed is None else from_seed(seed)
    return np.sort(drawing.choice(n_neurons, size, replace=False).astype(np.int64))


def _sums(bins: Bins, trains: Trains, chosen: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums of counts, and sums of products of each two neurons' counts, over bins: whole numbers."""
    n = len(chosen)
    row = np.full(trains.n_neurons, -1)
    row[chosen] = np.arange(n)
    which, neurons = bins(trains)
    rows = row[neurons]
    which, rows = which[rows >= 0], rows[rows >= 0]
    occupied, column = np.unique(which, return_inverse=True)
    order = np.argsort(column, kind="stable")
    column, rows = column[order], rows[order]
    sums = np.bincount(rows, minlength=n).astype(np.float64)
    products = np.zeros((n, n))
    step = max(1, _AT_ONCE // max(n, 1))
    for first in range(0, len(occupied), step):
        part = slice(*np.searchsorted(column, (first, first + step)))
        width = min(step, len(occupied) - first)
        counts = np.bincount(rows[part] * width + column[part] - first, minlength=n * width)
        block = counts.reshape(n, width).astype(np.float64)
        products += block @ block.T
    return sums, products


def _group(neurons: Any, name: str) -> npt.NDArray[np.int32]:
    group = as_array(neurons, name)
    return as_indices(group.reshape(1) if group.ndim == 0 else group, name)


def _pairs(
    times: Floats, first: npt.NDArray[np.intp], second: npt.NDArray[np.intp], longest: float
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Positions of two spikes, given in the order of time, that are at most about `longest` apart."""
    with np.errstate(over="ignore"):
        begins = np.searchsorted(times[second], times[first] - longest, side="left")
        sizes = np.searchsorted(times[second], times[first] + longest, side="right") - begins
    ends = np.cumsum(sizes)
    start = 0
    while start < len(first):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
        part = sizes[start:stop]
        skipped = np.repeat(begins[start:stop] - (ends[start:stop] - part - done), part)
        yield np.repeat(first[start:stop], part), second[skipped + np.arange(len(skipped))]
        start = stop
