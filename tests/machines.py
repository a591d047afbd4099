"""The machines that tests of inference run on: a type of numbers, a device, a number of threads.

A test that takes the fixture `machine` runs on all of them. The GPU is emulated where there is none (see `gpu`).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import gpu
import numpy as np
import pytest

import evsim

DTYPES = ("float32", "float64")
EVENTS_WORTH_A_THREAD = 400_000
"""Input spikes times neurons of a call for each thread that it starts (csrc/engine/emissions.hpp)."""


@dataclass(frozen=True)
class Machine:
    """Where a network runs."""

    dtype: str
    device: str = "cpu"
    threads: int = 1

    def __str__(self) -> str:
        return f"{self.dtype}-{self.device}" + (f"-{self.threads} threads" if self.threads > 1 else "")

    def network(self, **options: Any) -> evsim.SpikingNetwork:
        return evsim.SpikingNetwork(dtype=self.dtype, device=self.device, **options)

    def copies(self, work: int) -> int:
        """Times that a sample of so many input spikes times neurons has to be in a batch for all threads to start."""
        wanted = self.threads * EVENTS_WORTH_A_THREAD
        return 1 if self.threads == 1 or work == 0 else math.ceil(wanted / work)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        before = evsim.num_threads()
        evsim.set_num_threads(self.threads)
        try:
            with pytest.MonkeyPatch.context() as patch:
                if self.device == "cuda":
                    patch.setitem(sys.modules, "cupy", gpu.CUPY)
                yield
        finally:
            evsim.set_num_threads(before)


ON_CPU = [Machine(dtype, "cpu", threads) for dtype, threads in product(DTYPES, (1, 2))]
ONE_THREAD = [Machine(dtype, device) for dtype, device in product(DTYPES, ("cpu", "cuda"))]
MACHINES = list(dict.fromkeys([*ON_CPU, *ONE_THREAD]))
"""All of them. A GPU has its own threads, whatever number evsim is told."""

one_thread = pytest.mark.parametrize("machine", ONE_THREAD, ids=str, indirect=True)
"""For cases by hand that are too small for a second thread to start."""
on_cpu = pytest.mark.parametrize("machine", ON_CPU, ids=str, indirect=True)
"""For what a GPU refuses (devices/test_cuda_limits.py)."""


def on_host(values: Any) -> Any:
    """Spikes or an array in the memory of the CPU."""
    if isinstance(values, evsim.SpikeArray):
        return values
    if hasattr(values, "to_host"):
        return values.to_host()
    return gpu.CUPY.asnumpy(values) if isinstance(values, gpu.CUPY.ndarray) else np.asarray(values)


def assert_batches_are_as_alone(net: evsim.SpikingNetwork, spikes: evsim.SpikeArray, until: float, work: int) -> None:
    """Equal samples of a batch, on one thread and on two, against one alone that fires; `work`: as of `copies`."""
    alone = net.infer(spikes, until=until)
    assert len(alone) > 0
    for threads in (1, 2):
        machine = Machine(net.dtype, threads=threads)
        with machine.in_use():
            assert all(found == alone for found in net.infer([spikes] * machine.copies(work), until=until))


def one_of_equals(samples: Any) -> Any:
    """The first of the results of a batch in which every sample was the same."""
    first, *others = map(on_host, samples)
    if isinstance(first, np.ndarray):
        same = all(np.array_equal(first, other, equal_nan=True) for other in others)
    else:
        same = all(first == other for other in others)
    assert same, "equal samples of one batch have different results"
    return first
