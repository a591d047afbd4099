"""AEDAT 3.1 recordings of cAER (.aedat), such as those of DVS128 Gesture.

The format: https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-3.1.html. Packets of events
of one type; those of other types than polarity are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...errors import FileFormatError
from ..recording import ItemBytes, Layout, Piece, Recording, header_lines

MAGIC = b"#!AER-DAT3.1"
_FORMAT = re.compile(r"^#Format: *(\w{1,40})", re.MULTILINE)
_SOURCE = re.compile(r"^#Source \d{1,6}: *(\w{1,40})", re.MULTILINE)
_SIZES = {"128": (128, 128), "208": (208, 192), "240": (240, 180), "346": (346, 260), "640": (640, 480)}
_HEADER_BYTES = 28
_POLARITY = 1
_COMPRESSED = 0x8000
_EVENT_BYTES = 8


class _Packet(NamedTuple):
    kind: int
    source: int
    event_bytes: int
    overflows: int
    n_events: int


def layout(file: Recording) -> Layout:
    """Rows count from above."""
    start, header = header_lines(file, b"#", lambda line: line == b"#!END-HEADER")
    coding = _FORMAT.search(header)
    if coding is not None and coding[1].upper() != "RAW":
        raise FileFormatError(f"{file.path} is an AEDAT 3.1 file coded as {coding[1]}; evsim reads RAW")
    source = _SOURCE.search(header)
    number = re.search(r"\d{3}", source[1]) if source else None
    size = _SIZES.get(number[0]) if number else None
    return Layout("AEDAT 3.1", size or (None, None), _pieces(file, start))


def _pieces(file: Recording, position: int) -> Iterator[Piece]:
    camera = None
    while position < file.n_bytes:
        header = file.read(position, _HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            file.broken_end("packet", position, _HEADER_BYTES)
            return
        packet = _packet(header)
        start, end = position + _HEADER_BYTES, position + _HEADER_BYTES + packet.event_bytes * packet.n_events
        if packet.event_bytes < 1 or packet.n_events < 0 or packet.overflows < 0:
            file.lost_end(position, f"a packet of {packet.n_events} events with {packet.event_bytes} bytes each")
            return
        if packet.kind == _POLARITY:
            if packet.event_bytes != _EVENT_BYTES:
                file.lost_end(position, f"polarity events of {packet.event_bytes} bytes")
                return
            if camera not in (None, packet.source):
                raise FileFormatError(
                    f"{file.path} has events of two cameras, {camera} and {packet.source} (byte {position}); evsim "
                    "reads files with one"
                )
            camera = packet.source
            yield from _polarity(file, start, end, packet.overflows)
        else:
            if packet.kind & _COMPRESSED:
                file.odd("damaged_parts", position, "the packet is compressed, which format RAW does not have")
            file.skipped.other_items += packet.n_events
            if end > file.n_bytes:
                file.broken_end("packet", position, end - position)
        position = end


def _packet(header: bytes) -> _Packet:
    kind, source = np.frombuffer(header, dtype="<u2", count=2).tolist()
    event_bytes, _, overflows, _, n_events, _ = np.frombuffer(header, dtype="<i4", offset=4).tolist()
    return _Packet(kind, source, event_bytes, overflows, n_events)


def _polarity(file: Recording, start: int, end: int, overflows: int) -> Iterator[Piece]:
    for position, data in file.chunks(start, _EVENT_BYTES, "event", end):
        words = np.frombuffer(data, dtype="<u4").reshape(-1, 2)
        places = np.flatnonzero(words[:, 0] & 1)  # events that a filter of the camera took out are marked invalid
        address, t = words[places, 0], words[places, 1].astype(np.int64)
        yield Piece(
            t + (overflows << 31),
            (address >> 17).astype(np.int32),
            (address >> 2 & 0x7FFF).astype(np.int32),
            (address >> 1 & 1).astype(np.uint8),
            byte_of=ItemBytes(position, _EVENT_BYTES, places),
        )
    if end > file.n_bytes and (file.n_bytes - start) % _EVENT_BYTES == 0:
        there = file.n_bytes - start + _HEADER_BYTES
        file.broken_end("packet", start - _HEADER_BYTES, end - start + _HEADER_BYTES, used=there)
