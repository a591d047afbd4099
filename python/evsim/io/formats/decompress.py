"""LZ4 and Zstandard frames of AEDAT 4 packets, from bytes that may be damaged or made to fill the memory."""

from __future__ import annotations

from collections.abc import Callable

from ..._lib.optional import require
from ...errors import FileFormatError
from ..recording import Recording
from .flatbuffer import DamageError

_MOST_BYTES = 1 << 28
"""A packet of DV has some 10 kB to some MB; much more is an attack."""
_STEP = 1 << 20


def decompressor(compression: int, file: Recording) -> Callable[[bytes], bytes]:
    """How packets of this compression (a number of the header) are made whole; it raises :class:`DamageError`."""
    if compression == 0:
        return lambda data: data
    if compression in (1, 2):
        return _lz4()
    if compression in (3, 4):
        return _zstd()
    raise FileFormatError(f"{file.path} is compressed in the unknown way {compression}; evsim reads LZ4 and Zstandard")


def _lz4() -> Callable[[bytes], bytes]:
    frame = require("lz4.frame", "lz4", "events", "reading .aedat4 files")

    def whole(data: bytes) -> bytes:
        decoder = frame.LZ4FrameDecompressor()
        out = bytearray()
        try:
            while not decoder.eof:
                part = decoder.decompress(data, max_length=_STEP)
                data = b""
                _add(out, part)
                if not part and decoder.needs_input:
                    raise DamageError("its end is missing")
        except (RuntimeError, EOFError, ValueError) as error:
            raise error if isinstance(error, DamageError) else DamageError(str(error)) from None
        return bytes(out)

    return whole


def _zstd() -> Callable[[bytes], bytes]:
    zstandard = require("zstandard", "zstandard", "events", "reading .aedat4 files")

    def whole(data: bytes) -> bytes:
        out = bytearray()
        try:
            # A window of 128 MiB is what the format's own tool takes at most.
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(data) as reader:
                while part := reader.read(_STEP):
                    _add(out, part)
        except zstandard.ZstdError as error:
            raise DamageError(str(error)) from None
        return bytes(out)

    return whole


def _add(out: bytearray, part: bytes) -> None:
    if len(out) + len(part) > _MOST_BYTES:
        raise DamageError(f"it has more than {_MOST_BYTES >> 20} MiB")
    out += part
