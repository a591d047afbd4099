"""The command ``evsim train-stdp``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidArgumentError
from .console import check_output, console, duration, errors, say, table_of
from .recordings import recordings_in

if TYPE_CHECKING:
    from ..spikeseg.training import LayerHistory, STDPTrainer


def train_stdp(
    recordings: Annotated[
        list[Path],
        typer.Argument(help="Recordings to learn from, of one sensor; folders of them; or .npz files of many."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model, ending in .safetensors.")] = Path(
        "model.safetensors"
    ),
    paper: Annotated[str, typer.Option(help="Preset: igarss2023, spikeseg2020 or ebssa.")] = "ebssa",
    classes: Annotated[int, typer.Option(min=1, help="Number of classes.")] = 1,
    layers: Annotated[str, typer.Option(help="Layers that learn, in order.")] = "conv2,conv3",
    window: Annotated[float, typer.Option(help="Milliseconds per sample.")] = 20.0,
    steps: Annotated[int, typer.Option(min=1, help="Time steps per sample.")] = 10,
    epochs: Annotated[int, typer.Option(min=1, help="Passes through the samples.")] = 1,
    a_plus: Annotated[float, typer.Option(help="Rate of potentiation.")] = 0.04,
    a_minus: Annotated[float, typer.Option(help="Rate of depression.")] = 0.03,
    homeostasis: Annotated[bool, typer.Option(help="Let thresholds adapt while learning.")] = True,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint, written now and then.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the checkpoint.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="For weights, order and noise.")] = 0,
) -> None:
    """Train a segmentation model on recordings by [bold]STDP[/bold], without labels.

    Cuts the recordings into windows and trains the layers one after the
    other. The model is for evsim segment --model.
    """
    from .._lib.optional import require
    from ..spikeseg import SpikeSEG
    from ..spikeseg.training import Homeostasis, SimplifiedSTDP, STDPTrainer, Stopping

    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"{output} must end in .safetensors", param_hint="--output")
    if resume and checkpoint is None:
        raise typer.BadParameter("--resume needs --checkpoint")
    require("safetensors", "safetensors", "files", "saving a model")
    check_output(output, (".safetensors",), "--output")
    check_output(checkpoint, (".safetensors",), "--checkpoint")
    if resume and checkpoint is not None and not checkpoint.exists():
        raise FileNotFoundError(f"there is no checkpoint {checkpoint} to go on from; begin without --resume")
    if not 1e-3 <= window < 1e9:
        raise typer.BadParameter(f"{window} ms is not from 0.001 to 1e9", param_hint="--window")
    model = SpikeSEG.from_paper(paper, classes, seed=seed)
    samples = _samples(recordings, model.config.input_channels, round(window * 1e3), steps)
    trainer = STDPTrainer(
        model,
        rule=SimplifiedSTDP(a_plus, a_minus),
        layers=tuple(part.strip() for part in layers.split(",")),
        stopping=Stopping(epochs=epochs),
        homeostasis=Homeostasis() if homeostasis else None,
        n_timesteps=steps,
        seed=seed,
    )
    start = time.perf_counter()
    history = _fit(trainer, samples, checkpoint, resume)
    model.save(output)
    console.print(_training_summary(len(samples), history, time.perf_counter() - start))
    say(f"{output}  ", "the model")
    several = " --across-classes" if classes > 1 else ""
    say("Try next: ", f"evsim segment {'RECORDING' if several else recordings[0]} --model {output}{several}")


def _fit(trainer: STDPTrainer, samples: list[Any], checkpoint: Path | None, resume: bool) -> dict[str, LayerHistory]:
    """Train; on Ctrl-C say how far it has come and how to go on."""
    try:
        return trainer.fit(samples, progress=True, checkpoint=checkpoint, resume=resume)
    except KeyboardInterrupt:
        errors.print("Interrupted:", style="bold red", end=" ")
        errors.print(_where_it_stopped(trainer, len(samples), checkpoint), markup=False, soft_wrap=True)
        raise typer.Exit(130) from None


def _where_it_stopped(trainer: STDPTrainer, n_samples: int, checkpoint: Path | None) -> str:
    from ..spikeseg.training.checkpoint import read_checkpoint

    if checkpoint is None:
        return "nothing is kept without --checkpoint; give one to be able to go on"
    if not checkpoint.exists():
        return "no sample was learned yet"
    _, standing, _ = read_checkpoint(checkpoint)
    seen = standing.epoch * n_samples + standing.position
    total = trainer.stopping.epochs * n_samples
    return (
        f"{trainer.layers[standing.layer]} has learned from {seen:,} of {total:,} samples, as {checkpoint} keeps it; "
        "the same command with --resume goes on from there"
    )


def _samples(paths: list[Path], channels: int, window: int, steps: int) -> list[Any]:
    import numpy as np

    samples: list[Any] = []
    size: tuple[int, int] | None = None
    polarity: Any = "merge" if channels == 1 else "channels"
    for name, events in recordings_in(paths):
        if len(events) == 0:
            raise InvalidArgumentError(f"{name} has no events")
        if size is not None and size != (events.width, events.height):
            raise InvalidArgumentError(
                f"all recordings must be of one sensor: {name} has {events.width} x {events.height} pixels, those "
                f"before it {size[0]} x {size[1]}"
            )
        size = (events.width, events.height)
        for number in np.unique((events.t - events.t[0]) // window).tolist():  # windows without events teach nothing
            start = int(events.t[0]) + number * window
            samples.append(events.binned(n_bins=steps, start=start, stop=start + window, polarity=polarity))
    return samples


def _training_summary(n_samples: int, history: dict[str, LayerHistory], seconds: float) -> Any:
    rows = [("samples", f"{n_samples:,}")]
    for name, layer in history.items():
        used = sum(wins > 0 for wins in layer.wins)
        measure = f"convergence {layer.convergence[-1]:.3f}" if layer.convergence else "no sample seen"
        rows.append((name, f"{measure}, {used} of {len(layer.wins)} maps have won, stopped by {layer.stopped}"))
    return table_of("STDP, layer by layer", [*rows, ("time taken", duration(seconds))])
