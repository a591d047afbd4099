"""Trainings that are interrupted at any point and resumed come to the same weights, to the last bit."""

import sys
from pathlib import Path

import numpy as np
import pytest

import evsim.spikeseg.training
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEGEncoder
from evsim.spikeseg.training import Homeostasis, RewardSTDP, SimplifiedSTDP, STDPTrainer, Stopping

FOLDER = str(Path(evsim.spikeseg.training.__file__).parent)
LAYERS = {"conv1": LayerConfig(2, 3, 1.0), "conv2": LayerConfig(3, 3, 1.5), "conv3": LayerConfig(2, 3, 2.0)}
SAMPLES = (np.random.default_rng(3).random((4, 3, 1, 8, 8)) < 0.2).astype(np.float32)
LABELS = np.array([0, 1, 1, 0])


def train(encoder, rewarded, **options):
    """Four samples through conv1 and conv2; every other one ends in an entry of the history, every one in a file."""
    trainer = STDPTrainer(
        encoder,
        rule=RewardSTDP() if rewarded else SimplifiedSTDP(0.05, 0.04),
        layers=("conv1", "conv2"),
        stopping=Stopping(check_every=2, convergence=None),
        homeostasis=Homeostasis(patience=2, min_rate=0.9),  # a map dies and is revived now and then
        seed=1,
    )
    return trainer.fit(SAMPLES, LABELS if rewarded else None, checkpoint_every=1, **options)


def encoder(seed=1):
    return SpikeSEGEncoder(EncoderConfig(**LAYERS, use_wta=False), seed=seed)


class Interrupt:
    """Raises KeyboardInterrupt at the n-th point of the training's own code, as a signal would between two of them."""

    def __init__(self, at, opcodes=False):
        self.at, self.opcodes, self.seen = at, opcodes, 0

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = self.opcodes, not self.opcodes
        if event == ("opcode" if self.opcodes else "line"):
            if self.seen == self.at:
                raise KeyboardInterrupt
            self.seen += 1
        return self

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *_):
        sys.settrace(self.before)


def weights(made):
    return [layer.weight.copy() for layer in (made.conv1, made.conv2, made.conv3)]


def campaign(tmp_path, rewarded, opcodes, first, stride):
    """Interrupt at every `stride`-th point from `first` on, resume, and compare; return how many points there were."""
    whole = encoder()
    expected = train(whole, rewarded)
    path, number = tmp_path / "run.safetensors", first
    while True:
        path.unlink(missing_ok=True)
        try:
            with Interrupt(number, opcodes):
                train(encoder(), rewarded, checkpoint=path)
        except KeyboardInterrupt:
            pass
        else:
            return number
        resumed = encoder(seed=9 if path.exists() else 1)  # whatever was learned comes from the checkpoint
        history = train(resumed, rewarded, checkpoint=path, resume=path.exists())
        assert history == expected, f"interrupted at point {number}"
        for name, got, wanted in zip(LAYERS, weights(resumed), weights(whole), strict=True):
            np.testing.assert_array_equal(got, wanted, f"{name}, interrupted at point {number}")
        number += stride


@pytest.mark.parametrize("rewarded", [False, True])
def test_an_interruption_at_a_line_leaves_a_checkpoint_of_whole_samples(tmp_path, rewarded):
    pytest.importorskip("safetensors")
    assert campaign(tmp_path, rewarded, False, 2, 7) > 300  # 7 has no part in the number of lines of a sample


@pytest.mark.nightly
@pytest.mark.parametrize("rewarded", [False, True])
def test_an_interruption_at_any_instruction_leaves_a_checkpoint_of_whole_samples(tmp_path, rewarded):
    pytest.importorskip("safetensors")
    assert campaign(tmp_path, rewarded, True, 0, 1) > 2000
