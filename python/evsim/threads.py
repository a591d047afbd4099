"""How many threads a call may use."""

from __future__ import annotations

from . import _core
from ._lib.arrays import as_size
from ._lib.modules import only_public

__all__ = ["num_threads", "set_num_threads"]


def num_threads() -> int:
    """Threads that a call may use.

    It starts as the environment variable ``EVSIM_NUM_THREADS`` or, without it, the processors this process may run on.

    Examples
    --------
    >>> import evsim
    >>> evsim.num_threads() >= 1
    True
    """
    return _core.num_threads()


def set_num_threads(n: int) -> None:
    """Set :func:`num_threads` for this process. Results do not depend on it.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    InvalidArgumentError
        If `n` is less than 1.

    Examples
    --------
    >>> import evsim
    >>> before = evsim.num_threads()
    >>> evsim.set_num_threads(1)
    >>> evsim.num_threads()
    1
    >>> evsim.set_num_threads(before)
    """
    _core.set_num_threads(as_size(n, "n"))


__dir__ = only_public(__all__)
