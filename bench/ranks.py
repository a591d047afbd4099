"""Measure what an exchange of spikes between processes costs, beside the same exchange by MPI alone.

mpiexec -n 2 python -m mpi4py bench/ranks.py                    # the table
mpiexec -n 2 python -m mpi4py bench/ranks.py -o bench/results   # and a file named after the machine and the date
mpiexec -n 2 python -m mpi4py bench/ranks.py --smoke            # to see that everything runs

A population of clocks, each of which fires once in each window of its loop and is connected to nobody, is run by all
ranks together, and then on each of them alone with a rank's share of the neurons: the difference for each window is the
exchange. MPI alone gathers as many counts and then as many bytes, 12 for a spike, from buffers that are ready. The
times are the shortest of many, on the slowest rank, with one thread each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim

COMM = MPI.COMM_WORLD
SPIKES = (0, 10, 100, 300, 1000, 3000)
"""Of all ranks together, in a window."""


def shortest(call: Callable[[], Any], repeats: int, together: bool = True) -> float:
    """Fewest seconds of `repeats` calls, on the rank where they are most."""
    best = float("inf")
    for _ in range(repeats):
        if together:
            COMM.Barrier()
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        best = min(best, COMM.allreduce(seconds, MPI.MAX) if together else seconds)
    return best


def clocks(n_neurons: int, fire: bool, shared: bool) -> evsim.SpikingNetwork:
    """A loop with a window of 1, in which all neurons fire once, or never."""
    net = evsim.SpikingNetwork(seed=1)
    if shared:
        net.distribute(COMM)
    period = 1.0 / np.log(2.0)  # to a threshold of half of what the drive brings
    v_init = np.linspace(0.0, 0.9, n_neurons)
    cells = evsim.LIFDelta(tau_mem=period, bias=2.0 if fire else 0.0, threshold=1.0, reset=0.0, v_init=v_init)
    net.add_population(n_neurons, cells, name="cells")
    net.connect("cells", "cells", evsim.Sparse(n_neurons, n_neurons, [], []), delay=1.0)
    return net


def window(n_spikes: int, shared: bool, windows: int, repeats: int) -> float:
    """Seconds that a window takes."""
    share = n_spikes if shared else n_spikes // COMM.size
    net = clocks(max(share, COMM.size if shared else 1), n_spikes > 0, shared)
    return shortest(lambda: net.infer(until=float(windows)), repeats, shared) / windows


def by_mpi(n_spikes: int, windows: int, repeats: int) -> float:
    """Seconds of counts and then spikes, from buffers that are ready."""
    counts = np.zeros(COMM.size, np.int64)
    own = np.array([12 * n_spikes // COMM.size], np.int64)
    spikes, everybody = np.zeros(own[0], np.uint8), np.zeros(own[0] * COMM.size, np.uint8)

    def exchange() -> None:
        for _ in range(windows):
            COMM.Allgather(own, counts)
            COMM.Allgatherv(spikes, everybody)

    return shortest(exchange, repeats) / windows


def main() -> None:
    """Measure, and print on rank 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, help="folder for a file with the figures")
    parser.add_argument("--smoke", action="store_true", help="a few windows, to see that everything runs")
    arguments = parser.parse_args()
    windows, repeats = (10, 2) if arguments.smoke else (500, 200)
    evsim.set_num_threads(1)
    rows = []
    for n_spikes in SPIKES:
        many = max(10, min(windows, 20_000 // max(n_spikes, 1)))  # milliseconds, which others may not interrupt
        alone, together = (window(n_spikes, shared, many, repeats) for shared in (False, True))
        bare = by_mpi(n_spikes, many, repeats)
        alone = COMM.allreduce(alone, MPI.MAX)
        rows.append({"spikes": n_spikes, "mpi_us": bare * 1e6, "exchange_us": (together - alone) * 1e6})
    if COMM.rank:
        return
    table = Table("spikes of all ranks", "exchange, us", "MPI alone, us", "more, us", title=f"{COMM.size} ranks")
    for row in rows:
        more = row["exchange_us"] - row["mpi_us"]
        table.add_row(f"{row['spikes']:,}", f"{row['exchange_us']:.1f}", f"{row['mpi_us']:.1f}", f"{more:.1f}")
    Console().print(table)
    if arguments.out:
        found = {
            "machine": machine(),
            "mpi": MPI.Get_library_version().split("\n")[0],
            "ranks": COMM.size,
            "rows": rows,
        }
        write(found, arguments.out, "ranks-")


main()
