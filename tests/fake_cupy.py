"""What evsim uses of CuPy, on NumPy: kernels are compiled with the host's C++ compiler and run thread by thread."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import re
import subprocess
import tempfile
import types
from pathlib import Path

import numpy as np
from numpy import (  # noqa: F401
    arange,
    asarray,
    ascontiguousarray,
    concatenate,
    empty,
    empty_like,
    exp,
    flatnonzero,
    full,
    isfinite,
    lexsort,
    maximum,
    ndarray,
    repeat,
    searchsorted,
    stack,
    where,
    zeros,
    zeros_like,
)

from evsim import _core, jit

SHIM = Path(__file__).parent / "cuda_emulation"
FLAGS = ["-std=c++20", "-O1", "-shared", "-fPIC", "-ffp-contract=off", "-Wno-unknown-pragmas"]
_temporary = tempfile.TemporaryDirectory(prefix="evsim-emulation-")
builds = Path(_temporary.name)
"""Where kernels are compiled to; tests that run in several processes share a folder."""


class CompileException(Exception):  # noqa: N818 (CuPy's name)
    pass


def asnumpy(array):
    return np.array(array)


class Function:
    def __init__(self, library, name):
        self.entry, self.name = getattr(library, f"launch_{name}"), name

    def __call__(self, grid, block, arguments):
        cells = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                assert argument.flags.c_contiguous, f"{self.name} got an array that is not contiguous"
                cells.append(np.array([argument.ctypes.data], np.uintp))
            else:
                assert isinstance(argument, np.generic), f"{self.name} got {argument!r}, whose size is not known"
                cells.append(np.array([argument]))
        pointers = (ctypes.c_void_p * len(cells))(*(cell.ctypes.data for cell in cells))
        sizes = (ctypes.c_int * len(cells))(*(cell.itemsize for cell in cells))
        wrong = self.entry(grid[0], block[0], pointers, sizes, len(cells))
        assert wrong == -1, f"{self.name}: argument {wrong} of {len(cells)} has not the size that the kernel expects"


def built(text, flags):
    """Path of the library that the source `text` compiles to; whichever process comes first compiles it."""
    builds.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("\n".join([text, *flags]).encode()).hexdigest()
    library, source = builds / f"{name}.so", builds / f"{name}.cpp"
    with (builds / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.exists():
            source.write_text(text)
            unfinished = library.with_suffix(".new")
            command = [*jit.find_compiler().command, *flags, str(source), "-o", str(unfinished)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                raise CompileException(result.stderr)
            unfinished.rename(library)
    return str(library)


class RawModule:
    def __init__(self, *, code, options):
        self.code, self.library = code, None
        folders = [Path(option[2:]) for option in options if option.startswith("-I")]
        self.folders = [folder for folder in folders if folder.parts[-2:] != ("cuda", "std")]

    def compile(self):
        file = re.search(r"#include <(cuda/\w+\.cu)>", self.code)
        text = (self.folders[0] / file.group(1)).read_text() if file else self.code
        names = re.findall(r'extern "C" __global__ void\s+(?:__launch_bounds__\(\d+\)\s+)?(\w+)\(', text)
        entries = "".join(
            f'extern "C" __attribute__((visibility("default"))) int launch_{name}(unsigned grid, unsigned block, '
            f"void** arguments, const int* sizes, int count) {{ return launch(&{name}, grid, block, arguments, sizes, "
            "count); }\n"
            for name in names
        )
        text = f"#include <shim.h>\n{self.code}{entries}"
        own = os.environ.get("EVSIM_EMULATION_FLAGS", "").split()
        # Fused multiply-adds where the CPU's engine has them: in its instruction set, and in what users compile.
        if _core.active_isa() != "baseline" or re.search("EVSIM_RULE|evsim_neuron_model", self.code):
            own.append("-march=native")
        flags = [*FLAGS, *own, *(f"-I{folder}" for folder in [*self.folders, SHIM])]
        self.library = ctypes.CDLL(built(text, flags))

    def get_function(self, name):
        if self.library is None:
            self.compile()
        return Function(self.library, name)


class OutOfMemoryError(MemoryError):
    pass


cuda = types.SimpleNamespace(
    runtime=types.SimpleNamespace(getDeviceCount=lambda: 1),
    memory=types.SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    compiler=types.SimpleNamespace(CompileException=CompileException),
)
