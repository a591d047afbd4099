"""Events per second and peak memory of the readers of recordings.

python bench/recordings.py             # ten million events a format
python bench/recordings.py --smoke     # seconds, to see that everything runs

Each format has one synthetic recording on a sensor of 1280 x 720 pixels at 20 million events a second, read by a
process of its own, the best of three. Memory is the peak of that process above what it takes to import evsim and read a
tiny file, divided by that of the result (13 bytes an event). The yardstick is reading the file's bytes alone.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import evsim

WIDTH, HEIGHT = 1280, 720


def events_of(n):
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, max(n // 20, 1), n))
    x, y, p = rng.integers(0, WIDTH - 32, n), rng.integers(0, HEIGHT, n), rng.integers(0, 2, n)
    return t, x, y, p


def with_upper_times(t, events, shift, word):
    """Words of events with a word for the upper time before the first event of each."""
    upper = t >> shift
    first = np.flatnonzero(np.diff(upper, prepend=-1))
    return np.insert(events, first, word(upper[first]))


def evt2(t, x, y, p):
    events = p << 28 | (t & 63) << 22 | x << 11 | y
    return (
        b"% evt 2.0\n% geometry 1280x720\n% end\n"
        + with_upper_times(t, events, 6, lambda upper: 8 << 28 | upper).astype("<u4").tobytes()
    )


def evt21(t, x, y, p):
    """Four events in a word."""
    t, x, y, p = (column[::4].astype(np.uint64) for column in (t, x, y, p))
    words = p << 60 | (t & np.uint64(63)) << 54 | x << 43 | y << 32 | np.uint64(0b1011001)
    return (
        b"% evt 2.1\n% geometry 1280x720\n% end\n"
        + with_upper_times(
            t.astype(np.int64), words, 6, lambda upper: np.uint64(8 << 60) | upper.astype(np.uint64) << 32
        )
        .astype("<u8")
        .tobytes()
    )


def evt3(t, x, y, p):
    """Groups of eight events: time, row, an event, a vector of six, an event."""
    t, x, y, p = (column[::8] for column in (t, x, y, p))
    one = 2 << 12 | p << 11 | x
    group = np.stack(
        [6 << 12 | t & 0xFFF, y, one, 3 << 12 | p << 11 | x, np.full_like(t, 5 << 12 | 0b10110111), one], axis=1
    )
    upper = t >> 12
    first = np.flatnonzero(np.diff(upper, prepend=-1)) * group.shape[1]
    words = np.insert(group.reshape(-1), first, 8 << 12 | upper[first // group.shape[1]] & 0xFFF)
    return b"% evt 3.0\n% geometry 1280x720\n% end\n" + words.astype("<u2").tobytes()


def dat(t, x, y, p):
    words = np.stack([t, p << 28 | y << 14 | x], axis=1).astype("<u4")
    return (
        b"% Data file containing CD events.\n% Version 2\n% Height 720\n% Width 1280\n% end\n\x0c\x08" + words.tobytes()
    )


def event_stream(t, x, y, p):
    """Steps of at most 100 us, so that no overflow is needed."""
    step = np.diff(t, prepend=t[:1]) % 100
    columns = (step << 1 | p, x & 255, x >> 8, y & 255, y >> 8)
    data = np.stack([column.astype(np.uint8) for column in columns], axis=1)
    return b"Event Stream\2\0\0\1\0\5\xd0\2" + data.tobytes()


def aedat2(t, x, y, p):
    words = np.stack([(y % 260) << 22 | (x % 346) << 12 | p << 11, t], axis=1).astype(">u4")
    return b"#!AER-DAT2.0\r\n# AEChip: Davis346\r\n" + words.tobytes()


def npy(t, x, y, p):
    with tempfile.TemporaryFile() as file:
        np.save(file, evsim.EventArray(t, x, y, p).to_structured())
        file.seek(0)
        return file.read()


def text(t, x, y, p):
    rows = zip(t.tolist(), x.tolist(), y.tolist(), p.tolist(), strict=True)
    return "".join(f"{t * 1e-6:.6f} {x} {y} {p}\n" for t, x, y, p in rows).encode()


FORMATS = {
    "EVT 2.0": evt2,
    "EVT 2.1": evt21,
    "EVT 3.0": evt3,
    "DAT": dat,
    "Event Stream": event_stream,
    "AEDAT 2.0": aedat2,
    ".npy": npy,
    "text": text,
}

READ = """
import re, sys, time
import evsim
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
path, tiny = sys.argv[1:]
evsim.io.read_events(tiny)
before, start, cpu = peak(), time.perf_counter(), time.process_time()
events = evsim.io.read_events(path)
print(len(events), time.perf_counter() - start, time.process_time() - cpu, peak() - before)
"""


def measure(name, n, folder):
    path, tiny = folder / "recording", folder / "tiny"
    tiny.write_bytes(FORMATS[name](*events_of(64)))
    path.write_bytes(FORMATS[name](*events_of(n)))
    start = time.perf_counter()
    n_bytes = len(path.read_bytes())
    bare = time.perf_counter() - start
    run = [sys.executable, "-c", READ, str(path), str(tiny)]
    n_events, wall, cpu, memory = min(
        (subprocess.run(run, check=True, capture_output=True, text=True).stdout.split() for _ in range(3)),
        key=lambda figures: float(figures[1]),
    )
    n_events = int(n_events)
    rate, cpu_rate = (n_events / float(seconds) / 1e6 for seconds in (wall, cpu))
    print(
        f"{name:13}{n_events / 1e6:7.2f} M events {n_bytes / 1e6:6.1f} MB {rate:7.1f} M events/s "
        f"({cpu_rate:.1f} a CPU second)  memory {int(memory) / (13 * n_events):4.2f} x the result  "
        f"bytes alone {n_events / bare / 1e6:5.0f} M events/s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--smoke", action="store_true", help="small files, to see that it runs")
    options = parser.parse_args()
    n = 20_000 if options.smoke else options.events
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            measure(name, n if name != "text" else min(n, 1_000_000), Path(folder))


if __name__ == "__main__":
    main()
