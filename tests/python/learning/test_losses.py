"""Losses: values from their definitions, derivatives by differences of the times and potentials that they look at."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import (
    FiringRate,
    FirstSpikeError,
    ReadoutCrossEntropy,
    SpikeCountError,
    TimeToFirstSpike,
    VanRossum,
    record,
)

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)


class Tape:
    """Spikes and potentials as a loss sees them, without a network."""

    def __init__(self, trains, n_neurons, until=50.0, **remembered):
        self._trains, self._n, self.until, self._remembered = trains, n_neurons, until, remembered
        self._spikes, self._rows = {"out": trains}, {}

    def __len__(self):
        return len(self._trains)

    def trains(self, name):
        return self._trains

    def n_neurons(self, name):
        return self._n

    def _name(self, name):
        return name

    in_a_row, first_spikes = evsim.learning.Tape.in_a_row, evsim.learning.Tape.first_spikes

    @property
    def starts(self):
        return np.zeros(len(self))

    def potentials(self, name, times, samples, neurons):
        """Highest at 7.3, of all neurons."""
        bump = -((times - 7.3) ** 2)
        return np.broadcast_to(bump[None, :, None], (len(samples), len(times), len(neurons)))

    def remembered(self, name, kind):
        return np.asarray(self._remembered[kind])


def trains(seed, n_samples=4, n_neurons=3, n_spikes=5):
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n_samples):
        n = rng.integers(0, n_spikes + 1)
        out.append(evsim.SpikeArray(rng.integers(0, n_neurons, n), np.sort(rng.uniform(0.0, 30.0, n))))
    return out


def moved(train, k, step):
    times = train.times.copy()
    times[k] += step
    return evsim.SpikeArray(train.indices, times)


def check_by_spikes(loss, given, n_neurons, targets):
    """Every derivative by a spike time against a central difference, where no two spikes change places."""
    found = loss(Tape(given, n_neurons), targets)
    rows = found.spikes["out"]
    if isinstance(rows, np.ndarray):
        rows = np.split(rows, np.cumsum([len(train) for train in given])[:-1])
    step = 1e-5
    for s, train in enumerate(given):
        for k in range(len(train)):
            around = []
            for sign in (1.0, -1.0):
                changed = [*given[:s], moved(train, k, sign * step), *given[s + 1 :]]
                around.append(loss(Tape(changed, n_neurons), targets).value)
            assert rows[s][k] == pytest.approx((around[0] - around[1]) / (2 * step), rel=1e-6, abs=1e-8), (s, k)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("seed", range(4))
def test_time_to_first_spike(seed, reduction):
    loss = TimeToFirstSpike("out", tau=3.0, early=0.1, early_tau=20.0, reduction=reduction)
    given = trains(seed)
    check_by_spikes(loss, given, 3, np.array([0, 1, 2, 0]))


def test_time_to_first_spike_is_its_definition():
    given = [evsim.SpikeArray([1, 0, 1], [2.0, 5.0, 6.0])]
    found = TimeToFirstSpike("out", tau=4.0, early=0.5, early_tau=10.0)(Tape(given, 3, until=20.0), [0])
    powers = [math.exp(-t / 4.0) for t in (5.0, 2.0, 20.0)]
    expected = -math.log(powers[0] / sum(powers)) + 0.5 * (math.exp(0.5) - 1.0)
    assert found.value == pytest.approx(expected, rel=1e-14)
    np.testing.assert_array_equal(found.scores.argmax(axis=1), [1])


def test_a_silent_right_neuron_is_raised():
    given = [evsim.SpikeArray([1], [2.0]), evsim.SpikeArray([0], [3.0])]
    found = TimeToFirstSpike("out", revive=2.0, reduction="sum")(Tape(given, 2, until=20.0), [0, 0])
    (neurons, times, derivatives), nothing = found.potentials["out"]
    np.testing.assert_array_equal(neurons, [0])
    np.testing.assert_allclose(times, [7.3], atol=0.1)  # of a grid of 100 times
    assert derivatives[0] == pytest.approx(-2.0, rel=1e-6)  # one minus a probability of e^-18
    assert len(nothing[0]) == 0
    assert not TimeToFirstSpike("out", revive=0.0)(Tape(given, 2, until=20.0), [0, 0]).potentials


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (TimeToFirstSpike("out"), [0, 1]),
        (FirstSpikeError("out"), [10.0, np.nan]),
        (FiringRate("out", low=1.0), None),
        (SpikeCountError("out"), [1.0, 1.0]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_silent_neurons_are_raised_where_they_are_highest(loss, targets):
    """Against a fine probe; at a maximum some of what arrives is to come later and some earlier."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 2, weights=[[9.0, 1.0], [2.0, 8.0]]), LIF, name="hidden")
    net.add_layer(evsim.Dense(2, 2, weights=[[1.5, 2.5], [1.0, 2.0]]), LIF, name="out", delay=1.5)
    samples = [evsim.SpikeArray([0, 1], [1.0, 2.0]), evsim.SpikeArray([1, 0], [1.0, 4.0])]
    fine = evsim.Probe("out", np.linspace(0.0, 60.0, 60_001))
    assert len(net.infer(samples, until=60.0, record=fine)[0]) == 0
    tape = record(net, samples, until=60.0)
    value = loss(tape, targets)
    for s, (neurons, times, derivatives) in enumerate(value.potentials["out"]):
        assert len(neurons)
        assert np.all(derivatives < 0.0)
        np.testing.assert_allclose(times, fine.times[fine.values[s, :, neurons].argmax(axis=1)], atol=0.31)
    gradients = value.backward(tape)
    for by_times in gradients.times["hidden"]:
        assert by_times.min() < 0.0 < by_times.max()  # after the maximum, all are told to come later
    assert np.all(gradients.weights["out"][0] < 0.0)


@pytest.mark.parametrize("seed", range(4))
def test_first_spike_error(seed):
    targets = np.random.default_rng(seed).uniform(0.0, 30.0, (4, 3))
    targets[0, 1] = np.nan
    check_by_spikes(FirstSpikeError("out"), trains(seed), 3, targets)


@pytest.mark.parametrize("seed", range(4))
def test_van_rossum(seed):
    check_by_spikes(VanRossum("out", tau=4.0), trains(seed), 3, trains(seed + 100))


def test_van_rossum_is_its_integral():
    mine, there = np.array([2.0, 5.0, 5.5]), np.array([3.0, 9.0])
    loss = VanRossum("out", tau=3.0)
    found = loss(Tape([evsim.SpikeArray([0] * 3, mine)], 1), [evsim.SpikeArray([0] * 2, there)])
    grid = np.arange(0.0, 120.0, 1e-3) + 5e-4

    def filtered(times):
        return sum(np.where(grid > t, np.exp(-(grid - t) / 3.0), 0.0) for t in times)

    integral = np.sum((filtered(mine) - filtered(there)) ** 2) * 1e-3 / 3.0
    assert found.value == pytest.approx(integral, rel=1e-3)
    same = loss(Tape([evsim.SpikeArray([0] * 3, mine)], 1), [evsim.SpikeArray([0] * 3, mine)])
    assert same.value == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(same.spikes["out"][0], 0.0, atol=1e-12)


@pytest.mark.parametrize("at", ["maximum", "mean"])
def test_readout_cross_entropy(at):
    potentials = np.random.default_rng(1).normal(size=(5, 4))
    targets, loss = np.array([0, 1, 2, 3, 0]), ReadoutCrossEntropy("out", at=at, scale=1.7)

    def value(potentials):
        tape = Tape([None] * 5, 4, **{at: potentials, "maximum_time": np.ones((5, 4))})
        return loss(tape, targets)

    found = value(potentials)
    powers = np.exp(1.7 * potentials)
    expected = -np.log(powers[np.arange(5), targets] / powers.sum(axis=1)).mean()
    assert found.value == pytest.approx(expected, rel=1e-13)
    derivatives = {"maximum": found.maxima, "mean": found.means}[at]["out"]
    for where in np.ndindex(5, 4):
        step = np.zeros((5, 4))
        step[where] = 1e-5
        difference = (value(potentials + step).value - value(potentials - step).value) / 2e-5
        assert derivatives[where] == pytest.approx(difference, rel=1e-6, abs=1e-9)


def readout():
    """Two hidden neurons and three readouts, one of them through a delay."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 2, weights=[[9.0, 1.0], [2.0, 8.0]]), LIF, name="hidden")
    weights = [[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]]
    net.add_layer(evsim.Dense(2, 3, weights=weights), evsim.LI(tau_mem=20.0, tau_syn=5.0), name="out", delay=1.5)
    return net, [evsim.SpikeArray([0, 1, 0], [1.0, 2.0, 6.0]), evsim.SpikeArray([1, 0, 1], [1.0, 3.0, 6.0])]


def test_readout_cross_entropy_at_a_time():
    """Value from a probe, derivatives by differences of whole runs."""
    net, samples = readout()
    loss, targets = ReadoutCrossEntropy("out", at=17.0, scale=3.0), np.array([1, 2])

    def value(weights):
        net["out"].weights = weights
        probe = evsim.Probe("out", [17.0])
        net.infer(samples, until=25.0, record=probe)
        powers = np.exp(3.0 * probe.values[:, 0])
        return -np.log(powers[[0, 1], targets] / powers.sum(axis=1)).mean()

    weights = np.array(net["out"].weights)
    tape = record(net, samples, until=25.0)
    found = loss(tape, targets)
    assert found.value == pytest.approx(value(weights), rel=1e-12)
    gradient = found.backward(tape).weights["out"]
    for where in np.ndindex(3, 2):
        step = np.zeros((3, 2))
        step[where] = 1e-5
        difference = (value(weights + step) - value(weights - step)) / 2e-5
        assert gradient[where] == pytest.approx(difference, rel=1e-7, abs=1e-10)


def test_potentials_of_a_tape_are_those_of_a_probe():
    net, samples = readout()
    tape, probe = record(net, samples), evsim.Probe("out", [3.0, 9.0, 12.0])
    found = tape.potentials("out", [3.0, 9.0, 12.0])
    net.infer(samples, record=probe)
    np.testing.assert_array_equal(found, probe.values)
    np.testing.assert_array_equal(record(net, samples[1]).potentials("out", [9.0]), found[1:, 1:2])


def test_firing_rates_between_bounds_cost_nothing():
    given = [evsim.SpikeArray([0, 0, 0, 1], [1.0, 2.0, 3.0, 4.0]), evsim.SpikeArray([0, 1], [1.0, 2.0])]
    found = FiringRate("out", low=0.5, high=1.5, strength=2.0)(Tape(given, 3, until=9.0), None)
    assert found.value == pytest.approx(0.5**2 + 0.5**2)  # neuron 0 fires twice, neuron 1 once, neuron 2 never
    neurons, times, derivatives = found.potentials["out"][0]
    np.testing.assert_array_equal(neurons, [0, 0, 0, 2])
    np.testing.assert_allclose(times, [1.0, 2.0, 3.0, 7.3], atol=0.05)
    assert np.all(times[:3] < [1.0, 2.0, 3.0])
    np.testing.assert_allclose(derivatives, [0.5, 0.5, 0.5, -0.5])


def test_a_neuron_that_fires_too_little_wakes_up():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(1, 1, weights=[[4.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    samples, rate = [evsim.SpikeArray([0], [0.0])], FiringRate("out", low=1.0)
    optimizer = evsim.learning.SGD(net, lr=5.0)
    for _ in range(50):
        tape = record(net, samples, until=12.0)
        if len(tape.trains("out")[0]):
            break
        optimizer.step(rate(tape).backward(tape))
    assert len(tape.trains("out")[0]) == 1
    assert 4.0 < layer.weights[0, 0] < 8.0


def test_losses_add_and_scale():
    given, targets = trains(3), np.array([0, 1, 2, 0])
    tape = Tape(given, 3)
    a, b = TimeToFirstSpike("out")(tape, targets), FiringRate("out", low=2.0)(tape)
    both = a + 3.0 * b
    assert both.value == pytest.approx(a.value + 3.0 * b.value)
    np.testing.assert_allclose(both.per_sample, a.per_sample + 3.0 * b.per_sample)
    np.testing.assert_array_equal(both.spikes["out"], a.spikes["out"])
    for s in range(4):
        n = len(a.potentials["out"][s][0]) if a.potentials else 0
        np.testing.assert_allclose(both.potentials["out"][s][2][n:], 3.0 * b.potentials["out"][s][2])
    assert both.scores is a.scores


def test_wrong_targets():
    tape = Tape(trains(1), 3)
    for targets in ([0, 1], [0.5] * 4, [[0]] * 4):
        with pytest.raises(errors.ShapeMismatchError):
            TimeToFirstSpike("out")(tape, targets)
    with pytest.raises(errors.InvalidArgumentError, match="from 0 to 2"):
        TimeToFirstSpike("out")(tape, [0, 1, 2, 3])
    with pytest.raises(errors.ShapeMismatchError):
        FirstSpikeError("out")(tape, np.zeros(7))
    with pytest.raises(errors.ShapeMismatchError):
        VanRossum("out", tau=1.0)(tape, trains(1)[:2])
    with pytest.raises(errors.InvalidArgumentError, match="until"):
        TimeToFirstSpike("out")(Tape(trains(1), 3, until=math.inf), [0, 1, 2, 0])
    with pytest.raises(errors.InvalidArgumentError, match="none of a run that ends at 50"):
        SpikeCountError("out", between=(60.0, 70.0))(tape, np.ones(3))
    for make in (
        lambda: TimeToFirstSpike("out", tau=0.0),
        lambda: VanRossum("out", tau=-1.0),
        lambda: FiringRate("out", low=3.0, high=2.0),
        lambda: ReadoutCrossEntropy("out", at="end"),
        lambda: FirstSpikeError("out", reduction="none"),
    ):
        with pytest.raises(errors.InvalidArgumentError):
            make()
    with pytest.raises(errors.NonFiniteError, match="at must be finite"):
        ReadoutCrossEntropy("out", at=math.inf)
