"""Filters for event-camera recordings: each returns the events that stay, in order.

Every filter is named after what it removes. They chain, for example
``hot_pixels`` before ``isolated`` before ``refractory``; cropping, downsampling and time slices are methods of
:class:`evsim.EventArray`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number, as_size
from .._lib.modules import only_public
from .._lib.orbits import reachable
from ..errors import DTypeError, InvalidArgumentError
from .array import EventArray

_LONGEST = 2**62
_MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution in units of its median absolute deviation: 1 / 0.6745."""


def refractory(events: EventArray, period: int) -> EventArray:
    """Remove events that follow the last event kept at their pixel within `period`.

    The first event of a pixel is kept; a later one is kept if at least `period` microseconds have passed since the
    last *kept* event of that pixel, whatever the polarities. Like a pixel that is blind for `period` after each
    event that it reports (Lichtsteiner, Posch and Delbruck, IEEE JSSC 43, 2008).

    Parameters
    ----------
    events : EventArray
    period : int
        Microseconds, >= 0; 0 keeps all.

    Notes
    -----
    O(n log n).

    Examples
    --------
    >>> import evsim
    >>> events = evsim.EventArray([0, 6, 9, 12, 20], [0, 0, 1, 0, 0], [0] * 5, [1] * 5)
    >>> evsim.events.filters.refractory(events, 10).t
    array([ 0,  9, 12])
    """
    pause = _microseconds(period, "period")
    if not len(events) or pause == 0:
        return events
    order = np.argsort(_pixel(events), kind="stable")
    pixel, elapsed = _pixel(events)[order], (events.t - events.t[0])[order]
    first = np.append(True, pixel[1:] != pixel[:-1])
    jump = _later_by(pause, elapsed, np.cumsum(first) - 1)
    keep = np.empty(len(events), dtype=bool)
    keep[order] = reachable(np.flatnonzero(first), jump)
    return events.select(keep)


def _later_by(pause: int, elapsed: npt.NDArray[np.int64], group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first event of the same group at least `pause` later, for each; where there is none, a later group's."""
    shift = min(pause, int(elapsed.max()) + 1)
    span = int(elapsed.max()) + shift + 1
    if span * (int(group[-1]) + 1) < _LONGEST:
        key = group * span + elapsed
        return np.searchsorted(key, key + shift)
    # Ranks of times keep (group, time) within 64 bits, however long the recording is.
    distinct = np.unique(elapsed)
    base = group * (len(distinct) + 1)
    key = base + np.searchsorted(distinct, elapsed)
    return np.searchsorted(key, base + np.searchsorted(distinct, elapsed + pause))


def isolated(events: EventArray, radius: int = 1, window: int = 5000) -> EventArray:
    """Remove background activity: events without a recent event close by.

    An event is kept if any earlier event (before it in the array, whether kept itself or not, of either polarity)
    lies at most `radius` columns and at most `radius` rows away, at another pixel, and at most `window`
    microseconds back (Delbruck, "Frame-free dynamic digital vision", 2008: the background activity filter). The
    pixel itself does not count, so that a hot pixel cannot vouch for itself.

    Parameters
    ----------
    events : EventArray
    radius : int
        Pixels, >= 1. Cost grows with (2 radius + 1)².
    window : int
        Microseconds, >= 0.

    Notes
    -----
    O(n log n) per neighbour. The first event of a moving edge is removed with the noise.

    Examples
    --------
    >>> import evsim
    >>> events = evsim.EventArray([0, 100, 200], [4, 5, 50], [4, 4, 4], [1, 1, 1])
    >>> evsim.events.filters.isolated(events, radius=1, window=1000).t
    array([100])
    """
    reach, limit = as_size(radius, "radius"), _microseconds(window, "window")
    n = len(events)
    if not n:
        return events
    order = np.argsort(_pixel(events), kind="stable")
    pixel, column, t = _pixel(events)[order], events.x[order].astype(np.int64), events.t[order]
    key = pixel * n + order
    # In the order of pixels, all that follows looks at memory from front to back.
    candidate = np.arange(n)
    supported = np.zeros(n, dtype=bool)
    widest, highest = min(reach, events.width - 1), min(reach, events.height - 1)
    for dy in range(-highest, highest + 1):
        for dx in range(-widest, widest + 1):
            if dx or dy:
                step = dy * events.width + dx
                last = np.searchsorted(key, key[candidate] + step * n) - 1
                x = column[candidate] + dx
                near = (pixel[last] == pixel[candidate] + step) & (x >= 0) & (x < events.width)
                near &= t[candidate] - t[last] <= limit
                supported[order[candidate[near]]] = True
                candidate = candidate[~near]
    return events.select(supported)


def find_hot_pixels(events: EventArray, n_sigma: float = 10.0) -> npt.NDArray[np.bool_]:
    """Pixels that fire far more often than the others: bool, shape (height, width).

    A pixel is hot if its number of events exceeds median + n_sigma * sigma, over all pixels with at least one
    event. sigma is robust: 1.4826 times the median absolute deviation (Iglewicz and Hoaglin, "How to detect and
    handle outliers", 1993), but not below the square root of the median, the scatter of equal Poisson rates.

    Parameters
    ----------
    events : EventArray
    n_sigma : float
        How far above the others, > 0.

    Notes
    -----
    O(n + width * height). The threshold is one number for the whole sensor: where a scene keeps a few pixels busy
    and the rest silent, raise `n_sigma`.

    Examples
    --------
    >>> import numpy as np, evsim
    >>> events = evsim.EventArray(np.arange(230), [0] * 200 + [1, 2, 3] * 10, np.zeros(230, int), np.ones(230, int))
    >>> evsim.events.filters.find_hot_pixels(events)
    array([[ True, False, False, False]])
    """
    factor = as_number(n_sigma, "n_sigma")
    if factor <= 0:
        raise InvalidArgumentError(f"n_sigma must be positive, got {factor}")
    counts = np.bincount(_pixel(events), minlength=events.width * events.height)
    active = counts[counts > 0]
    if not active.size:
        return np.zeros((events.height, events.width), dtype=bool)
    median = np.median(active)
    sigma = max(_MAD_TO_SIGMA * np.median(np.abs(active - median)), np.sqrt(median))
    hot: npt.NDArray[np.bool_] = counts > median + factor * sigma
    return hot.reshape(events.height, events.width)


def hot_pixels(events: EventArray, n_sigma: float = 10.0, *, mask: npt.NDArray[np.bool_] | None = None) -> EventArray:
    """Remove all events of hot pixels.

    Parameters
    ----------
    events : EventArray
    n_sigma : float
        As for :func:`find_hot_pixels`, which says which pixels are hot.
    mask : ndarray of bool, shape (height, width), optional
        The hot pixels, where they are known already, from a recording in the dark for instance; `n_sigma` is then
        not looked at.

    Examples
    --------
    >>> import numpy as np, evsim
    >>> events = evsim.EventArray(np.arange(230), [0] * 200 + [1, 2, 3] * 10, np.zeros(230, int), np.ones(230, int))
    >>> len(evsim.events.filters.hot_pixels(events))
    30
    """
    hot = find_hot_pixels(events, n_sigma) if mask is None else np.asarray(mask)
    if hot.dtype != np.bool_ or hot.shape != (events.height, events.width):
        raise DTypeError(
            f"the mask must hold booleans in shape ({events.height}, {events.width}), got {hot.dtype} in {hot.shape}"
        )
    return events.select(~hot[events.y, events.x])


def _pixel(events: EventArray) -> npt.NDArray[np.int64]:
    return events.y.astype(np.int64) * events.width + events.x


def _microseconds(value: int, name: str) -> int:
    number = as_integer(value, name)
    if not 0 <= number <= _LONGEST:
        raise InvalidArgumentError(f"{name} must be from 0 to 2**62 microseconds, got {number}")
    return number


__all__ = ["find_hot_pixels", "hot_pixels", "isolated", "refractory"]


__dir__ = only_public(__all__)
