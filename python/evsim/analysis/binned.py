"""Rates, and what else comes from counts of spikes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import InvalidArgumentError
from ..spikes import SpikeArray
from .windows import Floats, as_trains, bins_of, require_window


def rates(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
) -> Floats:
    """Mean rate of each neuron: its spikes divided by the length of the window.

    Parameters
    ----------
    spikes : SpikeArray, or array_like of int, shape (n,)
        Spikes, or their indices.
    times : array_like of float, shape (n,), optional
        Times that go with indices.
    stop, start : float
        The window, in the network's time unit: usually what ``infer(until=...)`` was given, and 0. The last spike is
        no end of it: rates up to there come out too high.
    n_neurons : int, optional
        By default the size of ``spikes.shape``, else the largest index + 1.

    Returns
    -------
    ndarray of float64, shape (n_neurons,)
        Spikes per time unit; 0 for silent neurons.

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
    O(n + n_neurons).

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 2, 0, 0], [1.0, 2.0, 4.0, 9.0])
    >>> evsim.analysis.rates(spikes, n_neurons=4, stop=10.0)
    array([0.3, 0. , 0.1, 0. ])
    """
    begin, end = require_window(start, stop)
    trains = as_trains(spikes, times, n_neurons, begin, end)
    counts = np.bincount(trains.indices, minlength=trains.n_neurons)
    return counts / (end - begin)


def population_rate(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    bin_width: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
) -> tuple[Floats, Floats]:
    r"""Activity of a population over time: its spikes in a bin, per neuron and time unit.

    Parameters
    ----------
    spikes, times, stop, start, n_neurons
        As for :func:`rates`.
    bin_width : float
        Length of a bin; > 0. The first begins at `start`; what is left before `stop` and shorter than a bin is not
        looked at.

    Returns
    -------
    edges : ndarray of float64, shape (n_bins + 1,)
        ``start + k * bin_width``. Bin k has the spikes with ``edges[k] <= time < edges[k + 1]``.
    rates : ndarray of float64, shape (n_bins,)
        Spikes per neuron and time unit.

    Raises
    ------
    InvalidArgumentError
        `bin_width` is not positive, or not one bin fits; `stop` does not lie after `start`; or there are no neurons.
    ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`rates`.

    Notes
    -----
    The population activity of Gerstner et al. (2014), Neuronal Dynamics, chapter 7:

    .. math:: A(t) = \frac{1}{\Delta t} \frac{n_{act}(t; t + \Delta t)}{N}

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([0, 1, 0, 1], [0.0, 1.0, 6.0, 9.5])
    >>> edges, rates = evsim.analysis.population_rate(spikes, bin_width=4.0, stop=10.0)
    >>> edges
    array([0., 4., 8.])
    >>> rates
    array([0.25 , 0.125])
    """
    bins = bins_of(start, stop, bin_width, "bin_width")
    trains = as_trains(spikes, times, n_neurons, start, stop)
    trains.require_neurons()
    counts = np.bincount(bins(trains)[0], minlength=bins.n)
    return bins.edges, counts / (trains.n_neurons * bins.width)


def fano_factor(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    window: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
) -> Floats:
    """Fano factor of each neuron: variance of its spike count over windows, divided by the mean.

    1 for a Poisson process; below, counts vary less than chance has it.

    Parameters
    ----------
    spikes, times, stop, start, n_neurons
        As for :func:`rates`.
    window : float
        Length of a window; > 0. Windows lie side by side from `start` on; what is left before `stop` is not looked at.

    Returns
    -------
    ndarray of float64, shape (n_neurons,)
        NaN for neurons without spikes.

    Raises
    ------
    InvalidArgumentError
        `window` is not positive, or fewer than two fit; or `stop` does not lie after `start`.
    ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`rates`.

    Notes
    -----
    The variance has the divisor n_windows, as in NumPy and Elephant, and so comes out too low by the factor
    ``1 - 1 / n_windows``. Elephant counts over trials, here over time; a drift of the rate counts as variance
    (Nawrot et al. 2008, J. Neurosci. Methods 169). It is computed from whole numbers: :math:`F = (W Q - S^2) / (W S)`
    with the sum S and the sum of squares Q of the counts of W windows. O(n log n + n_neurons).

    Examples
    --------
    >>> import evsim, numpy as np
    >>> spikes = evsim.encoders.poisson(np.full(4, 0.1), until=100_000.0, seed=1)
    >>> bool((abs(evsim.analysis.fano_factor(spikes, window=100.0, stop=100_000.0) - 1) < 0.15).all())
    True
    """
    bins = bins_of(start, stop, window, "window")
    if bins.n < 2:
        raise InvalidArgumentError(f"a variance needs two windows; one of {bins.width} fits before stop = {stop}")
    trains = as_trains(spikes, times, n_neurons, start, stop)
    which, neurons = bins(trains)
    cells, counts = np.unique(neurons * bins.n + which, return_counts=True)
    owners = cells // bins.n
    sums = np.bincount(owners, counts, trains.n_neurons)
    squares = np.bincount(owners, counts**2, trains.n_neurons)
    with np.errstate(invalid="ignore"):
        return (bins.n * squares - sums**2) / (bins.n * sums)
