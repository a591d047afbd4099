"""N-MNIST recordings (Orchard, Jayawant, Cohen and Thakor, Frontiers in Neuroscience 9, 2015): .bin and .bs2."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...errors import FileFormatError
from ..recording import ItemBytes, Layout, Piece, Recording

_SIZE = (34, 34)
_EVENT_BYTES = 5
_OVERFLOW_Y = 240
_OVERFLOW = 1 << 13


def is_nmnist(file: Recording) -> bool:
    """Whether these bytes can be a recording; the format has no mark of its own."""
    if file.n_bytes % _EVENT_BYTES:
        return False
    data = file.read(0, 1000 * _EVENT_BYTES)
    x, y, _, t, _ = _columns(data)
    return bool((((x < _SIZE[0]) & (y < _SIZE[1])) | (y == _OVERFLOW_Y)).all() and (t[1:] >= t[:-1]).all())


def layout(file: Recording) -> Layout:
    """Five bytes an event: x (8 bits), y (8), polarity (1), time in microseconds (23, big-endian)."""
    head = file.read(0, 1000 * _EVENT_BYTES)
    x, y, _, _, is_event = _columns(head[: len(head) // _EVENT_BYTES * _EVENT_BYTES])
    width, height = file.width or _SIZE[0], file.height or _SIZE[1]
    outside = is_event & ((x >= width) | (y >= height))
    if 2 * np.count_nonzero(outside) >= max(np.count_nonzero(is_event), 1):
        k = int(np.argmax(outside)) if outside.any() else 0
        what = f"event {k} (byte {k * _EVENT_BYTES}) lies at ({x[k]}, {y[k]})" if len(x) else "byte 0 begins no event"
        raise FileFormatError(
            f"{file.path} is not an N-MNIST recording: {what}, and most events lie outside {width} x {height}"
        )
    return Layout("N-MNIST", _SIZE, _pieces(file))


def _pieces(file: Recording) -> Iterator[Piece]:
    wraps = 0
    for position, data in file.chunks(0, _EVENT_BYTES, "event"):
        x, y, p, t, is_event = _columns(data)
        places = np.flatnonzero(is_event)
        yield Piece(
            (t + wraps)[places],
            x[places],
            y[places],
            p[places],
            byte_of=ItemBytes(position, _EVENT_BYTES, places),
        )
        wraps += _OVERFLOW * int(np.count_nonzero(~is_event))


def _columns(data: bytes) -> tuple[npt.NDArray[np.int64], ...]:
    """Columns x, y, p and t of all entries, and which are events: the others say that the 13-bit clock has wrapped."""
    events = np.frombuffer(data, dtype=np.uint8).reshape(-1, _EVENT_BYTES).astype(np.int64)
    is_event = events[:, 1] != _OVERFLOW_Y
    times = (events[:, 2] & 0x7F) << 16 | events[:, 3] << 8 | events[:, 4]
    return events[:, 0], events[:, 1], events[:, 2] >> 7, times + np.cumsum(~is_event) * _OVERFLOW, is_event
