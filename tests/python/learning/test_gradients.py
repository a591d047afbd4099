"""Exact gradients against central differences of whole runs: random graphs, every linear model."""

from __future__ import annotations

import numpy as np
import pytest
from finite_differences import OtherSpikesError, derivative, random_loss

import evsim
from evsim.learning import record
from evsim.neurons import CurrentAdaptation, DoubleExponential, Exponential, Linear, ThresholdAdaptation

N_INPUTS, N_A, N_B, N_SPIKES, UNTIL = 5, 6, 4, 20, 18.0


def heterogeneous(rng):
    return evsim.LIF(
        tau_mem=rng.uniform(5.0, 20.0, N_A), tau_syn=rng.uniform(3.0, 8.0, N_A), threshold=rng.uniform(0.8, 1.2, N_A)
    )


def plain(**values):
    return lambda rng: evsim.LIF(**{"tau_mem": 12.0, "tau_syn": 5.0, **values})


def ports(rng):
    return Linear(
        synapses={"fast": Exponential(3.0), "slow": DoubleExponential(2.0, 9.0)},
        tau_mem=12.0,
        adaptation=[ThresholdAdaptation(tau=20.0, jump=0.2), CurrentAdaptation(tau=15.0, jump=0.1, coupling=0.3)],
    )


# Neurons of population a, how strong its input is, and by which parameters to derive.
CASES = {
    "lif": (plain(v_rest=0.1, bias=0.05, v_init=0.0), 3.0, "tau_mem tau_syn threshold bias v_rest v_init i_init"),
    "equal": (plain(tau_mem=8.0, tau_syn=8.0), 2.0, "tau_mem tau_syn"),
    "each its own": (heterogeneous, 3.0, "tau_mem tau_syn threshold"),
    "refractory": (plain(refractory=1.5, reset=-0.2), 3.0, "tau_mem tau_syn refractory reset threshold"),
    "driven": (plain(bias=1.4, reset=0.1), 1.0, "tau_mem bias reset threshold"),
    "alpha": (lambda rng: evsim.LIFAlpha(tau_mem=12.0, tau_syn=3.0, refractory=0.7), 3.0, "tau_mem tau_syn refractory"),
    "alif": (lambda rng: evsim.ALIF(tau_mem=12.0, tau_syn=5.0, tau_adaptation=30.0, jump=0.2), 3.0, "tau_mem jump"),
    "ports": (ports, 3.0, "tau_mem adaptation.0.tau adaptation.0.jump adaptation.1.tau adaptation.1.coupling"),
    "delta": (lambda rng: evsim.LIFDelta(tau_mem=12.0), 0.7, "tau_mem threshold"),
    "delta, refractory": (lambda rng: evsim.LIFDelta(tau_mem=12.0, refractory=0.8), 0.7, "tau_mem refractory"),
    "no leak": (lambda rng: evsim.IAFDelta(), 0.5, "threshold"),
}
cases = pytest.mark.parametrize("case", CASES)
seeds = pytest.mark.parametrize("seed", range(2))


class Graph:
    """Two populations that feed each other and themselves, with all kinds of delays."""

    def __init__(self, case: str, seed: int) -> None:
        make, strength, names = CASES[case]
        rng = np.random.default_rng([7, seed, list(CASES).index(case)])
        self.neuron, self.names = make(rng), names.split()
        self.times = np.sort(rng.uniform(0.0, 15.0, N_SPIKES))
        self.indices = rng.integers(0, N_INPUTS, N_SPIKES)
        sparse = rng.random((N_A, N_B)) < 0.6
        self.pairs = np.nonzero(sparse.T)
        s = strength
        self.weights = [
            rng.normal(s, s, (N_A, N_INPUTS)),
            rng.normal(s, s, (N_B, N_A)),
            rng.normal(-s / 2, s, len(self.pairs[0])),
            rng.normal(0.0, s / 2, (N_A, N_A)),
        ]
        self.delays = [0.0, rng.uniform(0.5, 2.0, (N_B, N_A)), 1.3, rng.uniform(0.3, 1.0, N_A)]

    def run(self):
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_input(N_INPUTS, name="in")
        net.add_population(N_A, self.neuron, name="a")
        net.add_population(N_B, evsim.LIF(tau_mem=15.0, tau_syn=4.0), name="b")
        connections = [
            evsim.Dense(N_INPUTS, N_A),
            evsim.Dense(N_A, N_B),
            evsim.Sparse(N_B, N_A, sources=self.pairs[0], targets=self.pairs[1]),
            evsim.Dense(N_A, N_A),
        ]
        ends = [("in", "a"), ("a", "b"), ("b", "a"), ("a", "a")]
        for k, ((source, target), connection) in enumerate(zip(ends, connections, strict=True)):
            port = 1 if target == "a" and source == "b" and isinstance(self.neuron, Linear) else None
            if target == "a" and source != "b" and isinstance(self.neuron, Linear):
                port = "fast"
            projection = net.connect(source, target, connection, delay=self.delays[k], port=port)
            projection.weights = self.weights[k]
        return record(net, self.indices, self.times, until=UNTIL)


KEYS = ("in -> a", "a -> b", "b -> a", "a -> a")


def compare(graph, expected, found, scale, what):
    """Return whether there was something to compare."""
    if expected is None:
        return False
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale), what
    return True


@seeds
@cases
def test_derivatives_are_central_differences(case, seed):
    graph = Graph(case, seed)
    tape = graph.run()
    trains = {name: tape.spikes[name] for name in ("a", "b")}
    assert len(trains["a"]) >= 5
    rng = np.random.default_rng(seed)
    losses = {name: random_loss(rng, len(train)) for name, train in trains.items()}
    by_spikes = {name: losses[name][1](train.times) for name, train in trains.items()}
    gradients = tape.backward(by_spikes, parameters={"a": graph.names})
    n_compared = 0

    def loss_after(change):
        def loss(step):
            change(step)
            try:
                after = graph.run()
            finally:
                change(-step)
            if any(not np.array_equal(after.spikes[name].indices, train.indices) for name, train in trains.items()):
                raise OtherSpikesError
            return sum(losses[name][0](after.spikes[name].times) for name in trains)

        return derivative(loss)

    def add_to(array, at):
        def change(step):
            array[at] += step

        return change

    for k, key in enumerate(KEYS):
        by_weights = gradients.weights[key]
        scale = float(np.abs(by_weights).max())
        at = tuple(rng.integers(n) for n in by_weights.shape)
        n_compared += compare(graph, loss_after(add_to(graph.weights[k], at)), by_weights[at], scale, (key, at))
        by_delays = gradients.delays[key]
        if np.ndim(by_delays):
            at = tuple(rng.integers(n) for n in by_delays.shape)
            expected = loss_after(add_to(graph.delays[k], at))
            n_compared += compare(graph, expected, by_delays[at], float(np.abs(by_delays).max()), (key, "delay", at))
    k = rng.integers(N_SPIKES)
    by_times = gradients.times["in"]
    n_compared += compare(graph, loss_after(add_to(graph.times, k)), by_times[k], float(np.abs(by_times).max()), "time")
    for name in graph.names:
        n_compared += compare(graph, by_neuron(graph, name, loss_after), *of_neuron(gradients, name), name)
    assert n_compared >= 4


def of_neuron(gradients, name):
    """The derivative by a parameter, of neurons with one each that of neuron 2; and how large such ones are."""
    value = gradients.parameters["a"][name]
    scale = max(1e-2, float(np.abs(value).max()))
    return (value[2] if np.ndim(value) else value), scale


def by_neuron(graph, name, loss_after):
    """The derivative by a parameter of the neurons by differences."""
    from evsim.learning.systems import changed

    original = graph.neuron
    total = 0.0

    def change(step):
        nonlocal total
        total += step

        def moved(old):
            if np.ndim(old) == 0:
                return old + total
            new = np.array(old)
            new[2] += total
            return new

        graph.neuron = original if total == 0.0 else changed(original, name, moved)

    found = loss_after(change)
    graph.neuron = original
    return found


def test_a_term_left_out_is_seen():
    """The negative control: without what spikes say of those before them, gradients are wrong."""
    graph = Graph("lif", 0)
    tape = graph.run()
    times = tape.spikes["b"].times
    value, slopes = random_loss(np.random.default_rng(0), len(times))
    gradients = tape.backward({"b": slopes(times)})
    at = np.unravel_index(np.abs(gradients.weights["in -> a"]).argmax(), (N_A, N_INPUTS))

    def loss(step):
        graph.weights[0][at] += step
        after = graph.run()
        graph.weights[0][at] -= step
        if not np.array_equal(after.spikes["b"].indices, tape.spikes["b"].indices):
            raise OtherSpikesError
        return value(after.spikes["b"].times)

    expected = derivative(loss)
    assert gradients.weights["in -> a"][at] == pytest.approx(expected, rel=1e-6)
    # The loss by the spikes of a alone, as if these did not come to b by way of a itself.
    without = tape.backward({"a": gradients.times["a"]}).weights["in -> a"][at]
    assert without != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_and_pooling(transposed, groups):
    rng = np.random.default_rng([3, transposed, groups])
    shape = (2, 5, 6)
    times, indices = np.sort(rng.uniform(0.0, 10.0, 40)), rng.integers(0, 60, 40)
    kind = evsim.ConvTranspose2d if transposed else evsim.Conv2d
    options = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "groups": groups}
    weights = None
    pixels = None

    def run():
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_input(shape, name="in")
        layer = net.add_layer(kind(4, **options), evsim.LIF(tau_mem=15.0, tau_syn=5.0), name="conv", delay=0.4)
        net.add_layer(evsim.Pool2d(2, mode="or"), name="pool")
        net.add_layer(
            evsim.Pool2d((1, 2), mode="sum", weight=3.0),
            evsim.LIF(tau_mem=15.0, tau_syn=5.0, threshold=0.5),
            name="out",
        )
        nonlocal weights
        if weights is None:
            weights = rng.normal(4.0, 2.0, layer.weights.shape)
        layer.weights = weights
        return record(net, indices, times if pixels is None else pixels, until=UNTIL)

    tape = run()
    out = tape.spikes["out"]
    assert len(out) >= 3
    value, slopes = random_loss(rng, len(out))
    gradients = tape.backward({"out": slopes(out.times)})
    trains = {name: tape.spikes[name].indices for name in ("conv", "pool", "out")}

    def loss(array, at):
        def changed(step):
            array[at] += step
            after = run()
            array[at] -= step
            if any(not np.array_equal(after.spikes[name].indices, train) for name, train in trains.items()):
                raise OtherSpikesError
            return value(after.spikes["out"].times)

        return derivative(changed)

    by_weights = gradients.weights["conv"]
    assert by_weights.shape == weights.shape
    scale, n_compared = float(np.abs(by_weights).max()), 0
    for flat in rng.permutation(weights.size)[:8]:
        at = np.unravel_index(flat, weights.shape)
        n_compared += compare(None, loss(weights, at), by_weights[at], scale, at)
    pixels = times
    for k in rng.integers(0, 40, 3):
        n_compared += compare(None, loss(pixels, k), gradients.times["in"][k], 1.0, k)
    assert n_compared >= 6


@pytest.mark.parametrize("kind", ["maximum", "mean", "at times"])
@pytest.mark.parametrize("tau_syn", [5.0, 20.0])
def test_readouts(kind, tau_syn):
    rng = np.random.default_rng([11, int(tau_syn)])
    weights = [rng.normal(3.0, 2.0, (8, 4)), rng.normal(0.5, 1.0, (3, 8))]
    times, indices = np.sort(rng.uniform(0.0, 12.0, 15)), rng.integers(0, 4, 15)
    derivatives, asked = rng.normal(size=3), rng.uniform(3.0, 20.0, (2, 3))
    at_times = rng.normal(size=(2, 3))
    train = None

    def run():
        nonlocal train
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_input(4, name="in")
        for k, neuron in enumerate(
            (evsim.LIF(tau_mem=20.0, tau_syn=5.0), evsim.LI(tau_mem=20.0, tau_syn=tau_syn, bias=0.1))
        ):
            layer = net.add_layer(evsim.Dense(*weights[k].shape[::-1]), neuron, name="h" if k == 0 else "out")
            layer.weights = weights[k]
        tape = record(net, indices, times, until=20.0)
        if kind == "at times":
            probe = evsim.Probe("out", times=np.unique(asked))
            net.infer(indices, times, until=20.0, record=probe)
            rows = np.searchsorted(np.unique(asked), asked)
            value = float(np.sum(at_times * probe.values[rows, np.arange(3)]))
        else:
            value = float(derivatives @ tape.remembered("out", kind)[0])
        train = tape.spikes["h"].indices if train is None else train
        if not np.array_equal(tape.spikes["h"].indices, train):
            raise OtherSpikesError
        return tape, value

    tape, _ = run()
    if kind == "maximum":
        seeds = {"maxima": {"out": derivatives}}
    elif kind == "mean":
        seeds = {"means": {"out": derivatives}}
    else:
        seeds = {"potentials": {"out": (asked, at_times)}}
    gradients = tape.backward(**seeds)
    n_compared = 0
    for k, name in enumerate(("h", "out")):
        by_weights = gradients.weights[name]
        for _ in range(4):
            at = tuple(rng.integers(n) for n in by_weights.shape)

            def changed(step, k=k, at=at):
                weights[k][at] += step
                try:
                    return run()[1]
                finally:
                    weights[k][at] -= step

            scale = float(np.abs(by_weights).max())
            n_compared += compare(None, derivative(changed), by_weights[at], scale, (name, at))
    assert n_compared >= 6
