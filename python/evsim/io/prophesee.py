"""Prophesee raw files, EVT 2.0 and EVT 3.0.

The formats: https://docs.prophesee.ai/stable/data/encoding_formats/. faery 0.7 and expelliarmus 1.1 read them too, but
drop what follows a torn word and skip words that do not exist; here the words are decoded with NumPy, and the byte is
named. The lower bits of a sensor's clock step back a little now and then: such events are sorted, while faery moves
them up to the latest time seen.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FileFormatError
from ..events.array import EventArray
from .raw_events import Recording, words

MAGIC = b"% "
_VERSION = re.compile(r"^% (?:evt (\d+)\.(\d+)|format EVT(\d)(\d?))", re.MULTILINE | re.IGNORECASE)
_GEOMETRY = re.compile(r"^% geometry (\d+)x(\d+)", re.MULTILINE)
_FORMAT_SIZE = {name: re.compile(rf"^% format .*\b{name}=(\d+)", re.MULTILINE) for name in ("width", "height")}
_SENSORS = (
    (re.compile("gen(?:31?|3\\.[01])(?![0-9x])", re.IGNORECASE), (640, 480)),
    (re.compile("gen(?:4[12]?)(?![0-9x])|imx636", re.IGNORECASE), (1280, 720)),
    (re.compile("genx320", re.IGNORECASE), (320, 320)),
)
_LARGEST = 2048
"""Coordinates have 11 bits."""


def read_prophesee(file: Recording) -> EventArray:
    """Read the text header, then the words of the version that it names."""
    start, header = _header(file)
    version = _VERSION.search(header)
    if version is None:
        raise FileFormatError(
            f"{file.path} has a header up to byte {start} that names no format; expected a line % evt 2.0 or % evt 3.0"
        )
    major, minor = version[1] or version[3], version[2] or version[4] or "0"
    if (major, minor) == ("2", "0"):
        return _read_evt2(file, start, _sensor(header))
    if (major, minor) == ("3", "0"):
        return _read_evt3(file, start, _sensor(header))
    raise FileFormatError(f"{file.path} is in Prophesee's EVT {major}.{minor}; evsim reads EVT 2.0 and EVT 3.0")


def _header(file: Recording) -> tuple[int, str]:
    """Where the words start, and the lines before: each begins with "% "; "% end" is the last if there is one."""
    start = 0
    while file.data.startswith(b"%", start):
        end = file.data.find(b"\n", start)
        line = file.data[start : end if end >= 0 else len(file.data)]
        if not line.rstrip(b"\r").replace(b"\t", b" ").decode("latin-1").isprintable():
            break
        if end < 0:
            raise FileFormatError(f"{file.path} is truncated: the header line at byte {start} does not end")
        start = end + 1
        if line.strip() == b"% end":
            break
    return start, file.data[:start].decode("latin-1")


def _sensor(header: str) -> tuple[int, int] | None:
    """Width and height as the header states them, or as the sensor that it names has them."""
    geometry = _GEOMETRY.search(header)
    width, height = (pattern.search(header) for pattern in _FORMAT_SIZE.values())
    if geometry:
        size = int(geometry[1]), int(geometry[2])
    elif width and height:
        size = int(width[1]), int(height[1])
    else:
        return next((size for pattern, size in _SENSORS if pattern.search(header)), None)
    return size if 0 < size[0] <= _LARGEST and 0 < size[1] <= _LARGEST else None


def _words_of(file: Recording, start: int, dtype: str, known: tuple[int, ...]) -> tuple[npt.NDArray[Any], ...]:
    """The words and their types, the upper four bits."""
    n_bytes = np.dtype(dtype).itemsize
    torn = (len(file.data) - start) % n_bytes
    if torn:
        raise file.truncated("word", len(file.data) - torn, torn, n_bytes)
    word = words(file.data, start, dtype)
    if not word.size:
        raise FileFormatError(f"{file.path} is truncated: nothing follows the header, which ends at byte {start}")
    kind = (word >> 8 * n_bytes - 4).astype(np.uint8)
    valid = np.zeros(16, dtype=bool)
    valid[list(known)] = True
    wrong = ~valid[kind]
    if wrong.any():
        k = int(np.argmax(wrong))
        raise file.damaged(start + n_bytes * k, f"there is no word of type 0x{kind[k]:X}")
    return word, kind


def _unwrapped(
    file: Recording, value: npt.NDArray[Any], bits: int, byte_of: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """A clock of `bits` bits that starts again from 0 when it is full; small steps back are damage."""
    clock = value.astype(np.int64)
    step = np.diff(clock)
    back = (step < 0) & (step > -(1 << bits - 1))
    if back.any():
        k = int(np.argmax(back))
        raise file.damaged(int(byte_of[k + 1]), f"the upper bits of time go back from {clock[k]} to {clock[k + 1]}")
    return clock + (np.append(0, np.cumsum(step < 0)) << bits if clock.size else 0)


def _read_evt2(file: Recording, start: int, size: tuple[int, int] | None) -> EventArray:
    """32-bit words. Events: type 0 (OFF) or 1 (ON), lower time (6 bits), x (11), y (11); type 8: upper time (28).

    Events before the first upper time have none and are left out.
    """
    word, kind = _words_of(file, start, "<u4", (0x0, 0x1, 0x8, 0xA, 0xE, 0xF))
    at_high = np.flatnonzero(kind == 0x8)
    high = _unwrapped(file, word[at_high] & 0xFFFFFFF, 28, start + 4 * at_high)
    at = np.flatnonzero(kind <= 1)
    upper, timed = _latest(at_high, high, at)
    at, upper = at[timed], upper[timed]
    event = word[at]
    t = upper << 6 | event >> 22 & 0x3F
    x, y, p = event >> 11 & 0x7FF, event & 0x7FF, event >> 28
    return file.events(t, x, y, p, size=size, byte_of=lambda k: start + 4 * int(at[k]), largest=_LARGEST, sort=True)


_ROW, _COLUMN, _BASE, _VECTOR_12, _VECTOR_8, _LOW, _HIGH = 0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8
_EVT3_KINDS = (_ROW, _COLUMN, _BASE, _VECTOR_12, _VECTOR_8, _LOW, 0x7, _HIGH, 0xA, 0xE, 0xF)


def _read_evt3(file: Recording, start: int, size: tuple[int, int] | None) -> EventArray:
    """16-bit words that each change one part of a state: row, lower and upper time (12 bits each), column.

    A column word is an event; a vector word is up to 12 or 8 events from the current base column on, which then
    moves on by 12 or 8. When the upper time changes, the lower starts from 0. Events before the first upper time,
    row or base have none and are left out.
    """
    word, kind = _words_of(file, start, "<u2", _EVT3_KINDS)
    is_vector = (kind == _VECTOR_12) | (kind == _VECTOR_8)
    at = np.flatnonzero(is_vector | (kind == _COLUMN))
    time, timed = _evt3_times(file, start, word, kind, at)
    at_row = np.flatnonzero(kind == _ROW)
    row, has_row = _latest(at_row, word[at_row] & 0x7FF, at)
    base, on, has_base = _evt3_bases(word, kind, np.flatnonzero(is_vector), at)
    single = kind[at] == _COLUMN
    known = np.flatnonzero(timed & has_row & (single | has_base))
    payload = word[at] & 0xFFF
    bits = np.where(single, 1, np.where(kind[at] == _VECTOR_8, payload & 0xFF, payload))[known]
    which, bit = np.nonzero(bits[:, np.newaxis] >> np.arange(12, dtype=bits.dtype) & 1)
    source = known[which]
    return file.events(
        time[source],
        np.where(single, payload & 0x7FF, base)[source] + bit,
        row[source],
        np.where(single, payload >> 11, on)[source],
        size=size,
        byte_of=lambda k: start + 2 * int(at[source[k]]),
        largest=_LARGEST,
        sort=True,
    )


def _evt3_bases(
    word: npt.NDArray[Any], kind: npt.NDArray[Any], vectors: npt.NDArray[np.int64], at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """First column and polarity of the vectors among the words `at`, and whether they are known yet."""
    moved = np.append(0, np.cumsum(np.where(kind[vectors] == _VECTOR_12, 12, 8)))
    at_base = np.flatnonzero(kind == _BASE)
    base = (word[at_base] & 0x7FF) - moved[np.searchsorted(vectors, at_base)]
    left, known = _latest(at_base, base, at)
    on, _ = _latest(at_base, word[at_base] >> 11 & 1, at)
    return left + moved[np.searchsorted(vectors, at)], on, known


def _evt3_times(
    file: Recording, start: int, word: npt.NDArray[Any], kind: npt.NDArray[Any], at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Time at the words `at` in microseconds, and whether it is known yet."""
    at_high = np.flatnonzero(kind == _HIGH)
    high = _unwrapped(file, word[at_high] & 0xFFF, 12, start + 2 * at_high)
    sets_low = kind == _LOW
    sets_low[at_high[np.append(True, high[1:] != high[:-1])[: len(high)]]] = True
    at_low = np.flatnonzero(sets_low)
    upper, timed = _latest(at_high, high, at)
    lower, _ = _latest(at_low, np.where(kind[at_low] == _LOW, word[at_low] & 0xFFF, 0), at)
    return upper << 12 | lower, timed


def _latest(
    places: npt.NDArray[np.int64], values: npt.NDArray[Any], at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The value at the last of `places` before each of `at` (0 before the first), and whether there is one."""
    last = np.searchsorted(places, at)
    return np.append(values.dtype.type(0), values)[last], last > 0
