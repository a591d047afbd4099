"""Parts of the detector whose answers are known: paths, pieces of paths, and paths that are none."""

import numpy as np
import pytest

from evsim.motion.linking import link
from evsim.motion.pruning import only_hops
from evsim.motion.scene import Scene, evidence
from evsim.motion.traces import smooth, traced


def scene_of(t, x, y):
    order = np.argsort(t, kind="stable")
    t, x, y = (np.asarray(values, float)[order] for values in (t, x, y))
    return Scene(t, x, y, np.arange(len(t)) % 2 == 0, np.full(len(t), 0.3), (200, 200))


def test_evidence_is_half_the_deviance_of_a_poisson_process():
    from scipy.special import xlogy

    n, m = np.array([0, 1, 5, 40]), np.array([2.0, 1.0, 1.5, 12.0])
    expected = np.where(n > m, xlogy(n, n / m) - (n - m), 0)
    np.testing.assert_allclose(evidence(n, m), expected, rtol=1e-12)


def test_noise_gives_more_evidence_than_e_with_at_most_exp_minus_e():
    from scipy.stats import poisson

    for m in (0.5, 3.0, 20.0):
        n = np.arange(int(m), 200)
        assert (poisson.sf(n - 1, m)[n > m] <= np.exp(-evidence(n, m))[n > m] * (1 + 1e-9)).all()


def test_straight_motion_is_smoothed_to_a_straight_line():
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0, 2, 300))
    xy = np.stack([20 + 40 * t, 90 - 15 * t], axis=1)
    knots, path = smooth(t, xy, np.ones(300), 0.0, 2.0)
    np.testing.assert_allclose(path, np.stack([20 + 40 * knots, 90 - 15 * knots], axis=1), atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_a_path_from_one_star_to_the_next_is_a_hop_and_steady_motion_is_none(seed):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 2, 240))
    drift = np.array([8.0, 3.0])
    wobble = rng.normal(0, 1, (2, 240))
    hop = np.where(t < 1, 0.0, 8.0)
    steady = 4 * t + 2
    for beside, expected in ((hop, True), (steady, False)):
        scene = scene_of(t, 50 + drift[0] * t + beside + wobble[0], 60 + drift[1] * t + wobble[1])
        trace = traced(scene, np.arange(240))
        scene.owner[:] = 0
        assert only_hops(scene, trace, 0, drift) is expected


def test_pieces_that_continue_each_other_are_joined_and_others_are_not():
    rng = np.random.default_rng(3)
    t = np.concatenate([rng.uniform(0, 0.8, 120), rng.uniform(1.2, 2, 120), rng.uniform(1.2, 2, 120)])
    x = 30 + 40 * t + rng.normal(0, 0.8, 360)
    y = np.where(np.arange(360) < 240, 50.0, 70.0) + rng.normal(0, 0.8, 360)
    kind = np.repeat([0, 1, 2], 120)[np.argsort(t, kind="stable")]
    scene = scene_of(t, x, y)
    pieces = [traced(scene, np.flatnonzero(kind == k)) for k in range(3)]
    joined = sorted(link(scene, pieces), key=lambda trace: trace.start)
    assert len(joined) == 2
    assert (joined[0].start, joined[0].stop) == pytest.approx((pieces[0].start, pieces[1].stop))
