import numpy as np
import pytest
from hypothesis import given, strategies as st

from evsim import errors
from evsim.encoders import rank_order

numbers = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=30)


def by_counting(values, threshold, interval):
    """The rank of a value is the number of different values above it."""
    spikes = [(interval * len({w for w in values if w > v}), k) for k, v in enumerate(values) if v > threshold]
    return sorted(spikes)


@given(numbers, st.integers(-20, 20))
def test_the_rank_is_the_number_of_larger_values(values, threshold):
    spikes = rank_order(values, threshold=threshold, interval=0.5)
    assert list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True)) == by_counting(values, threshold, 0.5)


@given(numbers, st.sampled_from([np.exp, np.cbrt, lambda v: 1e-300 * v, lambda v: v * 8e306, lambda v: v + 7]))
def test_only_the_order_of_values_counts(values, stretch):
    stretched = stretch(np.array(values))
    assert rank_order(stretched, threshold=-1.7e308) == rank_order(values, threshold=-1.7e308)


def test_equal_values_fire_together_in_order():
    spikes = rank_order([2, 5, 2, 5, 1])
    assert spikes.indices.tolist() == [1, 3, 0, 2, 4]
    assert spikes.times.tolist() == [0, 0, 1, 1, 2]


def test_ranks_begin_anew_in_every_sample():
    batch = rank_order(np.array([[3.0, 1.0, 2.0], [0.0, 0.0, 0.0], [9.0, 9.0, 8.0]]), shape=(3,))
    assert [spikes.times.tolist() for spikes in batch] == [[0, 1, 2], [], [0, 0, 1]]


@pytest.mark.parametrize("interval", [0.0, -1.0, np.inf, "1", None])
def test_intervals_outside_their_domain_are_refused(interval):
    with pytest.raises(errors.EvsimError, match="interval"):
        rank_order([1.0], interval=interval)


def test_times_beyond_the_largest_number_are_refused():
    with pytest.raises(errors.NonFiniteError):
        rank_order([1.0, 2.0, 3.0], interval=1e308)
