"""The encoder in continuous time is the limit of the stepped one for ever shorter steps."""

import numpy as np
import pytest

import evsim
from evsim.spikeseg import ContinuousEncoder, EncoderConfig, LayerConfig, SpikeSEGEncoder

THRESHOLDS = (1.7, 2.3, 3.1)
STAGES = ("conv1", "pool1", "conv2", "pool2", "conv3")
LEAKS = (0.05137, 0.03391, 0.00173)  # per unit of time; no sum of weights and leaks comes to a threshold exactly


def encoder_with(leaks, *, fire_once=True, mode="subtractive", seed=0):
    layers = {
        f"conv{k + 1}": LayerConfig(maps, kernel, threshold, leak, mode)
        for k, (maps, kernel, threshold, leak) in enumerate(zip((3, 4, 2), (5, 5, 3), THRESHOLDS, leaks, strict=True))
    }
    encoder = SpikeSEGEncoder(EncoderConfig(**layers, use_wta=False, fire_once=fire_once), dtype="float64")
    rng = np.random.default_rng(seed)
    for layer in (encoder.conv1, encoder.conv2, encoder.conv3):
        weight = rng.normal(0.35, 0.35, layer.weight.shape)
        # Below 0 a stepped membrane is cut off; one that decays exponentially is not.
        layer.weight = np.abs(weight) if mode == "multiplicative" else weight
    return encoder


def shorter(leak, threshold, split, mode):
    """The leak of one of `split` steps that make up a unit of time."""
    if mode == "subtractive":
        return leak / split
    return threshold * (1 - (1 - leak / threshold) ** (1 / split))


def events(n=400, size=20, seed=1):
    """One event per unit of time."""
    indices = np.random.default_rng(seed).integers(0, size * size, n)
    return evsim.SpikeArray(indices, np.arange(n, dtype=float), shape=(1, size, size))


def different(output, continuous, scale):
    """Spikes in one of both only, over all stages."""
    count = 0
    for stage in STAGES:
        stepped, exact = output.spikes(stage), continuous.spikes(stage)
        a = set(zip(stepped.indices.tolist(), (stepped.times // scale).tolist(), strict=True))
        b = set(zip(exact.indices.tolist(), exact.times.tolist(), strict=True))
        count += len(a ^ b)
    return count


def mismatches(fire_once, mode, splits):
    spikes = events()
    continuous = ContinuousEncoder(encoder_with(LEAKS, fire_once=fire_once, mode=mode), (1, 20, 20), step_time=1.0)
    continuous.forward(spikes)
    total = sum(len(continuous.spikes(stage)) for stage in STAGES)
    found = []
    for split in splits:
        leaks = [shorter(leak, threshold, split, mode) for leak, threshold in zip(LEAKS, THRESHOLDS, strict=True)]
        stepped = encoder_with(leaks, fire_once=fire_once, mode=mode)
        fine = evsim.SpikeArray(spikes.indices, spikes.times * split, shape=spikes.shape)
        found.append(different(stepped.forward(fine), continuous, split))
    return found, total


@pytest.mark.parametrize(
    ("fire_once", "mode"), [(True, "subtractive"), (False, "subtractive"), (False, "multiplicative")]
)
def test_the_stepped_encoder_comes_to_the_continuous_one_as_steps_get_shorter(fire_once, mode):
    found, total = mismatches(fire_once, mode, (1, 10_000))
    assert total > 200
    assert found[1] == 0


def test_long_steps_differ_from_continuous_time():
    found, _ = mismatches(True, "subtractive", (1,))
    assert found[0] > 0


def test_a_recording_in_pieces_equals_the_whole():
    encoder = encoder_with(LEAKS)
    spikes = events()
    whole = ContinuousEncoder(encoder, (1, 20, 20), step_time=1.0)
    expected = whole.forward(spikes)
    assert len(expected)
    pieces = ContinuousEncoder(encoder, (1, 20, 20), step_time=1.0)
    first = pieces.forward(spikes.time_slice(stop=150.0), until=150.0)
    second = pieces.forward(spikes.time_slice(start=150.0), reset_state=False)
    assert first.merge(second) == expected


def test_what_has_no_meaning_in_continuous_time_is_refused():
    with pytest.raises(evsim.errors.InvalidArgumentError, match="fire_once needs subtractive"):
        ContinuousEncoder(encoder_with(LEAKS, mode="multiplicative"), (1, 20, 20), 1.0)
    encoder = encoder_with((1.7, 0.1, 0.1), fire_once=False, mode="multiplicative")
    with pytest.raises(evsim.errors.InvalidArgumentError, match="multiplicative leak must lie between"):
        ContinuousEncoder(encoder, (1, 20, 20), 1.0)
    with pytest.raises(evsim.errors.ShapeMismatchError, match="1 channels, got 2"):
        ContinuousEncoder(encoder_with(LEAKS), (2, 20, 20), 1.0)
    with pytest.raises(evsim.errors.InvalidArgumentError, match="step_time must be positive"):
        ContinuousEncoder(encoder_with(LEAKS), (1, 20, 20), 0.0)
