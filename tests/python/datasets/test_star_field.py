import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.datasets import NOISE, SATELLITE, STAR, star_field

QUIET = {"noise_rate": 0.0, "n_hot_pixels": 0, "jitter": 0.0}


def brightness(field, satellite):
    """Level of log brightness at each event of `satellite`, from the definition; its pixels and polarities."""
    events = field.events.select(field.objects == satellite.object_id)
    # Any two points of a trajectory give the line.
    seconds = (events.t - satellite.t[0]) * 1e-6
    dx = events.x - (satellite.x[0] + satellite.velocity[0] * seconds)
    dy = events.y - (satellite.y[0] + satellite.velocity[1] * seconds)
    sigma = field.parameters["psf_sigma"]
    level = np.log(1 + satellite.contrast * np.exp(-(dx**2 + dy**2) / (2 * sigma**2)))
    return events, level, dx, dy


def test_the_same_seed_gives_the_same_recording():
    a, b, c = star_field(seed=3), star_field(seed=3), star_field(seed=4)
    assert a.events == b.events
    assert np.array_equal(a.labels, b.labels)
    assert np.array_equal(a.objects, b.objects)
    assert a.events != c.events


def test_every_event_has_its_cause():
    field = star_field(seed=0, n_stars=20, n_satellites=3)
    assert len(field.labels) == len(field.objects) == len(field.events)
    assert (field.objects[field.labels == NOISE] == -1).all()
    assert set(field.objects[field.labels == STAR].tolist()) <= set(range(20))
    assert set(field.objects[field.labels == SATELLITE].tolist()) == {20, 21, 22}
    assert [path.object_id for path in field.trajectories] == [20, 21, 22]
    assert (field.labels == STAR).sum() > 300
    assert (field.labels == NOISE).sum() > 300


@pytest.mark.parametrize("seed", range(4))
def test_events_of_a_pixel_are_one_threshold_apart(seed):
    field = star_field(seed=seed, n_stars=0, n_satellites=1, satellite_contrast=(5.0, 5.0), threshold=0.2, **QUIET)
    satellite = field.trajectories[0]
    events, level, _, _ = brightness(field, satellite)
    compared = 0
    for pixel in np.unique(events.y.astype(int) * 128 + events.x):
        here = events.y.astype(int) * 128 + events.x == pixel
        step, sign = np.diff(level[here]), np.where(events.p[here][1:] == 1, 1, -1)
        # Whole microseconds: 60 pixels a second move less than 1e-4 pixels in one.
        np.testing.assert_allclose(step, 0.2 * sign, atol=1e-3)
        compared += len(step)
    assert compared > 200


def test_leading_edges_are_on_and_trailing_edges_are_off():
    field = star_field(seed=1, n_stars=0, n_satellites=3, **QUIET)
    for satellite in field.trajectories:
        events, _, dx, dy = brightness(field, satellite)
        ahead = dx * satellite.velocity[0] + dy * satellite.velocity[1]
        assert (ahead[events.p == 1] > -1e-3).all()
        assert (ahead[events.p == 0] < 1e-3).all()
        assert {0, 1} == set(events.p.tolist())


def test_brighter_objects_cause_more_events():
    counts = [
        len(star_field(seed=5, n_stars=0, satellite_contrast=(c, c), **QUIET).events)
        for c in (0.1, 0.5, 2.0, 8.0, 32.0)
    ]
    assert counts == sorted(counts)
    assert counts[-1] > 4 * counts[1] > 0


def test_under_sidereal_tracking_stars_are_silent():
    field = star_field(seed=0, star_velocity=(0, 0))
    assert (field.labels == STAR).sum() == 0
    assert (field.labels == SATELLITE).sum() > 0


def test_stars_drift_together():
    slow = star_field(seed=2, n_satellites=0, star_velocity=(20.0, 0.0), duration=2_000_000, **QUIET)
    for star in np.unique(slow.objects):
        events = slow.events.select((slow.objects == star) & (slow.events.p == 1))
        if len(events) > 30 and np.ptp(events.x) > 10:
            slope = np.polyfit(events.t * 1e-6, events.x.astype(float), 1)[0]
            assert slope == pytest.approx(20.0, rel=0.1)


def test_trajectories_stay_in_the_picture_and_follow_their_velocity():
    field = star_field(seed=7, n_satellites=5, width=90, height=50, trajectory_step=5000)
    for path in field.trajectories:
        assert len(path.t) > 1
        assert (path.x >= -0.5).all()
        assert (path.x < 89.5).all()
        assert (path.y >= -0.5).all()
        assert (path.y < 49.5).all()
        np.testing.assert_allclose(np.diff(path.x), path.velocity[0] * np.diff(path.t) * 1e-6, atol=1e-9)
        assert 25 <= np.hypot(*path.velocity) <= 60


def test_noise_comes_at_its_rates():
    field = star_field(seed=0, n_stars=0, n_satellites=0, noise_rate=0.5, n_hot_pixels=4, hot_pixel_rate=200.0)
    hot = field.hot_pixels[field.events.y, field.events.x]
    assert field.hot_pixels.sum() == 4
    assert (~hot).sum() == pytest.approx(0.5 * 128 * 128, abs=5 * np.sqrt(0.5 * 128 * 128))
    assert hot.sum() == pytest.approx(800, abs=5 * np.sqrt(800) + 10)
    assert field.events.p[~hot].mean() == pytest.approx(0.5, abs=0.03)
    assert field.events.p[hot].mean() > 0.8


def test_hot_pixels_can_be_found_again():
    field = star_field(seed=0, n_hot_pixels=5)
    assert np.array_equal(evsim.events.filters.find_hot_pixels(field.events, n_sigma=50), field.hot_pixels)


def test_the_background_activity_filter_removes_noise_rather_than_satellites():
    field = star_field(seed=0, n_hot_pixels=0)
    kept = evsim.events.filters.isolated(field.events, radius=1, window=20_000).to_structured()
    left = {tuple(row) for row in kept.tolist()}
    stays = np.array([tuple(row) in left for row in field.events.to_structured().tolist()])
    assert stays[field.labels == NOISE].mean() < 0.25
    assert stays[field.labels == SATELLITE].mean() > 0.7


def test_an_empty_sky_has_no_events():
    field = star_field(seed=0, n_stars=0, n_satellites=0, **QUIET)
    assert len(field.events) == 0
    assert field.trajectories == ()
    assert repr(field) == "StarField(EventArray(empty, 128 x 128 pixels); 0 noise, 0 star, 0 satellite)"


def test_parameters_hold_all_arguments():
    field = star_field(seed=0, width=40)
    assert star_field(**field.parameters).events == field.events


def test_wide_point_spread_functions_are_as_exact():
    field = star_field(seed=1, width=64, height=48, n_stars=0, n_satellites=1, psf_sigma=9.0, **QUIET)
    events, level, _, _ = brightness(field, field.trajectories[0])
    first = np.unique(events.y.astype(int) * 64 + events.x, return_index=True)[1]
    assert len(first) > 1000
    assert (level > 0).all()


@pytest.mark.parametrize(
    "options",
    [
        {"width": 0},
        {"width": 65536, "height": 65536},
        {"duration": 0},
        {"duration": 0.5},
        {"n_stars": -1},
        {"n_stars": 10**10},
        {"n_satellites": -2},
        {"n_hot_pixels": 10**6},
        {"psf_sigma": 0.0},
        {"threshold": -0.1},
        {"noise_rate": -1.0},
        {"noise_rate": 1e9},
        {"jitter": np.nan},
        {"satellite_speed": (0.0, 5.0)},
        {"satellite_contrast": (3.0, 2.0)},
        {"star_contrast": (1.0,)},
        {"star_velocity": (1.0,)},
        {"star_velocity": ("a", 1.0)},
        {"trajectory_step": 0},
    ],
)
def test_arguments_outside_their_domain_are_named(options):
    with pytest.raises(errors.EvsimError, match=next(iter(options)).replace("noise_rate", "nois")):
        star_field(**options)
