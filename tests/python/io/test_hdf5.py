"""HDF5 recordings: DSEC's, compound datasets, and those that need a plugin."""

import sys

import numpy as np
import pytest

from evsim import EventArray, errors
from evsim.io import iterate_events, read_events, scan_events

h5py = pytest.importorskip("h5py")
T, X, Y, P = [10, 25, 40], [3, 0, 2], [1, 1, 0], [1, 0, 1]
OFFSET = 51_648_500_652


def expected(offset=0, **options):
    return EventArray(np.array(T) + offset, X, Y, P, width=4, height=2, **options)


def dsec(path, offset=OFFSET, **changes):
    columns = {"t": np.array(T, np.uint32), "x": np.array(X, np.uint16), "y": np.array(Y, np.uint16)}
    with h5py.File(path, "w") as file:
        for name, values in {**columns, "p": np.array(P, np.uint8), **changes}.items():
            if values is not None:
                file.create_dataset(f"events/{name}", data=values, chunks=(min(2, len(values)),), compression="gzip")
        file["ms_to_idx"] = np.array([0], np.uint64)
        file["t_offset"] = np.int64(offset)


def test_dsec_is_read(tmp_path):
    dsec(tmp_path / "events.h5")
    assert read_events(tmp_path / "events.h5", strict=True) == expected(OFFSET)
    assert scan_events(tmp_path / "events.h5").format == "HDF5 (DSEC)"
    assert read_events(tmp_path / "events.h5", start=OFFSET + 20).t.tolist() == [OFFSET + 25, OFFSET + 40]
    assert [len(part) for part in iterate_events(tmp_path / "events.h5", piece=2)] == [2, 1]


@pytest.mark.parametrize("name", ["events", "CD/events"])
def test_compound_datasets_are_read(tmp_path, name):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file[name] = expected().to_structured()
        file.attrs["width"], file.attrs["height"] = 40, 30
    events = read_events(tmp_path / "a.hdf5", strict=True)
    assert (events.width, events.height) == (40, 30)
    assert events.t.tolist() == T


def test_columns_without_a_group_and_signed_polarities_are_read(tmp_path):
    with h5py.File(tmp_path / "a", "w") as file:
        for name, values in (("ts", [10.0, 25.0, 40.0]), ("x", X), ("y", Y), ("p", [1, -1, 1])):
            file[name] = values
    assert read_events(tmp_path / "a", strict=True) == expected()


def coded(path, number):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((2,))
    plan.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())
    with h5py.File(path, "w") as file:
        group = file.create_group("CD")
        array = expected().to_structured()
        space = h5py.h5s.create_simple((3,))
        kind = h5py.h5t.py_create(array.dtype, logical=True)
        h5py.h5d.create(group.id, b"events", kind, space, plan)


def test_ecf_is_named_with_what_to_do(tmp_path):
    coded(tmp_path / "a.hdf5", 36559)
    with pytest.raises(errors.MissingDependencyError, match=r"Prophesee's ECF.*HDF5_PLUGIN_PATH"):
        read_events(tmp_path / "a.hdf5")


def test_missing_plugins_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    coded(tmp_path / "a.hdf5", 32001)
    with pytest.raises(errors.MissingDependencyError, match=r"compressed with Blosc.*pip install hdf5plugin"):
        read_events(tmp_path / "a.hdf5")


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    dsec(tmp_path / "a.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[events\]"):
        read_events(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p": None}, r"expected x, y, p and t"),
        ({"x": np.array([1], np.uint16)}, "one length"),
        ({"y": np.array([b"a", b"b", b"c"])}, "y is no list of numbers"),
        ({"offset": 2**62}, "t_offset must be"),
        ({"x": np.array([0.0, 1.5, 2.0])}, "x must be whole numbers"),
        ({"t": np.array([0.0, np.nan, 2.0])}, "t must be whole microseconds"),
    ],
)
def test_other_contents_are_refused(tmp_path, changes, message):
    dsec(tmp_path / "a.h5", **changes)
    with pytest.raises(errors.FileFormatError, match=message):
        read_events(tmp_path / "a.h5")


def test_damage_is_named(tmp_path):
    dsec(tmp_path / "a.h5")
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.FileFormatError, match="not a readable HDF5 file"):
        read_events(tmp_path / "a.h5")
    place = content.index(b"\x78\x5e") if b"\x78\x5e" in content else content.index(b"\x78\x9c")
    (tmp_path / "a.h5").write_bytes(content[: place + 2] + b"\xff" * 6 + content[place + 8 :])
    with pytest.warns(errors.RecordingWarning, match="damaged parts left out"):
        read_events(tmp_path / "a.h5")


def test_times_that_cannot_be_are_left_out(tmp_path):
    dsec(tmp_path / "a.h5", t=np.array([10, 25, 2**64 - 1], np.uint64), offset=5)
    with pytest.warns(errors.RecordingWarning, match="events outside the sensor left out: 1"):
        assert read_events(tmp_path / "a.h5").t.tolist() == [15, 30]


@pytest.mark.parametrize("chunks", [None, (1 << 20,), (1 << 29,)])
def test_rows_that_were_never_written_are_not_believed(tmp_path, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "txyp":
            file.create_dataset(f"events/{name}", shape=(10**12,), dtype="<u2", chunks=chunks)
    with pytest.raises(errors.FileFormatError, match=r"0 of 1000000000000 rows|chunks of 536870912 rows"):
        read_events(tmp_path / "a.h5")
