"""Rates, population rates and Fano factors against loops over the spikes."""

import math
from fractions import Fraction

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis, errors

TRAINS = SpikeArray([0, 2, 0, 2, 2, 0], [0.5, 1.0, 2.0, 2.25, 7.0, 9.0])


def random_spikes(seed, n=400, n_neurons=7, until=50.0):
    rng = np.random.default_rng(seed)
    return SpikeArray(rng.integers(0, n_neurons, n), rng.uniform(0.0, until, n))


def count(spikes, neuron, begin, end):
    return sum(1 for spike in spikes if (neuron is None or spike.index == neuron) and begin <= spike.time < end)


def test_a_rate_is_the_spikes_of_the_window_over_its_length():
    found = analysis.rates(TRAINS, start=1.0, stop=9.0, n_neurons=4)
    assert found.tolist() == [1 / 8, 0.0, 3 / 8, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_rates_of_random_spikes_are_those_counted_one_by_one(seed):
    spikes = random_spikes(seed)
    expected = [count(spikes, k, 3.0, 40.0) / 37.0 for k in range(7)]
    assert analysis.rates(spikes, start=3.0, stop=40.0).tolist() == expected


def test_indices_and_times_count_as_the_array_of_them():
    given = TRAINS.indices.tolist(), TRAINS.times.tolist()
    assert analysis.rates(*given, stop=10.0).tolist() == analysis.rates(TRAINS, stop=10.0).tolist()
    for binned, same in zip(
        analysis.population_rate(*given, bin_width=1.0, stop=10.0),
        analysis.population_rate(TRAINS, bin_width=1.0, stop=10.0),
        strict=True,
    ):
        np.testing.assert_array_equal(binned, same)


def test_a_shape_says_how_many_neurons_there_are():
    assert len(analysis.rates(SpikeArray([1], [0.0], shape=(2, 3)), stop=1.0)) == 6
    assert len(analysis.rates(SpikeArray([1], [0.0]), stop=1.0)) == 2


def test_nothing_has_no_rates():
    assert analysis.rates(SpikeArray(), stop=1.0).tolist() == []
    assert analysis.rates(SpikeArray(), stop=1.0, n_neurons=2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_population_rates_of_random_spikes_are_those_counted_bin_by_bin(seed):
    spikes = random_spikes(seed)
    edges, found = analysis.population_rate(spikes, bin_width=0.75, start=2.0, stop=45.0, n_neurons=9)
    assert edges.tolist() == [2.0 + 0.75 * k for k in range(58)]
    assert edges[-1] <= 45.0 < edges[-1] + 0.75
    expected = [count(spikes, None, edges[k], edges[k + 1]) / 9 / 0.75 for k in range(57)]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_the_order_of_spikes_does_not_matter():
    spikes = random_spikes(0)
    assert not spikes.is_sorted
    again = spikes.copy()
    again.sort()
    (_, one), (_, other) = (analysis.population_rate(k, bin_width=2.0, stop=50.0) for k in (spikes, again))
    assert one.tolist() == other.tolist()
    one, other = (analysis.fano_factor(k, window=5.0, stop=50.0) for k in (spikes, again))
    assert one.tolist() == other.tolist()


@pytest.mark.parametrize(("stop", "width", "n"), [(0.3, 0.1, 3), (0.7, 0.1, 7), (1e6 + 0.3, 0.1, 3), (0.95, 0.3, 3)])
def test_bins_that_fit_but_for_rounding_fit(stop, width, n):
    start = math.floor(stop)
    edges, _ = analysis.population_rate([0], [start], bin_width=width, start=start, stop=stop)
    assert len(edges) == n + 1


def test_the_mean_of_the_population_rate_is_the_mean_rate():
    spikes = random_spikes(5)
    _, binned = analysis.population_rate(spikes, bin_width=0.5, stop=50.0)
    assert binned.mean() == pytest.approx(analysis.rates(spikes, stop=50.0).mean(), rel=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_fano_factors_of_random_spikes_are_variance_over_mean_of_counts(seed):
    spikes = random_spikes(seed)
    found = analysis.fano_factor(spikes, window=3.0, stop=50.0, n_neurons=8)
    for neuron in range(7):
        counts = [Fraction(count(spikes, neuron, 3.0 * k, 3.0 * k + 3.0)) for k in range(16)]
        mean = sum(counts) / 16
        variance = sum((one - mean) ** 2 for one in counts) / 16
        assert found[neuron] == pytest.approx(float(variance / mean), rel=1e-14)
    assert np.isnan(found[7])


def test_the_fano_factor_of_a_clock_is_zero():
    times = np.arange(0.5, 100.0)
    assert analysis.fano_factor(np.zeros(100), times, window=10.0, stop=100.0).tolist() == [0.0]


def test_the_fano_factor_of_poisson_trains_is_one_within_its_standard_error():
    n_windows, n = 1000, 200
    spikes = evsim.encoders.poisson(np.full(n, 0.2), until=50.0 * n_windows, seed=3)
    found = analysis.fano_factor(spikes, window=50.0, stop=50.0 * n_windows)
    standard_error = math.sqrt(2 / (n_windows - 1) / n)  # of a variance over the mean, of counts that are Poisson
    assert abs(found.mean() * n_windows / (n_windows - 1) - 1) < 3 * standard_error


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: analysis.rates(TRAINS, stop=0.0), errors.InvalidArgumentError, "stop must lie after start = 0.0"),
        (lambda: analysis.rates(TRAINS, stop=5.0, n_neurons=2), errors.ShapeMismatchError, "neuron 2 fired"),
        (lambda: analysis.rates(TRAINS, [1.0], stop=5.0), errors.InvalidArgumentError, "brings its own times"),
        (lambda: analysis.rates([1], stop=5.0), errors.DTypeError, "got list alone"),
        (lambda: analysis.rates([1], [1.0, 2.0], stop=5.0), errors.ShapeMismatchError, "indices"),
        (lambda: analysis.rates([1], [np.nan], stop=5.0), errors.NonFiniteError, "times"),
        (lambda: analysis.rates(TRAINS, stop=5.0, n_neurons=2**31 - 1), errors.MemoryLimitError, "2,147,483,647"),
        (
            lambda: analysis.population_rate(TRAINS, bin_width=11.0, stop=10.0),
            errors.InvalidArgumentError,
            "not one bin of bin_width = 11.0",
        ),
        (
            lambda: analysis.population_rate(SpikeArray(), bin_width=1.0, stop=10.0),
            errors.InvalidArgumentError,
            "n_neurons=",
        ),
        (lambda: analysis.population_rate(TRAINS, bin_width=1e-12, stop=10.0), errors.MemoryLimitError, "1e-12"),
        (
            lambda: analysis.population_rate(TRAINS, bin_width=1e-3, start=1e15, stop=1e15 + 1),
            errors.InvalidArgumentError,
            "too short",
        ),
        (
            lambda: analysis.fano_factor(TRAINS, window=6.0, stop=10.0),
            errors.InvalidArgumentError,
            "needs two windows",
        ),
    ],
)
def test_what_has_no_rate_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
