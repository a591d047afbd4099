"""Rank order code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_positive
from ..spikes import SpikeArray
from .samples import Shape, as_samples


def rank_order(
    values: npt.ArrayLike, *, shape: Shape | None = None, interval: float = 1.0, threshold: float = 0.0
) -> SpikeArray | list[SpikeArray]:
    """Rank order code: the largest value fires first, the next largest one `interval` later, and so on.

    Only the order counts: any change of brightness or contrast that keeps the order, and what lies above the
    threshold, gives the same spikes.

    Parameters
    ----------
    values : array_like, shape (n_values,), (n, height, width) or (n, c, height, width)
        Any finite numbers; one sample or a batch, as for :func:`latency`.
    shape : tuple of int, optional
        Shape of one sample, as for :func:`latency`.
    interval : float
        Time from one rank to the next, in the network's time unit; > 0. The first rank fires at 0.
    threshold : float
        Values up to this stay silent.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        Sorted by time. Equal values share a rank and fire together, in order of their index. ``shape`` is that of a
        sample, unless it is flat.

    Raises
    ------
    ShapeMismatchError
        `values` do not have `shape`, or without it have two dimensions, none, or more than four.
    DTypeError, NonFiniteError
        `values` are not real, finite numbers, or `interval` or `threshold` is none.
    InvalidArgumentError
        `interval` is not positive.

    Notes
    -----
    Thorpe & Gautrais 1998, "Rank order coding", Computational Neuroscience: Trends in Research, 113-118. O(n log n).

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.rank_order([0.3, 0.9, 0.0, 0.3, 0.1], interval=2.0)
    >>> spikes.indices, spikes.times
    (array([1, 0, 3, 4], dtype=int32), array([0., 2., 2., 4.]))
    """
    read = as_samples(values, "values", shape)
    step, floor = as_positive(interval, "interval"), as_number(threshold, "threshold")
    samples, indices = np.nonzero(read.values > floor)
    order = np.lexsort((-read.values[samples, indices], samples))
    samples, indices = samples[order], indices[order]
    sorted_values = read.values[samples, indices]
    new_sample = np.diff(samples, prepend=-1) > 0
    new_rank = new_sample.copy()
    new_rank[1:] |= sorted_values[1:] != sorted_values[:-1]
    ranks = np.cumsum(new_rank) - 1
    ranks -= np.repeat(ranks[new_sample], np.diff(np.append(np.flatnonzero(new_sample), len(ranks))))
    with np.errstate(over="ignore"):  # SpikeArray refuses infinite times
        times = ranks * step
    return read.spikes(samples, indices, times)
