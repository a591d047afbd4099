"""HDF5 recordings: those of DSEC, and others with x, y, p and t as columns or as one compound dataset.

DSEC: https://dsec.ifi.uzh.ch/data-format/. ``events/{x,y,p,t}`` and ``t_offset``, which is added to all times;
``ms_to_idx`` says where each millisecond begins and is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._lib.optional import require
from ...errors import DTypeError, EvsimError, FileFormatError, MissingDependencyError
from ...events.columns import FIELD_NAMES, columns_of
from ..recording import ItemBytes, Layout, Piece, Recording

MAGIC = b"\x89HDF\r\n\x1a\n"
_GROUPS = ("events", "CD/events", "/")
_ECF = 36559
_PLUGINS = {32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32015: "Zstandard", 32026: "Blosc 2"}
_ROWS = 1 << 17
_MOST_CHUNK_BYTES = 1 << 28


def layout(file: Recording) -> Layout:
    """Find the columns and check that this machine can decode them."""
    h5py = require("h5py", "h5py", "events", "reading HDF5 files")
    try:
        with h5py.File(file.path, "r") as opened:
            columns, name = _columns(file, h5py, opened)
            for column in columns.values():
                _check_filters(file, h5py, column)
                _check_storage(file, column)
            _offset(file, opened)
            size = _size(opened)
    except (EvsimError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged file makes the library raise
        raise FileFormatError(f"{file.path} is not a readable HDF5 file: {error}") from None
    return Layout(f"HDF5 ({name})", size, _pieces(file, h5py))


def _columns(file: Recording, h5py: Any, opened: Any) -> tuple[dict[str, Any], str]:
    """The datasets t, x, y and p, or four times the one compound dataset that has them."""
    for name in _GROUPS:
        found = opened.get(name)
        if isinstance(found, h5py.Dataset) and found.dtype.names and found.ndim == 1:
            with suppress(DTypeError):
                columns_of(dict.fromkeys(found.dtype.names))
                return dict.fromkeys("txyp", found), name
        if isinstance(found, h5py.Group):
            arrays = {key: found[key] for names in FIELD_NAMES.values() for key in names if key in found}
            try:
                columns = columns_of(arrays)
            except DTypeError:
                continue
            _check_columns(file, h5py, columns)
            return columns, "DSEC" if "t_offset" in opened else name
    raise FileFormatError(
        f"{file.path} holds {sorted(opened.keys())[:10]}; expected x, y, p and t in the group events, as in DSEC, or a "
        "dataset CD/events"
    )


def _check_columns(file: Recording, h5py: Any, columns: Mapping[str, Any]) -> None:
    for name, column in columns.items():
        if not isinstance(column, h5py.Dataset) or column.ndim != 1 or column.dtype.kind not in "iufb":
            raise FileFormatError(f"{file.path}: {name} is no list of numbers")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise FileFormatError(f"{file.path}: t, x, y and p must have one length, got {lengths}")


def _check_filters(file: Recording, h5py: Any, column: Any) -> None:
    plan = column.id.get_create_plist()
    for k in range(plan.get_nfilters()):
        number = plan.get_filter(k)[0]
        if h5py.h5z.filter_avail(number):
            continue
        if number == _ECF:
            raise MissingDependencyError(
                f"{file.path} is coded with Prophesee's ECF, which HDF5 reads with a plugin: install that of "
                "https://github.com/prophesee-ai/hdf5_ecf and name its folder in HDF5_PLUGIN_PATH, or write the "
                "recording as .raw or without ECF"
            )
        try:
            require("hdf5plugin", "hdf5plugin", "events", "this HDF5 file")
        except MissingDependencyError:
            name = _PLUGINS.get(number, f"the filter {number}")
            raise MissingDependencyError(
                f"{file.path} is compressed with {name}, which HDF5 reads with a plugin: "
                "python -m pip install hdf5plugin"
            ) from None
        if not h5py.h5z.filter_avail(number):
            raise FileFormatError(
                f"{file.path} is compressed with the HDF5 filter {number}, which is not installed here"
            )


def _check_storage(file: Recording, column: Any) -> None:
    """A dataset may claim rows that were never written, and chunks of any size."""
    n = len(column)
    if column.chunks is None:
        rows = n if column.id.get_storage_size() >= n * column.dtype.itemsize else 0
    else:
        rows = column.id.get_num_chunks() * column.chunks[0]
        if column.chunks[0] * column.dtype.itemsize > _MOST_CHUNK_BYTES:
            raise FileFormatError(f"{file.path}: {column.name} has chunks of {column.chunks[0]} rows, too many to read")
    if rows < n:
        raise FileFormatError(f"{file.path} is truncated: {column.name} has {rows} of {n} rows")


def _size(opened: Any) -> tuple[int | None, int | None]:
    """Width and height as attributes of the file, if it has them."""
    size = []
    for name in ("width", "height"):
        value = np.asarray(opened.attrs.get(name, 0))
        known = value.ndim == 0 and value.dtype.kind in "iu" and 0 < int(value) <= 2**16
        size.append(int(value) if known else None)
    return size[0], size[1]


def _pieces(file: Recording, h5py: Any) -> Iterator[Piece]:
    with ExitStack() as stack:
        opened = stack.enter_context(h5py.File(file.path, "r"))
        columns, _ = _columns(file, h5py, opened)
        offset = _offset(file, opened)
        n = len(columns["t"])
        for start in range(0, n, _ROWS):
            stop = min(start + _ROWS, n)
            try:
                piece = _rows(file, columns, start, stop)
            except (MemoryError, EvsimError):
                raise
            except Exception as error:
                file.odd("damaged_parts", 0, f"the events {start} to {stop - 1} cannot be decoded: {error}")
                continue
            t = piece["t"]
            yield Piece(t + offset if offset else t, piece["x"], piece["y"], piece["p"], byte_of=ItemBytes(0, 0))


def _offset(file: Recording, opened: Any) -> int:
    if "t_offset" not in opened:
        return 0
    value = np.asarray(opened["t_offset"])
    if value.size != 1 or value.dtype.kind not in "iu" or abs(int(value.item())) >= 2**61:
        raise FileFormatError(f"{file.path}: t_offset must be one whole number of microseconds")
    return int(value.item())


def _rows(file: Recording, columns: Mapping[str, Any], start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
    first = columns["t"]
    if first.dtype.names:
        rows = first[start:stop]
        arrays = columns_of({name: rows[name] for name in rows.dtype.names})
    else:
        arrays = {name: column[start:stop] for name, column in columns.items()}
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.trunc(array)).all()):
            what = "whole microseconds" if name == "t" else "whole numbers"
            raise FileFormatError(f"{file.path}: {name} must be {what}, which rows {start} to {stop - 1} are not all")
    # What is out of range stays so.
    return {
        name: array if array.dtype.kind in "iu" and name != "t" else np.clip(array, -(2**61), 2**61).astype(np.int64)
        for name, array in arrays.items()
    }
