"""Damaged files for every reader, in a process with limits: ``python -m fuzz SEED COUNT FOLDER`` (tests/ on the path).

Each input is made from (seed, number) alone. Only EvsimError, OSError and a result may come out; an input that takes
too long, too much memory or the process down is still in the folder. Prints one line for each failure and the count.
"""

import contextlib
import io
import resource
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from oracle import recordings as oracle
from oracle.events import write_event_stream

import evsim
from evsim.spikeseg import SpikeSEG
from evsim.spikeseg.training.checkpoint import read_checkpoint, write_checkpoint

MEMORY_BYTES = 1 << 30
SECONDS = 20


def event_rows(n=120, width=40, height=30, seed=0):
    rng = np.random.default_rng(seed)
    columns = np.sort(rng.integers(0, 5000, n)), *(rng.integers(0, limit, n) for limit in (width, height, 2))
    return list(zip(*(column.tolist() for column in columns), strict=True))


def corpus(folder):
    """{name: content} of one small file of every kind that evsim reads."""
    rows = event_rows()
    t, x, y, p = zip(*rows, strict=True)
    events = evsim.EventArray(t, x, y, p, width=40, height=30)
    words = np.random.default_rng(1)
    files = {
        "es": write_event_stream(rows, 40, 30),
        "evt2": b"% evt 2.0\n% geometry 40x30\n% end\n" + (8 << 28).to_bytes(4, "little") + words.bytes(400),
        "evt21": b"% evt 2.1\n% geometry 40x30\n% end\n" + (8 << 60).to_bytes(8, "little") + words.bytes(800),
        "evt3": b"% format EVT3;height=30;width=40\n% end\n\0\x80" + words.bytes(600),
        "dat": oracle.dat(rows, 2, 40, 30),
        "aedat2": oracle.aedat2(rows, "DVS128", 128),
        "aedat3": oracle.aedat3(rows),
        "aedat4": oracle.aedat4([(0, oracle.aedat4_events(rows[:60])), (0, oracle.aedat4_events(rows[60:]))]),
        "txt": "".join(f"{t / 1e6:.6f} {x} {y} {p}\n" for t, x, y, p in rows).encode(),
        "csv": ("x,y,p,t\n" + "".join(f"{x},{y},{p},{t}\n" for t, x, y, p in rows)).encode(),
        "bin": b"".join(bytes([x % 34, y, p << 7, t >> 8, t & 255]) for t, x, y, p in rows),
    }
    array = io.BytesIO()
    np.save(array, events.to_structured())
    files["npy"] = array.getvalue()
    evsim.io.write_events(events, folder / "a.npz")
    evsim.io.write_spikes(events.to_spikes(), folder / "b.npz")
    files["npz"], files["spikes"] = (folder / "a.npz").read_bytes(), (folder / "b.npz").read_bytes()
    return files | compressed(rows) | hdf5(events, folder) | networks(folder)


def compressed(rows):
    files, packets = {}, [(0, oracle.aedat4_events(rows))]
    with contextlib.suppress(ImportError):
        import lz4.frame

        files["lz4"] = oracle.aedat4(packets, compress=lz4.frame.compress, compression=1)
    with contextlib.suppress(ImportError):
        import zstandard

        files["zstd"] = oracle.aedat4(packets, compress=zstandard.ZstdCompressor().compress, compression=3)
    return files


def hdf5(events, folder):
    with contextlib.suppress(ImportError):
        import h5py

        with h5py.File(folder / "a.h5", "w") as file:
            for name in "txyp":
                file[f"events/{name}"] = getattr(events, name)
            file["t_offset"] = 5
        return {"h5": (folder / "a.h5").read_bytes()}
    return {}


def networks(folder):
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=[0.5, 1.0, 2.0]))
    net.add_layer(evsim.Dense(3, 2), evsim.IAFDelta())
    net.save(folder / "net")
    image = evsim.SpikingNetwork(seed=1)
    image.add_layer(evsim.Conv2d(2, 3, in_shape=(1, 6, 6)), evsim.IAFDelta())
    image.add_layer(evsim.Pool2d(2, in_shape=(2, 4, 4)))
    image.save(folder / "image")
    SpikeSEG(seed=1).save(folder / "model")
    place = SimpleNamespace(
        statistics=None, layer="conv1", epoch=0, position=3, decisions=[True], unrecorded=[], history={}
    )
    write_checkpoint(folder / "checkpoint", {"n_samples": 5}, place, {"conv1": np.zeros((2, 1, 3, 3), np.float32)})
    names = ("net", "image", "model", "checkpoint")
    return {name: (folder / name).read_bytes() for name in names}


def mutate(content, rng):
    """Damage of the kinds that files meet: bits, bytes, numbers, cuts, holes, repeats, foreign parts."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        # Headers are short, and where most can go wrong.
        place = int(rng.integers(min(len(data), 200))) if rng.random() < 0.5 else int(rng.integers(len(data)))
        length = int(rng.integers(1, 40))
        match int(rng.integers(8)):
            case 0:
                data[place] ^= 1 << int(rng.integers(8))
            case 1:
                data[place : place + length] = rng.bytes(length)
            case 2:
                extreme = (0, 1, -1, 2**31 - 1, -(2**31), 2**62)[int(rng.integers(6))]
                data[place : place + 8] = extreme.to_bytes(8, "little", signed=True)
            case 3:
                del data[place:]
            case 4:
                del data[place : place + length]
            case 5:
                data[place:place] = data[place : place + 10 * length]
            case 6:
                data[place : place + length] = bytes([int(rng.integers(256))]) * length
            case _:
                digits = [k for k, byte in enumerate(data[:4000]) if 48 <= byte < 58]
                if digits:
                    data[digits[int(rng.integers(len(digits)))]] = 48 + int(rng.integers(10))
    return bytes(data)


READERS = {
    "events": evsim.io.read_events,
    "strict": lambda path: evsim.io.read_events(path, strict=True),
    "summary": evsim.io.scan_events,
    "pieces": lambda path: list(evsim.io.iterate_events(path, piece=50)),
    "spikes": evsim.io.read_spikes,
    "network": evsim.load,
    "model": SpikeSEG.load,
    "checkpoint": read_checkpoint,
}


def failures_of(path):
    """What else than a result, EvsimError or OSError comes out of the readers, and where results contradict."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", evsim.errors.RecordingWarning)
        results = {name: outcome(read, path) for name, read in READERS.items()}
    refusals = (evsim.errors.EvsimError, OSError)
    unnamed = [
        name for name in results if isinstance(results[name], Exception) and not isinstance(results[name], refusals)
    ]
    found = [f"{name}: {results[name]!r}" for name in unnamed]
    good = {name: result for name, result in results.items() if not isinstance(result, Exception)}
    return found + [f"{name} is not what read_events gives" for name in contradictions(good)]


def outcome(read, path):
    try:
        return read(path)
    except Exception as error:
        return error


def contradictions(good):
    """Readers of events agree with each other; the strict one may refuse what the others take."""
    if "events" not in good:
        return [name for name in ("strict", "summary", "pieces") if name in good]
    events, summary, pieces = good["events"], good.get("summary"), good.get("pieces")
    wrong = []
    if "strict" in good and not (good["strict"] == events and summary is not None and summary.is_intact):
        wrong.append("strict")
    if summary is None or summary.n_events != len(events):
        wrong.append("summary")
    if pieces is None or any(
        not np.array_equal(np.concatenate([events.t[:0], *(getattr(piece, name) for piece in pieces)]), column)
        for name, column in (("t", events.t), ("x", events.x), ("y", events.y), ("p", events.p))
    ):
        wrong.append("pieces")
    return wrong


def limit():
    """Let this process take so much more memory than now, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(seed, count, folder):
    files = corpus(folder)
    names = sorted(files)
    limit()
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        name = names[k % len(names)]
        path = folder / "input.bin" if name == "bin" else folder / "input"
        path.write_bytes(mutate(files[name], rng))
        signal.alarm(SECONDS)
        for failure in failures_of(path):
            print(f"seed {seed}, input {k} ({name}): {failure}")
        signal.alarm(0)
    print(f"{count} inputs")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
