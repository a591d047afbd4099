import contextlib

import numpy as np
import pytest
from places import DATA

from evsim import SpikeArray, errors
from evsim.io import read_events, read_spikes, write_spikes

SAMPLE = DATA / "recordings" / "sample_nmnist.bin"


def needs(path):
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return path


def event(x, y, polarity, time):
    return bytes([x, y, polarity << 7 | time >> 16, time >> 8 & 255, time & 255])


def test_what_was_written_is_read_again(tmp_path):
    spikes = SpikeArray([5, 0, 3], [0.1, 0.2, 0.2], shape=(2, 3))
    write_spikes(spikes, tmp_path / "a.npz")
    again = read_spikes(tmp_path / "a.npz")
    assert again == spikes
    assert again.shape == (2, 3)


def test_unsorted_files_are_sorted(tmp_path):
    np.savez(tmp_path / "a.npz", indices=[1, 2], times=[2.0, 1.0])
    assert read_spikes(tmp_path / "a.npz").indices.tolist() == [2, 1]


def test_event_camera_arrays_become_indices_and_milliseconds(tmp_path):
    np.savez(tmp_path / "a.npz", x=[3, 0], y=[1, 0], p=[True, False], t=np.array([1500, 2000], np.uint32))
    spikes = read_spikes(tmp_path / "a.npz", shape=(2, 4, 5))
    assert spikes.indices.tolist() == [(1 * 4 + 1) * 5 + 3, 0]
    assert spikes.times.tolist() == [1.5, 2.0]
    assert read_spikes(tmp_path / "a.npz").shape == (2, 2, 4)


def test_nmnist_bytes_are_decoded(tmp_path):
    (tmp_path / "a.bs2").write_bytes(event(3, 4, 1, 0x12345) + event(33, 33, 0, 0x7FFFFF))
    spikes = read_spikes(tmp_path / "a.bs2", time_scale=1.0)
    assert [c.tolist() for c in spikes.coordinates()] == [[1, 0], [4, 33], [3, 33]]
    assert spikes.times.tolist() == [0x12345, 0x7FFFFF]


def test_nmnist_clock_overflows_are_no_spikes(tmp_path):
    (tmp_path / "a.bin").write_bytes(event(1, 1, 0, 10) + event(0, 240, 0, 0) + event(1, 1, 0, 10))
    assert read_spikes(tmp_path / "a.bin", time_scale=1.0).times.tolist() == [10, 10 + 8192]


def test_a_real_nmnist_recording_has_its_events():
    spikes = read_spikes(needs(SAMPLE))
    assert len(spikes) == 4325
    assert spikes.shape == (2, 34, 34)
    assert spikes.is_sorted
    assert 290 < spikes.times[-1] < 340


def test_real_bs2_files_equal_the_archive():
    archive = np.load(needs(DATA / "nmnist_small.npz"))
    files = sorted((DATA / "nmnist_bs2").glob("*.bs2"))
    assert files
    checked = 0
    for part in ("train", "test"):
        ids = archive[f"{part}_ids"].tolist()
        offsets = archive[f"{part}_offsets"]
        arrays = {name: archive[f"{part}_{name}"] for name in "xypt"}
        for file in files:
            if int(file.stem) in ids:
                k = ids.index(int(file.stem))
                x, y, p, t = (arrays[name][offsets[k] : offsets[k + 1]].astype(np.int64) for name in "xypt")
                expected = SpikeArray((p * 34 + y) * 34 + x, t * 1e-3)
                expected.sort()
                assert read_spikes(file) == expected
                checked += 1
    assert checked


def test_a_truncated_recording_names_the_byte(tmp_path):
    (tmp_path / "a.bin").write_bytes(event(1, 1, 0, 1) + b"\0\0")
    with pytest.raises(errors.FileFormatError, match="truncated: the event at byte 5 has 2 of 5"):
        read_events(tmp_path / "a.bin", strict=True)
    with pytest.warns(errors.RecordingWarning, match="the event at byte 5 is cut"):
        assert len(read_spikes(tmp_path / "a.bin")) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (event(1, 1, 0, 1) + event(200, 3, 0, 1), r"event 1 \(byte 5\) lies at \(200, 3\)")],
)
def test_foreign_binary_files_are_refused(tmp_path, content, message):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(errors.FileFormatError, match=message):
        read_spikes(tmp_path / "a.bin")


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", indices=np.array([{}], dtype=object), times=[1.0])
    with pytest.raises(errors.FileFormatError, match="Object arrays cannot be loaded"):
        read_spikes(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\3\4 torn", b"\x80\x04."])
def test_foreign_npz_files_are_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(errors.FileFormatError, match="not a readable"):
        read_spikes(tmp_path / "a.npz")


def test_a_lone_array_is_no_archive(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, [1, 2])
    with pytest.raises(errors.FileFormatError, match="single array"):
        read_spikes(tmp_path / "a.npz")


def test_damage_anywhere_in_an_npz_is_an_error_of_its_own(tmp_path):
    path = tmp_path / "a.npz"
    write_spikes(SpikeArray(np.arange(300), np.linspace(0, 1, 300)), path)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 97):
        path.write_bytes(whole[:cut])
        with pytest.raises(errors.FileFormatError):
            read_spikes(path)
    rng = np.random.default_rng(0)
    for position in rng.integers(0, len(whole), 200):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with contextlib.suppress(errors.FileFormatError):
            read_spikes(path)


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path):
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 58,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("indices.npy", header.getvalue())
        archive.writestr("times.npy", header.getvalue())
    with pytest.raises(errors.FileFormatError):
        read_spikes(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1]}, r"holds the arrays \['a'\]; expected indices and times"),
        ({"indices": [1], "times": [1.0, 2.0]}, "does not hold valid spikes"),
        ({"indices": [-1], "times": [1.0]}, "got -1"),
        ({"indices": [9], "times": [1.0], "shape": [2, 2]}, "does not fit into shape"),
        ({"indices": [1], "times": [1.0], "shape": [2.5]}, "list of integers"),
        ({"indices": [1], "times": [np.nan]}, "does not hold valid spikes"),
        ({"indices": [1], "times": ["1"]}, "real numbers"),
        ({"x": [1], "y": [1, 2], "p": [0, 0], "t": [1, 2]}, "lists of one length"),
        ({"x": [1], "y": [1], "p": [2], "t": [1]}, "p reaches 2"),
        ({"x": [1], "y": [1], "p": [0], "t": ["1"]}, "real numbers"),
        ({"x": [1], "y": [1], "p": [0], "t": [1], "shape": [4, 4]}, "channels, height, width"),
    ],
)
def test_arrays_that_are_no_spikes_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(errors.FileFormatError, match=message):
        read_spikes(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["none.npz", "none.bs2", "none.raw"])
def test_missing_files_are_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        read_spikes(tmp_path / name)


def test_unknown_content_is_shown(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n")
    with pytest.raises(errors.FileFormatError, match=r"begins with b'x,y,z\\n' at byte 0; evsim reads"):
        read_spikes(tmp_path / "a.csv")


@pytest.mark.parametrize("options", [{"time_scale": 0.0}, {"time_scale": np.nan}, {"shape": (2, 3)}])
def test_options_outside_their_domain_are_refused(tmp_path, options):
    with pytest.raises(errors.EvsimError, match=next(iter(options))):
        read_spikes(tmp_path / "a.npz", **options)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    write_spikes(SpikeArray([1], [1.0]), tmp_path / "a.npz")
    with pytest.raises(AttributeError):
        write_spikes(None, tmp_path / "a.npz")
    assert len(read_spikes(tmp_path / "a.npz")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
