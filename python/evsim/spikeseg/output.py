"""What an encoder returns: spikes of all stages, made into dense arrays only when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.set_once import SetOnce, fill
from ..errors import IndexOutOfRangeError, InvalidArgumentError
from ..spikes import SpikeArray
from .config import CONV_LAYERS
from .steps import Wrap, first_steps, steps_of, to_dense

STAGES = ("conv1", "pool1", "conv2", "pool2", "conv3")
Shape = tuple[int, int, int]


class PoolingIndices(NamedTuple):
    """Where pooled spikes came from.

    Attributes
    ----------
    pool1_indices, pool2_indices : ndarray of int64
        ``y * width + x`` in the plane that was pooled. "per_spike": shape (n_steps, n_samples, channels, height,
        width), -1 where the cell has no spike in that step. "last_step": shape (n_samples, channels, height, width),
        of the last step; cells without a spike have the first position of their window.
    pool1_output_size, pool2_output_size : tuple of int
        (n_samples, channels, height, width) of what was pooled, which unpooling gives back.
    """

    pool1_indices: Any
    pool2_indices: Any
    pool1_output_size: tuple[int, int, int, int]
    pool2_output_size: tuple[int, int, int, int]


class _Stages(Mapping[str, Any]):
    """Arrays by stage, each made when it is first asked for."""

    def __init__(self, names: tuple[str, ...], make: Callable[[str], Any]) -> None:
        self._names, self._make = names, make
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: ...' for name in self._names)}}}"


class EncoderOutput(SetOnce):
    """Spikes of an encoder. Made by :meth:`SpikeSEGEncoder.forward`.

    Dense arrays cost more than the simulation of a few events, so they are made when they are first asked for; they are
    tensors if the input was one.

    Attributes
    ----------
    n_steps, n_samples : int
        Sizes of the input.
    input_shape : tuple of int
        (channels, height, width) of the input.
    shapes : dict of str to tuple of int
        (channels, height, width) of every stage.
    layer_spikes : mapping of str to array, shape (n_steps, n_samples, channels, height, width), float32
        Of conv1, pool1, conv2, pool2 and conv3.
    layer_spike_times : mapping of str to array, shape (n_samples, channels, height, width), int64
        Step of each neuron's first spike, -1 where there is none.
    layer_membranes : mapping of str to array, shape (n_steps, n_samples, channels, height, width), or None
        After each step, of conv1, conv2 and conv3, if ``config.store_membranes``.
    """

    __slots__ = (
        "_arguments",
        "_arrays",
        "_index_mode",
        "_pooling",
        "_spikes",
        "_wrap",
        "input_shape",
        "layer_membranes",
        "layer_spike_times",
        "layer_spikes",
        "n_samples",
        "n_steps",
        "shapes",
    )
    _arguments: tuple[Any, ...]
    _arrays: dict[str, Any]
    _index_mode: str
    _pooling: tuple[tuple[int, int], tuple[int, int]]
    _spikes: list[dict[str, _core.StepSpikes]]
    _wrap: Wrap
    input_shape: Shape
    layer_membranes: Mapping[str, Any] | None
    layer_spike_times: Mapping[str, Any]
    layer_spikes: Mapping[str, Any]
    n_samples: int
    n_steps: int
    shapes: dict[str, Shape]

    def __init__(
        self,
        spikes: list[dict[str, _core.StepSpikes]],
        input_shape: Shape,
        shapes: dict[str, Shape],
        pooling: tuple[tuple[int, int], tuple[int, int]],
        membranes: list[dict[str, npt.NDArray[np.float64]]] | None,
        index_mode: str,
        store_all_spikes: bool,
        wrap: Wrap,
    ) -> None:
        stages = STAGES if store_all_spikes else ("conv3",)
        fill(
            self,
            _arguments=(spikes, input_shape, shapes, pooling, membranes, index_mode, store_all_spikes, wrap),
            _arrays={},
            _spikes=spikes,
            _wrap=wrap,
            _pooling=pooling,
            _index_mode=index_mode,
            input_shape=input_shape,
            shapes=shapes,
            n_samples=len(spikes),
            n_steps=len(spikes[0]["conv3"].begin) - 1,
            layer_spikes=_Stages(stages, lambda name: wrap(to_dense(self._samples(name), shapes[name]))),
            layer_spike_times=_Stages(stages, lambda name: wrap(first_steps(self._samples(name), shapes[name]))),
            layer_membranes=None
            if membranes is None
            else _Stages(CONV_LAYERS, lambda name: wrap(self._membranes(membranes, name))),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return EncoderOutput, self._arguments

    def _samples(self, stage: str) -> list[_core.StepSpikes]:
        return [sample[stage] for sample in self._spikes]

    def _membranes(self, membranes: list[dict[str, npt.NDArray[np.float64]]], name: str) -> npt.NDArray[Any]:
        shape = (self.n_steps, *self.shapes[name])
        return np.stack([sample[name].reshape(shape) for sample in membranes], axis=1)

    @property
    def classification_spikes(self) -> Any:
        """Spikes of conv3, shape (n_steps, n_samples, n_classes, height, width), float32."""
        if "classification_spikes" not in self._arrays:
            self._arrays["classification_spikes"] = self._wrap(to_dense(self._samples("conv3"), self.shapes["conv3"]))
        return self._arrays["classification_spikes"]

    @property
    def n_classification_spikes(self) -> int:
        """Number of spikes of conv3 in all samples and steps."""
        return sum(len(spikes) for spikes in self._samples("conv3"))

    @property
    def has_spikes(self) -> bool:
        """Whether conv3 spiked at all."""
        return self.n_classification_spikes > 0

    @property
    def pooling_indices(self) -> PoolingIndices:
        """Where pooled spikes came from, as ``config.index_mode`` says."""
        if "pooling_indices" not in self._arrays:
            self._arrays["pooling_indices"] = self._pooling_indices()
        found: PoolingIndices = self._arrays["pooling_indices"]
        return found

    def _pooling_indices(self) -> PoolingIndices:
        indices = [self._indices("pool1", "conv1", self._pooling[0]), self._indices("pool2", "conv2", self._pooling[1])]
        sizes = [(self.n_samples, *self.shapes[name]) for name in ("conv1", "conv2")]
        return PoolingIndices(self._wrap(indices[0]), self._wrap(indices[1]), sizes[0], sizes[1])

    def _indices(self, pool: str, pooled: str, window: tuple[int, int]) -> npt.NDArray[np.int64]:
        shape, (_, _, width) = self.shapes[pool], self.shapes[pooled]
        samples = self._samples(pool)
        size = int(np.prod(shape))
        if self._index_mode == "per_spike":
            indices = np.full((self.n_steps, self.n_samples, size), -1, np.int64)
            for s, spikes in enumerate(samples):
                indices[steps_of(spikes), s, spikes.indices] = spikes.causes
            return indices.reshape(self.n_steps, self.n_samples, *shape)
        stride = window[1]
        corners = np.arange(shape[1])[:, np.newaxis] * stride * width + np.arange(shape[2]) * stride
        last = np.tile(np.broadcast_to(corners, shape).reshape(-1), (self.n_samples, 1)).astype(np.int64)
        for s, spikes in enumerate(samples):
            first = spikes.begin[-2]
            last[s, spikes.indices[first:]] = spikes.causes[first:]
        return last.reshape(self.n_samples, *shape)

    def spikes(self, stage: str, sample: int = 0) -> SpikeArray:
        """Spikes of one stage and sample, with the steps as times and the shape (channels, height, width).

        Parameters
        ----------
        stage : {"conv1", "pool1", "conv2", "pool2", "conv3"}
        sample : int
        """
        if stage not in STAGES:
            raise InvalidArgumentError(f"there is no stage {stage!r}; there are: {', '.join(STAGES)}")
        if not 0 <= sample < self.n_samples:
            raise IndexOutOfRangeError(f"there is no sample {sample} among {self.n_samples}")
        spikes = self._spikes[sample][stage]
        return SpikeArray(spikes.indices, steps_of(spikes).astype(np.float64), shape=self.shapes[stage])

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {sum(len(s) for s in self._samples(name)):,}" for name in STAGES)
        return f"EncoderOutput({self.n_samples} samples, {self.n_steps} steps; spikes: {counts})"
