"""Event-camera recordings: :class:`EventArray`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_size
from .._lib.tables import html_table, shown_rows
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .columns import (
    check_inside,
    check_polarity,
    check_sorted,
    columns_of,
    event_column,
    frozen,
    microsecond,
    sensor_size,
    unmasked,
)
from .grids import GridMode, GridPolarity, Polarity, binned_spikes, dense_grid, event_spikes


class EventArray:
    """Events of a camera: time, pixel and polarity of every brightness change.

    A value that does not change: all methods return new arrays, and the arrays inside are read-only.

    Parameters
    ----------
    t : array_like of int, shape (n,)
        Times in microseconds, not decreasing; whole numbers below 2**61 in magnitude.
    x, y : array_like of int, shape (n,)
        Column and row of the pixel, from the upper left corner.
    p : array_like of int or bool, shape (n,)
        Polarity: 1 (ON, brighter) or 0 (OFF, darker). -1 and 1 are accepted as well.
    width, height : int, optional
        Size of the sensor in pixels, at most 65536; by default just enough for the events.
    sort : bool
        Sort events by time, stably: events at one time keep their order. By default, decreasing times are an
        error.

    Attributes
    ----------
    t : ndarray of int64, shape (n,)
        Times in microseconds.
    x, y : ndarray of uint16, shape (n,)
        Pixels.
    p : ndarray of uint8, shape (n,)
        Polarities, 0 or 1.
    width, height : int
        Size of the sensor in pixels.

    Raises
    ------
    UnsortedSpikesError
        Times decrease, and `sort` is false.
    IndexOutOfRangeError
        A pixel outside the sensor.
    InvalidArgumentError
        A polarity that is neither 0 nor 1 (nor -1), or a size that is no size.
    ShapeMismatchError
        The arrays differ in length or are not one-dimensional.
    DTypeError
        Arrays that do not hold whole numbers.

    Notes
    -----
    13 bytes an event. Of masked arrays (:mod:`numpy.ma`), events with a masked time, column, row or polarity are left
    out. ``==`` compares the size of the sensor and all events in order.

    Examples
    --------
    >>> import evsim
    >>> events = evsim.EventArray(t=[10, 25, 40], x=[3, 0, 2], y=[1, 1, 0], p=[1, 0, 1], width=4, height=2)
    >>> events
    EventArray(3 events, 4 x 2 pixels, 10 to 40 us, 2 ON, 1 OFF)
    >>> events[1:].t
    array([25, 40])
    >>> events.crop(2, 0, 4, 2).x
    array([1, 0], dtype=uint16)
    """

    __slots__ = ("__weakref__", "_height", "_p", "_t", "_width", "_x", "_y")

    def __init__(
        self,
        t: npt.ArrayLike,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        p: npt.ArrayLike,
        *,
        width: int | None = None,
        height: int | None = None,
        sort: bool = False,
    ) -> None:
        given = unmasked({"t": t, "x": x, "y": y, "p": p})
        columns = {name: event_column(values, name) for name, values in given.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1:
            raise ShapeMismatchError(f"t, x, y and p must have one length, got {lengths}")
        self._width = sensor_size(width, columns["x"], "width")
        self._height = sensor_size(height, columns["y"], "height")
        check_inside(columns["x"], columns["y"], self._width, self._height)
        polarity = check_polarity(columns["p"])
        if sort:
            order = np.argsort(columns["t"], kind="stable")
            columns = {name: values[order] for name, values in columns.items()}
            polarity = polarity[order]
        check_sorted(columns["t"])
        self._t = frozen(np.array(columns["t"]), np.int64)
        self._x = frozen(columns["x"].astype(np.uint16), np.uint16)
        self._y = frozen(columns["y"].astype(np.uint16), np.uint16)
        self._p = frozen(polarity, np.uint8)

    @classmethod
    def _wrap(
        cls,
        t: npt.NDArray[np.int64],
        x: npt.NDArray[np.uint16],
        y: npt.NDArray[np.uint16],
        p: npt.NDArray[np.uint8],
        width: int,
        height: int,
    ) -> EventArray:
        """Build from arrays that are known to be valid."""
        self = cls.__new__(cls)
        self._t, self._x, self._y, self._p = (
            frozen(t, np.int64),
            frozen(x, np.uint16),
            frozen(y, np.uint16),
            frozen(p, np.uint8),
        )
        self._width, self._height = width, height
        return self

    @classmethod
    def from_structured(
        cls,
        array: npt.NDArray[Any],
        *,
        width: int | None = None,
        height: int | None = None,
        sort: bool = False,
    ) -> EventArray:
        """Events from a NumPy structured array, as tonic and other libraries use them.

        Parameters
        ----------
        array : ndarray with fields, shape (n,)
            Fields in any order: ``x``, ``y``, time in microseconds (``t``, ``ts``, ``time`` or ``timestamp``) and
            polarity (``p``, ``pol``, ``polarity`` or ``on``). Further fields are not looked at.
        width, height, sort
            As for :class:`EventArray`.

        Raises
        ------
        DTypeError
            A field is missing.

        Examples
        --------
        >>> import numpy as np, evsim
        >>> fields = [("x", int), ("y", int), ("t", int), ("p", bool)]
        >>> array = np.array([(3, 1, 10, True), (0, 1, 25, False)], dtype=fields)
        >>> evsim.EventArray.from_structured(array, width=4, height=2)
        EventArray(2 events, 4 x 2 pixels, 10 to 25 us, 1 ON, 1 OFF)
        """
        events = np.asanyarray(array)
        if events.dtype.names is None:
            raise DTypeError(f"a structured array with the fields t, x, y and p is needed, got {events.dtype}")
        columns = columns_of({name: events[name] for name in events.dtype.names})
        return cls(**columns, width=width, height=height, sort=sort)

    def to_structured(self) -> npt.NDArray[Any]:
        """Return events as a structured array with the fields t (int64), x, y (uint16) and p (uint8), shape (n,).

        Examples
        --------
        >>> import evsim
        >>> evsim.EventArray([10], [3], [1], [1]).to_structured()["x"]
        array([3], dtype=uint16)
        """
        array = np.empty(len(self), dtype=[("t", np.int64), ("x", np.uint16), ("y", np.uint16), ("p", np.uint8)])
        array["t"], array["x"], array["y"], array["p"] = self._t, self._x, self._y, self._p
        return array

    # Contents

    @property
    def t(self) -> npt.NDArray[np.int64]:
        """Times in microseconds, int64, shape (n,), read-only."""
        return self._t

    @property
    def x(self) -> npt.NDArray[np.uint16]:
        """Columns, uint16, shape (n,), read-only."""
        return self._x

    @property
    def y(self) -> npt.NDArray[np.uint16]:
        """Rows, uint16, shape (n,), read-only; row 0 is the upper one."""
        return self._y

    @property
    def p(self) -> npt.NDArray[np.uint8]:
        """Polarities, uint8, shape (n,), read-only: 1 is ON, 0 is OFF."""
        return self._p

    @property
    def width(self) -> int:
        """Columns of the sensor."""
        return self._width

    @property
    def height(self) -> int:
        """Rows of the sensor."""
        return self._height

    @property
    def duration(self) -> int:
        """Microseconds from the first to the last event; 0 without events."""
        return int(self._t[-1] - self._t[0]) if len(self) else 0

    @property
    def rate(self) -> float:
        """Events per second over :attr:`duration`; NaN where the duration is 0.

        Examples
        --------
        >>> import evsim
        >>> evsim.EventArray([0, 500, 1000], [0, 0, 0], [0, 0, 0], [1, 1, 1]).rate
        3000.0
        """
        return len(self) / (self.duration * 1e-6) if self.duration else float("nan")

    # New arrays from old

    def select(self, mask: npt.ArrayLike) -> EventArray:
        """Events where `mask` (bool, shape (n,)) is true, in order.

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([1, 2, 3], [0, 1, 2], [0, 0, 0], [1, 0, 1])
        >>> events.select(events.p == 1).t
        array([1, 3])
        """
        keep = np.ma.filled(mask, False) if isinstance(mask, np.ma.MaskedArray) else np.asarray(mask)
        if keep.dtype != np.bool_:
            raise DTypeError(f"a mask must hold booleans, got {keep.dtype}; for positions use events[start:stop]")
        if keep.shape != (len(self),):
            raise ShapeMismatchError(f"the mask must have shape ({len(self)},), one entry an event, got {keep.shape}")
        return self._at(keep)

    def _at(self, key: Any) -> EventArray:
        return self._wrap(self._t[key], self._x[key], self._y[key], self._p[key], self._width, self._height)

    def time_slice(self, start: float | None = None, stop: float | None = None) -> EventArray:
        """Events with ``start <= t < stop``, in microseconds. O(log n) plus the copy.

        Examples
        --------
        >>> import evsim
        >>> evsim.EventArray([1, 2, 3], [0, 1, 2], [0, 0, 0], [1, 0, 1]).time_slice(2).t
        array([2, 3])
        """
        first = 0 if start is None else int(np.searchsorted(self._t, microsecond(start, "start")))
        last = len(self) if stop is None else int(np.searchsorted(self._t, microsecond(stop, "stop")))
        return self._at(slice(first, max(first, last)))

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> EventArray:
        """Events with ``x0 <= x < x1`` and ``y0 <= y < y1``, counted from the corner (x0, y0).

        Raises
        ------
        InvalidArgumentError
            The rectangle is empty or not inside the sensor.

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([1, 2], [5, 9], [5, 9], [1, 0], width=10, height=10)
        >>> events.crop(4, 4, 8, 8)
        EventArray(1 event, 4 x 4 pixels, 1 to 1 us, 1 ON, 0 OFF)
        """
        x0, y0, x1, y1 = (as_integer(v, n) for v, n in ((x0, "x0"), (y0, "y0"), (x1, "x1"), (y1, "y1")))
        if not (0 <= x0 < x1 <= self._width and 0 <= y0 < y1 <= self._height):
            raise InvalidArgumentError(
                f"crop needs 0 <= x0 < x1 <= {self._width} and 0 <= y0 < y1 <= {self._height}, "
                f"got x0 = {x0}, y0 = {y0}, x1 = {x1}, y1 = {y1}"
            )
        part = self._at((self._x >= x0) & (self._x < x1) & (self._y >= y0) & (self._y < y1))
        x, y = part.x - np.uint16(x0), part.y - np.uint16(y0)
        return self._wrap(part.t, x, y, part.p, x1 - x0, y1 - y0)

    def downsample(self, factor: int) -> EventArray:
        """Merge blocks of `factor` x `factor` pixels into one; every event stays.

        The last column and row may stand for smaller blocks. To thin events out as well, apply
        :func:`evsim.events.filters.refractory` afterwards.

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([1, 2], [5, 9], [4, 9], [1, 0], width=10, height=10)
        >>> events.downsample(4).x
        array([1, 2], dtype=uint16)
        >>> events.downsample(4).width
        3
        """
        by = as_size(factor, "factor")
        width, height = -(-self._width // by), -(-self._height // by)
        x, y = ((c.astype(np.int64) // by).astype(np.uint16) for c in (self._x, self._y))
        return self._wrap(self._t, x, y, self._p, width, height)

    # To spikes and grids

    def to_spikes(self, time_scale: float = 1e-3, polarity: Polarity = "channels") -> SpikeArray:
        """Every event as a spike at its own time.

        Parameters
        ----------
        time_scale : float
            Factor from microseconds to the network's unit, > 0; the default gives milliseconds.
        polarity : {"channels", "merge", "on", "off"}
            Two channels (OFF is 0, ON is 1), both in one channel, or only one of them.

        Returns
        -------
        SpikeArray
            Sorted by time, with shape (2 or 1, height, width): index = (channel * height + y) * width + x.

        Raises
        ------
        InvalidArgumentError
            `time_scale` or `polarity` is outside its domain.
        MemoryLimitError
            The sensor has more places than a spike's index can tell apart (2**31).

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([1500], [3], [1], [1], width=5, height=4)
        >>> events.to_spikes()
        SpikeArray(1 spike, indices 28 to 28, times 1.5 to 1.5, shape=(2, 4, 5))
        """
        return event_spikes(self, time_scale, polarity)

    def voxel_grid(
        self,
        n_bins: int | None = None,
        *,
        dt: int | None = None,
        polarity: GridPolarity = "channels",
        mode: GridMode = "count",
        normalize: Literal["max"] | None = None,
        start: int | None = None,
        stop: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Dense grid of events: float32, shape (n_bins, n_channels, height, width).

        Parameters
        ----------
        n_bins : int
            Number of steps between `start` and `stop`, all of one length. Give either this or `dt`.
        dt : int
            Length of a step in microseconds; the last step may reach past `stop`.
        polarity : {"channels", "merge", "on", "off", "signed"}
            As for :meth:`to_spikes`; ``"signed"`` adds ON as +1 and OFF as -1 in one channel.
        mode : {"count", "binary", "bilinear"}
            Number of events in a step; 1 where there are any; or weights that share each event between the two
            nearest of `n_bins` instants, the first at the first event and the last at the last event (Zhu, Yuan,
            Chaney and Daniilidis, CVPR 2019, eqs. 1 and 2: weight max(0, 1 - abs(b - t*)) with t* = (n_bins - 1)
            (t - t_first) / (t_last - t_first)). With `start` and `stop`, these stand for the first and last event.
        normalize : {None, "max"}
            ``"max"`` divides by the largest magnitude in the grid, if it is not 0.
        start, stop : int, optional
            Microseconds; events outside ``start <= t < stop`` do not count. By default the first event, and just
            after the last.

        Raises
        ------
        InvalidArgumentError
            An option is outside its domain.
        MemoryLimitError
            The grid would have more than 2**31 cells; :meth:`binned` makes none.

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([0, 10, 30], [0, 1, 1], [0, 0, 0], [1, 1, 0], width=2, height=1)
        >>> events.voxel_grid(dt=20)[:, :, 0, :].tolist()  # two steps, OFF and ON, two pixels
        [[[0.0, 0.0], [1.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]]
        >>> events.voxel_grid(2, polarity="signed", mode="bilinear").round(2)[:, 0, 0].tolist()
        [[1.0, 0.6700000166893005], [0.0, -0.6700000166893005]]
        """
        return dense_grid(self, n_bins, dt, polarity, mode, normalize, start, stop)

    def binned(
        self,
        n_bins: int | None = None,
        *,
        dt: int | None = None,
        polarity: Polarity = "channels",
        start: int | None = None,
        stop: int | None = None,
    ) -> SpikeArray:
        """At most one spike per pixel, channel and step, at the number of its step; for stepped networks.

        The spikes of ``voxel_grid(..., mode="binary")`` without the grid: O(n log n), whatever the size of the
        sensor. Parameters are those of :meth:`voxel_grid`.

        Returns
        -------
        SpikeArray
            Sorted by (time, index); times are step numbers 0.0, 1.0, ...; shape (n_channels, height, width).

        Examples
        --------
        >>> import evsim
        >>> events = evsim.EventArray([0, 5, 30], [1, 1, 0], [0, 0, 0], [1, 1, 0], width=2, height=1)
        >>> spikes = events.binned(dt=10, polarity="merge")
        >>> spikes.indices, spikes.times
        (array([1, 0], dtype=int32), array([0., 3.]))
        """
        return binned_spikes(self, n_bins, dt, polarity, start, stop)

    # Python protocols

    def __len__(self) -> int:
        return len(self._t)

    def __getitem__(self, key: slice) -> EventArray:
        """Events at a slice of positions. For a slice of time see :meth:`time_slice`."""
        if not isinstance(key, slice):
            raise DTypeError(
                f"events are sliced by position, as in events[10:20], got {key!r}; for one event use "
                "events.t[k], events.x[k], events.y[k], events.p[k], for a mask events.select(mask)"
            )
        try:
            part = self._at(key)
        except TypeError:
            raise DTypeError("slices count events; for a slice of time use events.time_slice(start, stop)") from None
        if key.step is not None and key.step < 0:
            raise InvalidArgumentError("events stay in the order of time; a slice cannot run backwards")
        return part

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventArray):
            return NotImplemented
        return (self._width, self._height) == (other._width, other._height) and all(
            np.array_equal(a, b)
            for a, b in ((self._t, other._t), (self._x, other._x), (self._y, other._y), (self._p, other._p))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        size = f"{self._width} x {self._height} pixels"
        if not len(self):
            return f"EventArray(empty, {size})"
        n_on = int(np.count_nonzero(self._p))
        return (
            f"EventArray({len(self)} event{'s' if len(self) > 1 else ''}, {size}, {self._t[0]} to {self._t[-1]} us, "
            f"{n_on} ON, {len(self) - n_on} OFF)"
        )

    def _repr_html_(self) -> str:
        rows = [(k, self._t[k], self._x[k], self._y[k], self._p[k]) for k in shown_rows(len(self))]
        return html_table(repr(self), ("", "t", "x", "y", "p"), rows, len(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return EventArray._wrap, (self._t, self._x, self._y, self._p, self._width, self._height)
