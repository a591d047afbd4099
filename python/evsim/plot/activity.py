"""Spikes and membrane potentials over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_times
from .._lib.trains import count_neurons
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..probe import Probe
from ..spikes import SpikeArray
from .common import COLORS, INK, matplotlib, new_axes, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BARS_UP_TO = 5_000
_VECTORS_UP_TO = 50_000


def raster(
    spikes: SpikeArray,
    *,
    ax: Axes | None = None,
    color: Any = INK,
    n_neurons: int | None = None,
    label: str | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw one mark per spike: time to the right, neurons upwards.

    Up to 5,000 spikes are drawn as vertical bars, more as dots that shrink as they get more; beyond 50,000
    the dots are rasterised, so that a PDF stays small.

    Parameters
    ----------
    spikes : SpikeArray
        Need not be sorted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    color : color, or sequence of n_neurons colors
        Of all marks, or of each neuron's.
    n_neurons : int, optional
        Makes room for this many neurons; by default for the size of ``spikes.shape``, else for those that
        fired.
    label : str, optional
        For a legend.
    time_unit : str, optional
        Such as ``"ms"``, for the axis label.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `spikes` is not a SpikeArray.
    ShapeMismatchError
        There are fewer neurons or colours than the spikes have indices.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> spikes = evsim.SpikeArray([0, 2, 1], [0.5, 1.0, 2.5])
    >>> ax = evsim.plot.raster(spikes, ax=Figure().subplots(), time_unit="ms")
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (ms)', 'neuron')
    """
    if not isinstance(spikes, SpikeArray):
        raise DTypeError(f"spikes must be a SpikeArray, got {type(spikes).__name__}")
    rows = count_neurons(spikes.indices, spikes.shape, n_neurons)
    axes = new_axes(ax)
    colors = _mark_colors(color, spikes)
    few = len(spikes) <= _BARS_UP_TO
    axes.scatter(
        spikes.times,
        spikes.indices,
        s=_bar_height(axes, rows) ** 2 if few else max(0.3, 20_000 / len(spikes)),
        marker="|" if few else "o",
        c=colors,
        linewidths=1.1 if few else 0,
        rasterized=len(spikes) > _VECTORS_UP_TO,
        label=label,
    )
    axes.set_ylim(-0.6, max(rows, 1) - 0.4)
    axes.yaxis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True))
    axes.set(xlabel=time_label(time_unit), ylabel="neuron")
    return axes


def membrane(
    trace: Probe | npt.ArrayLike,
    values: npt.ArrayLike | None = None,
    *,
    threshold: float | npt.ArrayLike | None = None,
    spikes: SpikeArray | None = None,
    neurons: npt.ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    colors: Sequence[Any] | None = None,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw membrane potentials (or currents) over time, with their threshold and spikes.

    Parameters
    ----------
    trace : Probe, or array_like of shape (n_times,)
        A probe after ``infer(record=probe)``, or the times that go with `values`.
    values : array_like, shape (n_times,) or (n_times, n_recorded), optional
        Potentials, if `trace` is an array. Of a probe that recorded a batch, draw one sample:
        ``membrane(probe.times, probe.values[k])``.
    threshold : float or array_like of shape (n_recorded,), optional
        Drawn as a dashed line, or as one per neuron in its colour.
    spikes : SpikeArray, optional
        What the layer fired: its spikes of the recorded neurons are marked above the threshold. With a scalar
        or per-neuron `threshold` the traces are led up to it, since the potential is the threshold when a
        neuron fires.
    neurons : array_like of int, shape (n_recorded,), optional
        Which neuron each column is; by default the probe's, else 0, 1, ...
    labels : sequence of str, optional
        For the legend; "neuron 3" and so on by default. An empty sequence leaves the legend out.
    colors : sequence of colors, optional
        One per neuron, repeated if there are fewer.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    time_unit : str, optional
        Such as ``"ms"``, for the axis label.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    NotRunError
        The probe has not recorded anything yet.
    ShapeMismatchError
        Times, values, neurons, labels or thresholds differ in number, or the probe recorded a batch.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from matplotlib.figure import Figure
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[6.0]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
    >>> probe = evsim.Probe(0, np.linspace(0.0, 60.0, 601))
    >>> spikes = net.infer([0], [5.0], record=probe)
    >>> ax = evsim.plot.membrane(probe, threshold=1.0, spikes=spikes, ax=Figure().subplots())
    >>> ax.get_ylabel()
    'membrane potential'
    """
    times, columns, recorded, variable = _traces(trace, values, neurons)
    n = columns.shape[1]
    thresholds = _thresholds(threshold, n)
    names = _names(labels, recorded)
    axes = new_axes(ax)
    for k in range(n):
        color = (colors or COLORS)[k % len(colors or COLORS)]
        fired = spikes.times[spikes.indices == recorded[k]] if spikes is not None else np.empty(0)
        x, y = _led_to_threshold(times, columns[:, k], fired, thresholds, k)
        axes.plot(x, y, color=color, linewidth=1.4, label=names[k] if names else None)
        if fired.size:
            height = thresholds[k % len(thresholds)] if thresholds is not None else columns[:, k].max()
            axes.plot(fired, np.full(fired.size, height), "v", color=color, markersize=6, zorder=3, clip_on=False)
    if thresholds is not None:
        for k, height in enumerate(thresholds):
            shade = INK if len(thresholds) == 1 else (colors or COLORS)[k % len(colors or COLORS)]
            axes.axhline(height, color=shade, linestyle=(0, (4, 3)), linewidth=0.9, zorder=1)
    if names and n <= 12:
        axes.legend(frameon=False)
    axes.set(xlabel=time_label(time_unit), ylabel="synaptic current" if variable == "i" else "membrane potential")
    return axes


def _bar_height(axes: Any, rows: int) -> float:
    """Four fifths of a row, in points, but never too small to see nor clumsily tall."""
    row = axes.bbox.height / axes.figure.dpi * 72 / max(rows, 1)
    return float(np.clip(0.8 * row, 3.5, 18.0))


def _mark_colors(color: Any, spikes: SpikeArray) -> Any:
    if isinstance(color, str):
        return [color]
    if len(color) in (3, 4) and all(isinstance(part, (int, float)) for part in color):
        return [tuple(color)]  # one colour as RGB(A)
    if len(spikes) and len(color) <= int(spikes.indices.max()):
        raise ShapeMismatchError(f"{len(color)} colours, but neuron {int(spikes.indices.max())} fired")
    return [color[k] for k in spikes.indices.tolist()]


def _traces(
    trace: Probe | npt.ArrayLike, values: npt.ArrayLike | None, neurons: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64], str]:
    variable = "v"
    if isinstance(trace, Probe):
        if values is not None:
            raise InvalidArgumentError("a probe brings its own values; give membrane(probe) or (times, values)")
        times, columns, variable = as_times(trace.times, "times"), trace.values, trace.variable
        neurons = trace.neurons if neurons is None else neurons
        if columns.ndim == 3:
            raise ShapeMismatchError(
                f"the probe recorded a batch of {len(columns)} samples; draw one: "
                "membrane(probe.times, probe.values[k])"
            )
    elif values is None:
        raise InvalidArgumentError("membrane takes a probe, or times and values")
    else:
        times, columns = as_times(trace, "times"), np.asarray(values, dtype=np.float64)
        columns = columns[:, np.newaxis] if columns.ndim == 1 else columns
    if columns.ndim != 2 or len(columns) != len(times):
        raise ShapeMismatchError(
            f"values must have shape (n_times, n_recorded) with {len(times)} times, got {columns.shape}"
        )
    recorded = np.arange(columns.shape[1]) if neurons is None else np.asarray(neurons, dtype=np.int64).ravel()
    if len(recorded) != columns.shape[1]:
        raise ShapeMismatchError(f"{len(recorded)} neurons for {columns.shape[1]} traces")
    return times, columns, recorded, variable


def _thresholds(threshold: float | npt.ArrayLike | None, n: int) -> npt.NDArray[np.float64] | None:
    if threshold is None:
        return None
    heights = np.atleast_1d(np.asarray(threshold, dtype=np.float64))
    if heights.shape not in ((1,), (n,)):
        raise ShapeMismatchError(f"threshold must be a number or have shape ({n},), got {heights.shape}")
    return heights[:1] if np.all(heights == heights[0]) else heights


def _names(labels: Sequence[str] | None, recorded: npt.NDArray[np.int64]) -> list[str]:
    if labels is None:
        return [f"neuron {k}" for k in recorded]
    if len(labels) not in (0, len(recorded)):
        raise ShapeMismatchError(f"{len(labels)} labels for {len(recorded)} traces")
    return list(labels)


def _led_to_threshold(
    times: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    fired: npt.NDArray[np.float64],
    thresholds: npt.NDArray[np.float64] | None,
    column: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A trace with the points (spike time, threshold) put in before what was recorded after the reset."""
    if thresholds is None or not fired.size:
        return times, values
    places = np.searchsorted(times, fired, side="left")
    return np.insert(times, places, fired), np.insert(values, places, thresholds[column % len(thresholds)])
