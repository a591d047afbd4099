"""Training of whole encoders: order, seeds, checkpoints, labels and errors."""

import numpy as np
import pytest

from evsim import errors
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEG, SpikeSEGEncoder
from evsim.spikeseg.training import Homeostasis, RewardSTDP, SimplifiedSTDP, STDPTrainer, Stopping, convergence

LAYERS = {"conv1": LayerConfig(3, 3, 2.0), "conv2": LayerConfig(4, 3, 2.5), "conv3": LayerConfig(2, 3, 3.0)}
RULE = SimplifiedSTDP(0.05, 0.04)


def encoder(seed=1):
    return SpikeSEGEncoder(EncoderConfig(**LAYERS, use_wta=False), seed=seed)


def samples(n=40, seed=2):
    return (np.random.default_rng(seed).random((n, 5, 1, 14, 14)) < 0.08).astype(np.float32)


def trainer(made, **options):
    settings = {"rule": RULE, "stopping": Stopping(epochs=2, check_every=10), "homeostasis": Homeostasis()}
    return STDPTrainer(made, **(settings | options))


def weights(made):
    return [layer.weight.copy() for layer in (made.conv1, made.conv2, made.conv3)]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_same_seed_gives_the_same_weights_and_another_others():
    made = [encoder() for _ in range(3)]
    for one, seed in zip(made, (0, 0, 5), strict=True):
        trainer(one, seed=seed).fit(samples())
    assert same(weights(made[0]), weights(made[1]))
    assert not same(weights(made[0]), weights(made[2]))


def test_only_the_layers_in_training_change_and_frozen_ones_never():
    model = SpikeSEG(EncoderConfig(**LAYERS, use_wta=False), seed=1)
    before = weights(model.encoder)
    model.freeze_layer("conv3")
    history = trainer(model).fit(samples())
    after = weights(model.encoder)
    assert [np.array_equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert list(history) == ["conv2"]


class InterruptionError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [("conv2", 30), ("conv2", 80), ("conv3", 50)])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, stop_at):
    whole = encoder()
    expected = trainer(whole).fit(samples())

    def interrupt(layer, seen, total, value):
        if (layer, seen) == stop_at:
            raise InterruptionError

    path = tmp_path / "run.safetensors"
    with pytest.raises(InterruptionError):
        trainer(encoder()).fit(samples(), progress=interrupt, checkpoint=path, checkpoint_every=7)
    resumed = encoder(seed=99)  # everything comes from the checkpoint
    history = trainer(resumed).fit(samples(), checkpoint=path, resume=True)
    assert same(weights(whole), weights(resumed))
    assert history == expected


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    trainer(encoder()).fit(samples(), checkpoint=path)
    made = encoder()
    before = weights(made)
    with pytest.raises(errors.InvalidArgumentError, match="belongs to another training: rule, seed differ"):
        trainer(made, rule=SimplifiedSTDP(), seed=3).fit(samples(), checkpoint=path, resume=True)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(errors.FileFormatError, match="not a readable checkpoint"):
        trainer(made).fit(samples(), checkpoint=path, resume=True)
    assert same(before, weights(made))


def test_layers_stop_for_each_of_the_reasons():
    def stopped(**options):
        history = trainer(encoder(), layers=("conv2",), stopping=Stopping(check_every=5, **options)).fit(samples())
        return history["conv2"].stopped, history["conv2"].n_samples

    assert stopped(epochs=1) == ("epochs", 40)
    assert stopped(epochs=9, convergence=0.2) == ("converged", 5)
    assert stopped(epochs=50, convergence=None, wins=1, map_share=0.25)[0] == "wins"
    assert stopped(epochs=200, convergence=None, patience=50)[0] == "patience"


def test_learning_drives_weights_towards_their_bounds():
    made = encoder()
    history = trainer(made, layers=("conv1",), homeostasis=None, stopping=Stopping(epochs=10)).fit(samples())
    assert (
        convergence(made.conv1.weight) == history["conv1"].convergence[-1] < 0.1 < convergence(encoder().conv1.weight)
    )


def test_rewarded_training_learns_to_tell_two_bars_apart():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 300)
    x = np.zeros((300, 2, 1, 12, 12), np.float32)
    x[labels == 0, 0, 0, 5, 2:10] = 1
    x[labels == 1, 0, 0, 2:10, 5] = 1
    # The lowest weights still let every map fire, and the highest membrane decides, as in Mozafari et al.
    layers = {"conv1": LayerConfig(8, 5, 0.9), "conv2": LayerConfig(2, 5, 2.0), "conv3": LayerConfig(2, 3, 2.0)}
    made = SpikeSEGEncoder(EncoderConfig(**layers, use_wta=False), seed=1)
    made.conv1.weight = rng.uniform(0.2, 0.8, made.conv1.weight.shape)
    stopping = Stopping(epochs=4, convergence=None, check_every=100)
    history = STDPTrainer(made, rule=RewardSTDP(least=0.2), layers=("conv1",), stopping=stopping).fit(x, labels)[
        "conv1"
    ]
    assert np.mean(history.accuracy[-3:]) > 0.95
    assert history.accuracy[0] < 0.9


def test_wrong_arguments_are_refused():
    with pytest.raises(errors.DTypeError, match="model must be a SpikeSEG"):
        STDPTrainer("model")
    with pytest.raises(errors.InvalidArgumentError, match="a layer must be one of"):
        STDPTrainer(encoder(), layers=("pool1",))
    with pytest.raises(errors.InvalidArgumentError, match="labels are for RewardSTDP"):
        trainer(encoder()).fit(samples(), np.zeros(40, int))
    with pytest.raises(errors.ShapeMismatchError, match="labels must be 40 integers"):
        trainer(encoder(), rule=RewardSTDP()).fit(samples(), [1, 2])
    with pytest.raises(errors.ShapeMismatchError, match="not empty"):
        trainer(encoder()).fit([])
    with pytest.raises(errors.ShapeMismatchError, match="sample 0 must have the shape"):
        trainer(encoder()).fit(np.zeros((3, 14)))
    with pytest.raises(errors.ShapeMismatchError, match="sample 1 has the shape"):
        trainer(encoder()).fit([samples(1)[0], np.zeros((5, 1, 9, 9), np.float32)])
