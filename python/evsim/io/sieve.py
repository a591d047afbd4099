"""From events as they stand in a file to events as an :class:`~evsim.EventArray` holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from .recording import Layout, Piece, Recording
from .summary import RecordingSummary

_LATEST = 2**61


class Columns(NamedTuple):
    """Events inside the sensor, in the file's order."""

    t: npt.NDArray[np.int64]
    x: npt.NDArray[np.uint16]
    y: npt.NDArray[np.uint16]
    p: npt.NDArray[np.uint8]

    def at(self, key: Any) -> Columns:
        """The events at a slice, a mask or places."""
        return Columns(self.t[key], self.x[key], self.y[key], self.p[key])

    def write(self, start: int, events: Columns) -> None:
        """Put events to the places from `start` on."""
        stop = start + len(events.t)
        self.t[start:stop], self.x[start:stop] = events.t, events.x
        self.y[start:stop], self.p[start:stop] = events.y, events.p


class Sieve:
    """Checks the pieces of one recording, one after another, and keeps count of what is in them."""

    def __init__(self, file: Recording, layout: Layout) -> None:
        self._file, self._layout = file, layout
        self._width, self._height = file.width or layout.size[0], file.height or layout.size[1]
        self._seen = 0
        self._n_events = 0
        self._furthest = (0, 0)
        self._first: int | None = None
        self._latest: int | None = None

    def columns(self) -> Iterator[Columns]:
        """The good events of each piece."""
        for piece in self._layout.pieces:
            if len(piece.t):
                yield self._kept(piece)
                self._seen += len(piece.t)

    def _kept(self, piece: Piece) -> Columns:
        piece = self._inside(piece)
        t = piece.t.astype(np.int64, copy=False)
        x, y = (column.astype(np.uint16, copy=False) for column in (piece.x, piece.y))
        columns = Columns(t, x, y, piece.p if piece.p.dtype == np.uint8 else (piece.p > 0).astype(np.uint8))
        if len(t):
            self._count_late(piece, t)
            self._n_events += len(t)
            self._furthest = (
                max(self._furthest[0], int(columns.x.max())),
                max(self._furthest[1], int(columns.y.max())),
            )
        return columns

    def _inside(self, piece: Piece) -> Piece:
        """Without the events that cannot be."""
        width, height = self._width or self._layout.largest, self._height or self._layout.largest
        bad = (piece.x >= width) | (piece.y >= height) | (piece.p > 1)
        for column, least in ((piece.x, 0), (piece.y, 0), (piece.p, -1)):
            if column.dtype.kind != "u":
                bad |= column < least
        if piece.t.dtype.itemsize == 8:
            bad |= (piece.t >= _LATEST) | (piece.t <= -_LATEST if piece.t.dtype.kind != "u" else False)
        if not bad.any():
            return piece
        k = int(np.argmax(bad))
        self._file.odd(
            "outside_events",
            piece.byte_of(k),
            f"event {self._seen + k} is at x = {piece.x[k]}, y = {piece.y[k]}, outside {width} x {height} pixels, or "
            f"its time {piece.t[k]} us or polarity {piece.p[k]} cannot be",
            int(np.count_nonzero(bad)),
        )
        return piece.at(np.flatnonzero(~bad))

    def _count_late(self, piece: Piece, t: npt.NDArray[np.int64]) -> None:
        before = int(t[0]) if self._latest is None else self._latest
        if int(t[0]) < before or (t[1:] < t[:-1]).any():
            highest = np.maximum(np.maximum.accumulate(t), before)
            late = t < highest
            k = int(np.argmax(late))
            message = f"the time of an event is {t[k]} us, after {highest[k]} us"
            self._file.odd("late_events", piece.byte_of(k), message, int(np.count_nonzero(late)))
            before = max(before, int(highest[-1]))
        self._latest = max(before, int(t[-1]))
        first = int(t.min())
        self._first = first if self._first is None else min(self._first, first)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as given or as the file has it, else just enough for the events so far."""
        return self._width or self._furthest[0] + 1, self._height or self._furthest[1] + 1

    def summary(self) -> RecordingSummary:
        """Of all that came through."""
        counts = {name: value for name, value in vars(self._file.skipped).items() if name != "first"}
        width, height = self.size
        return RecordingSummary(
            format=self._layout.name,
            n_events=self._n_events,
            width=width,
            height=height,
            start=self._first or 0,
            stop=0 if self._latest is None else self._latest + 1,
            **counts,
        )


def within(columns: Columns, start: int | None, stop: int | None) -> Columns:
    """The events with ``start <= t < stop``."""
    keep = np.ones(len(columns.t), dtype=bool)
    if start is not None:
        keep &= columns.t >= start
    if stop is not None:
        keep &= columns.t < stop
    return columns if keep.all() else columns.at(keep)


class Collection:
    """Events that come part by part, in memory that is taken once where their number can be foreseen."""

    def __init__(self) -> None:
        self._n = 0
        self._columns = _room(0)

    def add(self, part: Columns, fraction: float) -> None:
        """Append a part; `fraction` of all has come with it, as far as one knows."""
        n = self._n + len(part.t)
        if n > len(self._columns.t):
            self._grow(n, fraction)
        self._columns.write(self._n, part)
        self._n = n

    def _grow(self, n: int, fraction: float) -> None:
        least = n + n // 2
        try:  # memory that is never written to costs nothing
            columns = _room(max(least, int(1.1 * n / max(fraction, 1e-6))))
        except MemoryError:
            columns = _room(least)
        columns.write(0, self._columns.at(slice(self._n)))
        self._columns = columns

    def by_time(self) -> Columns:
        """All events, sorted by time, stably."""
        return sorted_by_time(self._columns.at(slice(self._n)))


def _room(n: int) -> Columns:
    return Columns(np.empty(n, np.int64), np.empty(n, np.uint16), np.empty(n, np.uint16), np.empty(n, np.uint8))


def joined(parts: list[Columns]) -> Columns:
    """All parts as one, sorted by time, stably."""
    out, n = _room(sum(len(part.t) for part in parts)), 0
    for part in parts:
        out.write(n, part)
        n += len(part.t)
    return sorted_by_time(out)


def sorted_by_time(columns: Columns) -> Columns:
    """Sorted by time, stably."""
    if not (columns.t[1:] < columns.t[:-1]).any():
        return columns
    return columns.at(np.argsort(columns.t, kind="stable"))


def event_array(columns: Columns, size: tuple[int, int]) -> EventArray:
    """Sorted columns as a value."""
    return EventArray._wrap(*columns, *size)
