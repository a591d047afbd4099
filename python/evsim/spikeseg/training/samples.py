"""What a layer in training sees of its samples, and a bar that shows how far it has come."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from ... import _core
from ...errors import DTypeError, ShapeMismatchError
from ...events.array import EventArray
from ...spikes import SpikeArray
from ..config import CONV_LAYERS
from ..encoder import SpikeSEGEncoder
from ..output import STAGES
from ..steps import as_numpy, encode_input


def check_samples(samples: Any) -> None:
    """Refuse what is no sequence of samples, above all recordings that have no steps yet.

    Raises
    ------
    DTypeError, ShapeMismatchError
        Saying what a sample is.
    """
    if isinstance(samples, (EventArray, SpikeArray)):
        raise DTypeError(f"samples must be a sequence of samples, got one {type(samples).__name__}; put it into a list")
    if isinstance(samples, (str, bytes, Mapping)) or not hasattr(samples, "__getitem__"):
        raise DTypeError(f"samples must be a sequence of arrays or spike arrays, got {type(samples).__name__}")
    if not hasattr(samples, "__len__") or len(samples) == 0:
        raise ShapeMismatchError("samples must be a sequence that is not empty")


class LowerLayers:
    """Spikes that samples send into a layer: what the layers below, which do not learn now, make of them.

    Each sample is run once and kept, 4 bytes a spike, for the next epochs.
    """

    def __init__(self, encoder: SpikeSEGEncoder, layer: str, samples: Any, n_timesteps: int | None) -> None:
        self._encoder = encoder
        self._samples = samples
        self._n_timesteps = n_timesteps
        self._kept: dict[int, _core.StepSpikes] = {}
        _, self._in_shape = self._encoded(0)
        below = STAGES[: STAGES.index(layer)]
        if self._in_shape[0] != encoder.config.input_channels:
            raise ShapeMismatchError(
                f"the samples have {self._in_shape[0]} channels, but the encoder takes {encoder.config.input_channels}"
            )
        stages = encoder._build(self._in_shape)
        for name in set(below) & set(CONV_LAYERS):
            stages[name].weights[...] = getattr(encoder, name).checked_weight(name)
        self.shape: tuple[int, int, int] = stages[below[-1]].shape if below else self._in_shape
        self._network = _core.SteppedNetwork([stages[name] for name in below]) if below else None

    def _encoded(self, number: int) -> tuple[_core.StepSpikes, tuple[int, int, int]]:
        sample = self._samples[number]
        if isinstance(sample, EventArray):
            raise DTypeError(f"sample {number} is a recording; give it steps first, as in events.binned(n_bins=10)")
        if not isinstance(sample, SpikeArray):
            array = as_numpy(sample)
            if array.ndim not in (3, 4):
                raise ShapeMismatchError(
                    f"sample {number} must have the shape ([steps,] channels, height, width), got {array.shape}"
                )
            sample = np.expand_dims(array, array.ndim - 3)
        latency = not self._encoder.config.fire_once
        (spikes,), shape, _ = encode_input(sample, self._n_timesteps, latency)
        return spikes, shape

    def __getitem__(self, number: int) -> _core.StepSpikes:
        if number not in self._kept:
            spikes, shape = self._encoded(number)
            if shape != self._in_shape:
                raise ShapeMismatchError(f"sample {number} has the shape {shape}, but sample 0 {self._in_shape}")
            if self._network is not None:
                ((stages, _),) = self._network.run([spikes], [], True, False)
                spikes = stages[-1]
            self._kept[number] = spikes
        return self._kept[number]


def fingerprint(encoder: SpikeSEGEncoder, samples: Any, n_timesteps: int | None) -> str:
    """Hash of up to 16 samples, evenly spread, to tell one set of samples from another."""
    digest = hashlib.sha256()
    lower = LowerLayers(encoder, "conv1", samples, n_timesteps)
    for number in sorted({k * len(samples) // 16 for k in range(16)}):
        spikes = lower[number]
        for part in (spikes.begin, spikes.indices, spikes.values):
            digest.update(part.tobytes())
    return digest.hexdigest()


class ProgressBar:
    """Shows a bar for each layer while it learns."""

    def __enter__(self) -> ProgressBar:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} of {task.total:,} samples, convergence {task.fields[convergence]:.3f}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns)
        self._progress.start()
        self._tasks: dict[str, Any] = {}
        return self

    def __call__(self, layer: str, seen: int, total: int, convergence: float) -> None:
        """Show how many samples a layer has seen."""
        if layer not in self._tasks:
            self._tasks[layer] = self._progress.add_task(layer, total=total, convergence=convergence)
        self._progress.update(self._tasks[layer], completed=seen, convergence=convergence)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
