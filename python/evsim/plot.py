"""Pictures of spikes, membrane potentials and weights.

Every function draws into matplotlib axes and returns them; without ``ax=`` it makes a new figure. Nothing is
shown or saved: that is left to the caller (``ax.figure.savefig("raster.png")``). matplotlib comes with
``python -m pip install 'evsim[plot]'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from ._arrays import as_number, as_times
from ._optional import require
from .errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from .layer import Layer
from .probe import Probe
from .spikes import SpikeArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Colours that people with any colour vision tell apart (Okabe & Ito 2008), darkest contrasts first."""

INK = "#333333"
"""Colour of what needs no other: lone spike trains, thresholds."""

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
    rows = _rows(spikes, n_neurons)
    axes = _axes(ax)
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
    axes.yaxis.set_major_locator(_matplotlib("ticker").MaxNLocator(integer=True))
    axes.set(xlabel=_time_label(time_unit), ylabel="neuron")
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
    axes = _axes(ax)
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
    axes.set(xlabel=_time_label(time_unit), ylabel="synaptic current" if variable == "i" else "membrane potential")
    return axes


def weights(
    values: Layer | npt.ArrayLike,
    *,
    ax: Axes | None = None,
    shape: tuple[int, ...] | None = None,
    limit: float | None = None,
    n_columns: int | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw weights as colours: red excites, blue inhibits, white is zero.

    Parameters
    ----------
    values : Layer, or array_like of shape (n_neurons, n_inputs)
        Whose weights.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    shape : tuple of int, optional
        Shape of the inputs, (height, width) or (channels, height, width): shows every neuron's weights as a
        small image, with channels below each other, neuron 0 at the top left.
    limit : float, optional
        Weight of full colour; the largest absolute weight by default.
    n_columns : int, optional
        Number of small images in a row; by default about as many as there are rows.
    colorbar : bool
        Whether to add a colour bar.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ShapeMismatchError
        The weights are no matrix, or have another number of inputs than `shape`.
    InvalidArgumentError
        `limit` or `n_columns` is not positive.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> ax = evsim.plot.weights([[1.0, -0.5], [0.0, 2.0]], ax=Figure().subplots())
    >>> ax.images[0].get_clim()
    (-2.0, 2.0)
    """
    matrix = np.asarray(values.weights if isinstance(values, Layer) else values, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ShapeMismatchError(f"weights must have shape (n_neurons, n_inputs), got {matrix.shape}")
    scale = float(np.abs(matrix).max()) or 1.0
    if limit is not None:
        scale = as_number(limit, "limit")
        if scale <= 0:
            raise InvalidArgumentError(f"limit must be positive, got {limit}")
    picture = matrix if shape is None else _tiles(matrix, tuple(shape), n_columns)
    axes = _axes(ax)
    image = axes.imshow(
        picture,
        cmap="RdBu_r",
        vmin=-scale,
        vmax=scale,
        interpolation="nearest",
        aspect="auto" if shape is None else "equal",
    )
    if shape is None:
        axes.set(xlabel="input", ylabel="neuron")
    else:
        axes.set_axis_off()
    if colorbar:
        axes.figure.colorbar(image, ax=axes, label="weight")
    return axes


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        ax = cast("Axes", _matplotlib("pyplot").subplots(layout="constrained")[1])
    return ax


def _matplotlib(module: str) -> Any:
    return require(f"matplotlib.{module}", "matplotlib", "plot", "evsim.plot")


def _time_label(unit: str | None) -> str:
    return "time" if unit is None else f"time ({unit})"


def _rows(spikes: SpikeArray, n_neurons: int | None) -> int:
    needed = int(spikes.indices.max()) + 1 if len(spikes) else 0
    if n_neurons is None:
        return int(np.prod(spikes.shape)) if spikes.shape else needed
    if n_neurons < needed:
        raise ShapeMismatchError(f"n_neurons = {n_neurons}, but neuron {needed - 1} fired")
    return n_neurons


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


def _tiles(matrix: npt.NDArray[np.float64], shape: tuple[int, ...], n_columns: int | None) -> npt.NDArray[np.float64]:
    n, n_inputs = matrix.shape
    if len(shape) not in (2, 3) or int(np.prod(shape)) != n_inputs:
        raise ShapeMismatchError(
            f"shape must be (height, width) or (channels, height, width) of {n_inputs} inputs, got {shape}"
        )
    images = matrix.reshape(n, -1, shape[-1])
    height, width = images.shape[1:]
    columns = int(np.ceil(np.sqrt(n * height / width))) if n_columns is None else n_columns
    if columns < 1:
        raise InvalidArgumentError(f"n_columns must be positive, got {n_columns}")
    columns = min(columns, n)
    rows = -(-n // columns)
    grid = np.full((rows * columns, height + 1, width + 1), np.nan)  # NaN stays blank and parts the images
    grid[:n, :height, :width] = images
    picture = grid.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    tiled: npt.NDArray[np.float64] = picture.reshape(rows * (height + 1), columns * (width + 1))
    return tiled[:-1, :-1]
