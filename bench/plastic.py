"""Measure sparse networks that learn, on one thread, beside the same networks without a rule.

python bench/plastic.py                    # the table
python bench/plastic.py -o bench/results   # and a file named after the machine and the date
python bench/plastic.py --smoke            # to see that everything runs

2000 Poisson inputs of 20 Hz reach 4000 LIF neurons for 200 ms, each of which has 400 synapses. *Silent*: neurons do not
fire, and an arrival is all there is; *firing*: every output spike visits 400 synapses. Times are CPU seconds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim

N_INPUTS, N, DEGREE, END = 2000, 4000, 400, 200.0
RULES = {
    "none": None,
    "pair STDP": evsim.rules.pair_stdp(a_plus=1e-5, a_minus=1e-5, w_min=0.0, w_max=1.5),
    "triplet STDP": evsim.rules.triplet_stdp(a2_plus=1e-5, a3_plus=1e-5, a2_minus=1e-5, w_min=0.0, w_max=1.5),
    "reward, weights stay": evsim.rules.reward_stdp(tau_pair=20.0),
    "short-term": evsim.rules.tsodyks_markram(utilization=0.9, tau_rec=2.0),
}


def measured(rule: evsim.Kernel | None, weight: float, dtype: str, shrink: int, repeats: int) -> dict[str, Any]:
    """Least CPU time of a call, and what it had to do."""
    n_inputs, n, degree = N_INPUTS // shrink, N // shrink, DEGREE // shrink
    net = evsim.SpikingNetwork(dtype=dtype, seed=1)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=20.0, reset=10.0, refractory=2.0)
    source, cells = net.add_input(n_inputs, name="in"), net.add_population(n, neuron, name="cells")
    synapses = evsim.Sparse.fixed_in_degree(n_inputs, n, degree, seed=1, weights=weight)
    projection = net.connect(source, cells, synapses, kernel=rule)
    rng = np.random.default_rng(0)
    n_spikes = rng.poisson(n_inputs * 0.02 * END)
    spikes = evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), np.sort(rng.uniform(0.0, END, n_spikes)))
    best = np.inf
    for _ in range(repeats):
        projection.weights = np.full(synapses.n_synapses, weight)
        begin = time.process_time()
        out = net.infer(spikes, until=END)
        best = min(best, time.process_time() - begin)
    fan_out = np.bincount(synapses.sources, minlength=n_inputs)
    arrivals = int(fan_out[spikes.indices].sum())
    return {"seconds": best, "arrivals": arrivals, "spikes": len(out)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    table = Table("rule", "network", "type", "ms", "ns per arrival", "visits per arrival", "ns per arrival or visit")
    rows = []
    for name, rule in RULES.items():
        for kind, weight in (("silent", 0.4), ("firing", 1.0)):
            for dtype in ("float32", "float64"):
                row = measured(rule, weight, dtype, *((20, 1) if options.smoke else (1, 5)))
                rows.append({"rule": name, "network": kind, "dtype": dtype, **row})
                ns, arrivals = row["seconds"] * 1e9, row["arrivals"]
                visits = (
                    0 if name in ("none", "short-term") else row["spikes"] * (DEGREE // (20 if options.smoke else 1))
                )
                figures = (f"{ns / 1e6:.0f}", f"{ns / arrivals:.1f}", f"{visits / arrivals:.2f}")
                table.add_row(name, kind, dtype, *figures, f"{ns / (arrivals + visits):.1f}")
    Console().print(table)
    if options.output:
        write({"machine": machine(), "rows": rows}, options.output, "plastic-")


if __name__ == "__main__":
    main()
