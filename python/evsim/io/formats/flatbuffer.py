"""FlatBuffers (https://flatbuffers.dev/internals/), as far as AEDAT 4 needs them, from bytes that may be damaged."""

from __future__ import annotations

import struct


class DamageError(ValueError):
    """The bytes are no such buffer."""


class Table:
    """The root table of a buffer."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._root = self._number("<I", 0)
        fields = self._root - self._number("<i", self._root)
        size = self._number("<H", fields)
        self._places = [self._number("<H", fields + 4 + 2 * k) for k in range((size - 4) // 2)]

    @property
    def identifier(self) -> bytes:
        """The four letters that say what the table is."""
        return self._data[4:8]

    def number(self, k: int, form: str, default: int) -> int:
        """Field k as a number of the :mod:`struct` format `form`."""
        place = self._place(k)
        return self._number(form, place) if place else default

    def vector(self, k: int, item_bytes: int) -> bytes | None:
        """The bytes of field k, a vector of items or a string; None where there is no such field."""
        place = self._place(k)
        if not place:
            return None
        start = place + self._number("<I", place)
        n_bytes = self._number("<I", start) * item_bytes
        if start + 4 + n_bytes > len(self._data):
            raise DamageError("a vector reaches past its packet")
        return self._data[start + 4 : start + 4 + n_bytes]

    def _place(self, k: int) -> int:
        offset = self._places[k] if k < len(self._places) else 0
        return self._root + offset if offset else 0

    def _number(self, form: str, at: int) -> int:
        if not 0 <= at <= len(self._data) - struct.calcsize(form):
            raise DamageError("it points outside itself")
        return int(struct.unpack_from(form, self._data, at)[0])
