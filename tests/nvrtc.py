"""NVRTC from its Python package: CUDA C++ to PTX and machine code, where no GPU need be."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

PACKAGES = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")


class CompileError(Exception):
    """NVRTC's own words."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """The library, or None if no package has it."""
    for package in PACKAGES:
        try:
            files = metadata.files(package) or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name.startswith("libnvrtc.so"):
                return ctypes.CDLL(str(Path(file.locate())))
    return None


def compile_program(text: str, options: Sequence[str], arch: str) -> tuple[bytes, bytes]:
    """PTX and cubin for an architecture such as "sm_90"."""
    nvrtc = library()
    program = ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"evsim.cu", 0, None, None), "create")
    try:
        # As CuPy does: subnormal floats count as 0.
        words = [option.encode() for option in (*options, "-ftz=true", f"-arch={arch}")]
        code = nvrtc.nvrtcCompileProgram(program, len(words), (ctypes.c_char_p * len(words))(*words))
        if code:
            raise CompileError(_content(nvrtc, program, "ProgramLog").decode(errors="replace"))
        return _content(nvrtc, program, "PTX"), _content(nvrtc, program, "CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _check(code: int, what: str) -> None:
    if code:
        raise CompileError(f"NVRTC cannot {what}: error {code}")


def _content(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), f"size {what}")
    content = ctypes.create_string_buffer(size.value)
    _check(getattr(nvrtc, f"nvrtcGet{what}")(program, content), f"get {what}")
    return content.raw.rstrip(b"\0") if what != "CUBIN" else content.raw
