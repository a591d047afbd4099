"""Correlations and correlograms against loops over bins and pairs, and known trains."""

import math
from itertools import pairwise

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis, errors
from evsim.analysis import correlation


@pytest.fixture(scope="module")
def some():
    rng = np.random.default_rng(4)
    return SpikeArray(rng.integers(0, 12, 900), rng.uniform(0.0, 100.0, 900))


def counts_of(spikes, n_neurons, width, start, n_bins):
    counts = [[0] * n_bins for _ in range(n_neurons)]
    for spike in spikes:
        for b in range(n_bins):
            counts[spike.index][b] += start + b * width <= spike.time < start + (b + 1) * width
    return np.array(counts)


def test_coefficients_are_those_of_numpy_from_counts_made_by_loops(some):
    found = analysis.correlations(some, bin_width=2.5, start=10.0, stop=99.0)
    expected = np.corrcoef(counts_of(some, 12, 2.5, 10.0, 35))
    np.testing.assert_allclose(found.matrix, expected, atol=1e-14)
    assert found.neurons.tolist() == list(range(12))
    pairs = [expected[i, j] for i in range(12) for j in range(i)]
    assert found.mean == pytest.approx(sum(pairs) / len(pairs), abs=1e-14)


def test_the_parts_that_are_counted_at_a_time_do_not_matter(some, monkeypatch):
    whole = analysis.correlations(some, bin_width=1.0, stop=100.0).matrix
    monkeypatch.setattr(correlation, "_AT_ONCE", 40)
    np.testing.assert_array_equal(analysis.correlations(some, bin_width=1.0, stop=100.0).matrix, whole)


def test_copies_of_a_train_have_one_and_complements_minus_one():
    every, odd = np.arange(0.5, 20.0), np.arange(1.5, 20.0, 2.0)
    spikes = SpikeArray(np.repeat([0, 1, 2, 3], [10, 10, 10, 20]), np.concatenate([odd, odd, odd - 1.0, every]))
    found = analysis.correlations(spikes, bin_width=1.0, stop=20.0, n_neurons=5).matrix
    nan = np.nan
    constant = [nan] * 5  # neuron 3 fires in every bin, neuron 4 in none
    expected = [[1, 1, -1, nan, nan], [1, 1, -1, nan, nan], [-1, -1, 1, nan, nan], constant, constant]
    np.testing.assert_array_equal(found, expected)


def test_neurons_without_a_coefficient_do_not_count_in_the_mean():
    spikes = SpikeArray([0, 1], [0.5, 0.5])
    assert analysis.correlations(spikes, bin_width=1.0, stop=4.0, n_neurons=9).mean == 1.0
    assert math.isnan(analysis.correlations(SpikeArray(), bin_width=1.0, stop=4.0, n_neurons=3).mean)


def test_a_sample_is_a_part_of_the_whole_matrix(some):
    whole = analysis.correlations(some, bin_width=2.0, stop=100.0).matrix
    found = analysis.correlations(some, bin_width=2.0, stop=100.0, sample=5, seed=3)
    assert len(found.neurons) == 5
    assert (np.diff(found.neurons) > 0).all()
    np.testing.assert_array_equal(found.matrix, whole[np.ix_(found.neurons, found.neurons)])


def test_a_seed_chooses_the_sample(some):
    def drawn(seed):
        return analysis.correlations(some, bin_width=2.0, stop=100.0, sample=5, seed=seed).neurons.tolist()

    assert drawn(3) == drawn(3)
    assert len({tuple(drawn(seed)) for seed in range(20)}) > 10
    evsim.random.set_seed(5)
    shared = drawn(None)
    evsim.random.set_seed(5)
    assert drawn(None) == shared


def test_independent_poisson_trains_are_uncorrelated_within_the_standard_error():
    n, n_bins = 60, 5000
    spikes = evsim.encoders.poisson(np.full(n, 0.1), until=10.0 * n_bins, seed=2)
    found = analysis.correlations(spikes, bin_width=10.0, stop=10.0 * n_bins)
    n_pairs = n * (n - 1) / 2
    assert abs(found.mean) < 3 / math.sqrt(n_bins * n_pairs)
    pairs = found.matrix[np.triu_indices(n, 1)]
    assert pairs.std() == pytest.approx(1 / math.sqrt(n_bins), rel=4 / math.sqrt(2 * n_pairs))


def test_trains_that_share_spikes_have_the_part_shared_as_their_correlation():
    # Each of two Poisson trains has a share c of its rate from one common train, which gives r = c at any bin width
    common, own, other = (evsim.encoders.poisson([r], until=2e5, seed=k) for k, r in enumerate((0.03, 0.07, 0.07)))
    first, second = common.merge(own), common.merge(other)
    spikes = SpikeArray(np.repeat([0, 1], [len(first), len(second)]), np.concatenate([first.times, second.times]))
    found = analysis.correlations(spikes, bin_width=5.0, stop=2e5).matrix[0, 1]
    assert found == pytest.approx(0.3, abs=3 * (1 - 0.3**2) / math.sqrt(40_000))


def lags_by_loops(spikes, first, second):
    """Lag of every two different spikes of the groups."""
    array = list(spikes)
    return [
        b.time - a.time
        for i, a in enumerate(array)
        for j, b in enumerate(array)
        if i != j and a.index in first and b.index in second
    ]


@pytest.mark.parametrize(("reference", "target"), [(2, 5), (2, 2), ([0, 1], [7]), ([0, 1, 2], [2, 3]), (3, 40)])
@pytest.mark.parametrize("at_once", [1, 50, 2**22])
def test_a_correlogram_counts_every_pair(some, reference, target, at_once, monkeypatch):
    monkeypatch.setattr(correlation, "_AT_ONCE", at_once)
    edges, counts = analysis.cross_correlogram(some, reference=reference, target=target, bin_width=0.5, max_lag=6.0)
    groups = [{one} if isinstance(one, int) else set(one) for one in (reference, target)]
    lags = lags_by_loops(some, *groups)
    assert edges.tolist() == [0.5 * k - 0.25 for k in range(-12, 14)]
    assert counts.tolist() == [sum(a <= lag < b for lag in lags) for a, b in pairwise(edges)]


def test_the_target_lies_to_the_right_when_it_comes_later():
    edges, counts = analysis.cross_correlogram([0, 1], [1.0, 3.0], reference=0, target=1, bin_width=1.0, max_lag=2.0)
    assert counts.tolist() == [0, 0, 0, 0, 1]
    assert edges.tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]


def test_exchanging_the_trains_mirrors_the_correlogram(some):
    options = {"bin_width": 0.7, "max_lag": 9.0}
    _, there = analysis.cross_correlogram(some, reference=1, target=4, **options)
    _, back = analysis.cross_correlogram(some, reference=4, target=1, **options)
    assert there.sum() > 0
    assert there.tolist() == back[::-1].tolist()


def test_only_spikes_of_the_window_are_paired(some):
    options = {"reference": 1, "target": 4, "bin_width": 1.0, "max_lag": 5.0}
    _, found = analysis.cross_correlogram(some, start=20.0, stop=70.0, **options)
    _, expected = analysis.cross_correlogram(some.time_slice(20.0, 70.0), **options)
    assert found.tolist() == expected.tolist()


def test_independent_trains_have_as_many_pairs_in_each_bin_as_chance_gives():
    until, rate = 1e5, 0.1
    spikes = evsim.encoders.poisson([rate, rate], until=until, seed=9)
    _, counts = analysis.cross_correlogram(spikes, reference=0, target=1, bin_width=2.0, max_lag=100.0)
    n, m = np.bincount(spikes.indices)
    expected = n * m * 2.0 / until
    assert abs(counts.mean() - expected) < 3 * math.sqrt(expected / len(counts)) + expected * 100.0 / until
    assert counts.std() == pytest.approx(math.sqrt(expected), rel=4 / math.sqrt(2 * len(counts)))


SPIKES = SpikeArray([0, 1, 2], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: analysis.correlations(SPIKES, bin_width=1.0, stop=9.0, sample=4),
            errors.InvalidArgumentError,
            "sample = 4, but there are 3 neurons",
        ),
        (
            lambda: analysis.correlations(SPIKES, bin_width=1.0, stop=9.0, sample=2, seed=-1),
            errors.InvalidArgumentError,
            "seed",
        ),
        (
            lambda: analysis.correlations(SPIKES, bin_width=1.0, stop=9.0, n_neurons=100_000),
            errors.MemoryLimitError,
            "100,000 neurons",
        ),
        (
            lambda: analysis.cross_correlogram(SPIKES, reference=0, target=1, bin_width=1.0, max_lag=-1.0),
            errors.InvalidArgumentError,
            "max_lag",
        ),
        (
            lambda: analysis.cross_correlogram(SPIKES, reference=-1, target=1, bin_width=1.0, max_lag=1.0),
            errors.IndexOutOfRangeError,
            "reference",
        ),
        (
            lambda: analysis.cross_correlogram(SPIKES, reference=0, target="a", bin_width=1.0, max_lag=1.0),
            errors.DTypeError,
            "target",
        ),
        (
            lambda: analysis.cross_correlogram(SPIKES, reference=0, target=1, bin_width=1e-9, max_lag=1.0),
            errors.MemoryLimitError,
            "1e-09",
        ),
    ],
)
def test_what_cannot_be_correlated_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        call()
