"""Measure non-linear neurons beside other simulators, all on one thread, at the error which evsim's default leaves.

python bench/nonlinear.py                    # the table; rivals that are not installed are left out
python bench/nonlinear.py -o bench/results   # and a file named after the machine and the date
python bench/nonlinear.py --smoke            # to see that everything runs

Rivals want an environment of their own: python -m pip install heyoka brian2 "numpy<2.4", and evsim.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rivals import Brian, Heyoka, Problem, Trains, missing
from run import machine, write

import evsim

TOLERANCES = (1e-3, 1e-6, 1e-9, 1e-12)
HEYOKA_TOLERANCES = (1e-7, 1e-9, 1e-11, 1e-13, 1e-15)
STEPS = (0.02, 0.005)
GRID = 0.1
"""Inputs come at multiples of this, and of every step of Brian2: it errs by its own spikes alone."""


def problems(n_neurons: int, until: float) -> list[Problem]:
    """Neurons that fire 10 to 30 times a second, each under inputs every 3 and every third of a millisecond.

    The input makes a current of the same mean and spread at both rates. A quarter of the neurons have the many inputs.
    """
    models: dict[str, tuple[Any, float, float, str]] = {
        "Izhikevich": (evsim.Izhikevich.preset("tonic_spiking", bias=6.0, tau_syn=5.0), 2.0, 4.0, "rk4"),
        "AdEx, cut at V_T + 5 Delta_T": (evsim.AdEx(bias=600.0, v_peak=-40.4), 50.0, 200.0, "rk4"),
        "AdEx, cut at 0 mV": (evsim.AdEx(bias=600.0), 50.0, 200.0, "euler"),  # where rk4 loses w
        "ExpLIF, cut at 0 mV": (evsim.ExpLIF(bias=12.0), 2.0, 8.0, "rk4"),
        "QIF": (evsim.QIF(bias=3.0), 1.0, 4.0, "rk4"),
    }
    rng = np.random.default_rng(0)
    found = []
    for name, (neuron, mean, spread, method) in models.items():
        for often, label in ((1, "every 3.3 ms"), (10, "every 0.33 ms")):
            n = int(0.3 * often * until)
            times = np.sort(np.round(rng.uniform(2 * GRID, until, n) / GRID)) * GRID
            weights = rng.normal(mean / often, spread / often**0.5, (n_neurons // (4 if often > 1 else 1), n))
            found.append(Problem(f"{name}; input {label}", neuron, times, weights, until, method))
    return found


class Evsim:
    """The neurons of a problem in one layer."""

    def __init__(self, problem: Problem, tolerance: float) -> None:
        self.problem, (n_neurons, n) = problem, problem.weights.shape
        self.net = evsim.SpikingNetwork(dtype="float64")
        neuron = dataclasses.replace(problem.neuron, tolerance=tolerance)
        self.net.add_layer(evsim.Dense(n, n_neurons, weights=problem.weights), neuron)
        self.inputs = evsim.SpikeArray(np.arange(n), problem.times)

    def run(self) -> evsim.SpikeArray:
        return self.net.infer(self.inputs, until=self.problem.until)

    def spikes(self) -> Trains:
        out = self.run()
        return [np.array(out.times[out.indices == k]) for k in range(len(self.problem.weights))]


def error(found: Trains, reference: Trains) -> float:
    """By how much three quarters of spikes are off at most; those of a neuron that has more or fewer count as lost."""
    off = [
        np.abs(a - b) if len(a) == len(b) else np.full(len(b), np.inf) for a, b in zip(found, reference, strict=True)
    ]
    return float(np.quantile(np.concatenate(off), 0.75, method="higher"))


def reference(problem: Problem, rivals: list[str]) -> tuple[Trains, float]:
    """Spikes as good as double precision allows, and how far evsim's best are from them."""
    best = Evsim(problem, 1e-14).spikes()
    if "heyoka" not in rivals:
        return best, float("nan")
    spikes = Heyoka(problem, 1e-17, 1, high_accuracy=True).run()
    return spikes, error(best, spikes)


def time_in_turns(calls: dict[Any, Callable[[], Any]], repeats: int) -> dict[Any, float]:
    """Shortest of `repeats` runs of each in milliseconds, in turns: what disturbs one disturbs all."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for key, call in calls.items():
            start = time.perf_counter()
            call()
            best[key] = min(best[key], 1e3 * (time.perf_counter() - start))
    return best


def measure(problem: Problem, rivals: list[str], repeats: int) -> dict[str, Any]:
    """Work and precision of evsim and of heyoka."""
    exact, floor = reference(problem, rivals)
    ours = {tolerance: Evsim(problem, tolerance) for tolerance in TOLERANCES}
    lanes = Heyoka.lanes() if "heyoka" in rivals else 0
    theirs = {(t, b): Heyoka(problem, t, b) for t in HEYOKA_TOLERANCES for b in (1, lanes) if lanes}
    calls: dict[Any, Callable[[], Any]] = {tolerance: each.run for tolerance, each in ours.items()}
    calls |= {key: each.run for key, each in theirs.items()}
    middle = HEYOKA_TOLERANCES[len(HEYOKA_TOLERANCES) // 2]
    calls |= {
        ("calls", b): lambda b=b: theirs[middle, b].run(only_calls=True) for b in dict.fromkeys((1, lanes)) if lanes
    }
    ms = time_in_turns(calls, repeats)
    return {
        "problem": problem.name,
        "neurons": len(problem.weights),
        "inputs": len(problem.times),
        "spikes": sum(map(len, exact)),
        "references_differ_by": floor,
        "evsim": [{"tolerance": t, "error": error(e.spikes(), exact), "ms": ms[t]} for t, e in ours.items()],
        "heyoka": [
            {
                "tolerance": tolerance,
                "side_by_side": batch,
                "error": error(each.run(), exact),
                "ms": ms[tolerance, batch],
                "calls_ms": ms["calls", batch],
            }
            for (tolerance, batch), each in theirs.items()
        ],
    }


def measure_brian(problem: Problem, steps: tuple[float, ...], repeats: int) -> list[dict[str, float]]:
    """Work and precision of Brian2: the loop over time alone, without compiling, reading and writing."""
    exact, _ = reference(problem, [])
    rows = []
    for dt in steps:
        brian = Brian(problem, dt)
        ms = 1e3 * min(brian.run() for _ in range(repeats))
        rows.append({"dt": dt, "error": error(brian.spikes(), exact), "ms": ms})
    return rows


def at_error(rows: list[dict[str, Any]], wanted: float, time_of: Callable[[dict[str, Any]], float]) -> float:
    """Milliseconds at which a Taylor integrator errs by `wanted`, between the measured tolerances; NaN beyond them."""
    rows = sorted((row for row in rows if row["error"] > 0.0), key=lambda row: row["error"])
    errors, times = np.log([row["error"] for row in rows]), [time_of(row) for row in rows]
    return float(np.interp(np.log(wanted), errors, times, left=np.nan, right=np.nan))


def compare(row: dict[str, Any]) -> dict[str, Any]:
    """At the error of evsim's default tolerance: what the others take for it, and how many times evsim's time."""
    ours = next(each for each in row["evsim"] if each["tolerance"] == 1e-9)
    out: dict[str, Any] = {"error": ours["error"], "evsim_ms": ours["ms"]}
    for batch in dict.fromkeys(each["side_by_side"] for each in row["heyoka"]):
        rows = [each for each in row["heyoka"] if each["side_by_side"] == batch]
        out[f"heyoka_{batch}_ms"] = at_error(rows, ours["error"], lambda each: each["ms"] - each["calls_ms"])
        out[f"heyoka_{batch}_with_calls_ms"] = at_error(rows, ours["error"], lambda each: each["ms"])
    finite = [each for each in row.get("brian2", []) if np.isfinite(each["error"])]
    if finite:
        best = min(finite, key=lambda each: each["dt"])
        # Of first order in dt: extrapolated, where no step is short enough to be run.
        out["brian2_ms"] = best["ms"] * best["error"] / ours["error"]
        out["brian2_dt"] = best["dt"] * ours["error"] / best["error"]
    return out


def show(results: dict[str, Any]) -> None:
    """Print what every rival takes at equal error, and the measurements behind it."""
    console = Console(width=150)
    console.print("  ".join(f"{k}: {v}" for k, v in results["machine"].items()))
    if results["missing"]:
        console.print(f"not installed, left out: {', '.join(results['missing'])}")
    columns = sorted({key for row in results["rows"] for key in row["at_equal_error"] if key.endswith("_ms")})
    columns.sort(key=lambda name: name != "evsim_ms")
    table = Table("problem, one thread", "neurons", "spikes", "error", *(c.replace("_", " ") for c in columns))
    for row in results["rows"]:
        equal = row["at_equal_error"]
        cells = [f"{equal[c]:.3g} ({equal[c] / equal['evsim_ms']:.2g} x)" if c in equal else "" for c in columns]
        table.add_row(row["problem"], str(row["neurons"]), str(row["spikes"]), f"{equal['error']:.1e}", *cells)
    console.print(table)
    for row in results["rows"]:
        doubt = f"; the references differ by {row['references_differ_by']:.1e}" if row["heyoka"] else ""
        console.print(f"{row['problem']}{doubt}")
        for simulator in ("evsim", "heyoka", "brian2"):
            for each in row.get(simulator, []):
                console.print(f"  {simulator} " + ", ".join(f"{key} {value:.3g}" for key, value in each.items()))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for the JSON file")
    parser.add_argument("--smoke", action="store_true", help="a quick run that measures nothing well")
    arguments = parser.parse_args()
    evsim.set_num_threads(1)
    rivals = [name for name in ("heyoka", "brian2") if name not in missing()]
    results: dict[str, Any] = {"machine": machine(), "missing": missing(), "rows": []}
    results["machine"] |= {name: __import__(name).__version__ for name in rivals}
    all_problems = problems(32 if arguments.smoke else 64, 100.0 if arguments.smoke else 1000.0)
    for problem in all_problems:
        results["rows"].append(measure(problem, rivals, 1 if arguments.smoke else 12))
    for problem, row in zip(all_problems, results["rows"], strict=True):
        if "brian2" in rivals and "every 3.3 ms" in problem.name:  # its time hardly depends on the input
            row["brian2"] = measure_brian(problem, STEPS[:1] if arguments.smoke else STEPS, 3)
        row["at_equal_error"] = compare(row)
    show(results)
    if arguments.output:
        write(results, arguments.output, "nonlinear-")


if __name__ == "__main__":
    main()
