"""The command ``evsim demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Threads, console, duration, progress_bar, say, table_of, use_threads

if TYPE_CHECKING:
    from rich.table import Table

    from ..network import SpikingNetwork
    from .demo import Recognition


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
