"""Philox4x64-10, NumPy's counter-based generator, for many counters at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def random_words(key: int, counter: tuple[npt.NDArray[Any], ...]) -> Words:
    """Four random words of 64 bits for each counter.

    Parameters
    ----------
    key : int
        0 to 2**128 - 1.
    counter : four arrays of whole numbers, which broadcast together
        The words of the counters, lowest first.

    Returns
    -------
    ndarray of uint64, shape (..., 4)

    Notes
    -----
    Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC '11. NumPy's own is an
    object for every neuron, which takes longer to make than its words.

    Examples
    --------
    NumPy counts before it draws:

    >>> import numpy as np
    >>> blocks = np.array([1, 2])
    >>> words = random_words(5, (blocks, np.array(0), np.array(7), np.array(9)))
    >>> bool((words.ravel() == np.random.Philox(key=5, counter=[0, 0, 7, 9]).random_raw(8)).all())
    True
    """
    word = [np.array(w) for w in np.broadcast_arrays(*(np.asarray(w).astype(np.uint64) for w in counter))]
    keys = [key & (2**64 - 1), key >> 64]
    for _ in range(_ROUNDS):
        high_0, low_0 = _product(word[0], _MULTIPLIERS[0])
        high_1, low_1 = _product(word[2], _MULTIPLIERS[1])
        word = [high_1 ^ word[1] ^ np.uint64(keys[0]), low_1, high_0 ^ word[3] ^ np.uint64(keys[1]), low_0]
        keys = [(k + step) & (2**64 - 1) for k, step in zip(keys, _KEY_STEPS, strict=True)]
    return np.stack(word, axis=-1)


def _product(words: Words, factor: int) -> tuple[Words, Words]:
    """High and low 64 bits of words times a factor, from products of halves."""
    low, high = words & _LOW, words >> _HALF
    factor_low, factor_high = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    middle = high * factor_low
    # At most (2**32 - 1)**2 + 2 * (2**32 - 1) = 2**64 - 1.
    cross = ((low * factor_low) >> _HALF) + (middle & _LOW) + low * factor_high
    return high * factor_high + (middle >> _HALF) + (cross >> _HALF), words * np.uint64(factor)
