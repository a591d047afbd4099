"""First-spike latency codes of brightness, linear and logarithmic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_positive
from ..errors import InvalidArgumentError
from ..spikes import SpikeArray
from .samples import Floats, Samples, Shape, as_samples


def latency(
    images: npt.ArrayLike, *, shape: Shape | None = None, t_max: float = 20.0, threshold: float = 0.0
) -> SpikeArray | list[SpikeArray]:
    """First-spike latency code: every pixel fires at most once, and the brighter the earlier.

    A pixel of brightness p fires at ``(1 - p) * t_max``.

    Parameters
    ----------
    images : array_like, shape (n_pixels,), (n, height, width) or (n, c, height, width)
        Brightness from 0 to 1. One dimension is one image, three or four are a batch. Two may be one image or a
        batch of flat ones, and need `shape`; with it, one image of that shape or a batch of n.
    shape : tuple of int, optional
        Shape of one image: (n_pixels,), (height, width) or (c, height, width). The pixels of an image may also
        come in one row.
    t_max : float
        When the faintest pixels fire, in the network's time unit; > 0.
    threshold : float
        Pixels up to this brightness stay silent; 0 <= threshold < 1.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        Sorted by time, pixels of one brightness in order. ``shape`` is that of an image, unless it is flat.

    Raises
    ------
    ShapeMismatchError
        `images` do not have `shape`, or without it have two dimensions, none, or more than four.
    DTypeError, NonFiniteError
        `images` are not real, finite numbers.
    InvalidArgumentError
        Brightness outside [0, 1], or `t_max` or `threshold` outside their domain.

    Notes
    -----
    Thorpe, Delorme & Van Rullen 2001, Neural Networks 14, 715-725: "Spike-based strategies for rapid
    processing". O(n log n) in the number of spikes.

    Examples
    --------
    >>> import evsim.encoders
    >>> spikes = evsim.encoders.latency([[0.0, 1.0], [0.5, 0.25]], shape=(2, 2), t_max=20.0)
    >>> spikes.indices, spikes.times
    (array([1, 2, 3], dtype=int32), array([ 0., 10., 15.]))
    >>> spikes.shape
    (2, 2)
    >>> [len(one) for one in evsim.encoders.latency([[0.0, 1.0], [0.5, 0.25]], shape=(2,))]
    [1, 2]
    """
    span = as_positive(t_max, "t_max")
    return _encoded(images, shape, threshold, lambda brightness: (1.0 - brightness) * span)


def log_latency(
    images: npt.ArrayLike, *, shape: Shape | None = None, tau: float = 5.0, threshold: float = 0.0
) -> SpikeArray | list[SpikeArray]:
    r"""Logarithmic first-spike latency code: a pixel of brightness p fires once, at :math:`\tau \ln(1 / p)`.

    Half the light fires ``tau * ln(2)`` later whatever the light was, so that a picture seen through a grey filter
    is the same pattern of spikes, moved in time.

    Parameters
    ----------
    images : array_like, shape (n_pixels,), (n, height, width) or (n, c, height, width)
        Brightness from 0 to 1, as for :func:`latency`.
    shape : tuple of int, optional
        Shape of one image, as for :func:`latency`.
    tau : float
        Delay of a pixel that is e times darker, in the network's time unit; > 0.
    threshold : float
        Pixels up to this brightness stay silent; 0 <= threshold < 1. The last possible spike is at
        ``tau * ln(1 / threshold)``.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        As :func:`latency`.

    Raises
    ------
    ShapeMismatchError, DTypeError, NonFiniteError
        As :func:`latency`.
    InvalidArgumentError
        Brightness outside [0, 1], or `tau` or `threshold` outside their domain.

    Notes
    -----
    Hopfield 1995, Nature 376, 33-36: "Pattern recognition computation using action potential timing for stimulus
    representation". O(n log n) in the number of spikes.

    Examples
    --------
    >>> import evsim
    >>> evsim.encoders.log_latency([1.0, 0.5, 0.25, 0.0], tau=10.0).times.round(4)
    array([ 0.    ,  6.9315, 13.8629])
    """
    scale = as_positive(tau, "tau")
    return _encoded(images, shape, threshold, lambda brightness: scale * np.abs(np.log(brightness)))


def _encoded(
    images: npt.ArrayLike, shape: Shape | None, threshold: float, time_of: Callable[[Floats], Floats]
) -> SpikeArray | list[SpikeArray]:
    """One spike of every pixel above the threshold, at the time of its brightness."""
    floor = as_number(threshold, "threshold")
    if not 0 <= floor < 1:
        raise InvalidArgumentError(f"threshold must be at least 0 and below 1, got {floor}")
    read = _as_images(images, shape)
    samples, pixels = np.nonzero(read.values > floor)
    with np.errstate(over="ignore"):  # SpikeArray refuses infinite times
        times = time_of(read.values[samples, pixels])
    return read.spikes(samples, pixels, times)


def _as_images(images: npt.ArrayLike, shape: Shape | None) -> Samples:
    read = as_samples(images, "images", shape, item="pixel")
    low, high = read.values.min(initial=0.0), read.values.max(initial=0.0)
    if low < 0 or high > 1:
        raise InvalidArgumentError(
            f"brightness must lie between 0 and 1, got {low:g} to {high:g}; divide by the largest value, such as 255"
        )
    return read
