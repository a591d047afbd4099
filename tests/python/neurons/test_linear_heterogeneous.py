"""Linear neurons of one layer with time constants of their own."""

from itertools import product

import numpy as np
import pytest
from agreement import Tally, per_neuron, random_times
from linear_cases import LinearCase, alone, random_case, spread
from machines import DTYPES, Machine

import evsim
from evsim.errors import InvalidArgumentError, NonFiniteError, ShapeMismatchError
from evsim.neurons import Alpha, CurrentAdaptation, DoubleExponential, Exponential, Linear, ThresholdAdaptation

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def mixed(seed, n_neurons=3, n_events=12):
    rng = np.random.default_rng(seed)
    case = random_case(rng, n_neurons=n_neurons, n_events=n_events)
    case.neuron = spread(case.neuron, n_neurons, rng)
    return case


@dtypes
@pytest.mark.parametrize("seed", range(2))
def test_random_parts_are_exact(dtype, seed):
    tally = mixed([1, seed]).check(Machine(dtype))
    assert not tally.faults, tally.faults[0]


@pytest.mark.nightly
@dtypes
@pytest.mark.parametrize("part", range(8))
def test_campaign(part, dtype, capsys):
    tally = Tally()
    for seed in range(20):
        tally += mixed([2, part, seed]).check(Machine(dtype))
    with capsys.disabled():
        print(f"\nlinear, each its own, part {part}, {dtype}: {tally}")
    assert not tally.faults, tally.faults[0]


def test_the_check_notices_neurons_with_the_time_constants_of_their_neighbours():
    """Negative control."""
    neuron = Linear(synapses=Alpha([2.0, 5.0, 9.0]), tau_mem=[10.0, 20.0, 30.0], threshold=0.5)
    times = np.arange(12) * 4.0
    case = LinearCase(neuron, np.full((1, 3, 12), 3.0), np.arange(12), times, np.zeros(12, int), 60.0)
    machine = Machine("float64")
    assert not case.check(machine).faults
    shifted = LinearCase(alone(neuron, 1), case.weights, case.indices, times, case.ports, 60.0)
    assert case.check(machine, shifted.infer(machine)).faults


def three(**options):
    """Time constants of ratios from 1 to a million, some equal to the last digits."""
    tau = np.array([0.1, 1.0, 10.0, 10.0, 100.0])
    parts = {"synapses": DoubleExponential(tau * (1 + 1e-12), tau[::-1]), "tau_mem": tau, "threshold": 0.2}
    return Linear(**{**parts, **options})


NEURONS = {
    "three variables": three(),
    "held": three(refractory=2.0),
    "eight": three(
        adaptation=[
            ThresholdAdaptation([1.0, 2.0, 30.0, 400.0, 5.0], 0.05),
            CurrentAdaptation(20.0, 0.1, [0, 1, 2, 3, 9]),
        ]
    ),
    "without leak": three(
        tau_mem=None, synapses=Exponential([1.0, 2.0, 3.0, 4.0, 5.0]), bias=[0.0, 0.01, 0.02, 0.0, 0.05]
    ),
    "oscillating": evsim.ResonateAndFire(
        tau=[5.0, 10.0, 50.0, 50.0, 400.0], omega=[0.1, 3.0, 0.5, -0.5, 2.0], threshold=0.4
    ),
}


ON_GPU = [("three variables", Machine("float64", "cuda"))]


@pytest.mark.parametrize(("name", "where"), [*product(NEURONS, map(Machine, DTYPES)), *ON_GPU], ids=str)
@pytest.mark.parametrize("pause", [7.0, 1e5])
def test_as_in_layers_of_one_neuron_each(name, where, pause):
    """Where gaps are shared with nobody: through bursts and silences of up to a million time constants."""
    with where.in_use():
        compare(NEURONS[name], where, pause)


def compare(neuron, machine, pause):
    rng = np.random.default_rng(3)
    times = np.sort(random_times(rng, 80, 5.0))
    times = times - times[0]
    times[40:] += pause
    indices, weights = rng.integers(0, 8, 80), rng.uniform(-0.4, 0.9, (5, 8))
    net = machine.network()
    net.add_layer(evsim.Dense(8, 5, weights=weights), neuron)
    together = per_neuron(net.infer(indices, times, until=times[-1] + 50.0), 5)
    assert sum(map(len, together)) > 20
    for n in range(5):
        own = machine.network()
        own.add_layer(evsim.Dense(8, 1, weights=weights[n : n + 1]), one_of(neuron, n))
        expected = own.infer(indices, times, until=times[-1] + 50.0).times
        np.testing.assert_allclose(together[n], expected, rtol=0, atol=2e-4 if machine.dtype == "float32" else 1e-9)


@dtypes
@pytest.mark.parametrize("unit", [1e-17, 1e-9, 1e9, 1e16])
def test_any_unit_of_time(dtype, unit):
    """What is squared on the way fits into a float32 all the same."""
    rng = np.random.default_rng(9)
    times, indices, weights = (
        np.sort(rng.uniform(0.0, 60.0, 80)),
        rng.integers(0, 8, 80),
        rng.uniform(-1.0, 3.0, (2, 8)),
    )

    def spikes(factor):
        neuron = evsim.LIFAlpha(tau_mem=factor * np.array([10.0, 20.0]), tau_syn=factor * np.array([2.0, 5.0]))
        net = evsim.SpikingNetwork(dtype=dtype)
        net.add_layer(evsim.Dense(8, 2, weights=weights), neuron)
        return net.infer(indices, factor * times)

    expected, found = spikes(1.0), spikes(unit)
    assert len(expected) > 30
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times / unit, expected.times, rtol=0, atol=2e-4 if dtype == "float32" else 1e-10)


def one_of(neuron, n):
    if isinstance(neuron, evsim.ResonateAndFire):
        return evsim.ResonateAndFire(tau=neuron.tau[n], omega=neuron.omega[n], threshold=neuron.threshold)
    own = alone(neuron, n)
    return own.replace(bias=own.bias[n] if np.ndim(own.bias) else own.bias)


@dtypes
def test_maps_of_a_convolution_have_time_constants_of_their_own(dtype):
    rng = np.random.default_rng(6)
    weights, times = rng.uniform(0.0, 3.0, (3, 1, 2, 2)), np.sort(rng.uniform(0.0, 60.0, 150))
    indices = rng.integers(0, 25, 150)
    neuron = evsim.LIFAlpha(tau_mem=[5.0, 10.0, 40.0], tau_syn=[1.0, 10.0, 3.0])
    found = convolution(weights, neuron, dtype).infer(indices, times)
    for k in range(3):
        own = evsim.LIFAlpha(tau_mem=neuron.tau_mem[k], tau_syn=neuron.tau_syn[k])
        expected = convolution(weights[k : k + 1], own, dtype).infer(indices, times)
        of_map = found[(found.indices >= 16 * k) & (found.indices < 16 * (k + 1))]
        assert len(expected) > 20
        np.testing.assert_array_equal(of_map.indices - 16 * k, expected.indices)
        np.testing.assert_allclose(of_map.times, expected.times, rtol=0, atol=2e-4 if dtype == "float32" else 1e-10)


def convolution(weights, neuron, dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Conv2d(len(weights), 2, in_shape=(1, 5, 5), weights=weights), neuron)
    return net


def test_equal_values_share_their_gap():
    assert evsim.LIFAlpha(tau_mem=[20.0, 20.0], tau_syn=[5.0] * 2).kernel_name == "linear_3"
    assert evsim.LIFAlpha(tau_mem=[20.0, 20.0], tau_syn=[5.0, 6.0]).kernel_name == "linear_3_heterogeneous"


def test_as_parameters_they_are_kept_compared_and_written():
    neuron = evsim.ALIF(tau_mem=[10, 20], tau_syn=5.0, tau_adaptation=[50.0, 60.0], jump=0.1)
    assert neuron.tau_mem.dtype == np.float64
    assert not neuron.tau_mem.flags.writeable
    same = type(neuron).from_plain(neuron.to_plain())
    assert same == neuron
    assert hash(same) == hash(neuron)
    one, other = Exponential([1.0, 2.0]), Exponential([1.0, 3.0])
    assert one == Exponential(np.array([1, 2]))
    assert hash(one) == hash(Exponential((1.0, 2.0)))
    assert one != other
    assert one != Exponential(1.0)
    linear = Linear(synapses=0.5 * one + 2.0 * Alpha(3.0), tau_mem=[10.0, 20.0])
    assert Linear.from_plain(linear.to_plain()) == linear


@pytest.mark.parametrize(
    ("parts", "error", "words"),
    [
        ({"tau_mem": [10.0, -1.0]}, InvalidArgumentError, "tau_mem must be positive, got -1"),
        ({"tau_mem": [10.0, 0.0]}, InvalidArgumentError, "tau_mem must be positive, got 0"),
        ({"tau_mem": [10.0, np.inf]}, NonFiniteError, "tau_mem must be finite"),
        ({"tau_mem": [[10.0, 1.0]]}, ShapeMismatchError, "tau_mem must be a number or have shape"),
        ({"tau_mem": [10.0, 1.0, 2.0]}, ShapeMismatchError, r"one length, above 0, got \[2, 3\]"),
        ({"tau_mem": []}, ShapeMismatchError, "above 0"),
        ({"adaptation": ThresholdAdaptation([1.0, 2.0, 3.0], 0.1)}, ShapeMismatchError, "one length"),
    ],
)
def test_what_does_not_fit(parts, error, words):
    with pytest.raises(error, match=words):
        Linear(**{"synapses": DoubleExponential([1.0, 2.0], 5.0), "tau_mem": 20.0, **parts})


def test_one_value_for_each_neuron_of_the_layer():
    net = evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError, match=r"one value or one per neuron \(3\), got 2"):
        net.add_layer(evsim.Dense(4, 3), evsim.LIFAlpha(tau_mem=20.0, tau_syn=[5.0, 6.0]))
