"""What ``evsim simulate`` tells of a run: statistics, tables and a raster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import analysis, num_threads, plot
from ..io.atomic import replacing
from ..spikes import SpikeArray
from .console import count, duration, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from .networks import Circuit

BIN = 5.0
"""ms; of the counts that correlations are of, and of the rate in the picture."""
SAMPLE = 100
"""Most neurons of a group whose correlations are looked at."""
DRAWN = 400
"""About as many neurons are in the picture."""
_EXCITATORY, _INHIBITORY = "tab:blue", "tab:red"


class Statistics(NamedTuple):
    """How a group of neurons fires; NaN where too few spikes say so."""

    name: str
    n_neurons: int
    n_spikes: int
    rate: float
    """Mean, in Hz."""
    cv: float
    """Mean of the neurons that have two intervals or more."""
    correlation: float
    """Mean of the pairs of a sample."""


def statistics(circuit: Circuit, spikes: SpikeArray, start: float, stop: float, seed: int) -> list[Statistics]:
    """Return those of each group and, last, of all neurons, in the time from `start` to `stop`.

    Examples
    --------
    >>> from evsim.cli.networks import Circuit
    >>> import evsim
    >>> pair = Circuit(evsim.SpikingNetwork(), {"first": 1, "second": 1})
    >>> for found in statistics(pair, evsim.SpikeArray([0, 1, 0, 0], [1.0, 7.0, 8.0, 15.0]), 0.0, 20.0, seed=1):
    ...     print(found.name, found.n_spikes, found.rate, found.cv)
    first 3 150.0 0.0
    second 1 50.0 nan
    all 4 100.0 0.0
    """
    window = spikes.time_slice(start, stop)
    found, first = [], 0
    for name, n in circuit.groups.items():
        inside = (window.indices >= first) & (window.indices < first + n)
        group = SpikeArray(window.indices[inside] - first, window.times[inside])
        found.append(_statistics(name, group, n, start, stop, seed))
        first += n
    return [*found, _statistics("all", window, circuit.n_neurons, start, stop, seed)]


def _statistics(name: str, spikes: SpikeArray, n: int, start: float, stop: float, seed: int) -> Statistics:
    variation = analysis.cv(spikes, n_neurons=n)
    variation = variation[np.isfinite(variation)]
    correlations = analysis.correlations(
        spikes, bin_width=BIN, start=start, stop=stop, n_neurons=n, sample=min(SAMPLE, n), seed=seed
    )
    return Statistics(
        name,
        n,
        len(spikes),
        len(spikes) / n / (stop - start) * 1e3,
        float(variation.mean()) if len(variation) else np.nan,
        correlations.mean,
    )


def table_of_run(
    title: str, circuit: Circuit, n_synapses: int, n_spikes: int, until: float, building: float, seconds: float
) -> Table:
    """Return the table of the network and the times it took."""
    ranks = circuit.network.ranks
    workers = count(num_threads(), "thread")
    if ranks is not None:
        workers = f"{count(ranks.size, 'process')} of {workers}"
    return table_of(
        title,
        [
            ("neurons", f"{circuit.n_neurons:,}"),
            ("synapses", f"{n_synapses:,}"),
            ("precision", str(circuit.network.dtype)),
            ("building", duration(building)),
            ("simulated time", duration(until * 1e-3)),
            ("wall time", f"{duration(seconds)}, {workers}"),
            ("real-time factor", f"[bold green]{seconds / until * 1e3:.3g}[/bold green]"),
            ("spikes", f"{n_spikes:,}"),
        ],
    )


def table_of_groups(groups: list[Statistics], start: float, stop: float) -> Table:
    """Return the table of how they fire, a row for each."""
    from rich.table import Table

    title = f"Activity from {start:g} to {stop:g} ms"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("population", style="cyan", no_wrap=True)
    for name in ("neurons", "spikes", "mean rate", "CV of intervals", "correlation"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups:
        if group is groups[-1]:
            table.add_section()
        measures = _number(group.cv, ".2f"), _number(group.correlation, ".4f")
        table.add_row(group.name, f"{group.n_neurons:,}", f"{group.n_spikes:,}", f"{group.rate:.2f} Hz", *measures)
    return table


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if np.isfinite(value) else "-"


def draw(title: str, circuit: Circuit, spikes: SpikeArray, until: float, path: Path) -> None:
    """Draw all spikes of the first neurons of each group, the first group on top, and the rate of those below."""
    from matplotlib.figure import Figure

    shown, chosen = some_neurons(circuit, spikes)
    n, sizes = sum(chosen.values()), list(chosen.values())
    colors = [_INHIBITORY if name.lower().endswith(("i", "inhibitory")) else _EXCITATORY for name in chosen]
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    by_neuron = np.repeat(colors, sizes).tolist()
    above, below = plot.raster_with_rate(
        shown, bin_width=BIN, stop=until, n_neurons=n, color=by_neuron, axes=axes, time_unit="ms"
    )
    ends = np.cumsum(sizes)
    above.set_yticks(ends - np.array(sizes) / 2 - 0.5, list(chosen))
    above.tick_params(axis="y", length=0)
    above.set(ylabel="", ylim=(n - 0.5, -0.5))
    above.set_title(f"{title}: {n:,} of {circuit.n_neurons:,} neurons", loc="left", fontsize=10)
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def some_neurons(circuit: Circuit, spikes: SpikeArray) -> tuple[SpikeArray, dict[str, int]]:
    """Return the spikes of the same part of every group, numbered anew, and how many neurons of each those are.

    Examples
    --------
    >>> from evsim.cli.networks import Circuit
    >>> import evsim
    >>> circuit = Circuit(evsim.SpikingNetwork(), {"many": 3000, "few": 1000})
    >>> some_neurons(circuit, evsim.SpikeArray([0, 299, 300, 3000, 3100], [1.0, 2.0, 3.0, 4.0, 5.0]))[0].indices
    array([  0, 299, 300], dtype=int32)
    """
    part = min(DRAWN / circuit.n_neurons, 1.0)
    chosen = {name: max(1, round(n * part)) for name, n in circuit.groups.items()}
    number = np.full(circuit.n_neurons, -1)
    first = below = 0
    for name, n in circuit.groups.items():
        number[first : first + chosen[name]] = below + np.arange(chosen[name])
        first, below = first + n, below + chosen[name]
    kept = number[spikes.indices]
    return SpikeArray(kept[kept >= 0], spikes.times[kept >= 0]), chosen
