"""Measure a recurrent network of sparse synapses on one thread, beside others; how its cost grows with the number of
neurons; and how long it takes to build.

python bench/recurrent.py                    # the tables; rivals that are not installed are left out
python bench/recurrent.py -o bench/results   # and a file named after the machine and the date
python bench/recurrent.py --smoke            # to see that everything runs

Rivals want an environment of their own: python -m pip install brian2 nest-simulator "numpy<2.3", and evsim.

The network is CUBA of Brette et al. 2007, "Simulation of networks of spiking neurons", J. Comput. Neurosci. 23,
benchmark 2, after Vogels & Abbott 2005, J. Neurosci. 25: 3200 excitatory and 800 inhibitory neurons with currents that
decay exponentially, each reached by 2 % of all, 0.1 ms late; a drive above the threshold keeps them busy for a second.
All simulators get the same synapses, weights and first potentials. Exact ones have the same spikes for all of the
second, since rounding does not grow; an error of a step sends the network another way. Times are CPU seconds of the
simulation alone, the least of several.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
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
from evsim.neurons import Exponential, Linear

TAU_MEM, TAU_EXC, TAU_INH, REFRACTORY, DELAY = 20.0, 5.0, 10.0, 5.0, 0.1
REST, THRESHOLD, RESET = -49.0, -50.0, -60.0
W_EXC, W_INH = 1.62, -9.0
IN_DEGREE, STEP = 80, 0.1
BUILT = (5000, 500)
"""Neurons, and synapses of each, of the network whose building is timed."""
WAYS = "from sorted arrays", "from shuffled arrays", "by a rule, fixed in-degree", "by a rule, pairs at random"


def least_cpu(call: Callable[[], Any], repeats: int) -> float:
    """Fewest CPU seconds of `repeats` calls: others on the machine take the clock's time, and little of the CPU's."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


class Problem:
    """Synapses and first potentials, the same for every simulator."""

    def __init__(self, n: int, until: float, synapses: evsim.Sparse) -> None:
        self.n, self.until = n, until
        self.sources, self.targets = synapses.sources, synapses.targets
        self.excites = self.sources < 4 * n // 5
        self.v_init = np.random.default_rng(7).uniform(RESET, THRESHOLD, n)
        self.fan_out = np.bincount(self.sources, minlength=n)

    def network(self, dtype: str) -> evsim.SpikingNetwork:
        net = evsim.SpikingNetwork(dtype=dtype)
        neuron = Linear(
            synapses={"excitation": Exponential(TAU_EXC), "inhibition": Exponential(TAU_INH)},
            tau_mem=TAU_MEM,
            v_rest=REST,
            threshold=THRESHOLD,
            reset=RESET,
            refractory=REFRACTORY,
            v_init=self.v_init,
        )
        net.add_population(self.n, neuron, name="cells")
        for port, weight, chosen in (("excitation", W_EXC, self.excites), ("inhibition", W_INH, ~self.excites)):
            synapses = evsim.Sparse(self.n, self.n, self.sources[chosen], self.targets[chosen], weights=weight)
            net.connect("cells", "cells", synapses, port=port, delay=DELAY)
        return net

    def row(self, seconds: float, fired: np.ndarray) -> dict[str, Any]:
        """What there is to tell, of CPU seconds and of the neurons that fired."""
        events = int(self.fan_out[fired].sum())
        return {
            "seconds": seconds,
            "spikes": len(fired),
            "rate_hz": len(fired) / self.n / (self.until * 1e-3),
            "events": events,
            "ns_per_event": seconds * 1e9 / events,
        }


def with_evsim(problem: Problem, dtype: str, repeats: int) -> dict[str, Any]:
    """Exact times."""
    net = problem.network(dtype)
    fired = net.infer(until=problem.until).indices
    return problem.row(least_cpu(lambda: net.infer(until=problem.until), repeats), fired)


def with_brian(problem: Problem, repeats: int) -> dict[str, Any]:
    """Brian2 as a program in C++ of one thread, in steps."""
    import brian2 as b2

    folder = tempfile.TemporaryDirectory()
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    b2.defaultclock.dt = STEP * b2.ms
    group = b2.NeuronGroup(
        problem.n,
        f"dv/dt = (ge + gi - (v - ({REST}))) / ({TAU_MEM} * ms) : 1 (unless refractory)\n"
        f"dge/dt = -ge / ({TAU_EXC} * ms) : 1\ndgi/dt = -gi / ({TAU_INH} * ms) : 1",
        threshold=f"v > {THRESHOLD}",
        reset=f"v = {RESET}",
        refractory=REFRACTORY * b2.ms,
        method="exact",
    )
    group.v = problem.v_init
    parts = []
    for variable, weight, chosen in (("ge", W_EXC, problem.excites), ("gi", W_INH, ~problem.excites)):
        parts.append(b2.Synapses(group, group, on_pre=f"{variable} += {weight}", delay=DELAY * b2.ms))
        parts[-1].connect(i=problem.sources[chosen], j=problem.targets[chosen])
    monitor = b2.SpikeMonitor(group)
    b2.device.insert_code("before_network_run", "const std::clock_t first = std::clock();")
    spent = 'std::ofstream("cpu") << double(std::clock() - first) / CLOCKS_PER_SEC;'
    b2.device.insert_code("after_network_run", spent)
    b2.Network(group, *parts, monitor).run(problem.until * b2.ms)
    b2.device.build(directory=folder.name, compile=True, run=False, debug=False)
    seconds = []
    for _ in range(repeats):
        b2.device.run(with_output=False)
        seconds.append(float((Path(folder.name) / "cpu").read_text()))
    return problem.row(min(seconds), np.asarray(monitor.i))


def with_nest(problem: Problem, repeats: int) -> dict[str, Any]:
    """NEST's exact neurons, iaf_psc_exp_ps."""
    import nest

    neuron = {
        "C_m": TAU_MEM,
        "tau_m": TAU_MEM,
        "tau_syn_ex": TAU_EXC,
        "tau_syn_in": TAU_INH,
        "t_ref": REFRACTORY,
        "E_L": REST,
        "V_th": THRESHOLD,
        "V_reset": RESET,
        "I_e": 0.0,
    }
    weights = np.where(problem.excites, W_EXC, W_INH)
    seconds, fired = [], np.empty(0, int)
    for _ in range(repeats):
        nest.ResetKernel()
        nest.verbosity = nest.VerbosityLevel.WARNING
        nest.set(resolution=STEP, local_num_threads=1, print_time=False)
        group = nest.Create("iaf_psc_exp_ps", problem.n, params=neuron)
        group.V_m = problem.v_init
        synapses = {"weight": weights, "delay": np.full(len(weights), DELAY)}
        nest.Connect(problem.sources + 1, problem.targets + 1, "one_to_one", synapses)
        recorder = nest.Create("spike_recorder")
        nest.Connect(group, recorder)
        nest.Prepare()
        start = time.process_time()
        nest.Run(problem.until)
        seconds.append(time.process_time() - start)
        nest.Cleanup()
        fired = np.asarray(recorder.events["senders"]) - 1
    return problem.row(min(seconds), fired)


def growth(smoke: bool) -> list[dict[str, Any]]:
    """More neurons with as many synapses each, for 100 ms."""
    rows = []
    for n in (200, 1000) if smoke else (1000, 10_000, 100_000, 1_000_000):
        synapses = evsim.Sparse.fixed_in_degree(n, n, IN_DEGREE, seed=1)
        problem = Problem(n, 20.0 if smoke else 100.0, synapses)
        repeats = 2 if smoke else 3
        rows += [{"n": n, "dtype": dtype, **with_evsim(problem, dtype, repeats)} for dtype in ("float32", "float64")]
    return rows


def built(way: str, n: int, degree: int, repeats: int) -> list[float]:
    """CPU seconds from arrays or a rule to a network that is ready to run; of the first time, and of the next ones."""
    rule = evsim.Sparse.fixed_in_degree(n, n, degree, seed=1)
    ends = rule.sources, rule.targets, np.random.default_rng(3).normal(0.2, 0.02, rule.n_synapses)
    order = np.random.default_rng(2).permutation(rule.n_synapses)
    shuffled = [part[order] for part in ends]
    make = {
        "from sorted arrays": lambda: evsim.Sparse(n, n, *ends),
        "from shuffled arrays": lambda: evsim.Sparse(n, n, *shuffled),
        "by a rule, fixed in-degree": lambda: evsim.Sparse.fixed_in_degree(n, n, degree, seed=1, weights=0.2),
        "by a rule, pairs at random": lambda: evsim.Sparse.random(n, n, degree / n, seed=1, weights=0.2),
    }[way]

    def build() -> None:
        net = evsim.SpikingNetwork(dtype="float32")
        net.add_population(n, evsim.LIFDelta(tau_mem=20.0, threshold=20.0), name="cells")
        net.connect("cells", "cells", make(), delay=1.5)

    evsim.set_num_threads(1)
    return [least_cpu(build, 1) for _ in range(repeats)]


def building(smoke: bool) -> list[dict[str, Any]]:
    """The first network of a process also waits for imports, and for memory, which the system gives it page by page."""
    n, degree = (100, 20) if smoke else BUILT
    rows = []
    for way in WAYS:
        runs = []
        for _ in range(1 if smoke else 3):
            with multiprocessing.get_context("spawn").Pool(1) as process:
                runs.append(process.apply(built, (way, n, degree, 6)))
        first, later = min(run[0] for run in runs), min(min(run[1:]) for run in runs)
        rows.append({"way": way, "synapses": n * degree, "first_seconds": first, "later_seconds": later})
    return rows


RIVALS = {"Brian2, 0.1 ms": ("brian2", with_brian), "NEST, exact": ("nest", with_nest)}


def measure(smoke: bool) -> dict[str, Any]:
    """All of it."""
    where = {**machine(), "load": round(os.getloadavg()[0], 1)}  # 0: nobody else was there
    n = 400 if smoke else 4000
    problem = Problem(n, 50.0 if smoke else 1000.0, evsim.Sparse.random(n, n, IN_DEGREE / 4000, seed=1))
    rows = {f"evsim {dtype}": with_evsim(problem, dtype, 2 if smoke else 10) for dtype in ("float32", "float64")}
    for name, (package, run) in RIVALS.items():
        if smoke or importlib.util.find_spec(package) is None:
            print(f"left out: {name}")
        else:
            rows[name] = run(problem, 5)
    results = {"machine": where, "neurons": n, "synapses": len(problem.sources), "until_ms": problem.until}
    return {**results, "rows": rows, "growth": growth(smoke), "building": building(smoke)}


def show(results: dict[str, Any]) -> None:
    """Print the tables."""
    console = Console(width=120)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()))
    rows = results["rows"]
    table = Table(
        f"{results['neurons']} neurons, {results['synapses']} synapses, one thread",
        "spikes",
        "Hz",
        "M events",
        "CPU ms",
        "ns / event",
        "x evsim float32",
        "x evsim float64",
    )
    for name, row in rows.items():
        ratios = [f"{row['seconds'] / rows[f'evsim {dtype}']['seconds']:.3g}" for dtype in ("float32", "float64")]
        cost = f"{row['seconds'] * 1e3:.1f}", f"{row['ns_per_event']:.1f}"
        table.add_row(name, str(row["spikes"]), f"{row['rate_hz']:.2f}", f"{row['events'] / 1e6:.3f}", *cost, *ratios)
    console.print(table)
    table = Table(f"neurons, of {IN_DEGREE} synapses each", "dtype", "spikes", "Hz", "CPU ms", "ns / event")
    for row in results["growth"]:
        cost = f"{row['seconds'] * 1e3:.1f}", f"{row['ns_per_event']:.1f}"
        table.add_row(str(row["n"]), row["dtype"], str(row["spikes"]), f"{row['rate_hz']:.2f}", *cost)
    console.print(table)
    table = Table("building", "synapses", "CPU ms, first of a process", "later ones")
    for row in results["building"]:
        seconds = row["first_seconds"], row["later_seconds"]
        table.add_row(row["way"], str(row["synapses"]), *(f"{x * 1e3:.1f}" for x in seconds))
    console.print(table)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="a quick run that measures nothing well")
    arguments = parser.parse_args()
    evsim.set_num_threads(1)
    results = measure(arguments.smoke)
    show(results)
    if arguments.output:
        write(results, arguments.output, "recurrent-")


if __name__ == "__main__":
    main()
