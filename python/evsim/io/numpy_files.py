"""NumPy's .npz and .npy, from files that may be damaged or hostile."""

from __future__ import annotations

import contextlib
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, FileFormatError, MemoryLimitError, ShapeMismatchError

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NPY_MAGIC = b"\x93NUMPY"
_MOST_EXPANSION = 1032
"""Deflate makes at most so many bytes of one."""
_MOST_NAMED = 10

# What NumPy, zipfile and zlib raise on damaged files.
DAMAGE = (
    *(OSError, ValueError, EOFError, LookupError, TypeError, OverflowError, RuntimeError, AttributeError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


class Header(NamedTuple):
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    n_bytes: int
    start: int
    """Where the numbers begin, from the array's own first byte."""


class Archive:
    """The arrays of an .npz file. Nothing but headers is read before an array is asked for; pickles are refused."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._n_bytes = os.fstat(file.fileno()).st_size
        magic = file.read(len(NPY_MAGIC))
        file.seek(0)
        if magic == NPY_MAGIC:
            raise self._error(None, "a single array, not an archive of arrays")
        try:
            self._zip = zipfile.ZipFile(file)
        except DAMAGE as error:
            raise self._error(None, error) from None
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in self._zip.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._entries)

    def describe(self) -> str:
        """The names, for a message."""
        names = sorted(self._entries)
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return f"{names[:_MOST_NAMED]}{more}"

    def structured(self) -> list[str]:
        """Names of the arrays that have fields, among the first few."""
        found = []
        for name in list(self._entries)[:_MOST_NAMED]:
            with contextlib.suppress(FileFormatError):  # no array at all
                if self.header(name).dtype.names:
                    found.append(name)
        return found

    def header(self, name: str) -> Header:
        """Shape and type of an array, whose size is compared with what the archive can hold."""
        entry = self._entries[name]
        try:
            with self._zip.open(entry) as member:
                header = read_header(member)
        except DAMAGE as error:
            raise self._error(name, error) from None
        most = entry.file_size
        if entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            most = min(most, min(entry.compress_size, self._n_bytes) * _MOST_EXPANSION)
        if header.start + header.n_bytes > most:
            raise self._error(name, f"the array has {header.n_bytes} bytes, but its entry at most {most}")
        return header

    def lists(self, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
        """Arrays of numbers that have one dimension and one length: that is known before any is read."""
        headers = {name: self.header(name) for name in names}
        shapes = {name: header.shape for name, header in headers.items()}
        if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
            raise ShapeMismatchError(f"{', '.join(shapes)} must be lists of one length, got shapes {shapes}")
        for name, header in headers.items():
            if header.dtype.kind not in "iufb":
                raise DTypeError(f"{name} must be real numbers, got dtype {header.dtype}")
        return self.arrays(headers)

    def arrays(self, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
        """The arrays of these names."""
        out = {}
        for name in names:
            header = self.header(name)
            try:
                with self._zip.open(self._entries[name]) as member:
                    out[name] = _read(member, header)
            except MemoryError:
                raise MemoryLimitError(f"{self.path}: the array {name!r} has {header.n_bytes} bytes") from None
            except DAMAGE as error:
                raise self._error(name, error) from None
        return out

    def _error(self, name: str | None, error: object) -> FileFormatError:
        where = f" (array {name!r} at byte {self._entries[name].header_offset})" if name is not None else ""
        return FileFormatError(f"{self.path} is not a readable .npz file{where}: {error}")


def read_header(file: Any) -> Header:
    """The header of one array. Raises ValueError, or what NumPy raises on damage."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's remarks on headers that Python 2 wrote
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("pickled objects are refused: Object arrays cannot be loaded")
    if min(shape, default=0) < 0:
        raise ValueError(f"no array has the shape {shape}")
    if fortran and len(shape) > 1:
        raise ValueError("the array is stored by columns")
    return Header(shape, dtype, math.prod(shape) * dtype.itemsize, file.tell())


def _read(member: Any, header: Header) -> npt.NDArray[Any]:
    """Read one array of an archive to its end, so that its checksum is compared."""
    member.seek(header.start)
    data = bytearray(header.n_bytes)
    view, got = memoryview(data), 0
    while got < header.n_bytes:
        n = member.readinto(view[got : got + (1 << 22)])
        if not n:
            raise EOFError(f"it ends after {got} of {header.n_bytes} bytes")
        got += n
    member.read(1)
    if not header.dtype.itemsize:
        return np.zeros(header.shape, dtype=header.dtype)
    return np.frombuffer(data, dtype=header.dtype).reshape(header.shape)
