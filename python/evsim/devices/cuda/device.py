"""CuPy, or a clear error."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

from ..._lib.optional import require
from ...errors import DeviceError, KernelCompileError, MemoryLimitError
from .program import Program

THREADS = 128
"""Of a block; no kernel takes more."""


def cupy() -> Any:
    """Return CuPy if it is installed and finds a GPU."""
    xp = require("cupy", "CuPy", "cuda", "device='cuda'")
    try:
        count = xp.cuda.runtime.getDeviceCount()
    except RuntimeError as error:  # no driver, or one that is too old
        raise DeviceError(f"device='cuda' needs an NVIDIA GPU and its driver; CuPy says: {error}") from None
    if count == 0:
        raise DeviceError("device='cuda' needs an NVIDIA GPU; the driver finds none")
    return xp


@contextlib.contextmanager
def memory_errors(what: str) -> Iterator[None]:
    """Raise MemoryLimitError when the GPU's memory is full."""
    xp = cupy()
    try:
        yield
    except xp.cuda.memory.OutOfMemoryError as error:
        raise MemoryLimitError(f"{what}: the memory of the GPU is full: {error}") from None


@functools.lru_cache(maxsize=256)
def _module(xp: Any, program: Program) -> Any:
    module = xp.RawModule(code=program.text, options=program.options)
    try:
        module.compile()
    except xp.cuda.compiler.CompileException as error:
        raise KernelCompileError(f"{program.name} does not compile for the GPU; NVRTC says:\n{error}") from None
    return module


class Kernels:
    """The kernels of a program on the GPU at hand."""

    def __init__(self, program: Program) -> None:
        self.xp = cupy()
        self._compiled = _module(self.xp, program)

    def launch(self, name: str, blocks: int, *arguments: Any) -> None:
        """Run a kernel on `blocks` blocks of THREADS threads."""
        if blocks:
            self._compiled.get_function(name)((blocks,), (THREADS,), arguments)


def blocks_for(threads: int) -> int:
    """Return how many blocks have at least so many threads."""
    return -(-threads // THREADS)
