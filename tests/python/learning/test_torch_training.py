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


def test_the_classes_are_those_of_the_drawing(example):
    """Points whose class is clear: the two dots, the heads around them, and what is above and below."""
    for point, right in (
        ((0.75, 0.5), 2),
        ((0.25, 0.5), 2),
        ((0.75, 0.65), 0),
        ((0.25, 0.65), 1),
        ((0.5, 0.95), 1),
        ((0.5, 0.05), 0),
    ):
        assert example.class_of(*point) == right, point
    times, classes = example.yin_yang(300, seed=1)
    assert times.shape == (300, 5)
    assert np.bincount(classes).min() > 60
    np.testing.assert_allclose(times[:, :2] + times[:, 2:4], 30.0)


def test_two_short_epochs_teach_more_than_guessing(example):
    torch.manual_seed(1)
    model = evsim.torch.Network(example.network(), until=60.0)
    data, test = torch.utils.data.TensorDataset(*example.yin_yang(1600, seed=42)), example.yin_yang(500, seed=40)
    before = example.accuracy(model, *test)
    assert len(list(example.train(model, data, epochs=2))) == 2
    assert before < 0.5
    assert example.accuracy(model, *test) > 0.6
