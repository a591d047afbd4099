"""User callbacks that fail, are refused, or outlive their network."""

import gc
import itertools
import threading

import numpy as np
import pytest
from callback_kernels import (
    EVERYTHING,
    FAILS,
    LIF,
    LOOKS,
    PRE_ONLY,
    assert_same,
    events,
    network,
    results,
    strengths,
)

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    KernelCompileError,
    KernelError,
    NonFiniteError,
)

FAULTS = {1: "on_pre_synapse", 2: "on_pre_neuron", 3: "on_post_neuron", 4: "on_post_synapse"}


def learning(**parameters):
    """Two layers that learn; the parameters are those of the second."""
    net = network(evsim.Kernel(FAILS), 0.3 * strengths(20, 40, 5))
    net.add_layer(
        evsim.Dense(40, 6, weights=np.full((6, 40), 0.1)), LIF, kernel=evsim.Kernel(FAILS, parameters=parameters)
    )
    return net


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        *((k, KernelError, f"layer 1.*a fault in {name}") for k, name in FAULTS.items()),
        (5, NonFiniteError, "layer 1.*no longer finite"),
        (6, KernelError, r"layer 1.*no std::exception"),
        (8, NonFiniteError, "layer 1.*no longer finite"),
    ],
)
def test_after_a_failure_the_network_is_as_before(fault, error, words):
    """In the middle of a stream: spikes, traces, weights of both layers, and the continuation of a twin."""
    indices, times = events(20, 5, n=50, end=60.0)
    first, rest = times <= 25.0, times > 25.0
    net, twin = learning(at=26.0), learning(at=26.0)
    for each in (net, twin):
        each.infer(indices[first], times[first], until=25.0)
    net[1].kernel_parameters = {"fault": fault}
    before, spikes = results(net), net[1].post_spikes
    with pytest.raises(error, match=words):
        net.infer(indices[rest], times[rest], reset=False)
    assert_same(results(net), before)
    assert net[1].post_spikes == spikes
    assert net.time == 25.0
    net[1].kernel_parameters = {"fault": 0}
    assert net.infer(indices[rest], times[rest], reset=False) == twin.infer(indices[rest], times[rest], reset=False)
    assert len(net[1].post_spikes) > 0
    assert_same(results(net), results(twin))


def test_weights_that_end_as_nan_leave_those_of_all_layers_as_they_were():
    """From the very last input on, so that no neuron receives them."""
    indices, times = events(20, 5, n=50, end=60.0)
    twin = learning()
    twin.infer(indices, times)
    net = learning(fault=5, at=twin[0].post_spikes.times[-1])
    before = results(net)
    with pytest.raises(NonFiniteError, match="layer 1: the kernel made weights that are not finite"):
        net.infer(indices, times)
    assert_same(results(net), before)
    assert not np.array_equal(twin[0].weights, before[0])


def test_a_message_that_is_long_and_not_ascii_arrives():
    """The message is cut to fit; what is cut off must not take half a letter with it."""
    with pytest.raises(KernelError, match="éééé"):
        learning(fault=7, at=0.0).infer([0, 1, 2] * 5, np.arange(15.0))


def test_an_exception_in_many_threads_at_once_is_one_exception():
    indices, times = events(5, 9, n=14000, end=30000.0)
    before = evsim.num_threads()
    evsim.set_num_threads(4)
    try:
        for _ in range(3):
            net = network(evsim.Kernel(FAILS, parameters={"fault": 1, "at": 20000.0}), np.full((130, 9), 0.1))
            with pytest.raises(KernelError, match="a fault in on_pre_synapse"):
                net.infer(indices, times)
            assert np.all(net[0].weights == 0.1)
    finally:
        evsim.set_num_threads(before)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("\nvoid on_post_neuron(double* a, double* b, double* c) {}", "on_post_neuron must take"),
        ("\nvoid on_pre_neuron(double& w, double* n) {}", "on_pre_neuron must take"),
        ("\nvoid on_pre_synapse(double w, double* n, double* s) {}", "on_pre_synapse must take"),
        ("\nvoid on_post_synapse(double w, const double* n) {}", "on_post_synapse must take"),
        ("\nfloat on_delivery(float& w, const float* n, float* s) { return w; }", "on_delivery must take"),
        ("\nvoid on_delivery(float w, const float* n, float* s) {}", "on_delivery must take .* returns what arrives"),
        ("\nvoid post_neuron(double* n) {}", "defines none of on_pre_neuron, on_pre_synapse"),
    ],
)
def test_a_kernel_with_a_wrong_signature_is_told_the_right_one(source, words):
    with pytest.raises(KernelCompileError, match=words):
        network(evsim.Kernel("#include <evsim/callbacks.h>" + source), [[1.0]])


def test_a_syntax_error_is_named_with_file_and_line(tmp_path):
    path = tmp_path / "rule.cpp"
    path.write_text("#include <evsim/callbacks.h>\n\nvoid on_post_neuron(evsim::real* n) { n[0] += ; }\n")
    with pytest.raises(KernelCompileError) as raised:
        network(evsim.Kernel(path), [[1.0]])
    assert f"{path}:3:" in str(raised.value)


@pytest.mark.parametrize("name", ["a b's $(touch x) `touch x`;.cpp", 'quo"ted.cpp'], ids=["spaces", "quotes"])
def test_any_path_is_only_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_text(PRE_ONLY)
    net = network(evsim.Kernel(path), [[1.0]])
    net.infer([0], [1.0])
    assert net[0].synaptic_traces.ravel().tolist() == [1.0, 1.0]
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("source", "error"),
    [("/no/such/file.cpp", FileNotFoundError), (3, DTypeError), ("a\0b", InvalidArgumentError), ("/", OSError)],
)
def test_a_source_that_is_none_is_refused(source, error):
    with pytest.raises(error):
        evsim.Kernel(source)


# Lifetimes


def test_a_network_may_be_dropped_while_another_thread_runs_it():
    indices, times = events(5, 9, n=14000, end=30000.0)
    counts = []

    def work(net):
        counts.append(len(net.infer(indices, times)))

    threads = []
    for _ in range(4):
        net = network(evsim.Kernel(EVERYTHING, parameters={"rate": 1e-5}), 0.1 * strengths(5, 130, 9), "float32")
        threads.append(threading.Thread(target=work, args=(net,)))
        threads[-1].start()
        del net
        gc.collect()
    for thread in threads:
        thread.join()
    assert len(counts) == 4
    assert len(set(counts)) == 1


def test_threads_may_run_and_read_one_network_at_once():
    indices, times = events(21, 5)
    net = network(evsim.Kernel(LOOKS), strengths(21, 40, 5))
    net.infer(indices, times)
    expected = results(net)
    faults = []

    def run():
        for _ in range(30):
            net.infer(indices, times)

    def read():
        for _ in range(30):
            found = [net[0].neuron_traces, net[0].synaptic_traces]
            if not all(np.array_equal(a, b) for a, b in zip(found, expected[1:], strict=True)):
                faults.append(found)

    threads = [threading.Thread(target=target) for target in (run, read, run, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_networks_that_share_a_compiled_kernel_go_in_any_order(order):
    indices, times = events(22, 4)
    nets = [network(evsim.Kernel(FAILS), strengths(22, 10, 4)) for _ in range(3)]
    nets[0].infer(indices, times)
    expected = results(nets[0])
    views = [net[0].weights for net in nets]
    for k in order:
        nets[k].infer(indices, times, reset=True)
        nets[k] = None
        gc.collect()
        np.testing.assert_array_equal(views[(k + 1) % 3].shape, expected[0].shape)
    again = network(evsim.Kernel(FAILS), strengths(22, 10, 4))
    again.infer(indices, times)
    assert_same(results(again), expected)
