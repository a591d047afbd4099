"""Measure evsim beside its yardsticks, print one table and write it to a JSON file.

python bench/run.py                    # the table
python bench/run.py -o bench/results   # and a file named after the machine and the date
python bench/run.py --smoke            # seconds, to see that everything runs
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import json
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from workloads import Workload, all_workloads, models, nonlinear_models, plastic_workloads, poisson

import evsim
from evsim.neurons import Alpha, DoubleExponential, Linear, ThresholdAdaptation

HERE = Path(__file__).parent
FLAGS = ["-O3", "-std=c++20", "-march=native", "-fPIC", "-shared"]


def best_of(call: Callable[[], Any], repeats: int) -> float:
    """Shortest of `repeats` runs in seconds; machines are shared, so the minimum is what the code costs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


class Yardsticks:
    """The textbook simulator and the memory bandwidth, compiled for this machine."""

    def __init__(self) -> None:
        compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
        if compiler is None:
            raise SystemExit("the benchmark needs a C++ compiler (c++, g++ or clang++)")
        self.folder = tempfile.TemporaryDirectory()
        library = Path(self.folder.name) / "yardsticks.so"
        subprocess.run([compiler, *FLAGS, str(HERE / "yardsticks.cpp"), "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library))
        self.library.textbook_lif.restype = ctypes.c_int64
        self.library.streaming_bandwidth.restype = ctypes.c_double

    def textbook(self, layer: evsim.Layer, indices: np.ndarray, times: np.ndarray) -> int:
        """Run one layer; return the number of spikes."""
        weights = np.ascontiguousarray(layer.weights)
        return self.library.textbook_lif(
            weights.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int32(layer.n_neurons),
            ctypes.c_int32(layer.n_inputs),
            indices.ctypes.data_as(ctypes.c_void_p),
            times.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int64(len(times)),
            ctypes.c_double(float(np.mean(layer.tau))),  # it computes every neuron by itself anyway
            ctypes.c_double(layer.threshold),
        )

    def bandwidth(self, n_bytes: int, repeats: int) -> float:
        """Bytes per second of a streaming sum over `n_bytes`."""
        return self.library.streaming_bandwidth(ctypes.c_int64(n_bytes), ctypes.c_int(repeats))


def measure(workload: Workload, yardsticks: Yardsticks, repeats: int) -> dict[str, Any]:
    """Time one workload on one thread and, layer by layer, the textbook simulator on the same spikes."""
    net = workload.net
    spikes = evsim.SpikeArray(workload.indices, workload.times)
    seconds = best_of(lambda: net.infer(spikes), repeats)
    events, textbook_seconds, counts = 0, 0.0, []
    source = spikes
    for layer in net:
        events += len(source) * layer.n_neurons
        indices, times = np.array(source.indices), np.array(source.times)
        textbook_repeats = max(1, repeats // 20)
        textbook_seconds += best_of(lambda: yardsticks.textbook(layer, indices, times), textbook_repeats)  # noqa: B023
        source = layer.post_spikes
        counts.append(len(source))
    return {
        "workload": workload.name,
        "input_spikes": len(spikes),
        "output_spikes": counts,
        "synaptic_events": events,
        "ms": seconds * 1e3,
        "ns_per_event": seconds * 1e9 / events,
        "textbook_ns_per_event": textbook_seconds * 1e9 / events,
        "times_textbook": textbook_seconds / seconds,
        "evspikesim_ms": workload.reference_ms,
    }


def measure_callbacks(workload: Workload, repeats: int) -> dict[str, Any]:
    """Time one workload with callbacks and, in the same run, without."""
    spikes = evsim.SpikeArray(workload.indices, workload.times)
    assert workload.plain is not None
    plain = best_of(lambda: workload.plain.infer(spikes), repeats)
    seconds = best_of(lambda: workload.net.infer(spikes), repeats)
    (layer,) = workload.net
    calls = len(spikes) * layer.n_neurons + int(layer.n_spikes.sum()) * layer.n_inputs
    return {
        "workload": workload.name,
        "input_spikes": len(spikes),
        "output_spikes": int(layer.n_spikes.sum()),
        "synapse_callbacks": calls,
        "ms": seconds * 1e3,
        "ns_per_callback": (seconds - plain) * 1e9 / calls,
        "times_plain": seconds / plain,
        "evspikesim_ms": workload.reference_ms,
    }


def measure_arrays(repeats: int, smoke: bool) -> dict[str, float]:
    """Cost of getting spikes in and out."""
    rng = np.random.default_rng(0)
    n = 200_000 if smoke else 2_000_000
    indices, times = rng.integers(0, 1000, n), rng.uniform(0, 1, n)

    def build_and_sort(indices: np.ndarray, times: np.ndarray) -> None:
        evsim.SpikeArray(indices, times).sort()

    out = {
        "build_and_sort_2M_s": best_of(lambda: build_and_sort(indices, times), max(1, repeats // 20)) * 2_000_000 / n
    }
    if not smoke:
        many = np.tile(indices, 5), rng.uniform(0, 1, 5 * n)
        out["build_and_sort_10M_s"] = best_of(lambda: build_and_sort(*many), 1)
    net = evsim.SpikingNetwork(seed=1)
    net.add_fc_layer(1000, 1, 10.0, 1e6)
    indices, times = rng.integers(0, 1000, 10_000), np.sort(rng.uniform(0, 1000, 10_000))
    spikes = evsim.SpikeArray(indices, times)
    from_arrays = best_of(lambda: net.infer(indices, times), 10 * repeats)
    from_spikes = best_of(lambda: net.infer(spikes), 10 * repeats)
    nothing = best_of(lambda: net.infer(evsim.SpikeArray()), 10 * repeats)
    out["infer_numpy_10k_overhead_us"] = (from_arrays - from_spikes) * 1e6
    out["infer_numpy_10k_to_one_neuron_us"] = from_arrays * 1e6
    out["infer_nothing_us"] = nothing * 1e6
    return out


def measure_short_samples(repeats: int) -> dict[str, float]:
    """Ten spikes to ten neurons: what a call, and a sample of a batch, cost besides their events."""
    rng = np.random.default_rng(0)
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(10, 10), evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=1e6))
    spikes = evsim.SpikeArray(rng.integers(0, 10, 10), np.sort(rng.uniform(0.0, 50.0, 10)))
    batch = [spikes] * 1000
    return {
        "one_us": best_of(lambda: net.infer(spikes), 100 * repeats) * 1e6,
        "of_a_batch_us": best_of(lambda: net.infer(batch), repeats) * 1e6 / len(batch),
    }


def measure_time_constants(repeats: int) -> list[dict[str, Any]]:
    """Time constants per neuron against one for all: 1000 neurons, or 100, that are silent or fire."""
    rng = np.random.default_rng(0)
    n = 1000
    tau_mem, tau_syn = rng.uniform(15.0, 25.0, n), rng.uniform(4.0, 6.0, n)
    spikes = evsim.SpikeArray(rng.integers(0, n, 10_000), np.sort(rng.uniform(0.0, 1000.0, 10_000)))
    weights = rng.normal(0.0, 0.01, (n, n))
    models = {
        "LIF": (evsim.LIF(tau_mem=20.0, tau_syn=5.0), evsim.LIF(tau_mem=tau_mem, tau_syn=tau_syn)),
        "LIFDelta": (evsim.LIFDelta(tau_mem=20.0), evsim.LIFDelta(tau_mem=tau_mem)),
        "LIFAlpha": (evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0), evsim.LIFAlpha(tau_mem=tau_mem, tau_syn=tau_syn)),
        "LIFAlpha, firing": (
            evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0, threshold=0.05),
            evsim.LIFAlpha(tau_mem=tau_mem, tau_syn=tau_syn, threshold=0.05),
        ),
        "SRMAlpha": (
            evsim.SRMAlpha(tau_syn=10.0, tau_refractory=2.0, threshold=10.0),
            evsim.SRMAlpha(tau_syn=0.5 * tau_mem, tau_refractory=0.4 * tau_syn, threshold=10.0),
        ),
        "eight variables, firing": (eight_variables(20.0), eight_variables(tau_mem[:100])),
    }
    rows = []
    for dtype in ("float32", "float64"):
        for name, neurons in models.items():
            size = len(getattr(neurons[1], "tau_mem", tau_mem))
            nets = [evsim.SpikingNetwork(dtype=dtype) for _ in neurons]
            for net, neuron in zip(nets, neurons, strict=True):
                net.add_layer(evsim.Dense(n, size, weights=weights[:size]), neuron)
            shared, own = (best_of(lambda: net.infer(spikes), repeats) for net in nets)  # noqa: B023
            n_spikes = int(nets[1][0].n_spikes.sum())
            row = {"model": name, "dtype": dtype, "spikes": n_spikes, "shared_ms": shared * 1e3, "own_ms": own * 1e3}
            rows.append(row)
    return rows


def eight_variables(tau_mem: Any) -> Linear:
    """A current of three parts, and a threshold that adapts."""
    current = Alpha(5.0) + Alpha(8.0) + DoubleExponential(1.0, 9.0)
    adaptation = ThresholdAdaptation(tau=100.0, jump=0.02)
    return Linear(synapses=current, tau_mem=tau_mem, threshold=0.1, adaptation=adaptation)


def measure_models(repeats: int) -> list[dict[str, Any]]:
    """Time the input of Poisson 1000 -> 1000 on neurons of other models; 20 of those that take longer."""
    workload = poisson([(1000, 2.0)], "", None)
    (layer,) = workload.net
    spikes = evsim.SpikeArray(workload.indices, workload.times)
    rows = []
    for name, neuron in (models() | nonlinear_models()).items():
        n = 20 if name in nonlinear_models() else 1000
        net = evsim.SpikingNetwork()
        net.add_layer(evsim.Dense(1000, n, weights=layer.weights[:n]), neuron)
        out = net.infer(spikes, until=1000.0)
        seconds = best_of(lambda: net.infer(spikes, until=1000.0), repeats)  # noqa: B023
        ns = seconds * 1e9 / (n * len(spikes))
        rows.append({"model": name, "output_spikes": len(out), "ms": seconds * 1e3, "ns_per_event": ns})
    return rows


def measure_batch(repeats: int, threads: int) -> dict[str, float]:
    """64 samples of the Poisson workload in one call, for one thread and for all."""
    workload = poisson([(1000, 2.0)], "batch", None)
    rng = np.random.default_rng(2)
    batch = [(rng.integers(0, 1000, 9927).astype(np.int32), np.sort(rng.uniform(0, 1000, 9927))) for _ in range(16)]
    events = 16 * 9927 * 1000
    out = {}
    for n in sorted({1, threads}):
        evsim.set_num_threads(n)
        seconds = best_of(lambda: workload.net.infer(batch), max(2, repeats // 20))
        out[f"batch16_ns_per_event_{n}_threads"] = seconds * 1e9 / events
    return out


def write(results: dict[str, Any], folder: Path, what: str = "") -> None:
    """Write results to a JSON file that is named after the machine they come from."""
    folder.mkdir(parents=True, exist_ok=True)
    where = results["machine"]
    path = folder / f"{where['date']}-{what}{where['cpu'].replace(' ', '-').lower()}-{where['isa']}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {path}")


def machine() -> dict[str, Any]:
    """Describe where the figures come from."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next(
            (line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line), model
        )
    commit = subprocess.run(
        ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "cpu": model,
        "isa": evsim._core.active_isa(),
        "date": datetime.date.today().isoformat(),
        "commit": commit.stdout.strip(),
        "evsim": evsim.__version__,
        "python": platform.python_version(),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="a quick run that measures nothing well")
    arguments = parser.parse_args()
    repeats = 2 if arguments.smoke else 100
    threads = evsim.num_threads()
    evsim.set_num_threads(1)
    yardsticks = Yardsticks()
    results: dict[str, Any] = {"machine": machine()}
    results["bandwidth_gb_s"] = {
        "L2 (256 KiB)": yardsticks.bandwidth(256 << 10, 20 * repeats) / 1e9,
        "L3 (4 MiB)": yardsticks.bandwidth(4 << 20, 5 * repeats) / 1e9,
        "memory (256 MiB)": yardsticks.bandwidth(256 << 20, max(2, repeats // 20)) / 1e9,
    }
    results["workloads"] = [measure(w, yardsticks, repeats) for w in all_workloads()]
    results["callbacks"] = [measure_callbacks(w, repeats) for w in plastic_workloads()]
    results["arrays"] = measure_arrays(repeats, arguments.smoke)
    results["short_samples"] = measure_short_samples(repeats)
    results["time_constants"] = measure_time_constants(max(2, repeats // 5))
    results["models"] = measure_models(max(2, repeats // 5))
    results["batch"] = measure_batch(repeats, threads)
    show(results)
    if arguments.output:
        write(results, arguments.output)


def show(results: dict[str, Any]) -> None:
    """Print the table."""
    console = Console(width=150)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()))
    console.print("streaming: " + ", ".join(f"{k} {v:.1f} GB/s" for k, v in results["bandwidth_gb_s"].items()))
    table = Table(
        "workload, one thread",
        "spikes in",
        "spikes out",
        "M events",
        "ms",
        "ns / event",
        "textbook ns",
        "x textbook",
        "x EvSpikeSim",
    )
    for row in results["workloads"]:
        reference = row["evspikesim_ms"]
        table.add_row(
            row["workload"],
            str(row["input_spikes"]),
            ", ".join(map(str, row["output_spikes"])),
            f"{row['synaptic_events'] / 1e6:.2f}",
            f"{row['ms']:.3f}",
            f"{row['ns_per_event']:.3f}",
            f"{row['textbook_ns_per_event']:.1f}",
            f"{row['times_textbook']:.0f}",
            f"{reference / row['ms']:.0f}" if reference else "",
        )
    console.print(table)
    table = Table("with callbacks, one thread", "spikes out", "M calls", "ms", "ns / call", "x plain", "x EvSpikeSim")
    for row in results["callbacks"]:
        reference = row["evspikesim_ms"]
        table.add_row(
            row["workload"],
            str(row["output_spikes"]),
            f"{row['synapse_callbacks'] / 1e6:.3f}",
            f"{row['ms']:.3f}",
            f"{row['ns_per_callback']:.2f}",
            f"{row['times_plain']:.1f}",
            f"{reference / row['ms']:.0f}" if reference else "",
        )
    console.print(table)
    for key, value in {**results["arrays"], **results["batch"]}.items():
        console.print(f"{key}: {value:.3f}")
    short = results["short_samples"]
    console.print(f"a short sample: {short['one_us']:.2f} us, one of a batch: {short['of_a_batch_us']:.2f} us")
    first = results["models"][0]["ns_per_event"]
    for row in results["models"]:
        console.print(
            f"{row['model']}: {row['output_spikes']} spikes, {row['ms']:.2f} ms, {row['ns_per_event']:.3f} ns an "
            f"event, {row['ns_per_event'] / first:.1f} times LIF"
        )
    for row in results["time_constants"]:
        console.print(
            f"{row['model']} {row['dtype']}, {row['spikes']} spikes: time constants shared {row['shared_ms']:.2f} ms, "
            f"per neuron {row['own_ms']:.2f} ms, {row['own_ms'] / row['shared_ms']:.1f} times"
        )


if __name__ == "__main__":
    main()
