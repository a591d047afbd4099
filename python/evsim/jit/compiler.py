"""The C++ compiler of this machine: found, asked which flags it takes, run, and quoted when it complains."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib.util
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import CompilerNotFoundError, InvalidArgumentError, KernelCompileError

_NAMES = ("c++", "g++", "clang++")
_ADVICE = (
    "install one (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install; "
    "conda: conda install cxx-compiler; anywhere: pip install 'evsim[jit]') or name one in the environment variable CXX"
)
_PROBE = b"""#include <concepts>
#if __cpp_concepts < 201907
#error this is not C++20
#endif
template <std::integral T> T evsim_probe(T x) { return x; }
"""
_PROBE_ANSWER = b"evsim_probe(T x)"
_PROBE_TIMEOUT = 60.0
_FLAGS = (
    *("-std=c++20", "-O3", "-shared", "-fPIC", "-fvisibility=hidden"),
    # Not -ffast-math: NaN and infinity have a meaning, and every build rounds alike.
    *("-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno"),
    *("-Wall", "-Wno-unknown-pragmas"),
)
_MESSAGE_LIMIT = 8000
_OUTPUT_LIMIT = 1 << 26
_ERROR = re.compile(r"^(?P<file>.+?):(?P<line>\d+):(?:\d+:)? (?P<what>(?:fatal )?error: .*)$", re.MULTILINE)
_UNDEFINED = re.compile(r"undefined (?:reference to|symbol:?) [`'\"]?(?P<symbol>.+?)['\"]?$", re.MULTILINE)
_DISK_ERRORS = {os.strerror(code): code for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)}
_DISK = re.compile("|".join(map(re.escape, _DISK_ERRORS)))
_NAMED_FILE = re.compile(r'^[ \t]*#[ \t]*line[ \t]+\d+[ \t]+"((?:[^"\\\n]|\\.)+)"', re.MULTILINE)
# Whatever is not plainly an include of <...> may bring in a file of the user's.
_OWN_FILES = re.compile(
    r"^[ \t]*(?:#|%:)[ \t]*(?:include|import|embed)(?![ \t]*<)|\b__has_(?:include|embed)", re.MULTILINE
)


@dataclass(frozen=True)
class Compiler:
    r"""A C++20 compiler that works.

    Parameters
    ----------
    command : tuple of str
        The program and the arguments that come with it.
    version : str
        All it says when asked for ``--version``.

    Examples
    --------
    >>> print(Compiler(("/usr/bin/g++",), "g++ 12.2.0\nCopyright ..."))
    g++ 12.2.0
    """

    command: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        return self.version.partition("\n")[0]


@dataclass(frozen=True)
class Unit:
    """A translation unit: its text, and the folders its includes are looked for in."""

    text: str
    include_folders: tuple[Path, ...] = ()
    quote_folders: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The file that the first ``#line`` names."""
        return self.names[0] if self.names else "unnamed"

    @functools.cached_property
    def names(self) -> list[str]:
        """The files that ``#line`` names, each once, evsim's own lines aside."""
        found = [re.sub(r"\\(.)", r"\1", name) for name in _NAMED_FILE.findall(self.text)]
        return list(dict.fromkeys(name for name in found if name != "<evsim>"))

    @property
    def may_include_own_files(self) -> bool:
        """Whether the text alone does not say what will be compiled."""
        return _OWN_FILES.search(self.text) is not None

    def write(self, folder: Path) -> Path:
        """Write the text under a name that no message of the compiler shows."""
        path = folder / "kernel.cpp"
        path.write_bytes(f'#line 1 "<evsim>"\n{self.text}'.encode(errors="surrogateescape"))
        return path

    def search_options(self) -> list[str]:
        """Return the options that make the compiler look into the folders."""
        options = [option for folder in self.include_folders for option in ("-I", os.path.abspath(folder))]
        for folder in self.quote_folders:
            options += ["-iquote", os.path.abspath(folder)]
        return options


def find_compiler() -> Compiler:
    """Return ``$CXX`` if that is set, or the first of c++, g++, clang++ and the package ziglang that works.

    It has to understand C++20. The extra ``evsim[jit]`` installs ziglang.

    Raises
    ------
    CompilerNotFoundError
        There is none, or ``$CXX`` does not work.
    """
    return _find(os.environ.get("CXX", "").strip(), os.environ.get("PATH"))


@functools.cache
def _find(named: str, path: str | None) -> Compiler:
    if named:
        found = _examine(named, path)
        if isinstance(found, Compiler):
            return found
        raise CompilerNotFoundError(f"the environment variable CXX names {named}, which {found}; correct or unset it")
    tried = []
    for name in _NAMES:
        found = _examine(name, path)
        if isinstance(found, Compiler):
            return found
        tried.append(f"{name} {found}")
    if importlib.util.find_spec("ziglang"):
        found = _tried((sys.executable, "-m", "ziglang", "c++"))
        if isinstance(found, Compiler):
            return found
        tried.append(f"ziglang {found}")
    raise CompilerNotFoundError(f"no C++20 compiler: {'; '.join(tried)}. Please {_ADVICE}")


def _examine(words: str, path: str | None) -> Compiler | str:
    """Return the compiler, or what is wrong with it."""
    try:
        name, *arguments = shlex.split(words)
    except ValueError as error:
        return f"cannot be read as a command: {error}"
    program = shutil.which(name, path=path)
    if program is None:
        return "is not found"
    return _tried((os.path.abspath(program), *arguments))


def _tried(command: tuple[str, ...]) -> Compiler | str:
    """Return the compiler, or what is wrong with a command that exists."""
    try:
        version = _run([*command, "--version"], _PROBE_TIMEOUT)
        # Not -fsyntax-only: a program that does nothing, such as `true`, does that too.
        probe = _run([*command, "-std=c++20", "-x", "c++", "-E", "-"], _PROBE_TIMEOUT, source=_PROBE)
    except subprocess.TimeoutExpired:
        return f"does not answer within {_PROBE_TIMEOUT:g} s"
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    for result, failure in ((version, "does not tell its version"), (probe, "does not compile C++20")):
        if result.returncode != 0:
            return f"{failure} (exit code {result.returncode}): {_shortened(_decoded(result.stderr))}".rstrip(" :")
    if _PROBE_ANSWER not in probe.stdout:
        return "is no C++ compiler: it answers a program with nothing"
    return Compiler(command, _decoded(version.stdout))


@functools.cache
def flags(compiler: Compiler) -> tuple[str, ...]:
    """Return the flags a kernel is compiled with."""
    # Apple's clang and some compilers for aarch64 know only one of the two.
    native = next(([flag] for flag in ("-march=native", "-mcpu=native") if _accepts(compiler, flag)), [])
    wide = platform.machine() in ("x86_64", "AMD64") and "avx512f" in cpu().split()
    return (*_FLAGS, *native, *(["-mprefer-vector-width=512"] if native and wide else []))


def _accepts(compiler: Compiler, flag: str) -> bool:
    try:
        return _run([*compiler.command, flag, "-x", "c++", "-E", "-"], _PROBE_TIMEOUT).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@functools.cache
def cpu() -> str:
    """Return what native code depends on: the model and the features of the first processor."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text(errors="replace").partition("\n\n")
    except OSError:
        return f"{platform.processor()} {platform.machine()}"
    telling = ("flags", "Features", "model name", "CPU implementer", "CPU part")
    return "\n".join([platform.machine(), *(line for line in first.splitlines() if line.startswith(telling))])


def compile_library(compiler: Compiler, unit: Unit, folder: Path) -> Path:
    """Compile a unit to a shared library in `folder`, which also holds all intermediate files."""
    library = folder / "kernel.so"
    # A function that is missing shall be missed here; the libraries of sanitizers, however, come with the program.
    sanitized = any(argument.startswith("-fsanitize") for argument in compiler.command)
    complete = ["-Wl,-z,defs"] if sys.platform == "linux" and not sanitized else []
    _invoke(compiler, unit, folder, *complete, "-o", str(library))
    if not library.is_file():
        raise KernelCompileError(f"{unit.name}: {compiler.command[0]} ended without an error, but wrote no library")
    return library


def preprocess(compiler: Compiler, unit: Unit) -> bytes:
    """Return a unit with all its includes in place."""
    with tempfile.TemporaryDirectory(prefix="evsim-") as folder:
        return _invoke(compiler, unit, Path(folder), "-E", "-P")


def _invoke(compiler: Compiler, unit: Unit, folder: Path, *arguments: str) -> bytes:
    timeout = _timeout()
    source = str(unit.write(folder))
    command = [*compiler.command, *flags(compiler), *unit.search_options(), source, *arguments]
    try:
        result = _run(command, timeout, temporary=folder)
    except subprocess.TimeoutExpired:
        raise KernelCompileError(
            f"{unit.name}: {compiler.command[0]} was stopped after {timeout:g} s; "
            "the environment variable EVSIM_COMPILE_TIMEOUT sets another number of seconds"
        ) from None
    except OSError as error:
        raise KernelCompileError(f"{unit.name}: {compiler.command[0]} cannot be run: {error.strerror}") from None
    if result.returncode != 0:
        messages = _decoded(result.stderr)
        if full := _DISK.search(messages):
            raise OSError(_DISK_ERRORS[full.group()], full.group(), str(folder.parent))
        raise KernelCompileError(_complaint(compiler, unit, result.returncode, messages))
    return result.stdout


def _run(
    command: Sequence[str], timeout: float, *, source: bytes = b"", temporary: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "LANG": "C", "LC_ALL": "C"}
    if temporary is not None:
        environment["TMPDIR"] = str(temporary)
    pipe = subprocess.PIPE
    # Ctrl-C waits until what was started can be stopped; an interrupt while it starts would leave it behind.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
        ) as process:
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                output, messages = _communicate(process, source, timeout)
            except BaseException:
                # What was started is a driver with children: on a timeout and on Ctrl-C all of them have to go.
                _kill(process)
                raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return subprocess.CompletedProcess(command, process.returncode, output, messages)


def _communicate(process: subprocess.Popen[bytes], source: bytes, timeout: float) -> list[bytes]:
    """Do as ``Popen.communicate``, but stop a program that never stops talking."""
    streams = (process.stdout, process.stderr)
    said = [b"", b""]

    def read(k: int) -> None:
        stream = streams[k]
        assert stream is not None
        said[k] = stream.read(_OUTPUT_LIMIT + 1)
        if len(said[k]) > _OUTPUT_LIMIT:
            _kill(process)

    readers = [threading.Thread(target=read, args=(k,), daemon=True) for k in range(2)]
    deadline = time.monotonic() + timeout
    for reader in readers:
        reader.start()
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(source)
        process.stdin.close()
    for reader in readers:
        reader.join(max(0.0, deadline - time.monotonic()))
        if reader.is_alive():
            raise subprocess.TimeoutExpired(process.args, timeout)
    process.wait(max(0.0, deadline - time.monotonic()))
    if max(map(len, said)) > _OUTPUT_LIMIT:
        raise OSError(errno.EFBIG, f"it says more than {_OUTPUT_LIMIT >> 20} MiB")
    return said


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a compiler and all that it has started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


def _timeout() -> float:
    given = os.environ.get("EVSIM_COMPILE_TIMEOUT") or "600"
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    # The cache takes what is older than a day for abandoned.
    if not 0 < seconds <= 86400:
        raise InvalidArgumentError(f"EVSIM_COMPILE_TIMEOUT must be a number of seconds up to 86400, not {given!r}")
    return seconds


def _complaint(compiler: Compiler, unit: Unit, code: int, messages: str) -> str:
    ending = f"exit code {code}" if code > 0 else f"signal {-code}"
    summary = _summary(unit, messages) or f"{unit.name} does not compile"
    return f"{summary}\n\n{compiler.command[0]} ended with {ending} and says:\n{_shortened(messages)}"


def _summary(unit: Unit, messages: str) -> str | None:
    """Return the first error as one line that begins with the user's file and line, if there are any."""
    errors = [*_ERROR.finditer(messages)]
    own = next((error for error in errors if error["file"] in unit.names), None)
    if own:
        return f"{own['file']}:{own['line']}: {own['what']}"
    if errors:
        first = errors[0]
        # An error in a header of evsim comes with the lines of the user's that led there, before it or after it.
        places = [
            re.search(rf"^(?:In file included from )?({re.escape(name)}:\d+)", messages, re.M) for name in unit.names
        ]
        place = next((f"{found[1]}: {first['what']}, in " for found in places if found), "")
        return f"{place}{first['file']}:{first['line']}" + ("" if place else f": {first['what']}")
    if undefined := _UNDEFINED.search(messages):
        return f"{unit.name}: error: {undefined['symbol']} is declared or called, but not defined"
    return None


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace").strip()


def _shortened(text: str) -> str:
    excess, half = len(text) - _MESSAGE_LIMIT, _MESSAGE_LIMIT // 2
    return text if excess <= 0 else f"{text[:half]}\n[{excess:,} characters left out]\n{text[-half:]}"
