"""NumPy's .npz and .npy, from files that may be damaged or hostile."""

from __future__ import annotations

import io
import tokenize
import zipfile
import zlib
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FileFormatError

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NPY_MAGIC = b"\x93NUMPY"

# What NumPy, zipfile and zlib raise on damaged files.
_DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, OverflowError, RuntimeError),
    *(SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


def read_npz(path: Path, file: Any, wanted: Container[str] | None) -> tuple[dict[str, npt.NDArray[Any]], list[str]]:
    """The `wanted` arrays of an archive (None: all), and the names of all. Pickled objects are refused."""
    name, position = None, None
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise FileFormatError("a single array, not an archive of arrays")
        arrays = {}
        with archive:
            for name in archive.files:
                if wanted is None or name in wanted:
                    position = _position(archive.zip, name)
                    arrays[name] = archive[name]
            return arrays, sorted(archive.files)
    except _DAMAGE as error:
        where = f" (array {name!r} at byte {position})" if position is not None else ""
        raise FileFormatError(f"{path} is not a readable .npz file{where}: {error}") from None


def read_npy(path: Path, data: bytes) -> npt.NDArray[Any]:
    """One array. Its size is compared with the file's before memory is taken."""
    try:
        file = io.BytesIO(data)
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError("pickled objects are refused")
        start, n_bytes = file.tell(), int(np.prod(shape, dtype=object)) * dtype.itemsize
        if min(shape, default=0) < 0:
            raise ValueError(f"no array has the shape {shape}")
        if start + n_bytes > len(data):
            raise FileFormatError(
                f"{path} is truncated: the array at byte {start} has {len(data) - start} of {n_bytes} bytes"
            )
        file.seek(0)
        array: npt.NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return array
    except FileFormatError:
        raise
    except _DAMAGE as error:
        raise FileFormatError(f"{path} is not a readable .npy file (header at byte 0): {error}") from None


def _position(archive: Any, name: str) -> int | None:
    for entry in archive.infolist():
        if entry.filename in (name, f"{name}.npy"):
            return int(entry.header_offset)
    return None
