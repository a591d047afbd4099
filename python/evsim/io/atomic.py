"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .._lib.paths import as_path

_MARK = ".evsim-"
_LONGEST_NAME = 200
"""Bytes of the target's name that the temporary folder's repeats: a name has at most 255."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` at the end, remove it on an error.

    The temporary path lies in a folder of its own, which its writer holds locked: what is left of a process that was
    killed is known by the lock that nobody holds, and removed by the next save of the same `path`.
    """
    target = as_path(path)
    prefix = f".{os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])}{_MARK}"
    _remove_leftovers(target.parent, prefix)
    folder, handle = _locked_folder(target.parent, prefix)
    temporary = folder / target.name
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        # Before it is locked, another save may take it for a leftover.
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _lock(handle) is not False and folder.exists():
                return folder, handle
            os.close(handle)


def _remove_leftovers(parent: Path, prefix: str) -> None:
    with contextlib.suppress(OSError):
        for entry in os.scandir(parent):
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_if_dead(entry.path)


def _remove_if_dead(leftover: str) -> None:
    handle = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if _lock(handle):
            shutil.rmtree(leftover, ignore_errors=True)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Whether the lock is ours now, or somebody else's; None where the file system has no locks."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True
