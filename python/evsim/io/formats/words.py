"""Recordings that the compiled core decodes, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ... import _core
from ..recording import CHUNK, Piece, Recording

Bytes = npt.NDArray[np.uint8]
Arrange = Callable[[Bytes], Bytes]


def as_little_endian(n_bytes: int) -> Arrange:
    """Turns words of `n_bytes` bytes from big- to little-endian."""
    return lambda data: np.ascontiguousarray(data.reshape(-1, n_bytes)[:, ::-1]).reshape(-1)


def halves_exchanged(data: Bytes) -> Bytes:
    """64-bit words whose upper 32 bits were sent first."""
    return np.ascontiguousarray(data.view("<u4").reshape(-1, 2)[:, ::-1]).reshape(-1).view(np.uint8)


def decoded(
    file: Recording,
    start: int,
    decoder: _core.RecordingDecoder,
    n_bytes: int,
    what: str,
    arrange: Arrange | None = None,
) -> Iterator[Piece]:
    """The events from byte `start` on; a whole item, `what`, has up to `n_bytes` bytes, rearranged by `arrange`."""
    origin, position, rest = start, start, b""
    while block := file.read(position + len(rest), CHUNK):
        raw = rest + block
        data = np.frombuffer(raw, dtype=np.uint8, count=len(raw) // n_bytes * n_bytes if arrange else len(raw))
        if arrange is not None:
            data = arrange(data)
        before = decoder.copy()
        t, x, y, p, used = decoder.decode(data)
        _note_findings(file, before.findings, decoder.findings, origin)
        yield Piece(t, x, y, p, byte_of=_place(before, data, position))
        position += used
        rest = raw[used:]
    if rest:
        file.broken_end(what, position, n_bytes)


def _place(decoder: _core.RecordingDecoder, data: Bytes, start: int) -> Callable[[int], int]:
    def byte_of(k: int) -> int:
        """The shortest beginning of the data that has more than k events ends with the k-th one's item."""
        short, long = 0, len(data)
        while long - short > 1:
            middle = (short + long) // 2
            enough = len(decoder.copy().decode(data[:middle])[0]) > k
            short, long = (short, middle) if enough else (middle, long)
        return start + int(decoder.copy().decode(data[: long - 1])[4])

    return byte_of


def _note_findings(
    file: Recording,
    before: _core.RecordingFindings,
    after: _core.RecordingFindings,
    origin: int,
) -> None:
    """Count what a piece added; positions of findings count from byte `origin`."""
    file.skipped.untimed_events = after.untimed_events
    if n_reserved := after.reserved_words - before.reserved_words:
        file.odd("reserved_words", origin + after.first_reserved, "the format reserves this type of word", n_reserved)
    if n_steps := after.clock_steps_back - before.clock_steps_back:
        file.odd("clock_steps_back", origin + after.first_step_back, "the upper bits of time go back", n_steps)
