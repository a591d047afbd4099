"""Prophesee raw files, EVT 2.0 and EVT 3.0.

The formats: https://docs.prophesee.ai/stable/data/encoding_formats/. faery 0.7 and expelliarmus 1.1 read them too, but
drop what follows a torn word and skip words that do not exist; here the words are decoded with NumPy, and the byte is
named. The lower bits of a sensor's clock step back a little now and then: such events are sorted, while faery moves
them up to the latest time seen.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from ..errors import FileFormatError
from ..events import EventArray
from ._raw_events import Recording, words

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


def _words_of(file: Recording, start: int, dtype: str, known: tuple[int, ...]) -> tuple[npt.NDArray[np.uint32], ...]:
    """The words and their types, the upper four bits."""
    n_bytes = np.dtype(dtype).itemsize
    torn = (len(file.data) - start) % n_bytes
    if torn:
        raise file.truncated("word", len(file.data) - torn, torn, n_bytes)
    word = words(file.data, start, dtype).astype(np.uint32, copy=False)
    if not word.size:
        raise FileFormatError(f"{file.path} is truncated: nothing follows the header, which ends at byte {start}")
    kind = word >> np.uint32(8 * n_bytes - 4)
    valid = np.zeros(16, dtype=bool)
    valid[list(known)] = True
    wrong = ~valid[kind]
    if wrong.any():
        k = int(np.argmax(wrong))
        raise file.damaged(start + n_bytes * k, f"there is no word of type 0x{kind[k]:X}")
    return word, kind


def _unwrapped(
    file: Recording, value: npt.NDArray[np.uint32], bits: int, byte_of: npt.NDArray[np.int64]
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
    is_high = kind == 0x8
    at_high = np.flatnonzero(is_high)
    high = _unwrapped(file, word[at_high] & np.uint32(0xFFFFFFF), 28, start + 4 * at_high)
    latest = np.cumsum(is_high, dtype=np.int64) - 1
    at = np.flatnonzero((kind <= 1) & (latest >= 0))
    event = word[at].astype(np.int64)
    t = high[latest[at]] << 6 | event >> 22 & 0x3F
    x, y, p = event >> 11 & 0x7FF, event & 0x7FF, event >> 28
    return file.events(t, x, y, p, size=size, byte_of=lambda k: start + 4 * int(at[k]), largest=_LARGEST, sort=True)


_ROW, _COLUMN, _BASE, _VECTOR_12, _VECTOR_8, _LOW, _HIGH = 0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8


def _read_evt3(file: Recording, start: int, size: tuple[int, int] | None) -> EventArray:
    """16-bit words that each change one part of a state: row, lower and upper time (12 bits each), column.

    A column word is an event; a vector word is up to 12 or 8 events from the current base column on, which then
    moves on by 12 or 8. When the upper time changes, the lower starts from 0. Events before the first upper time,
    row or base have none and are left out.
    """
    word, kind = _words_of(
        file, start, "<u2", (_ROW, _COLUMN, _BASE, _VECTOR_12, _VECTOR_8, _LOW, 0x7, _HIGH, 0xA, 0xE, 0xF)
    )
    payload = (word & np.uint32(0xFFF)).astype(np.int64)
    time, timed = _evt3_times(file, start, payload, kind)
    row, has_row = _latest(kind == _ROW, payload & 0x7FF)
    is_column, is_wide, is_narrow = kind == _COLUMN, kind == _VECTOR_12, kind == _VECTOR_8
    moved = np.cumsum(12 * is_wide + 8 * is_narrow)
    # `moved` counts the vector itself, too: take its own width off again.
    base, has_base = _latest(kind == _BASE, (payload & 0x7FF) - moved)
    on, _ = _latest(kind == _BASE, payload >> 11)
    at = np.flatnonzero(timed & has_row & (is_column | (has_base & (is_wide | is_narrow))))
    single, narrow = is_column[at], is_narrow[at]
    bits = np.where(single, 1, np.where(narrow, payload[at] & 0xFF, payload[at])).astype(np.uint16)
    left = np.where(single, payload[at] & 0x7FF, base[at] + moved[at] - np.where(narrow, 8, 12))
    polarity = np.where(single, payload[at] >> 11, on[at])
    which, bit = np.nonzero(bits[:, np.newaxis] >> np.arange(12, dtype=np.uint16) & 1)
    source = at[which]
    return file.events(
        time[source],
        left[which] + bit,
        row[source],
        polarity[which],
        size=size,
        byte_of=lambda k: start + 2 * int(source[k]),
        largest=_LARGEST,
        sort=True,
    )


def _evt3_times(
    file: Recording, start: int, payload: npt.NDArray[np.int64], kind: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Time at each word in microseconds, and whether it is known yet."""
    is_high = kind == _HIGH
    at_high = np.flatnonzero(is_high)
    high = np.zeros(len(payload), dtype=np.int64)
    high[at_high] = _unwrapped(file, payload[at_high].astype(np.uint32), 12, start + 2 * at_high)
    upper, timed = _latest(is_high, high)
    restarts = is_high & np.append(True, (upper[1:] != upper[:-1]) | ~timed[:-1])
    lower, has_lower = _latest((kind == _LOW) | restarts, np.where(is_high, 0, payload))
    return upper << 12 | np.where(has_lower, lower, 0), timed


def _latest(
    sets: npt.NDArray[np.bool_], value: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The value at the last word that sets it, for every word, and whether there is one."""
    last = np.maximum.accumulate(np.where(sets, np.arange(len(sets)), -1))
    return value[last], last >= 0
