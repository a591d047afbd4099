"""Recordings as other programs write them: what is good is kept, and what is not is counted and told."""

import io
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from oracle import recordings as oracle

from evsim import EventArray, errors
from evsim.io import RecordingSummary, iterate_events, read_events, read_spikes, scan_events

HEADER3 = b"% evt 3.0\n% geometry 40x30\n% end\n"


def rows(events):
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


def all_rows(pieces):
    return [row for piece in pieces for row in rows(piece)]


def evt3(*words):
    return b"".join(struct.pack("<H", word) for word in words)


@pytest.fixture
def file(tmp_path):
    def write(content, name="a.raw"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


# Words of Prophesee's formats


def test_reserved_words_are_skipped_and_counted(file):
    path = file(b"% evt 3.0\n% end\n" + evt3(0x8000, 0x6001, 0x0001, 0x2001, 0x9999, 0x6002, 0x2002))
    assert rows(read_events(path)) == [(1, 1, 1, 0), (2, 2, 1, 0)]
    assert scan_events(path).reserved_words == 1
    assert scan_events(path).is_intact
    with pytest.raises(errors.FileFormatError, match="damaged at byte 24: the format reserves"):
        read_events(path, strict=True)


@pytest.mark.parametrize("kind", [0x1, 0x9, 0xB, 0xC, 0xD])
def test_every_reserved_type_is_skipped(file, kind):
    path = file(HEADER3 + evt3(0x8000, 0x0001, kind << 12 | 5, 0x2001))
    assert len(read_events(path)) == 1


def test_events_before_the_first_time_are_counted(file):
    path = file(HEADER3 + evt3(0x0001, 0x2001, 0x8000, 0x2001, 0x4003))
    assert len(read_events(path)) == 1
    assert scan_events(path).untimed_events == 3


def test_an_upper_time_that_steps_back_is_kept_with_a_warning(file):
    path = file(HEADER3 + evt3(0x8005, 0x0001, 0x2001, 0x8004, 0x6007, 0x2002, 0x8005, 0x2003))
    with pytest.warns(errors.RecordingWarning, match="steps back of the clock kept: 1"):
        events = read_events(path)
    assert rows(events) == [(4 * 4096 + 7, 2, 1, 0), (5 * 4096, 1, 1, 0), (5 * 4096, 3, 1, 0)]
    summary = scan_events(path)
    assert (summary.clock_steps_back, summary.late_events, summary.is_intact) == (1, 1, False)
    with pytest.raises(errors.FileFormatError, match="the upper bits of time go back"):
        read_events(path, strict=True)


def test_an_event_outside_the_sensor_is_left_out_with_a_warning(file):
    path = file(HEADER3 + evt3(0x8000, 0x0001, 0x2001, 0x2000 | 50, 0x2002, 0x0000 | 30, 0x2003))
    with pytest.warns(
        errors.RecordingWarning, match=r"events outside the sensor left out: 2 .*byte 39, event 1 is at x = 50"
    ):
        assert [event[1] for event in rows(read_events(path))] == [1, 2]
    with pytest.warns(errors.RecordingWarning):
        assert len(read_events(path, width=60)) == 3
    with pytest.raises(
        errors.FileFormatError, match="damaged at byte 39: event 1 is at x = 50, y = 1, outside 40 x 30"
    ):
        read_events(path, strict=True)


def test_a_broken_end_loses_only_the_end(file):
    path = file(HEADER3 + evt3(0x8000, 0x0001, 0x2001) + b"\1")
    with pytest.warns(errors.RecordingWarning, match="bytes lost at a broken end: 1"):
        assert len(read_events(path)) == 1
    with pytest.raises(errors.FileFormatError, match="truncated"):
        read_events(path, strict=True)


def test_warnings_point_at_the_callers_line(file):
    path = file(HEADER3 + evt3(0x8000, 0x0001, 0x2001) + b"\1")
    for read in (read_events, iterate_events, read_spikes):
        with pytest.warns(errors.RecordingWarning) as caught:
            read(path)
        assert caught[0].filename == __file__


# Headers


@pytest.mark.parametrize("note", ["% note à", "% note ä§\x85", "% \N{SNOWMAN} é", "% 日本"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "shift_jis", "utf-16-le"])
@pytest.mark.parametrize("end", [b"% end\n", b""])
def test_header_text_is_of_any_encoding(file, note, encoding, end):
    line = note.encode(encoding, "replace")
    if not line.startswith(b"% "):
        line = b"% " + line.replace(b"\n", b"")
        if not end:
            pytest.skip("only a last line tells 16-bit text from words")
    path = file(b"% evt 3.0\n" + line + b"\n% geometry 40x30\n" + end + evt3(0x8000, 0x0001, 0x2001))
    assert read_events(path) == EventArray([0], [1], [1], [0], width=40, height=30)


def test_words_that_begin_like_a_header_line_are_words(file):
    path = file(b"% evt 3.0\n% geometry 40x30\n" + evt3(0x2025, 0x8000, 0x0001, 0x2001, 0x0A0A, 0x2002))
    assert scan_events(path).untimed_events == 1


@pytest.mark.parametrize("size", ["9" * 4301 + "x5", "0x0", "99999x5", "x", "5x" + "9" * 5000])
def test_a_geometry_that_cannot_be_is_not_believed(file, size):
    path = file(b"% evt 3.0\n% geometry " + size.encode() + b"\n% end\n" + evt3(0x8000, 0x0001, 0x2001))
    events = read_events(path)
    assert (events.width, events.height) == (2, 2)


def test_headers_without_end_are_refused(file):
    for content in (b"% evt 3.0\n" + b"% x\n" * (1 << 20), b"% evt 3.0\n% " + b"x" * (1 << 20)):
        with pytest.raises(errors.FileFormatError, match=r"header"):
            read_events(file(content))


# AEDAT 4

EVENTS = [(10, 3, 1, 1), (25, 0, 1, 0), (40, 39, 29, 1)]


def aedat4_packets():
    return [(0, oracle.aedat4_events(EVENTS[:2])), (0, oracle.aedat4_events(EVENTS[2:]))]


def expected():
    return EventArray(*zip(*EVENTS, strict=True), width=40, height=30)


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("table", [True, False])
def test_aedat4_is_read(file, compression, table):
    compress = None
    if compression in (1, 2):
        compress = pytest.importorskip("lz4.frame").compress
    elif compression:
        compress = pytest.importorskip("zstandard").ZstdCompressor().compress
    path = file(oracle.aedat4(aedat4_packets(), compress=compress, compression=compression, table=table))
    assert read_events(path, strict=True) == expected()


@pytest.mark.parametrize(
    "other",
    [
        ("FRME", oracle.flatbuffer(b"FRME", [("q", 1), ("i", 999), ("vector", 5, b"short")])),
        ("FRME", b"no frame at all"),
        ("IMUS", b""),
        ("WXYZ", b"\xff" * 50),
    ],
)
def test_other_streams_of_aedat4_are_not_looked_at(file, other):
    kind, content = other
    packets = [(1, content), *aedat4_packets(), (1, content), (7, content)]
    path = file(oracle.aedat4(packets, streams=[("EVTS", 40, 30), (kind, 40, 30)]))
    assert read_events(path) == expected()
    assert scan_events(path).other_items == 3
    if kind == "WXYZ":
        with pytest.raises(errors.FileFormatError, match="stream of the unknown type 'WXYZ'"):
            read_events(path, strict=True)
    else:
        assert read_events(path, strict=True) == expected()


def test_an_events_packet_without_its_vector_has_no_events(file):
    packets = [(0, oracle.aedat4_events([], with_vector=False)), *aedat4_packets()]
    assert read_events(file(oracle.aedat4(packets)), strict=True) == expected()


def test_a_late_event_of_aedat4_is_sorted_stably(file):
    events = [(10, 3, 1, 1), (25, 0, 1, 0), (19, 1, 1, 1), (25, 5, 1, 0), (19, 2, 1, 1)]
    path = file(oracle.aedat4([(0, oracle.aedat4_events(events[:2])), (0, oracle.aedat4_events(events[2:]))]))
    assert rows(read_events(path)) == sorted(events, key=lambda event: event[0])
    assert scan_events(path).late_events == 2
    with pytest.raises(errors.FileFormatError, match="the time of an event is 19 us, after 25 us"):
        read_events(path, strict=True)


@pytest.mark.parametrize("xml", [b"", b"not xml", b"<dv>\xff\xfe", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", b"<dv/>"])
def test_packets_say_what_they_are_where_the_description_does_not(file, xml):
    packets = [(2, oracle.flatbuffer(b"FRME", [None]).join([b"1234", b""])), *aedat4_packets()]
    events = read_events(file(oracle.aedat4(packets, xml=xml)), width=40, height=30)
    assert events == expected()


def test_two_cameras_in_one_aedat4_are_refused(file):
    packets = [*aedat4_packets(), (1, oracle.aedat4_events(EVENTS))]
    for options in ({"streams": [("EVTS", 40, 30)] * 2}, {"xml": b"?"}):
        with pytest.raises(errors.FileFormatError, match=r"event streams|events in the streams 0 and 1"):
            read_events(file(oracle.aedat4(packets, **options)))


def test_a_damaged_packet_of_aedat4_is_left_out(file):
    packets = [aedat4_packets()[0], (0, b"\xff" * 30), aedat4_packets()[1]]
    path = file(oracle.aedat4(packets))
    with pytest.warns(errors.RecordingWarning, match="damaged parts left out: 1"):
        assert read_events(path) == expected()
    with pytest.raises(errors.FileFormatError, match="the packet cannot be decoded"):
        read_events(path, strict=True)


def test_packets_that_would_fill_the_memory_are_damaged(file):
    zeros = bytes(300 << 20)
    compress = pytest.importorskip("zstandard").ZstdCompressor().compress
    path = file(oracle.aedat4([(0, zeros)], compress=compress, compression=3))
    assert path.stat().st_size < 1 << 20
    with pytest.warns(errors.RecordingWarning, match="more than 256 MiB"):
        assert len(read_events(path)) == 0


# Windows, pieces, summaries


def recording(file, n=5000, n_late=50, seed=0):
    """An .npy with late events, some of them very late."""
    rng = np.random.default_rng(seed)
    array = np.zeros(n, dtype=[("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1")])
    array["t"] = np.sort(rng.integers(0, 10**6, n))
    array["x"], array["y"], array["p"] = rng.integers(0, 40, n), rng.integers(0, 30, n), rng.integers(0, 2, n)
    places = rng.integers(0, n, n_late)
    array["t"][places] -= rng.integers(0, 300_000, n_late)
    out = io.BytesIO()
    np.save(out, array)
    return file(out.getvalue(), "a.npy")


@pytest.mark.parametrize("piece", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("n_late", [0, 50])
def test_pieces_are_the_recording(file, monkeypatch, piece, n_late):
    monkeypatch.setattr("evsim.io.recording.CHUNK", 1 << 12)
    n = 200 if piece == 1 else 5000
    path = recording(file, n, n_late)
    whole = read_events(path)
    pieces = list(iterate_events(path, piece=piece))
    assert [len(part) for part in pieces[:-1]] == [piece] * (len(pieces) - 1)
    assert {(part.width, part.height) for part in pieces} == {(whole.width, whole.height)}
    assert all_rows(pieces) == rows(whole)


def test_pieces_take_little_memory(file):
    path = recording(file, 400_000, 0)
    iterate_events(path)
    tracemalloc.start()
    n = sum(len(part) for part in iterate_events(path, piece=10_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 400_000
    assert peak < 13 * n / 2


@pytest.mark.parametrize("window", [(None, 5), (100_000, 600_000.5), (999_000, None), (5, 5), (-10, 2e6), (None, None)])
def test_a_window_is_a_slice_of_time(file, window):
    start, stop = window
    path = recording(file)
    whole = read_events(path)
    assert read_events(path, start=start, stop=stop) == whole.time_slice(start, stop)
    pieces = iterate_events(path, piece=99, start=start, stop=stop)
    assert all_rows(pieces) == rows(whole.time_slice(start, stop))


@pytest.mark.parametrize(
    "options", [{"start": 5, "stop": 4}, {"start": np.nan}, {"stop": "x"}, {"width": 0}, {"piece": 0}, {"piece": 1.5}]
)
def test_options_outside_their_domain_are_refused(file, options):
    with pytest.raises(errors.EvsimError, match=next(iter(options))):
        iterate_events(recording(file), **options)


def test_a_file_that_changes_between_two_readings_is_refused(file):
    path = recording(file, 5000, 0)
    pieces = iterate_events(path, piece=100)
    content = path.read_bytes()
    path.write_bytes(content[:128] + content[128:][::-1])
    with pytest.raises(errors.EvsimError):
        list(pieces)


def test_a_file_that_shrinks_between_two_readings_is_refused(file, monkeypatch):
    monkeypatch.setattr("evsim.io.recording.CHUNK", 1 << 12)
    path = recording(file, 5000, 0)
    pieces = iterate_events(path, piece=100)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(errors.FileFormatError, match="has changed while it was read"):
        list(pieces)


@pytest.mark.parametrize("cut", [1, 12, 13, 1000])
def test_a_cut_array_loses_only_its_end(file, cut):
    path = recording(file, 500, 0)
    whole = read_events(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(errors.RecordingWarning, match="the array at byte"):
        assert rows(read_events(path, width=40, height=30)) == rows(whole)[: 500 - -(-cut // 13)]
    assert scan_events(path).lost_bytes == max(-cut % 13, 1)


def test_a_summary_counts_what_there_is(file):
    path = file(HEADER3 + evt3(0x8001, 0x0001, 0x2001, 0x2002))
    assert scan_events(path) == RecordingSummary(
        format="EVT 3.0", n_events=2, width=40, height=30, start=4096, stop=4097
    )


def test_other_threads_run_while_words_are_decoded(file):
    path = file(HEADER3 + evt3(0x8000, 0x0001) + evt3(0x2001) * 500_000)
    reading = threading.Thread(target=lambda: read_events(path))
    reading.start()
    turns = 0
    while reading.is_alive():
        turns += 1
    assert turns > 2
