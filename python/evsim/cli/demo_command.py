"""The command ``evsim demo``."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Threads, console, duration, progress_bar, say, table_of, use_threads

if TYPE_CHECKING:
    from rich.table import Table

    from .demo import Learned


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what the demo writes.")] = Path(
        "evsim-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Of the split into training and test, and of the network.")] = 0,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden neurons.")] = 400,
    epochs: Annotated[int, typer.Option(min=1, help="Passes through the training digits.")] = 40,
    threads: Threads = None,
) -> None:
    """Learn [bold]handwritten digits[/bold] by exact gradients, in seconds.

    Takes scikit-learn's 1,797 digits, codes brightness as spike times,
    trains a network of LIF neurons on four fifths and tests it on the rest.
    Writes the network, one digit as a recording, and a picture of ten.
    """
    from .._lib.optional import require
    from . import demo as work

    use_threads(threads)
    if output.exists() and not output.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(output))
    for module, package in (
        ("matplotlib", "matplotlib"),
        ("safetensors", "safetensors"),
        ("sklearn", "scikit-learn"),
    ):
        require(module, package, "demo", "the demo")
    with progress_bar() as progress:
        task = progress.add_task("loading images", total=None)
        train, test = work.load_digits(seed)
        progress.update(task, description=f"training, {epochs} epochs")
        learned = work.learn(train, test, seed, hidden_layer_sizes=(hidden,), max_iter=epochs)
        progress.update(task, description="training others")
        others = work.rivals(train, test, seed)
        progress.update(task, description="drawing the picture")
        files = work.write_files(learned, test, output)

    console.print(_demo_table(learned, len(train), len(test), others))
    for path, content in (
        (files.picture, "ten digits on their way through the network"),
        (files.network, "the network"),
        (files.recording, "a 3 as a recording"),
    ):
        say(f"{path}  ", content)
    say("Try next: ", f"evsim infer {files.network} {files.recording} --plot {output / 'raster.png'}")


def _demo_table(learned: Learned, n_train: int, n_test: int, others: dict[str, float]) -> Table:
    from .. import _core, num_threads

    in_, hidden = learned.spikes
    last = learned.classifier.epochs_[-1]
    return table_of(
        "Handwritten digits, learned by exact gradients of spike times",
        [
            ("network", str(learned.classifier.network_)),
            ("digits", f"{n_train:,} to learn from, {n_test:,} to test"),
            ("recognised", f"[bold green]{learned.accuracy:.1%}[/bold green] of the test digits"),
            *((name, f"{accuracy:.1%} (scikit-learn's defaults, same digits)") for name, accuracy in others.items()),
            ("training", f"{duration(learned.seconds)}, {last.number} epochs; {last.accuracy:.1%} in the last one"),
            ("spikes per digit", f"{in_:.1f} input, {hidden:.1f} hidden"),
            ("threads", str(num_threads())),
            ("CPU features", _core.active_isa()),
        ],
    )
