"""One call at a time on an object."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType

from ..errors import BusyError


class CallLock:
    """A lock to hold during a call.

    Waits for calls of other threads, raises :class:`~evsim.errors.BusyError` if the same thread holds it (a signal
    handler), and is free in a forked child if another thread held it.

    Examples
    --------
    >>> lock = CallLock("encoder")
    >>> with lock:
    ...     with lock:
    ...         pass
    Traceback (most recent call last):
    ...
    evsim.errors.BusyError: a call on this encoder is running in this thread; a signal handler cannot make another
    """

    __slots__ = ("__weakref__", "_lock", "_name", "_owner")

    def __init__(self, name: str) -> None:
        self._name = name
        # A handler that comes before the owner is noted, or after, may enter: then no call is under way.
        self._lock = threading.RLock()
        self._owner: int | None = None
        _all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._owner is not None:
            self._lock.release()
            raise BusyError(
                f"a call on this {self._name} is running in this thread; a signal handler cannot make another"
            )
        self._owner = threading.get_ident()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner = None
        self._lock.release()

    def _forked(self) -> None:
        if self._owner != threading.get_ident():
            self._lock, self._owner = threading.RLock(), None


_all: weakref.WeakSet[CallLock] = weakref.WeakSet()


def _free_in_child() -> None:
    for lock in list(_all):
        lock._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)
