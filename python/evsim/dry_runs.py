"""Planning of networks that are larger than the machine: some of many ranks, one after the other."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._lib.arrays import as_size
from ._lib.modules import only_public
from ._lib.tables import bytes_text, text_table
from .errors import DTypeError, InvalidArgumentError
from .network import SpikingNetwork
from .ranks import DryRun

__all__ = ["DryRunReport", "RankLoad", "dry_run"]


@dataclass(frozen=True)
class RankLoad:
    """What one rank has, and what it did.

    Attributes
    ----------
    rank : int
    neurons, synapses : int
        That lie on it.
    synapse_bytes : int
        Memory of the synapses: weights, neurons, delays of their own, and 8 bytes for each input.
    resident_bytes : int
        By how much the memory of the process had grown when all was built; 0 where the system does not tell.
    build_seconds, run_seconds : float
        Processor time.
    spikes : int
        That its neurons fired.
    exchanges : int
        In which it took part while it ran.
    bytes_sent : int
        In them, to each other rank.
    """

    rank: int
    neurons: int
    synapses: int
    synapse_bytes: int
    resident_bytes: int
    build_seconds: float
    run_seconds: float = 0.0
    spikes: int = 0
    exchanges: int = 0
    bytes_sent: int = 0


@dataclass(frozen=True)
class DryRunReport:
    """What :func:`dry_run` finds.

    Attributes
    ----------
    size : int
        How many ranks there would be.
    until : float or None
        Up to which time each ran.
    loads : tuple of RankLoad
        Of the ranks that were built.
    """

    size: int
    until: float | None
    loads: tuple[RankLoad, ...]

    @property
    def balance(self) -> float:
        """Most synapses of a rank over their mean: 1 where all have as many."""
        synapses = [load.synapses for load in self.loads]
        return float(max(synapses) / np.mean(synapses)) if any(synapses) else 1.0

    def __str__(self) -> str:
        columns = ("rank", "neurons", "synapses", "memory", "build", "run", "spikes", "exchanges", "sent in each")
        rows = []
        for load in self.loads:
            sent = load.bytes_sent / load.exchanges if load.exchanges else 0.0
            memory = bytes_text(max(load.resident_bytes, load.synapse_bytes))
            times = f"{load.build_seconds:.3g} s", f"{load.run_seconds:.3g} s"
            counts = f"{load.spikes:,}", f"{load.exchanges:,}", bytes_text(round(sent))
            rows.append((str(load.rank), f"{load.neurons:,}", f"{load.synapses:,}", memory, *times, *counts))
        return text_table(f"{len(rows)} of {self.size} ranks, balance {self.balance:.3g}", columns, rows)


def dry_run(
    build: Callable[[Any], SpikingNetwork],
    size: int,
    *,
    ranks: Sequence[int] | None = None,
    until: float | None = None,
) -> DryRunReport:
    """Build some of many ranks on this machine, one after the other, and tell what each would have to bear.

    Parameters
    ----------
    build : callable
        Makes the network from a communicator, which it passes to :meth:`~SpikingNetwork.distribute`.
    size : int
        How many ranks there would be.
    ranks : sequence of int, optional
        Which of them to build. Default: the first, the middle and the last.
    until : float, optional
        Up to which time to run each; without it, none runs.

    Returns
    -------
    DryRunReport

    Raises
    ------
    InvalidArgumentError
        There is no such rank, or `build` did not distribute the network.
    DTypeError
        `build` is no function, or did not return a network.

    Notes
    -----
    While it runs, the other ranks are taken to fire just as this one does, neuron by neuron: as many spikes arrive as
    in the whole network, if its ranks are alike, but the activity is not that of the network. Nothing is sent; a rank
    would send ``bytes_sent`` to each of the others, and wait for the slowest in each exchange.

    Examples
    --------
    A network of 10^9 synapses, of which each of 1000 processes has 10^6:

    >>> import evsim
    >>> def build(comm):
    ...     net = evsim.SpikingNetwork(seed=1)
    ...     net.distribute(comm)
    ...     net.add_population(1_000_000, evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="cells")
    ...     synapses = evsim.Sparse.fixed_in_degree(1_000_000, 1_000_000, 1000, seed=2, weights=0.1)
    ...     net.connect("cells", "cells", synapses, delay=1.5)
    ...     return net
    >>> report = evsim.dry_run(build, 1000, ranks=[0, 999])
    >>> report.balance, [load.synapses for load in report.loads]
    (1.0, [1000000, 1000000])
    """
    size = as_size(size, "size")
    chosen = sorted({0, size // 2, size - 1}) if ranks is None else list(ranks)
    if not chosen:
        raise InvalidArgumentError("ranks must name at least one rank")
    if not callable(build):
        raise DTypeError(f"build must be a function that takes a communicator and returns a network, got {build!r}")
    return DryRunReport(size, until, tuple(_load(build, DryRun(rank, size), until) for rank in chosen))


def _load(build: Callable[[Any], SpikingNetwork], which: DryRun, until: float | None) -> RankLoad:
    gc.collect()
    before, started = _resident_bytes(), time.process_time()
    net = build(which)
    if not isinstance(net, SpikingNetwork):
        raise DTypeError(f"build must return a SpikingNetwork, got {net!r}")
    ranks = net.ranks
    if ranks is None or (ranks.rank, ranks.size) != (which.rank, which.size):
        raise InvalidArgumentError("build must pass what it is given to net.distribute")
    built: dict[str, Any] = {
        "rank": which.rank,
        "neurons": sum(one.n_neurons if one._own is None else len(one._own) for one in net.populations),
        "synapses": sum(int(one.weights.size) for one in net.projections),
        "synapse_bytes": sum(int(one._core.synapse_bytes) for one in net.projections),
        "resident_bytes": max(0, _resident_bytes() - before),
        "build_seconds": time.process_time() - started,
    }
    if until is None:
        return RankLoad(**built)
    exchanges, sent, started = ranks.n_exchanges, ranks.bytes_sent, time.process_time()
    net.infer({}, until=until)
    spikes = 0
    for one in net.populations:
        counts = one.n_spikes
        spikes += int((counts if one._own is None else counts[one._own.start : one._own.stop]).sum())
    return RankLoad(
        **built,
        run_seconds=time.process_time() - started,
        spikes=spikes,
        exchanges=ranks.n_exchanges - exchanges,
        bytes_sent=ranks.bytes_sent - sent,
    )


def _resident_bytes() -> int:
    """Memory of this process; 0 where there is no /proc."""
    table = Path("/proc/self/statm")
    return int(table.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if table.exists() else 0


__dir__ = only_public(__all__)
