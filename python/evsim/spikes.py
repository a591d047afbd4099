"""Spikes: :class:`Spike` and :class:`SpikeArray`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from . import _core
from ._lib.arrays import as_indices, as_integer, as_number, as_positions, as_times
from ._lib.modules import only_public
from ._lib.tables import html_table, shown_rows
from ._lib.time_steps import counts_in_steps, require_inside, spikes_of_steps
from .errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError

__all__ = ["Spike", "SpikeArray"]

_MOST_LINES = 1000
"""Of the text of an array."""


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (list, tuple)) and not getattr(value, "ndim", 0)


class Spike(NamedTuple):
    """One spike.

    Attributes
    ----------
    index : int
        Index of the neuron that fired.
    time : float
        When, in the network's time unit.

    Examples
    --------
    >>> import evsim
    >>> evsim.Spike(index=3, time=1.5)
    Spike(index=3, time=1.5)

    ``<`` and its kin compare times; ``==`` compares both.

    >>> evsim.Spike(index=3, time=1.5) < evsim.Spike(index=0, time=2.0)
    True
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, as meant
    time: float

    def __lt__(self, other: object) -> bool:
        return self.time < other.time if isinstance(other, Spike) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.time <= other.time if isinstance(other, Spike) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.time > other.time if isinstance(other, Spike) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.time >= other.time if isinstance(other, Spike) else NotImplemented

    def __str__(self) -> str:
        return f"Index: {self.index}, Time: {self.time}"


class SpikeArray:
    """Spikes as (index, time) pairs.

    Spikes stay in the order in which they were added until :meth:`sort`; inference takes sorted arrays and
    returns sorted arrays.

    Parameters
    ----------
    indices : array_like of int, shape (n,)
        Indices of the neurons that fired, 0 to 2**31 - 1. Any integer type, and floats that are whole numbers;
        converted, never reinterpreted.
    times : array_like of float, shape (n,)
        When they fired, in the network's time unit; finite.
    shape : tuple of int, optional
        Gives indices a meaning as (c, y, x), (y, x), ...: index = ravel_multi_index((c, y, x), shape).

    Raises
    ------
    ShapeMismatchError
        `indices` and `times` differ in length or are not one-dimensional.
    IndexOutOfRangeError
        A negative index, or one outside `shape`.
    NonFiniteError
        A time that is NaN or infinite.
    DTypeError
        Fractional indices, or arrays that do not hold real numbers.

    Notes
    -----
    12 bytes a spike. ``==`` compares indices and times in order (not `shape`).

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.SpikeArray([3, 1, 2], [2.5, 0.5, 1.0])
    >>> spikes.is_sorted
    False
    >>> spikes.sort()
    >>> spikes
    SpikeArray(3 spikes, indices 1 to 3, times 0.5 to 2.5)
    >>> spikes.times
    array([0.5, 1. , 2.5])
    >>> [spike.index for spike in spikes]
    [1, 2, 3]
    >>> spikes[spikes.times < 2.0]
    SpikeArray(2 spikes, indices 1 to 2, times 0.5 to 1.0)
    >>> print(spikes)
    Index: 1, Time: 0.5
    Index: 2, Time: 1.0
    Index: 3, Time: 2.5
    <BLANKLINE>
    """

    __slots__ = ("__weakref__", "_core", "_shape")

    def __init__(
        self,
        indices: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
        *,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self._core = _core.SpikeArray()
        self._shape: tuple[int, ...] | None = None
        if (indices is None) != (times is None):
            raise ShapeMismatchError("give both indices and times, or neither")
        if indices is not None and times is not None:
            self._core.add(as_indices(indices), as_times(times))
        self.shape = shape

    @classmethod
    def _wrap(cls, core: _core.SpikeArray, shape: tuple[int, ...] | None = None) -> SpikeArray:
        self = cls.__new__(cls)
        self._core = core
        self._shape = shape
        return self

    # Contents

    @property
    def indices(self) -> npt.NDArray[np.int32]:
        """Indices, int32, shape (n,): a read-only view without a copy. It keeps what it shows when spikes are added."""
        return self._core.indices

    @property
    def times(self) -> npt.NDArray[np.float64]:
        """Times, float64, shape (n,): a read-only view without a copy. It keeps what it shows when spikes are added."""
        return self._core.times

    @property
    def n_spikes(self) -> int:
        """Number of spikes."""
        return len(self._core)

    @property
    def is_sorted(self) -> bool:
        """Whether times never decrease. O(n)."""
        return self._core.is_sorted()

    def is_empty(self) -> bool:
        """Whether there are no spikes."""
        return len(self._core) == 0

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the space of indices, such as (2, 34, 34) for an event camera with two polarities; None if flat.

        Examples
        --------
        >>> import evsim
        >>> events = evsim.SpikeArray([40], [0.1], shape=(2, 4, 8))
        >>> events.coordinates()
        (array([1]), array([1]), array([0]))
        """
        return self._shape

    @shape.setter
    def shape(self, shape: tuple[int, ...] | None) -> None:
        if shape is not None:
            try:
                if isinstance(shape, bytes):
                    raise TypeError
                shape = tuple(as_integer(n, "a dimension of shape") for n in shape)
            except TypeError:
                raise DTypeError(f"shape must be a tuple of integers, got {shape!r}") from None
            if not shape or min(shape) < 1:
                raise InvalidArgumentError(f"every dimension of shape must be at least 1, got {shape}")
            require_inside(self.indices, shape)
        self._shape = shape

    def coordinates(self) -> tuple[npt.NDArray[np.intp], ...]:
        """Indices as coordinates in :attr:`shape`, one array of shape (n,) per dimension.

        Raises
        ------
        InvalidArgumentError
            If the array has no shape.
        """
        if self._shape is None:
            raise InvalidArgumentError("these spikes have no shape; set one first: spikes.shape = (c, y, x)")
        return np.unravel_index(self.indices, self._shape)

    # Changing

    @overload
    def add(self, indices: int, times: float) -> None: ...
    @overload
    def add(self, indices: npt.ArrayLike, times: npt.ArrayLike) -> None: ...
    def add(self, indices: Any, times: Any) -> None:
        """Append one spike (two numbers) or many (two arrays). Nothing is added if anything is wrong.

        Examples
        --------
        >>> import evsim
        >>> spikes = evsim.SpikeArray()
        >>> spikes.add(4, 0.5)
        >>> spikes.add([1, 2], [0.7, 0.9])
        >>> len(spikes)
        3
        """
        if _is_scalar(indices) and _is_scalar(times):
            indices, times = [indices], [times]
        index_array, time_array = as_indices(indices), as_times(times)
        if self._shape is not None:
            require_inside(index_array, self._shape)
        self._core.add(index_array, time_array)

    def sort(self) -> None:
        """Sort by time, in place and stably: spikes at one time keep their order.

        O(n log n); O(n) if sorted already.
        """
        self._core.sort()

    def clear(self) -> None:
        """Remove all spikes."""
        self._core.clear()

    # New arrays from old

    def copy(self) -> SpikeArray:
        """Return an independent copy."""
        return SpikeArray._wrap(self._core.copy(), self._shape)

    def time_slice(self, start: float | None = None, stop: float | None = None) -> SpikeArray:
        """Spikes with ``start <= time < stop``, in order.

        Parameters
        ----------
        start, stop : float, optional
            Bounds in the network's time unit; None means no bound.

        Examples
        --------
        >>> import evsim
        >>> spikes = evsim.SpikeArray([0, 1, 2, 3], [0.0, 1.0, 2.0, 3.0])
        >>> spikes.time_slice(1.0, 3.0).times
        array([1., 2.])
        """
        times = self.times
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= times >= as_number(start, "start")
        if stop is not None:
            keep &= times < as_number(stop, "stop")
        return SpikeArray(self.indices[keep], times[keep], shape=self._shape)

    def merge(self, *others: SpikeArray) -> SpikeArray:
        """All spikes of this array and `others`, sorted by time; at one time this array's come first.

        Examples
        --------
        >>> import evsim
        >>> a = evsim.SpikeArray([0, 0], [1.0, 3.0])
        >>> a.merge(evsim.SpikeArray([1], [2.0])).indices
        array([0, 1, 0], dtype=int32)
        """
        merged = self.copy()
        for other in others:
            if not isinstance(other, SpikeArray):
                raise DTypeError(f"merge takes SpikeArrays, got {other!r}")
        for other in others:
            merged.add(other.indices, other.times)
        merged.sort()
        return merged

    @classmethod
    def from_dense(cls, dense: npt.ArrayLike, dt: float = 1.0, *, start: float = 0.0) -> SpikeArray:
        """Spikes from an array of time steps.

        Parameters
        ----------
        dense : array_like, shape (n_steps, ...)
            Number of spikes (or booleans) of every neuron in every step. Trailing dimensions become :attr:`shape`
            if there is more than one.
        dt : float
            Length of a step; > 0.
        start : float
            Time of the first step. A spike in step k gets the time ``start + k * dt``.

        Examples
        --------
        >>> import evsim
        >>> evsim.SpikeArray.from_dense([[0, 1, 0], [2, 0, 0]], dt=0.5)
        SpikeArray(3 spikes, indices 0 to 1, times 0.0 to 0.5)
        """
        indices, times, shape = spikes_of_steps(dense, dt, start)
        return cls(indices, times, shape=shape)

    def to_dense(
        self, dt: float, n_neurons: int | None = None, *, start: float = 0.0, stop: float | None = None
    ) -> npt.NDArray[np.int32]:
        """Count spikes per neuron in steps of `dt`; spike times are rounded down to their step.

        A time within a few ulp below a step belongs to that step, so that what :meth:`from_dense` made comes back.

        Parameters
        ----------
        dt : float
            Length of a step; > 0.
        n_neurons : int, optional
            Number of columns; by default the size of :attr:`shape`, else the largest index + 1.
        start, stop : float
            Time of the first step, and the end; by default 0 and just after the last spike. Spikes outside are an
            error.

        Returns
        -------
        ndarray of int32, shape (n_steps, n_neurons) or (n_steps, *shape)

        Examples
        --------
        >>> import evsim
        >>> evsim.SpikeArray([1, 0], [0.2, 1.7]).to_dense(dt=1.0)
        array([[0, 1],
               [1, 0]], dtype=int32)
        """
        return counts_in_steps(self.indices, self.times, self._shape, dt, n_neurons, start, stop)

    # Python protocols

    def __len__(self) -> int:
        return len(self._core)

    def __iter__(self) -> Iterator[Spike]:
        return map(Spike, self.indices.tolist(), self.times.tolist())

    @overload
    def __getitem__(self, key: int) -> Spike: ...
    @overload
    def __getitem__(self, key: slice | npt.ArrayLike) -> SpikeArray: ...
    def __getitem__(self, key: Any) -> Spike | SpikeArray:
        """One spike, or those at a slice of positions, at an array of positions, or where a boolean mask is true.

        For a slice of time see :meth:`time_slice`.
        """
        if isinstance(key, slice):
            try:
                return SpikeArray(self.indices[key], self.times[key], shape=self._shape)
            except TypeError:
                message = "slices count spikes; for a slice of time use spikes.time_slice(start, stop)"
                raise DTypeError(message) from None
        if not _is_scalar(key):
            chosen = as_positions(key, len(self))
            return SpikeArray(self.indices[chosen], self.times[chosen], shape=self._shape)
        number = as_integer(key, "a position")
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexOutOfRangeError(f"there is no spike {key} among {len(self)}")
        return Spike(*self._core[position])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeArray):
            return NotImplemented
        return self._core.equals(other._core)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shape = f", shape={self._shape}" if self._shape is not None else ""
        if self.is_empty():
            return f"SpikeArray(empty{shape})"
        indices, times = self.indices, self.times
        order = "" if self.is_sorted else ", unsorted"
        return (
            f"SpikeArray({len(self)} spike{'s' if len(self) > 1 else ''}, indices {indices.min()} to {indices.max()}, "
            f"times {times.min()} to {times.max()}{order}{shape})"
        )

    def __str__(self) -> str:
        """One line per spike; of more than 1000, the first and the last."""
        if len(self) <= _MOST_LINES:
            return "".join(f"{spike}\n" for spike in self)
        first, last = self[: _MOST_LINES // 2], self[-(_MOST_LINES // 2) :]
        return f"{first}... {len(self) - _MOST_LINES} more ...\n{last}"

    def _repr_html_(self) -> str:
        shown = [(k, self[k].index, self[k].time) for k in shown_rows(len(self))]
        return html_table(repr(self), ("", "index", "time"), shown, len(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (np.array(self.indices), np.array(self.times), self._shape)


def _rebuild(
    indices: npt.NDArray[np.int32], times: npt.NDArray[np.float64], shape: tuple[int, ...] | None
) -> SpikeArray:
    return SpikeArray(indices, times, shape=shape)


__dir__ = only_public(__all__)
