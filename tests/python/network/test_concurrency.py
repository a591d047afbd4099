"""Calls beside other things a process does: its end, signal handlers, forks, other threads.

Each in a process of its own, with a limit of time: what used to go wrong were aborts and hangs.
"""

import subprocess
import sys
import threading

import numpy as np
import pytest

import evsim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and fork")

DENSE = """
import os, signal, sys, threading, time
import numpy as np, evsim
net = evsim.SpikingNetwork(seed=0)
net.add_layer(evsim.Dense(20, 3000), evsim.LIF(tau_mem=4.0, tau_syn=1.0, threshold=1e6))
rng = np.random.default_rng(0)
short = evsim.SpikeArray(rng.integers(0, 20, 300), np.sort(rng.uniform(0, 9, 300)))
long = evsim.SpikeArray(rng.integers(0, 20, 3_000_000), np.sort(rng.uniform(0, 9e4, 3_000_000)))
run = net.infer
"""
# The same for the networks that are simulated in steps.
STEPPED = """
import os, signal, sys, threading, time
import numpy as np, evsim
from evsim.spikeseg import SpikeSEGEncoder
net = SpikeSEGEncoder(seed=0)
rng = np.random.default_rng(0)
short = (rng.random((5, 1, 1, 40, 40)) < 0.1).astype(np.float32)
long = (rng.random((600, 1, 1, 120, 120)) < 0.3).astype(np.float32)
run = net.forward
"""
BOTH = pytest.mark.parametrize("setup", [DENSE, STEPPED], ids=["exact", "stepped"])


def script(source, timeout=60):
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=timeout)


@BOTH
@pytest.mark.parametrize("threads", [1, 3])
def test_python_may_end_while_a_daemon_thread_runs_the_network(setup, threads):
    source = (
        setup
        + f"""
evsim.set_num_threads({threads})
ready = threading.Event()
def work():
    run(short)
    ready.set()
    while True:
        run(long if sys.argv[1:] else short)
for _ in range(2):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
"""
    )
    for _ in range(3):
        done = script(source)
        assert (done.returncode, done.stderr) == (0, "")
    done = script(source.replace("sys.argv[1:]", "True") + "time.sleep(0.2)\n")
    assert (done.returncode, done.stderr) == (0, "")


@BOTH
def test_python_may_end_while_daemon_threads_wait_for_each_other(setup):
    done = script(setup + "for _ in range(3): threading.Thread(target=run, args=(long,), daemon=True).start()\n")
    assert (done.returncode, done.stderr) == (0, "")


@BOTH
def test_a_signal_handler_that_calls_the_running_network_is_told_so(setup):
    source = (
        setup
        + """
def handler(*_):
    try:
        run(short)
    except evsim.errors.BusyError as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(error, flush=True)
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
expected = run(short)
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.2)  # the first may come while the input is being read
try:
    run(long)
except KeyboardInterrupt:
    print("stopped")
print(type(run(short)) is type(expected))
"""
    )
    done = script(source)
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert first.startswith("a call on this")
    assert "signal handler" in first
    assert rest == ["stopped", "True"]


@pytest.mark.parametrize(
    "call", ["net.infer(short)", "net.reset()", "net.add_layer(evsim.Dense(3000, 1), evsim.IAFDelta())"]
)
def test_what_changes_a_network_is_refused_within_its_own_call(call):
    source = (
        DENSE
        + f"""
caught = []
def handler(*_):
    caught.append(net.time)
    try:
        {call}
    except evsim.errors.BusyError:
        caught.append("busy")
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
net.infer(short, until=9.5)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    net.infer(long)
except KeyboardInterrupt:
    pass
print(caught, len(net), net.time)
"""
    )
    done = script(source)
    assert (done.stdout, done.stderr) == ("[9.5, 'busy'] 1 9.5\n", "")


@BOTH
def test_a_wait_for_another_thread_can_be_interrupted(setup):
    source = (
        setup
        + """
thread = threading.Thread(target=run, args=(long,), daemon=True)
thread.start()
time.sleep(0.3)
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, 0.2)
begin = time.perf_counter()
try:
    for _ in range(100000):
        run(short)
except KeyboardInterrupt:
    print("interrupted", time.perf_counter() - begin < 1.0)
"""
    )
    done = script(source)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted True\n", "", 0)


@BOTH
@pytest.mark.parametrize("work", ["short", "long"])
def test_a_child_that_is_forked_during_a_call_can_use_its_copy(setup, work):
    source = (
        setup
        + f"""
evsim.set_num_threads(2)
def same(a, b):
    if isinstance(a, evsim.SpikeArray):
        return a == b
    return np.array_equal(a.classification_spikes, b.classification_spikes)
expected = run(short)
stop = []
def loop():
    while not stop:
        run({work})
for _ in range(2):
    threading.Thread(target=loop, daemon=True).start()
time.sleep(0.1)
codes = []
for _ in range(15):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if same(run(short), expected) and same(run(short), expected) else 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    time.sleep(0.003)
print(set(codes))
"""
    )
    done = script(source)
    assert (done.stdout, done.returncode) == ("{0}\n", 0), done.stderr


def test_a_child_forked_by_a_signal_handler_ends_the_call_it_came_from():
    source = (
        DENSE
        + """
evsim.set_num_threads(3)
children = []
def handler(*_):
    children.append(os.fork())
signal.signal(signal.SIGALRM, handler)
expected = net.infer(short)
signal.setitimer(signal.ITIMER_REAL, 0.2)
batch = [long[:300_000] for _ in range(6)]
try:
    net.infer(batch)
except KeyboardInterrupt:
    assert children == [0]
    os._exit(0 if net.infer(short) == expected else 1)
print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""
    )
    done = script(source)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_streams_and_learning_go_on_in_a_child():
    source = """
import os, threading, time, numpy as np, evsim
net = evsim.SpikingNetwork(seed=0)
net.add_layer(evsim.Dense(20, 50), evsim.LIF(tau_mem=4.0, tau_syn=1.0, threshold=0.1))
rng = np.random.default_rng(0)
spikes = evsim.SpikeArray(rng.integers(0, 20, 300), np.sort(rng.uniform(0, 9, 300)))
net.infer(spikes, until=9.0)
whole = evsim.SpikingNetwork.__new__(type(net)); whole.__setstate__(net.__getstate__())
threading.Thread(target=lambda: [whole.infer(spikes, until=9.0) for _ in range(10**6)], daemon=True).start()
expected = net.infer([3], [10.0], until=20.0, reset=False)
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if whole.infer([3], [10.0], until=20.0, reset=False) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    time.sleep(0.002)
print("fine")
"""
    done = script(source)
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


def test_threads_that_wait_get_their_turn():
    net = evsim.SpikingNetwork(seed=0)
    net.add_layer(evsim.Dense(20, 50), evsim.LIF(tau_mem=4.0, tau_syn=1.0, threshold=0.1))
    rng = np.random.default_rng(0)
    spikes = evsim.SpikeArray(rng.integers(0, 20, 300), np.sort(rng.uniform(0, 9, 300)))
    expected = net.infer(spikes)
    wrong = []

    def work():
        wrong.extend(None for _ in range(50) if net.infer(spikes) != expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)
