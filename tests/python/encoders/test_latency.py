import numpy as np
import pytest

from evsim import SpikeArray, errors
from evsim.encoders import latency


def test_a_brighter_pixel_fires_earlier():
    image = np.random.default_rng(0).random(50)
    spikes = latency(image, t_max=7.0)
    np.testing.assert_array_equal(spikes.times, np.sort((1 - image) * 7.0))
    np.testing.assert_array_equal(spikes.indices, np.argsort(-image))


def test_pixels_up_to_the_threshold_are_silent():
    assert latency([0.0, 0.2, 0.3], threshold=0.2).indices.tolist() == [2]


def test_pixels_of_one_brightness_fire_in_order():
    assert latency([0.5, 1.0, 0.5, 0.5]).indices.tolist() == [1, 0, 2, 3]


def test_a_batch_equals_its_images_one_by_one():
    images = np.random.default_rng(1).random((5, 4, 6)) * (np.random.default_rng(2).random((5, 4, 6)) > 0.5)
    batch = latency(images)
    assert batch == [latency(image, shape=(4, 6)) for image in images]
    assert all(spikes.is_sorted and spikes.shape == (4, 6) for spikes in batch)


def test_two_dimensions_need_the_shape_of_an_image():
    pixels = np.random.default_rng(1).random((4, 6))
    with pytest.raises(errors.ShapeMismatchError, match=r"shape=\(4, 6\) or shape=\(6,\)"):
        latency(pixels)
    assert latency(pixels, shape=(4, 6)).shape == (4, 6)
    assert latency(pixels, shape=(6,)) == [latency(row) for row in pixels]


@pytest.mark.parametrize("shape", [(6,), (2, 3), (3, 1, 2), [2, 3]])
def test_flat_images_and_shaped_ones_are_the_same(shape):
    flat = np.random.default_rng(1).random((5, 6))
    batch = latency(flat, shape=shape)
    assert batch == latency(flat.reshape(5, *shape), shape=shape)
    assert batch == [latency(one, shape=shape) for one in flat]
    assert all(one.shape == (tuple(shape) if len(shape) > 1 else None) for one in batch)
    assert latency(np.empty((0, 6)), shape=shape) == []


@pytest.mark.parametrize(
    ("given", "shape", "error"),
    [
        ((4, 6), (4, 5), errors.ShapeMismatchError),
        ((24,), (4, 5), errors.ShapeMismatchError),
        ((2, 4, 6), (6,), errors.ShapeMismatchError),
        ((4, 6), (), errors.ShapeMismatchError),
        ((1, 1, 2, 2), (1, 1, 2, 2), errors.ShapeMismatchError),
        ((4, 6), (0, 6), errors.InvalidArgumentError),
        ((4, 6), (4.0, 6), errors.DTypeError),
        ((4, 6), 24, errors.DTypeError),
        ((4, 6), "46", errors.DTypeError),
    ],
)
def test_shapes_that_do_not_fit_are_named(given, shape, error):
    with pytest.raises(error):
        latency(np.zeros(given), shape=shape)


def test_channels_are_part_of_the_shape():
    assert latency(np.ones((2, 3, 4, 5)))[1].shape == (3, 4, 5)


def test_dark_images_give_empty_arrays():
    assert latency(np.zeros((2, 3, 3))) == [SpikeArray(), SpikeArray()]
    assert latency(np.zeros((0, 3, 3))) == []


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[[0, 255]]], errors.InvalidArgumentError, "0 to 255; divide"),
        ([-0.1], errors.InvalidArgumentError, "between 0 and 1"),
        ([np.nan], errors.NonFiniteError, "finite"),
        (["a"], errors.DTypeError, "real numbers"),
        ([[0.1], [0.1, 0.2]], errors.ShapeMismatchError, "array of numbers"),
        (0.5, errors.ShapeMismatchError, r"got \(\)"),
        (np.zeros((1, 0, 2)), errors.ShapeMismatchError, "must have pixels"),
    ],
)
def test_images_that_are_none_are_refused(images, error, message):
    with pytest.raises(error, match=message):
        latency(images)


@pytest.mark.parametrize(
    "options", [{"t_max": 0.0}, {"t_max": -1.0}, {"threshold": 1.0}, {"threshold": -0.1}, {"t_max": np.inf}]
)
def test_parameters_outside_their_domain_are_refused(options):
    with pytest.raises(errors.EvsimError, match=next(iter(options))):
        latency([0.5], **options)
