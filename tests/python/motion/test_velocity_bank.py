"""Neurons tuned to velocities, against pairs of events looked at one by one."""

import numpy as np
import pytest

from evsim.motion import VelocityBank


def pairwise(bank, t, x, y):
    """Events that the neuron nearest to each event hears, for each velocity, shape (n_velocities, n_events)."""
    counts = []
    for vx, vy in bank.velocities:
        # Half cells and quarter windows; a neuron hears the two whole ones around its middle, where the event is.
        places = np.stack([(x - vx * t) / bank.cell, (y - vy * t) / bank.cell, t / (bank.window / 2)])
        whole, first = np.floor(places).astype(int), np.floor(places - 0.5).astype(int)
        ahead = whole[:, np.newaxis, :] - first[:, :, np.newaxis]
        counts.append(((ahead == 0) | (ahead == 1)).all(axis=0).sum(axis=1))
    return np.array(counts)


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_those_of_pairs_of_events(seed):
    rng = np.random.default_rng(seed)
    n = 400
    # Binary fractions, so that rounding plays no part in which cell an event is in.
    t, x, y = np.sort(rng.integers(0, 900, n) / 1024), rng.integers(0, 60, n) * 1.0, rng.integers(0, 30, n) * 1.0
    bank = VelocityBank(np.array([[0.0, 0.0], [90.0, -40.0], [-13.5, 55.0]]), window=0.25, cell=2.0)
    response = bank.respond(t, x, y, (60, 30))
    np.testing.assert_array_equal(response.count, pairwise(bank, t, x, y).max(axis=0))


def test_long_recordings_are_heard_in_pieces_as_one():
    rng = np.random.default_rng(5)
    n = 1600
    t, x, y = np.sort(rng.integers(0, 12_000, n) / 1024), rng.integers(0, 20, n) * 1.0, rng.integers(0, 20, n) * 1.0
    bank = VelocityBank(np.array([[30.5, 10.0], [-7.0, 0.5]]), window=0.5, cell=2.0)
    np.testing.assert_array_equal(bank.respond(t, x, y, (20, 20)).count, pairwise(bank, t, x, y).max(axis=0))


def test_the_neuron_of_the_objects_velocity_wins():
    t = np.arange(0, 1, 0.005)
    bank = VelocityBank.up_to(150.0, window=0.2)
    response = bank.respond(t, 10 + 84 * t, 90 - 42 * t, (100, 100))
    assert response.count.max() == 40
    np.testing.assert_allclose(np.median(response.velocity, axis=0), [84, -42], atol=bank.step)


def test_all_velocities_up_to_the_fastest_are_there():
    bank = VelocityBank.up_to(100.0, window=0.1)
    speeds = np.hypot(*bank.velocities.T)
    assert speeds.max() <= 100
    rng = np.random.default_rng(0)
    for angle, speed in rng.uniform(0, [2 * np.pi, 80.0], (50, 2)):
        wanted = speed * np.array([np.cos(angle), np.sin(angle)])
        assert np.abs(bank.velocities - wanted).max(axis=1).min() <= bank.step / 2 + 1e-9


def test_without_events_there_is_no_response():
    nothing = np.empty(0)
    assert VelocityBank.up_to(50.0, 0.2).respond(nothing, nothing, nothing, (10, 10)).count.size == 0
