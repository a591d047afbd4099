"""Measure networks with delays on one thread: one that feeds forward, beside itself without and beside
others, and what a window of a cycle costs.

python bench/delays.py                    # the table; rivals that are not installed are left out
python bench/delays.py -o bench/results   # and a file named after the machine and the date
python bench/delays.py --smoke            # to see that everything runs

Rivals want an environment of their own: python -m pip install brian2 nest-simulator "numpy<2.3", and evsim.

1000 Poisson inputs of 10 Hz reach 1000 LIF neurons, and these 100 others, all to all, after 1 ms.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import best_of, machine, write

import evsim

SIZES = (1000, 1000, 100)
WEIGHTS = ((0.0105, 0.03), (0.008, 0.03))
"""Mean and standard deviation, of each layer."""
DELAY, TAU_MEM, TAU_SYN, REFRACTORY, END = 1.0, 20.0, 10.0, 1.0, 1000.0
STEP = 0.1


class Problem:
    """Input spikes and weights, the same for every simulator. Times are on the grid of those who have one."""

    def __init__(self, shrink: int = 1) -> None:
        rng = np.random.default_rng(5)
        self.sizes = [size // shrink for size in SIZES]
        n = rng.poisson(self.sizes[0] * 10.0)
        times = np.sort(np.unique(rng.uniform(1.0, END - 5.0, n).round(1)))
        self.times = np.sort(rng.choice(times, n))
        self.indices = rng.integers(0, self.sizes[0], n)
        once = np.unique(np.stack([np.round(self.times / STEP), self.indices]), axis=1)  # a source fires once a step
        self.times, self.indices = once[0] * STEP, once[1].astype(np.int32)
        shapes = zip(self.sizes[1:], self.sizes[:-1], WEIGHTS, strict=True)
        self.weights = [rng.normal(mean, deviation, (n, m)) for n, m, (mean, deviation) in shapes]

    def events(self, counts: list[int]) -> int:
        """Synaptic events, of so many spikes of each population."""
        return sum(count * size for count, size in zip([len(self.times), *counts[:-1]], self.sizes[1:], strict=True))


def with_evsim(problem: Problem, dtype: str, delay: Any, repeats: int) -> dict[str, Any]:
    """Exact times; the delay is one for all, or one for each input."""
    net = evsim.SpikingNetwork(dtype=dtype)
    for weights in problem.weights:
        one = delay if delay is None or np.ndim(delay) == 0 else delay[: weights.shape[1]]
        connection = evsim.Dense(weights.shape[1], weights.shape[0], weights=weights)
        net.add_layer(connection, evsim.LIF(tau_mem=TAU_MEM, tau_syn=TAU_SYN, refractory=REFRACTORY), delay=one)
    spikes = evsim.SpikeArray(problem.indices, problem.times)
    seconds = best_of(lambda: net.infer(spikes, until=END), repeats)
    return {"seconds": seconds, "spikes": [int(layer.n_spikes.sum()) for layer in net]}


def with_brian(problem: Problem, repeats: int) -> dict[str, Any]:
    """Brian2 as a program in C++ of one thread, in steps."""
    import brian2 as b2

    folder = tempfile.TemporaryDirectory()
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    b2.defaultclock.dt = STEP * b2.ms
    source = b2.SpikeGeneratorGroup(problem.sizes[0], problem.indices, problem.times * b2.ms)
    objects, before, monitors = [source], source, []
    for weights in problem.weights:
        group = b2.NeuronGroup(
            len(weights),
            "dv/dt = (current - v) / (20 * ms) : 1 (unless refractory)\ndcurrent/dt = -current / (10 * ms) : 1",
            threshold="v >= 1",
            reset="v = 0",
            refractory=REFRACTORY * b2.ms,
            method="exact",
        )
        synapses = b2.Synapses(before, group, "w : 1", on_pre="current_post += w", delay=DELAY * b2.ms)
        synapses.connect()
        synapses.w = weights.T.ravel()
        monitors.append(b2.SpikeMonitor(group))
        objects += [group, synapses, monitors[-1]]
        before = group
    b2.Network(*objects).run(END * b2.ms)
    b2.device.build(directory=folder.name, compile=True, run=False, debug=False)
    seconds = []
    for _ in range(repeats):
        b2.device.run(with_output=False)
        seconds.append(float(b2.device._last_run_time))
    return {"seconds": min(seconds), "spikes": [int(monitor.num_spikes) for monitor in monitors]}


def with_nest(problem: Problem, repeats: int) -> dict[str, Any]:
    """NEST's exact neurons, iaf_psc_exp_ps."""
    import nest

    seconds, counts = [], []
    for _ in range(repeats):
        nest.ResetKernel()
        nest.set(resolution=STEP, local_num_threads=1, print_time=False)
        trains = [problem.times[problem.indices == k] for k in range(problem.sizes[0])]
        parameters = [{"spike_times": train, "precise_times": True} for train in trains]
        before = nest.Create("spike_generator", problem.sizes[0], params=parameters)
        neuron = {
            "C_m": TAU_MEM,
            "tau_m": TAU_MEM,
            "tau_syn_ex": TAU_SYN,
            "tau_syn_in": TAU_SYN,
            "t_ref": REFRACTORY,
            "E_L": 0.0,
            "V_m": 0.0,
            "V_th": 1.0,
            "V_reset": 0.0,
            "I_e": 0.0,
        }
        recorders = []
        for weights in problem.weights:
            group = nest.Create("iaf_psc_exp_ps", len(weights), params=neuron)
            nest.Connect(before, group, "all_to_all", {"weight": weights, "delay": DELAY})
            recorders.append(nest.Create("spike_recorder"))
            nest.Connect(group, recorders[-1])
            before = group
        nest.Prepare()
        start = time.perf_counter()
        nest.Run(END)
        seconds.append(time.perf_counter() - start)
        nest.Cleanup()
        counts = [int(recorder.n_events) for recorder in recorders]
    return {"seconds": min(seconds), "spikes": counts}


def windows(smoke: bool) -> list[dict[str, Any]]:
    """Silent populations that reach themselves: what a window costs by itself."""
    n, delay, until = (50 if smoke else 1000), 0.1, 10.0 if smoke else 100.0
    neurons = {
        "LIF": evsim.LIF(tau_mem=20.0, tau_syn=5.0),
        "LIF, refractory": evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=2.0),
        "LIF, driven to 0.9 of its threshold": evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=0.9),
        "LIFDelta": evsim.LIFDelta(tau_mem=20.0),
        "LIFAlpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0),
        "Izhikevich": evsim.Izhikevich.preset("tonic_spiking"),
    }
    rows = []
    for name, neuron in neurons.items():
        net = evsim.SpikingNetwork()
        net.add_population(n, neuron, name="loop")
        net.connect("loop", "loop", evsim.Dense(n, n, weights=np.zeros((n, n))), delay=delay)
        seconds = best_of(lambda: net.infer(until=until), 2 if smoke else 5)  # noqa: B023
        rows.append({"neurons": name, "n": n, "ns_per_neuron_and_window": seconds * 1e9 / n / (until / delay)})
    return rows


RIVALS = {"Brian2, 0.1 ms": ("brian2", with_brian), "NEST, exact": ("nest", with_nest)}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="a quick run that measures nothing well")
    arguments = parser.parse_args()
    evsim.set_num_threads(1)
    problem = Problem(20 if arguments.smoke else 1)
    repeats = 2 if arguments.smoke else 100
    each = np.random.default_rng(6).uniform(0.0, 2 * DELAY, max(problem.sizes))
    rows = {}
    for dtype in ("float32", "float64"):
        for name, delay in (("no delay", None), ("one delay", DELAY), ("a delay for each input", each)):
            rows[f"evsim {dtype}, {name}"] = with_evsim(problem, dtype, delay, repeats)
    for name, (package, run) in RIVALS.items():
        if arguments.smoke or importlib.util.find_spec(package) is None:
            print(f"left out: {name}")
        else:
            rows[name] = run(problem, 5)
    table = Table("one thread", "spikes", "ms", "ns / event", "x evsim float32 with one delay")
    base = rows["evsim float32, one delay"]["seconds"]
    for name, row in rows.items():
        row["ns_per_event"] = row["seconds"] * 1e9 / problem.events(row["spikes"])
        spikes, ms = ", ".join(map(str, row["spikes"])), row["seconds"] * 1e3
        table.add_row(name, spikes, f"{ms:.2f}", f"{row['ns_per_event']:.2f}", f"{row['seconds'] / base:.2f}")
    results = {"machine": machine(), "input_spikes": len(problem.times), "rows": rows}
    results["windows"] = windows(arguments.smoke)
    console = Console(width=120)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()), table)
    for row in results["windows"]:
        console.print(
            f"window of {row['n']} silent {row['neurons']}: {row['ns_per_neuron_and_window']:.1f} ns a neuron"
        )
    if arguments.output:
        write(results, arguments.output, "delays-")


if __name__ == "__main__":
    main()
