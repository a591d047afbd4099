"""Recordings as they come: single files, folders of them, and files that hold many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileFormatError

if TYPE_CHECKING:
    from ..events.array import EventArray

_SUFFIXES = (".aedat4", ".aedat", ".es", ".raw", ".dat", ".bin", ".bs2", ".npz", ".npy", ".h5", ".hdf5")
_NMNIST_SIZE = 34


def recordings_in(paths: list[Path]) -> Iterator[tuple[str, EventArray]]:
    """Read recordings one after the other, each with a name for messages.

    Of a folder, all event files in it and below it count, in the order of their names, such as those of N-MNIST as it
    is handed out. An ``.npz`` file may hold many recordings: arrays x, y, p and t of all of them, one after the other,
    and ``offsets`` where each begins, with one prefix such as ``train_``; where there are several, ``train_`` is read.

    Raises
    ------
    FileFormatError
        A file cannot be read, or a folder has none.
    OSError
        There is no such file.
    """
    from ..io import read_events

    for path in paths:
        files = _files_below(path) if path.is_dir() else [path]
        for file in files:
            many = _many_in(file) if file.suffix.lower() == ".npz" else None
            if many is None:
                yield str(file), read_events(file)
            else:
                yield from many


def _files_below(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES and file.is_file())
    if not files:
        raise FileFormatError(f"the folder {folder} has no recordings ({', '.join(_SUFFIXES)})")
    return files


def _many_in(path: Path) -> Iterator[tuple[str, EventArray]] | None:
    """Recordings of a file that holds many, or None if it holds one."""
    from .._lib.paths import open_regular
    from ..io.numpy_files import Archive

    with open_regular(path) as opened:
        archive = Archive(path, opened)
        prefixes = [name.removesuffix("offsets") for name in archive.names if name.endswith("offsets")]
        whole = [prefix for prefix in prefixes if all(prefix + field in archive for field in "xypt")]
        if not whole:
            return None
        prefix = "train_" if "train_" in whole else min(whole)
        arrays = archive.lists([prefix + name for name in "xypt"]) | archive.arrays([f"{prefix}offsets"])
    return _pieces(path, prefix, {name.removeprefix(prefix): values for name, values in arrays.items()})


def _pieces(path: Path, prefix: str, arrays: dict[str, Any]) -> Iterator[tuple[str, EventArray]]:
    from ..events.array import EventArray

    offsets, n = arrays["offsets"], len(arrays["t"])
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
        raise FileFormatError(f"{path}: {prefix}offsets must be integers, one more than there are recordings")
    if offsets[0] != 0 or offsets[-1] != n or (offsets[1:] < offsets[:-1]).any():
        raise FileFormatError(f"{path}: {prefix}offsets must rise from 0 to {n}, the number of events")
    largest = max((int(arrays[axis].max()) for axis in "xy" if n), default=0)
    width = height = _NMNIST_SIZE
    if largest >= _NMNIST_SIZE:
        width, height = int(arrays["x"].max()) + 1, int(arrays["y"].max()) + 1
    for k in range(len(offsets) - 1):
        part = slice(int(offsets[k]), int(offsets[k + 1]))
        columns = [arrays[field][part] for field in "txyp"]
        yield f"recording {k} of {path}", EventArray(*columns, width=width, height=height, sort=True)
