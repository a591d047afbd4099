"""Units to compile, and a compiler that can be made to misbehave."""

import ctypes
import shlex
import time
from pathlib import Path

import pytest

from evsim import jit
from evsim.errors import CompilerNotFoundError
from evsim.jit import compiler

try:
    REAL = shlex.join(jit.find_compiler().command)
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

STRANGE = "a b'c\"d\ne$(touch x)`touch x`;#\\,=é"


def unit(value, includes=""):
    return f"""{includes}
#line 1 "/models/answer.cpp"
extern "C" __attribute__((visibility("default"))) int answer() {{ return {value}; }}
"""


def answer(library):
    return ctypes.CDLL(str(library)).answer()


def flip_a_bit(library):
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)


def names(folder):
    return {path.name for path in folder.iterdir()}


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_running(pid):
    """Whether the process lives; one that its parent has not asked about yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Wrapper:
    """A script that is $CXX: it counts how often it compiles, and can be made to misbehave."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.log = folder / "c++", folder / "log"
        self.write()

    def write(self, *, version=f"{REAL} --version", probe=":", compiling=":"):
        log = shlex.quote(str(self.log))
        self.path.write_text(f"""#!/bin/sh
[ "$1" = --version ] && exec {version}
case " $* " in
*kernel.so*) echo compile >> {log}; {compiling} ;;
*) {probe} ;;
esac
exec {REAL} "$@"
""")
        self.path.chmod(0o700)
        compiler._find.cache_clear()
        compiler.flags.cache_clear()

    @property
    def runs(self):
        return self.log.read_text().count("compile") if self.log.exists() else 0
