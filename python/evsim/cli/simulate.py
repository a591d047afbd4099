"""The commands ``evsim simulate``."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import InvalidArgumentError, MemoryLimitError
from .console import Threads, console, progress_bar, say, use_threads
from .processes import world

if TYPE_CHECKING:
    from ..spikes import SpikeArray
    from .networks import Circuit

_PARTS = 50
"""Pieces of the simulated time, between which the progress bar goes on."""


class DType(str, Enum):
    """Precision of potentials and weights."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


Until = Annotated[float, typer.Option(help="Milliseconds to simulate.")]
Skip = Annotated[
    float | None,
    typer.Option(
        help="Milliseconds at the beginning that statistics leave out; by default a tenth.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="For synapses, first potentials and drive.")]
Precision = Annotated[DType, typer.Option("--dtype", help="Precision of potentials and weights.")]
Folder = Annotated[Path, typer.Option("--out", "-o", help="Folder for spikes and picture.")]


class Run(NamedTuple):
    """What all networks are asked for."""

    until: float
    skip: float | None
    seed: int
    threads: int | None
    out: Path


app = typer.Typer(
    name="simulate",
    help="Simulate a [bold]published network[/bold] of spiking neurons: spikes, statistics and a raster. Processes "
    "that mpiexec starts share the neurons.",
    rich_markup_mode="rich",
    no_args_is_help=True,
)


@app.command()
def brunel(
    scale: Annotated[
        float,
        typer.Option(
            help="Multiplies the numbers of neurons and their in-degrees, and divides the weight. At 1: 4000 "
            "excitatory and 1000 inhibitory neurons, in-degrees of 400 and 100, 0.2 mV."
        ),
    ] = 1.0,
    g: Annotated[float, typer.Option(help="How many times stronger inhibition is.")] = 5.0,
    eta: Annotated[float, typer.Option(help="Drive, in units of what brings a neuron to its threshold.")] = 2.0,
    until: Until = 1000.0,
    skip: Skip = None,
    seed: Seed = 1,
    dtype: Precision = DType.FLOAT32,
    out: Folder = Path("evsim-brunel"),
    threads: Threads = None,
) -> None:
    """Sparse excitation and inhibition with delta currents, driven from outside ([bold]Brunel 2000[/bold])."""
    from . import networks

    build = partial(networks.brunel, scale, g=g, eta=eta, seed=seed, dtype=dtype.value)
    _simulate("Brunel 2000", build, Run(until, skip, seed, threads, out))


@app.command()
def vogels_abbott(
    scale: Annotated[
        float,
        typer.Option(
            help="Multiplies the numbers of neurons, each of which keeps about 80 synapses. At 1: 3200 excitatory and "
            "800 inhibitory neurons."
        ),
    ] = 1.0,
    until: Until = 1000.0,
    skip: Skip = None,
    seed: Seed = 1,
    dtype: Precision = DType.FLOAT32,
    out: Folder = Path("evsim-vogels-abbott"),
    threads: Threads = None,
) -> None:
    """Irregular activity that keeps itself going, with exponential currents ([bold]Vogels & Abbott 2005[/bold])."""
    from . import networks

    build = partial(networks.vogels_abbott, scale, seed=seed, dtype=dtype.value)
    _simulate("Vogels & Abbott 2005", build, Run(until, skip, seed, threads, out))


@app.command()
def potjans_diesmann(
    scale: Annotated[
        float,
        typer.Option(
            help="Multiplies the numbers of neurons and their in-degrees, at most 1. Weights are divided by its "
            "square root, and a constant current replaces lost mean input. At 1: 77,169 neurons, 299 million synapses."
        ),
    ] = 0.1,
    until: Until = 1000.0,
    skip: Skip = None,
    seed: Seed = 1,
    dtype: Precision = DType.FLOAT32,
    out: Folder = Path("evsim-potjans-diesmann"),
    threads: Threads = None,
) -> None:
    """Four layers of cortex with eight populations ([bold]Potjans & Diesmann 2014[/bold])."""
    from . import microcircuit

    build = partial(microcircuit.potjans_diesmann, scale, seed=seed, dtype=dtype.value)
    _simulate("Potjans & Diesmann 2014", build, Run(until, skip, seed, threads, out))


def _simulate(title: str, build: Callable[..., Circuit], run: Run) -> None:
    from .._lib.optional import require
    from ..io import write_spikes
    from . import simulate_report as report

    start = _start_of_statistics(run, report.BIN)
    require("matplotlib.figure", "matplotlib", "plot", "the raster")
    if run.out.exists() and not run.out.is_dir():
        raise NotADirectoryError(f"{run.out} is a file; --out needs a folder")
    run.out.mkdir(parents=True, exist_ok=True)
    use_threads(run.threads)
    comm = world()
    first = comm is None or comm.Get_rank() == 0  # who tells of it
    with progress_bar(shown=first) as progress:
        task = progress.add_task("building", total=None)
        began = time.perf_counter()
        try:
            circuit = build(comm=comm)
            n_synapses = circuit.n_synapses
        except MemoryError as error:
            raise MemoryLimitError(
                f"the network does not fit into memory ({error}); choose a smaller --scale"
            ) from None
        building = time.perf_counter() - began
        progress.update(task, description="simulating", total=1.0)
        began = time.perf_counter()
        spikes = _spikes(circuit, run.until, lambda done: progress.update(task, completed=done))
        seconds = time.perf_counter() - began
        if not first:
            return
        progress.update(task, description="writing", total=None)
        write_spikes(spikes, run.out / "spikes.npz")
        report.draw(title, circuit, spikes, run.until, run.out / "raster.png")
        groups = report.statistics(circuit, spikes, start, run.until, run.seed)
    console.print(report.table_of_run(title, circuit, n_synapses, len(spikes), run.until, building, seconds))
    console.print(report.table_of_groups(groups, start, run.until))
    say(f"{run.out / 'raster.png'}  ", "raster of some neurons, and their rate")
    say(f"{run.out / 'spikes.npz'}  ", "all spikes, for evsim.io.read_spikes")


def _start_of_statistics(run: Run, shortest: float) -> float:
    """Return where statistics begin, after finding out that the time has not been chosen well."""
    if not (isfinite(run.until) and run.until > 0):
        raise InvalidArgumentError(f"--until must be a time above 0 ms, got {run.until}")
    start = run.until / 10 if run.skip is None else run.skip
    if not 0 <= start < run.until:
        raise InvalidArgumentError(f"--skip must be from 0 to below {run.until:g} ms, the end, got {start}")
    if run.until - start < shortest:
        raise InvalidArgumentError(
            f"statistics need {shortest:g} ms, but from {start:g} to {run.until:g} ms there are only "
            f"{run.until - start:g}; simulate longer, or skip less"
        )
    return start


def _spikes(circuit: Circuit, until: float, progress: Callable[[float], None]) -> SpikeArray:
    """Simulate piece by piece, which changes no spike."""
    from ..spikes import SpikeArray

    spikes = SpikeArray()
    for part in range(1, _PARTS + 1):
        end = until if part == _PARTS else until * part / _PARTS
        piece: SpikeArray = circuit.network.infer(until=end, reset=part == 1)
        spikes.add(piece.indices, piece.times)
        progress(part / _PARTS)
    return spikes
