"""Whatever a file holds, a reader gives a result, an EvsimError or an OSError, in bounded time and memory."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import fuzz
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from evsim import errors

TESTS = Path(fuzz.__file__).parent
BEGINNINGS = [
    b"",
    b"Event Stream\2\0\0\1\x20\0\x20\0",
    b"% evt 2.0\n",
    b"% evt 2.1\n% endianness big\n",
    b"% format EVT3;height=30;width=40\n% end\n",
    b"% Version 2\n% end\n\x0c\x08",
    b"#!AER-DAT2.0\r\n",
    b"#!AER-DAT3.1\r\n#!END-HEADER\r\n\1\0\1\0\x08\0\0\0",
    b"#!AER-DAT4.0\r\n",
    b"\x93NUMPY\1\0\x10\0{'descr': (",
    b"PK\3\4",
    b"t x y p\n",
    b"\x08\0\0\0\0\0\0\0{",
]


def campaign(folder, seed, count):
    environment = os.environ | {"PYTHONPATH": str(TESTS), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "fuzz", str(seed), str(count), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, (
        f"seed {seed} ended with {run.returncode}, the input is in {folder}: {run.stderr[-2000:]}"
    )
    assert run.stdout.splitlines() == [f"{count} inputs"]


def test_damaged_files_of_all_kinds(tmp_path):
    campaign(tmp_path, seed=1, count=400)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10, 18))
def test_many_damaged_files_of_all_kinds(tmp_path, seed):
    campaign(tmp_path, seed, 3000)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=300))
def test_any_bytes_after_a_right_beginning(tmp_path, beginning, rest):
    path = tmp_path / "input"
    path.write_bytes(beginning + rest)
    assert fuzz.failures_of(path) == []


@pytest.mark.filterwarnings("ignore::evsim.errors.RecordingWarning")
def test_every_file_of_the_corpus_is_whole(tmp_path):
    for name, content in fuzz.corpus(tmp_path).items():
        path = tmp_path / f"input.{name}"
        path.write_bytes(content)
        results = []
        for read in fuzz.READERS.values():
            with contextlib.suppress(errors.EvsimError):
                results.append(read(path))
        assert results, name
