"""Whether Poisson trains are Poisson: fixed seeds, bounds that one correct generator in a thousand would miss."""

import itertools

import numpy as np
import pytest

from evsim import SpikeArray
from evsim.encoders import poisson, poisson_step

SEEDS = (1, 2)
seeds = pytest.mark.parametrize("seed", SEEDS)


def distance(values, cumulative):
    """Kolmogorov and Smirnov's D times sqrt(n), which is above 1.95 once in a thousand times."""
    x, n = cumulative(np.sort(values)), len(values)
    steps = np.arange(n + 1) / n
    return max(np.max(steps[1:] - x), np.max(x - steps[:-1])) * np.sqrt(n)


def exponential(rate):
    return lambda x: -np.expm1(-rate * x)


def correlation(a, b):
    """Correlation times sqrt(n), normal of variance 1 if a and b are independent."""
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1] * np.sqrt(np.size(a))


def counts(batch, n):
    return np.stack([np.bincount(spikes.indices, minlength=n) for spikes in batch])


@seeds
@pytest.mark.parametrize("rate", [0.02, 1.0, 250.0])
def test_intervals_are_exponential(seed, rate):
    train = poisson([rate], until=20_000 / rate, seed=seed).times
    assert abs(len(train) - 20_000) < 3.3 * np.sqrt(20_000)
    assert distance(np.diff(train), exponential(rate)) < 1.95
    intervals = np.diff(train)
    assert abs(correlation(intervals[1:], intervals[:-1])) < 3.3
    assert abs(correlation(intervals[4:], intervals[:-4])) < 3.3  # a block of the generator


def test_steps_and_regular_trains_do_not_pass_this_check():
    """Negative control: coins thrown at a tenth of the mean interval, gamma intervals, a rate that is 5 % off."""
    rng = np.random.default_rng(1)
    coins = 0.1 * np.flatnonzero(rng.random(200_000) < 0.1)
    assert distance(np.diff(coins), exponential(1.0)) > 5
    assert distance(rng.gamma(1.2, 1 / 1.2, 20_000), exponential(1.0)) > 5
    assert distance(rng.exponential(1.05, 20_000), exponential(1.0)) > 1.95


@seeds
def test_first_spikes_of_many_values_are_exponential(seed):
    first = poisson(np.full(20_000, 2.0), until=30.0, seed=seed)
    times = np.full(20_000, np.inf)
    np.minimum.at(times, first.indices, first.times)
    assert distance(times, exponential(2.0)) < 1.95


@seeds
def test_counts_have_the_variance_of_their_mean(seed):
    n, mean = 20_000, 3.0
    found = counts([poisson(np.full(n, 0.3), until=10.0, seed=seed)], n)[0]
    assert abs(found.mean() - mean) < 3.3 * np.sqrt(mean / n)
    assert abs(found.var() / found.mean() - 1) < 3.3 * np.sqrt(2 / n)
    expected = n * np.exp(-mean) * np.cumprod([1.0, *(mean / np.arange(1, 9))])
    chi_square = np.sum((np.bincount(found, minlength=9)[:9] - expected) ** 2 / expected)
    assert chi_square < 27.9  # nine degrees of freedom


@seeds
def test_values_samples_steps_and_seeds_are_independent(seed):
    n, rates = 400, np.full((30, 400), 0.5)
    here = counts(poisson(rates, until=10.0, seed=seed, shape=(n,)), n)
    other_seed = counts(poisson(rates, until=10.0, seed=seed + 2**64, shape=(n,)), n)
    next_step = counts(poisson_step(rates, dt=10.0, step=1, seed=seed, shape=(n,)), n)
    pairs = {
        "values": (here[:, 1:], here[:, :-1]),
        "samples": (here[1:], here[:-1]),
        "seeds": (here, other_seed),
        "steps": (here, next_step),
    }
    upper = np.triu_indices(30, 1)
    pairs["value and sample exchanged"] = here[:, :30][upper], here[:, :30].T[upper]
    for name, (a, b) in pairs.items():
        assert abs(correlation(a, b)) < 3.3, name
    assert correlation(here, here) > 3.3  # negative control
    assert correlation(here, here + other_seed) > 3.3


@seeds
def test_trains_of_many_values_add_up_to_one_process(seed):
    """Spikes of neighbours must not attract or avoid each other."""
    rates = np.random.default_rng(seed).uniform(0.1, 2.0, 50)
    merged = poisson(rates, until=300.0, seed=seed).times
    assert len(merged) > 10_000
    assert distance(np.diff(merged), exponential(rates.sum())) < 1.95
    assert distance(merged, lambda t: t / 300.0) < 1.95


@seeds
def test_a_dead_time_is_added_to_every_interval(seed):
    train = poisson([2.0], until=20_000.0, seed=seed, refractory=0.25).times
    intervals = np.diff(train)
    assert intervals.min() >= 0.25 - 1e-10
    assert distance(np.maximum(intervals - 0.25, 0.0), exponential(2.0)) < 1.95
    rate = 2.0 / (1 + 2.0 * 0.25)
    assert abs(len(train) / 20_000.0 - rate) < 3.3 * np.sqrt(rate / 20_000.0)


@seeds
def test_steps_side_by_side_are_one_process(seed):
    """Intervals across the seams as well."""
    steps = [poisson_step([3.0], dt=0.4, step=k, seed=seed) for k in range(5000)]
    train = SpikeArray().merge(*steps).times
    assert distance(np.diff(train), exponential(3.0)) < 1.95
    assert distance(train, lambda t: t / 2000.0) < 1.95


@seeds
def test_rates_that_change_from_step_to_step(seed):
    """Time rescaled by the integral of the rate is a process of rate 1 (Brown et al. 2002, Neural Comput. 14)."""
    rates = 2.0 + np.sin(np.arange(4000) / 7.0)
    steps = [poisson_step([rate], dt=1.0, step=k, seed=seed) for k, rate in enumerate(rates)]
    train = SpikeArray().merge(*steps).times
    integral = np.concatenate(([0.0], np.cumsum(rates)))
    rescaled = np.interp(train, np.arange(4001), integral)
    assert distance(np.diff(rescaled), exponential(1.0)) < 1.95
    assert distance(np.diff(train), exponential(rates.mean())) > 1.95  # negative control


@pytest.mark.nightly
def test_over_many_seeds_the_distances_are_kolmogorovs():
    """Neither too large nor too small: p-values of 400 seeds are uniform."""

    def p_value(d):
        k = np.arange(1, 30)
        return 2 * np.sum((-1.0) ** (k - 1) * np.exp(-2 * k**2 * d**2))

    trains = [poisson([1.0], until=2000.0, seed=seed).times for seed in range(400)]
    p_values = np.array([p_value(distance(np.diff(train), exponential(1.0))) for train in trains])
    assert distance(p_values, lambda p: p) < 1.95


def test_neighbouring_seeds_differ():
    trains = [poisson([1.0], until=30.0, seed=seed).times for seed in (0, 1, 2, 2**64, 2**65, 2**127)]
    assert all(set(a).isdisjoint(b) for a, b in itertools.combinations([t.tolist() for t in trains], 2))
