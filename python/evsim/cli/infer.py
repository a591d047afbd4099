"""The command ``evsim infer``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ShapeMismatchError
from .console import Threads, check_output, console, duration, progress_bar, say, table_of, use_threads

if TYPE_CHECKING:
    from rich.table import Table

    from ..network import SpikingNetwork
    from ..spikes import SpikeArray

_PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


def infer(
    network: Annotated[Path, typer.Argument(help="Network that evsim saved ([bold].safetensors[/bold]).")],
    recording: Annotated[
        Path,
        typer.Argument(help="Input spikes: [bold].npz[/bold], or a recording of an event camera."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write output spikes to this .npz.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw all spikes into this .png, .pdf or .svg.")] = None,
    until: Annotated[float | None, typer.Option(help="End of the simulated time.")] = None,
    time_scale: Annotated[
        float, typer.Option(help="From an event camera's microseconds to the network's time unit.")
    ] = 1e-3,
    shape: Annotated[
        str | None, typer.Option(help="Channels, height and width of event-camera arrays, as in 2,34,34.")
    ] = None,
    threads: Threads = None,
) -> None:
    """Run a [bold]recording[/bold] through a saved network.

    The recording must have as many inputs as the network. If it has the two
    polarities of an event camera and the network one input per pixel, both
    polarities go to the same input.
    """
    check_output(output, (".npz",), "--output")
    check_output(plot, _PICTURE_SUFFIXES, "--plot")
    from .._lib.optional import require
    from ..io import read_spikes, write_spikes
    from ..storage import load

    if plot is not None:
        require("matplotlib.figure", "matplotlib", "plot", "--plot")
    use_threads(threads)
    net = load(network)
    spikes = read_spikes(recording, time_scale=time_scale, shape=_parse_shape(shape))
    inputs, merged = fit_to_network(spikes, net)
    with progress_bar() as progress:
        progress.add_task("simulating", total=None)
        start = time.perf_counter()
        result = net.infer(inputs, until=until)
        seconds = time.perf_counter() - start
    if output is not None:
        write_spikes(result, output)
    if plot is not None:
        _draw_layers(net, inputs, plot)
    console.print(_infer_table(net, inputs, merged, result, seconds))
    for path, content in ((output, "output spikes"), (plot, "picture of all spikes")):
        if path is not None:
            say(f"{path}  ", content)


def fit_to_network(spikes: SpikeArray, net: SpikingNetwork) -> tuple[SpikeArray, bool]:
    """Return spikes as the network's inputs, and whether polarities were merged for it.

    Raises
    ------
    ShapeMismatchError
        The recording has another number of inputs than the network.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_fc_layer(6, 1, tau_s=1.0, threshold=1.0)
    >>> events = evsim.SpikeArray([1, 7], [0.5, 1.0], shape=(2, 2, 3))
    >>> merged, _ = fit_to_network(events, net)
    >>> merged.indices
    array([1, 1], dtype=int32)
    """
    from math import prod

    from ..spikes import SpikeArray

    if spikes.shape is None:
        size = int(spikes.indices.max()) + 1 if len(spikes) else 0
        if size > net.n_inputs:
            raise ShapeMismatchError(
                f"the recording has spikes of input {size - 1}, but the network has {net.n_inputs} inputs "
                f"(valid: 0 to {net.n_inputs - 1}); use a network with at least {size} inputs"
            )
        return spikes, False
    size, pixels = prod(spikes.shape), prod(spikes.shape[1:])
    if size == net.n_inputs:
        return spikes, False
    if len(spikes.shape) == 3 and spikes.shape[0] == 2 and pixels == net.n_inputs:
        return SpikeArray(spikes.indices % pixels, spikes.times, shape=spikes.shape[1:]), True
    shape = " x ".join(map(str, spikes.shape))
    alternative = f" or {pixels} (polarities merged)" if spikes.shape[0] == 2 and len(spikes.shape) == 3 else ""
    raise ShapeMismatchError(
        f"the recording has {shape} = {size} inputs, but the network has {net.n_inputs}; "
        f"use a network with {size}"
        f"{alternative} inputs, or say --shape if the recording does not know its own"
    )


def _infer_table(net: SpikingNetwork, inputs: SpikeArray, merged: bool, result: SpikeArray, seconds: float) -> Table:
    span = f"{inputs.times[0]:g} to {inputs.times[-1]:g}" if len(inputs) else "none"
    rows = [
        ("network", str(net)),
        ("input", f"{len(inputs):,} spikes, times {span}" + (", polarities merged" if merged else "")),
    ]
    rows += [
        (f"layer {k}", f"{layer.n_spikes.sum():,} spikes of {layer.n_neurons} neurons") for k, layer in enumerate(net)
    ]
    rows.append(_answer(net, result))
    rows.append(("time taken", duration(seconds)))
    return table_of("Inference with exact spike times", rows)


def _answer(net: SpikingNetwork, result: SpikeArray) -> tuple[str, str]:
    readout = net.output_layer
    if readout.neuron is not None and not readout.neuron.spikes:
        peak = readout.maximum
        return "highest output", f"[bold green]neuron {peak.argmax()}[/bold green] reaches {peak.max():.6g}"
    if not len(result):
        return "first output", "none: no output neuron fired"
    first = result[0]
    return "first output", f"[bold green]neuron {first.index}[/bold green] at {first.time:.6g}"


def _draw_layers(net: SpikingNetwork, inputs: SpikeArray, path: Path) -> None:
    from matplotlib.figure import Figure

    from .. import plot
    from ..io.atomic import replacing
    from ..spikes import SpikeArray

    trains = [("input", inputs, net.n_inputs)]
    for k, layer in enumerate(net):
        fired = layer.post_spikes
        assert isinstance(fired, SpikeArray)
        trains.append((f"layer {k}", fired, layer.n_neurons))
    figure = Figure(figsize=(8.0, 1.2 + 1.8 * len(trains)), layout="constrained")
    axes = figure.subplots(len(trains), 1, sharex=True, squeeze=False)[:, 0]
    for ax, (name, spikes, n) in zip(axes, trains, strict=True):
        plot.raster(spikes, ax=ax, n_neurons=n)
        ax.set_title(f"{name}: {len(spikes):,} spikes", loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        if ax is not axes[-1]:
            ax.set_xlabel("")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _parse_shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text} is not of the form 2,34,34", param_hint="--shape") from None
    return channels, height, width
