"""What a chain of jumps visits, without walking it jump by jump."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def reachable(starts: npt.NDArray[Any], jump: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which positions are visited from `starts` when one jumps from k to ``jump[k] > k``, again and again.

    Parameters
    ----------
    starts : ndarray of int
        Positions to start from.
    jump : ndarray of int64, shape (n,)
        Where each position leads, always further on; n or more is the end.

    Returns
    -------
    ndarray of bool, shape (n,)

    Notes
    -----
    Pointer doubling (Wyllie 1979): the round that knows all positions up to 2**k jumps away finds those up to
    2**(k + 1), so that the longest chain takes log2(length) rounds of O(n).

    Examples
    --------
    >>> import numpy as np
    >>> reachable(np.array([0]), np.array([2, 2, 3, 9]))
    array([ True, False,  True,  True])
    """
    n = len(jump)
    visited = np.zeros(n + 1, dtype=bool)
    visited[starts] = True
    onward = np.append(np.minimum(jump, n), n)
    while True:
        reached = onward[visited]
        if visited[reached[reached < n]].all():
            return visited[:n]
        visited[reached] = True
        onward = onward[onward]
