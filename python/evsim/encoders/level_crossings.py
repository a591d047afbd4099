"""Delta modulation: signals as the moments at which they have changed enough."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_positive, as_times
from ..errors import NonFiniteError, ShapeMismatchError, UnsortedSpikesError
from ..spikes import SpikeArray
from .samples import Floats, Samples, Shape, as_shape, real_numbers, require_room

_SLACK = 8 * np.finfo(np.float64).eps
"""Relative; a signal that rises by 0.1 from sample to sample reaches every level of 0.1, however 0.1 is rounded."""


def delta_modulation(
    signal: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    threshold: float,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    r"""ON and OFF spikes where a signal has risen or fallen by the threshold since its last spike (send on delta).

    Between its samples the signal is taken to be a straight line, so that spike times are exact and not those of
    samples. The channels are those of an event camera: 0 (OFF) has the spikes where it falls, 1 (ON) where it rises.

    Parameters
    ----------
    signal : array_like, shape (n_times,) or (n_times, ...)
        Samples of one signal, or of many side by side, such as the frames of a film; with `shape` also a batch,
        of shape (n, n_times, ...).
    times : array_like, shape (n_times,)
        When the samples were taken, in the network's time unit; must not decrease. Two samples at one time are a jump.
    threshold : float
        Change that makes a spike; > 0.
    shape : tuple of int, optional
        Shape of the signals at one time: () for a single one, or one to three dimensions. Needed for a batch.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        Sorted by time, at one time by index: signal i of m fires as i where it falls and as m + i where it rises.
        ``shape`` is 2 and that of the signals, unless there is one signal only.

    Raises
    ------
    ShapeMismatchError
        `times` has another length than the signal, or the signal does not have `shape`.
    UnsortedSpikesError
        `times` decrease.
    DTypeError, NonFiniteError
        `signal` or `times` are not real, finite numbers.
    InvalidArgumentError
        `threshold` is not positive.
    MemoryLimitError
        More than 2**27 spikes.

    Notes
    -----
    Miskowicz 2006, Sensors 6, 49-63: "Send-on-delta concept". With :math:`\theta` the threshold, a spike is a change by
    :math:`\pm\theta` of the reference, which begins at the first sample. The first sample plus :math:`\theta` times
    (ON minus OFF so far) therefore never differs from the signal by :math:`\theta` or more. Of the logarithm of
    brightness these are the events of an ideal event camera. O(n log n) in the number of samples and of spikes.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.delta_modulation([0.0, 2.5, 0.5], [0.0, 10.0, 14.0], threshold=1.0)
    >>> spikes.indices, spikes.times
    (array([1, 1, 0], dtype=int32), array([ 4.,  8., 13.]))
    """
    read = _as_signals(signal, shape)
    moments, step = _moments(times), as_positive(threshold, "threshold")
    _, n_times, n_signals = read.values.shape
    if len(moments) != n_times:
        raise ShapeMismatchError(f"times has {len(moments)} values for {n_times} samples of the signal")
    with np.errstate(over="ignore", invalid="ignore"):
        height = (read.values - read.values[:, :1]) / step  # in thresholds
        require_room(float(np.abs(np.diff(height, axis=1)).sum()), "choose a larger threshold")
    level = _levels(height)
    change = np.diff(level, axis=1)
    sample, before, index = np.nonzero(change)
    change = change[sample, before, index]
    repeats = np.abs(change).astype(np.int64)
    total = np.cumsum(repeats)
    number = 1 + np.arange(total[-1] if len(total) else 0) - np.repeat(total - repeats, repeats)
    sample, before, index = (np.repeat(a, repeats) for a in (sample, before, index))
    sign = np.repeat(np.sign(change), repeats)
    crossed = level[sample, before, index] + sign * number
    low, high = height[sample, before, index], height[sample, before + 1, index]
    part = np.clip((crossed - low) / (high - low), 0.0, 1.0)
    start, stop = moments[before], moments[before + 1]
    at = np.clip(start + part * (stop - start), start, stop)
    space = (2, *read.shape)
    return read.spikes(sample, index + n_signals * (sign > 0), at, shape=space)


def _levels(height: Floats) -> Floats:
    """Whole thresholds that the reference has gone up or down by after each sample.

    The reference follows the signal to the last level on the way, ``clip(reference, floor(height), ceil(height))``, and
    a clip after a clip is a clip: so prefixes of all lengths are
    composed in log2(n_times) rounds (Hillis & Steele 1986).
    """
    slack = _SLACK * np.abs(height)
    low, high = np.floor(height + slack), np.ceil(height - slack)
    reach = 1
    while reach < height.shape[1]:
        later_low, later_high = low[:, reach:], high[:, reach:]
        both = [np.clip(edge[:, :-reach], later_low, later_high) for edge in (low, high)]
        low, high = (
            np.concatenate((edge[:, :reach], joined), axis=1) for edge, joined in zip((low, high), both, strict=True)
        )
        reach *= 2
    levels: Floats = np.clip(0.0, low, high)
    return levels


def _as_signals(signal: npt.ArrayLike, shape: Shape | None) -> Samples:
    """Signals as values of shape (n, n_times, n_signals)."""
    numbers = real_numbers(signal, "signal")
    if numbers.ndim == 0:
        raise ShapeMismatchError("signal must have an axis of time, got one number")
    space = numbers.shape[1:] if shape is None else as_shape(shape, least=0)
    batch = numbers.shape[1:] != space
    if (batch and numbers.shape[2:] != space) or len(space) > 3:
        raise ShapeMismatchError(
            f"signal must have the shape (n_times, *shape) or (n, n_times, *shape) with shape {space}, got "
            f"{numbers.shape}"
        )
    n_times = numbers.shape[1] if batch else numbers.shape[0]
    if n_times == 0 or 0 in space:
        raise ShapeMismatchError(f"signal must have samples, got shape {numbers.shape}")
    n = len(numbers) if batch else 1
    return Samples(numbers.reshape(n, n_times, math.prod(space)), space, batch)


def _moments(times: npt.ArrayLike) -> Floats:
    moments = as_times(times)
    if not np.all(np.isfinite(moments)):
        raise NonFiniteError("times must be finite")
    if np.any(falling := moments[1:] < moments[:-1]):
        k = int(np.argmax(falling)) + 1
        raise UnsortedSpikesError(f"times must not decrease: times[{k}] = {moments[k]} after {moments[k - 1]}")
    return moments
