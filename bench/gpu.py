"""Measure evsim on a GPU beside one core of the CPU, and beside what the GPU can do at most.

python bench/gpu.py                    # the table; needs CuPy and an NVIDIA GPU
python bench/gpu.py -o bench/results   # and a file named after the GPU and the date
python bench/gpu.py --smoke            # without a GPU, by emulation: only that everything runs
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import evsim
from evsim.devices.cuda.device import THREADS, Kernels

HERE = Path(__file__).parent
FLOAT_INSTRUCTIONS = 9
"""Of one LIF event: three for the bound, a subtraction and a comparison, three for the decay, one for the weight."""
WEIGHT_BYTES = 4


@dataclass
class Case:
    """Layers as (neurons, threshold), tau_mem = 2 tau_syn, and a batch."""

    name: str
    n_inputs: int
    layers: list[tuple[int, float]]
    tau_syn: float
    batch: list[tuple[np.ndarray, np.ndarray]]

    def network(self, device: str) -> evsim.SpikingNetwork:
        net = evsim.SpikingNetwork(seed=1, device=device)
        n_inputs = self.n_inputs
        for n_neurons, threshold in self.layers:
            net.add_fc_layer(n_inputs, n_neurons, self.tau_syn, threshold)
            n_inputs = n_neurons
        return net


def latency_digits(n_samples: int) -> Case:
    """Like workloads.latency_digit: 150 of 784 pixels fire once within 100 ms."""
    rng = np.random.default_rng(0)
    batch = [
        (rng.choice(784, 150, replace=False).astype(np.int32), np.sort(rng.uniform(0, 0.1, 150)))
        for _ in range(n_samples)
    ]
    return Case(f"latency digits 784-800-10, batch of {n_samples}", 784, [(800, 0.2), (10, 1.3)], 0.130, batch)


def poisson(n_neurons: int, n_samples: int, n: int = 9927) -> Case:
    """Like workloads.poisson: 1000 inputs at 10 Hz for 1 s."""
    rng = np.random.default_rng(0)
    batch = [(rng.integers(0, 1000, n).astype(np.int32), np.sort(rng.uniform(0, 1000.0, n))) for _ in range(n_samples)]
    return Case(f"Poisson 1000 -> {n_neurons}, batch of {n_samples}", 1000, [(n_neurons, 2.0)], 10.0, batch)


class Stopwatch:
    """Times by CUDA events; by the clock where the GPU is emulated."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp
        self.real = hasattr(xp.cuda, "Event")

    def mark(self) -> Any:
        if not self.real:
            return time.perf_counter()
        event = self.xp.cuda.Event()
        event.record()
        return event

    def seconds(self, begin: Any, end: Any) -> float:
        if not self.real:
            return float(end - begin)
        end.synchronize()
        return float(self.xp.cuda.get_elapsed_time(begin, end)) / 1e3

    def run(self, call: Callable[[], Any]) -> float:
        begin = self.mark()
        call()
        return self.seconds(begin, self.mark())


class KernelTimes:
    """Collects the time of the event loop's launches while it is open."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch, self.marks = watch, list[tuple[Any, Any]]()
        self.original = Kernels.launch

    def __enter__(self) -> KernelTimes:
        original, watch, marks = self.original, self.watch, self.marks

        def launch(self: Kernels, name: str, blocks: int, *arguments: Any) -> None:
            begin = watch.mark()
            original(self, name, blocks, *arguments)
            if name == "evsim_dense":
                marks.append((begin, watch.mark()))

        Kernels.launch = launch  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Kernels.launch = self.original  # type: ignore[method-assign]

    def total(self) -> float:
        return sum(self.watch.seconds(*marks) for marks in self.marks)


def limits(xp: Any, watch: Stopwatch, smoke: bool) -> dict[str, float]:
    """Bytes per second of a copy in device memory, and float instructions per second of all threads."""
    module = xp.RawModule(code=(HERE / "limits.cu").read_text(), options=("-std=c++20",))
    n = 1 << (10 if smoke else 26)
    first, second, out = xp.zeros(4 * n, np.float32), xp.zeros(4 * n, np.float32), xp.zeros(1, np.float32)
    blocks, rounds = (2, 10) if smoke else (132 * 16, 4096)
    copy, multiply_add = module.get_function("copy"), module.get_function("multiply_add")
    repeats = 1 if smoke else 10

    def best(call: Callable[[], Any]) -> float:
        call()
        return min(watch.run(call) for _ in range(repeats))

    copied = best(lambda: copy((blocks,), (256,), (first, second, np.int64(n))))
    computed = best(lambda: multiply_add((blocks,), (256,), (out, np.float32(0.5), np.int32(rounds))))
    return {"bytes_per_s": 2 * first.nbytes / copied, "float_instructions_per_s": blocks * 256 * rounds * 8 / computed}


def measure(case: Case, xp: Any, watch: Stopwatch, most: dict[str, float], repeats: int) -> dict[str, Any]:
    """Time one case on the GPU and on one core."""
    cpu, cuda = case.network("cpu"), case.network("cuda")
    batch = [(xp.asarray(indices), xp.asarray(times)) for indices, times in case.batch]
    cuda.infer(batch)  # compiles, and finds the size of the buffers
    calls, kernels = [], []
    for _ in range(repeats):
        with KernelTimes(watch) as times:
            calls.append(watch.run(lambda: cuda.infer(batch)))
        kernels.append(times.total())
    begin = time.perf_counter()
    cpu.infer(case.batch)
    cpu_seconds = time.perf_counter() - begin
    events, spikes = 0, sum(len(times) for _, times in case.batch)
    for layer in cuda:
        events += spikes * layer.n_neurons
        spikes = int(np.sum(layer.n_spikes))
    rate = events / min(kernels)
    return {
        "workload": case.name,
        "synaptic_events": events,
        "output_spikes": [int(np.sum(layer.n_spikes)) for layer in cuda],
        "same_number_of_spikes_on_cpu": all(
            np.array_equal(a.n_spikes, b.n_spikes) for a, b in zip(cuda, cpu, strict=True)
        ),
        "call_ms": {"min": min(calls) * 1e3, "median": statistics.median(calls) * 1e3},
        "kernel_ms": {"min": min(kernels) * 1e3, "median": statistics.median(kernels) * 1e3},
        "events_per_s": rate,
        "cpu_one_core_ms": cpu_seconds * 1e3,
        "threads": len(case.batch) * -(-case.layers[0][0] // THREADS) * THREADS,
        **bound(rate, most),
    }


def bound(rate: float, most: dict[str, float]) -> dict[str, Any]:
    """Which limit binds, and how much of it is reached."""
    fractions = {
        "weights from device memory": rate * WEIGHT_BYTES / most["bytes_per_s"],
        "float instructions": rate * FLOAT_INSTRUCTIONS / most["float_instructions_per_s"],
    }
    binds = max(fractions, key=lambda name: fractions[name])
    # Above 1 the weights came from a cache; far below, threads wait for each other's exact path or are too few.
    return {"fractions": fractions, "binds": binds if fractions[binds] > 0.3 else "latency"}


def machine(xp: Any, smoke: bool) -> dict[str, Any]:
    """Describe where the figures come from."""
    commit = subprocess.run(
        ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    name = "emulation" if smoke else xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    return {
        "gpu": name,
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "evsim": evsim.__version__,
        "cupy": getattr(xp, "__version__", "none"),
        "python": platform.python_version(),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="run a little by emulation; measures nothing")
    arguments = parser.parse_args()
    if arguments.smoke:
        sys.path.insert(0, str(HERE.parent / "tests"))
        import fake_cupy

        sys.modules["cupy"] = fake_cupy
    from evsim.devices.cuda.device import cupy

    xp = cupy()
    evsim.set_num_threads(1)
    watch = Stopwatch(xp)
    most = limits(xp, watch, arguments.smoke)
    cases = [latency_digits(n) for n in (1, 64, 1024)] + [poisson(10_000, n) for n in (1, 16)]
    if arguments.smoke:
        cases = [latency_digits(2), poisson(200, 2, 100)]
    rows = [measure(case, xp, watch, most, 2 if arguments.smoke else 50) for case in cases]
    results = {"machine": machine(xp, arguments.smoke), "limits": most, "workloads": rows}
    show(results)
    if arguments.output and not arguments.smoke:
        arguments.output.mkdir(parents=True, exist_ok=True)
        name = f"{results['machine']['date']}-{results['machine']['gpu'].replace(' ', '-').lower()}.json"
        (arguments.output / name).write_text(json.dumps(results, indent=2) + "\n")
        print(f"written to {arguments.output / name}")


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    console = Console(width=170)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()))
    most = results["limits"]
    console.print(
        f"limits: copy {most['bytes_per_s'] / 1e9:.0f} GB/s, "
        f"{most['float_instructions_per_s'] / 1e12:.2f} T float instructions/s"
    )
    columns = ("workload", "M events", "call ms (median)", "kernel ms (median)", "G events/s", "x one core", "binds")
    table = Table(*columns)
    for row in results["workloads"]:
        fraction = max(row["fractions"].values())
        table.add_row(
            row["workload"],
            f"{row['synaptic_events'] / 1e6:.2f}",
            f"{row['call_ms']['min']:.3f} ({row['call_ms']['median']:.3f})",
            f"{row['kernel_ms']['min']:.3f} ({row['kernel_ms']['median']:.3f})",
            f"{row['events_per_s'] / 1e9:.2f}",
            f"{row['cpu_one_core_ms'] / row['call_ms']['min']:.1f}",
            f"{row['binds']} ({fraction:.0%})",
        )
    console.print(table)


if __name__ == "__main__":
    main()
