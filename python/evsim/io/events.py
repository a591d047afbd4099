"""Event-camera files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_size
from ..errors import EvsimError, FileFormatError, ShapeMismatchError
from ..events.array import EventArray, columns_of
from . import aedat4, event_stream, prophesee
from .atomic import replacing
from .nmnist import is_nmnist, read_nmnist
from .numpy_files import NPY_MAGIC, ZIP_MAGIC, read_npy, read_npz
from .raw_events import Recording

_READERS = {
    event_stream.MAGIC: event_stream.read_event_stream,
    aedat4.MAGIC: aedat4.read_aedat4,
    prophesee.MAGIC: prophesee.read_prophesee,
}
_FOREIGN = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file (Prophesee's .hdf5, DSEC and others)",
    aedat4.FAMILY: "an AEDAT file of another version than 4.0",
    b"#ROSBAG": "a ROS bag",
}
_KNOWN = "Event Stream (.es), AEDAT 4 (.aedat4), Prophesee EVT 2.0 and 3.0 (.raw), N-MNIST (.bin, .bs2), .npz and .npy"


def read_events(path: str | PathLike[str], *, width: int | None = None, height: int | None = None) -> EventArray:
    """Read a recording of an event camera.

    The content decides on the format; only N-MNIST, which has no mark of its own, is also known by its ending.

    ===============================  =========================================================================
    content                          notes
    ===============================  =========================================================================
    Prophesee EVT 2.0, 3.0           ``.raw``; size from the header, or of the sensor that it names
    Event Stream 2, DVS events       ``.es``; rows are turned over, so that row 0 is the upper one
    AEDAT 4                          ``.aedat4``, with one event stream; extra ``events``
    N-MNIST                          ``.bin``, ``.bs2``; 34 x 34 pixels
    ``.npz``                         arrays x, y, p, t, or one structured array; as :func:`write_events` writes it
    ``.npy``                         one structured array, such as tonic's
    ===============================  =========================================================================

    Parameters
    ----------
    path : path
    width, height : int, optional
        Size of the sensor in pixels; by default as the file says, else just enough for the events.

    Returns
    -------
    EventArray
        Times in microseconds, as in the file. Where events of ``.raw``, N-MNIST, ``.npz`` and ``.npy`` are not in the
        order of time, they are sorted, stably.

    Raises
    ------
    FileFormatError
        The file is empty, truncated, damaged or of another kind; the message gives the byte position. A file that
        was cut exactly between two events cannot be told from a shorter recording, except in ``.npz``, ``.npy`` and
        finished ``.aedat4``.
    MissingDependencyError
        The package for ``.aedat4`` is not installed.
    OSError
        The file does not exist or cannot be read.

    Notes
    -----
    The file is read as a whole, which takes memory of about 10 (``.aedat4``, ``.es``), 20 (EVT 2.0) or 50 times
    (EVT 3.0) its size meanwhile.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> events = evsim.EventArray([10, 25], [3, 0], [1, 1], [1, 0], width=4, height=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.io.write_events(events, os.path.join(folder, "events.npz"))
    ...     evsim.io.read_events(os.path.join(folder, "events.npz"))
    EventArray(2 events, 4 x 2 pixels, 10 to 25 us, 1 ON, 1 OFF)
    """
    width = None if width is None else as_size(width, "width")
    height = None if height is None else as_size(height, "height")
    source = Path(path)
    file = Recording(source, source.read_bytes(), width, height)
    if not file.data:
        raise FileFormatError(f"{source} is empty (0 bytes)")
    for magic, reader in _READERS.items():
        if file.data.startswith(magic):
            return reader(file)
        if magic.startswith(file.data):
            raise file.truncated("header", 0, len(file.data), len(magic))
    if file.data.startswith(ZIP_MAGIC):
        return _from_npz(file)
    if file.data.startswith(NPY_MAGIC):
        return _from_array(file, read_npy(source, file.data))
    for magic, name in _FOREIGN.items():
        if file.data.startswith(magic):
            raise FileFormatError(f"{source} is {name}; evsim reads {_KNOWN}")
    if source.suffix.lower() in (".bin", ".bs2") or is_nmnist(file.data):
        return read_nmnist(file)
    raise FileFormatError(f"{source} begins with {file.data[:12]!r} at byte 0; evsim reads {_KNOWN}")


def write_events(events: EventArray, path: str | PathLike[str]) -> None:
    """Write events to an ``.npz`` file: arrays ``t``, ``x``, ``y``, ``p`` and ``shape`` (2, height, width).

    Parameters
    ----------
    events : EventArray
    path : path
        Should end in ``.npz``. It is replaced in one step, or left alone on an error.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    arrays: dict[str, Any] = {"t": events.t, "x": events.x, "y": events.y, "p": events.p}
    arrays["shape"] = np.array([2, events.height, events.width], dtype=np.int64)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _from_npz(file: Recording) -> EventArray:
    with file.path.open("rb") as opened:
        arrays, names = read_npz(file.path, opened, None)
    structured = [array for array in arrays.values() if array.dtype.names]
    if len(structured) == 1:
        return _from_array(file, structured[0])
    if not {"x", "y"} <= arrays.keys():
        raise FileFormatError(f"{file.path} holds the arrays {names}; expected x, y, p and t, or one structured array")
    return _checked(file, arrays, _stored_size(file, arrays))


def _from_array(file: Recording, array: npt.NDArray[Any]) -> EventArray:
    if array.dtype.names is None or array.ndim != 1:
        raise FileFormatError(
            f"{file.path} holds an array of {array.dtype} in shape {array.shape}; "
            "expected one dimension and the fields x, y, t and p"
        )
    return _checked(file, {name: array[name] for name in array.dtype.names}, (None, None))


def _checked(file: Recording, fields: dict[str, npt.NDArray[Any]], size: tuple[int | None, int | None]) -> EventArray:
    try:
        columns = columns_of(fields)
        return EventArray(**columns, width=file.width or size[0], height=file.height or size[1], sort=True)
    except EvsimError as error:
        raise FileFormatError(f"{file.path} does not hold valid events: {error}") from None


def _stored_size(file: Recording, arrays: dict[str, npt.NDArray[Any]]) -> tuple[int | None, int | None]:
    try:
        shape = stored_shape(arrays)
    except ShapeMismatchError as error:
        raise FileFormatError(f"{file.path} does not hold valid events: {error}") from None
    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise FileFormatError(f"{file.path} does not hold valid events: shape must be (channels, height, width)")
    return (shape[2], shape[1]) if shape else (None, None)


def stored_shape(arrays: dict[str, npt.NDArray[Any]]) -> tuple[int, ...] | None:
    """The array ``shape`` among `arrays` as a tuple."""
    if "shape" not in arrays:
        return None
    stored = arrays["shape"]
    if stored.ndim != 1 or stored.dtype.kind not in "iu":
        raise ShapeMismatchError(f"shape must be a list of integers, got {stored.dtype} of shape {stored.shape}")
    return tuple(stored.tolist())
