"""What holds for all objects of `evsim.spikeseg`: no unknown attributes, no replaced parts, pickles, errors by name."""

import copy
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.spikeseg import (
    ContinuousEncoder,
    DecoderConfig,
    EncoderConfig,
    LayerConfig,
    SpikeSEG,
    SpikeSEGDecoder,
    segment,
)
from evsim.spikeseg.training import GuetigSTDP, Homeostasis, LayerHistory, RewardSTDP, STDPTrainer, Stopping

LAYERS = {f"conv{k}": LayerConfig(2, 3, 1.0) for k in (1, 2, 3)}


def model(**options):
    return SpikeSEG(EncoderConfig(**LAYERS, use_wta=False, **options), seed=1)


def output(**options):
    x = (np.random.default_rng(0).random((4, 2, 1, 16, 16)) < 0.2).astype(np.float32)
    return model(**options).encode(x)


def recording():
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 60_000, 3000))
    x, y = t // 2000 + 10 + rng.integers(0, 8, t.size), 20 + rng.integers(0, 8, t.size)
    return evsim.EventArray(t, x, y, np.ones(t.size, bool), width=80, height=48)


def objects():
    made = model()
    result = segment(recording())
    return [
        *(made, made.encoder, made.decoder, made.encoder.conv1, made.config, made.config.conv1, made.decoder_config),
        *(output(), result, result.tracks[0], result.instances[0][0]),
        *(STDPTrainer(made), Stopping(), Homeostasis(), GuetigSTDP(), RewardSTDP(), LayerHistory()),
        ContinuousEncoder(made.encoder, (1, 16, 16), 1.0),
    ]


@pytest.mark.parametrize("thing", objects(), ids=lambda thing: type(thing).__name__)
def test_unknown_attributes_are_refused(thing):
    with pytest.raises(AttributeError):
        thing.foo = 1
    assert not hasattr(thing, "foo")


@pytest.mark.parametrize(
    ("part", "of"),
    [
        ("encoder", lambda m: m),
        ("decoder_config", lambda m: m),
        ("config", lambda m: m.encoder),
        ("conv2", lambda m: m.encoder),
        ("config", lambda m: m.encoder.conv2),
        ("config", lambda m: m.decoder),
    ],
)
def test_parts_are_not_replaced_behind_the_back_of_others(part, of):
    thing = of(model())
    with pytest.raises((FrozenInstanceError, AttributeError)):
        setattr(thing, part, getattr(thing, part))


def test_what_may_change_still_may():
    made = model()
    made.encoder.conv1.weight = np.ones_like(made.encoder.conv1.weight)
    made.encoder.conv1.frozen = True
    assert made.encoder.conv1.frozen
    assert made.encoder.conv1.weight.min() == 1
    with pytest.raises(errors.DTypeError, match="frozen must be True or False"):
        made.encoder.conv1.frozen = "no"


@pytest.mark.parametrize("index_mode", ["per_spike", "last_step"])
def test_outputs_can_be_pickled_and_copied(index_mode):
    first = output(index_mode=index_mode, store_membranes=True)
    decoder = model(index_mode=index_mode).decoder
    for other in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert repr(other) == repr(first)
        for name, values in first.layer_spikes.items():
            np.testing.assert_array_equal(other.layer_spikes[name], values)
        for name, values in first.layer_membranes.items():
            np.testing.assert_array_equal(other.layer_membranes[name], values)
        for mine, theirs in zip(first.pooling_indices, other.pooling_indices, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(decoder.decode(other), decoder.decode(first))


def test_models_can_be_pickled_and_copied():
    first = model()
    first.freeze_layer("conv1")
    for other in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
        assert repr(other) == repr(first)
        assert other.encoder.conv1.frozen
        np.testing.assert_array_equal(other.encoder.conv2.weight, first.encoder.conv2.weight)


WEIGHTS = [np.ones((2, 1, 3, 3)), np.ones((2, 2, 3, 3)), np.ones((2, 2, 3, 3))]


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (dict(zip(("conv1", "conv2", "conv3"), WEIGHTS, strict=True)), errors.DTypeError, r"got a dict; give list"),
        (3, errors.DTypeError, "got a int"),
        ("abc", errors.DTypeError, "got a str"),
        (WEIGHTS[:2], errors.ShapeMismatchError, "must be three arrays, of conv1, conv2 and conv3, got 2"),
        ([*WEIGHTS[:2], WEIGHTS[0]], errors.ShapeMismatchError, "for conv3, got"),
        ([*WEIGHTS[:2], [[1], [1, 2]]], errors.EvsimError, "conv3"),
        ([*WEIGHTS[:2], WEIGHTS[2].astype(complex)], errors.DTypeError, "conv3 must be real numbers"),
    ],
    ids=["dict", "int", "str", "two", "shape", "ragged", "complex"],
)
def test_wrong_weights_of_a_decoder_are_refused_by_name(weights, error, message):
    with pytest.raises(error, match=message):
        SpikeSEGDecoder(2, 2, 2, kernel_sizes=(3, 3, 3), config=DecoderConfig(), encoder_weights=weights)
