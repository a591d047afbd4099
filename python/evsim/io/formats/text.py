"""Text recordings: ``t x y p`` in lines, as v2e and the Event Camera Dataset (rpg.ifi.uzh.ch) have them, and CSV.

Lines that begin with ``#`` or ``%`` are comments. Columns are named by a first line, or are t, x, y, p or x, y, p, t:
the polarity is where all numbers are 0, 1 or -1. Times with a decimal point are seconds, others microseconds.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import DTypeError
from ...events.columns import columns_of
from ..recording import CHUNK, Layout, Piece, Recording

_COMMENTS = (b"#", b"%")
_HEAD_BYTES = 1 << 16
_MOST_LINES = 200
"""So many decide on the columns."""
_SEPARATORS = re.compile(rb"[,;\s]+")
_PRINTABLE = re.compile(rb"[\t\r\x20-\x7e]*\Z")
_NUMBER = re.compile(rb"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?\Z")


@dataclass(frozen=True)
class _Columns:
    """Places of t, x, y and p in a line, what stands between them, and the unit of time in microseconds."""

    places: tuple[int, int, int, int]
    comma: bytes | None
    unit: float


def layout(file: Recording) -> Layout | None:
    """None where the file does not begin as such a text."""
    columns = _columns(file.read(0, _HEAD_BYTES))
    if columns is None:
        return None
    return Layout("text", (None, None), _pieces(file, columns))


def _columns(head: bytes) -> _Columns | None:
    lines = head.split(b"\n")
    if len(head) == _HEAD_BYTES:
        lines.pop()  # it may be cut
    rows: list[list[bytes]] = []
    names = None
    for line in lines:
        if not line.strip() or line.startswith(_COMMENTS):
            continue
        if not _PRINTABLE.match(line):
            return None
        fields = _fields(line)
        if not rows and names is None and not any(_NUMBER.match(item) for item in fields):
            names = [item.decode("ascii").strip("\"'").lower() for item in fields]
        elif len(fields) >= 4 and all(_NUMBER.match(item) for item in fields[:4]):
            rows.append(fields)
        elif not rows:
            return None
        if len(rows) == _MOST_LINES:
            break
    places = _places(names, rows)
    if places is None:
        return None
    in_seconds = any(re.search(rb"[.eE]", row[places[0]]) for row in rows if len(row) > places[0])
    first = next(line for line in lines if line.strip() and not line.startswith(_COMMENTS))
    comma = next((mark for mark in (b",", b";") if mark in first), None)
    return _Columns(places, comma, 1e6 if in_seconds else 1.0)


def _places(names: list[str] | None, rows: list[list[bytes]]) -> tuple[int, int, int, int] | None:
    if names is not None:
        try:
            found = columns_of({name: k for k, name in enumerate(names)})
        except DTypeError:
            return None
        return found["t"], found["x"], found["y"], found["p"]
    if not rows:
        return None

    def is_polarity(k: int) -> bool:
        return all(float(row[k]) in (-1.0, 0.0, 1.0) for row in rows)

    return (3, 0, 1, 2) if is_polarity(2) and not is_polarity(3) else (0, 1, 2, 3)


def _fields(line: bytes) -> list[bytes]:
    return [item for item in _SEPARATORS.split(line.strip()) if item]


def _pieces(file: Recording, columns: _Columns) -> Iterator[Piece]:
    begun = False
    for position, lines in _lines(file):
        data, at = [], position
        for line in lines:
            if line.strip() and not line.startswith(_COMMENTS):
                # The first line may be the names of the columns.
                if begun or all(_NUMBER.match(item) for item in _fields(line)[:4]):
                    data.append((at, line))
                begun = True
            at += len(line) + 1
        piece = _parsed(file, data, columns)
        if piece is not None:
            yield piece


def _lines(file: Recording) -> Iterator[tuple[int, list[bytes]]]:
    """Whole lines with the byte where the first begins. A line longer than a chunk is none, and dropped."""
    position, rest = 0, b""
    while block := file.read(position + len(rest), CHUNK):
        data = rest + block
        end = data.rfind(b"\n")
        if position + len(data) == file.n_bytes:
            end = len(data)
        if end < 0 and len(data) > CHUNK:
            file.odd("damaged_parts", position, f"a line has more than {CHUNK} bytes")
            end = len(data) - 1
            data = b""
        if end >= 0:
            yield position, data[:end].split(b"\n")
            position += min(end + 1, file.n_bytes - position)
            rest = data[end + 1 :]
        else:
            rest = data
        if position + len(rest) >= file.n_bytes:
            return


def _parsed(file: Recording, data: list[tuple[int, bytes]], columns: _Columns) -> Piece | None:
    if not data:
        return None
    places, values = list(range(len(data))), None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.loadtxt(
                [line.decode("latin-1") for _, line in data],
                delimiter=columns.comma.decode() if columns.comma else None,
                usecols=columns.places,
                comments=None,
                ndmin=2,
            )
    except (ValueError, OverflowError, IndexError):
        rows = [_numbers(line, columns) for _, line in data]
        places = [k for k, row in enumerate(rows) if row is not None]
        _note_bad(file, data, [k for k, row in enumerate(rows) if row is None])
        values = np.array([row for row in rows if row is not None], dtype=np.float64).reshape(-1, 4)
    t = np.rint(values[:, 0] * columns.unit)
    rest = values[:, 1:]
    good = np.isfinite(values).all(axis=1) & (np.abs(t) < 2**61) & (rest == np.trunc(rest)).all(axis=1)
    good &= (np.abs(rest) < 2**31).all(axis=1) & ((columns.unit > 1) | (t == values[:, 0]))
    if not good.all():
        _note_bad(file, data, [places[k] for k in np.flatnonzero(~good).tolist()])
    kept = np.flatnonzero(good)
    x, y, p = (rest[kept, k].astype(np.int64) for k in range(3))
    return Piece(t[kept].astype(np.int64), x, y, p, byte_of=lambda k: data[places[int(kept[k])]][0])


def _numbers(line: bytes, columns: _Columns) -> list[float] | None:
    fields = _fields(line)
    if len(fields) <= max(columns.places) or not all(_NUMBER.match(fields[k]) for k in columns.places):
        return None
    return [float(fields[k]) for k in columns.places]


def _note_bad(file: Recording, data: list[tuple[int, bytes]], bad: list[int]) -> None:
    if bad:
        byte, line = data[bad[0]]
        file.odd("damaged_parts", byte, f"the line {line[:60]!r} is no event", len(bad))
