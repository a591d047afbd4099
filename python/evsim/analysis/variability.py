"""Intervals between spikes, and how regular they are."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from ..spikes import SpikeArray
from .windows import Floats, Trains, as_trains


@overload
def intervals(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    by_neuron: Literal[False] = False,
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> Floats: ...
@overload
def intervals(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    by_neuron: Literal[True],
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> list[Floats]: ...
def intervals(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    by_neuron: bool = False,
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> Floats | list[Floats]:
    """Intervals from each spike of a neuron to its next one.

    Parameters
    ----------
    spikes : SpikeArray, or array_like of int, shape (n,)
        Spikes, or their indices.
    times : array_like of float, shape (n,), optional
        Times that go with indices.
    by_neuron : bool
        Whether to return one array per neuron.
    start, stop : float, optional
        The window that both spikes of an interval must lie in; by default all time.
    n_neurons : int, optional
        By default the size of ``spikes.shape``, else the largest index + 1.

    Returns
    -------
    ndarray of float64, shape (n_intervals,), or list of n_neurons of them
        In the network's time unit; in the order of neurons, and of time within each.

    Raises
    ------
    InvalidArgumentError
        `stop` does not lie after `start`.
    ShapeMismatchError
        A neuron beyond `n_neurons` fired, or `spikes` and `times` differ in length.
    DTypeError, NonFiniteError, IndexOutOfRangeError
        Spikes that :class:`evsim.SpikeArray` does not take, or numbers that are none.
    MemoryLimitError
        More than 2**28 neurons.

    Notes
    -----
    O(n log n). A short window has more of the short intervals than of the long ones, which do not fit in.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 1, 0, 1, 0], [1.0, 2.0, 4.0, 7.0, 5.0])
    >>> evsim.analysis.intervals(spikes)
    array([3., 1., 5.])
    >>> evsim.analysis.intervals(spikes, by_neuron=True, n_neurons=3)
    [array([3., 1.]), array([5.]), array([], dtype=float64)]
    """
    trains = as_trains(spikes, times, n_neurons, start, stop)
    gaps, owners = _intervals(trains)
    if not by_neuron:
        return gaps
    ends = np.cumsum(np.bincount(owners, minlength=trains.n_neurons))
    return [np.array(part) for part in np.split(gaps, ends[:-1])] if trains.n_neurons else []


def cv(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> Floats:
    r"""Coefficient of variation of each neuron's intervals: their standard deviation divided by their mean.

    0 for a clock, 1 for a Poisson process, more for bursts.

    Parameters
    ----------
    spikes, times, start, stop, n_neurons
        As for :func:`intervals`.

    Returns
    -------
    ndarray of float64, shape (n_neurons,)
        NaN for neurons with fewer than two intervals, which is three spikes, and for those whose intervals are all 0.
        ``numpy.nanmean`` is the mean over the others.

    Raises
    ------
    InvalidArgumentError, ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`intervals`.

    Notes
    -----
    The standard deviation has the divisor n, as in Elephant and ``scipy.stats.variation``; those return 0 for one
    interval, which would say that the neuron is regular. Few intervals give too low a value: a Poisson process has 1
    only as they get many. A drift of the rate raises it; :func:`cv2` and :func:`local_variation` are made against that.

    .. math:: C_V = \frac{1}{\bar I} \sqrt{\frac{1}{n} \sum_{i=1}^n (I_i - \bar I)^2}

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 0, 0, 0, 1, 1], [0.0, 1.0, 4.0, 5.0, 0.0, 3.0])
    >>> evsim.analysis.cv(spikes).round(4)
    array([0.5657,    nan])
    """
    trains = as_trains(spikes, times, n_neurons, start, stop)
    gaps, owners = _intervals(trains)
    counts = np.bincount(owners, minlength=trains.n_neurons)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(owners, gaps, trains.n_neurons) / counts
        relative = gaps / means[owners] - 1
        variation = np.sqrt(np.bincount(owners, relative**2, trains.n_neurons) / counts)
    return np.where(counts < 2, np.nan, variation)


def cv2(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> Floats:
    r"""Variation between neighbouring intervals of each neuron, which slow changes of its rate do not raise.

    0 for a clock, 1 for a Poisson process, up to 2.

    Parameters
    ----------
    spikes, times, start, stop, n_neurons
        As for :func:`intervals`.

    Returns
    -------
    ndarray of float64, shape (n_neurons,)
        NaN for neurons with fewer than two intervals, and where two intervals in a row are 0.

    Raises
    ------
    InvalidArgumentError, ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`intervals`.

    Notes
    -----
    Holt, Softky, Koch and Douglas (1996), J. Neurophysiol. 75, 1806:

    .. math:: C_{V2} = \frac{1}{n - 1} \sum_{i=1}^{n-1} \frac{2 |I_{i+1} - I_i|}{I_{i+1} + I_i}

    Examples
    --------
    >>> import evsim
    >>> evsim.analysis.cv2([0, 0, 0, 0], [0.0, 1.0, 4.0, 5.0])
    array([1.])
    """
    contrast, owners, n = _contrasts(as_trains(spikes, times, n_neurons, start, stop))
    return _means(2 * np.abs(contrast), owners, n)


def local_variation(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    start: float | None = None,
    stop: float | None = None,
    n_neurons: int | None = None,
) -> Floats:
    r"""Local variation L_V of each neuron's intervals, which slow changes of its rate do not raise.

    0 for a clock, 1 for a Poisson process, up to 3.

    Parameters
    ----------
    spikes, times, start, stop, n_neurons
        As for :func:`intervals`.

    Returns
    -------
    ndarray of float64, shape (n_neurons,)
        NaN for neurons with fewer than two intervals, and where two intervals in a row are 0.

    Raises
    ------
    InvalidArgumentError, ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`intervals`.

    Notes
    -----
    Shinomoto, Shima and Tanji (2003), Neural Computation 15, 2823:

    .. math:: L_V = \frac{3}{n - 1} \sum_{i=1}^{n-1} \left( \frac{I_i - I_{i+1}}{I_i + I_{i+1}} \right)^2

    Examples
    --------
    >>> import evsim
    >>> evsim.analysis.local_variation([0, 0, 0, 0], [0.0, 1.0, 4.0, 5.0])
    array([0.75])
    """
    contrast, owners, n = _contrasts(as_trains(spikes, times, n_neurons, start, stop))
    return _means(3 * contrast**2, owners, n)


def _intervals(trains: Trains) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Intervals, and whose they are."""
    ordered = trains.by_neuron()
    same = ordered.indices[1:] == ordered.indices[:-1]
    return np.diff(ordered.times)[same], ordered.indices[1:][same]


def _contrasts(trains: Trains) -> tuple[Floats, npt.NDArray[np.int32], int]:
    """Difference of neighbouring intervals over their sum, whose it is, and the number of neurons."""
    gaps, owners = _intervals(trains)
    same = owners[1:] == owners[:-1]
    early, late = gaps[:-1][same], gaps[1:][same]
    with np.errstate(invalid="ignore"):
        return (late - early) / (late + early), owners[1:][same], trains.n_neurons


def _means(values: Floats, owners: npt.NDArray[np.int32], n: int) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.bincount(owners, values, n) / np.bincount(owners, minlength=n)
