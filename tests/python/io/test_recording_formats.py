"""Formats of recordings against plain decoders and writers."""

import struct

import numpy as np
import pytest
from oracle import recordings as oracle

from evsim import EventArray, errors
from evsim.io import read_events, read_spikes, scan_events


def rows(events):
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


def by_time(events):
    return sorted(events, key=lambda event: event[0])


def some_events(n=200, width=40, height=30, longest=5000, seed=0):
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.integers(0, longest, n)), *(rng.integers(0, limit, n) for limit in (width, height, 2))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def as_array(events, width, height):
    t, x, y, p = zip(*events, strict=True)
    return EventArray(t, x, y, p, width=width, height=height)


def random_words(kinds, form, n, seed):
    """Words of random types, mostly `kinds`, with random contents."""
    rng = np.random.default_rng(seed)
    bits = 8 * struct.calcsize(form)
    out = b""
    for _ in range(n):
        kind = int(rng.choice(kinds)) if rng.random() < 0.95 else int(rng.integers(16))
        out += struct.pack(form, kind << bits - 4 | int(rng.integers(0, 1 << bits - 4)))
    return out


RAW = [
    ("2.0", oracle.read_evt2, [0, 1, 8], "<I"),
    ("2.1", oracle.read_evt21, [0, 1, 8], "<Q"),
    ("3.0", oracle.read_evt3, [0, 2, 3, 4, 5, 6, 8], "<H"),
]


@pytest.mark.filterwarnings("ignore::evsim.errors.RecordingWarning")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("version", "read", "kinds", "form"), RAW)
def test_random_words_are_what_the_loop_reads(tmp_path, version, read, kinds, form, seed):
    data = random_words(kinds, form, 3000, seed)
    path = tmp_path / "a.raw"
    path.write_bytes(f"% evt {version}\n% geometry 2048x2048\n% end\n".encode() + data)
    expected, n_reserved, n_back = read(data)
    inside = [event for event in expected if event[1] < 2048]
    assert rows(read_events(path)) == by_time(inside)
    summary = scan_events(path)
    assert summary.format == f"EVT {version}"
    assert (summary.reserved_words, summary.clock_steps_back) == (n_reserved, n_back)
    assert summary.outside_events == len(expected) - len(inside)
    latest, n_late = -1, 0
    for t, *_ in inside:
        n_late, latest = n_late + (t < latest), max(latest, t)
    assert (summary.n_events, summary.late_events) == (len(inside), n_late)


@pytest.mark.parametrize(("version", "read", "kinds", "form"), RAW)
def test_words_across_the_border_of_two_chunks_are_read(tmp_path, version, read, kinds, form):
    size = struct.calcsize(form)
    high = struct.pack(form, 8 << 8 * size - 4)
    event = {"2.0": 1 << 28 | 5 << 11 | 3, "2.1": 1 << 60 | 5 << 43 | 3 << 32 | 1, "3.0": 2 << 12 | 5}[version]
    data = high + struct.pack("<H", 3) * (version == "3.0") + struct.pack(form, event) * ((1 << 18) // size)
    (tmp_path / "a.raw").write_bytes(f"% evt {version}\n% odd length of header\n".encode() + data)
    assert len(read_events(tmp_path / "a.raw")) == (1 << 18) // size


@pytest.mark.filterwarnings("ignore::evsim.errors.RecordingWarning")
@pytest.mark.parametrize("version", ["2.0", "2.1", "3.0"])
@pytest.mark.parametrize(
    "line",
    [
        "% endianness big",
        "% Endianness: big",
        "% words are big-endian",
        "% byte_order=big",
        "% format EVT{}{};endianness=big;height=30;width=40",
    ],
)
def test_big_endian_words_are_read(tmp_path, version, line):
    form = {"2.0": "I", "2.1": "Q", "3.0": "H"}[version]
    kinds = {"2.0": [0, 1], "2.1": [0, 1], "3.0": [2, 3, 5]}[version]
    data = struct.pack(f"<{form}", 8 << 8 * struct.calcsize(form) - 4) + random_words(kinds, f"<{form}", 300, 0)
    numbers = struct.unpack(f"<{len(data) // struct.calcsize(form)}{form}", data)
    turned = struct.pack(f">{len(numbers)}{form}", *numbers)
    line = line.format(*version.split(".")).replace("20;", "2;").replace("30;", "3;")
    options = {"width": 2048 + 32, "height": 2048}
    results = []
    for header, words in ((f"% evt {version}\n% end\n", data), (f"% evt {version}\n{line}\n% end\n", turned)):
        (tmp_path / "a.raw").write_bytes(header.encode() + words)
        results.append(scan_events(tmp_path / "a.raw", **options))
        events = read_events(tmp_path / "a.raw", **options)
        results.append(rows(events))
    assert results[0] == results[2]
    assert results[1] == results[3]


@pytest.mark.parametrize("header", ["% format EVT21;endianness=legacy;height=720;width=1280", "% evt 2.1"])
@pytest.mark.parametrize("form", ["<Q", "<II"])
def test_evt21_with_either_half_first_is_read(tmp_path, header, form):
    if form == "<Q":
        header = header.replace("legacy", "little")
    rng = np.random.default_rng(0)
    words = []
    for upper in range(7, 30):
        words.append(8 << 60 | upper << 32)
        for low in range(0, 64, 16):
            x, y, pixels = (int(rng.integers(n)) for n in (1200, 700, 1 << 32))
            words.append(int(rng.integers(2)) << 60 | low << 54 | x << 43 | y << 32 | pixels)
    expected, _, _ = oracle.read_evt21(struct.pack(f"<{len(words)}Q", *words))
    parts = [(word,) if form == "<Q" else (word >> 32, word & 0xFFFFFFFF) for word in words]
    (tmp_path / "a.raw").write_bytes(f"{header}\n% end\n".encode() + b"".join(struct.pack(form, *p) for p in parts))
    assert rows(read_events(tmp_path / "a.raw", strict=True)) == expected


@pytest.mark.parametrize(("version", "width", "height"), [(2, 1280, 720), (1, 304, 240)])
def test_dat_is_read(tmp_path, version, width, height):
    events = some_events(width=width, height=height, longest=1 << 31)
    path = tmp_path / "a.bin"
    path.write_bytes(oracle.dat(events, version, width, height))
    assert read_events(path, strict=True) == as_array(events, width, height)
    assert scan_events(path).format == f"DAT {version}"


def test_big_endian_dat_is_read(tmp_path):
    events = some_events()
    content = oracle.dat(events, 2, 40, 30).replace(b"% Version", b"% endianness big\n% Version")
    start = content.index(b"% end\n") + 8
    words = struct.unpack(f"<{2 * len(events)}I", content[start:])
    (tmp_path / "a.dat").write_bytes(content[:start] + struct.pack(f">{len(words)}I", *words))
    assert read_events(tmp_path / "a.dat", strict=True) == as_array(events, 40, 30)


def test_times_of_dat_go_on_after_32_bits(tmp_path):
    start = (1 << 32) - 2500
    events = [(t + start, *rest) for t, *rest in some_events()]
    (tmp_path / "a.dat").write_bytes(oracle.dat(events, 2, 40, 30))
    assert read_events(tmp_path / "a.dat", strict=True) == as_array(events, 40, 30)
    late = [(start + 2400, 1, 1, 1), (start + 2600, 1, 1, 1), (start + 2450, 2, 2, 0), (start + 2700, 1, 1, 1)]
    (tmp_path / "a.dat").write_bytes(oracle.dat(late, 2, 40, 30))
    assert rows(read_events(tmp_path / "a.dat")) == by_time(late)


def test_other_events_of_dat_are_named(tmp_path):
    content = oracle.dat([], 2).replace(bytes([12, 8]), bytes([14, 16]))
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(errors.FileFormatError, match="type 0x0E with 16 bytes"):
        read_events(tmp_path / "a.dat")


@pytest.mark.parametrize(("chip", "width", "height"), [("DVS128", 128, 128), ("Davis346B", 346, 260)])
def test_aedat2_is_read(tmp_path, chip, width, height):
    start = (1 << 32) - 2500
    events = [(t + start, *rest) for t, *rest in some_events(width=width, height=height)]
    others = [(1 << 15, start)] if chip == "DVS128" else [(1 << 31, start), (1 << 10, start)]
    (tmp_path / "a.aedat").write_bytes(oracle.aedat2(events, chip, height, others))
    assert read_events(tmp_path / "a.aedat", strict=True) == as_array(events, width, height)
    assert scan_events(tmp_path / "a.aedat").other_items == len(others)


@pytest.mark.parametrize("chip", ["DVS128", "DAVIS"])
def test_aedat2_without_a_chip_is_known_by_its_addresses(tmp_path, chip):
    width, height = {"DVS128": (128, 128), "DAVIS": (346, 260)}[chip]
    events = some_events(width=width, height=height)
    content = oracle.aedat2(events, chip, height).replace(b"AEChip", b"Chip")
    (tmp_path / "a.aedat").write_bytes(content)
    assert read_events(tmp_path / "a.aedat") == as_array(events, width, height)


def test_aedat3_is_read(tmp_path):
    events = some_events(width=128, height=128, longest=1 << 33)
    others = oracle.aedat3_packet(0, 1, [b"12345678"] * 3) + oracle.aedat3_packet(2, 1, [b"1" * 36], item_bytes=36)
    (tmp_path / "a.aedat").write_bytes(oracle.aedat3(events, per_packet=1, others=others))
    assert read_events(tmp_path / "a.aedat", strict=True) == as_array(events, 128, 128)
    assert scan_events(tmp_path / "a.aedat").other_items == 4 * len(events)


def test_aedat3_of_two_cameras_is_refused(tmp_path):
    content = oracle.aedat3(some_events(20)) + oracle.aedat3_packet(1, 2, [struct.pack("<Ii", 1, 9999)])
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(errors.FileFormatError, match="two cameras, 1 and 2"):
        read_events(tmp_path / "a.aedat")


# Text


TEXTS = {
    "v2e": "#!events.txt\n# created by v2e\n# t [s] x y p\n0.000010 3 1 1\n0.000025 0 1 0\n0.000040 2 0 1\n",
    "exponents": "1e-05 3 1 1\n2.5e-05 0 1 0\n4e-05 2 0 1\n",
    "microseconds": "10 3 1 1\n25 0 1 0\n40 2 0 1",
    "csv": "x,y,p,t\r\n3,1,1,10\r\n0,1,0,25\r\n2,0,1,40\r\n",
    "quoted names": '"timestamp";"x";"y";"polarity"\n10;3;1;1\n25;0;1;0\n40;2;0;1\n',
    "x y p t": "%geometry:4,2\n3,1,1,10\n0,1,0,25\n2,0,1,40\n",
    "signed": "10\t3\t1\t1\n25\t0\t1\t-1\n40\t2\t0\t1\n\n",
    "more columns": "t x y p label\n10 3 1 1 signal\n25 0 1 0 noise\n40 2 0 1 noise\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read(tmp_path, name):
    (tmp_path / "a.txt").write_text(TEXTS[name], newline="")
    events = read_events(tmp_path / "a.txt", width=4, height=2, strict=True)
    assert events == EventArray([10, 25, 40], [3, 0, 2], [1, 1, 0], [1, 0, 1], width=4, height=2)
    assert read_spikes(tmp_path / "a.txt", shape=(2, 2, 4)) == events.to_spikes()


def test_long_texts_are_read_in_pieces(tmp_path):
    events = some_events(60_000, longest=10**9)
    text = "".join(f"{t / 1e6:.6f} {x} {y} {p}\n" for t, x, y, p in events)
    assert len(text) > 3 << 18
    (tmp_path / "a.txt").write_text(text)
    assert read_events(tmp_path / "a.txt", width=40, height=30) == as_array(events, 40, 30)


def test_lines_that_are_no_events_are_left_out(tmp_path):
    good = ["10 3 5 1", "25 0 1 0", "40 2 0 1"]
    bad = ["hello", "25 0 1", "26 0.5 1 0", "nan 1 1 1", "27 1 1 7", "9999999999999999999999 1 1 1", "41 2"]
    (tmp_path / "a.txt").write_text("\n".join([good[0], *bad[:3], good[1], *bad[3:6], good[2], bad[6]]))
    with pytest.warns(errors.RecordingWarning, match=r"damaged parts left out: 6 \(at byte 9, the line b'hello'"):
        events = read_events(tmp_path / "a.txt")
    assert events.t.tolist() == [10, 25, 40]
    with pytest.raises(errors.FileFormatError, match="damaged at byte 9: the line b'hello' is no event"):
        read_events(tmp_path / "a.txt", strict=True)


def test_a_name_line_without_rows_is_an_empty_recording(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,t,p\n")
    assert len(read_events(tmp_path / "a.csv")) == 0


@pytest.mark.parametrize("text", ["1 2 3\n", "# only comments\n", "a b c d\n", "hello world\n1 2 3 4\n", "\n\n"])
def test_other_texts_are_refused(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(errors.FileFormatError, match="evsim reads"):
        read_events(tmp_path / "a.txt")
