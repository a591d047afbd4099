"""The picture of ``evsim demo``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import plot
from .._lib.optional import require
from ..network import SpikingNetwork
from ..probe import Probe
from ..spikes import SpikeArray

Floats = npt.NDArray[np.float64]

WINNER, RIVAL, OTHER = plot.COLORS[1], plot.COLORS[0], "#B8B8B8"

_N_TRACES = 3


def draw(net: SpikingNetwork, image: Floats, label: int, inputs: SpikeArray, until: float) -> Any:
    """Return a matplotlib Figure: the image, its templates, spikes of all layers, membrane potentials.

    It shows the time from 0 to `until`, or to a little after the first output spike if that comes later.
    """
    matplotlib_figure = require("matplotlib.figure", "matplotlib", "plot", "the picture")
    first = net.infer(inputs)[:1]
    end = max(until, 1.1 * float(first.times.max(initial=0.0)))
    winner = int(first.indices[0]) if len(first) else label

    figure = matplotlib_figure.Figure(figsize=(11.0, 8.4), layout="constrained")
    figure.get_layout_engine().set(hspace=0.04)
    left, right = figure.subfigures(1, 2, width_ratios=(1.0, 3.6))
    _draw_image_and_weights(left, net, image, winner)
    axes = right.subplots(5, 1, sharex=True, height_ratios=(1.15, 1.4, 0.6, 1.15, 1.25))
    shown = _shown_templates(net, winner)
    probes = [Probe(0, np.linspace(0.0, end, 1200), shown), Probe(1, np.linspace(0.0, end, 1200))]
    output = net.infer(inputs, until=end, record=probes)
    hidden = net[0].post_spikes
    assert isinstance(hidden, SpikeArray)
    plot.raster(inputs, ax=axes[0], n_neurons=net.n_inputs).set(ylabel="pixel", yticks=range(0, 64, 16))
    axes[0].collections[-1].set(sizes=[26.0], linewidths=1.4)
    _draw_hidden_spikes(axes[1], net, hidden, winner)
    _draw_output_spikes(axes[2], output, winner)
    _draw_hidden_potentials(axes[3], net, probes[0], hidden)
    _draw_output_potentials(axes[4], net, probes[1], output, winner)
    _finish(axes, _titles(net, winner, first), first, end)
    right.align_ylabels(axes)
    return figure


def _finish(axes: Any, titles: tuple[str, ...], first: SpikeArray, end: float) -> None:
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlim(-0.015 * end, end)  # room for spikes at 0
        if len(first):
            ax.axvline(first.times[0], color=WINNER, linewidth=1.0, alpha=0.5, zorder=0)
        if ax is not axes[-1]:
            ax.set_xlabel("")


def _titles(net: SpikingNetwork, winner: int, first: SpikeArray) -> tuple[str, ...]:
    decision = f"the first, at {first.times[0]:.2f} ms, says {winner}" if len(first) else "all silent"
    return (
        "Input spikes: the brighter the pixel, the earlier",
        f"Hidden spikes: {net[0].n_neurons // 10} templates for each digit, of which each fires at most once",
        f"Output spikes: {decision}",
        f"Hidden membranes: the first {_N_TRACES} templates to fire, and one that stays below the threshold",
        "Output membranes: templates of a digit excite its output and inhibit the others",
    )


def _draw_image_and_weights(panel: Any, net: SpikingNetwork, image: Floats, winner: int) -> None:
    top, bottom = panel.subplots(2, 1, height_ratios=(1.0, 2.9))
    top.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    top.set(xticks=[], yticks=[])
    top.set_title("Image", fontsize=10)
    n = net[0].n_neurons // 10
    templates = net[0].weights[winner * n : (winner + 1) * n]
    limit = float(np.quantile(np.abs(templates), 0.99))
    plot.weights(templates, shape=image.shape, n_columns=2, limit=limit, ax=bottom, colorbar=False)
    bottom.set_title(f"Weights of the templates of {winner}", fontsize=10)
    panel.colorbar(bottom.images[0], ax=bottom, location="bottom", label="weight", extend="both", aspect=16, shrink=0.8)


def _draw_hidden_spikes(ax: Any, net: SpikingNetwork, hidden: SpikeArray, winner: int) -> None:
    n = net[0].n_neurons // 10
    for digit in range(0, 10, 2):
        ax.axhspan(digit * n - 0.5, (digit + 1) * n - 0.5, color="#F3F3F3", zorder=0)
    colors = [WINNER if k // n == winner else plot.INK for k in range(net[0].n_neurons)]
    plot.raster(hidden, ax=ax, n_neurons=net[0].n_neurons, color=colors)
    ax.collections[-1].set(sizes=[30.0], linewidths=1.8)
    ax.set_yticks(np.arange(10) * n + (n - 1) / 2, [str(digit) for digit in range(10)], fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.set_ylabel("template of digit")


def _draw_output_spikes(ax: Any, output: SpikeArray, winner: int) -> None:
    colors = [WINNER if k == winner else plot.INK for k in range(10)]
    plot.raster(output, ax=ax, n_neurons=10, color=colors)
    ax.collections[-1].set(sizes=[30.0], linewidths=1.8)
    ax.set_yticks(range(0, 10, 3))
    ax.set_ylabel("digit")


def _shown_templates(net: SpikingNetwork, winner: int) -> list[int]:
    """The first hidden neurons to fire, and of the silent ones the first of another digit."""
    n = net[0].n_neurons // 10
    hidden = net[0].post_spikes
    assert isinstance(hidden, SpikeArray)
    fired = list(dict.fromkeys(hidden.indices.tolist()))
    silent = [k for k in range(net[0].n_neurons) if k not in fired and k // n != winner]
    return fired[:_N_TRACES] + silent[:1]


def _draw_hidden_potentials(ax: Any, net: SpikingNetwork, probe: Probe, hidden: SpikeArray) -> None:
    n = net[0].n_neurons // 10
    neurons = np.asarray(probe.neurons)
    plot.membrane(
        probe,
        threshold=net[0].threshold,
        spikes=hidden,
        labels=[f"template {k % n + 1} of {k // n}" for k in neurons],
        colors=[WINNER, *plot.COLORS[2:4], RIVAL],
        ax=ax,
    )
    _legend_outside(ax)


def _draw_output_potentials(ax: Any, net: SpikingNetwork, probe: Probe, output: SpikeArray, winner: int) -> None:
    last = np.where(np.arange(10) == winner, -np.inf, probe.values[-1])
    rival = int(last.argmax())
    order = sorted(range(10), key=lambda k: (k == winner, k == rival))
    shades = {winner: WINNER, rival: RIVAL}
    names = {winner: f"output {winner}", rival: f"output {rival}", order[0]: "other outputs"}
    plot.membrane(
        probe.times,
        probe.values[:, order],
        neurons=order,
        threshold=net[1].threshold,
        spikes=output,
        labels=[names.get(k, "_") for k in order],
        colors=[shades.get(k, OTHER) for k in order],
        ax=ax,
        time_unit="ms",
    )
    ax.set_ylim(bottom=max(ax.get_ylim()[0], -3.0))
    _legend_outside(ax, reverse=True)


def _legend_outside(ax: Any, *, reverse: bool = False) -> None:
    handles, names = ax.get_legend_handles_labels()
    ax.legend(
        frameon=False,
        fontsize=8.5,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.02),
        handles=handles,
        labels=names,
        reverse=reverse,
    )
