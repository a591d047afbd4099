"""A recording that is being read: its bytes, what is named when they are damaged, and what is left out of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .._lib.paths import open_regular
from ..errors import FileFormatError
from .unreadable import within_memory

CHUNK = 1 << 18
"""Bytes that are decoded at once: they and their events stay in a processor's cache."""
_LONGEST_HEADER = 1 << 22
_TEXT = bytes([*b"\t\r\n", *range(32, 127), *range(128, 256)])
"""What lines of text consist of, whatever their encoding."""


@dataclass
class Skipped:
    """What was left out of a recording, or is odd about it; see :class:`evsim.io.RecordingSummary`."""

    reserved_words: int = 0
    other_items: int = 0
    untimed_events: int = 0
    late_events: int = 0
    outside_events: int = 0
    clock_steps_back: int = 0
    damaged_parts: int = 0
    lost_bytes: int = 0
    first: dict[str, str] = field(default_factory=dict)
    """The first of each kind, in words."""


@dataclass(frozen=True)
class Piece:
    """Events as they stand in the file; `byte_of` says where the k-th is."""

    t: npt.NDArray[Any]
    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    p: npt.NDArray[Any]
    byte_of: Callable[[int], int]

    def at(self, places: npt.NDArray[np.int64]) -> Piece:
        """The events at some places."""
        columns = (self.t[places], self.x[places], self.y[places], self.p[places])
        return Piece(*columns, byte_of=lambda k: self.byte_of(int(places[k])))


@dataclass(frozen=True)
class ItemBytes:
    """Where items of one size are, that begin at byte `start`; only those at `places`, if given."""

    start: int
    size: int
    places: npt.NDArray[np.int64] | None = None

    def __call__(self, k: int) -> int:
        """The byte where the k-th is."""
        return self.start + self.size * (k if self.places is None else int(self.places[k]))


@dataclass(frozen=True)
class Layout:
    """A format that was recognised: its name, the sensor's (width, height) as the file has it, and the events."""

    name: str
    size: tuple[int | None, int | None]
    pieces: Iterator[Piece]
    largest: int = 2**16
    """Coordinates are below this, where the file does not say the size."""


class Recording:
    """An open file, the size of the sensor that the caller named, and whether anything odd is an error."""

    def __init__(self, path: Path, file: BinaryIO, *, width: int | None, height: int | None, strict: bool) -> None:
        self.path, self.file, self.width, self.height, self.strict = path, file, width, height, strict
        self.n_bytes = os.fstat(file.fileno()).st_size
        self.skipped = Skipped()

    def read(self, start: int, n_bytes: int) -> bytes:
        """Up to `n_bytes` bytes from `start` on; fewer only at the end of the file."""
        self.file.seek(start)
        return self.file.read(max(min(n_bytes, self.n_bytes - start), 0))

    def chunks(self, start: int, item: int, what: str, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Whole items of `item` bytes each up to `end`, by default the file's, many at a time with their position."""
        end = self.n_bytes if end is None else min(end, self.n_bytes)
        whole = start + (end - start) // item * item
        step = max(CHUNK // item, 1) * item
        for position in range(start, whole, step):
            yield position, self.read(position, min(step, whole - position))
        if whole < end and end == self.n_bytes:
            self.broken_end(what, whole, item)

    def truncated(self, what: str, byte: int, need: int) -> FileFormatError:
        """`what` starts at `byte` and the file ends before it does."""
        have = self.n_bytes - byte
        return FileFormatError(f"{self.path} is truncated: the {what} at byte {byte} has {have} of {need} bytes")

    def damaged(self, byte: int, message: str) -> FileFormatError:
        """What is at `byte` cannot be."""
        return FileFormatError(f"{self.path} is damaged at byte {byte}: {message}")

    def broken_end(self, what: str, byte: int, need: int, used: int = 0) -> None:
        """The last `what`, at `byte`, is not whole: it is left out, except for `used` bytes."""
        if self.strict:
            raise self.truncated(what, byte, need)
        self._note("lost_bytes", max(self.n_bytes - byte - used, 1), f"the {what} at byte {byte} is cut")

    def lost_end(self, byte: int, message: str) -> None:
        """From `byte` on nothing can be read."""
        if self.strict:
            raise self.damaged(byte, message)
        self._note("lost_bytes", max(self.n_bytes - byte, 1), f"at byte {byte}, {message}")

    def odd(self, kind: str, byte: int, message: str, n: int = 1) -> None:
        """Count what is left out or sorted, `n` of a kind of :class:`Skipped`; the first is at `byte`."""
        if self.strict:
            raise self.damaged(byte, message)
        self._note(kind, n, f"at byte {byte}, {message}")

    def _note(self, kind: str, n: int, first: str) -> None:
        setattr(self.skipped, kind, getattr(self.skipped, kind) + n)
        self.skipped.first.setdefault(kind, first)


@contextmanager
def opened(path: Path, *, width: int | None, height: int | None, strict: bool) -> Iterator[Recording]:
    """The recording at `path`; running out of memory inside is a named error."""
    with within_memory(path), open_regular(path) as file:
        recording = Recording(path, file, width=width, height=height, strict=strict)
        if not recording.n_bytes:
            raise FileFormatError(f"{path} is empty (0 bytes)")
        yield recording


def header_lines(file: Recording, mark: bytes, end: Callable[[bytes], bool]) -> tuple[int, str]:
    """The lines at the beginning that start with `mark`, up to one that is the `end`, and where they stop.

    Their text may be of any encoding. Where no line is the end, binary data that happens to begin with the mark is told
    from text by the control characters that no encoding of text has.
    """
    lines: list[bytes] = []
    text_end, is_text = 0, True
    position, torn = 0, False
    file.file.seek(0)
    while line := file.file.readline(CHUNK):
        if not line.startswith(mark):
            break
        torn = not line.endswith(b"\n")
        is_text = is_text and _is_text(line)
        if torn:
            break
        position += len(line)
        if position > _LONGEST_HEADER:
            raise file.damaged(position, f"the header has more than {_LONGEST_HEADER >> 20} MiB")
        lines.append(line)
        if is_text:
            text_end = len(lines)
        if end(line.strip()):
            text_end, torn = len(lines), False
            break
    start = sum(len(line) for line in lines[:text_end])
    if torn and is_text:
        raise FileFormatError(f"{file.path} is truncated: the header line at byte {start} does not end")
    return start, b"".join(lines[:text_end]).decode("latin-1")


def _is_text(line: bytes) -> bool:
    return not line.translate(None, _TEXT)
