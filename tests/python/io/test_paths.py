"""What is given as a path, and what a killed writer leaves behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import evsim
from evsim import EventArray, errors
from evsim.io import iterate_events, read_events, read_spikes, scan_events, write_events
from evsim.io.atomic import replacing
from evsim.spikeseg import SpikeSEG
from evsim.spikeseg.training.checkpoint import read_checkpoint

READERS = [read_events, read_spikes, scan_events, iterate_events, evsim.load, SpikeSEG.load, read_checkpoint]


@pytest.fixture
def events():
    return EventArray([1, 2], [0, 1], [0, 0], [1, 0], width=4, height=4)


@pytest.mark.parametrize("read", READERS)
def test_a_number_is_no_path(read):
    for number in (3, 0, True, None, b"a.npz"):
        with pytest.raises(errors.DTypeError, match="must be a string or a path"):
            read(number)
    os.fstat(0)  # nothing was closed


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", ["a\0b.npz", "\ud800.raw"])
def test_names_that_no_file_can_have_are_refused(read, name):
    with pytest.raises(errors.InvalidArgumentError, match="path"):
        read(name)


def test_writers_refuse_them_as_well(events):
    with pytest.raises(errors.InvalidArgumentError):
        write_events(events, "a\0b.npz")
    with pytest.raises(errors.DTypeError):
        write_events(events, 3)


@pytest.mark.parametrize("read", READERS)
def test_pipes_and_devices_are_refused_at_once(read, tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    for path, kind in ((tmp_path / "a.npz", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(errors.FileFormatError, match=f"no regular file but {kind}"):
            read(path)
    with pytest.raises(IsADirectoryError):
        read(tmp_path)


KILLED = """
import os, signal, sys
from evsim.io.atomic import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_save_removes_what_killed_writers_left(tmp_path, events):
    target = tmp_path / "a.npz"
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
        assert killed.returncode == -signal.SIGKILL
    (tmp_path / ".b.npz.evsim-other").mkdir()
    assert len(list(tmp_path.iterdir())) == 2
    write_events(events, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.npz.evsim-other", "a.npz"]
    assert read_events(target) == events


def test_a_writer_that_lives_keeps_its_file(tmp_path):
    target = tmp_path / "a.txt"
    with replacing(target) as slow:
        slow.write_text("slow")
        with replacing(target) as quick:
            quick.write_text("quick")
        assert target.read_text() == "quick"
        assert slow.exists()
    assert target.read_text() == "slow"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_networks_are_saved_beside_each_other(tmp_path):
    pytest.importorskip("safetensors")
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 3), evsim.IAFDelta())
    with replacing(tmp_path / "net") as slow:
        net.save(slow)  # it replaces the file at this path by another
        net.save(tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert len(evsim.load(tmp_path / "net")) == 1


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path):
    target, failures = tmp_path / "a.txt", []

    def write(k):
        try:
            for _ in range(20):
                with replacing(target) as temporary:
                    temporary.write_text(str(k) * 1000)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert len(set(target.read_text())) == 1


def test_long_names_are_written(tmp_path, events):
    target = tmp_path / ("n" * 251 + ".npz")
    write_events(events, target)
    assert read_events(target) == events
