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
    assert batch == [latency(image) for image in images]
    assert all(spikes.is_sorted and spikes.shape == (4, 6) for spikes in batch)


def test_channels_are_part_of_the_shape():
    assert latency(np.ones((2, 3, 4, 5)))[1].shape == (3, 4, 5)


def test_dark_images_give_empty_arrays():
    assert latency(np.zeros((2, 3, 3))) == [SpikeArray(), SpikeArray()]
    assert latency(np.zeros((0, 3, 3))) == []


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0, 255]], errors.InvalidArgumentError, "0 to 255; divide"),
        ([-0.1], errors.InvalidArgumentError, "between 0 and 1"),
        ([np.nan], errors.NonFiniteError, "finite"),
        (["a"], errors.DTypeError, "real numbers"),
        ([[0.1], [0.1, 0.2]], errors.ShapeMismatchError, "array of numbers"),
        (0.5, errors.ShapeMismatchError, r"got \(\)"),
        (np.zeros((1, 0)), errors.ShapeMismatchError, "must have pixels"),
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
