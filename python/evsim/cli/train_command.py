"""The command ``evsim train``."""

from __future__ import annotations

import importlib.util
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Threads, console, duration, errors, say, table_of, use_threads

if TYPE_CHECKING:
    from ..learning import Epoch
    from .training import Result, Task
    from .training_config import TrainingConfig


def train(
    config: Annotated[Path, typer.Argument(help="Configuration, a .yaml or .json file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of what is written; instead of the configuration's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the configuration's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the configuration's.")] = None,
    threads: Threads = None,
) -> None:
    """Train a network by [bold]exact gradients[/bold], as a configuration says.

    Writes the network, a log, a checkpoint and learning curves. The same
    command goes on from the checkpoint, to the bit.
    """
    from .._lib.optional import require
    from . import training
    from .training_config import TrainingConfig

    use_threads(threads)
    require("safetensors", "safetensors", "files", "saving a network")
    given = {"output": None if output is None else str(output), "epochs": epochs, "seed": seed}
    settings = TrainingConfig.from_file(config)
    settings = settings.replace(**{name: value for name, value in given.items() if value is not None})
    folder = Path(settings.output)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; output needs a folder")
    task = training.task_of(settings, config.parent)
    start = time.perf_counter()
    files = training.Files.of(folder)
    try:
        result = training.train(settings, task, folder, progress=console.is_terminal)
    except KeyboardInterrupt:
        kept = f"{files.checkpoint} keeps the epochs that ended; the same command goes on from there"
        errors.print("Interrupted:", style="bold red", end=" ")
        errors.print(kept if files.checkpoint.exists() else "no epoch ended yet", markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    console.print(_table(settings, task, result, time.perf_counter() - start))
    if importlib.util.find_spec("matplotlib"):
        draw_curves(result.epochs, files.picture)
        say(f"{files.picture}  ", "learning curves")
    say(f"{files.network}  ", "the network, for evsim.load")
    say(f"{files.code}  ", "what its inputs and outputs mean")
    say(f"{files.log}  ", "a row for each epoch")
    say(f"{files.checkpoint}  ", "where the same command, with more epochs, goes on")


def draw_curves(epochs: list[Epoch], path: Path) -> None:
    """Write a picture of loss and, where there is one, accuracy over epochs."""
    from matplotlib.figure import Figure

    from .. import plot
    from ..io.atomic import replacing

    n = 2 if any(math.isfinite(epoch.accuracy) for epoch in epochs) else 1
    figure = Figure(figsize=(4.0 * n, 3.2), layout="constrained")
    plot.learning_curves(epochs, axes=figure.subplots(1, n, squeeze=False)[0])
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=130)


def _table(settings: TrainingConfig, task: Task, result: Result, seconds: float) -> Any:
    sizes = ", ".join(
        f"{len(part[0]):,} {name}"
        for name, part in (("to train", task.train), ("to validate", task.validation), ("to test", task.test))
        if len(part[0])
    )
    numbers = f"loss {result.loss:.4g}"
    if math.isfinite(result.accuracy):
        numbers = f"[bold green]{result.accuracy:.1%}[/bold green], {numbers}"
    return table_of(
        f"Training by exact gradients: {settings.data.file}",
        [
            ("network", str(result.trainer.net)),
            ("samples", sizes),
            ("epochs", f"{len(result.epochs)}, training loss {result.epochs[-1].loss:.4g}"),
            (f"{result.of} samples", numbers),
            ("time taken", duration(seconds)),
        ],
    )
