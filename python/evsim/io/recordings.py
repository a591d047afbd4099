"""Spike files: .npz of our own, and N-MNIST recordings."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import EvsimError, FileFormatError
from ..spikes import SpikeArray
from .atomic import replacing

_NMNIST_SHAPE = (2, 34, 34)
_NMNIST_EVENT_BYTES = 5
_NMNIST_OVERFLOW_Y = 240


def read_spikes(path: str | PathLike[str], *, time_scale: float = 1e-3) -> SpikeArray:
    """Read spikes from a file.

    Parameters
    ----------
    path : path
        ``.npz`` with the arrays ``indices`` and ``times`` (and ``shape``, if indices are coordinates), or with event-camera
        arrays ``x``, ``y``, ``p``, ``t``; or an N-MNIST recording (``.bin``, ``.bs2``: 34 x 34 pixels, two polarities).
    time_scale : float
        Factor from the microseconds of event-camera files to the network's unit; the default gives milliseconds.
        ``indices`` and ``times`` are read as they are.

    Returns
    -------
    SpikeArray
        Sorted by time. Index = (polarity * height + y) * width + x for event-camera files, and ``shape`` says so.

    Raises
    ------
    FileFormatError
        The file is truncated or of another kind; the message gives the byte position where there is one.
    FileNotFoundError
        There is no such file.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> spikes = evsim.SpikeArray([0, 2], [0.5, 1.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.io.write_spikes(spikes, os.path.join(folder, "spikes.npz"))
    ...     evsim.io.read_spikes(os.path.join(folder, "spikes.npz")) == spikes
    True
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix == ".npz":
        spikes = _read_npz(source, time_scale)
    elif suffix in (".bs2", ".bin"):
        spikes = _read_nmnist(source, time_scale)
    else:
        raise FileFormatError(f"{source}: files ending in {suffix!r} are not known; evsim reads .npz, .bs2 and .bin (N-MNIST)")
    spikes.sort()
    return spikes


def write_spikes(spikes: SpikeArray, path: str | PathLike[str]) -> None:
    """Write spikes to an ``.npz`` file with the arrays ``indices``, ``times`` and, if they have one, ``shape``."""
    arrays: dict[str, npt.NDArray[np.generic]] = {"indices": spikes.indices, "times": spikes.times}
    if spikes.shape is not None:
        arrays["shape"] = np.array(spikes.shape, dtype=np.int64)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _read_npz(path: Path, time_scale: float) -> SpikeArray:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path} is not a readable .npz file: {error}") from None
    try:
        if {"indices", "times"} <= arrays.keys():
            shape = tuple(arrays["shape"].tolist()) if "shape" in arrays else None
            return SpikeArray(arrays["indices"], arrays["times"], shape=shape)
        if {"x", "y", "p", "t"} <= arrays.keys():
            return _from_events(arrays, time_scale)
    except (EvsimError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} does not hold valid spikes: {error}") from error
    raise FileFormatError(f"{path} holds the arrays {sorted(arrays)}; expected indices and times, or x, y, p and t")


def _from_events(arrays: dict[str, npt.NDArray[np.generic]], time_scale: float) -> SpikeArray:
    x, y, p = (SpikeArray(arrays[name], np.zeros(len(arrays[name]))).indices for name in "xyp")
    if "shape" in arrays:
        shape = tuple(int(n) for n in arrays["shape"].tolist())
    else:
        shape = (2, int(y.max(initial=0)) + 1, int(x.max(initial=0)) + 1)
    indices = np.ravel_multi_index((p, y, x), shape)
    return SpikeArray(indices, arrays["t"].astype(np.float64) * time_scale, shape=shape)


def _read_nmnist(path: Path, time_scale: float) -> SpikeArray:
    """Five bytes an event: x (8 bits), y (8), polarity (1), time in microseconds (23, big-endian)."""
    data = path.read_bytes()
    whole = len(data) - len(data) % _NMNIST_EVENT_BYTES
    if whole != len(data):
        raise FileFormatError(f"{path} is truncated: the event at byte {whole} has {len(data) - whole} of {_NMNIST_EVENT_BYTES} bytes")
    events = np.frombuffer(data, dtype=np.uint8).reshape(-1, _NMNIST_EVENT_BYTES).astype(np.int64)
    x, y, polarity = events[:, 0], events[:, 1], events[:, 2] >> 7
    times = (events[:, 2] & 0x7F) << 16 | events[:, 3] << 8 | events[:, 4]
    overflow = y == _NMNIST_OVERFLOW_Y  # such an event carries no spike: the 13-bit clock of the sensor has wrapped
    times = times + np.cumsum(overflow) * (1 << 13)
    x, y, polarity, times = x[~overflow], y[~overflow], polarity[~overflow], times[~overflow]
    _, height, width = _NMNIST_SHAPE
    outside = np.flatnonzero((x >= width) | (y >= height))
    if outside.size:
        k = int(outside[0])
        raise FileFormatError(
            f"{path} is not an N-MNIST recording: event {k} (byte {k * _NMNIST_EVENT_BYTES}) lies at ({x[k]}, {y[k]}), outside {width} x {height}"
        )
    return SpikeArray(np.ravel_multi_index((polarity, y, x), _NMNIST_SHAPE), times * time_scale, shape=_NMNIST_SHAPE)
