"""Tests of devices see the GPU, or its emulation."""

import sys

import gpu
import pytest


@pytest.fixture(autouse=True)
def device(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", gpu.CUPY)
    return gpu.CUPY
