"""Spectra of the activity of a population."""

from __future__ import annotations

import numpy.typing as npt

from .._lib.arrays import as_positive
from .._lib.optional import require
from ..errors import InvalidArgumentError
from ..spikes import SpikeArray
from .binned import population_rate
from .windows import Floats


def power_spectrum(
    spikes: SpikeArray | npt.ArrayLike,
    times: npt.ArrayLike | None = None,
    *,
    bin_width: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
    segment: float | None = None,
) -> tuple[Floats, Floats]:
    """Power spectral density of the population rate, by Welch's method (extra ``analysis``).

    Parameters
    ----------
    spikes, times, bin_width, stop, start, n_neurons
        As for :func:`population_rate`. Frequencies go up to ``1 / (2 * bin_width)``.
    segment : float, optional
        Length of the segments whose spectra are averaged; frequencies lie ``1 / segment`` apart. By default eight
        segments that overlap by half fill the window.

    Returns
    -------
    frequencies : ndarray of float64, shape (n,)
        Cycles per time unit, from 0: kHz if times are in ms.
    power : ndarray of float64, shape (n,)
        One-sided density: squared rate per frequency, which is in spikes per neuron and time unit. Integrated over
        frequencies it gives the variance of the rate, but for what is slower than a segment. N independent Poisson
        trains of rate r have 2 r / N at all frequencies.

    Raises
    ------
    InvalidArgumentError
        `segment` is shorter than two bins or longer than the window, or as for :func:`population_rate`.
    MissingDependencyError
        Without SciPy.
    ShapeMismatchError, DTypeError, NonFiniteError, IndexOutOfRangeError, MemoryLimitError
        As for :func:`rates`.

    Notes
    -----
    Welch (1967), IEEE Trans. Audio Electroacoust. 15, 70, as ``scipy.signal.welch`` has it: Hann windows, an overlap of
    one half, the mean of each segment taken away. Elephant's ``welch_psd`` of binned trains does the same.

    Examples
    --------
    A population that fires every 20 ms, which is 50 Hz:

    >>> import evsim, numpy as np
    >>> times = np.repeat(np.arange(5.0, 2000.0, 20.0), 10)
    >>> frequencies, power = evsim.analysis.power_spectrum(
    ...     np.arange(len(times)) % 10, times, bin_width=10.0, stop=2000.0, segment=400.0
    ... )
    >>> float(frequencies[np.argmax(power)])
    0.05
    """
    _, rates = population_rate(spikes, times, bin_width=bin_width, stop=stop, start=start, n_neurons=n_neurons)
    size = _segment_size(len(rates), float(bin_width), segment)
    signal = require("scipy.signal", "SciPy", "analysis", "power_spectrum")
    frequencies, power = signal.welch(rates, fs=1 / float(bin_width), window="hann", nperseg=size)
    return frequencies, power


def _segment_size(n_bins: int, width: float, segment: float | None) -> int:
    """Bins of a segment."""
    size = n_bins * 2 // 9 if segment is None else round(min(as_positive(segment, "segment") / width, 2.0**53))
    if not 2 <= size <= n_bins:
        asked = "eight segments" if segment is None else f"segment = {segment}"
        raise InvalidArgumentError(
            f"{asked} of {size} bins: a segment has at least 2 bins and at most all {n_bins} of the window"
        )
    return size
