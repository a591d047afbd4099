"""What a network offers from Python, beyond the spike times themselves."""

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import evsim
from evsim import errors

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def small_network(dtype="float32", **neuron):
    """Two layers with per-neuron parameters; fires on `recording`."""
    rng = np.random.default_rng(0)
    net = evsim.SpikingNetwork(dtype=dtype)
    first = evsim.LIF(tau_mem=4.0, tau_syn=2.0, threshold=np.linspace(0.5, 1.0, 8), **neuron)
    net.add_layer(evsim.Dense(5, 8, weights=rng.uniform(-1, 4, (8, 5))), first)
    second = evsim.LIFDelta(tau_mem=4.0, reset=np.array([0.0, -0.5, 0.25]), refractory=0.25)
    net.add_layer(evsim.Dense(8, 3, weights=rng.uniform(-0.2, 0.6, (3, 8))), second)
    return net


def recording(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, n), np.sort(rng.uniform(0, 10, n))


def train(spikes):
    return spikes.indices.tolist(), spikes.times.tolist()


def outputs(net, *arguments, **options):
    net.infer(*arguments, **options)
    return [train(layer.post_spikes) for layer in net]


# Building


def test_fc_layers_take_evspikesims_arguments():
    net = evsim.SpikingNetwork()
    initializer = evsim.initializers.ConstantInitializer(0.5)
    layer = net.add_fc_layer(
        n_inputs=4, n_neurons=3, tau_s=0.5, threshold=0.25, initializer=initializer, buffer_size=16
    )
    assert (layer.n_inputs, layer.n_neurons) == (4, 3)
    assert (layer.tau_s, layer.tau, layer.threshold) == (0.5, 1.0, 0.25)
    assert np.all(layer.weights == 0.5)
    assert net.add_fc_layer(3, 2, 0.5, 0.25, initializer).n_neurons == 2


@pytest.mark.parametrize("size", [1, 2, 64])
def test_no_spike_is_lost_whatever_the_buffer_size(size):
    net = evsim.SpikingNetwork()
    net.add_fc_layer(1, 1, 1.0, 0.01, evsim.initializers.ConstantInitializer(50.0), buffer_size=size)
    assert len(net.infer([0], [0.0])) > 2000


def test_layers_are_a_sequence():
    net = small_network()
    first, second = net
    assert len(net) == 2
    assert net[0] is first
    assert net[-1] is net[1] is second is net.output_layer
    assert list(net) == [first, second]
    assert net.n_inputs == 5


@pytest.mark.parametrize("index", [2, 5, -3, 10**6])
def test_layers_that_do_not_exist_are_errors(index):
    with pytest.raises(errors.IndexOutOfRangeError, match=rf"no layer {index}; the network has 2"):
        small_network()[index]


def test_seeds_make_weights_repeatable():
    def weights(seed):
        return np.array(evsim.SpikingNetwork(seed=seed).add_layer(evsim.Dense(6, 4), evsim.IAFDelta()).weights)

    assert np.array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))
    evsim.random.set_seed(5)
    one = weights(None)
    evsim.random.set_seed(5)
    assert np.array_equal(weights(None), one)


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (evsim.initializers.UniformInitializer(-0.5, 2.0), -0.5, 2.0),
        (evsim.initializers.ConstantInitializer(3.0), 3.0, 3.0),
        (evsim.initializers.NormalInitializer(5.0, 0.1), 3.0, 7.0),
        (lambda shape, rng: rng.integers(1, 3, shape), 1, 2),
    ],
)
def test_initializers_fill_the_whole_matrix(initializer, low, high):
    weights = evsim.SpikingNetwork(seed=0).add_layer(evsim.Dense(50, 40, initializer), evsim.IAFDelta()).weights
    assert weights.shape == (40, 50)
    assert low <= weights.min() <= weights.max() <= high


@dtypes
def test_repr_of_a_network_names_sizes_models_and_dtype(dtype):
    assert repr(small_network(dtype)) == f"SpikingNetwork(5 -> 8 LIF -> 3 LIFDelta, {dtype})"
    assert repr(evsim.SpikingNetwork(dtype=dtype)) == f"SpikingNetwork(empty, {dtype})"


def test_models_are_values():
    assert evsim.LIF(tau_mem=2, tau_syn=1) == evsim.LIF(tau_mem=2.0, tau_syn=1.0)
    assert hash(evsim.LIF(tau_mem=2, tau_syn=1)) == hash(evsim.LIF(tau_mem=2.0, tau_syn=1.0))
    assert evsim.LIF(tau_mem=2.0, tau_syn=1.0) != evsim.LIF(tau_mem=2.0, tau_syn=1.0, bias=0.5)
    assert evsim.IAFDelta(threshold=[1.0, 2.0]) == evsim.IAFDelta(threshold=np.array([1.0, 2.0]))
    assert evsim.IAFDelta() != evsim.LIFDelta(tau_mem=1.0)
    with pytest.raises(AttributeError):
        evsim.IAFDelta().threshold = 2.0


def test_parameters_are_copied_from_the_caller():
    thresholds = np.array([1.0, 2.0])
    neuron = evsim.IAFDelta(threshold=thresholds)
    thresholds[:] = -5.0
    assert neuron.threshold.tolist() == [1.0, 2.0]


# Weights


@dtypes
@pytest.mark.parametrize("n_neurons", [1, 3, 16, 33, 130])
def test_weights_are_a_view_that_writes_through(dtype, n_neurons):
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(evsim.Dense(4, n_neurons, weights=np.zeros((n_neurons, 4))), evsim.IAFDelta())
    weights = layer.weights
    assert weights.shape == (n_neurons, 4)
    assert weights.dtype == dtype
    assert np.shares_memory(weights, layer.weights)
    assert net.infer([2], [1.0]).is_empty()
    weights[n_neurons - 1, 2] = 1.5
    assert layer.weights[n_neurons - 1, 2] == 1.5
    assert train(net.infer([2], [1.0])) == ([n_neurons - 1], [1.0])
    assert net.infer([1], [1.0]).is_empty()


def test_weights_can_be_assigned():
    layer = small_network()[0]
    view, new = layer.weights, np.arange(40).reshape(8, 5)
    layer.weights = new
    assert np.array_equal(view, new)
    layer.weights = new.T.copy().T
    assert np.array_equal(view, new)


def test_views_outlive_their_network():
    net = small_network()
    net.infer(*recording())
    weights, spikes, layer = net[0].weights, net[0].post_spikes, net[0]
    expected, seen = np.array(weights), train(spikes)
    times = spikes.times
    del net, spikes
    gc.collect()
    assert np.array_equal(weights, expected)
    assert times.tolist() == seen[1]
    assert layer.n_neurons == 8
    del layer
    gc.collect()
    weights[0, 0] = 7.0
    assert weights[0, 0] == 7.0


# Results


def test_every_layer_keeps_its_spikes():
    net = small_network()
    out = net.infer(*recording())
    assert out == net.output_layer.post_spikes
    assert len(out) > 3
    assert [layer.n_spikes.sum() for layer in net] == [len(layer.post_spikes) for layer in net]
    assert net[0].post_spikes.n_spikes > len(out)


def test_results_keep_what_they_showed_after_the_next_call():
    net = small_network()
    out = net.infer(*recording())
    seen = train(out)
    net.infer(*recording(seed=2))
    assert train(out) == seen


def test_the_three_forms_of_input_give_the_same():
    net = small_network()
    indices, times = recording()
    expected = train(net.infer(indices, times))
    assert train(net.infer(evsim.SpikeArray(indices, times))) == expected
    assert train(net.infer(indices.tolist(), times.tolist())) == expected
    assert [train(s) for s in net.infer([(indices, times), evsim.SpikeArray(indices, times)])] == [expected] * 2


def test_batches_give_lists():
    net = small_network()
    samples = [recording(seed=k, n=10 * k) for k in range(4)]
    out = net.infer(samples)
    assert isinstance(out, list)
    assert [layer.n_spikes.sum(axis=1).tolist() for layer in net] == [
        [len(s) for s in layer.post_spikes] for layer in net
    ]
    assert out == net[-1].post_spikes
    assert net.infer([]) == []
    assert net.infer([([], [])])[0].is_empty()
    assert isinstance(net.infer([], []), evsim.SpikeArray)


def test_before_the_first_call_there_are_no_spikes():
    net = small_network()
    assert net[0].post_spikes.is_empty()
    assert net[0].n_spikes.sum() == 0
    assert net.time is None


def test_reset_forgets_spikes_and_state_and_keeps_weights():
    net = small_network()
    fresh = outputs(net, *recording())
    net.infer(*recording(seed=2), until=11.0)
    net.reset()
    assert net.time is None
    assert net[0].post_spikes.is_empty()
    assert outputs(net, *recording(), reset=False) == fresh


def test_until_ends_the_simulation_before_spikes_at_that_time():
    net = small_network()
    whole = train(net.infer(*recording()))
    end = whole[1][len(whole[1]) // 2]
    part = train(net.infer(*recording(), until=end))
    keep = np.array(whole[1]) < end
    assert part == (np.array(whole[0])[keep].tolist(), np.array(whole[1])[keep].tolist())
    assert net.time == end


def test_probes_have_the_shape_times_by_neurons():
    net = small_network()
    all_of, some = evsim.Probe(0, times=[1.0, 2.0, 3.0]), evsim.Probe(-2, times=[2.0], neurons=[7, 1, 7], variable="i")
    empty = evsim.Probe(1, times=[])
    net.infer(*recording(), record=[all_of, some, empty])
    assert all_of.values.shape == (3, 8)
    assert some.values.shape == (1, 3)
    assert some.values[0, 0] == some.values[0, 2]
    assert empty.values.shape == (0, 3)
    net.infer([recording(), recording(seed=2)], record=all_of)
    assert all_of.values.shape == (2, 3, 8)


# Keeping


@dtypes
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_pickles_and_deep_copies_go_on_in_the_middle_of_a_stream(dtype, duplicate):
    net = small_network(dtype, refractory=0.3)
    indices, times = recording()
    half = times < 5.0
    net.infer(indices[half], times[half], until=5.0)
    twin = duplicate(net)
    assert repr(twin) == repr(net)
    assert twin.time == 5.0
    assert [layer.neuron for layer in twin] == [layer.neuron for layer in net]
    rest = (indices[~half], times[~half])
    expected = outputs(net, *rest, reset=False)
    assert outputs(twin, *rest, reset=False) == expected
    twin[0].weights[...] = 0.0
    assert outputs(net, indices, times)[0][0] != []
    assert outputs(twin, indices, times)[0][0] == []


def test_copies_of_batches_go_on_too():
    net = small_network()
    samples = [recording(seed=k) for k in range(3)]
    net.infer([(i[t < 5], t[t < 5]) for i, t in samples], until=5.0)
    twin = pickle.loads(pickle.dumps(net))
    rest = [(i[t >= 5], t[t >= 5]) for i, t in samples]
    one, two = net.infer(rest, reset=False), twin.infer(rest, reset=False)
    assert [train(s) for s in one] == [train(s) for s in two]


def test_copies_of_seeded_networks_draw_the_same_weights():
    net = evsim.SpikingNetwork(seed=3)
    net.add_layer(evsim.Dense(3, 4), evsim.IAFDelta())
    twin = copy.deepcopy(net)
    added = [n.add_layer(evsim.Dense(4, 2), evsim.IAFDelta()).weights for n in (net, twin)]
    assert np.array_equal(*added)


@dtypes
def test_files_keep_weights_parameters_and_dtype(dtype, tmp_path):
    net = small_network(dtype, bias=0.25, v_rest=-0.125, refractory=0.5, i_init=np.arange(8) / 8)
    net.add_layer(evsim.Dense(3, 2), evsim.LI(tau_mem=2.0, tau_syn=1.0, v_init=[0.5, 0.25]))
    path = tmp_path / "net.safetensors"
    net.save(path)
    other = evsim.load(path)
    assert repr(other) == repr(net)
    assert [layer.neuron for layer in other] == [layer.neuron for layer in net]
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(net, other, strict=True))
    assert outputs(other, *recording()) == outputs(net, *recording())
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_files_of_empty_networks_can_be_read(tmp_path):
    evsim.save(evsim.SpikingNetwork(dtype="float64"), tmp_path / "empty")
    assert repr(evsim.load(tmp_path / "empty")) == "SpikingNetwork(empty, float64)"


# Threads, processes, signals


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
