"""AEDAT 4 recordings (.aedat4), with the package aedat.

The format: https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html. aedat decompresses
and decodes packets; it does not say where a file is torn and stops silently at a torn last packet, so the frame of
packets is walked here first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lib.optional import require
from ..errors import FileFormatError
from ..events.array import EventArray
from .raw_events import Recording, little_endian

MAGIC = b"#!AER-DAT4.0\r\n"
FAMILY = b"#!AER-DAT"
_IDENTIFIER = b"IOHE"
_PACKET_HEADER_BYTES = 8
_LZ4, _LZ4_HIGH = 1, 2
_LZ4_MAGIC = b"\x04\x22\x4d\x18"
_NO_TABLE = -1


@dataclass(frozen=True)
class _Frame:
    """Where the packets are: the byte and the stream of each."""

    bytes: list[int]
    streams: list[int]


def read_aedat4(file: Recording) -> EventArray:
    """All events of the only event stream."""
    frame = _walk(file)
    aedat = require("aedat", "aedat", "events", "reading .aedat4 files")
    try:
        decoder = aedat.Decoder(str(file.path))
        streams = decoder.id_to_stream()
    except BaseException as error:
        raise _named(file, error, len(MAGIC)) from None
    cameras = [number for number, stream in streams.items() if stream["type"] == "events"]
    if len(cameras) != 1:
        raise FileFormatError(f"{file.path} has {len(cameras)} event streams; evsim reads files with one")
    parts, packets = _decode(file, decoder, frame, cameras[0])
    size = int(streams[cameras[0]]["width"]), int(streams[cameras[0]]["height"])
    ends = np.cumsum([len(part) for part in parts])
    empty = np.empty(0, dtype=[("t", np.int64), ("x", np.uint16), ("y", np.uint16), ("on", np.bool_)])
    events = np.concatenate(parts) if parts else empty
    t, x, y, p = (events[name] for name in ("t", "x", "y", "on"))

    def byte_of(k: int) -> int:
        return packets[int(np.searchsorted(ends, k, side="right"))]

    return file.events(t.astype(np.int64), x, y, p, size=size, byte_of=byte_of)


def _decode(file: Recording, decoder: Any, frame: _Frame, camera: int) -> tuple[list[Any], list[int]]:
    """The events of each packet of stream `camera`, and the bytes where these packets are."""
    parts, packets = [], []
    for byte, stream in zip(frame.bytes, frame.streams, strict=True):
        try:
            packet = next(decoder)
        except StopIteration:
            raise file.damaged(byte, "the packet cannot be decoded") from None
        except BaseException as error:
            raise _named(file, error, byte) from None
        if packet["stream_id"] != stream:
            raise file.damaged(byte, f"the packet belongs to stream {stream}, which the header does not describe")
        if stream == camera:
            parts.append(packet["events"])
            packets.append(byte)
    return parts, packets


def _named(file: Recording, error: BaseException, byte: int) -> BaseException:
    """The reader's error as ours. Its panics derive from BaseException alone."""
    if isinstance(error, Exception) or type(error).__name__ == "PanicException":
        return error if isinstance(error, OSError | MemoryError) else file.damaged(byte, str(error))
    return error


def _walk(file: Recording) -> _Frame:
    """Check that header, packets and table follow each other and are whole."""
    data, start = file.data, len(MAGIC)
    if len(data) < start + 4:
        raise file.truncated("header", 0, len(data), start + 4)
    size = little_endian(data, start, 4)
    if len(data) < start + 4 + size:
        raise file.truncated("header", start, len(data) - start, 4 + size)
    compression, table = _header(file, data[start + 4 : start + 4 + size])
    position = start + 4 + size
    if table != _NO_TABLE and table < position:
        raise file.damaged(start, f"the table of packets cannot be at byte {table}, inside the header")
    end = len(data) if table == _NO_TABLE else table
    frame = _Frame([], [])
    while position < end:
        if len(data) - position < _PACKET_HEADER_BYTES:
            raise file.truncated("packet", position, len(data) - position, _PACKET_HEADER_BYTES)
        stream, length = little_endian(data, position, 4), little_endian(data, position + 4, 4, signed=True)
        after = position + _PACKET_HEADER_BYTES + length
        if length < 0 or (after > end and table != _NO_TABLE and table <= len(data)):
            raise file.damaged(position, f"the packet claims {length} bytes")
        if after > len(data):
            raise file.truncated("packet", position, len(data) - position, after - position)
        frame.bytes.append(position)
        frame.streams.append(stream)
        position = after
    if table != _NO_TABLE:
        _check_table(file, compression, position)
    return frame


def _header(file: Recording, header: bytes) -> tuple[int, int]:
    """Compression and position of the table, from the FlatBuffers table IOHeader."""
    start = len(MAGIC) + 4

    def number(position: int, n_bytes: int, signed: bool = False) -> int:
        if not 0 <= position <= len(header) - n_bytes:
            raise file.damaged(start, "the header points outside itself")
        return little_endian(header, position, n_bytes, signed=signed)

    if header[4:8] != _IDENTIFIER:
        raise file.damaged(start + 4, f"the header is marked {header[4:8]!r}, not {_IDENTIFIER!r}")
    root = number(0, 4)
    fields = root - number(root, 4, signed=True)
    n_fields = (number(fields, 2) - 4) // 2

    def place(k: int) -> int:
        offset = number(fields + 4 + 2 * k, 2) if k < n_fields else 0
        return root + offset if offset else 0

    text = place(2)
    if text:
        text += number(text, 4)
        length = number(text, 4)
        number(text + 4 + length, 1)  # the zero that ends it
        try:
            header[text + 4 : text + 4 + length].decode()
        except UnicodeDecodeError as error:
            raise file.damaged(start + text + 4 + error.start, "the description of the streams is not UTF-8") from None
    compression = number(place(0), 4) if place(0) else 0
    return compression, number(place(1), 8, signed=True) if place(1) else _NO_TABLE


def _check_table(file: Recording, compression: int, table: int) -> None:
    """The table of packets ends the file. Only whether it is whole matters: the packets are known without it."""
    data = file.data
    if table >= len(data):
        raise FileFormatError(f"{file.path} is truncated: the table of packets should follow at byte {table}")
    if compression not in (_LZ4, _LZ4_HIGH):
        return
    if len(data) - table < 7 or not data.startswith(_LZ4_MAGIC, table):
        raise file.damaged(table, "the table of packets is no LZ4 frame")
    flags, position = data[table + 4], table + 7 + 8 * bool(data[table + 4] & 8) + 4 * (data[table + 4] & 1)
    while True:
        block = little_endian(data, position, 4)
        position += 4
        if position > len(data):
            raise FileFormatError(f"{file.path} is truncated: the table of packets at byte {table} does not end")
        if block == 0:
            break
        position += (block & 0x7FFFFFFF) + 4 * bool(flags & 16)
    if position + 4 * bool(flags & 4) > len(data):
        raise FileFormatError(f"{file.path} is truncated: the table of packets at byte {table} does not end")
