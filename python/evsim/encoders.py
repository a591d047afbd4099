"""Encoders: spikes from numbers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from ._lib.arrays import as_array, as_number, as_size
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .spikes import SpikeArray

__all__ = ["latency"]


def latency(
    images: npt.ArrayLike, *, shape: tuple[int, ...] | None = None, t_max: float = 20.0, threshold: float = 0.0
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
    span, floor = as_number(t_max, "t_max"), as_number(threshold, "threshold")
    if span <= 0:
        raise InvalidArgumentError(f"t_max must be positive, got {span}")
    if not 0 <= floor < 1:
        raise InvalidArgumentError(f"threshold must be at least 0 and below 1, got {floor}")
    brightness = _brightness(images)
    shape, batch = _image_shape(brightness.shape, shape)
    flat = brightness.reshape(len(brightness) if batch else 1, math.prod(shape))

    samples, pixels = np.nonzero(flat > floor)
    times = (1.0 - flat[samples, pixels]) * span
    order = np.lexsort((times, samples))  # stable: equal times keep the order of pixels
    pixels, times = pixels[order], times[order]
    bounds = np.concatenate(([0], np.cumsum(np.bincount(samples, minlength=len(flat)))))
    image_shape = shape if len(shape) > 1 else None
    encoded = [
        SpikeArray(pixels[start:end], times[start:end], shape=image_shape) for start, end in itertools.pairwise(bounds)
    ]
    return encoded if batch else encoded[0]


def _image_shape(given: tuple[int, ...], shape: tuple[int, ...] | None) -> tuple[tuple[int, ...], bool]:
    """Shape of one image, and whether there is a batch of them."""
    if shape is None:
        if len(given) == 2:
            raise ShapeMismatchError(
                f"images of shape {given} may be one image or a batch of flat ones: give shape={given} or "
                f"shape=({given[1]},)"
            )
        if len(given) not in (1, 3, 4):
            raise ShapeMismatchError(
                "images must have shape (n_pixels,), (n, height, width) or (n, channels, height, width), or shape= "
                f"says that of one image; got {given}"
            )
        shape, batch = given[1:] or given, len(given) > 1
    else:
        if not isinstance(shape, (tuple, list)):
            raise DTypeError(f"shape must be a tuple of integers such as (28, 28), got {shape!r}")
        shape = tuple(as_size(n, "a dimension of shape") for n in shape)
        flat = (math.prod(shape),)
        batch = given not in (shape, flat)
        if not 1 <= len(shape) <= 3 or (batch and given[1:] not in (shape, flat)):
            raise ShapeMismatchError(f"images of shape {given} are no images of shape {shape}, nor a batch of them")
    if 0 in shape:
        raise ShapeMismatchError(f"images must have pixels, got shape {given}")
    return shape, batch


def _brightness(images: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = as_array(images, "images")
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"images must be real numbers, got dtype {array.dtype}")
    brightness = array.astype(np.float64)
    if not np.all(np.isfinite(brightness)):
        raise NonFiniteError("images must be finite")
    low, high = brightness.min(initial=0.0), brightness.max(initial=0.0)
    if low < 0 or high > 1:
        raise InvalidArgumentError(
            f"brightness must lie between 0 and 1, got {low:g} to {high:g}; divide by the largest value, such as 255"
        )
    return brightness


__dir__ = only_public(__all__)
