"""From events as they stand in a file to events as an :class:`~evsim.EventArray` holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    if keep.all():
        return columns
    return Columns(columns.t[keep], columns.x[keep], columns.y[keep], columns.p[keep])


def joined(parts: Iterable[Columns]) -> Columns:
    """All parts as one, sorted by time, stably. The parts are freed column by column, so that memory is taken once."""
    held: list[list[npt.NDArray[Any]]] = [[part.t, part.x, part.y, part.p] for part in parts]
    t = _column(held, 0, np.int64)
    order = np.argsort(t, kind="stable") if (t[1:] < t[:-1]).any() else None
    if order is not None:
        t = t[order]
    x, y, p = (_column(held, k, dtype, order) for k, dtype in ((1, np.uint16), (2, np.uint16), (3, np.uint8)))
    return Columns(t, x, y, p)


def _column(
    held: list[list[npt.NDArray[Any]]], k: int, dtype: type, order: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[Any]:
    """Column k of all parts, which lose it."""
    values: list[npt.NDArray[Any]] = [np.empty(0, dtype)]
    for part in held:
        values.append(part[k])
        part[k] = values[0]
    column = np.concatenate(values)
    return column if order is None else column[order]


def event_array(columns: Columns, size: tuple[int, int]) -> EventArray:
    """Sorted columns as a value."""
    return EventArray._wrap(*columns, *size)
