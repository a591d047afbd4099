"""Archives of arrays that are damaged or made to fill the memory, and arrays that hold more than numbers."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from evsim import EventArray, errors
from evsim.io import read_events, read_spikes, scan_events


def rows(events):
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


@pytest.fixture
def file(tmp_path):
    def write(content, name):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def npz(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                array = io.BytesIO()
                np.save(array, content)
                content = array.getvalue()
            archive.writestr(f"{name}.npy", content)
    return out.getvalue()


READERS = [read_events, read_spikes, scan_events]
ONE = {"x": [1], "y": [1], "t": [1], "p": [1]}


@pytest.mark.parametrize("read", READERS)
def test_members_that_are_no_arrays(file, read):
    assert read(file(npz(**ONE, readme=b"hello"), "a.npz"))
    for content in (b"hello", b"", b"\x93NUMPY"):
        with pytest.raises(errors.FileFormatError, match=r"array 'x' at byte"):
            read(file(npz(**{**ONE, "x": content}), "a.npz"))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "header",
    [
        "{'descr': (), 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (2**70,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1267650600228229401496703205376,), }",
        "{'descr': ('<i8', (1000000000,)), 'fortran_order': False, 'shape': (1,), }",
        "((((((((((",
        "{}",
    ],
)
def test_headers_that_are_none(file, read, header):
    text = header.encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(8)
    with pytest.raises(errors.FileFormatError):
        read(file(npz(**{**ONE, "x": content}), "a.npz"))
    with pytest.raises(errors.FileFormatError):
        read(file(content, "a.npy"))


@pytest.mark.parametrize("read", READERS)
def test_arrays_that_do_not_fit_together_are_refused_before_they_are_read(file, read):
    content = npz(**{**ONE, "x": np.zeros(1 << 24, np.int64)})
    assert len(content) < 1 << 18
    tracemalloc.start()
    with pytest.raises(errors.FileFormatError, match="length"):
        read(file(content, "a.npz"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("read", READERS)
def test_texts_are_refused_before_they_are_read(file, read):
    path = file(npz(**{**ONE, "x": np.zeros(1, "<U4000000")}), "a.npz")
    tracemalloc.start()
    with pytest.raises(errors.FileFormatError, match="x must be real numbers, got dtype <U4000000"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("read", READERS)
def test_arrays_that_are_not_asked_for_are_not_read(file, read):
    path = file(npz(**ONE, huge=np.zeros(1 << 24, np.int64)), "a.npz")
    tracemalloc.start()
    assert read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


@pytest.mark.parametrize("read", READERS)
def test_very_many_members_take_no_time(file, read):
    many = {f"a{k}": b"" for k in range(20_000)}
    assert read(file(npz(**many, **ONE), "a.npz"))
    with pytest.raises(errors.FileFormatError, match=r"and 19990 more"):
        read(file(npz(**many), "a.npz"))


def test_masked_events_are_left_out():
    mask = [False, True, False]
    x = np.ma.array([0, 1, 2], mask=mask)
    events = EventArray([1, 2, 3], x, [0, 0, 0], np.ma.array([1, 1, 1], mask=[0, 0, 1]), width=4, height=2)
    assert rows(events) == [(1, 0, 0, 1)]
    fields = [("t", int), ("x", int), ("y", int), ("p", int)]
    structured = np.ma.array([(1, 0, 0, 1), (2, 1, 0, 1), (3, 2, 0, 1)], dtype=fields)
    structured["x"][1] = np.ma.masked
    assert EventArray.from_structured(structured).t.tolist() == [1, 3]
    assert len(events.select(np.ma.array([True], mask=[True]))) == 0
    with pytest.raises(errors.ShapeMismatchError):
        EventArray([1, 2], x, [0, 0, 0], [1, 1, 1])


def test_containers_with_more_than_numbers_are_refused():
    with pytest.raises(errors.NonFiniteError):
        EventArray([1, 2], np.array([0, np.nan]), [0, 0], [1, 1])
    with pytest.raises(errors.DTypeError):
        EventArray([1, 2], np.array([0, None], dtype=object), [0, 0], [1, 1])
    with pytest.raises(errors.DTypeError):
        EventArray(np.zeros(2, dtype=[("a", int)]), [0, 0], [0, 0], [1, 1])
    with pytest.raises(errors.DTypeError):
        EventArray(np.array([1, 2], dtype="datetime64[us]"), [0, 0], [0, 0], [1, 1])
