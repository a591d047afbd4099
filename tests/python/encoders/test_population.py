import math

import numpy as np
import pytest

from evsim import errors
from evsim.encoders import latency, population


def test_the_default_is_norses_formula():
    x, n = np.array([0.0, 0.3, 2.5]), 6
    scale = 2.5
    expected = [[math.exp(-scale * (v - c) ** 2 / 2) for c in np.linspace(0.0, scale, n)] for v in x]
    np.testing.assert_allclose(population(x, n), expected, rtol=1e-14)


def test_centres_and_widths_of_their_own():
    centres, sigma = [-1.0, 0.0, 5.0], [0.5, 1.0, 2.0]
    found = population([[0.5, -1.0]], 3, centres=centres, sigma=sigma)
    expected = [[[math.exp(-(((v - c) / s) ** 2) / 2) for c, s in zip(centres, sigma, strict=True)] for v in (0.5, -1)]]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(("axis", "shape"), [(-1, (4, 5, 3)), (0, (3, 4, 5)), (1, (4, 3, 5)), (-3, (3, 4, 5))])
def test_the_neurons_go_where_one_wants_them(axis, shape):
    x = np.random.default_rng(0).random((4, 5))
    found = population(x, 3, scale=1.0, axis=axis)
    assert found.shape == shape
    np.testing.assert_array_equal(np.moveaxis(found, axis, -1), population(x, 3, scale=1.0))
    assert found.flags.c_contiguous


def test_one_number_makes_one_row():
    assert population(0.5, 4, scale=1.0).shape == (4,)


def test_activations_are_brightness_for_latencies():
    batch = np.random.default_rng(1).random((2, 3, 4))
    spikes = latency(population(batch, 5, scale=1.0, sigma=0.1, axis=1), threshold=0.05)
    assert [one.shape for one in spikes] == [(5, 3, 4)] * 2
    first = spikes[0].indices[0]
    assert population(batch[0], 5, scale=1.0, sigma=0.1, axis=0).argmax() == first


@pytest.mark.parametrize("far", [1e308, -1e308])
def test_far_values_activate_nobody(far):
    assert population([far], 3, scale=1.0, sigma=1e-300).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        (([1.0], 0), errors.InvalidArgumentError, "n must"),
        (([1.0], 2**31 - 1), errors.MemoryLimitError, "more than"),
        (([], 2**31 - 1), errors.MemoryLimitError, "more than"),
        (([1.0], 2.5), errors.DTypeError, "n must"),
        (([0.0, -1.0], 3), errors.InvalidArgumentError, "no value is positive"),
        (([], 3), errors.InvalidArgumentError, "no value is positive"),
        (([1.0], 3, {"scale": 0.0}), errors.InvalidArgumentError, "scale"),
        (([1.0], 3, {"sigma": 0.0}), errors.InvalidArgumentError, "sigma"),
        (([1.0], 3, {"sigma": [1.0, 1.0]}), errors.ShapeMismatchError, "sigma"),
        (([1.0], 3, {"centres": [1.0, 1.0]}), errors.ShapeMismatchError, "centres"),
        (([1.0], 3, {"axis": 2}), errors.IndexOutOfRangeError, "axis"),
        (([1.0], 3, {"axis": 0.5}), errors.DTypeError, "axis"),
    ],
)
def test_parameters_outside_their_domain_are_refused(arguments, error, name):
    options = arguments[2] if len(arguments) > 2 else {}
    with pytest.raises(error, match=name):
        population(*arguments[:2], **options)
