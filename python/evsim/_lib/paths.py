"""Paths as users give them, and files that can be read from begin to end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import DTypeError, FileFormatError, InvalidArgumentError


def as_path(path: str | os.PathLike[str], name: str = "path") -> Path:
    """`path` as a Path, if it can be one: a number would be taken for an open file, a NUL ends a name.

    Examples
    --------
    >>> as_path(3)
    Traceback (most recent call last):
    ...
    evsim.errors.DTypeError: path must be a string or a path, got 3
    """
    if not isinstance(path, str | os.PathLike):
        raise DTypeError(f"{name} must be a string or a path, got {path!r}")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise DTypeError(f"{name} must be a string or a path, got {path!r}")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} has characters that no file name can have: {text!r}") from None
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{name} must not contain a NUL character, got {text!r}")
    return Path(text)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; a pipe or a device, which may never end, is refused."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # not blocked by a pipe without a writer
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise FileFormatError(f"{path} is no regular file but {_kind(mode)}; copy what it holds into a file first")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"
