"""Homeostasis shares out the wins of a layer, and checkpoints, histories and classes say what they are."""

import numpy as np
import pytest

from evsim import errors
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEGEncoder
from evsim.spikeseg.training import Homeostasis, SimplifiedSTDP, STDPTrainer, Stopping


def wins(homeostasis, seed, **options):
    """How often each of eight maps wins 300 samples of four kinds of bars; the first map has a head start."""
    rng = np.random.default_rng(seed)
    samples = (rng.random((300, 3, 1, 10, 10)) < 0.03).astype(np.float32)
    for k, line in enumerate(rng.integers(2, 8, 300)):
        samples[k, 0, 0][np.s_[line, :] if k % 2 else np.s_[:, line]] = 1
    silent = LayerConfig(1, 1, 1e9)
    made = SpikeSEGEncoder(EncoderConfig(1, LayerConfig(8, 3, 1.0), silent, silent, use_wta=False), seed=seed)
    first = np.clip(rng.normal(0.6, 0.05, made.conv1.weight.shape), 0, 1)
    first[0] = 0.8
    made.conv1.weight = first
    trainer = STDPTrainer(
        made,
        rule=SimplifiedSTDP(0.04, 0.03),
        layers=("conv1",),
        stopping=Stopping(convergence=None),
        homeostasis=homeostasis,
        seed=seed,
        **({"max_winners": 1} | options),
    )
    return np.array(trainer.fit(samples)["conv1"].wins)


@pytest.mark.parametrize("seed", range(3))
def test_counting_winners_shares_out_the_wins(seed):
    alone, spikes, winners = (wins(rule, seed) for rule in (None, Homeostasis(counts="spikes"), Homeostasis()))
    assert alone.min() == 0
    assert alone.max() > 100
    assert spikes.max() > 100  # all maps spike in every sample, and all thresholds rise alike
    assert winners.min() > 0.6 * winners.mean()
    assert winners.max() < 1.7 * winners.mean()


def test_without_homeostasis_the_highest_membrane_wins_whatever_is_counted():
    assert np.array_equal(wins(Homeostasis(increment=0.0, min_rate=0.0), 1), wins(None, 1))


def test_what_counts_must_be_known():
    with pytest.raises(errors.InvalidArgumentError, match="counts must be one of 'winners', 'spikes', got 'maps'"):
        Homeostasis(counts="maps")
