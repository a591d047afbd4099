"""Losses of numbers of spikes: values by counting, derivatives by their definition, and that they train."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.initializers import NormalInitializer
from evsim.learning import Adam, FiringRate, SpikeCountCrossEntropy, SpikeCountError, Trainer, record

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
SAMPLES = [
    evsim.SpikeArray([0, 1, 0, 1], [1.0, 2.0, 9.0, 14.0]),
    evsim.SpikeArray([1, 1, 0], [0.5, 3.0, 11.0]),
]
LOSSES = {
    "classes": (SpikeCountError("out", right=6.0, wrong=1.0), [0, 2]),
    "numbers": (SpikeCountError("out", reduction="sum"), [[1.0, np.nan, 2.0], [0.0, 5.0, 3.0]]),
    "in a region": (SpikeCountError("out", right=3.0, wrong=0.0, between=(6.0, 20.0)), [1, 0]),
    "cross-entropy": (SpikeCountCrossEntropy("out", scale=0.7), [1, 1]),
    "cross-entropy in a region": (SpikeCountCrossEntropy("out", between=(0.0, 12.0), reduction="sum"), [2, 0]),
}


def network():
    """The last of three outputs stays silent."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 3, weights=[[9.0, 2.0], [3.0, 10.0], [8.0, 8.0]]), LIF, name="hidden")
    weights = [[6.0, 1.0, 4.0], [-2.0, 7.0, 5.0], [0.5, 0.4, 0.3]]
    net.add_layer(evsim.Dense(3, 3, weights=weights), LIF, name="out", delay=0.5)
    return net


def counted(train, between):
    first, last = between or (-math.inf, math.inf)
    return np.array([sum(1 for spike in train if spike.index == n and first <= spike.time < last) for n in range(3)])


def height(net, sample, first, last):
    """When the silent neuron's potential is highest, among a hundred times."""
    probe = evsim.Probe("out", np.linspace(first, last, 100), neurons=[2])
    net.infer(SAMPLES[sample], until=30.0, record=probe)
    return probe.times[probe.values.argmax()]


def by_definition(loss, targets, counts):
    """Value and derivatives by counts, shape (n_samples, n_neurons), from the formulas of the docstrings."""
    share = 1.0 / len(counts) if loss.reduction == "mean" else 1.0
    if isinstance(loss, SpikeCountCrossEntropy):
        powers = np.exp(loss.scale * counts)
        right = np.eye(3)[targets]
        probability = powers / powers.sum(axis=1, keepdims=True)
        return -share * np.sum(right * np.log(probability)), share * loss.scale * (probability - right)
    if loss.right is not None:
        targets = np.where(np.eye(3)[targets] == 1.0, loss.right, loss.wrong)
    error = np.nan_to_num(counts - np.asarray(targets))
    return 0.5 * share * np.sum(error**2), share * error


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_what_its_definition_says(name):
    """Potentials just before the spikes that count, at fixed times, by probes of changed networks."""
    loss, targets = LOSSES[name]
    net = network()
    tape = record(net, SAMPLES, until=30.0)
    trains = tape.spikes["out"]
    counts = np.array([counted(train, loss.between) for train in trains])
    assert counts[:, :2].all()
    assert not counts[:, 2].any()
    value, by_counts = by_definition(loss, targets, counts)
    found = loss(tape, targets)
    assert found.value == pytest.approx(value, rel=1e-13)
    if name == "numbers":
        assert found.scores is None
    else:
        np.testing.assert_array_equal(found.scores, counts)
    first, last = loss.between or (0.0, 30.0)
    looks = []  # sample, neuron, time, derivative
    for s, train in enumerate(trains):
        looks += [(s, k.index, k.time, by_counts[s, k.index]) for k in train if first <= k.time < last]
        if by_counts[s, 2] < 0.0:
            neurons, times, _ = found.potentials["out"][s]
            at = times[neurons == 2].item()
            assert at == pytest.approx(height(net, s, first, last), abs=0.3)
            looks.append((s, 2, at, by_counts[s, 2]))

    def raised(layer, weights, before):
        """The sum of all potentials, times their derivatives, a little before their times."""
        net[layer].weights = weights
        total = 0.0
        for s, sample in enumerate(SAMPLES):
            mine = sorted((t - before, n, d) for k, n, t, d in looks if k == s)
            probe = evsim.Probe("out", [t for t, _, _ in mine])
            net.infer(sample, until=30.0, record=probe)
            total += sum(d * probe.values[k, n] for k, (_, n, d) in enumerate(mine))
        return total

    gradients = found.backward(tape)
    for layer, shape in (("hidden", (3, 2)), ("out", (3, 3))):
        weights = np.array(net[layer].weights)
        for where in np.ndindex(shape):
            step = np.zeros(shape)
            step[where] = 1e-6
            near, far = (
                (raised(layer, weights + step, before) - raised(layer, weights - step, before)) / 2e-6
                for before in (1e-4, 2e-4)
            )
            net[layer].weights = weights
            assert gradients.weights[layer][where] == pytest.approx(2.0 * near - far, rel=2e-5, abs=1e-6), where


def test_neurons_that_may_fire_as_they_like_get_no_derivative():
    tape = record(network(), SAMPLES, until=30.0)
    found = SpikeCountError("out")(tape, [np.nan, np.nan, 0.0])
    assert found.value == 0.0
    for neurons, _, derivatives in found.potentials["out"]:
        assert len(neurons) == len(derivatives) == 0


def test_bounds_of_rates_are_counts_with_targets():
    """One sample: where a rate is out of bounds, the derivatives of both losses are the same."""
    tape = record(network(), SAMPLES[:1], until=30.0)
    counts = counted(tape.spikes["out"][0], None)
    bounded = FiringRate("out", low=1.0, high=1.0, strength=1.0)(tape)
    wanted = SpikeCountError("out")(tape, np.ones(3))
    assert counts[0] > 1
    assert bounded.value == wanted.value
    a, b = bounded.backward(tape), wanted.backward(tape)
    np.testing.assert_array_equal(a.weights["hidden"], b.weights["hidden"])
    np.testing.assert_array_equal(a.weights["out"], b.weights["out"])


def data(n, seed):
    """Two of four inputs fire early; which of them says the class."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, n)
    samples = []
    for label in classes:
        times = rng.uniform(0.0, 25.0, 20)
        order = np.argsort(times)
        active = rng.random(20) < 0.75
        inputs = np.where(active, 2 * label, 2 * (1 - label)) + rng.integers(0, 2, 20)
        samples.append(evsim.SpikeArray(inputs[order], times[order]))
    return samples, classes


@pytest.mark.parametrize(
    "loss", [SpikeCountError("out", right=5, wrong=1), SpikeCountCrossEntropy("out", scale=0.5)], ids=["error", "cross"]
)
def test_training_by_counts_converges(loss):
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 30, NormalInitializer(1.5, 1.0)), LIF, name="hidden")
    net.add_layer(evsim.Dense(30, 2, NormalInitializer(0.3, 0.3)), LIF, name="out")
    trainer = Trainer(net, loss, Adam(net, lr=0.01), until=50.0, smallest_slope=0.02)
    before = trainer.evaluate(data(300, 3))
    trainer.fit(data(500, 1), epochs=6, validation=data(100, 2))
    after = trainer.evaluate(data(300, 3))
    assert after[0] < 0.5 * before[0]
    assert after[1] > 0.97  # one that counts itself is right in 99 of 100: the more active pair may fire less often


def test_counts_come_to_their_targets():
    """One sample, its numbers of spikes as targets far from where it begins: one too many, one silent."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 2, weights=[[20.0, 20.0], [1.0, 1.0]]), LIF, name="out")
    optimizer, loss = Adam(net, lr=0.2), SpikeCountError("out")
    for _ in range(400):
        tape = record(net, SAMPLES[:1], until=30.0)
        found = loss(tape, [2.0, 4.0])
        if found.value == 0.0:
            break
        optimizer.step(found.backward(tape, smallest_slope=0.02))
    assert found.value == 0.0


def test_numbers_of_spikes_as_targets_train_without_an_accuracy():
    """As many samples as neurons: an accuracy would compare classes with numbers of spikes."""
    net = network()
    trainer = Trainer(net, SpikeCountError("out"), Adam(net, lr=0.01), until=30.0)
    for targets in (np.ones((2, 3)), [[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]]):
        epoch = trainer.fit((SAMPLES, targets), epochs=len(trainer.epochs) + 1)[-1]
        assert math.isnan(epoch.accuracy)


def test_wrong_arguments():
    tape = record(network(), SAMPLES, until=30.0)
    with pytest.raises(errors.ShapeMismatchError, match="right= and wrong="):
        SpikeCountError("out")(tape, np.zeros(7))
    with pytest.raises(errors.ShapeMismatchError, match="one class"):
        SpikeCountError("out", right=3, wrong=1)(tape, [0.0, 1.0])
    for make in (
        lambda: SpikeCountError("out", right=3),
        lambda: SpikeCountError("out", right=1, wrong=3),
        lambda: SpikeCountError("out", between=(3.0, 3.0)),
        lambda: SpikeCountError("out", reduction="none"),
        lambda: SpikeCountCrossEntropy("out", scale=0.0),
        lambda: SpikeCountCrossEntropy("out", between=(3.0, math.nan)),
    ):
        with pytest.raises(errors.InvalidArgumentError):
            make()
