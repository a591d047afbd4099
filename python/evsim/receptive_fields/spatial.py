"""Spatial receptive fields: derivatives of affine Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_integer, as_number, as_positive, as_size
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .grid import grid

_HIGHEST_ORDER = 16
_PARAMETERS = ("scale", "angle", "ratio", "x", "y", "dx", "dy")


def spatial_receptive_field(
    size: int,
    *,
    scale: float = 1.0,
    angle: float = 0.0,
    ratio: float = 1.0,
    x: float = 0.0,
    y: float = 0.0,
    dx: int = 0,
    dy: int = 0,
    domain: float | None = None,
) -> npt.NDArray[np.float64]:
    r"""Derivative of an affine Gaussian: the receptive field of a simple cell, as the kernel of a convolution.

    .. math:: \left(\sqrt s\, \partial_\varphi\right)^{d_x} \left(\sqrt s\, \partial_{\varphi + 90^\circ}\right)^{d_y}
              N\left(\cdot\,; (x, y), C\right), \qquad
              C = s\, R_\varphi \begin{pmatrix} r^2 & 0 \\ 0 & r^{-2} \end{pmatrix} R_\varphi^T

    Parameters
    ----------
    size : int
        Rows and columns.
    scale : float
        s, the variance where `ratio` is 1; > 0.
    angle : float
        :math:`\varphi`, direction of the first axis of the Gaussian and of the `dx` derivatives, in degrees from the x
        axis (columns) towards the y axis (rows, downwards).
    ratio : float
        r; > 0. The standard deviation is :math:`r \sqrt s` along the first axis and :math:`\sqrt s / r` across it.
    x, y : float
        Centre, to the right and downwards from the middle of the kernel.
    dx, dy : int
        Orders of the derivatives along and across the first axis, 0 to 16.
    domain : float, optional
        The points of the kernel are ``linspace(-domain, domain, size)`` in both directions; > 0. By default lengths are
        in pixels: (size - 1) / 2.

    Returns
    -------
    ndarray, shape (size, size)
        Such that the Gaussian itself sums to 1 over the points.

    Raises
    ------
    InvalidArgumentError
        A parameter outside its domain, or a Gaussian that lies outside the kernel or between its points.
    DTypeError, NonFiniteError
        A parameter that is no number.
    MemoryLimitError
        `size` above 4096.

    Notes
    -----
    Lindeberg 2013, Biol. Cybern. 107, 589-635; Pedersen et al. 2025, Nat. Commun. 16, 8231, who put these in front of
    spiking neurons. The derivatives are analytic, by Hermite polynomials: finite differences, as in Norse's
    ``SpatialReceptiveField2d``, tend to them on fine grids. A derivative is scaled by the standard deviation
    :math:`\sqrt s`, because s is a variance throughout: so a field of another size has the same weights, further apart.

    Convolution layers correlate: a neuron answers to what its kernel looks like.

    Examples
    --------
    >>> import evsim
    >>> blob = evsim.receptive_fields.spatial_receptive_field(9, scale=2.0)
    >>> blob.shape, float(blob.sum().round(12))
    ((9, 9), 1.0)
    >>> edge = evsim.receptive_fields.spatial_receptive_field(9, scale=2.0, dx=1)
    >>> bool(edge[4, 2] > 0 > edge[4, 6]), abs(float(edge.sum())) < 1e-12
    (True, True)
    """
    rows, columns = _points(as_size(size, "size"), domain)
    s, r = (as_positive(value, name) for value, name in ((scale, "scale"), (ratio, "ratio")))
    phi = np.deg2rad(as_number(angle, "angle"))
    centre = as_number(x, "x"), as_number(y, "y")
    orders = _order(dx, "dx"), _order(dy, "dy")
    # The two directions are the axes of the Gaussian, so that it and its derivatives are products of two factors.
    with np.errstate(all="ignore"):
        right, down = columns - centre[0], rows - centre[1]
        directions = right * np.cos(phi) + down * np.sin(phi), down * np.cos(phi) - right * np.sin(phi)
        stretches = np.array([r, 1.0 / np.float64(r)])
        standard = [u / (np.sqrt(s) * stretch) for u, stretch in zip(directions, stretches, strict=True)]
        gaussian = np.exp(-0.5 * (standard[0] ** 2 + standard[1] ** 2))
        total = float(gaussian.sum())
        if total == 0:
            raise InvalidArgumentError(
                f"the Gaussian of scale {s:g} and ratio {r:g} at x = {x}, y = {y} is 0 at all points of the kernel"
            )
        kernel: npt.NDArray[np.float64] = gaussian / total
        for u, stretch, order in zip(standard, stretches, orders, strict=True):
            # sqrt(s) d/du of exp(-(u / sigma)^2 / 2), m times: (-sqrt(s) / sigma)^m He_m(u / sigma).
            kernel = kernel * (-1.0 / stretch) ** order * np.polynomial.hermite_e.hermeval(u, [0.0] * order + [1.0])
    if not np.all(np.isfinite(kernel)):
        raise InvalidArgumentError(
            f"derivatives of orders {orders} with scale {s:g} and ratio {r:g} are beyond the largest number"
        )
    return kernel


def spatial_bank(parameters: npt.ArrayLike, size: int, *, domain: float | None = None) -> npt.NDArray[np.float64]:
    """Many spatial receptive fields, as weights of a convolution.

    Parameters
    ----------
    parameters : array_like, shape (n, 7)
        Scale, angle, ratio, x, y, dx and dy of each, as for :func:`spatial_receptive_field`.
    size : int
        Rows and columns.
    domain : float, optional
        As for :func:`spatial_receptive_field`.

    Returns
    -------
    ndarray, shape (n, size, size)
        ``bank[:, np.newaxis]`` are the weights of a :class:`evsim.Conv2d` with n output channels and one input channel;
        ``np.stack([-bank, bank], axis=1)`` those with the two channels (OFF, ON) of an event camera.

    Raises
    ------
    ShapeMismatchError
        `parameters` do not have seven columns, or no row.
    InvalidArgumentError, DTypeError, NonFiniteError, MemoryLimitError
        As for :func:`spatial_receptive_field`; the message says which row.

    Notes
    -----
    Norse's ``SpatialReceptiveField2d`` takes the same columns, with angles in radians: ``np.rad2deg`` turns them.

    Examples
    --------
    >>> import evsim, numpy as np
    >>> parameters = [(2.0, angle, 1.5, 0.0, 0.0, 1, 0) for angle in (0.0, 45.0, 90.0, 135.0)]
    >>> bank = evsim.receptive_fields.spatial_bank(parameters, 9)
    >>> edges = evsim.Conv2d(4, 9, in_shape=(2, 34, 34), weights=np.stack([-bank, bank], axis=1))
    >>> edges.weight_shape
    (4, 2, 9, 9)
    """
    table = as_array(parameters, "parameters", "a table of seven columns")
    if table.dtype.kind not in "biuf":
        raise DTypeError(f"parameters must be real numbers, got dtype {table.dtype}")
    if table.ndim != 2 or table.shape[1] != len(_PARAMETERS) or not len(table):
        raise ShapeMismatchError(f"parameters must have shape (n, 7): {', '.join(_PARAMETERS)}; got {table.shape}")
    return np.stack([_row(k, row, size, domain) for k, row in enumerate(table.tolist())])


def _row(k: int, row: list[float], size: int, domain: float | None) -> npt.NDArray[np.float64]:
    named: dict[str, Any] = dict(zip(_PARAMETERS, row, strict=True))
    for name in ("dx", "dy"):
        if float(named[name]).is_integer():
            named[name] = int(named[name])
    try:
        return spatial_receptive_field(size, domain=domain, **named)
    except (InvalidArgumentError, NonFiniteError, DTypeError) as error:
        raise type(error)(f"row {k} of parameters: {error}") from None


def _points(size: int, domain: float | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rows, columns = grid(size)
    if domain is None:
        return rows, columns
    reach, half = as_positive(domain, "domain"), (size - 1) / 2 or 1.0
    return rows / half * reach, columns / half * reach


def _order(value: Any, name: str) -> int:
    order = as_integer(value, name)
    if not 0 <= order <= _HIGHEST_ORDER:
        raise InvalidArgumentError(f"{name} must be from 0 to {_HIGHEST_ORDER}, got {order}")
    return order
