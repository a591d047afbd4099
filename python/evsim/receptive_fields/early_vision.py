"""Differences of Gaussians and Gabor filters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_positive, as_size
from ..errors import InvalidArgumentError
from .grid import grid


def difference_of_gaussians(size: int, sigma_center: float, sigma_surround: float) -> npt.NDArray[np.float64]:
    """ON-centre receptive field: a narrow Gaussian minus a wide one, mean zero, largest magnitude 1.

    Parameters
    ----------
    size : int
        Rows and columns.
    sigma_center, sigma_surround : float
        Standard deviations in pixels; > 0 and different.

    Returns
    -------
    ndarray, shape (size, size)

    Notes
    -----
    Marr & Hildreth (1980); the filter in front of Kheradpisheh et al. (2018), eq. 1, up to its scale.

    Examples
    --------
    >>> import evsim
    >>> kernel = evsim.receptive_fields.difference_of_gaussians(7, 1.0, 2.0)
    >>> float(kernel[3, 3]), abs(round(float(kernel.sum()), 12))
    (1.0, 0.0)
    """
    y, x = grid(as_size(size, "size"))
    sigmas = as_positive(sigma_center, "sigma_center"), as_positive(sigma_surround, "sigma_surround")
    square = y**2 + x**2
    with np.errstate(all="ignore"):
        center, surround = (np.exp(-square / (2 * s**2)) / (2 * np.pi * s**2) for s in np.array(sigmas))
        kernel = center - surround
        kernel -= kernel.mean()
        largest = float(np.abs(kernel).max())
        scaled: npt.NDArray[np.float64] = kernel / largest
    if largest == 0:
        raise InvalidArgumentError("the two Gaussians are equal; give different sigmas and a size above 1")
    return _require_finite(scaled, f"sigma_center = {sigma_center} and sigma_surround = {sigma_surround}")


def gabor(
    size: int, orientation: float, wavelength: float, sigma: float, aspect: float = 0.5, phase: float = 0.0
) -> npt.NDArray[np.float64]:
    """Oriented receptive field: a Gaussian times a cosine, mean zero, largest magnitude 1.

    Parameters
    ----------
    size : int
        Rows and columns.
    orientation : float
        Direction in which it oscillates, in degrees from the x axis.
    wavelength, sigma : float
        Of the cosine, and standard deviation of the Gaussian, in pixels; > 0.
    aspect : float
        Width of the Gaussian over its length; > 0.
    phase : float
        Of the cosine, in degrees.

    Returns
    -------
    ndarray, shape (size, size)

    Notes
    -----
    Daugman (1985); parameters as in Serre et al. (2007), eq. 1.

    Examples
    --------
    >>> import evsim
    >>> bar = evsim.receptive_fields.gabor(5, orientation=0.0, wavelength=5.0, sigma=2.0)
    >>> bar.shape, float(bar[2, 2])
    ((5, 5), 1.0)
    """
    y, x = grid(as_size(size, "size"))
    period, width, ratio = (
        np.float64(as_positive(value, name))
        for value, name in ((wavelength, "wavelength"), (sigma, "sigma"), (aspect, "aspect"))
    )
    angle = np.deg2rad(as_number(orientation, "orientation"))
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    start = np.deg2rad(as_number(phase, "phase"))
    with np.errstate(all="ignore"):
        envelope = np.exp(-(along**2 + ratio**2 * across**2) / (2 * width**2))
        kernel = envelope * np.cos(2 * np.pi * along / period + start)
        kernel -= kernel.mean()
        largest = float(np.abs(kernel).max())
        scaled: npt.NDArray[np.float64] = kernel if largest == 0 else kernel / largest
    return _require_finite(scaled, f"wavelength = {wavelength}, sigma = {sigma} and aspect = {aspect}")


def _require_finite(kernel: npt.NDArray[np.float64], what: str) -> npt.NDArray[np.float64]:
    if not np.all(np.isfinite(kernel)):
        raise InvalidArgumentError(f"{what} are beyond what the weights of a kernel can be computed from")
    return kernel
