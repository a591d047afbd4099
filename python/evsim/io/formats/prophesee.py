"""Prophesee's raw files (EVT 2.0, 2.1 and 3.0) and .dat files.

The formats: https://docs.prophesee.ai/stable/data/encoding_formats/ and .../file_formats/dat.html. The lower bits of a
sensor's clock step back a little now and then, and the upper ones at some starts: events keep the times that they say
and are sorted, while other readers move them up to the latest time seen.
"""

from __future__ import annotations

import re

import numpy as np

from ... import _core
from ...errors import FileFormatError
from ..recording import Layout, Recording, header_lines
from .words import Arrange, Bytes, as_little_endian, decoded, halves_exchanged

MAGIC = b"% "
_VERSION = re.compile(r"^% (?:evt (\d{1,3})\.(\d{1,3})|format EVT(\d)(\d?))", re.MULTILINE | re.IGNORECASE)
_GEOMETRY = re.compile(r"^% geometry (\d{1,9})x(\d{1,9})\b", re.MULTILINE)
_SIZE = {
    name: re.compile(rf"^% (?:format .*\b{name}=|{name} )(\d{{1,9}})\b", re.MULTILINE | re.IGNORECASE)
    for name in ("width", "height")
}
_FORMAT_ORDER = re.compile(r"^% format .*\bendianness=(\w{1,20})", re.MULTILINE | re.IGNORECASE)
_ORDER = re.compile(
    r"^% .{0,80}?(?:endian(?:ness)?|byte_?order)\W{1,3}(big|little|legacy)\b|^% .{0,80}?\b(big|little)[-_ ]?endian",
    re.MULTILINE | re.IGNORECASE,
)
_DAT = re.compile(r"^% (?:Data file containing|Version (\d{1,3}))", re.MULTILINE | re.IGNORECASE)
_SENSORS = (
    (re.compile("gen(?:31?|3\\.[01])(?![0-9x])", re.IGNORECASE), (640, 480)),
    (re.compile("gen(?:4[12]?)(?![0-9x])|imx636", re.IGNORECASE), (1280, 720)),
    (re.compile("genx320", re.IGNORECASE), (320, 320)),
)
_LARGEST = 2048
"""Coordinates of the raw formats have 11 bits."""
_WORD_BYTES = {"evt2": 4, "evt21": 8, "evt3": 2}
_DAT_EVENT_BYTES = 8
_DAT_EVENTS = (0x00, 0x0C)
"""The numbers of the event types that are changes of brightness."""


def layout(file: Recording) -> Layout:
    """Read the text header, and name the words that follow."""
    start, header = header_lines(file, b"%", lambda line: line == b"% end")
    version = _VERSION.search(header)
    if version is None:
        if not _DAT.search(header) and not _is_dat(file, start):
            raise FileFormatError(
                f"{file.path} has a header up to byte {start} that names no format; expected a line "
                "% evt 2.0, % evt 2.1 or % evt 3.0, or the header of a .dat file"
            )
        return _dat(file, start, header)
    major, minor = version[1] or version[3], version[2] or version[4] or "0"
    name = f"evt{major}{'' if minor == '0' else minor}"
    if name not in _WORD_BYTES:
        raise FileFormatError(f"{file.path} is in Prophesee's EVT {major}.{minor}; evsim reads EVT 2.0, 2.1 and 3.0")
    if file.n_bytes == start:
        raise FileFormatError(f"{file.path} is truncated: nothing follows the header, which ends at byte {start}")
    arrange = _arrangement(file, header, name, start)
    pieces = decoded(file, start, _core.RecordingDecoder(name), _WORD_BYTES[name], "word", arrange)
    return Layout(f"EVT {major}.{minor}", _sensor(header, _LARGEST), pieces, largest=_LARGEST)


def _arrangement(file: Recording, header: str, name: str, start: int) -> Arrange | None:
    """How the words have to be turned to be little-endian."""
    order = _byte_order(header)
    if order is None and name == "evt21":
        return _likely_arrangement(file, start)
    if order == "big":
        return as_little_endian(_WORD_BYTES[name])
    if order == "legacy" and name == "evt21":
        return halves_exchanged
    if order not in ("little", "legacy", None):
        raise FileFormatError(f"{file.path} has words in the byte order {order!r}; evsim reads little, big and legacy")
    return None


def _byte_order(header: str) -> str | None:
    """As the header says it; None where it does not."""
    found = _FORMAT_ORDER.search(header) or _ORDER.search(header)
    return next(part for part in found.groups() if part).lower() if found else None


def _likely_arrangement(file: Recording, start: int) -> Arrange | None:
    """Sensors differ in the half of a 64-bit word that they send first; old headers do not say which."""
    data = np.frombuffer(file.read(start, 1 << 16), dtype=np.uint8)
    data = data[: len(data) // 8 * 8]

    def oddities(words: Bytes) -> int:
        decoder = _core.RecordingDecoder("evt21")
        t = decoder.decode(words)[0]
        found = decoder.findings
        n_late = int(np.count_nonzero(t[1:] < t[:-1]))
        return n_late + found.reserved_words + found.clock_steps_back + found.untimed_events + (not len(t))

    return halves_exchanged if oddities(halves_exchanged(data)) < oddities(data) else None


def _sensor(header: str, largest: int) -> tuple[int | None, int | None]:
    """Width and height as the header states them, or as the sensor that it names has them."""
    geometry = _GEOMETRY.search(header)
    width, height = (pattern.search(header) for pattern in _SIZE.values())
    if geometry:
        size = int(geometry[1]), int(geometry[2])
    elif width and height:
        size = int(width[1]), int(height[1])
    else:
        return next((size for pattern, size in _SENSORS if pattern.search(header)), (None, None))
    return size if 0 < size[0] <= largest and 0 < size[1] <= largest else (None, None)


def _is_dat(file: Recording, start: int) -> bool:
    kind = file.read(start, 2)
    return len(kind) == 2 and kind[0] in _DAT_EVENTS and kind[1] == _DAT_EVENT_BYTES


def _dat(file: Recording, start: int, header: str) -> Layout:
    """Two bytes say which events these are and how long each is."""
    kind = file.read(start, 2)
    if len(kind) < 2:
        raise file.truncated("type of events", start, 2)
    if not _is_dat(file, start):
        raise FileFormatError(
            f"{file.path} holds events of type 0x{kind[0]:02X} with {kind[1]} bytes each (byte {start}); evsim "
            f"reads the types 0x00 and 0x0C with {_DAT_EVENT_BYTES} bytes"
        )
    found = next((match[1] for match in _DAT.finditer(header) if match[1]), "2")
    # Time and address are words of 32 bits of their own.
    arrange = as_little_endian(4) if _byte_order(header) == "big" else None
    name = "dat" if int(found) >= 2 else "dat1"
    pieces = decoded(file, start + 2, _core.RecordingDecoder(name), _DAT_EVENT_BYTES, "event", arrange)
    return Layout(f"DAT {found}", _sensor(header, 1 << 14), pieces)
