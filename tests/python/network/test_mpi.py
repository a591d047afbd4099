"""Networks that MPI processes share. `test_ranks` has more, with threads in the place of processes."""

import os
import shutil
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest
from rank_networks import NETWORKS, hash_of

import evsim
from evsim.cli.networks import brunel

TESTS = Path(__file__).parents[2]
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
NAMES = [*NETWORKS, "1", "10", "20"]

pytestmark = pytest.mark.skipif(
    find_spec("mpi4py") is None or MPIEXEC is None, reason="needs mpi4py and mpiexec: pip install 'evsim[mpi]'"
)


def mpiexec(n, *arguments, fails=False):
    """What `n` processes print, by line."""
    environment = {**os.environ, "EVSIM_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    # Processes that wait leave the processor to others, of which there may be more than processors.
    environment |= {"MPIR_CVAR_ENABLE_HEAVY_YIELD": "1", "MPIR_CVAR_POLLS_BEFORE_YIELD": "20"}
    command = [MPIEXEC, "-n", str(n), sys.executable, "-m", "mpi4py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout.splitlines()


PROLOGUE = """
from mpi4py import MPI
import evsim
comm = MPI.COMM_WORLD
def say(line):
    lines = comm.gather(line)
    if lines:
        print(*lines, sep="\\n")
"""


def script(tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(PROLOGUE + textwrap.dedent(text))
    return path


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_processes_give_the_bits_of_one(n):
    expected = [f"{name} {hash_of(name)}" for name in NAMES]
    assert sorted(mpiexec(n, TESTS / "rank_networks.py", *NAMES)) == sorted(expected * n)


def test_without_seeds_all_draw_what_process_0_does(tmp_path):
    lines = mpiexec(
        2,
        script(
            tmp_path,
            """
            net = evsim.SpikingNetwork()
            net.distribute(comm)
            net.add_layer(evsim.Dense(3, 50), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.2), name="a")
            net.connect("a", "a", evsim.Sparse.random(50, 50, 0.2), delay=1.0)
            net.add_drive("a", evsim.PoissonDrive(rate=0.1, weight=0.5))
            spikes = net.infer([0, 1, 2], [0.0, 1.0, 2.0], until=30.0)
            say(f"{len(spikes)} {spikes.times.sum()} {spikes.indices.sum()}")
            """,
        ),
    )
    assert lines[0] == lines[1]
    assert int(lines[0].split()[0]) > 0


def test_an_error_on_one_process_is_one_on_all(tmp_path):
    lines = mpiexec(
        3,
        script(
            tmp_path,
            """
            net = evsim.SpikingNetwork(seed=1)
            ranks = net.distribute(comm)
            net.add_layer(evsim.Dense(3, 9), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="a")
            net.connect("a", "a", evsim.Sparse.random(9, 9, 0.5, seed=1), delay=1.0)
            if ranks.rank == 2:
                net["a"].weights[0, 0] = float("nan")
            try:
                net.infer([0], [0.0], until=5.0)
            except evsim.EvsimError as error:
                say(f"{ranks.rank} {type(error).__name__} {error}")
            """,
        ),
    )
    first, second, third = sorted(lines)
    assert third.startswith("2 NonFiniteError layer 'a': the state of neuron 6 ")
    for rank, line in enumerate((first, second)):
        assert line.startswith(f"{rank} RankFailedError rank 2 of 3 failed: NonFiniteError: layer 'a'")


def test_a_process_that_is_gone_ends_the_others(tmp_path):
    mpiexec(
        2,
        script(
            tmp_path,
            """
            import os
            net = evsim.SpikingNetwork(seed=1)
            ranks = net.distribute(comm)
            net.add_layer(evsim.Dense(3, 9), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
            if ranks.rank == 1:
                os._exit(3)
            net.infer([0], [0.0], until=5.0)
            """,
        ),
        fails=True,
    )


def test_the_command_line_shares_its_networks(tmp_path):
    arguments = "evsim", "simulate", "brunel", "--scale", 0.1, "--until", 30, "--skip", 10, "--out"
    words = mpiexec(2, "-m", *arguments, tmp_path / "two")
    assert "25,000" in "".join(words)
    assert "2 processes of 1 thread" in "".join(words)
    assert len([word for word in words if "synapses" in word]) == 1
    found = evsim.io.read_spikes(tmp_path / "two" / "spikes.npz")
    assert found == brunel(0.1).network.infer(until=30.0)


def test_ctrl_c_on_one_process_stops_all(tmp_path):
    lines = mpiexec(
        2,
        script(
            tmp_path,
            """
            import signal
            net = evsim.SpikingNetwork(seed=1)
            ranks = net.distribute(comm)
            net.add_population(100, evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=1.2), name="a")
            net.connect("a", "a", evsim.Sparse.random(100, 100, 0.1, seed=1, weights=0.01), delay=0.5)
            net.infer(until=10.0)
            if ranks.rank == 1:
                signal.signal(signal.SIGALRM, signal.default_int_handler)
                signal.setitimer(signal.ITIMER_REAL, 0.3)
            caught = None
            try:
                net.infer(until=1e7)
            except (KeyboardInterrupt, evsim.EvsimError) as error:
                caught = error
            say(f"{ranks.rank} {type(caught).__name__} {caught} {net.time}")
            """,
        ),
    )
    assert sorted(lines) == [
        "0 RankFailedError rank 1 of 2 failed: interrupted 10.0",
        "1 KeyboardInterrupt  10.0",
    ]
