"""Traces and parameters of user callbacks as Python reads, assigns and copies them."""

import copy
import math
import pickle
import subprocess
import sys
import textwrap
from math import inf

import numpy as np
import pytest
from callback_kernels import (
    DTYPE,
    EVERYTHING,
    FAILS,
    LOOKS,
    MODELS,
    TOLERANCE,
    assert_same,
    close,
    events,
    network,
    results,
    strengths,
)

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    KernelError,
    NonFiniteError,
    NoSuchParameterError,
    ShapeMismatchError,
)


def test_traces_start_at_zero_in_each_call_unless_it_continues():
    indices, times = events(15, 4, n=20)
    net = network(evsim.Kernel(LOOKS), strengths(15, 3, 4))
    net.infer(indices, times)
    first = results(net)
    net[0].synaptic_traces = 1.0
    net.infer(indices, times)
    assert np.all(net[0].synaptic_traces >= first[2])
    assert not np.array_equal(net[0].synaptic_traces, first[2])
    net.infer(indices, times)
    assert_same(results(net), first)


def test_assigned_traces_wait_for_a_call_that_succeeds():
    net = network(evsim.Kernel(FAILS, parameters={"fault": 1}), np.full((2, 2), 8.0))
    net[0].synaptic_traces = np.arange(4.0).reshape(2, 2, 1)
    with pytest.raises(KernelError):
        net.infer([0], [40.0])
    np.testing.assert_array_equal(net[0].synaptic_traces.ravel(), np.arange(4.0))
    net[0].kernel_parameters = {"fault": 0}
    net.infer([], [])
    np.testing.assert_array_equal(net[0].synaptic_traces.ravel(), np.arange(4.0))


def test_shapes_of_traces_follow_the_call():
    net = network(evsim.Kernel(EVERYTHING), np.ones((4, 5)), "float32")
    layer = net[0]
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((4, 2), (4, 5, 3))
    net.infer([([0], [1.0])])
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((1, 4, 2), (1, 4, 5, 3))
    net.infer([0], [1.0])
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((4, 2), (4, 5, 3))
    assert layer.neuron_traces.dtype == np.float32
    net.reset()
    assert not layer.neuron_traces.any()


def test_traces_are_copies_that_cannot_be_written():
    net = network(evsim.Kernel(LOOKS), np.ones((3, 4)))
    net.infer([0], [1.0])
    before = net[0].synaptic_traces
    kept = before.copy()
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1
    net.infer([1], [1.0])
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("name", ["neuron_traces", "synaptic_traces"])
@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.ones((7, 7)), ShapeMismatchError),
        (np.ones((3, 4, 9)), ShapeMismatchError),
        (np.ones((2, 3, 4, 1)), ShapeMismatchError),
        ([[1.0], [2.0, 3.0]], ShapeMismatchError),
        (math.nan, NonFiniteError),
        (inf, NonFiniteError),
        ("one", DTypeError),
        (1j, DTypeError),
    ],
)
def test_traces_of_another_shape_or_kind_are_refused(name, values, error):
    layer = network(evsim.Kernel(LOOKS), np.ones((3, 4)))[0]
    with pytest.raises(error):
        setattr(layer, name, values)
    assert not getattr(layer, name).any()


def test_parameters_are_read_and_changed_by_name():
    layer = network(evsim.Kernel(EVERYTHING, parameters={"rate": 0.5}), [[1.0]])[0]
    assert layer.kernel_parameters == {"rate": 0.5, "tau_fast": 7, "tau_slow": 31, "share": 0.25}
    layer.kernel_parameters = {"share": 0.125}
    assert layer.kernel_parameters == {"rate": 0.5, "tau_fast": 7, "tau_slow": 31, "share": 0.125}


def test_changed_parameters_hold_from_the_next_call_on():
    indices, times = events(16, 4)
    changed = network(evsim.Kernel(EVERYTHING), strengths(16, 5, 4))
    changed[0].kernel_parameters = {"rate": 0.001, "tau_fast": 11.0}
    made = network(evsim.Kernel(EVERYTHING, parameters={"rate": 0.001, "tau_fast": 11.0}), strengths(16, 5, 4))
    assert changed.infer(indices, times) == made.infer(indices, times)
    assert_same(results(changed), results(made))


def test_a_changed_time_constant_holds_from_the_next_call_on():
    """The call ends at an input, so the traces read after it are those that the next call begins with."""
    net = network(evsim.Kernel(LOOKS), np.full((1, 2), 0.1))
    net.infer([0, 1], [1.0, 10.0], until=10.0)
    before = net[0].synaptic_traces[0, 0, 0]
    assert before == pytest.approx(0.1 * math.exp(-9 / 5))
    net[0].kernel_parameters = {"tau": 50.0}
    net.infer([1], [12.0], reset=False)
    assert net[0].synaptic_traces[0, 0, 0] == pytest.approx(before * math.exp(-2 / 50))


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"rat": 1.0}, InvalidArgumentError, "no parameter 'rat'; it has: rate, tau_fast, tau_slow, share"),
        ({"rate": math.nan}, NonFiniteError, "'rate' must not be NaN"),
        ({"rate": "fast"}, DTypeError, "rate"),
        ([("rate", 1.0)], DTypeError, "mapping"),
        ({"tau_slow": -1.0}, InvalidArgumentError, "neuron trace 1 has time constant -1"),
        ({"tau_fast": 0.0}, InvalidArgumentError, "synaptic trace 0 has time constant 0"),
    ],
)
def test_wrong_parameters_are_refused_and_leave_the_others(values, error, words):
    layer = network(evsim.Kernel(EVERYTHING), [[1.0]])[0]
    before = layer.kernel_parameters
    with pytest.raises(error, match=words):
        layer.kernel_parameters = values
    assert layer.kernel_parameters == before
    with pytest.raises(error, match=words):
        network(evsim.Kernel(EVERYTHING, parameters=values), [[1.0]])


def test_a_trace_with_a_time_constant_that_the_neurons_lack_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"synaptic trace 2 has time constant nan.*do the neurons have"):
        network(evsim.Kernel(EVERYTHING), [[1.0]], neuron=MODELS["lif_delta"])


@pytest.mark.parametrize("name", ["neuron_traces", "synaptic_traces", "kernel_parameters"])
def test_a_layer_without_kernel_has_no_traces(name):
    layer = network(None, [[1.0]])[0]
    with pytest.raises(NoSuchParameterError, match="no kernel"):
        getattr(layer, name)
    with pytest.raises(NoSuchParameterError, match="no kernel"):
        setattr(layer, name, {} if name == "kernel_parameters" else 1.0)


# Copies


def pickled(net):
    return pickle.loads(pickle.dumps(net))


@DTYPE
@pytest.mark.parametrize("how", [pickled, copy.deepcopy])
def test_a_copy_in_the_middle_of_a_stream_goes_on_as_the_original(how, dtype):
    """A copy has its traces decayed to the last event, by one rounding more than the original's lazy ones."""
    indices, times = events(23, 6, n=80)
    net = network(evsim.Kernel(EVERYTHING), strengths(23, 35, 6), dtype)
    first, rest = times <= 90.0, times > 90.0
    net.infer(indices[first], times[first], until=90.0)
    net[0].kernel_parameters = {"share": 0.125}
    other = how(net)
    assert other[0].kernel_parameters == net[0].kernel_parameters
    a, b = (each.infer(indices[rest], times[rest], reset=False) for each in (net, other))
    assert len(a) > 20
    np.testing.assert_array_equal(np.bincount(a.indices, minlength=35), np.bincount(b.indices, minlength=35))
    for x, y in zip(results(net), results(other), strict=True):
        close(y, x, TOLERANCE[dtype] * (3 if dtype == "float32" else 1))


def test_copies_learn_on_their_own():
    indices, times = events(24, 4)
    net = network(evsim.Kernel(EVERYTHING), strengths(24, 5, 4))
    net.infer(indices, times)
    before = results(net)
    other = pickled(net)
    other[0].kernel_parameters = {"rate": 0.1}
    other.infer(indices, times)
    assert_same(results(net), before)
    assert net[0].kernel_parameters["rate"] == 0.002


@pytest.mark.parametrize("batch", [False, True])
def test_a_copy_has_the_traces_of_the_original(batch):
    """In a process of its own, which a crash does not take down with the others."""
    script = f"""
    import copy, pickle, sys
    import numpy as np
    import evsim
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 0.5]]), neuron, kernel=evsim.Kernel(sys.argv[1]))
    sample = ([0, 1, 1], [0.0, 2.0, 9.0])
    net.infer([sample, sample]) if {batch} else net.infer(*sample)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_allclose(other[0].neuron_traces, net[0].neuron_traces, rtol=1e-14)
        np.testing.assert_allclose(other[0].synaptic_traces, net[0].synaptic_traces, rtol=1e-14)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), EVERYTHING]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("how", [pickled, copy.deepcopy])
@pytest.mark.parametrize("assigned", [["neuron_traces"], ["synaptic_traces"], ["neuron_traces", "synaptic_traces"], []])
def test_a_copy_begins_with_the_traces_that_wait_for_the_next_call(how, assigned):
    indices, times = events(25, 4)
    net = network(evsim.Kernel(EVERYTHING), strengths(25, 5, 4))
    net.infer(indices, times)
    for name in assigned:
        shape = getattr(net[0], name).shape
        setattr(net[0], name, np.random.default_rng(0).normal(size=shape))
    other = how(net)
    assert other.infer(indices, times) == net.infer(indices, times)
    assert_same(results(other), results(net))
    assert other.infer(indices, times) == net.infer(indices, times)
    assert_same(results(other), results(net))
