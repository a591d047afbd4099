"""Objects that move, where every event's cause is known."""

import numpy as np
import pytest

import evsim
from evsim.datasets import SATELLITE, STAR, random_star_field, star_field
from evsim.errors import DTypeError, InvalidArgumentError
from evsim.motion import find_motion
from evsim.spikeseg import score_events

CALM = {"star_velocity": (0.0, 0.0), "n_stars": 0, "n_hot_pixels": 0, "duration": 1_500_000}


def owner_of(motion, field, number):
    """The track that has most events of an object, and its share of them."""
    seen = motion.object_ids[field.objects == number]
    counts = np.bincount(seen[seen >= 0], minlength=1)
    return int(counts.argmax()), counts.max() / len(seen)


@pytest.mark.parametrize("kind", ["bright", "faint", "slow"])
@pytest.mark.parametrize("seed", [11, 12])
def test_satellites_are_told_from_all_else_event_by_event(kind, seed):
    field = random_star_field(kind, seed=seed)
    motion = find_motion(field.events)
    scores = score_events(field.labels == SATELLITE, motion.detected())
    assert scores.sensitivity > 0.9
    assert scores.precision > 0.88
    assert len(motion.object_ids) == len(motion.confidence) == len(field.events)


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_has_no_objects(seed):
    events = star_field(n_stars=0, n_satellites=0, noise_rate=0.6, n_hot_pixels=8, duration=2_000_000, seed=seed).events
    motion = find_motion(events)
    assert motion.tracks == ()
    assert not motion.detected(background=True).any()


@pytest.mark.parametrize("seed", range(3))
def test_stars_that_drift_together_are_the_background(seed):
    field = star_field(n_satellites=0, n_stars=30, star_velocity=(14.0, -6.0), duration=1_500_000, seed=seed)
    motion = find_motion(field.events)
    assert motion.moving == ()
    np.testing.assert_allclose(motion.background_velocity, (14.0, -6.0), atol=1.0)
    assert score_events(field.labels == STAR, motion.detected(background=True)).informedness > 0.85


def test_a_track_goes_along_the_trajectory():
    for seed in range(3):
        field = star_field(**CALM, n_satellites=1, satellite_speed=(30.0, 80.0), seed=seed)
        (track,) = find_motion(field.events).tracks
        (truth,) = field.trajectories
        at = track.at(truth.t)
        seen = ~np.isnan(at[:, 0])
        assert seen.mean() > 0.9
        off = np.hypot(at[:, 0] - truth.x, at[:, 1] - truth.y)[seen]
        assert off.max() < 1.5
        np.testing.assert_allclose(track.velocity, truth.velocity, atol=1.0)


def test_a_track_goes_on_over_a_gap():
    field = star_field(**CALM, n_satellites=1, satellite_speed=(40.0, 40.0), noise_rate=0.2, seed=4)
    middle = np.median(field.events.t[field.labels == SATELLITE])
    gap = (field.labels == SATELLITE) & (abs(field.events.t - middle) < 150_000)
    motion = find_motion(field.events.select(~gap))
    (track,) = motion.tracks
    assert track.t[0] < middle - 300_000
    assert track.t[-1] > middle + 300_000


def test_objects_that_cross_keep_their_numbers():
    # Two that cross at a right angle in the middle of the recording, each from a recording of its own.
    parts, truth = [], []
    rng = np.random.default_rng(7)
    for k, (vx, vy) in enumerate(((50.0, 0.0), (0.0, 50.0))):
        t = np.sort(rng.uniform(0, 2.0, 500))
        x, y = 60 + vx * (t - 1) + rng.normal(0, 1, 500), 60 + vy * (t - 1) + rng.normal(0, 1, 500)
        parts.append(np.stack([t * 1e6, np.rint(x), np.rint(y)]))
        truth.append(np.full(500, k))
    noise = np.stack([rng.uniform(0, 2e6, 8000), rng.integers(0, 121, 8000), rng.integers(0, 121, 8000)])
    t, x, y = np.concatenate([*parts, noise], axis=1).clip([[0], [0], [0]], [[2e6], [120], [120]]).astype(int)
    label = np.concatenate([*truth, np.full(8000, -1)])
    order = np.argsort(t, kind="stable")
    events = evsim.EventArray(t[order], x[order], y[order], np.ones(len(t)), width=121, height=121)
    motion = find_motion(events)
    assert len(motion.tracks) == 2
    for k in range(2):
        seen = motion.object_ids[label[order] == k]
        assert np.bincount(seen[seen >= 0], minlength=2).max() > 0.9 * len(seen)


def test_a_recording_that_starts_later_gives_the_same():
    field = star_field(seed=6)
    e = field.events
    later = evsim.EventArray(e.t + 10**15, e.x, e.y, e.p, width=e.width, height=e.height)
    first, second = find_motion(e), find_motion(later)
    assert np.array_equal(first.object_ids, second.object_ids)
    np.testing.assert_array_equal(first.tracks[0].t + 1e15, second.tracks[0].t)


def test_polarity_may_be_the_other_way_round():
    field = star_field(**CALM, n_satellites=1, satellite_speed=(30.0, 80.0), seed=2)
    e = field.events
    dark = evsim.EventArray(e.t, e.x, e.y, 1 - e.p, width=e.width, height=e.height)
    first, second = find_motion(e).tracks[0], find_motion(dark).tracks[0]
    np.testing.assert_allclose(first.x, second.x, atol=1e-6)
    np.testing.assert_allclose(first.y, second.y, atol=1e-6)


def test_confidence_says_how_often_it_is_right():
    right, sure = [], []
    for seed in range(20, 24):
        field = random_star_field("faint", seed=seed)
        motion = find_motion(field.events)
        moving = motion.detected()
        right.append(field.labels[moving] == SATELLITE)
        sure.append(motion.confidence[moving])
    right, sure = np.concatenate(right), np.concatenate(sure)
    doubtful = sure < 0.8
    assert right[~doubtful].mean() > 0.94
    assert 0.3 < right[doubtful].mean() < 0.9


def test_what_was_chosen_is_said():
    motion = find_motion(random_star_field("faint", seed=1).events, faintest=60.0, max_speed=150.0)
    assert motion.settings["faintest"] == 60.0
    assert motion.settings["max_speed"] == 150.0
    assert 100_000 <= motion.settings["neuron_window"] <= 500_000
    calm = find_motion(random_star_field("bright", seed=1, noise_rate=0.1).events)
    assert calm.settings["neuron_window"] < motion.settings["neuron_window"]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_events_have_no_objects(n):
    t = np.arange(n) * 1000
    motion = find_motion(evsim.EventArray(t, t // 1000, t // 1000, np.ones(n), width=30, height=20))
    assert motion.tracks == ()
    assert len(motion.detected()) == n


def test_bad_arguments_are_named():
    events = star_field(seed=0, duration=100_000).events
    with pytest.raises(DTypeError, match="got ndarray"):
        find_motion(np.zeros(3))
    with pytest.raises(InvalidArgumentError, match="faintest must be positive"):
        find_motion(events, faintest=0.0)
    with pytest.raises(InvalidArgumentError, match="max_speed must be positive"):
        find_motion(events, max_speed=-1.0)
