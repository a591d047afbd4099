"""The mean of a readout over time: exact, without drift, and the same however a recording is cut."""

import copy
import pickle

import numpy as np
import oracle
import pytest
from agreement import RATIOS, random_readout
from machines import DTYPES, Machine, on_cpu, on_host, one_of_equals, one_thread

import evsim

EPSILON = {"float32": 2.0**-24, "float64": 2.0**-53}
ratios = pytest.mark.parametrize("ratio", RATIOS)
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def check(mean, case, dtype):
    """The integral is off by what rounding moves the last current and potential by, each for its time constant."""
    neuron = case.neuron
    for n, row in enumerate(case.rounded_weights(dtype)):
        p = oracle.ReadoutParameters(
            **{name: case.parameter(name, n) for name in ("v_rest", "bias", "v_init", "i_init")}
        )
        taus = (neuron.tau_mem, neuron.tau_syn)
        expected = oracle.mean_of_readout(*taus, p, case.times, row[case.indices], start=case.start, until=case.until)
        current = abs(p.i_init) + np.abs(row).sum()
        potential = current + abs(p.v_init) + abs(p.v_rest) + abs(p.bias)
        moved = (current * neuron.tau_syn + potential * neuron.tau_mem) / (case.until - case.start)
        assert abs(mean[n] - float(expected)) <= 4 * EPSILON[dtype] * (moved + potential), f"neuron {n}"


@ratios
def test_means_are_exact(machine, ratio):
    for seed in range(3):
        case = random_readout(np.random.default_rng([21, RATIOS.index(ratio), seed]), ratio, n_events=25)
        net = case.network(machine)
        net.infer([(case.indices, case.times)] * machine.copies(case.work), start=case.start, until=case.until)
        check(one_of_equals(net[0].mean), case, machine.dtype)


@one_thread
def test_a_response_that_has_ended_has_its_charge(machine):
    """v' integrates to 0, so that the integral of v is that of the current: the weight times tau_syn."""
    net = machine.network()
    layer = net.add_layer(evsim.Dense(2, 1, weights=[[3.0, 1.0]]), evsim.LI(tau_mem=2.0, tau_syn=0.5))
    net.infer([0, 1, 0], [1.0, 1.0, 5.0], start=0.0, until=1024.0)
    np.testing.assert_allclose(on_host(layer.mean), [7.0 * 0.5 / 1024.0], rtol=1e-12)


@one_thread
def test_nothing_drifts_in_a_long_recording(machine):
    """A sum of these weights in float32 would be off by 1e-3 at the end."""
    n = 300_000 if machine.device == "cpu" else 20_000
    taus = {"tau_mem": 20.0, "tau_syn": 5.0}
    net = machine.network()
    layer = net.add_layer(evsim.Dense(1, 2, weights=[[0.1], [-0.3]]), evsim.LI(**taus))
    times = 0.01 * np.arange(n)
    weights = np.array([0.1, -0.3]).astype(machine.dtype).astype(float)
    for until in (times[-1], times[-1] + 1000.0):
        net.infer(np.zeros(n, int), times, start=0.0, until=until)
        of_potential, of_current = (tau * -np.expm1((times - until) / tau) for tau in taus.values())
        integral = (5.0 / 15.0 * (of_potential - of_current)).sum()
        # In the middle the last state is rounded, by each of the 2000 spikes that still act.
        rounded = 4000 * EPSILON[machine.dtype] * 20.0 / until if until == times[-1] else 0.0
        np.testing.assert_allclose(on_host(layer.mean), weights * integral / until, rtol=rounded + 4e-15)


@one_thread
def test_a_mean_has_the_same_bits_however_the_recording_is_cut(machine):
    case = random_readout(np.random.default_rng(22), 4.0, n_events=25)
    net = case.network(machine)
    net.infer(case.indices, case.times, start=0.0, until=case.until)
    whole = on_host(net[0].mean)
    done, cuts = 0, [0.0, case.times[3], case.times[3], 0.5 * (case.times[6] + case.times[8]), case.until]
    for k, cut in enumerate(cuts):
        last = np.searchsorted(case.times, cut, side="left") if cut < case.until else len(case.times)
        piece = (case.indices[done:last], case.times[done:last])
        net.infer(*piece, until=cut, start=0.0 if k == 0 else None, reset=k == 0)
        if machine.device == "cpu":
            net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
        done = last
    np.testing.assert_array_equal(on_host(net[0].mean), whole)


@one_thread
def test_a_copy_remembers_what_the_network_did(machine):
    """Also of the time after the last input, of which the state of a stream knows nothing."""
    case = random_readout(np.random.default_rng(23), 2.0, n_events=25)
    net = case.network(machine)
    for samples in ([(case.indices, case.times)], [(case.indices[:9], case.times[:9]), ([], [])]):
        net.infer(samples, start=0.0, until=case.until)
        for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            for name in ("mean", "maximum", "maximum_time"):
                found, expected = on_host(getattr(other[0], name)), on_host(getattr(net[0], name))
                np.testing.assert_array_equal(found, expected, err_msg=name)


@on_cpu
def test_a_copy_of_a_convolution_remembers_likewise(machine):
    net = machine.network()
    connection = evsim.Conv2d(3, 3, in_shape=(1, 5, 5), weights=np.linspace(-1, 1, 27).reshape(3, 1, 3, 3))
    layer = net.add_layer(connection, evsim.LI(tau_mem=3.0, tau_syn=1.0, v_init=0.5, bias=0.7))
    net.infer([3, 12], [1.0, 2.0], start=0.0, until=4.0)
    other = pickle.loads(pickle.dumps(net))[0]
    for name in ("mean", "maximum", "maximum_time"):
        np.testing.assert_array_equal(getattr(other, name), getattr(layer, name), err_msg=name)


@one_thread
def test_at_the_start_and_after_infinite_time(machine):
    net = machine.network()
    layer = net.add_layer(evsim.Dense(1, 1, weights=[[3.0]]), evsim.LI(tau_mem=2.0, tau_syn=1.0, bias=1.5, v_init=0.25))
    net.infer([0], [4.0], start=4.0, until=4.0)
    assert on_host(layer.mean).tolist() == [0.25]
    net.infer([0], [4.0], start=4.0)
    assert on_host(layer.mean).tolist() == [1.5]


@one_thread
def test_every_sample_of_a_batch_has_its_own(machine):
    case = random_readout(np.random.default_rng(24), 10.0, n_events=25)
    net = case.network(machine)
    samples = [(case.indices[k:], case.times[k:]) for k in (0, 7, 25)]
    net.infer(samples, start=0.0, until=case.until)
    together = on_host(net[0].mean)
    assert together.shape == (3, 12)
    for sample, mean in zip(samples, together, strict=True):
        net.infer(*sample, start=0.0, until=case.until)
        np.testing.assert_array_equal(on_host(net[0].mean), mean)


@on_cpu
def test_over_pixels_also_those_that_nothing_reached(machine):
    rng = np.random.default_rng(25)
    connection = evsim.Conv2d(3, 2, in_shape=(2, 9, 8), weights=rng.uniform(-1, 1, (3, 2, 2, 2)))
    neuron = evsim.LI(tau_mem=3.0, tau_syn=1.0, v_rest=-0.5, v_init=0.25)
    net = machine.network()
    layer = net.add_layer(connection, neuron)
    indices, times = rng.integers(0, 20, 60), np.sort(rng.uniform(0.0, 10.0, 60))
    net.infer([(indices, times)] * 3, start=0.0, until=12.5)
    values = one_of_equals(layer.mean)
    probe = evsim.Probe(0, times=np.linspace(0.0, 12.5, 20_001), neurons=range(layer.n_neurons))
    net.infer(indices, times, start=0.0, until=12.5, record=probe)
    trapezoid = (probe.values[1:] + probe.values[:-1]).mean(axis=0) / 2
    np.testing.assert_allclose(values, trapezoid, atol=2e-6)
    assert len(np.unique(values)) > 40
    np.testing.assert_allclose(values[-1], -0.5 + 0.75 * 3.0 / 12.5 * (1 - np.exp(-12.5 / 3.0)), rtol=1e-6)


@dtypes
def test_several_projections_add_up(dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    left, right = net.add_input(2, name="left"), net.add_input(3, name="right")
    readout = net.add_population(4, evsim.LI(tau_mem=2.0, tau_syn=1.0))
    net.connect(left, readout, evsim.Dense(2, 4, weights=np.full((4, 2), 2.0)))
    net.connect(right, readout, evsim.Dense(3, 4, weights=np.full((4, 3), -0.5)))
    net.infer({"left": ([0, 1], [1.0, 2.0]), "right": ([2], [2.0])}, start=0.0, until=512.0)
    np.testing.assert_allclose(readout.mean, 3.5 / 512.0, rtol=1e-12)


@dtypes
def test_weights_count_as_they_were_when_a_spike_arrived(dtype):
    doubling = """
#include <evsim/callbacks.h>
void on_pre_synapse(evsim::real& weight, const evsim::real*, evsim::real*) { weight *= 2; }
"""
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(
        evsim.Dense(1, 1, weights=[[1.0]]), evsim.LI(tau_mem=2.0, tau_syn=1.0), kernel=evsim.Kernel(doubling)
    )
    net.infer([0, 0, 0], [0.0, 1.0, 2.0], start=0.0, until=1024.0)
    np.testing.assert_allclose(layer.mean, 7.0 / 1024.0, rtol=1e-12)
    np.testing.assert_array_equal(layer.weights, 8.0)


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(26)
    weights, times = rng.uniform(-1, 1, (100, 50)), np.sort(rng.uniform(0, 100, 20_000))
    indices = rng.integers(0, 50, 20_000)
    found = []
    for threads in (1, 2, 3):
        with Machine("float32", threads=threads).in_use():
            net = evsim.SpikingNetwork()
            layer = net.add_layer(evsim.Dense(50, 100, weights=weights), evsim.LI(tau_mem=20.0, tau_syn=5.0))
            net.infer(indices, times, start=0.0, until=110.0)
            found.append(layer.mean)
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
