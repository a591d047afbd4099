"""AEDAT 4 recordings of DV (.aedat4).

The format: https://docs.inivation.com/software/software-advanced-usage/file-formats/aedat-4.0.html. A header (a
FlatBuffer with a description of the streams in XML), packets of the streams, each compressed by itself, and a table of
packets. Only packets of the events stream are decompressed: what the others hold does not matter.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np

from ...errors import FileFormatError
from ..recording import ItemBytes, Layout, Piece, Recording
from .decompress import decompressor
from .flatbuffer import DamageError, Table

MAGIC = b"#!AER-DAT4.0\r\n"
_HEADER, _EVENTS = b"IOHE", b"EVTS"
_KNOWN_TYPES = ("EVTS", "FRME", "IMUS", "TRIG")
_PACKET_HEADER_BYTES = 8
_NO_TABLE = -1
_LONGEST_HEADER = 1 << 25
_EVENT = np.dtype({"names": ["t", "x", "y", "on"], "formats": ["<i8", "<i2", "<i2", "u1"], "itemsize": 16})


@dataclass(frozen=True)
class _Header:
    """What the header says: how packets are compressed, where they start and end, and the stream that has events."""

    compression: int
    start: int
    table: int
    camera: int | None
    size: tuple[int | None, int | None]


def layout(file: Recording) -> Layout:
    """Read the header; rows count from above."""
    header = _header(file)
    return Layout("AEDAT 4.0", header.size, _pieces(file, header))


def _header(file: Recording) -> _Header:
    start = len(MAGIC)
    length = file.read(start, 4)
    if len(length) < 4:
        raise file.truncated("header", 0, start + 4)
    n_bytes = int.from_bytes(length, "little")
    if start + 4 + n_bytes > file.n_bytes:
        raise file.truncated("header", start, 4 + n_bytes)
    if n_bytes > _LONGEST_HEADER:
        raise file.damaged(start, f"the header claims {n_bytes} bytes")
    data = file.read(start + 4, n_bytes)
    if data[4:8] != _HEADER:
        raise file.damaged(start + 8, f"the header is marked {data[4:8]!r}, not {_HEADER!r}")
    try:
        table = Table(data)
        compression = table.number(0, "<i", 0)
        end = table.number(1, "<q", _NO_TABLE)
        text = table.vector(2, 1) or b""
    except DamageError as error:
        raise file.damaged(start + 4, f"the header cannot be read: {error}") from None
    camera, size = _camera(file, text)
    return _Header(compression, start + 4 + n_bytes, end, camera, size)


def _camera(file: Recording, text: bytes) -> tuple[int | None, tuple[int | None, int | None]]:
    """Number and size of the events stream; None where the description cannot be read, as packets say what they are."""
    try:
        # A description declares nothing; entities could grow without bound.
        if b"<!" in text:
            return None, (None, None)
        root = ElementTree.fromstring(text.decode("utf-8", "replace"))
    except ElementTree.ParseError:
        return None, (None, None)
    cameras = []
    for node in root.iterfind("./node[@name='outInfo']/node"):
        kind = _attribute(node, "typeIdentifier")
        if kind == "EVTS":
            cameras.append(node)
        elif kind not in _KNOWN_TYPES:
            file.odd("other_items", len(MAGIC), f"there is a stream of the unknown type {kind!r}", 0)
    if len(cameras) > 1:
        raise FileFormatError(f"{file.path} has {len(cameras)} event streams; evsim reads files with one")
    if not cameras:
        return None, (None, None)
    number = cameras[0].get("name", "")
    info = cameras[0].find("./node[@name='info']")
    size = [_attribute(info, name) if info is not None else "" for name in ("sizeX", "sizeY")]
    width, height = (int(value) if re.fullmatch(r"0*[1-9][0-9]{0,4}", value) else None for value in size)
    return int(number) if re.fullmatch(r"[0-9]{1,9}", number) else None, (width, height)


def _attribute(node: ElementTree.Element, key: str) -> str:
    found = next((item for item in node.iterfind("./attr") if item.get("key") == key), None)
    return (found.text or "").strip() if found is not None else ""


def _pieces(file: Recording, header: _Header) -> Iterator[Piece]:
    decompress = decompressor(header.compression, file)
    camera = header.camera
    for position, stream, n_bytes in _packets(file, header):
        if header.camera is not None and stream != header.camera:
            file.skipped.other_items += 1
            continue
        start = position + _PACKET_HEADER_BYTES
        try:
            table = Table(decompress(file.read(start, n_bytes))[4:])  # the first four bytes are the length
            if table.identifier != _EVENTS:
                file.skipped.other_items += 1
                continue
            elements = table.vector(0, _EVENT.itemsize) or b""  # a packet without its vector has no events
        except (DamageError, struct.error) as error:
            file.odd("damaged_parts", position, f"the packet cannot be decoded: {error}")
            continue
        if camera is None:
            camera = stream
        if stream != camera:
            raise FileFormatError(
                f"{file.path} has events in the streams {camera} and {stream} (byte {position}); "
                "evsim reads files with one"
            )
        events = np.frombuffer(elements, dtype=_EVENT)
        on = (events["on"] != 0).astype(np.uint8)
        yield Piece(events["t"], events["x"], events["y"], on, byte_of=ItemBytes(position, 0))


def _packets(file: Recording, header: _Header) -> Iterator[tuple[int, int, int]]:
    """Byte, stream and length of each packet."""
    position = header.start
    # A recording that was not finished has no table, or says where it would have been.
    has_table = header.start <= header.table < file.n_bytes
    end = header.table if has_table else file.n_bytes
    while position < end:
        head = file.read(position, _PACKET_HEADER_BYTES)
        if len(head) < _PACKET_HEADER_BYTES:
            file.broken_end("packet", position, _PACKET_HEADER_BYTES)
            return
        stream, n_bytes = struct.unpack("<ii", head)
        after = position + _PACKET_HEADER_BYTES + n_bytes
        if n_bytes < 0 or (has_table and after > end):
            file.lost_end(position, f"the packet claims {n_bytes} bytes")
            return
        if after > file.n_bytes:
            file.broken_end("packet", position, after - position)
            return
        yield position, stream, n_bytes
        position = after
    if has_table:
        _check_table(file, header)
    elif header.table != _NO_TABLE:
        file.broken_end("table of packets", file.n_bytes, 1)


def _check_table(file: Recording, header: _Header) -> None:
    """The table ends the file. Only whether it is whole matters: the packets are known without it."""
    table = file.read(header.table, file.n_bytes - header.table)
    try:
        decompressor(header.compression, file)(table)
    except (DamageError, struct.error):
        file.broken_end("table of packets", header.table, len(table) + 1)
