"""NumPy files that hold events: .npz with the arrays x, y, p and t or one structured array, .npy with the latter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import DTypeError, EvsimError, FileFormatError, ShapeMismatchError
from ...events.columns import FIELD_NAMES, check_polarity, columns_of, event_column
from ..numpy_files import Archive, Header, read_header
from ..recording import CHUNK, ItemBytes, Layout, Piece, Recording

Arrays = dict[str, npt.NDArray[Any]]


def npz_layout(file: Recording) -> Layout:
    """Arrays of an archive; their sizes are compared before any is read."""
    archive = Archive(file.path, file.file)
    names = [name for names in FIELD_NAMES.values() for name in names if name in archive]
    if not {"x", "y"} <= set(names):
        structured = archive.structured()
        if len(structured) != 1:
            raise FileFormatError(
                f"{file.path} holds the arrays {archive.describe()}; expected x, y, p and t, or one structured array"
            )
        columns = _fields(file, archive.arrays(structured)[structured[0]])
        return Layout("NumPy (.npz)", (None, None), _pieces(file, columns))
    try:
        wanted = columns_of({name: name for name in names})
        arrays = archive.lists(wanted.values())
        size = stored_size(archive)
    except (FileFormatError, MemoryError):
        raise
    except EvsimError as error:
        raise FileFormatError(f"{file.path} does not hold valid events: {error}") from None
    columns = _checked(file, {column: arrays[name] for column, name in wanted.items()})
    return Layout("NumPy (.npz)", size, _pieces(file, columns))


def npy_layout(file: Recording) -> Layout:
    """One structured array, read piece by piece."""
    file.file.seek(0)
    try:
        header = read_header(file.file)
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged header makes NumPy raise
        raise FileFormatError(f"{file.path} is not a readable .npy file (header at byte 0): {error}") from None
    if header.dtype.names is None or len(header.shape) != 1 or not header.dtype.itemsize:
        raise FileFormatError(
            f"{file.path} holds an array of {header.dtype} in shape {header.shape}; "
            "expected one dimension and the fields x, y, t and p"
        )
    _fields(file, np.empty(0, dtype=header.dtype))
    return Layout("NumPy (.npy)", (None, None), _npy_pieces(file, header))


def _npy_pieces(file: Recording, header: Header) -> Iterator[Piece]:
    size = header.dtype.itemsize
    there = min(header.n_bytes, file.n_bytes - header.start) // size * size
    if there < header.n_bytes:
        file.broken_end("array", header.start, header.n_bytes, used=there)
    end = header.start + there
    for position, data in file.chunks(header.start, size, "event", end):
        columns = _fields(file, np.frombuffer(data, dtype=header.dtype))
        yield Piece(**columns, byte_of=ItemBytes(position, size))


def _fields(file: Recording, array: npt.NDArray[Any]) -> Arrays:
    if array.ndim != 1:
        raise FileFormatError(f"{file.path} holds events in shape {array.shape}; expected one dimension")
    try:
        return _checked(file, columns_of({name: array[name] for name in array.dtype.names or ()}))
    except DTypeError as error:
        raise FileFormatError(f"{file.path} does not hold valid events: {error}") from None


def _checked(file: Recording, columns: Arrays) -> Arrays:
    try:
        arrays = {name: event_column(values, name) for name, values in columns.items()}
        arrays["p"] = check_polarity(arrays["p"])
        return arrays
    except MemoryError:
        raise
    except EvsimError as error:
        raise FileFormatError(f"{file.path} does not hold valid events: {error}") from None


def _pieces(file: Recording, columns: Arrays) -> Iterator[Piece]:
    for start in range(0, len(columns["t"]), CHUNK):
        part = {name: column[start : start + CHUNK] for name, column in columns.items()}
        yield Piece(**part, byte_of=ItemBytes(0, 0))


def stored_size(archive: Archive) -> tuple[int | None, int | None]:
    """Width and height from the array ``shape`` (channels, height, width)."""
    shape = stored_shape(archive)
    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise ShapeMismatchError("shape must be (channels, height, width)")
    return (shape[2], shape[1]) if shape else (None, None)


def stored_shape(archive: Archive) -> tuple[int, ...] | None:
    """The array ``shape`` of an archive as a tuple."""
    if "shape" not in archive:
        return None
    header = archive.header("shape")
    if len(header.shape) != 1 or header.shape[0] > 32 or header.dtype.kind not in "iu":
        raise ShapeMismatchError(f"shape must be a list of integers, got {header.dtype} of shape {header.shape}")
    return tuple(archive.arrays(["shape"])["shape"].tolist())
