"""Where compiled kernels are kept, and which folders are not fit for it."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
import warnings
from pathlib import Path

import platformdirs

from ..errors import InvalidArgumentError, KernelCacheError

_temporary: Path | None = None


def cache_folder(folder: Path | None = None) -> Path:
    """Return the folder of compiled kernels, which need not exist yet.

    It is ``evsim-kernels`` in `folder`, else what the environment variable EVSIM_CACHE_DIR names, else a folder in
    the user's cache.

    Examples
    --------
    >>> print(cache_folder(Path("/scratch/me")))
    /scratch/me/evsim-kernels
    """
    if folder is not None:
        if "\0" in str(folder):
            raise InvalidArgumentError(f"compile_path is no path: {str(folder)!r} holds a null character")
        return Path(os.path.abspath(folder), "evsim-kernels")
    if named := os.environ.get("EVSIM_CACHE_DIR"):
        return Path(os.path.abspath(os.path.expanduser(named)))
    return platformdirs.user_cache_path("evsim") / "kernels"


def refuse_unsafe(place: Path) -> None:
    """Raise an error unless this is a folder that only its user can change."""
    status = place.lstat()
    if not stat.S_ISDIR(status.st_mode):
        wrong = "is a symbolic link" if stat.S_ISLNK(status.st_mode) else "is not a folder"
    elif status.st_uid != os.geteuid():
        wrong = f"belongs to user {status.st_uid}, not to you (user {os.geteuid()})"
    elif status.st_mode & 0o022:
        wrong = f"can be written by others (mode {stat.S_IMODE(status.st_mode):03o})"
    else:
        return
    raise KernelCacheError(
        f"the cache of compiled kernels, {place}, {wrong}: make it a folder of your own with mode 700 (chmod 700), "
        "or name another one with compile_path or the environment variable EVSIM_CACHE_DIR"
    )


def temporary_folder(place: Path, error: OSError) -> Path:
    """Return the folder this process uses while the cache cannot be written, and say so the first time."""
    global _temporary
    if _temporary is None:
        _temporary = Path(tempfile.mkdtemp(prefix="evsim-kernels-"))
        atexit.register(_remove_from, os.getpid(), _temporary)
        warnings.warn(
            f"compiled kernels cannot be kept in {place} ({error.strerror or error}) and will be lost when Python "
            "ends; name a folder with compile_path or the environment variable EVSIM_CACHE_DIR",
            RuntimeWarning,
            stacklevel=4,
        )
    return _temporary


def _remove_from(process: int, folder: Path) -> None:
    # A fork of the process that made the folder runs this as well.
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
