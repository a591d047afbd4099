"""Intervals and their variation against loops, known trains and Poisson processes."""

import math
import statistics
from itertools import chain, pairwise

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis

REGULAR = SpikeArray(np.tile([0, 1], 50), np.repeat(np.arange(50) * 0.25, 2))
MEASURES = [analysis.cv, analysis.cv2, analysis.local_variation]


def gamma_trains(shape, n_neurons=40, n_intervals=2000, seed=2):
    """Trains whose intervals have the gamma distribution of a shape and the mean 10."""
    gaps = np.random.default_rng(seed).gamma(shape, 10.0 / shape, (n_neurons, n_intervals))
    return SpikeArray(np.repeat(np.arange(n_neurons), n_intervals), np.cumsum(gaps, axis=1).ravel())


def lists_of_intervals(spikes, n_neurons):
    """One list of intervals per neuron, by plain Python."""
    trains = [sorted(spike.time for spike in spikes if spike.index == k) for k in range(n_neurons)]
    return [[late - early for early, late in pairwise(train)] for train in trains]


@pytest.fixture(scope="module")
def some():
    rng = np.random.default_rng(0)
    return SpikeArray(rng.integers(0, 9, 500), rng.uniform(0.0, 80.0, 500))


def test_intervals_are_those_of_each_neurons_sorted_train(some):
    expected = lists_of_intervals(some, 10)
    found = analysis.intervals(some, by_neuron=True, n_neurons=10)
    assert [one.tolist() for one in found] == expected
    assert analysis.intervals(some).tolist() == list(chain(*expected))


def test_both_spikes_of_an_interval_lie_in_the_window():
    spikes = SpikeArray([0] * 5, [1.0, 2.0, 4.0, 7.0, 11.0])
    assert analysis.intervals(spikes, start=2.0, stop=11.0).tolist() == [2.0, 3.0]
    assert analysis.intervals(spikes, start=2.0).tolist() == [2.0, 3.0, 4.0]
    assert analysis.intervals(spikes, stop=3.0).tolist() == [1.0]


def test_no_spikes_have_no_intervals():
    assert analysis.intervals(SpikeArray()).tolist() == []
    assert analysis.intervals(SpikeArray(), by_neuron=True) == []
    assert [len(one) for one in analysis.intervals(SpikeArray(), by_neuron=True, n_neurons=2)] == [0, 0]


def test_cv_is_the_standard_deviation_over_the_mean(some):
    expected = [statistics.pstdev(gaps) / statistics.mean(gaps) for gaps in lists_of_intervals(some, 9)]
    np.testing.assert_allclose(analysis.cv(some), expected, rtol=1e-13)


def test_cv2_is_the_mean_contrast_of_neighbours(some):
    expected = [
        statistics.mean(2 * abs(b - a) / (b + a) for a, b in pairwise(gaps)) for gaps in lists_of_intervals(some, 9)
    ]
    np.testing.assert_allclose(analysis.cv2(some), expected, rtol=1e-13)


def test_local_variation_is_three_times_the_mean_square_contrast(some):
    expected = [
        statistics.mean(3 * ((b - a) / (b + a)) ** 2 for a, b in pairwise(gaps)) for gaps in lists_of_intervals(some, 9)
    ]
    np.testing.assert_allclose(analysis.local_variation(some), expected, rtol=1e-13)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda f: f.__name__)
def test_a_clock_does_not_vary(measure):
    assert measure(REGULAR).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda f: f.__name__)
def test_fewer_than_two_intervals_do_not_tell(measure):
    found = measure([0, 1, 1, 2, 2, 2], [0.0, 0.0, 1.0, 0.0, 1.0, 2.0], n_neurons=4)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 0.0, np.nan])


@pytest.mark.parametrize("measure", MEASURES, ids=lambda f: f.__name__)
def test_spikes_at_one_time_do_not_tell(measure):
    assert np.isnan(measure([0, 0, 0], [1.0, 1.0, 1.0])).all()


@pytest.mark.parametrize("measure", MEASURES, ids=lambda f: f.__name__)
def test_a_poisson_process_has_one_within_the_standard_error(measure):
    spikes = evsim.encoders.poisson(np.full(100, 0.2), until=20_000.0, seed=7)
    found = measure(spikes)
    assert abs(found.mean() - 1) < 3 * found.std(ddof=1) / math.sqrt(len(found))
    assert found.std() < 0.05


@pytest.mark.parametrize("shape", [0.5, 3.0])
@pytest.mark.parametrize(
    ("measure", "truth"),
    # CV of a gamma distribution; L_V of a gamma process is 3 / (2 shape + 1) (Shinomoto et al. 2003)
    [(analysis.cv, lambda k: 1 / math.sqrt(k)), (analysis.local_variation, lambda k: 3 / (2 * k + 1))],
    ids=["cv", "local_variation"],
)
def test_gamma_processes_have_the_variation_that_theory_gives_them(measure, truth, shape):
    found = measure(gamma_trains(shape))
    assert abs(found.mean() - truth(shape)) < 3 * found.std(ddof=1) / math.sqrt(len(found))


def test_a_drift_of_the_rate_raises_cv_and_not_the_local_measures():
    # A Poisson process of rate 1 in the time u, seen at t with u = t^2 / 100: its rate goes from 0 to 20
    clock = np.cumsum(np.random.default_rng(1).exponential(1.0, 10_000))
    times = np.sqrt(100.0 * clock)
    zeros = np.zeros(len(times))
    assert analysis.cv(zeros, times)[0] > 1.2
    assert abs(analysis.cv2(zeros, times)[0] - 1) < 0.03
    assert abs(analysis.local_variation(zeros, times)[0] - 1) < 0.03


@pytest.mark.parametrize("measure", MEASURES, ids=lambda f: f.__name__)
def test_variation_has_no_unit(measure, some):
    slower = SpikeArray(some.indices, some.times * 1024.0)
    np.testing.assert_array_equal(measure(slower), measure(some))
