"""Lock files that leave no trace."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file of a key and remove it at the end; yield whether it is held.

    It is not where the file system has no locks; then several processes may compile the same kernel, and the last
    one's library stays.
    """
    handle = None
    try:
        while handle is None:
            handle = _try_lock(path, wait)
    except BlockingIOError:
        pass
    except (ImportError, OSError):
        # A file that cannot be locked is of no use.
        with contextlib.suppress(OSError):
            path.unlink()
    try:
        yield handle is not None
    finally:
        if handle is not None:
            _unlock(path, handle)


def _try_lock(path: Path, wait: bool) -> int | None:
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if _is_at(path, handle):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _is_at(path: Path, handle: int) -> bool:
    """Whether the file is still there: who held the lock before us has removed it, and others would make another."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _unlock(path: Path, handle: int) -> None:
    import fcntl

    with contextlib.suppress(OSError):
        path.unlink()
    # Closing is not enough: a process that was forked meanwhile has the handle as well.
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
