"""Population code: numbers as the activations of neurons with tuning curves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number, as_positive, as_size
from ..errors import IndexOutOfRangeError, InvalidArgumentError, MemoryLimitError, ShapeMismatchError
from .samples import Floats, real_numbers

_MOST_ACTIVATIONS = 2**28


def population(
    values: npt.ArrayLike,
    n: int,
    *,
    scale: float | None = None,
    centres: npt.ArrayLike | None = None,
    sigma: float | npt.ArrayLike | None = None,
    axis: int = -1,
) -> Floats:
    r"""Activations, from 0 to 1, of `n` neurons with Gaussian tuning curves for every value.

    .. math:: a_k = \exp\left(-\frac{(x - c_k)^2}{2 \sigma^2}\right)

    Activations are numbers. Any other encoder makes spikes of them: :func:`latency` the most active neuron first,
    :func:`poisson` trains whose rate is the activation times a highest rate.

    Parameters
    ----------
    values : array_like
        Any finite numbers, in any shape.
    n : int
        Neurons per value; >= 1.
    scale : float, optional
        The centres are ``linspace(0, scale, n)``; > 0. By default the largest value.
    centres : array_like, shape (n,), optional
        The centres themselves.
    sigma : float or array of shape (n,), optional
        Standard deviation of the curves; > 0. By default ``1 / sqrt(scale)``, which is wide for values up to 1: give
        about the distance between two centres to tell values apart.
    axis : int
        Where the neurons go among the axes of the result: the last by default. With ``axis=0`` an image becomes n
        channels, with ``axis=1`` a batch of images does.

    Returns
    -------
    ndarray of float64
        The shape of `values` with an axis of length n.

    Raises
    ------
    DTypeError, NonFiniteError
        `values`, `centres` or `sigma` are not real, finite numbers.
    ShapeMismatchError
        `centres` or `sigma` are not n numbers.
    InvalidArgumentError
        `n`, `scale` or `sigma` is not positive, or neither `scale` nor `centres` is given and no value is positive.
    IndexOutOfRangeError
        The result has no such axis.
    MemoryLimitError
        More than 2**28 activations.

    Notes
    -----
    Bohte, Kok & La Poutré 2002, Neurocomputing 48, 17-37, whose neurons fire the earlier the more active they are. The
    defaults are Norse's ``PopulationEncoder``: ``exp(-scale * (x - c)**2 / 2)``, whose neurons come after the
    batch (``axis=1``).

    Examples
    --------
    >>> import evsim
    >>> activations = evsim.encoders.population([0.0, 0.4], 3, scale=1.0, sigma=0.25)
    >>> activations.round(3)
    array([[1.   , 0.135, 0.   ],
           [0.278, 0.923, 0.056]])
    >>> spikes = evsim.encoders.latency(activations, shape=(2, 3), t_max=20.0, threshold=0.1)
    >>> spikes.indices, spikes.times.round(2)
    (array([0, 4, 3, 1], dtype=int32), array([ 0.  ,  1.54, 14.44, 17.29]))
    """
    numbers, count = real_numbers(values, "values"), as_size(n, "n")
    if max(numbers.size, 1) * count > _MOST_ACTIVATIONS:
        raise MemoryLimitError(f"{numbers.size} values times {count} neurons are more than {_MOST_ACTIVATIONS:,}")
    middle = _centres(numbers, count, scale, centres)
    if sigma is None:
        width: float | Floats = 1.0 / np.sqrt(_scale(numbers, scale))
    else:
        width = real_numbers(sigma, "sigma")
        if width.shape not in ((), (count,)):
            raise ShapeMismatchError(f"sigma must be a number or have shape ({count},), got shape {width.shape}")
        if not np.all(width > 0):
            raise InvalidArgumentError(f"sigma must be positive, got {sigma}")
    place = as_integer(axis, "axis")
    if not -numbers.ndim - 1 <= place <= numbers.ndim:
        raise IndexOutOfRangeError(f"axis must be from {-numbers.ndim - 1} to {numbers.ndim}, got {place}")
    with np.errstate(over="ignore", under="ignore"):
        activations = np.exp(-0.5 * ((numbers[..., np.newaxis] - middle) / width) ** 2)
    return np.ascontiguousarray(np.moveaxis(activations, -1, place))


def _centres(numbers: Floats, n: int, scale: float | None, centres: npt.ArrayLike | None) -> Floats:
    if centres is None:
        return np.linspace(0.0, _scale(numbers, scale), n)
    middle = real_numbers(centres, "centres")
    if middle.shape != (n,):
        raise ShapeMismatchError(f"centres must have shape ({n},), got {middle.shape}")
    return middle


def _scale(numbers: Floats, scale: float | None) -> float:
    if scale is not None:
        return as_positive(scale, "scale")
    largest = as_number(numbers.max(initial=0.0), "values")
    if largest <= 0:
        raise InvalidArgumentError("no value is positive: give scale=, or centres= and sigma=")
    return largest
