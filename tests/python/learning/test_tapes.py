"""What must not matter for gradients: engine, threads, batches; and what they refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import record

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0, v_rest=-0.1, bias=0.1)
NEURONS = {
    "lif": LIF,
    "equal": evsim.LIF(tau_mem=10.0, tau_syn=10.0),
    "thresholds": evsim.LIF(
        tau_mem=20.0, tau_syn=5.0, threshold=np.linspace(0.8, 1.2, 70), bias=np.linspace(0, 0.2, 70)
    ),
    "alpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=4.0),
    "alif": evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=50.0, jump=0.1),
}


def network(neuron=LIF, dtype="float64", seed=1):
    rng = np.random.default_rng(seed)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_input(12, name="in")
    net.add_layer(evsim.Dense(12, 70), neuron, name="h", delay=rng.uniform(0.0, 2.0, 12))
    net.add_layer(evsim.Dense(70, 5), evsim.LI(tau_mem=20.0, tau_syn=5.0, bias=0.1), name="out", delay=0.3)
    net["h"].weights = rng.normal(1.5, 1.5, (70, 12))
    net["out"].weights = rng.normal(0.1, 0.3, (5, 70))
    return net


def samples(n, seed=2, n_spikes=30):
    rng = np.random.default_rng(seed)
    return [(rng.integers(0, 12, n_spikes), np.sort(rng.uniform(0.0, 30.0, n_spikes))) for _ in range(n)]


def losses(tape, seed=3):
    rng = np.random.default_rng(seed)
    by_spikes = {"h": [rng.normal(size=len(train)) for train in tape.trains("h")]}
    looks = (rng.uniform(5.0, 50.0, (len(tape), 5)), rng.normal(size=(len(tape), 5)))
    return {"spikes": by_spikes, "potentials": {"out": looks}}


def arrays(gradients):
    times = [row for rows in gradients.times.values() for row in rows]
    return [*gradients.weights.values(), *map(np.asarray, gradients.delays.values()), *times]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", NEURONS)
def test_tiles_are_neurons_one_by_one(kind, dtype):
    """With derivatives by parameters every neuron goes by itself, in float64; without, in tiles of the layer's type."""
    tape = record(network(NEURONS[kind], dtype), samples(5), until=60.0)
    assert sum(map(len, tape.trains("h"))) > 100
    tiles = tape.backward(**losses(tape))
    alone = tape.backward(**losses(tape), parameters={"h": "tau_mem", "out": "tau_mem"})
    tolerance = 1e-11 if dtype == "float64" else 2e-4
    for a, b in zip(arrays(tiles), arrays(alone), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max(initial=0.0))


@pytest.mark.parametrize("with_parameters", [False, True])
def test_threads_do_not_matter(with_parameters):
    tape = record(network(), samples(40, n_spikes=100), until=60.0)
    options = {"parameters": {"h": ["tau_mem", "threshold"]}} if with_parameters else {}
    before, found = evsim.num_threads(), []
    try:
        for n in (1, 2, 3):
            evsim.set_num_threads(n)
            found.append(tape.backward(**losses(tape), **options))
    finally:
        evsim.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(arrays(found[0]), arrays(other), strict=True):
            np.testing.assert_array_equal(a, b)
        assert found[0].parameters.keys() == other.parameters.keys()
        for name, values in found[0].parameters.items():
            assert values == other.parameters[name]


def test_a_batch_is_the_sum_of_its_samples():
    net, given = network(), samples(6)
    tape = record(net, given, until=60.0)
    all_losses = losses(tape)
    together = tape.backward(**all_losses)
    total = 0.0
    for s, sample in enumerate(given):
        one = record(net, *sample, until=60.0)
        at, derivatives = all_losses["potentials"]["out"]
        alone = one.backward({"h": all_losses["spikes"]["h"][s]}, potentials={"out": (at[s], derivatives[s])})
        total = total + alone.weights["h"]
        np.testing.assert_allclose(alone.times["in"], together.times["in"][s], rtol=1e-12)
    np.testing.assert_allclose(together.weights["h"], total, rtol=1e-9, atol=1e-12)


def test_order_of_samples_does_not_matter_but_for_rounding():
    net, given = network(), samples(5)
    tape, back = record(net, given, until=60.0), record(net, given[::-1], until=60.0)
    rows = [np.ones(len(train)) for train in tape.trains("h")]
    a, b = tape.backward({"h": rows}), back.backward({"h": rows[::-1]})
    np.testing.assert_allclose(a.weights["h"], b.weights["h"], rtol=1e-10, atol=1e-12)


def test_silence_has_no_gradient():
    net = network()
    tape = record(net, [], [], until=5.0)
    gradients = tape.backward({"h": []})
    assert not np.any(gradients.weights["h"])
    assert not np.any(gradients.weights["out"])
    assert len(gradients.times["in"]) == 0


def test_a_grazing_spike_is_bounded():
    """One that rises to a hair above the threshold has a derivative without bound, but for `smallest_slope`."""
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(1, 1), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    low, high = 0.0, 12.0
    for _ in range(60):  # the smallest weight that makes a spike
        weight = 0.5 * (low + high)
        layer.weights = [[weight]]
        low, high = (low, weight) if len(net.infer([0], [0.0])) else (weight, high)
    layer.weights = [[high]]
    tape = record(net, [0], [0.0])
    assert len(tape.spikes["out"]) == 1
    steep = abs(tape.backward({"out": [1.0]}).weights["out"][0, 0])
    bounded = abs(tape.backward({"out": [1.0]}, smallest_slope=0.01).weights["out"][0, 0])
    assert steep > 1e4
    assert bounded < 50.0
    assert layer.weights[0, 0] == high


def test_a_probe_before_all_inputs_begins_the_run():
    def run(weight):
        net = evsim.SpikingNetwork(dtype="float64")
        neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=1.5)
        net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron, name="out")
        probe = evsim.Probe("out", times=[-7.0, 2.0])
        return record(net, [0], [1.0], until=20.0, record=probe)

    tape = run(9.0)
    n = len(tape.spikes["out"])
    gradient = tape.backward({"out": np.arange(1.0, n + 1.0)}).weights["out"][0, 0]
    times = [run(9.0 + step).spikes["out"].times for step in (1e-5, -1e-5)]
    assert gradient == pytest.approx(np.arange(1.0, n + 1.0) @ (times[0] - times[1]) / 2e-5, rel=1e-6)


def test_every_projection_has_a_name_of_its_own():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_input(2, name="x")
    for name in ("b", "b 1", "b (1)"):
        net.add_population(2, LIF, name=name)
    for name in ("b 1", "b", "b", "b (1)"):
        net.connect("x", name, evsim.Dense(2, 2))
    gradients = record(net, [0], [0.0], until=5.0).backward()
    assert len(gradients.weights) == 4
    assert list(gradients.weights)[:2] == ["x -> b 1", "x -> b"]


def test_runs_of_several_threads_keep_what_is_theirs():
    net, given = network(), samples(8)
    expected = [record(net, *sample, until=60.0).remembered("out", "maximum") for sample in given]

    def look(k):
        return record(net, *given[k % 8], until=60.0).remembered("out", "maximum")

    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(look, range(200))):
            np.testing.assert_array_equal(found, expected[k % 8])


def wrong(net, message, error, *args, **options):
    tape = record(net, samples(2), until=60.0)
    with pytest.raises(error, match=message):
        tape.backward(*args, **options)


def test_wrong_derivatives():
    net = network()
    wrong(net, "no population 'x'", errors.InvalidArgumentError, {"x": [[], []]})
    wrong(net, "2 samples", errors.ShapeMismatchError, {"h": [[1.0]]})
    wrong(net, "one derivative for each", errors.ShapeMismatchError, {"h": [[1.0], [1.0]]})
    wrong(net, "pair", errors.DTypeError, potentials={"out": 3.0})
    wrong(net, "shape", errors.ShapeMismatchError, potentials={"out": (np.zeros((2, 4)), np.zeros((2, 4)))})
    wrong(net, "finite", errors.NonFiniteError, potentials={"out": (np.full((2, 5), np.nan), np.ones((2, 5)))})
    wrong(net, "finite", errors.NonFiniteError, potentials={"out": (np.zeros((2, 5)), np.full((2, 5), np.inf))})
    wrong(net, "no mean", errors.NoSuchParameterError, means={"h": np.zeros((2, 70))})
    wrong(net, "has the parameters", errors.NoSuchParameterError, parameters={"h": "tau"})
    wrong(net, "no neurons", errors.NoSuchParameterError, parameters={"in": "tau_mem"})
    late = (np.full((2, 5), 99.0), np.ones((2, 5)))
    wrong(net, "within the run", errors.InvalidArgumentError, potentials={"out": late})
    wrong(net, "smallest_slope", errors.InvalidArgumentError, smallest_slope=-1.0)
    wrong(net, "numbers", errors.DTypeError, maxima={"out": [["a"] * 5] * 2})


def test_what_has_no_gradients_says_so():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(2, 2), evsim.AdEx(tau_syn=5.0))
    with pytest.raises(errors.UnsupportedError, match="AdEx"):
        record(net, [0], [0.0], until=5.0)
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(2, 2), LIF, kernel=evsim.rules.pair_stdp())
    with pytest.raises(errors.UnsupportedError, match="kernel"):
        record(net, [0], [0.0], until=5.0)
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(2, 2), LIF, name="h")
    net.add_drive("h", evsim.PoissonDrive(rate=1.0, weight=1.0, seed=1))
    with pytest.raises(errors.UnsupportedError, match="drives"):
        record(net, [0], [0.0], until=5.0)
    net = evsim.SpikingNetwork()
    net.add_population(2, LIF, name="h")
    net.connect("h", "h", evsim.Dense(2, 2))
    with pytest.raises(errors.UnsupportedError, match="a delay on every projection"):
        record(net, until=5.0)
    with pytest.raises(errors.DTypeError, match="SpikingNetwork"):
        record("net")


def test_parameters_of_which_a_neuron_has_several_say_so():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.MultiCompartmentLIF(tau_mem=[20.0, 15.0], tau_syn=5.0, coupling=[[0.0, 0.4], [0.3, 0.0]])
    net.add_layer(evsim.Dense(1, 2, weights=[[12.0], [11.0]]), neuron, name="out", port="soma")
    tape = record(net, [0], [0.0], until=20.0)
    for name in ("tau_mem", "coupling"):
        with pytest.raises(errors.UnsupportedError, match="several"):
            tape.backward(parameters={"out": name})


def test_a_mean_needs_an_end():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(2, 2), evsim.LI(tau_mem=20.0, tau_syn=5.0), name="out")
    tape = record(net, [0], [0.0])
    with pytest.raises(errors.InvalidArgumentError, match="until"):
        tape.backward(means={"out": [1.0, 1.0]})
