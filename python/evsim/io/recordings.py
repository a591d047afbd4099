"""Spike files: .npz of our own, and recordings of event cameras."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from .._lib.paths import as_path, open_regular
from ..errors import DTypeError, EvsimError, FileFormatError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .atomic import replacing
from .events import read_events
from .formats.arrays import stored_shape
from .numpy_files import ZIP_MAGIC, Archive
from .unreadable import within_memory


def read_spikes(
    path: str | PathLike[str], *, time_scale: float = 1e-3, shape: tuple[int, int, int] | None = None
) -> SpikeArray:
    """Read spikes from a file.

    Parameters
    ----------
    path : path
        ``.npz`` with the arrays ``indices`` and ``times`` (and ``shape``, if indices are coordinates), or
        with event-camera arrays ``x``, ``y``, ``p``, ``t`` (arrays of other names are not looked at); or any
        other recording that :func:`read_events` reads.
    time_scale : float
        Factor from the microseconds of event-camera files to the network's unit, > 0; the default gives
        milliseconds. ``indices`` and ``times`` are read as they are.
    shape : tuple of int, optional
        (channels, height, width) of event-camera files that do not say it themselves, with two channels (any
        number in an ``.npz``); by default two polarities and just enough pixels for the events.

    Returns
    -------
    SpikeArray
        Sorted by time. Index = (polarity * height + y) * width + x for event-camera files, and ``shape`` says
        so.

    Raises
    ------
    FileFormatError
        The file is truncated or of another kind; the message gives the byte position where there is one.
        Pickled objects are refused.
    InvalidArgumentError
        `time_scale` or `shape` is outside its domain.
    OSError
        The file does not exist or cannot be read.

    Warns
    -----
    RecordingWarning
        Not all of a recording could be read, as :func:`read_events` says.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> spikes = evsim.SpikeArray([0, 2], [0.5, 1.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.io.write_spikes(spikes, os.path.join(folder, "spikes.npz"))
    ...     evsim.io.read_spikes(os.path.join(folder, "spikes.npz")) == spikes
    True
    """
    if as_number(time_scale, "time_scale") <= 0:
        raise InvalidArgumentError(f"time_scale must be positive, got {time_scale}")
    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise InvalidArgumentError(f"shape must be (channels, height, width), all at least 1, got {shape}")
    source = as_path(path)
    if source.suffix.lower() == ".npz" or _is_zip(source):
        spikes = _read_npz(source, time_scale, shape)
        spikes.sort()
        return spikes
    if shape is None:
        return read_events(source).to_spikes(time_scale)
    if shape[0] != 2:
        raise InvalidArgumentError(f"event cameras have two channels, got shape {shape}")
    return read_events(source, height=shape[1], width=shape[2]).to_spikes(time_scale)


def write_spikes(spikes: SpikeArray, path: str | PathLike[str]) -> None:
    """Write spikes to an ``.npz`` file: arrays ``indices``, ``times`` and, if they have one, ``shape``.

    Parameters
    ----------
    spikes : SpikeArray
    path : path
        Should end in ``.npz``. It is replaced in one step, or left alone on an error.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    arrays: dict[str, Any] = {"indices": spikes.indices, "times": spikes.times}
    if spikes.shape is not None:
        arrays["shape"] = np.array(spikes.shape, dtype=np.int64)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _is_zip(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(ZIP_MAGIC[0])) in ZIP_MAGIC


def _read_npz(path: Path, time_scale: float, shape: tuple[int, int, int] | None) -> SpikeArray:
    with within_memory(path), open_regular(path) as file:
        archive = Archive(path, file)
        try:
            for names in (("indices", "times"), ("x", "y", "p", "t")):
                if not all(name in archive for name in names):
                    continue
                arrays, stored = archive.lists(names), stored_shape(archive)
                if "indices" in names:
                    return SpikeArray(arrays["indices"], arrays["times"], shape=stored)
                return _from_events(arrays, time_scale, stored or shape)
        except (FileFormatError, MemoryError):
            raise
        except (EvsimError, ValueError) as error:
            raise FileFormatError(f"{path} does not hold valid spikes: {error}") from None
        raise FileFormatError(
            f"{path} holds the arrays {archive.describe()}; expected indices and times, or x, y, p and t"
        )


def _from_events(arrays: dict[str, npt.NDArray[Any]], time_scale: float, shape: tuple[int, ...] | None) -> SpikeArray:
    if arrays["t"].dtype.kind not in "iuf":
        raise DTypeError(f"t must be real numbers, got dtype {arrays['t'].dtype}")
    zeros = np.zeros(arrays["t"].shape)
    x, y = (SpikeArray(arrays[name], zeros).indices for name in "xy")
    polarity = arrays["p"].astype(np.uint8) if arrays["p"].dtype.kind == "b" else arrays["p"]
    p = SpikeArray(polarity, zeros).indices
    if shape is None:
        shape = (2, int(y.max(initial=0)) + 1, int(x.max(initial=0)) + 1)
    if len(shape) != 3:
        raise ShapeMismatchError(f"shape must be (channels, height, width), got {shape}")
    for name, values, size in zip("pyx", (p, y, x), shape, strict=True):
        if values.max(initial=0) >= size:
            raise ShapeMismatchError(f"{name} reaches {values.max()}, outside shape {shape}")
    return SpikeArray(np.ravel_multi_index((p, y, x), shape), arrays["t"].astype(np.float64) * time_scale, shape=shape)
