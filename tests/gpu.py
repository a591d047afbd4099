"""The GPU that tests run on: a real one if CuPy finds it, else the emulation."""

from __future__ import annotations

import importlib

import fake_cupy


def _real():
    try:
        cupy = importlib.import_module("cupy")
        return cupy if cupy.cuda.runtime.getDeviceCount() else None
    except (ImportError, RuntimeError):
        return None


REAL = _real()
CUPY = REAL or fake_cupy


def describe() -> str:
    """Which one it is."""
    if REAL is None:
        return "no GPU: device='cuda' is tested by emulation (tests/fake_cupy.py)"
    return f"device='cuda' is tested on {REAL.cuda.runtime.getDeviceProperties(0)['name'].decode()}"
