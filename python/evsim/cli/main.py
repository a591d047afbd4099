"""The command ``evsim``."""

from __future__ import annotations

import importlib
import os
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import EvsimError, ShapeMismatchError
from . import segment as segment_command
from . import train as train_command
from .console import (
    Threads,
    check_output,
    console,
    count,
    duration,
    errors,
    progress_bar,
    say,
    size,
    table_of,
    use_threads,
)

if TYPE_CHECKING:
    from rich.table import Table

    from ..jit import Entry
    from ..network import SpikingNetwork
    from ..spikes import SpikeArray
    from .demo import Recognition

_PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


class _Commands(TyperGroup):
    """Commands whose expected errors end in one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (EvsimError, OSError) as error:
            errors.print("Error:", style="bold red", end=" ")
            errors.print(_one_line(error), markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, EvsimError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    return " ".join(str(error).split())


app = typer.Typer(
    cls=_Commands,
    name="evsim",
    help="Event-driven simulation of spiking neural networks with [bold]exact spike times[/bold].",
    rich_markup_mode="rich",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        console.print(f"evsim {__version__}")
        raise typer.Exit


@app.callback()
def _evsim(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what the demo writes.")] = Path(
        "evsim-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="How images are split into training and test.")] = 0,
    templates: Annotated[int, typer.Option(min=1, help="Templates per digit.")] = 10,
    threads: Threads = None,
) -> None:
    """Recognise [bold]handwritten digits[/bold] with a network of templates.

    Takes scikit-learn's 1,797 digits, codes brightness as spike times,
    builds templates from one part of them in closed form and recognises the
    rest by the first output spike. Writes the network, one digit as a
    recording, and a picture.
    """
    from .._lib.optional import require
    from . import demo as work

    use_threads(threads)
    for module, package in (
        ("matplotlib", "matplotlib"),
        ("safetensors", "safetensors"),
        ("sklearn", "scikit-learn"),
    ):
        require(module, package, "demo", "the demo")
    with progress_bar() as progress:
        task = progress.add_task("loading images", total=4)
        train, test = work.load_digits(seed)
        progress.update(task, advance=1, description="building templates")
        net = work.template_network(train, templates)
        progress.update(task, advance=1, description="recognising digits")
        result = work.recognise(net, test)
        progress.update(task, advance=1, description="drawing the picture")
        label = int(test.labels[result.example])
        files = work.write_files(net, test.images[result.example], label, output)
        progress.update(task, advance=1)

    console.print(_demo_table(net, len(train), len(test), result))
    for path, content in (
        (files.picture, f"picture of a {label} on its way through the network"),
        (files.network, "the network"),
        (files.recording, f"the {label} as a recording"),
    ):
        say(f"{path}  ", content)
    say("Try next: ", f"evsim infer {files.network} {files.recording} --plot {output / 'raster.png'}")


def _demo_table(net: SpikingNetwork, n_train: int, n_test: int, result: Recognition) -> Table:
    from .. import _core, num_threads

    in_, hidden, out = (n / n_test for n in result.spikes)
    return table_of(
        "Handwritten digits, templates in closed form, exact spike times",
        [
            ("network", str(net)),
            ("images", f"{n_train:,} to build templates, {n_test:,} to test"),
            ("recognised", f"[bold green]{result.accuracy:.1%}[/bold green] by the first output spike"),
            ("no decision", f"{(result.predicted < 0).sum()} digits (silence or a tie; counted as wrong)"),
            ("spikes per digit", f"{in_:.1f} input, {hidden:.1f} hidden, {out:.1f} output"),
            ("time per digit", f"{duration(result.seconds / n_test)} (one batch of {n_test})"),
            ("synaptic events", f"{result.synaptic_events / result.seconds / 1e6:,.0f} million per second"),
            ("threads", str(num_threads())),
            ("CPU features", _core.active_isa()),
        ],
    )


@app.command()
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


app.command()(segment_command.segment)
app.command(name="train-stdp")(train_command.train_stdp)


@app.command()
def info() -> None:
    """Show version, CPU features, threads, neuron models, GPU and optional packages."""
    import platform

    import numpy as np

    from .. import __version__, _core, num_threads
    from ..neurons import MODELS

    rows = [
        ("evsim", __version__),
        ("Python", f"{platform.python_version()}, NumPy {np.__version__}"),
        (
            "CPU features",
            f"[bold]{_core.active_isa()}[/bold] in use; available: {', '.join(_core.supported_isas())}",
        ),
        ("threads", f"{num_threads()} of {os.cpu_count()} processors"),
        ("GPU", _gpu()),
        ("neuron models", ", ".join(sorted(MODELS))),
    ]
    extras = (("matplotlib", "plot"), ("safetensors", "files"), ("scikit-learn", "demo"))
    rows += [(package, _installed(package, extra)) for package, extra in extras]
    console.print(table_of("evsim", rows))


def _gpu() -> str:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        return "none (CuPy is not installed)"
    except Exception as error:  # a broken CUDA installation may raise anything
        return f"none (CuPy does not load: {type(error).__name__})"
    try:
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
        return f"{name.decode()}, found through CuPy {cupy.__version__}"
    except Exception as error:
        return f"none (CuPy {cupy.__version__} finds no device: {type(error).__name__})"


def _installed(package: str, extra: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return f"not installed: python -m pip install 'evsim\\[{extra}]'"


class CacheAction(str, Enum):
    """What ``evsim cache`` does."""

    LIST = "list"
    CLEAR = "clear"


@app.command()
def cache(
    action: Annotated[CacheAction, typer.Argument(help="Show the kernels, or remove them.")] = CacheAction.LIST,
    path: Annotated[
        Path | None, typer.Option(help="Folder given as compile_path, instead of your own cache folder.")
    ] = None,
) -> None:
    """List or clear the [bold]compiled kernels[/bold] that are kept on disk.

    Kernels are compiled anew when they are needed again.
    """
    from .. import jit

    folder = f"{jit.cache_folder(path)}  "
    if action is CacheAction.CLEAR:
        say(folder, f"{count(jit.clear(path), 'compiled kernel')} removed")
        return
    entries = jit.entries(path)
    if entries:
        console.print(_cache_table(entries))
    say(folder, f"{count(len(entries), 'compiled kernel')}, {size(sum(entry.size for entry in entries))}")


def _cache_table(entries: list[Entry]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from ..kernels import INCLUDE_FOLDER

    table = Table(title="Compiled kernels", title_justify="left", title_style="bold")
    table.add_column("kernel", style="cyan", overflow="fold", min_width=20)
    table.add_column("compiled", no_wrap=True)
    table.add_column("by", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("size", justify="right", no_wrap=True)
    for entry in entries:
        date = f"{entry.created.astimezone():%Y-%m-%d %H:%M}"
        path = Path(entry.name)
        name = path.name if path.is_relative_to(INCLUDE_FOLDER) else entry.name
        table.add_row(Text(name), date, Text(entry.compiler), size(entry.size))
    return table


def _parse_shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        channels, height, width = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text} is not of the form 2,34,34", param_hint="--shape") from None
    return channels, height, width


def main() -> None:
    """Run the command line; the entry point of ``evsim``."""
    app()
