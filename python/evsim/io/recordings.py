"""Spike files: .npz of our own, and N-MNIST recordings."""

from __future__ import annotations

import zipfile
import zlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._arrays import as_number
from ..errors import DTypeError, EvsimError, FileFormatError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .atomic import replacing

_NMNIST_SHAPE = (2, 34, 34)
_NMNIST_EVENT_BYTES = 5
_NMNIST_OVERFLOW_Y = 240

# What NumPy, zipfile and zlib raise on damaged files.
_DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, MemoryError, OverflowError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


def read_spikes(
    path: str | PathLike[str], *, time_scale: float = 1e-3, shape: tuple[int, int, int] | None = None
) -> SpikeArray:
    """Read spikes from a file.

    Parameters
    ----------
    path : path
        ``.npz`` with the arrays ``indices`` and ``times`` (and ``shape``, if indices are coordinates), or
        with event-camera arrays ``x``, ``y``, ``p``, ``t``; or an N-MNIST recording (``.bin``, ``.bs2``: 34 x
        34 pixels, two polarities). Arrays of other names are not looked at.
    time_scale : float
        Factor from the microseconds of event-camera files to the network's unit, > 0; the default gives
        milliseconds. ``indices`` and ``times`` are read as they are.
    shape : tuple of int, optional
        (channels, height, width) of event-camera arrays in an ``.npz`` without ``shape``; by default two
        polarities and just enough pixels for the events.

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
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix == ".npz":
        spikes = _read_npz(source, time_scale, shape)
    elif suffix in (".bs2", ".bin"):
        spikes = _read_nmnist(source, time_scale)
    else:
        raise FileFormatError(
            f"{source}: endings like {suffix!r} are not known; evsim reads .npz, and N-MNIST's .bs2 and .bin"
        )
    spikes.sort()
    return spikes


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


def _read_npz(path: Path, time_scale: float, shape: tuple[int, int, int] | None) -> SpikeArray:
    with path.open("rb") as file:
        arrays, names = _arrays_of(path, file)
    try:
        if {"indices", "times"} <= arrays.keys():
            return SpikeArray(arrays["indices"], arrays["times"], shape=_stored_shape(arrays))
        if {"x", "y", "p", "t"} <= arrays.keys():
            return _from_events(arrays, time_scale, _stored_shape(arrays) or shape)
    except (EvsimError, ValueError) as error:
        raise FileFormatError(f"{path} does not hold valid spikes: {error}") from None
    raise FileFormatError(f"{path} holds the arrays {names}; expected indices and times, or x, y, p and t")


def _arrays_of(path: Path, file: Any) -> tuple[dict[str, npt.NDArray[Any]], list[str]]:
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise FileFormatError("a single array, not an archive of arrays")
        wanted = {"indices", "times", "shape", "x", "y", "p", "t"}
        with archive:
            return {name: archive[name] for name in archive.files if name in wanted}, sorted(archive.files)
    except _DAMAGE as error:
        raise FileFormatError(f"{path} is not a readable .npz file: {error}") from None


def _stored_shape(arrays: dict[str, npt.NDArray[Any]]) -> tuple[int, ...] | None:
    if "shape" not in arrays:
        return None
    stored = arrays["shape"]
    if stored.ndim != 1 or stored.dtype.kind not in "iu":
        raise ShapeMismatchError(f"shape must be a list of integers, got {stored.dtype} of shape {stored.shape}")
    return tuple(stored.tolist())


def _from_events(arrays: dict[str, npt.NDArray[Any]], time_scale: float, shape: tuple[int, ...] | None) -> SpikeArray:
    lengths = {name: arrays[name].shape for name in "xypt"}
    if len(set(lengths.values())) != 1 or arrays["t"].ndim != 1:
        raise ShapeMismatchError(f"x, y, p and t must be lists of one length, got shapes {lengths}")
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


def _read_nmnist(path: Path, time_scale: float) -> SpikeArray:
    """Five bytes an event: x (8 bits), y (8), polarity (1), time in microseconds (23, big-endian)."""
    data = path.read_bytes()
    if not data:
        raise FileFormatError(f"{path} is empty")
    whole = len(data) - len(data) % _NMNIST_EVENT_BYTES
    if whole != len(data):
        raise FileFormatError(
            f"{path} is truncated: the event at byte {whole} has {len(data) - whole} of {_NMNIST_EVENT_BYTES} bytes"
        )
    events = np.frombuffer(data, dtype=np.uint8).reshape(-1, _NMNIST_EVENT_BYTES).astype(np.int64)
    x, y, polarity = events[:, 0], events[:, 1], events[:, 2] >> 7
    times = (events[:, 2] & 0x7F) << 16 | events[:, 3] << 8 | events[:, 4]
    overflow = y == _NMNIST_OVERFLOW_Y  # no spike: the 13-bit clock of the sensor has wrapped
    times = times + np.cumsum(overflow) * (1 << 13)
    _, height, width = _NMNIST_SHAPE
    outside = np.flatnonzero(~overflow & ((x >= width) | (y >= height)))
    if outside.size:
        k = int(outside[0])
        raise FileFormatError(
            f"{path} is not an N-MNIST recording: event {k} (byte {k * _NMNIST_EVENT_BYTES}) lies at "
            f"({x[k]}, {y[k]}), outside {width} x {height}"
        )
    spike = ~overflow
    indices = np.ravel_multi_index((polarity[spike], y[spike], x[spike]), _NMNIST_SHAPE)
    return SpikeArray(indices, times[spike] * time_scale, shape=_NMNIST_SHAPE)
