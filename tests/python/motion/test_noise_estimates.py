"""Rates of noise and hot pixels, where both are known."""

import numpy as np
import pytest

import evsim
from evsim.datasets import random_star_field, star_field
from evsim.errors import DTypeError
from evsim.motion import estimate_noise


@pytest.mark.parametrize("rate", [0.05, 0.2, 1.0, 5.0])
def test_the_rate_of_noise_alone_is_found(rate):
    events = star_field(n_stars=0, n_satellites=0, n_hot_pixels=0, noise_rate=rate, seed=3).events
    # Cells hold 0.8 events on average: n of them tell the rate to 1.7 / sqrt(n), and n is the number of events / 0.8.
    error = rate * 1.7 / np.sqrt(len(events) / 0.8)
    assert estimate_noise(events).rate.mean() == pytest.approx(rate, abs=5 * error)


@pytest.mark.parametrize("seed", range(6))
def test_stars_and_satellites_change_it_little(seed):
    field = random_star_field("mixed", seed=seed)
    rate = field.parameters["noise_rate"]
    assert 0.95 * rate < np.median(estimate_noise(field.events).rate) < 1.35 * rate


def test_noise_may_differ_over_the_picture():
    rng = np.random.default_rng(2)
    n = 30_000
    left = rng.random(n) < 0.8
    x = np.where(left, rng.integers(0, 80, n), rng.integers(80, 160, n))
    events = evsim.EventArray(
        np.sort(rng.integers(0, 10**6, n)), x, rng.integers(0, 80, n), np.ones(n), width=160, height=80
    )
    rate = estimate_noise(events).rate
    assert rate[:, :80].mean() == pytest.approx(0.8 * n / 6400, rel=0.05)
    assert rate[:, 80:].mean() == pytest.approx(0.2 * n / 6400, rel=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_hot_pixels_are_found_and_stars_are_not_taken_for_them(seed):
    field = random_star_field("mixed", seed=seed, n_hot_pixels=12, hot_pixel_rate=60.0)
    hot = estimate_noise(field.events).hot
    # Two hot pixels may be neighbours, or a star pass by.
    assert (hot & field.hot_pixels).sum() >= 10
    assert not (hot & ~field.hot_pixels).any()


def test_a_recording_without_events_has_no_noise():
    noise = estimate_noise(evsim.EventArray([], [], [], [], width=50, height=40))
    assert noise.rate.shape == noise.hot.shape == (40, 50)
    assert not noise.rate.any()


def test_something_else_than_events_is_named():
    with pytest.raises(DTypeError, match="EventArray, got list"):
        estimate_noise([1, 2])
