"""What is wrong with a file that cannot be read: the file, or the memory of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike

from ..errors import EvsimError, FileFormatError, MemoryLimitError


@contextmanager
def within_memory(path: str | PathLike[str]) -> Iterator[None]:
    """Running out of memory is a MemoryLimitError that names the file."""
    try:
        yield
    except MemoryLimitError:
        raise
    except MemoryError:
        raise MemoryLimitError(f"reading {path} needs more memory than the system gives") from None


@contextmanager
def reading(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Whatever damage makes a reader raise is a FileFormatError, but running out of memory is a MemoryLimitError.

    Examples
    --------
    >>> with reading("a.safetensors", "network file"):
    ...     {}["weights"]
    Traceback (most recent call last):
    evsim.errors.FileFormatError: a.safetensors is not a readable network file: KeyError('weights')
    """
    with within_memory(path):
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:
            said = str(error) if isinstance(error, EvsimError) else repr(error)
            raise FileFormatError(f"{path} is not a readable {kind}: {said}") from None
