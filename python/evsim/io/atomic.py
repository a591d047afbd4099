"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._lib.paths import as_path

_MARK = ".evsim-"
_LONGEST_NAME = 200
"""Bytes of the target's name that the temporary one repeats: a name has at most 255."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` at the end, remove it on an error.

    Temporary files that a killed process left behind for the same `path` are removed first: whoever writes one holds a
    lock on it, which ends with the process.
    """
    target = as_path(path)
    prefix = _prefix(target)
    _remove_leftovers(target.parent, prefix)
    temporary, handle = _locked_temporary(target, prefix)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


def _prefix(target: Path) -> str:
    return f".{os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])}{_MARK}"


def _locked_temporary(target: Path, prefix: str) -> tuple[Path, int]:
    while True:
        suffix = target.suffix if len(os.fsencode(target.suffix)) < 20 else ""
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=target.parent)
        temporary = Path(name)
        try:
            _lock(handle)
            # Between making it and locking it, another save may have taken it for a leftover.
            if temporary.exists():
                return temporary, handle
        except BaseException:
            temporary.unlink(missing_ok=True)
            os.close(handle)
            raise
        os.close(handle)


def _remove_leftovers(folder: Path, prefix: str) -> None:
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_if_dead(Path(entry.path))


def _remove_if_dead(leftover: Path) -> None:
    """Remove a temporary file whose writer is gone; a file system without locks tells nothing, and it stays."""
    handle = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _lock(handle):
            leftover.unlink()
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Whether nobody else holds the lock of a file and it is ours now."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
