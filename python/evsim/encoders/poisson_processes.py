"""Poisson processes in continuous time."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_positive
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..random import generator
from ..spikes import SpikeArray
from .philox import random_words
from .samples import Floats, Samples, Shape, as_duration, as_samples, require_room

_DRAWS_AT_ONCE = 2**16
"""Few enough to stay in the cache; the spikes do not depend on it."""


def poisson(
    rates: npt.ArrayLike,
    *,
    until: float,
    seed: int | None = None,
    samples: int | npt.ArrayLike | None = None,
    refractory: float = 0.0,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    r"""Poisson spike trains in continuous time, whose rates are the values.

    Parameters
    ----------
    rates : array_like, shape (n_values,), (n, height, width) or (n, c, height, width)
        Spikes per time unit; >= 0. One sample or a batch, as for :func:`latency`.
    until : float
        End of the trains, in the network's time unit; > 0. Spikes lie in [0, until).
    seed : int, optional
        0 to 2**128 - 1. The same seed gives the same spikes; by default one is drawn from :mod:`evsim.random`.
    samples : int or array_like of int, shape (n,), optional
        Number of each sample, from 0 to 2**63 - 1, which chooses its random numbers; by default its position in the
        batch, 0 for a single sample. Give the positions in your data set, and a sample has the same spikes in every
        batch.
    refractory : float
        Silence after each spike, >= 0; `rates` are those of the time outside it, so that r becomes
        ``r / (1 + r * refractory)`` on average.
    shape : tuple of int, optional
        Shape of one sample, as for :func:`latency`.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        Sorted by time, at one time by index. ``shape`` is that of a sample, unless it is flat.

    Raises
    ------
    ShapeMismatchError
        `rates` do not have `shape`, or without it have two dimensions, none, or more than four; or `samples` are not
        as many as there are samples.
    DTypeError, NonFiniteError
        `rates` are not real, finite numbers, or `samples` no whole numbers.
    InvalidArgumentError
        A negative rate, or `until`, `seed`, `samples` or `refractory` outside their domain.
    MemoryLimitError
        More than 2**27 spikes are to be expected.

    Notes
    -----
    The j-th spike of value i of sample s comes at

    .. math:: t_j = \frac{1}{r} \sum_{k=0}^{j} E_k + j \cdot \text{refractory},
              \qquad E_k = -\ln(1 - u_k), \quad u_k = 2^{-53} \lfloor w_k / 2^{11} \rfloor,

    where :math:`w_k` is number k of ``numpy.random.Philox(key=seed, counter=[0, 0, i, s])``, a counter-based generator
    (Salmon et al. 2011, SC '11): every value of every sample has 2**66 random numbers of its own. Hence a train
    depends on its rate, `seed`, i and s, and on nothing else: not on other values or their number, the order of
    samples, or threads. A shorter `until` gives the beginning of the same train, and a rate twice
    as high the same train twice as fast. Machines may differ by the rounding of their logarithm.

    Norse's ``PoissonEncoder(f_max)``, with at most one spike per step, tends to ``poisson(f_max * x)`` as its steps get
    shorter. The cost is that of the spikes, and of a few random words for each value that stays silent.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.poisson([0.05, 0.0, 0.2], until=50.0, seed=1)
    >>> spikes.indices
    array([...], dtype=int32)
    >>> alone = evsim.encoders.poisson([0.05], until=50.0, seed=1)
    >>> bool((alone.times == spikes.times[spikes.indices == 0]).all())
    True

    A batch by the positions of its samples in a data set:

    >>> first, second = evsim.encoders.poisson([[0.1, 0.2], [0.3, 0.4]], shape=(2,), until=50.0, seed=1)
    >>> evsim.encoders.poisson([0.3, 0.4], samples=1, until=50.0, seed=1) == second
    True
    """
    read = as_samples(rates, "rates", shape)
    _require_not_negative(read)
    window = _Window(_key(seed), 0, as_positive(until, "until"), as_duration(refractory, "refractory"))
    return read.spikes(*_trains(read.values, _sample_numbers(samples, read), window))


def poisson_step(
    rates: npt.ArrayLike,
    *,
    dt: float,
    step: int = 0,
    seed: int | None = None,
    samples: int | npt.ArrayLike | None = None,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    """One step of :func:`poisson`: the spikes of a window of length `dt`, at their exact times.

    A Poisson process has no memory, so that steps 0, 1, 2, ... side by side are one process, of rates that may change
    from step to step.

    Parameters
    ----------
    rates, seed, samples, shape
        As for :func:`poisson`.
    dt : float
        Length of a step, in the network's time unit; > 0.
    step : int
        Which step: its spikes lie in [step * dt, (step + 1) * dt). 0 to 2**63 - 1; every step has random numbers of
        its own, those of step 0 are the ones of :func:`poisson`.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        As :func:`poisson`.

    Raises
    ------
    ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError, MemoryLimitError
        As for :func:`poisson`.

    Notes
    -----
    Norse's ``PoissonEncoderStep(f_max)``, with at most one spike per step, stands for ``poisson_step(f_max * x)``.

    Examples
    --------
    A rate that goes up:

    >>> import evsim
    >>> steps = [evsim.encoders.poisson_step([0.1 * k], dt=10.0, step=k, seed=3) for k in range(20)]
    >>> train = evsim.SpikeArray().merge(*steps)
    >>> len(train.time_slice(0.0, 100.0)) < len(train.time_slice(100.0, 200.0))
    True
    """
    read = as_samples(rates, "rates", shape)
    _require_not_negative(read)
    length, number = as_positive(dt, "dt"), _whole(step, "step")
    start, stop = number * length, (number + 1) * length
    if not start < stop < math.inf:
        raise InvalidArgumentError(f"step {number} of length {length} begins and ends at one time, {start}")
    which, indices, times = _trains(read.values, _sample_numbers(samples, read), _Window(_key(seed), number, length))
    return read.spikes(which, indices, np.minimum(start + times, np.nextafter(stop, start)))


def signed_poisson(
    rates: npt.ArrayLike,
    *,
    until: float,
    seed: int | None = None,
    samples: int | npt.ArrayLike | None = None,
    refractory: float = 0.0,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    """Poisson spike trains whose rates are the magnitudes of the values, in two channels by their signs.

    The channels are those of an event camera: 0 (OFF) has the spikes of negative values, 1 (ON) those of positive ones.

    Parameters
    ----------
    rates : array_like, shape (n_values,), (n, height, width) or (n, c, height, width)
        Spikes per time unit, with a sign. One sample or a batch, as for :func:`latency`.
    until, seed, samples, refractory, shape
        As for :func:`poisson`.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        ``shape`` is 2 and that of a sample: value i fires as i where it is negative, and as n_values + i where it is
        positive, at the times at which :func:`poisson` lets it fire.

    Raises
    ------
    ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError, MemoryLimitError
        As for :func:`poisson`.

    Notes
    -----
    Norse's ``SignedPoissonEncoder`` gives spikes of the values -1 and 1. To that comes a first layer in which the
    weights of channel 0 are minus those of channel 1.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.signed_poisson([-0.2, 0.1], until=50.0, seed=1)
    >>> spikes.shape, set(spikes.indices.tolist())
    ((2, 2), {0, 3})
    """
    read = as_samples(rates, "rates", shape)
    window = _Window(_key(seed), 0, as_positive(until, "until"), as_duration(refractory, "refractory"))
    which, indices, times = _trains(np.abs(read.values), _sample_numbers(samples, read), window)
    positive = read.values[which, indices] > 0
    return read.spikes(which, indices + positive * read.values.shape[1], times, shape=(2, *read.shape))


@dataclass(frozen=True)
class _Window:
    """Which random numbers, how long, and how long a value is silent after a spike."""

    key: int
    step: int
    length: float
    refractory: float = 0.0


def _trains(
    rates: Floats, numbers: npt.NDArray[np.int64], window: _Window
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Row, column and time of every spike, in no order."""
    with np.errstate(over="ignore"):
        expected = float(np.sum(window.length / (1.0 / rates[rates > 0] + window.refractory)))
    require_room(expected, "choose a shorter window or lower rates")
    rows, columns = np.nonzero(rates)
    trains, times = [np.empty(0, np.intp)], [np.empty(0)]
    chunk = _DRAWS_AT_ONCE // 4
    for begin in range(0, len(rows), chunk):
        row, column = rows[begin : begin + chunk], columns[begin : begin + chunk]
        for train, time in _pieces(rates[row, column], column, numbers[row], window):
            trains.append(begin + train)
            times.append(time)
    all_trains = np.concatenate(trains)
    return rows[all_trains], columns[all_trains], np.concatenate(times)


def _pieces(
    rates: Floats, values: npt.NDArray[np.intp], numbers: npt.NDArray[np.int64], window: _Window
) -> Iterator[tuple[npt.NDArray[np.intp], Floats]]:
    """Position among `rates` and time of spikes, some of every train at a time, until all have left the window."""
    going, total = np.arange(len(rates)), np.zeros((len(rates), 1))
    first, n_blocks = 0, 1
    while len(going):
        block = 1 + first + np.arange(n_blocks)  # NumPy counts before it draws
        counter = block, np.array(window.step), values[going, np.newaxis], numbers[going, np.newaxis]
        words = random_words(window.key, counter).reshape(len(going), 4 * n_blocks)
        intervals = -np.log1p((words >> np.uint64(11)) * -(2.0**-53))
        # One sum from left to right, however it is cut: so a train does not depend on the size of the pieces.
        sums = np.cumsum(np.concatenate((total, intervals), axis=1), axis=1)[:, 1:]
        with np.errstate(over="ignore"):
            times = sums / rates[going, np.newaxis] + window.refractory * (4 * first + np.arange(4 * n_blocks))
        inside = times < window.length
        yield going[np.nonzero(inside)[0]], times[inside]
        last = inside[:, -1]
        going, total = going[last], sums[last, -1:]
        first += n_blocks
        n_blocks = max(1, min(2 * n_blocks, _DRAWS_AT_ONCE // (4 * max(len(going), 1))))


def _require_not_negative(read: Samples) -> None:
    if (least := read.values.min(initial=0.0)) < 0:
        raise InvalidArgumentError(f"rates must not be negative, got {least:g}; signed_poisson takes both signs")


def _whole(value: Any, name: str, end: int = 2**63) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise DTypeError(f"{name} must be a whole number, got {value!r}") from None
    if not 0 <= number < end:
        raise InvalidArgumentError(f"{name} must be from 0 to {end - 1}, got {number}")
    return number


def _key(seed: int | None) -> int:
    return int(generator().integers(2**63)) if seed is None else _whole(seed, "seed", 2**128)


def _sample_numbers(samples: int | npt.ArrayLike | None, read: Samples) -> npt.NDArray[np.int64]:
    n = len(read.values)
    if samples is None:
        return np.arange(n)
    numbers = as_array(samples, "samples")
    if numbers.shape != ((n,) if read.batch else ()):
        expected = f"as many numbers as the batch has samples, {n}," if read.batch else "one number"
        raise ShapeMismatchError(f"samples must be {expected} got shape {numbers.shape}")
    if numbers.dtype.kind not in "iu" and numbers.size:
        raise DTypeError(f"samples must be whole numbers, got dtype {numbers.dtype}")
    if numbers.size and not (int(numbers.min()) >= 0 and int(numbers.max()) < 2**63):
        raise InvalidArgumentError(f"samples must be from 0 to {2**63 - 1}, got {samples}")
    return numbers.astype(np.int64).reshape(n)
