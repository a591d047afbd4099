import numpy as np
import pytest

from evsim import errors
from evsim.datasets import SATELLITE, random_star_field, star_field

QUIET = {"noise_rate": 0.0, "n_hot_pixels": 0, "n_stars": 0}


def rates(field):
    """Events per second of each satellite, over the time that its path lies in the picture."""
    step = field.parameters["trajectory_step"] * 1e-6
    return [(field.objects == path.object_id).sum() / (len(path.t) * step) for path in field.trajectories]


def test_the_same_seed_gives_the_same_recording_and_kinds_differ():
    first, again, other = (random_star_field(kind, seed=3) for kind in ("faint", "faint", "bright"))
    assert first.events == again.events
    assert np.array_equal(first.objects, again.objects)
    assert first.parameters == again.parameters
    assert first.parameters["star_velocity"] != other.parameters["star_velocity"]


@pytest.mark.parametrize(
    ("kind", "noise", "speed"),
    [
        ("bright", (0.1, 0.6), (5, 150)),
        ("faint", (0.4, 0.6), (5, 150)),
        ("mixed", (0.1, 0.6), (5, 150)),
        ("slow", (0.1, 0.6), (5, 15)),
    ],
)
def test_what_is_drawn_lies_within_its_kind(kind, noise, speed):
    for seed in range(8):
        field = random_star_field(kind, seed=seed, duration=100_000)
        drawn = field.parameters
        assert noise[0] <= drawn["noise_rate"] <= noise[1]
        assert 1 <= drawn["n_satellites"] <= 5
        for path in field.trajectories:
            beside = np.hypot(*np.subtract(path.velocity, drawn["star_velocity"]))
            assert speed[0] - 1e-9 <= beside <= speed[1] + 1e-9


def test_satellites_have_the_rates_asked_for():
    given = {
        "satellite_rate": (200.0, 200.0),
        "n_satellites": 5,
        "duration": 4_000_000,
        "satellite_speed": (20.0, 90.0),
    }
    seen = np.concatenate([rates(star_field(**QUIET, **given, seed=seed)) for seed in range(6)])
    # A path along a row of pixels has more events than one between two: 200 is the mean over all ways to lie.
    assert np.mean(seen) == pytest.approx(200, rel=0.08)
    assert np.std(seen) < 60


def test_fixed_arguments_are_kept():
    field = random_star_field("bright", seed=0, n_satellites=4, width=100)
    assert field.parameters["n_satellites"] == len(field.trajectories) == 4
    assert field.events.width == 100


def test_a_satellite_that_would_stand_still_in_the_picture_goes_the_other_way():
    for seed in range(30):
        fixed = {"star_velocity": (10.0, 0.0), "satellite_speed": (10.0, 10.0), "relative": True}
        field = star_field(**QUIET, **fixed, n_satellites=5, duration=200_000, seed=seed)
        for path in field.trajectories:
            assert np.hypot(*path.velocity) >= 2
            assert np.hypot(path.velocity[0] - 10, path.velocity[1]) == pytest.approx(10)


def test_bad_arguments_are_named():
    with pytest.raises(errors.InvalidArgumentError, match="bright, faint, mixed, slow"):
        random_star_field("dark")
    with pytest.raises(errors.InvalidArgumentError, match="satellite_rate"):
        star_field(satellite_rate=(0.0, 5.0))
    with pytest.raises(TypeError, match="stars"):
        random_star_field(stars=3)


def test_satellites_are_labelled():
    field = random_star_field("mixed", seed=5)
    numbers = {path.object_id for path in field.trajectories}
    assert set(field.objects[field.labels == SATELLITE].tolist()) <= numbers
