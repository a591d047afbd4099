"""Networks beside other threads and processes, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from small_networks import outputs, recording, small_network, train

import evsim
from evsim import errors

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_each_thread_gets_the_result_of_its_own_call():
    net = small_network()
    samples = [recording(seed=k, n=2000) for k in range(6)]
    expected = [train(net.infer(*sample)) for sample in samples]
    wrong = []

    def work(k):
        for _ in range(20):
            found = train(net.infer(*samples[k]))
            if found != expected[k]:
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_with_networks_of_their_own_do_not_disturb_each_other():
    nets = [small_network() for _ in range(4)]
    expected = outputs(nets[0], *recording(n=3000))
    wrong = []

    def work(net):
        wrong.extend(k for k in range(10) if outputs(net, *recording(n=3000)) != expected)

    threads = [threading.Thread(target=work, args=(net,)) for net in nets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_gil_is_released_during_inference():
    """Another thread counts on while a call runs."""
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(10, 2000, weights=np.full((2000, 10), 1e-6)), evsim.IAFDelta())
    rng = np.random.default_rng(0)
    inputs = (rng.integers(0, 10, 300_000), np.sort(rng.uniform(0, 1, 300_000)))
    ticks, done = [], threading.Event()

    def count():
        while not done.is_set():
            ticks.append(time.perf_counter())

    counter = threading.Thread(target=count)
    counter.start()
    begin = time.perf_counter()
    net.infer(*inputs)
    end = time.perf_counter()
    done.set()
    counter.join()
    middle = [t for t in ticks if begin + 0.25 * (end - begin) < t < begin + 0.75 * (end - begin)]
    assert end - begin > 0.02
    assert len(middle) > 10


def script(source, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)], capture_output=True, text=True, timeout=120, **options
    )


PREPARE = """
import os, sys
import numpy as np, evsim
evsim.set_num_threads(2)
net = evsim.SpikingNetwork(seed=1)
net.add_layer(evsim.Dense(50, 600), evsim.LIF(tau_mem=4.0, tau_syn=1.0))
rng = np.random.default_rng(0)
inputs = (rng.integers(0, 50, 5000), np.sort(rng.uniform(0, 100, 5000)))
expected = net.infer(*inputs)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_go_on():
    """After the parent has used its threads."""
    done = script(
        PREPARE
        + """
child = os.fork()
if child == 0:
    os._exit(0 if net.infer(*inputs) == expected else 3)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert net.infer(*inputs) == expected
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_process_pools_work(method, tmp_path):
    path = tmp_path / "pool.py"
    path.write_text(
        PREPARE
        + f"""
import multiprocessing

def work(seed):
    rng = np.random.default_rng(seed)
    return len(net.infer(rng.integers(0, 50, 500), np.sort(rng.uniform(0, 10, 500))))

if __name__ == "__main__":
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        found = pool.map(work, range(6))
    assert found == [work(seed) for seed in range(6)], found
"""
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


LONG = """
import sys, time
import numpy as np, evsim
net = evsim.SpikingNetwork(seed=1)
net.add_layer(evsim.Dense(100, {n_neurons}), evsim.{neuron})
short = (np.arange(100), np.arange(100.0))
before = net.infer(*short, until=200.0)
rng = np.random.default_rng(0)
n = {n}
inputs = (rng.integers(0, 100, n), np.sort(rng.uniform(0, n / 100, n)))
print("ready", flush=True)
begin = time.perf_counter()
try:
    net.infer(*inputs, until={until})
except KeyboardInterrupt:
    assert net.infer(*short, until=200.0) == before
    print("interrupted", flush=True)
else:
    print("finished after", time.perf_counter() - begin, flush=True)
"""


@pytest.mark.parametrize(
    ("neuron", "n_neurons", "n", "until"),
    [
        ("LIF(tau_mem=4.0, tau_syn=1.0, threshold=1e6)", 4000, 10_000_000, 1e9),
        ("LIF(tau_mem=1.0, tau_syn=1.0, bias=1.0001)", 1, 1, 2e9),
    ],
    ids=["many inputs", "endless bursts"],
)
def test_ctrl_c_stops_a_long_call_and_the_network_stays_usable(neuron, n_neurons, n, until):
    source = LONG.format(neuron=neuron, n_neurons=n_neurons, n=n, until=until)
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        threading.Event().wait(0.4)
        process.send_signal(signal.SIGINT)
        begin = time.perf_counter()
        out, err = process.communicate(timeout=30)
        took = time.perf_counter() - begin
    finally:
        process.kill()
    assert out == "interrupted\n", (out, err)
    assert took < 3.0


def test_a_network_may_die_while_another_thread_uses_it():
    done = script(
        PREPARE
        + """
import threading
running = threading.Event()
def work(network):
    running.set()
    for _ in range(20):
        network.infer(*inputs)
thread = threading.Thread(target=work, args=(net,))
thread.start()
running.wait()
del net
thread.join()
print("fine")
"""
    )
    assert done.stdout == "fine\n", done.stderr


def test_interpreters_end_cleanly_with_networks_alive():
    done = script(
        PREPARE + "weights = net[0].weights; layer = net[0]; cycle = [net]; cycle.append(cycle); print('end')"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_number_of_threads_is_checked():
    before = evsim.num_threads()
    assert before >= 1
    for n in (0, -1):
        with pytest.raises(errors.InvalidArgumentError, match="1"):
            evsim.set_num_threads(n)
    assert evsim.num_threads() == before
