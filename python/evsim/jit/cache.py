"""Compiled kernels on disk: found again, checked before use, and made by one process at a time."""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import errno
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ..errors import CompilerNotFoundError, KernelCacheError, KernelCompileError
from .compiler import Compiler, Unit, compile_library, cpu, find_compiler, flags, preprocess
from .folder import cache_folder, refuse_unsafe, temporary_folder
from .lock import locked

_FORMAT = 2
_DIGEST_SIZE = 32
_SMALLEST_LIBRARY = 256
_DAY = 86400.0
_OUR_FILE = re.compile(r"(?P<key>[0-9a-f]{64})\.(?P<kind>so|json|lock|\w+\.tmp)")


@dataclass(frozen=True)
class Entry:
    """A compiled kernel in the cache.

    Parameters
    ----------
    key : str
        Digest of all the library was made from.
    name : str
        Source file of the kernel.
    path : Path
        The library.
    size : int
        Bytes.
    created : datetime
        When it was compiled.
    compiler : str
        Name and version of the compiler.
    """

    key: str
    name: str
    path: Path
    size: int
    created: datetime
    compiler: str


def build(
    unit: str, *, include_folders: Sequence[Path] = (), quote_folders: Sequence[Path] = (), folder: Path | None = None
) -> Path:
    """Return the shared library of a C++20 translation unit, compiled now or at an earlier time.

    If the cache cannot be written, the library is made in a temporary folder that goes when Python ends. Without a
    compiler, one is taken that another compiler has made of the same text and headers for the same processor.

    Parameters
    ----------
    unit : str
        Text; ``#line`` directives make messages name the user's file.
    include_folders : sequence of Path
        Where ``#include <...>`` finds the headers of evsim.
    quote_folders : sequence of Path, optional
        Where ``#include "..."`` finds the headers of the user.
    folder : Path, optional
        Holds the cache instead of the user's own cache folder.

    Raises
    ------
    CompilerNotFoundError
        There is no C++20 compiler.
    KernelCompileError
        The compiler refuses the unit; the message has its words.
    KernelCacheError
        Others could write to the cache, or there is no folder to write to.
    """
    kernel, place = Unit(unit, tuple(include_folders), tuple(quote_folders)), cache_folder(folder)
    try:
        compiler = find_compiler()
    except CompilerNotFoundError as error:
        return _made_before(place, kernel, error)
    try:
        return _obtain(place, _key(kernel, compiler), kernel, compiler)
    except KernelCacheError:
        raise
    except OSError as error:
        return _obtain_elsewhere(place, kernel, compiler, error)


def entries(folder: Path | None = None) -> list[Entry]:
    """Return the compiled kernels in the cache, oldest first.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     entries(Path(empty))
    []
    """
    found = []
    for key, files in _files(cache_folder(folder)).items():
        for library in files:
            with contextlib.suppress(FileNotFoundError):
                if library.suffix == ".so":
                    found.append(_entry(key, library))
    return sorted(found, key=lambda entry: entry.created)


def clear(folder: Path | None = None) -> int:
    """Remove all compiled kernels from the cache and return how many there were.

    Kernels in use go on working, and other files stay.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     clear(Path(empty))
    0
    """
    place, count = cache_folder(folder), 0
    for key, files in _files(place).items():
        with locked(place / f"{key}.lock", wait=False) as held:
            for path in files:
                if path.suffix in (".so", ".json"):
                    path.unlink(missing_ok=True)
                    count += path.suffix == ".so"
                elif path.suffix == ".tmp" and (held or _is_abandoned(path)):
                    shutil.rmtree(path, ignore_errors=True)
    return count


# Key


def _key(unit: Unit, compiler: Compiler) -> str:
    """Return a digest of all that decides what the compiler makes; the first half knows nothing of the compiler."""
    expanded = hashlib.sha256(preprocess(compiler, unit)).hexdigest() if unit.may_include_own_files else None
    return _source_key(unit) + _digest([expanded, compiler.command, compiler.version, flags(compiler)])


def _source_key(unit: Unit) -> str:
    return _digest([_FORMAT, unit.text, [_header_digests(folder) for folder in unit.include_folders], cpu()])


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _header_digests(folder: Path) -> list[tuple[str, str]]:
    headers = sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".hpp"))
    status = [path.stat() for path in headers]
    return [
        (path.relative_to(folder).as_posix(), _file_digest(path, s.st_mtime_ns, s.st_size))
        for path, s in zip(headers, status, strict=True)
    ]


@functools.cache
def _file_digest(path: Path, mtime_ns: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(place: Path) -> dict[str, list[Path]]:
    """Return the cache's files and folders by key; whatever else lies there is not ours."""
    found: dict[str, list[Path]] = defaultdict(list)
    if os.path.lexists(place):
        refuse_unsafe(place)
        for path in sorted(place.iterdir()):
            if match := _OUR_FILE.fullmatch(path.name):
                found[match["key"]].append(path)
    return found


# Entry


def _obtain(place: Path, key: str, unit: Unit, compiler: Compiler) -> Path:
    if not place.is_absolute():
        raise FileNotFoundError("there is no home folder")
    if not os.path.lexists(place):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_unsafe(place)
    library = place / f"{key}.so"
    if not _is_sound(library):
        with locked(place / f"{key}.lock"):
            if not _is_sound(library):
                _make(library, unit, compiler)
    return library


def _obtain_elsewhere(place: Path, unit: Unit, compiler: Compiler, error: OSError) -> Path:
    """Return a library in a temporary folder, because of an error in the cache's own."""
    try:
        folder = temporary_folder(place, error)
        return _obtain(folder, _key(unit, compiler), unit, compiler)
    except KernelCacheError:
        raise
    except OSError as again:
        raise KernelCacheError(
            f"compiled kernels can be kept neither in {place} ({error.strerror or error}) nor in a temporary folder "
            f"({again.strerror or again}); name a folder with compile_path or the environment variable EVSIM_CACHE_DIR"
        ) from None


def _made_before(place: Path, unit: Unit, error: CompilerNotFoundError) -> Path:
    """Return the newest library of the same source for this processor; raise `error` if there is none."""
    if os.environ.get("CXX"):
        raise error  # what CXX names is to be corrected, not passed over
    if unit.may_include_own_files:
        raise CompilerNotFoundError(
            f"{error}. A compiled kernel in the cache cannot be used without one: {unit.name} includes files of its "
            "own, and only a compiler can tell whether they have changed"
        )
    made = [path for key, files in _files(place).items() if key.startswith(_source_key(unit)) for path in files]
    libraries = [path for path in made if path.suffix == ".so" and _is_sound(path)]
    if not libraries:
        raise CompilerNotFoundError(f"{error}. The cache, {place}, has no compiled kernel of {unit.name} either")
    return max(libraries, key=lambda path: path.lstat().st_mtime)


def _is_sound(library: Path) -> bool:
    """Whether this is a whole file that nobody else can have written."""
    try:
        with open(library, "rb", opener=_open_as_it_is) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return False
            content = file.read()
    except OSError:
        return False
    body, digest = content[:-_DIGEST_SIZE], content[-_DIGEST_SIZE:]
    return len(body) >= _SMALLEST_LIBRARY and hashlib.sha256(body).digest() == digest


def _open_as_it_is(path: str, flags: int) -> int:
    """Open without following a link or waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _make(library: Path, unit: Unit, compiler: Compiler) -> None:
    place, key = library.parent, library.stem
    for files in _files(place).values():
        for path in files:
            if path.suffix == ".tmp" and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f"{key}.", suffix=".tmp", dir=place, ignore_cleanup_errors=True
    ) as temporary:
        made = compile_library(compiler, unit, Path(temporary))
        _try_to_load(made, unit, compiler)
        _seal(made)
        note = made.with_suffix(".json")
        note.write_text(json.dumps(_note(made, unit, compiler)))
        note.replace(library.with_suffix(".json"))
        made.replace(library)


def _try_to_load(library: Path, unit: Unit, compiler: Compiler) -> None:
    """Raise an error if the compiler has made what is no library, before it is kept."""
    try:
        handle = ctypes.CDLL(str(library))._handle
    except OSError as error:
        if "failed to map segment" in str(error):
            raise OSError(errno.EACCES, "libraries cannot be run from there", str(library.parent.parent)) from None
        raise KernelCompileError(
            f"{unit.name}: {compiler.command[0]} has made a library that cannot be loaded: {error}"
        ) from None
    _ctypes.dlclose(handle)


def _seal(library: Path) -> None:
    """Append the digest; loaders ignore what follows the parts that the header lists."""
    with library.open("r+b") as file:
        file.write(hashlib.sha256(file.read()).digest())
        os.fchmod(file.fileno(), 0o700)
        file.flush()
        os.fsync(file.fileno())


def _note(library: Path, unit: Unit, compiler: Compiler) -> dict[str, str | int]:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {"name": unit.name, "compiler": str(compiler), "created": now, "size": library.stat().st_size}


def _entry(key: str, library: Path) -> Entry:
    status = library.lstat()
    try:
        note = json.loads(library.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        note = None
    # The note is for people; what can be seen from the library itself is.
    known = note if isinstance(note, dict) else {}
    name, compiler = (str(known.get(field, "unknown")) for field in ("name", "compiler"))
    created = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    return Entry(key, name, library, status.st_size, created, compiler)


def _is_abandoned(temporary: Path) -> bool:
    try:
        return time.time() - temporary.lstat().st_mtime > _DAY
    except FileNotFoundError:
        return False
