"""Maps and kernels of convolutional networks, as grids of small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_size
from ..errors import InvalidArgumentError, ShapeMismatchError
from .common import matplotlib, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..spikeseg import EncoderOutput

Floats = npt.NDArray[np.float64]

_BLANK = "#E4E4E4"


def feature_maps(
    output: EncoderOutput,
    stage: str,
    sample: int = 0,
    *,
    show: str = "first_step",
    maps: Sequence[int] | None = None,
    n_columns: int | None = None,
    ax: Axes | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw where and when the maps of a stage spiked, map 0 at the top left.

    Parameters
    ----------
    output : EncoderOutput
    stage : {"conv1", "pool1", "conv2", "pool2", "conv3"}
    sample : int
    show : {"first_step", "count"}
        Colour each neuron by the step of its first spike, or by its number of spikes. Silent neurons are grey.
    maps : sequence of int, optional
        Which maps, in this order; all by default.
    n_columns : int, optional
        Number of maps in a row; by default about as wide as high.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    colorbar : bool
        Whether to add a colour bar; there is none if all colours are the same.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError
        There is no such stage or map, or `n_columns` is not positive.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from matplotlib.figure import Figure
    >>> encoder = evsim.spikeseg.SpikeSEGEncoder.from_paper("spikeseg2020", seed=1)
    >>> output = encoder.forward(np.ones((1, 1, 28, 28)))
    >>> ax = evsim.plot.feature_maps(output, "conv1", ax=Figure().subplots())
    >>> print(ax.get_title())
    conv1: 4 maps of 28 x 28
    4 spikes in 1 step
    """
    if show not in ("first_step", "count"):
        raise InvalidArgumentError(f"show must be 'first_step' or 'count', got {show!r}")
    spikes = output.spikes(stage, sample)
    channels, height, width = output.shapes[stage]
    chosen = list(range(channels)) if maps is None else [int(k) for k in maps]
    if not chosen or not all(0 <= k < channels for k in chosen):
        raise InvalidArgumentError(f"maps must be from 0 to {channels - 1}, got {chosen}")
    size = channels * height * width
    counts = np.bincount(spikes.indices, minlength=size)
    values = counts.astype(np.float64)
    if show == "first_step":
        first = np.full(size, np.inf)
        np.minimum.at(first, spikes.indices, spikes.times)
        values = first
    values[counts == 0] = np.nan
    values = values.reshape(channels, height, width)[chosen]

    axes = new_axes(ax)
    colours = matplotlib("colors")
    low, high = (0, output.n_steps - 1) if show == "first_step" else (1, max(int(counts.max(initial=1)), 1))
    edges = np.arange(low, max(high, low) + 2) - 0.5
    cmap = matplotlib("cm").ScalarMappable(cmap="viridis").get_cmap()
    few = len(edges) <= 21
    options: dict[str, Any] = {"vmin": low, "vmax": max(high, low + 1)}
    if few:
        options = {"norm": colours.BoundaryNorm(edges, cmap.N)}
    image, places = _grid(axes, values, n_columns, blank=_BLANK, cmap=cmap, interpolation="nearest", **options)
    _name(axes, places, chosen)
    n, t = int(counts.reshape(channels, -1)[chosen].sum()), output.n_steps
    axes.set_title(
        f"{stage}: {_number(len(chosen), 'map')} of {height} x {width}\n{_number(n, 'spike')} in {_number(t, 'step')}",
        fontsize="medium",
    )
    if colorbar and high > low:
        label = "step of the first spike" if show == "first_step" else "spikes"
        bar = axes.figure.colorbar(image, ax=axes, label=label, shrink=0.85)
        if few:
            bar.set_ticks(list(range(low, high + 1, -(-(high - low + 1) // 10))))
            bar.minorticks_off()
    return axes


def kernels(
    weight: npt.ArrayLike,
    *,
    through: Sequence[tuple[npt.ArrayLike, int, int]] = (),
    limit: float | None = None,
    n_columns: int | None = None,
    ax: Axes | None = None,
    colorbar: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw the kernels of a convolution, kernel 0 at the top left, with its input channels below each other.

    Weights of one sign run from white to dark; weights of both from blue over white to red.

    Parameters
    ----------
    weight : array_like, shape (out_channels, in_channels, rows, columns)
        Such as ``model.encoder.conv1.weight``.
    through : sequence of (weight, pool_kernel_size, pool_stride)
        Shows the kernels in the space of an earlier input, carried through these convolutions and the poolings after
        them, the nearest first: ``kernels(conv2.weight, through=[(conv1.weight, 2, 2)])`` shows what conv2 has learned
        in pixels. A pooled spike may come from any place of its window, so each place gets an equal share.
    limit : float, optional
        Weight of full colour; the largest magnitude by default.
    n_columns : int, optional
        Number of kernels in a row; by default about as wide as high.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    colorbar : bool
        Whether to add a colour bar.
    title : str, optional
        By default number and size; ``""`` leaves it out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ShapeMismatchError
        The weights are none of a convolution, or those of `through` have another number of maps.
    InvalidArgumentError
        `limit` or `n_columns` is not positive.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> encoder = evsim.spikeseg.SpikeSEGEncoder(seed=1)
    >>> seen = [(encoder.conv1.weight, 2, 2)]
    >>> ax = evsim.plot.kernels(encoder.conv2.weight, through=seen, ax=Figure().subplots())
    >>> ax.get_title()
    '36 kernels of 14 x 14'
    """
    values = _convolution(weight, "weight")
    for k, (earlier, pool_kernel, pool_stride) in enumerate(through):
        first = _convolution(earlier, f"through[{k}]")
        if len(first) != values.shape[1]:
            raise ShapeMismatchError(f"{values.shape[1]} input channels, but through[{k}] has {len(first)} maps")
        values = _carried(values, first, as_size(pool_kernel, "pool_kernel_size"), as_size(pool_stride, "pool_stride"))
    scale = float(np.abs(values).max()) or 1.0
    if limit is not None:
        scale = as_number(limit, "limit")
        if scale <= 0:
            raise InvalidArgumentError(f"limit must be positive, got {limit}")
    n, n_inputs, height, width = values.shape
    gaps = np.full((n, n_inputs, height + 1, width), np.nan)
    gaps[:, :, :height] = values
    signed = bool(values.min() < 0)
    axes = new_axes(ax)
    image, places = _grid(
        axes,
        gaps.reshape(n, -1, width)[:, :-1],
        n_columns,
        blank="#FFFFFF",
        gap=max(1, round(0.4 * height)),
        cmap="RdBu_r" if signed else "Greys",
        vmin=-scale if signed else 0.0,
        vmax=scale,
        interpolation="nearest",
    )
    frames = [
        matplotlib("patches").Rectangle((left - 0.5, top - 0.5 + channel * (height + 1)), width, height)
        for left, top in places
        for channel in range(n_inputs)
    ]
    collection = matplotlib("collections").PatchCollection
    axes.add_collection(collection(frames, facecolor="none", edgecolor="#AAAAAA", linewidth=0.5, clip_on=False))
    if n > 1:
        _name(axes, places, range(n), above=True)
    text = _number(n, "kernel") + f" of {height} x {width}" if title is None else title
    axes.set_title(text, fontsize="medium", pad=14.0 if n > 1 else None)
    if colorbar:
        axes.figure.colorbar(image, ax=axes, label="weight", shrink=0.85)
    return axes


def _convolution(weight: npt.ArrayLike, name: str) -> Floats:
    values = np.asarray(weight, np.float64)
    if values.ndim != 4 or 0 in values.shape:
        raise ShapeMismatchError(f"{name} must have the shape (out, in, rows, columns), got {values.shape}")
    return values


def _carried(values: Floats, first: Floats, pool_kernel: int, pool_stride: int) -> Floats:
    """Kernels in the input of the convolution `first`, whose pooled maps they see."""
    n, n_maps, rows, columns = values.shape
    reach = [(size - 1) * pool_stride + pool_kernel for size in (rows, columns)]
    spread = np.zeros((n, n_maps, *reach))
    for i in range(pool_kernel):
        for j in range(pool_kernel):
            spread[:, :, i::pool_stride, j::pool_stride][:, :, :rows, :columns] += values / pool_kernel**2
    size = first.shape[2:]
    carried = np.zeros((n, first.shape[1], reach[0] + size[0] - 1, reach[1] + size[1] - 1))
    for i in range(size[0]):
        for j in range(size[1]):
            part = np.einsum("nmyx,mc->ncyx", spread, first[:, :, i, j])
            carried[:, :, i : i + reach[0], j : j + reach[1]] += part
    return carried


def _grid(
    axes: Axes, images: Floats, n_columns: int | None, *, blank: str, gap: int | None = None, **options: Any
) -> tuple[Any, list[tuple[int, int]]]:
    """Draw images in rows, on a ground of white with `blank` for NaN; return what was drawn and their corners."""
    n, height, width = images.shape
    columns = int(np.ceil(np.sqrt(n * height / width))) if n_columns is None else n_columns
    if columns < 1:
        raise InvalidArgumentError(f"n_columns must be positive, got {n_columns}")
    columns = min(columns, n)
    rows = -(-n // columns)
    space = max(1, round(0.06 * max(height, width))) if gap is None else gap
    picture = np.full((rows * (height + space) - space, columns * (width + space) - space), np.nan)
    colours = np.full((*picture.shape, 4), 1.0)
    corners = [(k // columns * (height + space), k % columns * (width + space)) for k in range(n)]
    ground = matplotlib("colors").to_rgba(blank)
    for (top, left), image in zip(corners, images, strict=True):
        picture[top : top + height, left : left + width] = image
        colours[top : top + height, left : left + width] = ground
    axes.imshow(colours, interpolation="nearest")
    drawn = axes.imshow(np.ma.masked_invalid(picture), aspect="equal", **options)
    axes.set_axis_off()
    return drawn, [(left, top) for top, left in corners]


def _name(axes: Axes, places: list[tuple[int, int]], numbers: Sequence[int], above: bool = False) -> None:
    """Write each image's number at its upper left corner."""
    if len(places) > 64:
        return
    for (left, top), number in zip(places, numbers, strict=True):
        axes.annotate(
            str(number),
            (left - 0.5, top - 0.5),
            xytext=(0.0, 1.0) if above else (1.5, -1.5),
            textcoords="offset points",
            ha="left",
            va="bottom" if above else "top",
            fontsize=6.5,
            color="#000000",
            bbox=None if above else {"facecolor": "#FFFFFF", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
