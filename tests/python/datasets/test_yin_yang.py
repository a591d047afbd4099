"""The Yin-Yang symbol: its symmetry, its classes, its spikes."""

from __future__ import annotations

import numpy as np
import pytest

from evsim import errors
from evsim.datasets import yin_yang


def test_half_a_turn_swaps_yin_and_yang():
    _, classes, points = yin_yang(6000, seed=1)
    turned = 1.0 - points[:500]
    nearest = np.argmin(((turned[:, None] - points) ** 2).sum(axis=2), axis=1)
    expected = np.array([1, 0, 2])[classes[:500]]
    assert np.mean(classes[nearest] == expected) > 0.93  # the others lie at borders


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((0.75, 0.5), 2),
        ((0.25, 0.5), 2),
        ((0.75, 0.65), 0),
        ((0.25, 0.65), 1),
        ((0.5, 0.95), 1),
        ((0.5, 0.05), 0),
    ],
)
def test_classes_are_those_of_the_drawing(point, expected):
    """At points whose class is clear: the two dots, the heads around them, and what is above and below."""
    _, classes, points = yin_yang(3000, seed=2)
    near = np.hypot(*(points - point).T) < 0.04
    assert near.sum() >= 5
    assert np.all(classes[near] == expected)


def test_classes_are_balanced_and_dots_are_dots():
    _, classes, points = yin_yang(3000, seed=42)
    assert np.all(np.abs(np.bincount(classes, minlength=3) - 1000) < 120)
    dots = points[classes == 2]
    left = dots[dots[:, 0] < 0.5]
    assert np.all(np.hypot(left[:, 0] - 0.25, left[:, 1] - 0.5) < 0.1)
    assert np.all(np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5) <= 0.5)


def test_spikes_are_the_points():
    samples, _, points = yin_yang(50, seed=3, window=10.0)
    for sample, (x, y) in zip(samples, points, strict=True):
        times = dict(zip(sample.indices.tolist(), sample.times.tolist(), strict=True))
        assert times == pytest.approx({0: 10.0 * x, 1: 10.0 * y, 2: 10.0 * (1 - x), 3: 10.0 * (1 - y), 4: 0.0})
        assert np.all(np.diff(sample.times) >= 0.0)


def test_a_seed_is_a_set_of_points():
    assert np.array_equal(yin_yang(20, seed=7)[2], yin_yang(20, seed=7)[2])
    assert not np.array_equal(yin_yang(20, seed=7)[2], yin_yang(20, seed=8)[2])


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"n": 0, "seed": 1}, errors.InvalidArgumentError),
        ({"n": 5, "seed": -1}, errors.InvalidArgumentError),
        ({"n": 5, "seed": 1.5}, errors.DTypeError),
        ({"n": 5, "seed": 1, "window": 0.0}, errors.InvalidArgumentError),
    ],
)
def test_wrong_calls(given, error):
    with pytest.raises(error):
        yin_yang(**given)
