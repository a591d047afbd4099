"""AEDAT 2.0 recordings of jAER and v2e (.aedat).

The format: https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-2.0.html. Pairs of big-endian
32-bit words, address and time in microseconds; the chip that the header names says what an address means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..recording import ItemBytes, Layout, Piece, Recording, header_lines

MAGIC = b"#!AER-DAT2.0"
_CHIP = re.compile(r"^# *AEChip: *(\S{1,200})", re.MULTILINE)
_EVENT_BYTES = 8
_SIZES = {"128": (128, 128), "208": (208, 192), "240": (240, 180), "346": (346, 260), "640": (640, 480)}


@dataclass(frozen=True)
class _Chip:
    """Where an address has its parts: masks and shifts, and the bits that mark what is no event."""

    size: tuple[int, int]
    x: tuple[int, int]
    y: tuple[int, int]
    p: int
    other: int


def layout(file: Recording) -> Layout:
    """Rows count from below in the file."""
    start, header = header_lines(file, b"#", lambda line: line.lower().lstrip(b"# ") == b"end of ascii header")
    chip = _chip(file, header, start)
    return Layout("AEDAT 2.0", chip.size, _pieces(file, start, chip))


def _chip(file: Recording, header: str, start: int) -> _Chip:
    found = _CHIP.search(header)
    name = found[1].rsplit(".", 1)[-1].upper() if found else ""
    if not name:
        # An address of the DVS128, the chip of most such files, has 16 bits.
        head = np.frombuffer(file.read(start, 4096 // _EVENT_BYTES * _EVENT_BYTES)[:4096], dtype=np.uint8)
        address = head[: len(head) // _EVENT_BYTES * _EVENT_BYTES].view(">u4")[::2]
        name = "DVS128" if (address < 1 << 16).all() else "DAVIS"
    number = re.search(r"\d{3}", name)
    if "DVS128" in name:
        return _Chip(_SIZES["128"], (0x7F, 1), (0x7F, 8), 0, 1 << 15)
    size = _SIZES.get(number[0], _SIZES["346"]) if number else _SIZES["346"]
    return _Chip(size, (0x3FF, 12), (0x1FF, 22), 11, 1 << 31 | 1 << 10)


def _pieces(file: Recording, start: int, chip: _Chip) -> Iterator[Piece]:
    last = None
    height = file.height or chip.size[1]
    for position, data in file.chunks(start, _EVENT_BYTES, "event"):
        words = np.frombuffer(data, dtype=">u4").reshape(-1, 2).astype(np.int64)
        places = np.flatnonzero(words[:, 0] & chip.other == 0)
        file.skipped.other_items += len(words) - len(places)
        address, t = words[places, 0], unwrapped(words[places, 1], last)
        last = int(t[-1]) if len(t) else last
        yield Piece(
            t,
            address >> chip.x[1] & chip.x[0],
            height - 1 - (address >> chip.y[1] & chip.y[0]),
            (address >> chip.p & 1).astype(np.uint8),
            byte_of=ItemBytes(position, _EVENT_BYTES, places),
        )


def unwrapped(t: npt.NDArray[np.int64], last: int | None) -> npt.NDArray[np.int64]:
    """Times of 32 bits that start again from 0, as times that go on; `last` is the one before."""
    if not len(t):
        return t
    before = np.append(t[0] if last is None else last, t[:-1])
    steps = (t - before + (1 << 31)) % (1 << 32) - (1 << 31)  # the nearest way round
    return int(before[0]) + np.cumsum(steps)
