"""Training: it learns, it stops, it goes on to the bit from where a process was killed."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.initializers import NormalInitializer
from evsim.learning import Adam, DelayBounds, TimeToFirstSpike, Trainer, VanRossum

NEURON = evsim.LIF(tau_mem=20.0, tau_syn=5.0)


def data(n, seed):
    numbers = np.random.default_rng(seed).uniform(size=(n, 2))
    times = 20.0 * np.hstack([numbers, 1.0 - numbers])
    order = times.argsort(axis=1)
    samples = [evsim.SpikeArray(k, t[k]) for k, t in zip(order, times, strict=True)]
    return samples, (numbers[:, 0] > numbers[:, 1]).astype(int)


def trainer(**options):
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 20, NormalInitializer(2.0, 1.5)), NEURON, name="hidden")
    net.add_layer(evsim.Dense(20, 2, NormalInitializer(1.2, 0.4)), NEURON, name="out", delay=1.0)
    loss = TimeToFirstSpike("out", early=0.1, early_tau=10.0)
    return Trainer(net, loss, Adam(net, lr=0.01), until=50.0, smallest_slope=0.02, **options)


def weights(one):
    return [np.array(projection.weights) for projection in one.net.projections]


def test_it_learns_to_compare_two_numbers():
    one = trainer()
    before = one.evaluate(data(300, 3))
    epochs = one.fit(data(600, 1), epochs=5, validation=data(200, 2))
    after = one.evaluate(data(300, 3))
    assert [epoch.number for epoch in epochs] == [1, 2, 3, 4, 5]
    assert after[0] < 0.85 * before[0]
    assert after[1] > 0.93
    samples, classes = data(300, 3)
    assert np.mean(one.predict(samples) == classes) == pytest.approx(after[1])


def test_a_checkpoint_goes_on_to_the_bit(tmp_path):
    whole = trainer(schedule=lambda epoch: 0.9**epoch)
    whole.fit(data(100, 1), epochs=4, validation=data(50, 2))
    path = tmp_path / "training.npz"
    first = trainer(schedule=lambda epoch: 0.9**epoch)
    first.fit(data(100, 1), epochs=2, validation=data(50, 2), checkpoint=path)
    second = trainer(schedule=lambda epoch: 0.9**epoch)
    epochs = second.fit(data(100, 1), epochs=4, validation=data(50, 2), checkpoint=path)
    assert epochs == whole.epochs
    for a, b in zip(weights(whole), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_killed_process_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "training.npz"
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "import test_trainer as t\n"
        "one = t.trainer()\n"
        "one.fit(t.data(60, 1), epochs=100000, checkpoint=sys.argv[3])\n"
    )
    here = os.path.dirname(__file__)
    child = subprocess.Popen([sys.executable, "-c", program, here, os.path.dirname(os.path.dirname(here)), str(path)])
    deadline = time.monotonic() + 60.0
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    one = trainer()
    n = len(one.fit(data(60, 1), epochs=1, checkpoint=path))
    assert n >= 1
    whole = trainer()
    whole.fit(data(60, 1), epochs=n)
    for a, b in zip(weights(whole), weights(one), strict=True):
        np.testing.assert_array_equal(a, b)


def test_patience_stops_and_the_best_epoch_stays():
    made = trainer()
    one = Trainer(made.net, made.loss, Adam(made.net, lr=1.0), until=50.0)  # too much to learn with
    epochs = one.fit(data(60, 1), epochs=30, validation=data(100, 2), patience=2)
    accuracies = [epoch.validation_accuracy for epoch in epochs]
    best = int(np.argmax(accuracies))
    assert len(epochs) == best + 3
    assert one.evaluate(data(100, 2))[1] == pytest.approx(accuracies[best])


def test_what_is_learned_without_validation_stays():
    one = trainer()
    one.fit(data(60, 1), epochs=2, validation=data(30, 2))
    before = weights(one)
    one.fit(data(60, 1), epochs=4)
    assert any(not np.array_equal(a, b) for a, b in zip(before, weights(one), strict=True))
    after = weights(one)
    one.fit(data(60, 1), epochs=4)
    for a, b in zip(after, weights(one), strict=True):
        np.testing.assert_array_equal(a, b)


def test_delays_of_inputs_go_on_as_such(tmp_path):
    """Of a sparse connection with as many synapses as inputs."""

    def make():
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_layer(evsim.Sparse(3, 2, sources=[0, 0, 1], targets=[0, 1, 1]), NEURON, name="out", delay=1.0)
        net["out"].weights = [12.0, 9.0, 8.0]
        bounds = evsim.learning.DelayBounds(0.0, 5.0)
        optimizer = evsim.learning.SGD(net, 0.01, delays=bounds, delay_kind="axonal delays", delay_lr=0.5)
        return Trainer(net, TimeToFirstSpike("out"), optimizer, until=40.0, batch_size=4)

    samples = [evsim.SpikeArray([0, 1, 2], np.sort(t)) for t in np.random.default_rng(1).uniform(0, 9, (12, 3))]
    given = (samples, np.array([0, 1] * 6))
    whole = make()
    whole.fit(given, epochs=4)
    path = tmp_path / "training.npz"
    make().fit(given, epochs=2, checkpoint=path)
    second = make()
    second.fit(given, epochs=4, checkpoint=path)
    assert not second.net["out"].projection._core.delays_by_synapse
    np.testing.assert_array_equal(second.net["out"].delays, whole.net["out"].delays)
    np.testing.assert_array_equal(second.net["out"].weights, whole.net["out"].weights)


def test_augmented_samples_are_those_learned_from_and_go_on_to_the_bit(tmp_path):
    seen = []

    def thinned(samples, rng):
        out = []
        for sample in samples:
            kept = rng.random(len(sample)) < 0.8
            out.append(evsim.SpikeArray(sample.indices[kept], sample.times[kept]))
        seen.append(sum(map(len, out)))
        return out

    whole = trainer(augment=thinned)
    whole.fit(data(100, 1), epochs=3, validation=data(20, 2))
    assert 0.7 * 1200 < sum(seen) < 0.9 * 1200  # four spikes in each of 300 samples
    path = tmp_path / "training.npz"
    trainer(augment=thinned).fit(data(100, 1), epochs=2, validation=data(20, 2), checkpoint=path)
    second = trainer(augment=thinned)
    assert second.fit(data(100, 1), epochs=3, validation=data(20, 2), checkpoint=path) == whole.epochs
    for a, b in zip(weights(whole), weights(second), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(errors.ShapeMismatchError, match="augment"):
        trainer(augment=lambda samples, rng: samples[1:]).fit(data(10, 1), epochs=1)


def test_a_schedule_is_of_both_learning_rates():
    one = trainer()
    net = one.net
    delayed = Adam(net, lr=0.01, delays=DelayBounds(0.0, 5.0), delay_lr=0.2)
    both = Trainer(net, one.loss, delayed, until=50.0, schedule=lambda epoch: 0.5**epoch)
    both.fit(data(10, 1), epochs=3)
    assert (delayed.lr, delayed.delay_lr) == (0.0025, 0.05)


def test_a_log_has_a_row_for_each_epoch(tmp_path):
    epochs = trainer().fit(data(40, 1), epochs=3, log=tmp_path / "log.csv")
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == [1, 2, 3]
    assert [float(row["loss"]) for row in rows] == [epoch.loss for epoch in epochs]


def test_a_bar_shows(capsys):
    trainer().fit(data(40, 1), epochs=1, progress=True)
    assert "training" in capsys.readouterr().out


def test_trains_as_targets():
    net = evsim.SpikingNetwork(seed=1, dtype="float64")
    net.add_layer(evsim.Dense(4, 1, weights=[[4.0] * 4]), NEURON, name="out")
    samples, _ = data(10, 1)
    targets = [evsim.SpikeArray([0], [15.0])] * 10
    one = Trainer(net, VanRossum("out", tau=5.0), Adam(net, lr=0.1), until=40.0)
    epochs = one.fit((samples, targets), epochs=10)
    assert epochs[-1].loss < epochs[0].loss
    assert np.isnan(epochs[-1].accuracy)
    with pytest.raises(errors.InvalidArgumentError, match="scores"):
        one.predict(samples, targets)


NO_OPTIONS = {
    "until": ("x", None, np.nan, np.inf, -1.0, [1.0]),
    "smallest_slope": ("x", None, np.nan, -1.0),
    "schedule": ("x", 0.5),
    "regularizers": (None, 3, [1]),
    "seed": ("x", None, -1, 1.5),
    "batch_size": (None, 0, 1.5),
}


@pytest.mark.parametrize("name", NO_OPTIONS)
def test_options_that_are_none_are_refused_as_the_trainer_is_made(name):
    one = trainer()
    for value in NO_OPTIONS[name]:
        with pytest.raises(errors.EvsimError):
            Trainer(one.net, one.loss, one.optimizer, **{"until": 50.0, name: value})


@pytest.mark.parametrize("patience", ["x", 0, -1, 1.5, np.nan])
def test_patience_is_a_number_of_epochs(patience):
    with pytest.raises(errors.EvsimError, match="patience"):
        trainer().fit(data(4, 1), epochs=1, validation=data(4, 2), patience=patience)


def test_an_augmentation_that_returns_nothing_is_named():
    with pytest.raises(errors.DTypeError, match="augment must return"):
        trainer(augment=lambda samples, rng: None).fit(data(4, 1), epochs=1)


@pytest.mark.parametrize("name", ["lr", "weight_decay", "clip", "max_step"])
def test_options_of_optimizers_are_numbers(name):
    for value in ("0.1", [0.1], np.nan, 1j):
        with pytest.raises(errors.EvsimError, match=name):
            Adam(trainer().net, **{name: value})


def edited(path, **changes):
    """Another state in a checkpoint, by its keys."""
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(arrays.pop("text").tobytes())
    header["state"].update(changes)
    np.savez(path, text=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"rng": {}},
        {"epochs": [[1]]},
        {"epochs": ["a"]},
        {"rates": {"lr": "a", "delay_lr": None}},
        {"best": {"a": 1}},
        {"optimizer": {}},
    ],
    ids=str,
)
def test_a_checkpoint_that_was_edited_is_refused(tmp_path, changes):
    path, sets = tmp_path / "c.npz", {"validation": data(4, 2), "checkpoint": tmp_path / "c.npz"}
    trainer().fit(data(4, 1), epochs=1, **sets)
    edited(path, **changes)
    with pytest.raises(errors.FileFormatError, match=r"c\.npz"):
        trainer().fit(data(4, 1), epochs=2, **sets)


def test_a_checkpoint_with_any_byte_damaged_is_refused_or_harmless(tmp_path):
    path = tmp_path / "c.npz"
    trainer().fit(data(4, 1), epochs=1, checkpoint=path)
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for place in [*rng.integers(0, len(whole), 60), *range(len(whole) - 120, len(whole) - 60)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(damaged)
        with contextlib.suppress(errors.FileFormatError):
            trainer().fit(data(4, 1), epochs=1, checkpoint=path)
    np.save(tmp_path / "c.npy", np.ones(3))
    (tmp_path / "c.npy").replace(path)
    with pytest.raises(errors.FileFormatError, match="no checkpoint"):
        trainer().fit(data(4, 1), epochs=1, checkpoint=path)


def test_wrong_calls(tmp_path):
    one = trainer()
    samples, classes = data(10, 1)
    with pytest.raises(errors.ShapeMismatchError, match="10 samples"):
        one.fit((samples, classes[:5]), epochs=1)
    with pytest.raises(errors.ShapeMismatchError, match="10 samples, got 3"):
        one.fit((samples, 3), epochs=1)
    with pytest.raises(errors.ShapeMismatchError, match="at least one"):
        one.fit(([], []), epochs=1)
    with pytest.raises(errors.DTypeError, match="pair"):
        one.fit(samples, epochs=1)
    with pytest.raises(errors.InvalidArgumentError, match="patience"):
        one.fit((samples, classes), epochs=1, patience=1)
    with pytest.raises(errors.DTypeError, match="optimizer"):
        Trainer(one.net, one.loss, "adam", until=5.0)
    with pytest.raises(errors.InvalidArgumentError, match="until"):
        Trainer(one.net, one.loss, one.optimizer, until=0.0)
    path = tmp_path / "x.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(errors.FileFormatError, match="no checkpoint"):
        one.fit((samples, classes), epochs=1, checkpoint=path)
    np.savez(path, a=np.arange(3))
    with pytest.raises(errors.FileFormatError, match="no checkpoint"):
        one.fit((samples, classes), epochs=1, checkpoint=path)
    path.unlink()
    other = evsim.SpikingNetwork(seed=1)
    other.add_layer(evsim.Dense(4, 2, NormalInitializer(3.0, 1.0)), NEURON, name="out")
    Trainer(other, one.loss, Adam(other), until=50.0).fit((samples, classes), epochs=1, checkpoint=path)
    with pytest.raises(errors.FileFormatError, match="another network"):
        one.fit((samples, classes), epochs=1, checkpoint=path)
