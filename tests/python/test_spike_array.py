"""Properties of SpikeArray."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import assume, example, given, strategies as st
from hypothesis.extra import numpy as hnp

import evsim
from evsim import Spike, SpikeArray, errors

finite = st.floats(-1e12, 1e12)
indices = st.integers(0, 2**31 - 1)
spike_lists = st.lists(st.tuples(indices, finite), max_size=60)
few_times = st.sampled_from([0.0, 1.0, 1.5, 2.0])
tied_lists = st.lists(st.tuples(st.integers(0, 1000), few_times), max_size=80)


def array_of(pairs, **options):
    return SpikeArray([i for i, _ in pairs], [t for _, t in pairs], **options)


def pairs_of(spikes):
    return list(zip(spikes.indices.tolist(), spikes.times.tolist(), strict=True))


# Construction


@given(spike_lists)
def test_holds_what_it_was_given_in_that_order(pairs):
    spikes = array_of(pairs)
    assert pairs_of(spikes) == pairs
    assert len(spikes) == spikes.n_spikes == len(pairs)
    assert spikes.is_empty() == (not pairs)
    assert spikes.indices.dtype == np.int32
    assert spikes.times.dtype == np.float64


@given(spike_lists)
def test_adding_one_by_one_equals_adding_all(pairs):
    one_by_one, at_once = SpikeArray(), SpikeArray()
    for index, time in pairs:
        one_by_one.add(index, time)
    at_once.add([i for i, _ in pairs], [t for _, t in pairs])
    assert one_by_one == at_once == array_of(pairs)


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "longdouble", ">i4", ">f8"]
)
@pytest.mark.parametrize("time_dtype", ["i1", "i8", "u4", "f2", "f4", "f8", "longdouble", ">f4"])
def test_every_numeric_dtype_is_converted_by_value(dtype, time_dtype):
    spikes = SpikeArray(np.array([3, 0, 100], dtype=dtype), np.array([1, 2, 100], dtype=time_dtype))
    assert pairs_of(spikes) == [(3, 1.0), (0, 2.0), (100, 100.0)]


@pytest.mark.parametrize("container", [list, tuple, np.array])
def test_lists_tuples_and_arrays_are_the_same(container):
    assert pairs_of(SpikeArray(container([2, 1]), container([0.5, 0.25]))) == [(2, 0.5), (1, 0.25)]


@given(
    hnp.arrays(np.int64, (7, 5), elements=st.integers(0, 1000)),
    hnp.arrays(np.float32, (5, 7), elements=st.floats(-8, 8, width=16)),
)
def test_strided_reversed_and_transposed_arrays_are_read_as_they_look(numbers, times):
    for i, t in ((numbers[:, 2], times[1]), (numbers[::-2, 0], times[0, ::2]), (numbers.T[3], times.T[::-1, 2])):
        assert pairs_of(SpikeArray(i, t)) == list(zip(i.tolist(), t.tolist(), strict=True))


def test_memory_that_is_read_only_or_not_aligned_is_read_as_it_looks():
    raw = np.frombuffer(b"\0" + np.arange(4, dtype=np.float64).tobytes() + b"\0" * 7, dtype=np.uint8)
    times = raw[1:33].view(np.float64)
    assert not times.flags.aligned
    assert pairs_of(SpikeArray([0, 1, 2, 3], times)) == [(k, float(k)) for k in range(4)]


def test_the_input_is_copied():
    source = np.array([1.0, 2.0])
    spikes = SpikeArray(np.array([0, 1], dtype=np.int32), source)
    source[0] = 9.0
    assert spikes.times.tolist() == [1.0, 2.0]


# Views


@given(spike_lists, spike_lists)
def test_views_share_memory_and_keep_what_they_showed(pairs, more):
    spikes = array_of(pairs)
    if pairs:
        assert np.shares_memory(spikes.times, spikes.times)
        assert np.shares_memory(spikes.indices, spikes.indices)
    seen_indices, seen_times = spikes.indices, spikes.times
    spikes.add([i for i, _ in more], [t for _, t in more])
    spikes.sort()
    spikes.clear()
    del spikes
    assert list(zip(seen_indices.tolist(), seen_times.tolist(), strict=True)) == pairs


def test_views_are_read_only():
    spikes = SpikeArray([1], [2.0])
    for view in (spikes.indices, spikes.times):
        assert not view.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True


# Order


@given(tied_lists)
def test_sort_is_stable(pairs):
    spikes = array_of(pairs)
    spikes.sort()
    assert pairs_of(spikes) == sorted(pairs, key=lambda pair: pair[1])
    assert spikes.is_sorted


@given(spike_lists)
def test_sort_twice_equals_sort_once(pairs):
    once, twice = array_of(pairs), array_of(pairs)
    once.sort()
    twice.sort()
    twice.sort()
    assert once == twice


def test_sort_of_many_equals_numpys():
    rng = np.random.default_rng(0)
    times = np.round(rng.uniform(-50, 50, 300_000), 2)
    numbers = rng.integers(0, 2**31, times.size)
    spikes = SpikeArray(numbers, times)
    spikes.sort()
    order = np.argsort(times, kind="stable")
    assert np.array_equal(spikes.indices, numbers[order])
    assert np.array_equal(spikes.times, times[order])


@given(tied_lists)
def test_is_sorted_means_that_times_never_decrease(pairs):
    times = [t for _, t in pairs]
    assert array_of(pairs).is_sorted == (times == sorted(times))


def test_negative_and_positive_zero_are_one_time():
    spikes = SpikeArray([0, 1, 2], [0.0, -0.0, 0.0])
    assert spikes.is_sorted
    spikes.sort()
    assert spikes.indices.tolist() == [0, 1, 2]


# Slices, merging


@given(tied_lists, st.floats(-1, 3), st.floats(-1, 3))
def test_time_slice_takes_start_and_leaves_stop(pairs, start, stop):
    spikes = array_of(pairs)
    assert pairs_of(spikes.time_slice(start, stop)) == [p for p in pairs if start <= p[1] < stop]
    assert pairs_of(spikes.time_slice(start)) == [p for p in pairs if start <= p[1]]
    assert pairs_of(spikes.time_slice(stop=stop)) == [p for p in pairs if p[1] < stop]
    assert spikes.time_slice() == spikes


@given(tied_lists, st.one_of(st.none(), st.integers(-90, 90)), st.one_of(st.none(), st.integers(-90, 90)))
def test_slices_of_positions_are_those_of_lists(pairs, start, stop):
    for step in (1, 2, -1):
        assert pairs_of(array_of(pairs)[start:stop:step]) == pairs[start:stop:step]


@given(tied_lists, tied_lists, tied_lists)
def test_merge_is_a_stable_sort_of_all(a, b, c):
    merged = array_of(a).merge(array_of(b), array_of(c))
    assert pairs_of(merged) == sorted(a + b + c, key=lambda pair: pair[1])


@given(tied_lists, tied_lists)
def test_merge_changes_neither_array(a, b):
    one, other = array_of(a), array_of(b)
    one.merge(other)
    assert pairs_of(one) == a
    assert pairs_of(other) == b


@given(tied_lists)
def test_iteration_and_positions_give_spikes(pairs):
    spikes = array_of(pairs)
    assert list(spikes) == [Spike(i, t) for i, t in pairs]
    assert [spikes[k] for k in range(len(pairs))] == [Spike(i, t) for i, t in pairs]
    assert [spikes[-k] for k in range(1, len(pairs) + 1)] == [Spike(i, t) for i, t in reversed(pairs)]
    assert all(type(s.index) is int and type(s.time) is float for s in spikes)


def test_positions_that_do_not_exist_are_errors():
    spikes = SpikeArray([0, 1], [0.0, 1.0])
    for position in (2, -3, 10**20):
        with pytest.raises(errors.IndexOutOfRangeError):
            spikes[position]
    with pytest.raises(errors.DTypeError, match="time_slice"):
        spikes[0.5:1.0]


# Equality, copies


@given(tied_lists, tied_lists)
def test_equality_looks_at_indices_times_and_order(a, b):
    assert (array_of(a) == array_of(b)) == (a == b)
    assert (array_of(a) != array_of(b)) == (a != b)


def test_equality_with_other_types_is_false():
    assert SpikeArray() != []
    assert SpikeArray([1], [1.0]) != (1, 1.0)
    with pytest.raises(TypeError, match="hash"):
        hash(SpikeArray())


@given(spike_lists)
@pytest.mark.parametrize("shape", [None, (2, 2**15, 2**15)])
def test_pickles_and_copies_are_equal_and_independent(shape, pairs):
    spikes = array_of(pairs, shape=shape)
    for other in (
        pickle.loads(pickle.dumps(spikes)),
        pickle.loads(pickle.dumps(spikes, protocol=0)),
        copy.copy(spikes),
        copy.deepcopy(spikes),
        spikes.copy(),
    ):
        assert other == spikes
        assert other.shape == spikes.shape
        other.add(1, 1.0)
        assert pairs_of(spikes) == pairs


def test_clear_empties():
    spikes = SpikeArray([1], [1.0])
    spikes.clear()
    assert spikes.is_empty()
    assert len(spikes) == 0
    spikes.add(2, 2.0)
    assert pairs_of(spikes) == [(2, 2.0)]


# Shapes


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 33), st.integers(0, 30)), max_size=20))
def test_coordinates_are_those_of_numpy(places):
    shape = (2, 34, 31)
    flat = [int(np.ravel_multi_index(place, shape)) for place in places]
    spikes = SpikeArray(flat, np.zeros(len(flat)), shape=shape)
    assert list(zip(*(c.tolist() for c in spikes.coordinates()), strict=True)) == places


def test_shape_survives_slicing_merging_and_copying():
    spikes = SpikeArray([3, 1], [0.0, 1.0], shape=(2, 2))
    for other in (spikes[:1], spikes.time_slice(0.5), spikes.merge(SpikeArray([0], [0.5])), spikes.copy()):
        assert other.shape == (2, 2)


@pytest.mark.parametrize("shape", [(1,), (2, 1), (1, 1, 3)])
def test_indices_outside_the_shape_are_errors(shape):
    with pytest.raises(errors.IndexOutOfRangeError, match="index 3 does not fit"):
        SpikeArray([3], [0.0], shape=shape)
    spikes = SpikeArray([0], [0.0], shape=shape)
    with pytest.raises(errors.IndexOutOfRangeError, match="index 3 does not fit"):
        spikes.add(3, 0.0)
    with pytest.raises(errors.IndexOutOfRangeError):
        SpikeArray([3], [0.0]).shape = shape
    assert len(spikes) == 1


@pytest.mark.parametrize("shape", [(), (0,), (2, -1)])
def test_impossible_shapes_are_errors(shape):
    with pytest.raises(errors.InvalidArgumentError, match="at least 1"):
        SpikeArray(shape=shape)


def test_coordinates_need_a_shape():
    with pytest.raises(errors.InvalidArgumentError, match="no shape"):
        SpikeArray([1], [1.0]).coordinates()


# Dense arrays

dts = st.sampled_from([1.0, 0.5, 0.1, 1e-3, 1 / 3, 7.0])


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=4, max_side=6), elements=st.integers(0, 3)), dts)
def test_dense_arrays_survive_the_round_trip(dense, dt):
    spikes = SpikeArray.from_dense(dense, dt)
    assert len(spikes) == dense.sum()
    assert spikes.is_sorted
    back = spikes.to_dense(dt, n_neurons=dense.shape[1] if dense.ndim == 2 else None, stop=len(dense) * dt)
    assert back.shape == dense.shape
    assert np.array_equal(back, dense)


@given(st.integers(0, 100_000), dts, st.sampled_from([0.0, 1.0, -3.5, 1e3]))
@example(step=217, dt=1 / 3, start=1e3)
def test_times_made_by_from_dense_come_back_to_their_step(step, dt, start):
    spikes = SpikeArray([0], [start + step * dt])
    dense = spikes.to_dense(dt, start=start)
    assume(abs(start) / dt < 1e4)
    assert dense.shape == (step + 1, 1)
    assert dense[step, 0] == 1


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1279).map(lambda k: k / 128)), max_size=40),
    st.sampled_from([0.25, 0.5, 1.0]),
)
def test_to_dense_counts_every_spike_once_in_its_step(pairs, dt):
    dense = array_of(pairs).to_dense(dt, n_neurons=5, stop=10.0)
    expected = np.zeros((int(10 / dt), 5), dtype=int)
    for index, time in pairs:
        expected[int(time / dt), index] += 1
    assert np.array_equal(dense, expected)


@pytest.mark.parametrize("dense", [np.zeros((3, 2), bool), np.zeros((0, 4)), np.zeros((2, 0)), [[0, 0]]])
def test_silence_is_empty(dense):
    assert SpikeArray.from_dense(dense).is_empty()


@pytest.mark.parametrize(
    ("dense", "error"),
    [
        ([1, 2], errors.ShapeMismatchError),
        ([[0.5]], errors.InvalidArgumentError),
        ([[-1]], errors.InvalidArgumentError),
        ([[np.nan]], errors.DTypeError),
        ([[np.inf]], errors.DTypeError),
        ([["a"]], errors.DTypeError),
        ([[1j]], errors.DTypeError),
    ],
)
def test_what_is_no_array_of_counts_is_an_error(dense, error):
    with pytest.raises(error, match="dense must"):
        SpikeArray.from_dense(dense)


@pytest.mark.parametrize("dt", [0.0, -1.0])
def test_steps_must_be_positive(dt):
    with pytest.raises(errors.InvalidArgumentError, match="dt must be positive"):
        SpikeArray.from_dense([[1]], dt)
    with pytest.raises(errors.InvalidArgumentError, match="dt must be positive"):
        SpikeArray([0], [0.0]).to_dense(dt)


def test_to_dense_refuses_what_does_not_fit():
    spikes = SpikeArray([2, 1], [0.5, 1.5])
    for options in ({"start": 1.0}, {"stop": 1.0}):
        with pytest.raises(errors.InvalidArgumentError, match="do not lie between"):
            spikes.to_dense(0.5, **options)
    with pytest.raises(errors.IndexOutOfRangeError, match="index 2"):
        spikes.to_dense(0.5, n_neurons=2)


# Words


def test_repr_says_how_many_which_and_when():
    assert repr(SpikeArray()) == "SpikeArray(empty)"
    assert repr(SpikeArray([4], [0.5])) == "SpikeArray(1 spike, indices 4 to 4, times 0.5 to 0.5)"
    assert "unsorted" in repr(SpikeArray([4, 2], [0.5, 0.25]))
    assert "indices 2 to 4, times 0.25 to 0.5" in repr(SpikeArray([4, 2], [0.5, 0.25]))
    assert "shape=(2, 3)" in repr(SpikeArray([4], [0.5], shape=(2, 3)))


def test_spikes_are_named_tuples():
    spike = evsim.Spike(index=3, time=1.5)
    assert spike == (3, 1.5)
    assert repr(spike) == "Spike(index=3, time=1.5)"


# What it refuses

BAD = [
    (([0], [np.nan]), errors.NonFiniteError, "nan"),
    (([0], [np.inf]), errors.NonFiniteError, "inf"),
    (([0, 1], [0.0, -np.inf]), errors.NonFiniteError, "inf"),
    (([-1], [0.0]), errors.IndexOutOfRangeError, "-1"),
    (([2**31], [0.0]), errors.IndexOutOfRangeError, "2147483648"),
    ((np.array([2**64 - 1], dtype=np.uint64), [0.0]), errors.IndexOutOfRangeError, "18446744073709551615"),
    (([0.5], [0.0]), errors.DTypeError, "whole numbers"),
    (([np.nan], [0.0]), errors.NonFiniteError, "finite"),
    (([1e300], [0.0]), errors.IndexOutOfRangeError, "1e\\+300"),
    (([0, 1], [0.0]), errors.ShapeMismatchError, "2.*1"),
    (([[0]], [[0.0]]), errors.ShapeMismatchError, "dimension"),
    (([0], [[0.0]]), errors.ShapeMismatchError, "dimension"),
    ((["a"], [0.0]), errors.DTypeError, "integers"),
    (([0], ["a"]), errors.DTypeError, "real"),
    (([0], [1j]), errors.DTypeError, "real"),
    (([True], [0.0]), errors.DTypeError, "integers"),
    (([0], [None]), errors.DTypeError, "real"),
    (([0], [[1.0], [2.0, 3.0]]), errors.ShapeMismatchError, "one-dimensional"),
    (([0], np.array(["2020-01-01"], dtype="M8[s]")), errors.DTypeError, "real"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), BAD)
def test_bad_spikes_are_errors_and_add_nothing(arguments, error, words):
    with pytest.raises(error, match=words):
        SpikeArray(*arguments)
    spikes = SpikeArray([1], [1.0])
    with pytest.raises(error, match=words):
        spikes.add(*arguments)
    assert pairs_of(spikes) == [(1, 1.0)]


def test_indices_without_times_are_an_error():
    with pytest.raises(errors.ShapeMismatchError, match="both"):
        SpikeArray([1])
    with pytest.raises(errors.ShapeMismatchError, match="both"):
        SpikeArray(times=[1.0])


def test_huge_times_beyond_float64_are_errors():
    with pytest.raises(errors.EvsimError):
        SpikeArray([0], [10**400])
    with pytest.raises(errors.EvsimError):
        SpikeArray([10**400], [0.0])
