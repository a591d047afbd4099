"""N-MNIST recordings (Orchard, Jayawant, Cohen and Thakor, Frontiers in Neuroscience 9, 2015): .bin and .bs2."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import FileFormatError
from ..events.array import EventArray
from .raw_events import Recording

_SIZE = (34, 34)
_EVENT_BYTES = 5
_OVERFLOW_Y = 240


def is_nmnist(data: bytes) -> bool:
    """Whether these bytes can be a recording; the format has no mark of its own."""
    if not data or len(data) % _EVENT_BYTES:
        return False
    x, y, _, t = _columns(data)
    return bool((((x < _SIZE[0]) & (y < _SIZE[1])) | (y == _OVERFLOW_Y)).all() and (t[1:] >= t[:-1]).all())


def read_nmnist(file: Recording) -> EventArray:
    """Five bytes an event: x (8 bits), y (8), polarity (1), time in microseconds (23, big-endian)."""
    whole = len(file.data) - len(file.data) % _EVENT_BYTES
    if whole != len(file.data):
        raise file.truncated("event", whole, len(file.data) - whole, _EVENT_BYTES)
    x, y, p, t = _columns(file.data)
    event = y != _OVERFLOW_Y  # else no event: the 13-bit clock of the sensor has wrapped
    width, height = file.width or _SIZE[0], file.height or _SIZE[1]
    outside = np.flatnonzero(event & ((x >= width) | (y >= height)))
    if outside.size:
        k = int(outside[0])
        raise FileFormatError(
            f"{file.path} is not an N-MNIST recording: event {k} (byte {k * _EVENT_BYTES}) lies at "
            f"({x[k]}, {y[k]}), outside {width} x {height}"
        )
    return EventArray(t[event], x[event], y[event], p[event], width=width, height=height, sort=True)


def _columns(data: bytes) -> tuple[npt.NDArray[np.int64], ...]:
    events = np.frombuffer(data, dtype=np.uint8).reshape(-1, _EVENT_BYTES).astype(np.int64)
    times = (events[:, 2] & 0x7F) << 16 | events[:, 3] << 8 | events[:, 4]
    times = times + np.cumsum(events[:, 1] == _OVERFLOW_Y) * (1 << 13)
    return events[:, 0], events[:, 1], events[:, 2] >> 7, times
