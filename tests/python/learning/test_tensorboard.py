"""Logs for TensorBoard, read back from the bytes of their files."""

from __future__ import annotations

import math
import struct
import sys

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import Adam, FirstSpikeError, TimeToFirstSpike, Trainer


def trainer(loss):
    net = evsim.SpikingNetwork(seed=1)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    net.add_layer(evsim.Dense(2, 2, weights=[[9.0, 3.0], [4.0, 8.0]]), neuron, name="out")
    return Trainer(net, loss, Adam(net, lr=0.01), until=30.0)


def data():
    return [evsim.SpikeArray([0, 1], [1.0, 2.0]), evsim.SpikeArray([1, 0], [1.0, 4.0])], np.array([0, 1])


def logged(folder):
    """(tag, step, value) of all records: length, checksum, message, checksum."""
    messages = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            (length,) = struct.unpack_from("<Q", content, place)
            event = messages.Event.FromString(content[place + 12 : place + 12 + length])
            found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
            place += length + 16
    return found


def test_every_epoch_is_there(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    epochs = trainer(TimeToFirstSpike("out")).fit(data(), epochs=3, validation=data(), tensorboard=tmp_path)
    rows = {(tag, step): value for tag, step, value in logged(tmp_path)}
    assert len(rows) == 15
    for one in epochs:
        assert rows["loss/training", one.number] == pytest.approx(one.loss, rel=1e-6)
        assert rows["loss/validation", one.number] == pytest.approx(one.validation_loss, rel=1e-6)
        assert rows["accuracy/training", one.number] == pytest.approx(one.accuracy, rel=1e-6)
        assert rows["accuracy/validation", one.number] == pytest.approx(one.validation_accuracy, rel=1e-6)
        assert rows["lr", one.number] == pytest.approx(one.lr, rel=1e-6)


def test_what_there_is_not_is_not_there(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    samples, _ = data()
    epochs = trainer(FirstSpikeError("out")).fit((samples, np.full((2, 2), 5.0)), epochs=1, tensorboard=tmp_path)
    assert math.isnan(epochs[0].accuracy)
    assert {tag for tag, _, _ in logged(tmp_path)} == {"loss/training", "lr"}


def test_a_training_that_goes_on_writes_what_is_new(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX")
    options = {"tensorboard": tmp_path / "log", "checkpoint": tmp_path / "training.npz"}
    trainer(TimeToFirstSpike("out")).fit(data(), epochs=2, **options)
    trainer(TimeToFirstSpike("out")).fit(data(), epochs=3, **options)
    assert sorted(step for tag, step, _ in logged(tmp_path / "log") if tag == "loss/training") == [1, 2, 3]


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    one = trainer(TimeToFirstSpike("out"))
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[tensorboard\]"):
        one.fit(data(), epochs=1, tensorboard=tmp_path)
    assert one.epochs == []
