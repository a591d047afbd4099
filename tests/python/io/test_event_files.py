import contextlib
import io
import shutil
import struct
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest
from oracle import events as oracle
from places import DATA

from evsim import EventArray, errors
from evsim.io import read_events, read_spikes, write_events

RECORDINGS = DATA / "recordings"
EVT2_HEADER = b"% evt 2.0\n% geometry 40x30\n% end\n"
EVT3_HEADER = b"% format EVT3;height=30;width=40\n% end\n"


def needs(name):
    if not (RECORDINGS / name).exists():
        pytest.skip(f"{RECORDINGS / name} is not here")
    if name.endswith(".aedat4"):
        pytest.importorskip("lz4")
    return RECORDINGS / name


def rows(events):
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


def recording(n=300, width=40, height=30, longest=5000, seed=0):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, longest, n))
    x, y, p = rng.integers(0, width, n), rng.integers(0, height, n), rng.integers(0, 2, n)
    return EventArray(t, x, y, p, width=width, height=height)


def evt2_words(n=400, seed=0):
    rng = np.random.default_rng(seed)
    words, high = [], (1 << 28) - 20
    for _ in range(n):
        if rng.random() < 0.2:
            high += int(rng.integers(0, 3))
            words.append(8 << 28 | high & 0xFFFFFFF)
        elif rng.random() < 0.05:
            words.append(int(rng.choice([0xA, 0xE, 0xF])) << 28 | int(rng.integers(1 << 28)))
        else:
            low, x, y = (int(rng.integers(n)) for n in (64, 40, 30))
            words.append(int(rng.integers(2)) << 28 | low << 22 | x << 11 | y)
    return struct.pack(f"<{n}I", *words)


def evt3_words(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    words, high, low = [], 4090, 0
    for _ in range(n):
        kind = int(
            rng.choice([0, 2, 3, 4, 5, 6, 7, 8, 0xA, 0xE, 0xF], p=[0.15, 0.3, 0.12, 0.12, 0.1, 0.12, *[0.01] * 4, 0.05])
        )
        payload = int(rng.integers(1 << 12))
        if kind == 0:
            payload = int(rng.integers(30))
        elif kind in (2, 3):
            payload = int(rng.integers(2)) << 11 | int(rng.integers(16 if kind == 3 else 40))
        elif kind in (4, 5) and (words and words[-1] >> 12 != 3):
            kind, payload = 0xE, 0
        elif kind == 6:
            low = (low + int(rng.integers(-3, 40))) & 0xFFF
            payload = low
        elif kind == 8:
            high = high + int(rng.integers(2))
            payload = high & 0xFFF
        words.append(kind << 12 | payload)
    return struct.pack(f"<{n}H", *words)


def nmnist(events):
    columns = (
        events.x,
        events.y,
        events.p << 7 | (events.t >> 16).astype(np.uint8),
        events.t >> 8 & 255,
        events.t & 255,
    )
    return np.stack([column.astype(np.uint8) for column in columns], axis=1).tobytes()


@pytest.fixture
def samples(tmp_path):
    """Content of one small file of every format that evsim decodes itself."""
    events = recording()
    write_events(events, tmp_path / "sample.npz")
    array = io.BytesIO()
    np.save(array, events.to_structured())
    return {
        "es": oracle.write_event_stream(rows(events), 40, 30),
        "evt2": EVT2_HEADER + evt2_words(),
        "evt3": EVT3_HEADER + evt3_words(),
        "nmnist": nmnist(recording(width=34, height=34, longest=2**23)),
        "npz": (tmp_path / "sample.npz").read_bytes(),
        "npy": array.getvalue(),
    }


# Real recordings


@pytest.mark.parametrize(
    ("name", "n", "width", "height"),
    [
        ("dvs.es", 473225, 320, 240),
        ("evt2.raw", 521252, 640, 480),
        ("evt2_sample.raw", 539481, 640, 480),
        ("evt3_sample.raw", 219596, 1280, 720),
        ("sample.aedat4", 111954, 320, 240),
        ("sample_nmnist.bin", 4325, 34, 34),
    ],
)
def test_real_recordings_have_their_events_whatever_their_ending(tmp_path, name, n, width, height):
    events = read_events(needs(name))
    assert (len(events), events.width, events.height) == (n, width, height)
    shutil.copyfile(RECORDINGS / name, tmp_path / "recording.dat")
    assert read_events(tmp_path / "recording.dat") == events


@pytest.mark.parametrize("name", ["dvs.es", "evt2.raw", "evt2_sample.raw", "evt3_sample.raw", "sample.aedat4"])
def test_faery_reads_the_same_events(name):
    faery = pytest.importorskip("faery")
    events = read_events(needs(name))
    other = faery.events_stream_from_file(str(RECORDINGS / name)).to_array()
    for column, field in (("x", "x"), ("y", "y"), ("p", "on")):
        assert np.array_equal(getattr(events, column), other[field])
    late = other["t"].astype(np.int64) - events.t
    # The lower clock of this sensor steps back a few times; faery then holds time at the latest value seen.
    assert late.min() == 0
    assert late.max() <= (11 if name == "evt3_sample.raw" else 0)


@pytest.mark.parametrize(
    ("name", "read", "word"), [("evt2_sample.raw", oracle.read_evt2, 4), ("evt3_sample.raw", oracle.read_evt3, 2)]
)
def test_real_raw_files_are_what_the_loop_reads(tmp_path, name, read, word):
    data = needs(name).read_bytes()
    start = data.index(b"\n", data.rindex(b"% system_ID", 0, 400)) + 1
    start = max(start, data.index(b"\n", data.rindex(b"% evt", 0, 400)) + 1)
    cut = start + 60_000 * word
    (tmp_path / "part.raw").write_bytes(data[:cut])
    assert rows(read_events(tmp_path / "part.raw")) == read(data[start:cut])


# Formats


@pytest.mark.parametrize("seed", range(3))
def test_evt2_is_what_the_loop_reads(tmp_path, seed):
    data = evt2_words(seed=seed)
    (tmp_path / "a.raw").write_bytes(EVT2_HEADER + data)
    events = read_events(tmp_path / "a.raw")
    assert rows(events) == oracle.read_evt2(data)
    assert (events.width, events.height) == (40, 30)
    assert events.t[-1] > 1 << 34  # the clock has wrapped


@pytest.mark.parametrize("seed", range(3))
def test_evt3_is_what_the_loop_reads(tmp_path, seed):
    data = evt3_words(seed=seed)
    (tmp_path / "a.raw").write_bytes(EVT3_HEADER + data)
    events = read_events(tmp_path / "a.raw")
    assert rows(events) == oracle.read_evt3(data)
    assert events.t[-1] > 1 << 24


@pytest.mark.parametrize("seed", range(4))
def test_event_stream_is_read_back(tmp_path, seed):
    longest = [10, 2000, 200_000, 5000][seed]
    events = recording(width=[40, 255, 40, 65535][seed], height=[30, 255, 1, 65535][seed], longest=longest, seed=seed)
    (tmp_path / "a.es").write_bytes(oracle.write_event_stream(rows(events), events.width, events.height))
    assert read_events(tmp_path / "a.es") == events


def test_resets_of_event_streams_are_no_events(tmp_path):
    data = oracle.write_event_stream([(5, 1, 2, 1)], 4, 4) + b"\xfe\xff" + bytes([2, 3, 0, 0, 0])
    (tmp_path / "a.es").write_bytes(data)
    assert rows(read_events(tmp_path / "a.es")) == [(5, 1, 2, 1), (5 + 127 + 1, 3, 3, 0)]


@pytest.mark.parametrize(
    ("header", "size"),
    [
        (b"% evt 2.0\n% geometry 100x90\n", (100, 90)),
        (b"% format EVT2;height=50;width=60\n% end\n", (60, 50)),
        (b"% evt 2.0\n% plugin_name hal_plugin_gen3_fx3\n", (640, 480)),
        (b"% evt 2.0\r\n% plugin_name hal_plugin_gen41_evk3\r\n", (1280, 720)),
        (b"% evt 2.0\n", (4, 3)),
    ],
)
def test_the_header_says_how_large_the_sensor_is(tmp_path, header, size):
    (tmp_path / "a.raw").write_bytes(header + struct.pack("<2I", 8 << 28 | 7, 1 << 28 | 5 << 22 | 3 << 11 | 2))
    events = read_events(tmp_path / "a.raw")
    assert rows(events) == [(7 * 64 + 5, 3, 2, 1)]
    assert (events.width, events.height) == size
    assert read_events(tmp_path / "a.raw", width=200, height=150).width == 200


def test_events_are_written_and_read_again(tmp_path):
    events = recording()
    write_events(events, tmp_path / "a.npz")
    assert read_events(tmp_path / "a.npz") == events
    assert read_spikes(tmp_path / "a.npz") == events.to_spikes()


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    write_events(recording(), tmp_path / "a.npz")
    with pytest.raises(AttributeError):
        write_events(None, tmp_path / "a.npz")
    assert read_events(tmp_path / "a.npz") == recording()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_structured_arrays_are_read_from_npy_and_npz(tmp_path):
    events = recording()
    np.save(tmp_path / "a.npy", events.to_structured())
    np.savez(tmp_path / "a.npz", events=events.to_structured(), label=3)
    for name in ("a.npy", "a.npz"):
        assert read_events(tmp_path / name, width=40, height=30) == events


def test_spikes_come_from_every_format(tmp_path, samples):
    for content in samples.values():
        (tmp_path / "recording").write_bytes(content)
        if content is not samples["npy"]:
            assert read_spikes(tmp_path / "recording") == read_events(tmp_path / "recording").to_spikes()
    (tmp_path / "a.npy").write_bytes(samples["npy"])
    assert read_spikes(tmp_path / "a.npy", shape=(2, 50, 60)).shape == (2, 50, 60)
    with pytest.raises(errors.InvalidArgumentError, match="two channels"):
        read_spikes(tmp_path / "a.npy", shape=(1, 50, 60))


def test_without_lz4_the_extra_is_named(tmp_path, monkeypatch):
    path = needs("sample.aedat4")
    monkeypatch.setitem(__import__("sys").modules, "lz4.frame", None)
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[events\]"):
        read_events(path)


# Damage


def refused(path, content):
    """The message with which a file is refused, where nothing odd is accepted."""
    path.write_bytes(content)
    with pytest.raises(errors.FileFormatError) as caught:
        read_events(path, strict=True)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.es", "a.raw", "a.aedat4", "a.bin", "a.npz", "a.npy", "a"])
def test_empty_files_and_folders_are_refused(tmp_path, name):
    assert "is empty" in refused(tmp_path / name, b"")
    with pytest.raises(OSError, match="directory"):
        read_events(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_events(tmp_path / "none")


def test_files_cut_inside_an_event_name_its_byte(tmp_path):
    es = oracle.write_event_stream([(5, 1, 2, 1), (9, 3, 2, 0)], 4, 4)
    assert "the event at byte 25 has 3 of 5 bytes" in refused(tmp_path / "a", es[:28])
    header = len(EVT2_HEADER)
    assert f"the word at byte {header + 4} has 2 of 4 bytes" in refused(tmp_path / "a", EVT2_HEADER + evt2_words()[:6])
    header = len(EVT3_HEADER)
    assert f"the word at byte {header + 4} has 1 of 2 bytes" in refused(tmp_path / "a", EVT3_HEADER + evt3_words()[:5])


def test_cut_headers_are_refused(tmp_path, samples):
    for kind, length in (("es", 20), ("evt2", len(EVT2_HEADER)), ("evt3", len(EVT3_HEADER))):
        for cut in range(1, length):
            assert "byte" in refused(tmp_path / "a", samples[kind][:cut])


def test_a_recording_cut_anywhere_is_refused_or_is_a_shorter_recording(tmp_path, samples):
    whole = {}
    for kind, content in samples.items():
        (tmp_path / "a.bin").write_bytes(content)
        whole[kind] = rows(read_events(tmp_path / "a.bin"))
        ends = 0
        for cut in range(0, len(content), 13 if kind != "npz" else 41):
            (tmp_path / "a.bin").write_bytes(content[:cut])
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", errors.RecordingWarning)
                    part = rows(read_events(tmp_path / "a.bin"))
            except errors.FileFormatError:
                continue
            ends += 1
            assert Counter(part) <= Counter(whole[kind])
        assert ends == 0 or kind != "npz"


def test_impossible_words_name_their_byte(tmp_path):
    start = len(EVT2_HEADER)
    word = struct.pack("<3I", 8 << 28 | 9, 1 << 28, 0x5 << 28)
    assert f"damaged at byte {start + 8}: the format reserves this type of word" in refused(
        tmp_path / "a", EVT2_HEADER + word
    )
    word = struct.pack("<3I", 8 << 28 | 9, 1 << 28 | 50 << 11, 1 << 28)
    assert f"damaged at byte {start + 4}: event 0 is at x = 50, y = 0, outside 40 x 30" in refused(
        tmp_path / "a", EVT2_HEADER + word
    )
    word = struct.pack("<3I", 8 << 28 | 9, 1 << 28, 8 << 28 | 8)
    assert f"damaged at byte {start + 8}: the upper bits of time go back" in refused(tmp_path / "a", EVT2_HEADER + word)
    start = len(EVT3_HEADER)
    word = struct.pack("<4H", 8 << 12, 5, 3 << 12 | 35, 4 << 12 | 1 << 11)
    assert f"damaged at byte {start + 6}: event 0 is at x = 46, y = 5" in refused(tmp_path / "a", EVT3_HEADER + word)
    es = oracle.write_event_stream([(5, 1, 2, 1), (9, 3, 2, 0)], 4, 4)
    assert "damaged at byte 25: event 1 is at x = 259" in refused(tmp_path / "a", es[:27] + b"\1" + es[28:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Event Stream\1\0\0\1" + bytes(4), "version 1.0.0"),
        (b"Event Stream\2\0\0\4\5\0\5\0", "colour events"),
        (b"Event Stream\2\0\0\1\0\0\5\0", "damaged at byte 16"),
        (b"% nothing\n% end\n1234", "names no format"),
        (b"% evt 2.2\n12345678", r"EVT 2\.2"),
        (b"% format EVT21;height=5;width=5\n% end\n", "nothing follows the header"),
        (b"% format EVT3;endianness=middle\n% end\n12", "byte order 'middle'"),
        (b"% evt 2.0\n", "nothing follows the header, which ends at byte 10"),
        (b"% evt 2.0", "header line at byte 0 does not end"),
        (b"#!AER-DAT3.0\r\n12345", "AEDAT file of another version"),
        (b"#!AER-DAT3.1\r\n#Format: PNG\r\n#!END-HEADER\r\n", "coded as PNG"),
        (b"hello world, these are no events", "begins with b'hello world,' at byte 0"),
        (b"#!AER-DAT4.0\r\n", "truncated: the header at byte 0 has 14 of 18"),
        (b"#!AER-DAT4.0\r\n\xff\xff\xff\xff12", "truncated: the header at byte 14 has 6 of 4294967299"),
        (b"#!AER-DAT4.0\r\n\4\0\0\0abcd", "damaged at byte 22"),
    ],
)
def test_foreign_and_unfinished_files_are_named(tmp_path, content, message):
    path = tmp_path / "a.es"
    path.write_bytes(content)
    with pytest.raises(errors.FileFormatError, match=message):
        read_events(path)


def test_arrays_that_are_no_events_are_refused(tmp_path):
    for arrays, message in (
        ({"a": [1]}, r"holds the arrays \['a'\]"),
        ({"x": [1], "y": [1], "t": [1]}, "no field for p"),
        ({"x": [1], "y": [1], "t": [1], "p": [7]}, "polarities must be"),
        ({"x": [1], "y": [1], "t": [1], "p": [1, 1]}, "one length"),
        ({"x": [1], "y": [1], "t": [1], "p": [1], "shape": [1, 1]}, "channels, height, width"),
        ({"x": [1], "y": [1], "t": [1], "p": [1], "shape": 0.5}, "list of integers"),
        ({"x": np.array([{}], dtype=object), "y": [1], "t": [1], "p": [1]}, "Object arrays cannot be loaded"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)
        with pytest.raises(errors.FileFormatError, match=message):
            read_events(tmp_path / "a.npz")
    for array, message in ((np.zeros(3), "expected one dimension"), (np.array([{}], dtype=object), "pickled objects")):
        np.save(tmp_path / "a.npy", array, allow_pickle=True)
        with pytest.raises(errors.FileFormatError, match=message):
            read_events(tmp_path / "a.npy")


def test_an_array_cut_short_names_the_byte(tmp_path, samples):
    start = samples["npy"].index(b"\n") + 1
    content = samples["npy"][: start + 100]
    assert f"the array at byte {start} has 100 of {300 * 13} bytes" in refused(tmp_path / "a", content)


def test_arrays_that_claim_to_be_huge_are_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": [("t", "<i8"), ("x", "<u2")], "fortran_order": False, "shape": (1 << 58,)}
    )
    assert "no field for y" in refused(tmp_path / "a.npy", header.getvalue())
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in "xypt":
            archive.writestr(f"{name}.npy", header.getvalue())
    with pytest.raises(errors.FileFormatError, match="not a readable"):
        read_events(tmp_path / "a.npz")


def test_a_damaged_archive_names_the_array_and_its_byte(tmp_path, samples):
    content = bytearray(samples["npz"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        where = archive.getinfo("x.npy").header_offset
    content[where + 60] ^= 0xFF
    assert f"(array 'x' at byte {where})" in refused(tmp_path / "a", bytes(content))


@pytest.mark.filterwarnings("ignore::evsim.errors.RecordingWarning")
def test_damage_anywhere_is_an_error_of_its_own_or_a_recording(tmp_path, samples):
    rng = np.random.default_rng(1)
    for name, content in samples.items():
        for k in range(80):
            damaged = bytearray(content)
            place = int(rng.integers(0, 60 if k % 2 else len(content)))
            if k % 4 == 3:
                damaged[place : place + 4] = rng.bytes(4)
            else:
                damaged[place] ^= 1 << int(rng.integers(8))
            (tmp_path / f"a.{name}").write_bytes(damaged)
            with contextlib.suppress(errors.FileFormatError):
                events = read_events(tmp_path / f"a.{name}")
                assert (np.diff(events.t) >= 0).all()


@pytest.mark.parametrize("ending", ["es", "raw", "aedat4", "bs2", "npz", "npy", ""])
def test_random_bytes_are_refused(tmp_path, ending):
    rng = np.random.default_rng(2)
    for n in (1, 2, 3, 4, 6, 7, 11, 33, 100, 1003, 5000):
        message = refused(tmp_path / f"a.{ending}", rng.bytes(n))
        assert "byte" in message


MAGICS = [b"Event Stream\2\0\0\1\x20\0\x20\0", b"#!AER-DAT4.0\r\n", EVT2_HEADER, EVT3_HEADER]


@pytest.mark.parametrize("magic", MAGICS)
def test_random_bytes_after_a_right_beginning_are_refused(tmp_path, magic):
    rng = np.random.default_rng(3)
    for n in (1, 3, 101, 1000, 4001):
        assert "byte" in refused(tmp_path / "a", magic + rng.bytes(n))


# AEDAT 4


def test_a_real_aedat4_cut_anywhere_is_refused(tmp_path):
    content = needs("sample.aedat4").read_bytes()
    for cut in (*range(1, 2400, 53), *range(2400, len(content), 30011), *range(len(content) - 4012, len(content), 97)):
        assert "truncated" in refused(tmp_path / "a", content[:cut])
    assert "truncated" in refused(tmp_path / "a", content[:-1])


def test_a_cut_aedat4_names_the_packet(tmp_path):
    content = needs("sample.aedat4").read_bytes()
    message = refused(tmp_path / "a", content[:5000])
    assert "the packet at byte 2334 has 2666 of 7957 bytes" in message


def test_a_damaged_aedat4_packet_names_its_byte(tmp_path):
    content = bytearray(needs("sample.aedat4").read_bytes())
    content[2334 + 8] ^= 0xFF
    assert "damaged at byte 2334" in refused(tmp_path / "a", bytes(content))
    content = bytearray((RECORDINGS / "sample.aedat4").read_bytes())
    content[2334 + 7] ^= 0x80
    assert "damaged at byte 2334: the packet claims -" in refused(tmp_path / "a", bytes(content))


@pytest.mark.filterwarnings("ignore::evsim.errors.RecordingWarning")
def test_a_damaged_aedat4_is_an_error_of_its_own_or_a_recording(tmp_path, capfd):
    content = needs("sample.aedat4").read_bytes()
    rng = np.random.default_rng(4)
    for k in range(150):
        damaged = bytearray(content)
        place = int(rng.integers(0, len(content))) if k % 3 else int(rng.integers(14, 2334))
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "a").write_bytes(damaged)
        with contextlib.suppress(errors.FileFormatError):
            read_events(tmp_path / "a")
    assert "panicked" not in capfd.readouterr().err
