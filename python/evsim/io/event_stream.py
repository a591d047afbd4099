"""Event Stream recordings of dynamic vision sensors (.es, version 2).

The format: https://github.com/neuromorphicsystems/event_stream. faery 0.7 and event_stream 1.6 read it too, but stop
without a word at the first event that is not whole; here the file is decoded with NumPy, and the byte is named.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.orbits import reachable
from ..errors import FileFormatError
from ..events.array import EventArray
from .raw_events import Recording, little_endian

MAGIC = b"Event Stream"
_HEADER_BYTES = 20
_KINDS = {0: "generic events", 1: "DVS events", 2: "ATIS events", 3: "asynchronous ATIS events", 4: "colour events"}
_DVS = 1
_EVENT_BYTES = 5
_RESET, _OVERFLOW = 0xFE, 0xFF
_OVERFLOW_TIME = 127


def read_event_stream(file: Recording) -> EventArray:
    """One byte for time since the event before (7 bits) and polarity, then x and y of 16 bits each.

    A byte 0xFF lets 127 microseconds pass, 0xFE is a reset; both stand alone. Rows count from below in the file.
    """
    data = file.data
    if len(data) < _HEADER_BYTES:
        raise file.truncated("header", 0, len(data), _HEADER_BYTES)
    version, kind = tuple(data[12:15]), data[15]
    if version[0] != 2:
        raise FileFormatError(
            f"{file.path} is Event Stream version {'.'.join(map(str, version))} (byte 12); evsim reads 2"
        )
    if kind != _DVS:
        name = _KINDS.get(kind, f"events of the unknown type {kind}")
        raise FileFormatError(f"{file.path} holds {name} (byte 15); evsim reads DVS events")
    width, height = little_endian(data, 16, 2), little_endian(data, 18, 2)
    if not width or not height:
        raise file.damaged(16, f"a sensor of {width} x {height} pixels")
    body = np.frombuffer(data, dtype=np.uint8, offset=_HEADER_BYTES)
    alone = _standing_alone(body)
    starts = np.append(0, alone + 1)
    lengths = np.append(alone, len(body)) - starts
    if lengths[-1] % _EVENT_BYTES:
        rest = int(lengths[-1] % _EVENT_BYTES)
        raise file.truncated("event", len(data) - rest, rest, _EVENT_BYTES)
    counts = lengths // _EVENT_BYTES
    first = np.cumsum(counts) - counts
    position = np.repeat(starts - _EVENT_BYTES * first, counts) + _EVENT_BYTES * np.arange(int(counts.sum()))
    overflows = np.append(0, np.cumsum(body[alone] == _OVERFLOW))
    head = body[position].astype(np.int64)
    t = np.cumsum(head >> 1) + _OVERFLOW_TIME * np.repeat(overflows, counts)
    x = body[position + 1].astype(np.int64) | body[position + 2].astype(np.int64) << 8
    y = height - 1 - (body[position + 3].astype(np.int64) | body[position + 4].astype(np.int64) << 8)
    return file.events(t, x, y, head & 1, size=(width, height), byte_of=lambda k: _HEADER_BYTES + int(position[k]))


def _standing_alone(body: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Positions of the resets and overflows.

    Their values occur inside events too, so that only the chain from the beginning tells them apart: between two of
    them lies a multiple of five bytes, hence from one the next is the first candidate of the following remainder.
    """
    candidate = np.flatnonzero(body >= _RESET)
    span = len(body) + 2
    order = np.argsort(candidate % _EVENT_BYTES, kind="stable")
    key = (candidate % _EVENT_BYTES * span + candidate)[order]

    def next_from(position: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        remainder = position % _EVENT_BYTES
        found = np.searchsorted(key, remainder * span + position)
        same = (found < len(key)) & (np.append(key, -1)[found] // span == remainder)
        return np.where(same, np.append(order, 0)[found], len(candidate))

    chain = reachable(next_from(np.zeros(1, np.int64)), next_from(candidate + 1))
    return candidate[chain]
