"""Checkpoints that no training can have written, samples that are none, and other wrong arguments of `fit`."""

import json

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEGEncoder
from evsim.spikeseg.training import Homeostasis, STDPTrainer, Stopping

files = pytest.importorskip("safetensors.numpy")
safetensors = pytest.importorskip("safetensors")
LAYERS = {"conv1": LayerConfig(2, 3, 1.0), "conv2": LayerConfig(3, 3, 1.5), "conv3": LayerConfig(2, 3, 2.0)}
SAMPLES = (np.random.default_rng(3).random((6, 3, 1, 8, 8)) < 0.2).astype(np.float32)


def encoder():
    return SpikeSEGEncoder(EncoderConfig(**LAYERS, use_wta=False), seed=1)


def fit(made, **options):
    stopping = Stopping(epochs=2, check_every=2, convergence=None)
    trainer = STDPTrainer(made, layers=("conv1", "conv2"), stopping=stopping, homeostasis=Homeostasis())
    return trainer.fit(SAMPLES, **options)


@pytest.fixture
def checkpoint(tmp_path):
    """Of a training that stopped in the second epoch of conv2, after 8 samples."""
    path = tmp_path / "run.safetensors"

    def stop(layer, seen, total, value):
        if (layer, seen) == ("conv2", 8):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(encoder(), checkpoint=path, progress=stop)
    return path


def tampered(path, state=None, history=None, arrays=None):
    with safetensors.safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["evsim.training"])
        known = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header["state"].update(state or {})
    header["state"]["history"]["conv2"].update(history or {})
    files.save_file(known | (arrays or {}), path, metadata={"evsim.training": json.dumps(header)})
    return path


def test_an_untouched_checkpoint_resumes(checkpoint):
    assert fit(encoder(), checkpoint=tampered(checkpoint), resume=True)["conv2"].n_samples == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history": {"n_samples": 10**9}}, "n_samples of conv2"),
        ({"history": {"n_samples": -5}}, "n_samples of conv2"),
        ({"history": {"n_samples": 7}}, "samples of conv2 must be from 0 to 7, got 8"),
        ({"history": {"n_samples": 8.0}}, "n_samples of conv2"),
        ({"history": {"n_samples": True}}, "n_samples of conv2"),
        ({"state": {"position": True}}, "position must be an integer, got True"),
        ({"state": {"position": 7}}, "position must be from 0 to 6"),
        ({"state": {"position": 1}}, "n_samples of conv2 must be 7"),
        ({"state": {"epoch": 2}}, "epoch must be from 0 to 1"),
        ({"state": {"epoch": False}}, "epoch must be an integer"),
        ({"state": {"layer": -1}}, "layer must be from 0 to 1"),
        ({"state": {"layer": 0}}, "history of"),
        ({"state": {"decisions": [1, 0]}}, "decisions must be true or false"),
        ({"state": {"unrecorded": ["yes"]}}, "unrecorded must be true or false"),
        ({"history": {"samples": [2, 2, 4, 6]}}, "samples of conv2"),
        ({"history": {"samples": [2, 4]}}, "samples of conv2"),
        ({"history": {"convergence": ["a", 1.0, 1.0, 1.0]}}, "convergence of conv2"),
        ({"history": {"convergence": [float("nan")] * 4}}, "convergence of conv2"),
        ({"history": {"wins": [1, 2]}}, "wins of conv2"),
        ({"history": {"wins": [-1, 2, 3]}}, "wins of conv2"),
        ({"history": {"stopped": "boredom"}}, "stopped of conv2"),
        ({"arrays": {"statistics.seen": np.array([-1, 0, 0])}}, "seen must be from 0 to 8"),
        ({"arrays": {"statistics.wins": np.array([9, 0, 0])}}, "wins must be from 0 to 8"),
        ({"arrays": {"statistics.thresholds": np.array([1.0, np.nan, 1.0])}}, "thresholds must be positive"),
        ({"arrays": {"statistics.counted": np.zeros(5, np.int64)}}, "counted of another number of maps"),
        ({"arrays": {"weights.conv2": np.full((3, 2, 3, 3), np.inf, np.float32)}}, "weights of conv2"),
    ],
    ids=str,
)
def test_a_checkpoint_that_no_training_can_have_written_is_refused_by_name(checkpoint, change, message):
    made = encoder()
    before = [stage.weight.copy() for stage in (made.conv1, made.conv2, made.conv3)]
    with pytest.raises(errors.FileFormatError, match=message):
        fit(made, checkpoint=tampered(checkpoint, **change), resume=True)
    for stage, weight in zip((made.conv1, made.conv2, made.conv3), before, strict=True):
        np.testing.assert_array_equal(stage.weight, weight)


def test_resuming_from_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint .*none\.safetensors to go on from"):
        fit(encoder(), checkpoint=tmp_path / "none.safetensors", resume=True)
    with pytest.raises(errors.InvalidArgumentError, match="resume needs the checkpoint"):
        fit(encoder(), resume=True)


EVENTS = evsim.EventArray([0, 10], [1, 2], [3, 4], [1, 0], width=8, height=8)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([EVENTS], r"sample 0 is a recording; give it steps first, as in events.binned"),
        (EVENTS, "got one EventArray"),
        (evsim.SpikeArray([1], [0.0], shape=(1, 8, 8)), "got one SpikeArray"),
        ({0: SAMPLES[0]}, "got dict"),
        ("samples", "got str"),
        (3, "got int"),
        (iter(SAMPLES), "got .*iterator"),
    ],
    ids=["recordings", "recording", "sample", "dict", "str", "int", "iterator"],
)
def test_what_is_no_sequence_of_samples_is_refused_by_name(samples, message):
    with pytest.raises(errors.DTypeError, match=message):
        STDPTrainer(encoder()).fit(samples)


def test_encoders_refuse_recordings_by_name():
    for recording in (EVENTS, [EVENTS]):
        with pytest.raises(errors.DTypeError, match="the input is a recording; give it steps first"):
            encoder().forward(recording)


def test_a_layer_learns_once():
    with pytest.raises(errors.InvalidArgumentError, match="a layer learns once"):
        STDPTrainer(encoder(), layers=("conv2", "conv2"))


def test_histories_print_short():
    history = fit(encoder())["conv1"]
    assert len(repr(history)) < 120
    assert repr(history).startswith("LayerHistory(12 samples, convergence ")
