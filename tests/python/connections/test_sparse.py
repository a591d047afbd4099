"""Sparse connections: what they hold, in which order, and what they refuse."""

import copy
import dataclasses
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import sparse

import evsim
from evsim import Sparse
from evsim.errors import (
    DTypeError,
    EvsimError,
    FileFormatError,
    IndexOutOfRangeError,
    InvalidArgumentError,
    MemoryLimitError,
    MissingDependencyError,
    NonFiniteError,
    ShapeMismatchError,
)

NAN = float("nan")


def rng():
    return np.random.default_rng(5)


def small(**options):
    """Synapses 2->0, 0->1, 2->0, 0->0, 1->1 of 3 inputs and 2 neurons."""
    return Sparse(3, 2, [2, 0, 2, 0, 1], [0, 1, 0, 0, 1], **options)


def assert_same(a, b):
    assert (a.n_inputs, a.n_neurons) == (b.n_inputs, b.n_neurons)
    for name in ("sources", "targets", "order", "inhibitory", "weights"):
        found, expected = getattr(a, name), getattr(b, name)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)
        assert not isinstance(found, np.ndarray) or not found.flags.writeable


synapses = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=40)


@given(synapses)
def test_synapses_are_sorted_by_source_and_target_and_equals_stay_in_order(ends):
    sources, targets = np.array(ends, int).reshape(-1, 2).T
    values = np.arange(len(ends)) * 1.5
    connection = Sparse(5, 7, sources, targets, values)
    order = np.lexsort((targets, sources))
    np.testing.assert_array_equal(connection.order, order)
    for found, expected in (
        (connection.sources, sources[order]),
        (connection.targets, targets[order]),
        (connection.weights, values[order]),
        (connection.sorted_like_synapses(values), values[order]),
    ):
        np.testing.assert_array_equal(found, expected)
    assert connection.sources.dtype == connection.targets.dtype == np.int32
    assert connection.n_synapses == len(ends)
    assert connection.weight_shape == (len(ends),)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i4", "u8", ">i8", "f4", "f8"])
def test_indices_of_any_type_are_taken(dtype):
    connection = Sparse(3, 2, np.array([2, 0], dtype), np.array([[0, 9], [1, 9]], dtype)[:, 0])
    assert connection.sources.tolist() == [0, 2]
    assert connection.targets.tolist() == [1, 0]


def test_the_arrays_given_stay_the_callers_and_those_held_do_not_change():
    sources, targets = np.array([0, 1], np.int32), np.array([0, 1], np.int32)
    weights, inhibitory = np.array([1.0, 2.0]), np.array([True, False])
    connection = Sparse(2, 2, sources, targets, weights, inhibitory=inhibitory)
    plain = Sparse(2, 2, sources, targets, weights)
    for array in (sources, targets, weights, inhibitory):
        array[:] = 1 - array.astype(int)
    assert connection.sources.tolist() == connection.targets.tolist() == [0, 1]
    assert connection.weights.tolist() == [-1.0, 2.0]
    assert plain.weights.tolist() == [1.0, 2.0]
    for name in ("sources", "targets", "order", "weights", "inhibitory"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(connection, name)[0] = 1
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(connection, name, None)
    connection.sorted_like_synapses([1, 2])[0] = 5  # a copy


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_and_pickles_are_the_same(again):
    for connection in (
        small(weights=[1, 2, 3, 4, 5]),
        small(weights=2.5, inhibitory=0.5),
        Sparse.random(30, 20, 0.2, seed=1),
    ):
        assert_same(again(connection), connection)


def test_what_it_says_of_itself():
    connection = Sparse.fixed_in_degree(40, 50, 4, seed=1)
    assert repr(connection) == "Sparse(40, 50, 200 synapses)"
    assert connection.in_shape is connection.out_shape is None
    assert connection.weight_names == "(n_synapses,)"
    assert connection.learnable
    assert connection.takes_kernels
    assert not connection.on_gpu
    assert connection.takes_neurons
    assert connection.placed((1, 5, 8)) is connection


def test_a_description_and_its_arrays_make_it_again():
    connection = small(weights=[1, 2, 3, 4, 5])
    described = connection.to_description(str)
    assert described == {"type": "Sparse", "n_inputs": 3, "n_neurons": 2}
    again = Sparse.from_description({**described, **connection.arrays()}, connection.weights, str)
    assert_same(again.bare(), Sparse(3, 2, connection.sources, connection.targets).bare())
    np.testing.assert_array_equal(again.weights, connection.weights)
    assert Sparse.from_description({**described, **connection.arrays()}, None, str).weights is None
    with pytest.raises(FileFormatError, match="sorted"):
        Sparse.from_description({**described, "sources": [1, 0], "targets": [0, 0]}, None, str)
    with pytest.raises(EvsimError):
        Sparse.from_description({**described, "sources": [1, 3], "targets": [0, 0]}, None, str)


def test_bare_ones_have_weights_of_zero_and_the_order_of_the_caller():
    connection = small(weights=[1, 2, 3, 4, 5], inhibitory=1.0)
    bare = connection.bare()
    assert bare.initial_weights("float32", rng()).tolist() == [0] * 5
    np.testing.assert_array_equal(bare.order, connection.order)
    assert connection.weights.tolist() == [-4, -2, -5, -1, -3]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_first_weights(dtype):
    def first(connection):
        weights = connection.initial_weights(dtype, rng())
        assert weights.dtype == dtype
        assert weights.shape == connection.weight_shape
        return weights

    np.testing.assert_array_equal(first(small()), rng().uniform(-1, 1, 5).astype(dtype))
    normal = evsim.initializers.NormalInitializer(3.0, 0.5)
    np.testing.assert_array_equal(first(small(initializer=normal)), rng().normal(3.0, 0.5, 5).astype(dtype))
    assert first(small(weights=0.5)).tolist() == [0.5] * 5
    assert first(small(weights=[1, 2, 3, 4, 5])).tolist() == [4, 2, 5, 1, 3]
    assert first(Sparse(3, 2, [], [])).size == 0
    assert first(Sparse(3, 2, [], [], weights=1.0)).size == 0


def test_initialisers_that_give_something_else_are_refused():
    for made, error in ((np.ones(4), ShapeMismatchError), (np.full(5, NAN), NonFiniteError), (["a"] * 5, DTypeError)):
        with pytest.raises(error):
            small(initializer=lambda shape, rng, made=made: made).initial_weights("float32", rng())
    with pytest.raises(NonFiniteError):
        small(weights=1e300).initial_weights("float32", rng())


@pytest.mark.parametrize(
    ("inhibitory", "which"),
    [
        (0, []),
        (0.2, [4]),
        (0.5, [3, 4]),
        (np.float32(0.75), [1, 2, 3, 4]),
        (1, range(5)),
        ([False, True] * 2 + [False], [1, 3]),
    ],
)
def test_synapses_of_inhibitory_inputs_are_negative_and_all_others_positive(inhibitory, which):
    values = np.array([-3.0, 2.0, -1.0, 0.0, 5.0, -4.0, 7.0])
    sources = np.array([0, 1, 1, 2, 3, 3, 4])
    negative = np.isin(sources, list(which))
    expected = np.where(negative, -abs(values), abs(values))
    for options in ({"weights": values}, {"initializer": lambda shape, rng: values}):
        connection = Sparse(5, 1, sources, np.zeros(7), **options, inhibitory=inhibitory)
        found = connection.initial_weights("float64", rng())
        np.testing.assert_array_equal(found, expected)
        assert not np.signbit(found[values == 0]).any()
        assert np.flatnonzero(connection.inhibitory).tolist() == list(which)
    uniform = Sparse(5, 1, sources, np.zeros(7), weights=-2, inhibitory=inhibitory)
    np.testing.assert_array_equal(uniform.initial_weights("float64", rng()), np.where(negative, -2.0, 2.0))


MATRIX = np.array([[0.5, 0.0, -1.0, 0.0], [0.0, 0.0, 2.0, 3.0], [4.0, 0.0, 0.0, 0.0]])


@pytest.mark.parametrize(
    "convert",
    [np.array, np.ndarray.tolist, np.asfortranarray]
    + [getattr(sparse, f"{kind}_{of}") for kind in ("csr", "csc", "coo", "lil", "dok") for of in ("array", "matrix")],
)
def test_matrices_of_all_kinds_make_their_entries_synapses(convert):
    connection = Sparse.from_matrix(convert(MATRIX))
    assert (connection.n_inputs, connection.n_neurons) == (4, 3)
    assert list(zip(connection.sources, connection.targets, connection.weights, strict=True)) == [
        (0, 0, 0.5),
        (0, 2, 4.0),
        (2, 0, -1.0),
        (2, 1, 2.0),
        (3, 1, 3.0),
    ]
    np.testing.assert_array_equal(connection.order, np.arange(5))


def test_entries_of_one_place_and_stored_zeros_are_synapses_of_their_own():
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([1, 1, 0], [0, 0, 1])), (2, 2))
    connection = Sparse.from_matrix(matrix)
    assert connection.sources.tolist() == [0, 0, 1]
    assert connection.targets.tolist() == [1, 1, 0]
    assert connection.weights.tolist() == [1.0, 2.0, 0.0]


def test_where_weights_are_given_a_matrix_says_only_where_synapses_are():
    assert Sparse.from_matrix(MATRIX, weights=[1, 2, 3, 4, 5]).weights.tolist() == [1, 2, 3, 4, 5]
    assert Sparse.from_matrix(MATRIX, weights=7).weights == 7
    assert Sparse.from_matrix(MATRIX, initializer=evsim.initializers.ConstantInitializer(1)).weights is None
    assert Sparse.from_matrix(MATRIX != 0).weights is None
    assert Sparse.from_matrix(sparse.csr_array(MATRIX != 0)).n_synapses == 5
    assert Sparse.from_matrix(MATRIX, inhibitory=[True, False, False, True]).weights.tolist() == [-0.5, -4, 1, 2, -3]


def test_matrices_go_there_and_back():
    connection = Sparse.random(30, 20, 0.3, seed=1)
    weights = connection.initial_weights("float32", rng())
    matrix = connection.to_matrix(weights)
    assert isinstance(matrix, sparse.coo_array)
    assert matrix.shape == (20, 30)
    again = Sparse.from_matrix(matrix)
    np.testing.assert_array_equal(again.weights, weights)
    np.testing.assert_array_equal(again.sources, connection.sources)
    np.testing.assert_array_equal(again.targets, connection.targets)
    ones = small().to_matrix()
    ones.sum_duplicates()  # in place: the matrix is the caller's
    assert ones.toarray().tolist() == [[1, 0, 2], [1, 1, 0]]


def test_to_matrix_names_the_extra_that_brings_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingDependencyError, match=r"evsim\[sparse\]"):
        small().to_matrix()


def rule(name, *arguments, **options):
    return lambda: getattr(Sparse, name)(*arguments, **options)


WRONG = {
    "no inputs": (lambda: Sparse(0, 2, [], []), InvalidArgumentError),
    "a size that is a bool": (lambda: Sparse(3, True, [0], [0]), DTypeError),
    "a size with a fraction": (lambda: Sparse(3.0, 2, [0], [0]), DTypeError),
    "a source below 0": (lambda: Sparse(3, 2, [-1], [0]), IndexOutOfRangeError),
    "an int32 source below 0": (lambda: Sparse(3, 2, np.array([-1], np.int32), [0]), IndexOutOfRangeError),
    "a source that there is not": (lambda: Sparse(3, 2, [3], [0]), IndexOutOfRangeError),
    "a target that there is not": (lambda: Sparse(3, 2, [0], [2]), IndexOutOfRangeError),
    "a target above 32 bits": (lambda: Sparse(3, 2, [0], [2**40]), IndexOutOfRangeError),
    "a source with a fraction": (lambda: Sparse(3, 2, [0.5], [0]), DTypeError),
    "a source that is NaN": (lambda: Sparse(3, 2, [NAN], [0]), NonFiniteError),
    "a mask of sources": (lambda: Sparse(3, 2, [True, False], [0, 1]), DTypeError),
    "text as sources": (lambda: Sparse(3, 2, ["a"], [0]), DTypeError),
    "sources in two dimensions": (lambda: Sparse(3, 2, [[0]], [0]), ShapeMismatchError),
    "a lone source": (lambda: Sparse(3, 2, 0, 0), ShapeMismatchError),
    "ragged sources": (lambda: Sparse(3, 2, [[0], [1, 2]], [0, 1]), ShapeMismatchError),
    "masked sources": (lambda: Sparse(3, 2, np.ma.array([0, 1], mask=[0, 1]), [0, 1]), DTypeError),
    "a source without target": (lambda: Sparse(3, 2, [0, 1], [0]), ShapeMismatchError),
    "too few weights": (lambda: small(weights=[1, 2]), ShapeMismatchError),
    "weights of a dense connection": (lambda: small(weights=np.ones((2, 3))), ShapeMismatchError),
    "a weight that is NaN": (lambda: small(weights=[1, 2, NAN, 4, 5]), NonFiniteError),
    "a lone weight that is infinite": (lambda: small(weights=np.inf), NonFiniteError),
    "weights of booleans": (lambda: small(weights=[True] * 5), DTypeError),
    "a lone weight that is a bool": (lambda: small(weights=True), DTypeError),
    "text as weights": (lambda: small(weights="many"), DTypeError),
    "complex weights": (lambda: small(weights=[1j] * 5), DTypeError),
    "weights and initialiser": (lambda: small(weights=1, initializer=lambda *_: 1), InvalidArgumentError),
    "an initialiser that is none": (lambda: small(initializer=3), DTypeError),
    "a fraction above 1": (lambda: small(inhibitory=1.1), InvalidArgumentError),
    "a fraction below 0": (lambda: small(inhibitory=-0.1), InvalidArgumentError),
    "a fraction that is NaN": (lambda: small(inhibitory=NAN), NonFiniteError),
    "a fraction that is a bool": (lambda: small(inhibitory=True), DTypeError),
    "inhibitory indices": (lambda: small(inhibitory=[0, 1, 2]), DTypeError),
    "too few inhibitory": (lambda: small(inhibitory=[True, False]), ShapeMismatchError),
    "a vector as matrix": (rule("from_matrix", [1.0, 2.0]), ShapeMismatchError),
    "a sparse vector as matrix": (rule("from_matrix", sparse.coo_array([1.0, 2.0])), ShapeMismatchError),
    "a matrix without rows": (rule("from_matrix", np.ones((0, 3))), InvalidArgumentError),
    "a matrix of text": (rule("from_matrix", [["a", "b"]]), DTypeError),
    "a complex matrix": (rule("from_matrix", sparse.csr_array([[1j]])), DTypeError),
    "a matrix with NaN": (rule("from_matrix", [[NAN, 1.0]]), NonFiniteError),
    "None as matrix": (rule("from_matrix", None), ShapeMismatchError),
    "a negative degree": (rule("fixed_in_degree", 4, 4, -1), InvalidArgumentError),
    "a degree with a fraction": (rule("fixed_in_degree", 4, 4, 1.5), DTypeError),
    "a degree that is a bool": (rule("fixed_out_degree", 4, 4, True), DTypeError),
    "a degree above 32 bits": (rule("fixed_out_degree", 4, 4, 2**31), InvalidArgumentError),
    "more inputs than there are": (rule("fixed_in_degree", 4, 9, 5, multapses=False), InvalidArgumentError),
    "more neurons than there are": (rule("fixed_out_degree", 9, 4, 5, multapses=False), InvalidArgumentError),
    "all but itself and one": (rule("fixed_in_degree", 4, 4, 4, autapses=False, multapses=False), InvalidArgumentError),
    "nobody but itself": (rule("fixed_in_degree", 1, 1, 1, autapses=False), InvalidArgumentError),
    "a number as switch": (rule("fixed_in_degree", 4, 4, 1, autapses=1), DTypeError),
    "a probability above 1": (rule("random", 4, 4, 1.01), InvalidArgumentError),
    "a probability below 0": (rule("random", 4, 4, -0.01), InvalidArgumentError),
    "a probability that is NaN": (rule("random", 4, 4, NAN), NonFiniteError),
    "a probability that is a bool": (rule("random", 4, 4, True), DTypeError),
    "a negative seed": (rule("random", 4, 4, 0.5, seed=-1), InvalidArgumentError),
    "a seed above 64 bits": (rule("random", 4, 4, 0.5, seed=2**64), InvalidArgumentError),
    "a seed with a fraction": (rule("random", 4, 4, 0.5, seed=0.5), DTypeError),
    "a seed that is a bool": (rule("random", 4, 4, 0.5, seed=True), DTypeError),
    "one to one of none": (rule("one_to_one", 0), InvalidArgumentError),
    "weights that do not fit what was drawn": (rule("one_to_one", 4, weights=[1, 2]), ShapeMismatchError),
    "a grid without rows": (rule("by_distance", (0, 4), (4, 4), 0.5, 0.1), InvalidArgumentError),
    "a grid in three dimensions": (rule("by_distance", (1, 4, 4), (4, 4), 0.5, 0.1), ShapeMismatchError),
    "a grid that is too large": (rule("by_distance", (2**20, 2**20), (4, 4), 0.5, 0.1), InvalidArgumentError),
    "a sigma of 0": (rule("by_distance", (4, 4), (4, 4), 0.5, 0.0), InvalidArgumentError),
    "a sigma that is infinite": (rule("by_distance", (4, 4), (4, 4), 0.5, np.inf), NonFiniteError),
    "an unknown profile": (rule("by_distance", (4, 4), (4, 4), 0.5, 0.1, "box"), InvalidArgumentError),
    "a profile that is no text": (rule("by_distance", (4, 4), (4, 4), 0.5, 0.1, np.ones(3)), InvalidArgumentError),
    "a probability at distance 0 above 1": (rule("by_distance", (4, 4), (4, 4), 2, 0.1), InvalidArgumentError),
    "periodic as number": (rule("by_distance", (4, 4), (4, 4), 0.5, 0.1, periodic=0), DTypeError),
    "more synapses than memory": (lambda: rule("fixed_in_degree", 2**30, 2**30, 2**30)().sources, MemoryLimitError),
    "more pairs than memory": (lambda: rule("random", 2**31 - 1, 2**31 - 1, 1.0)().targets, MemoryLimitError),
    "values for a matrix that do not fit": (lambda: small().to_matrix([1.0]), ShapeMismatchError),
    "values for a matrix that are none": (lambda: small().to_matrix(["a"] * 5), DTypeError),
    "values that do not fit": (lambda: small().sorted_like_synapses([1, 2]), ShapeMismatchError),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_has_a_name(what):
    call, error = WRONG[what]
    with pytest.raises(EvsimError) as caught:
        call()
    assert type(caught.value) is error, caught.value
