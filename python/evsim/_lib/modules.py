"""What modules show of themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def only_public(names: Sequence[str]) -> Callable[[], list[str]]:
    """Make the ``__dir__`` of a module whose completion shall offer `names` and nothing that it only uses.

    Examples
    --------
    >>> import evsim
    >>> [name for name in dir(evsim.random) if not name.startswith("__")]
    ['generator', 'set_seed']
    """
    shown = sorted({*names, "__all__", "__doc__", "__file__", "__name__"})
    return lambda: list(shown)
