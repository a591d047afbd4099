"""The generator is NumPy's, number for number."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from evsim.encoders.philox import random_words

word = st.integers(0, 2**64 - 1)


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 6), st.tuples(word, word, word))
def test_words_are_those_of_numpy(key, block, others):
    start = np.array([block, *others], np.uint64)
    expected = np.random.Philox(key=key, counter=start).random_raw(20)
    blocks = np.array([block + k for k in range(1, 6)], np.uint64)  # NumPy counts before it draws
    found = random_words(key, (blocks, *start[1:, np.newaxis]))
    np.testing.assert_array_equal(found.ravel(), expected)


@pytest.mark.parametrize("key", [0, 1, 2**64, 2**128 - 1])
def test_counters_broadcast(key):
    words = random_words(key, (np.arange(3), np.array(0), np.arange(2)[:, np.newaxis], np.array([[7], [8]])))
    assert words.shape == (2, 3, 4)
    one = random_words(key, tuple(np.array([w]) for w in (2, 0, 1, 8)))
    np.testing.assert_array_equal(words[1, 2], one[0])
