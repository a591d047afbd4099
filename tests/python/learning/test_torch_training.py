"""The example trains."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import evsim.torch  # noqa: E402

EXAMPLE = Path(__file__).parents[3] / "examples" / "torch" / "yin_yang.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("yin_yang", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_times_are_those_of_points_and_what_they_lack(example):
    times, classes = example.times_and_classes(300, seed=1)
    assert times.shape == (300, 5)
    assert np.bincount(classes).min() > 60
    np.testing.assert_allclose(times[:, :2] + times[:, 2:4], 30.0)


def test_two_short_epochs_teach_more_than_guessing(example):
    torch.manual_seed(1)
    model = evsim.torch.Network(example.network(), until=60.0)
    data = torch.utils.data.TensorDataset(*example.times_and_classes(1600, seed=42))
    test = example.times_and_classes(500, seed=40)
    before = example.accuracy(model, *test)
    assert len(list(example.train(model, data, epochs=2))) == 2
    assert before < 0.5
    assert example.accuracy(model, *test) > 0.6
