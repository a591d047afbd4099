"""Activity and regularity of spike trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import analysis
from .._lib.arrays import as_size
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .activity import raster
from .common import INK, matplotlib, new_axes, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_BINS = 10_000
_HERTZ = {"s": 1.0, "ms": 1e3, "us": 1e6}
"""Of units of time that have a name."""


def raster_with_rate(
    spikes: SpikeArray,
    *,
    bin_width: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
    color: Any = INK,
    axes: tuple[Axes, Axes] | None = None,
    time_unit: str | None = None,
) -> tuple[Axes, Axes]:
    """Draw a :func:`raster`, and below it the rate of the population over the same time.

    Parameters
    ----------
    spikes : SpikeArray
        Need not be sorted; those outside `start` to `stop` are left out.
    bin_width : float
        Length of the bins that the rate is counted in; > 0.
    stop, start : float
        The window, in the network's time unit.
    n_neurons : int, optional
        By default the size of ``spikes.shape``, else the largest index + 1.
    color : color, or sequence of n_neurons colors
        Of the marks, as for :func:`raster`.
    axes : pair of matplotlib.axes.Axes, optional
        Where to draw the raster and the rate; by default in a new figure, one above the other. Time is written below
        the rate alone.
    time_unit : str, optional
        Such as ``"ms"``, for the axis labels. With s, ms or us the rate is shown in Hz.

    Returns
    -------
    pair of matplotlib.axes.Axes
        Of the raster and of the rate.

    Raises
    ------
    DTypeError
        `spikes` is not a SpikeArray.
    InvalidArgumentError
        `bin_width` is not positive, or not one bin fits; `stop` does not lie after `start`; or there are no neurons.
    ShapeMismatchError
        There are fewer neurons or colours than the spikes have indices, or `axes` are not two.
    MissingDependencyError
        Without matplotlib.

    Notes
    -----
    The rate is :func:`evsim.analysis.population_rate`.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> spikes = evsim.SpikeArray([0, 2, 1], [0.5, 1.0, 2.5])
    >>> pair = Figure().subplots(2, 1, sharex=True)
    >>> above, below = evsim.plot.raster_with_rate(spikes, bin_width=1.0, stop=4.0, axes=pair, time_unit="ms")
    >>> above.get_ylabel(), below.get_xlabel(), below.get_ylabel()
    ('neuron', 'time (ms)', 'rate (Hz)')
    """
    _require_spikes(spikes)
    edges, rates = analysis.population_rate(spikes, bin_width=bin_width, start=start, stop=stop, n_neurons=n_neurons)
    above, below = _pair() if axes is None else _two(axes)
    raster(spikes.time_slice(start, stop), ax=above, color=color, n_neurons=n_neurons, time_unit=time_unit)
    scale, unit = _per_time(time_unit)
    below.stairs(rates * scale, edges, fill=True, color=INK)
    above.set(xlim=(start, stop), xlabel="")
    below.set(xlim=(start, stop), xlabel=time_label(time_unit), ylabel=f"rate{unit}")
    below.set_ylim(bottom=0.0)
    return above, below


def intervals(
    spikes: SpikeArray,
    *,
    n_bins: int = 60,
    log: bool = False,
    start: float | None = None,
    stop: float | None = None,
    color: Any = INK,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw a histogram of the intervals between spikes of each neuron, with their number and mean CV above.

    Parameters
    ----------
    spikes : SpikeArray
        Need not be sorted.
    n_bins : int
        Number of bins, from 1 to 10,000; they reach from 0, with `log` from the shortest interval, to the longest.
    log : bool
        Whether bins, and the axis, are logarithmic. Intervals of length 0 then have no place, and are an error.
    start, stop : float, optional
        The window that both spikes of an interval must lie in; by default all time.
    color : color
        Of the bars.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    time_unit : str, optional
        Such as ``"ms"``, for the axis label.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `spikes` is not a SpikeArray.
    InvalidArgumentError
        `n_bins` is outside its domain, `stop` does not lie after `start`, or an interval is 0 and `log` true.
    MissingDependencyError
        Without matplotlib.

    Notes
    -----
    The mean CV is that of :func:`evsim.analysis.cv` over all neurons that have one, those with three spikes or more.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> spikes = evsim.SpikeArray([0, 0, 0, 1, 1], [0.0, 1.0, 4.0, 0.0, 2.0])
    >>> ax = evsim.plot.intervals(spikes, ax=Figure().subplots(), time_unit="ms")
    >>> ax.get_title(), ax.get_xlabel()
    ('3 intervals, CV 0.50', 'interval (ms)')
    """
    _require_spikes(spikes)
    if as_size(n_bins, "n_bins") > _MOST_BINS:
        raise InvalidArgumentError(f"n_bins must be from 1 to {_MOST_BINS}, got {n_bins}")
    gaps = analysis.intervals(spikes, start=start, stop=stop)
    edges = _edges(gaps, n_bins, log)
    variation = analysis.cv(spikes, start=start, stop=stop)
    known = variation[~np.isnan(variation)]
    title = f"{len(gaps):,} interval{'' if len(gaps) == 1 else 's'}"
    axes = new_axes(ax)
    axes.stairs(np.histogram(gaps, edges)[0], edges, fill=True, color=color)
    if log:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set(
        xlabel=time_label(time_unit).replace("time", "interval", 1),
        ylabel="intervals",
        title=f"{title}, CV {known.mean():.2f}" if known.size else title,
    )
    axes.yaxis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True))
    return axes


def spectrum(
    spikes: SpikeArray,
    *,
    bin_width: float,
    stop: float,
    start: float = 0.0,
    n_neurons: int | None = None,
    segment: float | None = None,
    color: Any = INK,
    label: str | None = None,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw the power spectrum of the population rate, its power on a logarithmic axis, without frequency 0.

    Parameters
    ----------
    spikes : SpikeArray
        Need not be sorted; those outside `start` to `stop` are left out.
    bin_width, stop, start, n_neurons, segment
        As for :func:`evsim.analysis.power_spectrum`, which makes the values.
    color : color
        Of the line.
    label : str, optional
        For a legend.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    time_unit : str, optional
        Such as ``"ms"``, for the axis labels. With s, ms or us frequencies and power are shown in Hz.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `spikes` is not a SpikeArray.
    InvalidArgumentError, ShapeMismatchError, MemoryLimitError
        As :func:`evsim.analysis.power_spectrum`.
    MissingDependencyError
        Without matplotlib or SciPy.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from matplotlib.figure import Figure
    >>> spikes = evsim.encoders.poisson(np.full(20, 0.1), until=1000.0, seed=1)
    >>> ax = evsim.plot.spectrum(spikes, bin_width=2.0, stop=1000.0, ax=Figure().subplots(), time_unit="ms")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('frequency (Hz)', 'power density (Hz)')
    """
    _require_spikes(spikes)
    frequencies, power = analysis.power_spectrum(
        spikes, bin_width=bin_width, stop=stop, start=start, n_neurons=n_neurons, segment=segment
    )
    axes = new_axes(ax)
    scale, unit = _per_time(time_unit)
    axes.semilogy(frequencies[1:] * scale, power[1:] * scale, color=color, linewidth=1.2, label=label)
    axes.set(xlabel=f"frequency{unit}", ylabel=f"power density{unit}")
    axes.set_xlim(0.0, frequencies[-1] * scale)
    return axes


def _require_spikes(spikes: Any) -> None:
    if not isinstance(spikes, SpikeArray):
        raise DTypeError(f"spikes must be a SpikeArray, got {type(spikes).__name__}")


def _per_time(unit: str | None) -> tuple[float, str]:
    """What one per time unit is in the unit that is shown, and how that is written after a label."""
    if unit in _HERTZ:
        return _HERTZ[unit], " (Hz)"
    return 1.0, "" if unit is None else f" (1/{unit})"


def _pair() -> tuple[Axes, Axes]:
    pyplot = matplotlib("pyplot")
    above, below = pyplot.subplots(2, 1, sharex=True, height_ratios=(3, 1), layout="constrained")[1]
    return above, below


def _two(axes: Any) -> tuple[Axes, Axes]:
    try:
        above, below = axes
    except (TypeError, ValueError):
        raise ShapeMismatchError(f"axes must be two, for the raster and for the rate; got {axes!r}") from None
    return above, below


def _edges(gaps: npt.NDArray[np.float64], n_bins: int, log: bool) -> npt.NDArray[np.float64]:
    """Edges of the bins of a histogram that has room for all intervals."""
    low, high = (float(gaps.min()), float(gaps.max())) if gaps.size else (1.0, 1.0)
    if not log:
        return np.linspace(0.0, high or 1.0, n_bins + 1)
    if low <= 0:
        raise InvalidArgumentError("an interval is 0, which has no place on a logarithmic axis; give log=False")
    return np.geomspace(low, high, n_bins + 1) if low < high else np.geomspace(low / 2, 2 * low, n_bins + 1)
