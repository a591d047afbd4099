import math

import numpy as np
import pytest

from evsim import errors
from evsim.encoders import log_latency


def test_a_pixel_fires_at_the_logarithm_of_its_brightness():
    image = np.random.default_rng(0).uniform(1e-3, 1.0, 50)
    spikes = log_latency(image, tau=7.0)
    expected = sorted((7.0 * math.log(1 / p), k) for k, p in enumerate(image))
    assert spikes.indices.tolist() == [k for _, k in expected]
    np.testing.assert_allclose(spikes.times, [t for t, _ in expected], rtol=1e-15, atol=1e-15)


def test_a_grey_filter_moves_all_spikes_by_one_time():
    image = np.random.default_rng(1).random((8, 8))
    bright, dim = (log_latency(image * light, shape=(8, 8), tau=3.0) for light in (1.0, 0.25))
    assert dim.indices.tolist() == bright.indices.tolist()
    np.testing.assert_allclose(dim.times - bright.times, 3.0 * math.log(4.0), rtol=1e-13)


def test_black_and_faint_pixels_are_silent_and_white_fires_at_zero():
    spikes = log_latency([0.0, 0.1, 0.2, 1.0], threshold=0.1)
    assert spikes.indices.tolist() == [3, 2]
    assert spikes.times[0] == 0.0
    assert not np.signbit(spikes.times[0])
    assert log_latency([5e-324, 0.0], tau=1.0).times.tolist() == [pytest.approx(744.44, abs=0.01)]


@pytest.mark.parametrize("options", [{"tau": 0.0}, {"tau": -1.0}, {"tau": np.nan}, {"threshold": 1.0}])
def test_parameters_outside_their_domain_are_refused(options):
    with pytest.raises(errors.EvsimError, match=next(iter(options))):
        log_latency([0.5], **options)
