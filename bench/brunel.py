"""Measure a driven network of sparse synapses, with one delay and with many, beside others; and two threads.

python bench/brunel.py                    # the tables; rivals that are not installed are left out
python bench/brunel.py -o bench/results   # and a file named after the machine and the date
python bench/brunel.py --smoke            # to see that everything runs

Rivals want an environment of their own: python -m pip install brian2 nest-simulator "numpy<2.3", and evsim.

The network is made after model A of Brunel 2000, "Dynamics of sparsely connected networks of excitatory and inhibitory
spiking neurons", J. Comput. Neurosci. 8: 4000 excitatory and 1000 inhibitory neurons, every one of which hears 400 of
the first and 100 of the others 1.5 ms late, and 10,000 arrivals a second of its own from outside; potentials jump by
0.2 mV, by -1 mV where inhibition arrives. How long as many synapses take to build is a table of bench/recurrent.py.

All simulators get the same synapses, and draw arrivals of their own. An event is an arrival at a neuron, of a spike or
from outside. Times are of the simulation alone, the least of several rounds, in each of which everything is run once:
CPU seconds of all threads together, and seconds by the clock, of which others on the machine take their part.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim

TAU_MEM, THRESHOLD, RESET, REFRACTORY, DELAY = 20.0, 20.0, 0.0, 2.0, 1.5
JUMP, INHIBITION = 0.2, 5.0
DRIVE, SOURCES = 10.0, 1000
"""Arrivals from outside at a neuron, per ms, and of how many sources they come in steps of time."""
DELAYS = 1.5, 3.0
STEP = 0.1

Run = Callable[[], tuple[float, float, np.ndarray]]
"""Simulates once; returns CPU seconds, seconds by the clock and the neurons that fired."""


class Problem:
    """Synapses, the same for every simulator."""

    def __init__(self, n: int, in_degree: int, until: float) -> None:
        self.n, self.until, self.n_excitatory = n, until, 4 * n // 5
        n_inhibitory, heard = n - self.n_excitatory, 4 * in_degree // 5
        excitation = evsim.Sparse.fixed_in_degree(self.n_excitatory, n, heard, seed=1)
        inhibition = evsim.Sparse.fixed_in_degree(n_inhibitory, n, in_degree - heard, seed=2)
        self.sources = np.concatenate([excitation.sources, self.n_excitatory + inhibition.sources])
        self.targets = np.concatenate([excitation.targets, inhibition.targets])
        self.weights = np.where(self.sources < self.n_excitatory, JUMP, -INHIBITION * JUMP)
        self.delays = np.random.default_rng(3).uniform(*DELAYS, len(self.sources))
        self.fan_out = np.bincount(self.sources, minlength=n)

    def row(self, runs: list[tuple[float, float, np.ndarray]]) -> dict[str, Any]:
        """What there is to tell of several runs."""
        seconds, clock, fired = min(run[0] for run in runs), min(run[1] for run in runs), runs[-1][2]
        events = int(self.fan_out[fired].sum() + DRIVE * self.n * self.until)
        return {
            "seconds": seconds,
            "clock_seconds": clock,
            "rounds": len(runs),
            "spikes": len(fired),
            "rate_hz": len(fired) / self.n / (self.until * 1e-3),
            "events": events,
            "ns_per_event": seconds * 1e9 / events,
        }


def with_evsim(problem: Problem, dtype: str, threads: int, delay: float | np.ndarray) -> Run:
    """Exact times."""
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.LIFDelta(tau_mem=TAU_MEM, threshold=THRESHOLD, reset=RESET, refractory=REFRACTORY)
    net.add_population(problem.n, neuron, name="cells")
    synapses = evsim.Sparse(problem.n, problem.n, problem.sources, problem.targets, weights=problem.weights)
    net.connect("cells", "cells", synapses, delay=delay)
    net.add_drive("cells", evsim.PoissonDrive(rate=DRIVE, weight=JUMP, seed=4))

    def run() -> tuple[float, float, np.ndarray]:
        evsim.set_num_threads(threads)
        start = time.process_time(), time.perf_counter()
        spikes = net.infer(until=problem.until)
        return time.process_time() - start[0], time.perf_counter() - start[1], spikes.indices

    return run


def two_threads(problem: Problem, dtype: str, smoke: bool) -> dict[str, Any]:
    """Many runs of a tenth of the time by one thread and by two in turns, so that some find the machine quiet."""
    short = copy.copy(problem)
    short.until = problem.until / 10
    runs = [with_evsim(short, dtype, threads, DELAY) for threads in (1, 2)]
    rounds = [[run()[:2] for run in runs] for _ in range(2 if smoke else 20)]
    (cpu_one, one), (cpu_two, two) = np.min(rounds, axis=0)
    both = {"clock_seconds_one": one, "clock_seconds_two": two, "seconds_one": cpu_one, "seconds_two": cpu_two}
    return {"until_ms": short.until, **both, "speed_up": one / two}


def with_brian(problem: Problem) -> Run:
    """Brian2 as a program in C++ of one thread, in steps."""
    import brian2 as b2

    folder = tempfile.TemporaryDirectory()
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    b2.prefs.codegen.cpp.headers = ["<chrono>"]
    b2.defaultclock.dt = STEP * b2.ms
    group = b2.NeuronGroup(
        problem.n,
        f"dv/dt = -v / ({TAU_MEM} * ms) : 1 (unless refractory)",
        threshold=f"v > {THRESHOLD}",
        reset=f"v = {RESET}",
        refractory=REFRACTORY * b2.ms,
        method="exact",
    )
    excites = problem.weights > 0.0
    parts = [b2.PoissonInput(group, "v", SOURCES, DRIVE / SOURCES / b2.ms, weight=JUMP)]
    for weight, chosen in ((JUMP, excites), (-INHIBITION * JUMP, ~excites)):
        parts.append(b2.Synapses(group, group, on_pre=f"v += {weight}", delay=DELAY * b2.ms))
        parts[-1].connect(i=problem.sources[chosen], j=problem.targets[chosen])
    monitor = b2.SpikeMonitor(group)
    first = "const std::clock_t first = std::clock(); const auto begun = std::chrono::steady_clock::now();"
    spent = """
        std::ofstream("spent") << double(std::clock() - first) / CLOCKS_PER_SEC << " "
            << std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();"""
    b2.device.insert_code("before_network_run", first)
    b2.device.insert_code("after_network_run", spent)
    b2.Network(group, *parts, monitor).run(problem.until * b2.ms)
    b2.device.build(directory=folder.name, compile=True, run=False, debug=False)

    def run() -> tuple[float, float, np.ndarray]:
        b2.device.run(with_output=False)
        seconds, clock = map(float, (Path(folder.name) / "spent").read_text().split())
        return seconds, clock, np.asarray(monitor.i)

    return run


def with_nest(problem: Problem) -> Run:
    """NEST's exact neurons, iaf_psc_delta_ps, whose drive comes in steps."""
    import nest

    neuron = {
        "C_m": TAU_MEM,
        "tau_m": TAU_MEM,
        "t_ref": REFRACTORY,
        "E_L": 0.0,
        "V_th": THRESHOLD,
        "V_reset": RESET,
        "V_m": 0.0,
        "I_e": 0.0,
    }

    def run() -> tuple[float, float, np.ndarray]:
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.WARNING
        nest.set(resolution=STEP, local_num_threads=1, print_time=False)
        group = nest.Create("iaf_psc_delta_ps", problem.n, params=neuron)
        synapses = {"weight": problem.weights, "delay": np.full(len(problem.weights), DELAY)}
        nest.Connect(problem.sources + 1, problem.targets + 1, "one_to_one", synapses)
        drive = nest.Create("poisson_generator", params={"rate": 1000.0 * DRIVE})
        nest.Connect(drive, group, syn_spec={"weight": JUMP, "delay": STEP})  # arrivals of each target are its own
        recorder = nest.Create("spike_recorder")
        nest.Connect(group, recorder)
        nest.Prepare()
        start = time.process_time(), time.perf_counter()
        nest.Run(problem.until)
        spent = time.process_time() - start[0], time.perf_counter() - start[1]
        nest.Cleanup()
        return *spent, np.asarray(recorder.events["senders"]) - 1

    return run


RIVALS = {"Brian2, 0.1 ms": ("brian2", with_brian), "NEST, exact": ("nest", with_nest)}


def measure(smoke: bool) -> dict[str, Any]:
    """All of it."""
    where = {**machine(), "load": round(os.getloadavg()[0], 1)}  # 0: nobody else was there
    problem = Problem(200, 20, 20.0) if smoke else Problem(5000, 500, 1000.0)
    runs: dict[str, Run] = {}
    for dtype in ("float32", "float64"):
        runs[f"evsim {dtype}"] = with_evsim(problem, dtype, 1, DELAY)
        runs[f"evsim {dtype}, delays by synapse"] = with_evsim(problem, dtype, 1, problem.delays)
    for name, (package, prepare) in RIVALS.items():
        if smoke or importlib.util.find_spec(package) is None:
            print(f"left out: {name}")
        else:
            runs[name] = prepare(problem)
    found: dict[str, list[tuple[float, float, np.ndarray]]] = {name: [] for name in runs}
    for _ in range(1 if smoke else 3):
        for name, run in runs.items():
            found[name].append(run())
    rows = {name: problem.row(several) for name, several in found.items()}
    threads = {dtype: two_threads(problem, dtype, smoke) for dtype in ("float32", "float64")}
    where["load_after"] = round(os.getloadavg()[0], 1)
    sizes = {"neurons": problem.n, "synapses": len(problem.sources), "until_ms": problem.until}
    return {"machine": where, **sizes, "rows": rows, "threads": threads}


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=132)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()))
    rows = results["rows"]
    table = Table(
        f"{results['neurons']} neurons, {results['synapses']} synapses",
        "spikes",
        "Hz",
        "M events",
        "CPU s",
        "clock s",
        "ns / event",
        "x evsim float32",
        "x evsim float64",
    )
    for name, row in rows.items():
        ratios = [f"{row['seconds'] / rows[f'evsim {dtype}']['seconds']:.3g}" for dtype in ("float32", "float64")]
        cost = f"{row['seconds']:.3f}", f"{row['clock_seconds']:.3f}", f"{row['ns_per_event']:.1f}"
        table.add_row(name, str(row["spikes"]), f"{row['rate_hz']:.2f}", f"{row['events'] / 1e6:.3f}", *cost, *ratios)
    console.print(table)
    console.print("x: CPU seconds")
    table = Table("threads", "CPU ms: one", "two", "clock ms: one", "two", "times faster")
    for dtype, row in results["threads"].items():
        names = "seconds_one", "seconds_two", "clock_seconds_one", "clock_seconds_two"
        table.add_row(f"evsim {dtype}", *(f"{row[name] * 1e3:.1f}" for name in names), f"{row['speed_up']:.2f}")
    console.print(table)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="a quick run that measures nothing well")
    arguments = parser.parse_args()
    results = measure(arguments.smoke)
    show(results)
    if arguments.output:
        write(results, arguments.output, "brunel-")


if __name__ == "__main__":
    main()
