"""Points of the Yin-Yang symbol as spikes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_positive, as_size
from ..errors import InvalidArgumentError
from ..spikes import SpikeArray

_RADIUS, _DOT = 0.5, 0.1


def yin_yang(
    n: int, *, seed: int, window: float = 30.0
) -> tuple[list[SpikeArray], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Points of the Yin-Yang symbol, each as five spikes, and whether they lie in yin, yang or a dot.

    Inputs 0 to 3 fire once, at x, y, 1 - x and 1 - y times `window`; input 4 always fires at 0, so that neurons know
    when time begins. The three classes are equally likely.

    Parameters
    ----------
    n : int
        Number of samples.
    seed : int
        Results in the literature are those of 5000 samples to learn from, 1000 to validate and 1000 to test, of seeds
        42, 41 and 40.
    window : float
        > 0.

    Returns
    -------
    samples : list of SpikeArray
    classes : ndarray of int64, shape (n,)
        0 yin, 1 yang, 2 dots.
    points : ndarray of float64, shape (n, 2)
        x and y of each sample, within the circle of radius 0.5 around (0.5, 0.5).

    Raises
    ------
    InvalidArgumentError, DTypeError
        `n` below 1, `window` not above 0, or `seed` outside 0 to 2**32 - 1.

    Notes
    -----
    Kriener, Goeltz & Petrovici 2022, "The Yin-Yang dataset", NICE: the same points as theirs for the same seed, with
    the bias spike of Wunderlich & Pehle 2021, Sci. Rep. 11:12829. Cost: some 50 us a sample.

    Examples
    --------
    >>> from evsim.datasets import yin_yang
    >>> samples, classes, points = yin_yang(100, seed=42)
    >>> samples[0].times.round(2), classes[:5]
    (array([ 0.  ,  9.59, 13.51, 16.49, 20.41]), array([2, 1, 2, 1, 1]))
    """
    n, window = as_size(n, "n"), as_positive(window, "window")
    if not 0 <= as_integer(seed, "seed") < 2**32:
        raise InvalidArgumentError(f"seed must be from 0 to 2**32 - 1, got {seed}")
    rng = np.random.RandomState(seed)
    samples, classes, points = [], np.empty(n, np.int64), np.empty((n, 2))
    for k in range(n):
        wanted = rng.randint(3)
        while True:
            x, y = rng.rand(2) * 2.0 * _RADIUS
            if np.hypot(x - _RADIUS, y - _RADIUS) <= _RADIUS and _class_of(x, y) == wanted:
                break
        times = window * np.array([x, y, 1.0 - x, 1.0 - y, 0.0])
        order = np.argsort(times, kind="stable")
        samples.append(SpikeArray(order, times[order]))
        classes[k], points[k] = wanted, (x, y)
    return samples, classes, points


def _class_of(x: float, y: float) -> int:
    to_right, to_left = np.hypot(x - 1.5 * _RADIUS, y - _RADIUS), np.hypot(x - 0.5 * _RADIUS, y - _RADIUS)
    if to_right < _DOT or to_left < _DOT:
        return 2
    upper = y > _RADIUS and to_right > 0.5 * _RADIUS
    return int(to_right <= _DOT or _DOT < to_left <= 0.5 * _RADIUS or upper)
