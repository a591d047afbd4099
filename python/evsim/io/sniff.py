"""Which format a recording is in, by what it holds."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import FileFormatError
from .formats import aedat2, aedat3, aedat4, arrays, event_stream, hdf5, nmnist, prophesee, text
from .numpy_files import NPY_MAGIC, ZIP_MAGIC
from .recording import Layout, Recording

_LAYOUTS: dict[bytes, Callable[[Recording], Layout]] = {
    event_stream.MAGIC: event_stream.layout,
    aedat2.MAGIC: aedat2.layout,
    aedat3.MAGIC: aedat3.layout,
    aedat4.MAGIC: aedat4.layout,
    hdf5.MAGIC: hdf5.layout,
    prophesee.MAGIC: prophesee.layout,
    NPY_MAGIC: arrays.npy_layout,
    **dict.fromkeys(ZIP_MAGIC, arrays.npz_layout),
}
_FOREIGN = {b"#!AER-DAT": "an AEDAT file of another version than 2.0, 3.1 and 4.0", b"#ROSBAG": "a ROS bag"}
_KNOWN = (
    "Event Stream (.es), AEDAT 2.0, 3.1 and 4.0 (.aedat, .aedat4), Prophesee EVT 2.0, 2.1 and 3.0 (.raw) and .dat, "
    "HDF5 (.h5, .hdf5), N-MNIST (.bin, .bs2), text and CSV (t x y p), .npz and .npy"
)
_HEAD_BYTES = 32


def layout_of(file: Recording) -> Layout:
    """The content decides; only N-MNIST, which has no mark of its own, is also known by its ending."""
    head = file.read(0, _HEAD_BYTES)
    for magic, layout in _LAYOUTS.items():
        if head.startswith(magic):
            return layout(file)
    for magic in _LAYOUTS:
        if magic.startswith(head):
            raise file.truncated("header", 0, len(magic))
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise FileFormatError(f"{file.path} is {name}; evsim reads {_KNOWN}")
    found = text.layout(file)
    if found is not None:
        return found
    if file.path.suffix.lower() in (".bin", ".bs2") or nmnist.is_nmnist(file):
        return nmnist.layout(file)
    raise FileFormatError(f"{file.path} begins with {head[:12]!r} at byte 0; evsim reads {_KNOWN}")
