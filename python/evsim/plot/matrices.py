"""Weights as colours and as small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError, ShapeMismatchError
from ..layer import Layer
from .common import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    axes = new_axes(ax)
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
