"""Event Stream recordings of dynamic vision sensors (.es, version 2).

The format: https://github.com/neuromorphicsystems/event_stream. Rows count from below in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ... import _core
from ...errors import FileFormatError
from ..recording import Layout, Piece, Recording
from .words import decoded

MAGIC = b"Event Stream"
_HEADER_BYTES = 20
_KINDS = {0: "generic events", 1: "DVS events", 2: "ATIS events", 3: "asynchronous ATIS events", 4: "colour events"}
_DVS = 1
_EVENT_BYTES = 5


def layout(file: Recording) -> Layout:
    """Check the header; the core decodes what follows."""
    header = file.read(0, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise file.truncated("header", 0, _HEADER_BYTES)
    version, kind = tuple(header[12:15]), header[15]
    if version[0] != 2:
        raise FileFormatError(
            f"{file.path} is Event Stream version {'.'.join(map(str, version))} (byte 12); evsim reads 2"
        )
    if kind != _DVS:
        name = _KINDS.get(kind, f"events of the unknown type {kind}")
        raise FileFormatError(f"{file.path} holds {name} (byte 15); evsim reads DVS events")
    width, height = (int.from_bytes(header[k : k + 2], "little") for k in (16, 18))
    if not width or not height:
        raise file.damaged(16, f"a sensor of {width} x {height} pixels")
    return Layout("Event Stream 2", (width, height), _from_above(file, height))


def _from_above(file: Recording, height: int) -> Iterator[Piece]:
    for piece in decoded(file, _HEADER_BYTES, _core.RecordingDecoder("es"), _EVENT_BYTES, "event"):
        yield replace(piece, y=height - 1 - piece.y.astype(np.int32))
