"""The decoder: from classes back to the pixels that caused them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_integer, as_size
from .._lib.call_lock import CallLock
from .._lib.set_once import SetOnce, restore
from ..errors import IndexOutOfRangeError, ShapeMismatchError
from .config import DecoderConfig, LayerConfig
from .decoder_inputs import given_weights, pooled_sources
from .encoder import SpikeSEGEncoder
from .output import EncoderOutput, Shape
from .stages import ConvStage, transposed_stage
from .steps import as_numpy, to_dense, wrap_like

_DELAY_DECAY = 0.9
_HULK_THRESHOLD = 0.5
_KEPT_NETWORKS = 4


class SpikeSEGDecoder(SetOnce):
    """Classification spikes back through transposed convolutions and unpoolings, to a saliency map.

    Delay, transposed conv3, unpooling 2, transposed conv2, unpooling 1, transposed conv1 (Kirkland et al., IJCNN 2020).
    A classification spike touches its receptive field only.

    Parameters
    ----------
    n_classes, conv2_channels, conv1_channels, input_channels : int
        Maps of the encoder's convolutions and its input.
    kernel_sizes : tuple of int
        Of conv1, conv2 and conv3.
    pool_kernel_size : int
        Accepted for compatibility: each unpooling takes positions and sizes from its own pooling.
    config : DecoderConfig, optional
    encoder_weights : sequence of 3 arrays, optional
        Weights of conv1, conv2 and conv3, shape (out, in, rows, columns). Arrays in the decoder's type are used as they
        are, so that changes in them show; without them all weights are 1.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import EncoderConfig, SpikeSEGDecoder, SpikeSEGEncoder
    >>> encoder = SpikeSEGEncoder(EncoderConfig(use_wta=False), seed=1)
    >>> output = encoder.forward(np.ones((1, 1, 16, 16)))
    >>> decoder = SpikeSEGDecoder.from_encoder(encoder)
    >>> decoder.decode(output).shape
    (1, 1, 1, 16, 16)
    """

    __slots__ = ("_carried", "_carrying", "_convolutions", "_lock", "_networks", "config")

    def __init__(
        self,
        n_classes: int,
        conv2_channels: int,
        conv1_channels: int,
        input_channels: int = 1,
        kernel_sizes: tuple[int, int, int] = (5, 5, 7),
        pool_kernel_size: int = 2,
        config: DecoderConfig | None = None,
        encoder_weights: Any = None,
    ) -> None:
        as_size(pool_kernel_size, "pool_kernel_size")
        self.config = config if config is not None else DecoderConfig()
        channels = (input_channels, conv1_channels, conv2_channels, n_classes)
        for value, name in zip(
            channels, ("input_channels", "conv1_channels", "conv2_channels", "n_classes"), strict=True
        ):
            as_size(value, name)
        shapes = [(channels[k + 1], channels[k], kernel_sizes[k], kernel_sizes[k]) for k in range(3)]
        weights = [np.ones(shape, np.float32) for shape in shapes]
        if encoder_weights is not None:
            weights = given_weights(encoder_weights, shapes)
        self._convolutions = [
            ConvStage(LayerConfig(shape[0], shape[2]), shape[1], weight)
            for shape, weight in zip(shapes, weights, strict=True)
        ]
        self._networks: dict[Any, tuple[_core.SteppedNetwork, list[Any]]] = {}
        self._carried: tuple[Shape, Shape] | None = None
        self._carrying: Any = None
        self._lock = CallLock("decoder")

    @classmethod
    def from_encoder(cls, encoder: SpikeSEGEncoder, config: DecoderConfig | None = None) -> SpikeSEGDecoder:
        """Return the decoder of an encoder; with ``config.use_tied_weights`` it follows the encoder's weights.

        Without tied weights it begins with a copy of them.
        """
        chosen = config if config is not None else DecoderConfig()
        weights = [layer.weight for layer in (encoder.conv1, encoder.conv2, encoder.conv3)]
        if not chosen.use_tied_weights:
            weights = [weight.copy() for weight in weights]
        counts = encoder.get_feature_counts()
        return cls(
            counts["conv3"],
            counts["conv2"],
            counts["conv1"],
            encoder.config.input_channels,
            encoder.kernel_sizes,
            encoder.config.pool1_kernel_size,
            chosen,
            weights,
        )

    @property
    def weights(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Weights of conv1, conv2 and conv3 as they are used, shape (out, in, rows, columns) each."""
        first, second, third = (layer.weight for layer in self._convolutions)
        return first, second, third

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self._convolutions[2].config.out_channels

    def reset_state(self) -> None:
        """Forget membranes and delayed spikes."""
        for network, _ in self._networks.values():
            network.reset()
        self._carried = None

    # Running

    def forward(
        self,
        classification_spikes: Any,
        pool1_indices: Any,
        pool2_indices: Any,
        pool1_output_size: tuple[int, int, int, int],
        pool2_output_size: tuple[int, int, int, int],
        reset_state: bool = True,
    ) -> Any:
        """Decode classification spikes.

        Parameters
        ----------
        classification_spikes : array or tensor, shape ([n_steps,] n_samples, n_classes, height, width)
        pool1_indices, pool2_indices : array or tensor of int
            See :class:`PoolingIndices`. Positions per spike: decoding step t uses those of each cell's last spike up to
            t, and cells that have not spiked pass nothing; classification spikes without steps use all of them.
        pool1_output_size, pool2_output_size : tuple of int
            (n_samples, channels, height, width) of what was pooled.
        reset_state : bool
            False: membranes, delays and positions go on where the last call stopped.

        Returns
        -------
        array or tensor, shape ([n_steps,] n_samples, input_channels, height, width)
            Saliency of every pixel.

        Raises
        ------
        ShapeMismatchError, IndexOutOfRangeError, DTypeError
            The arguments do not belong together.
        """
        spikes = as_numpy(classification_spikes)
        if spikes.ndim not in (4, 5) or spikes.shape[-3] != self.n_classes:
            raise ShapeMismatchError(
                f"classification_spikes must have the shape ([steps,] samples, {self.n_classes}, height, width), got "
                f"{spikes.shape}"
            )
        steps = spikes if spikes.ndim == 5 else spikes[np.newaxis]
        n_steps, n_samples, *_ = steps.shape
        if steps.size == 0:
            raise ShapeMismatchError(f"there is nothing to decode in spikes of shape {spikes.shape}")
        sizes = (tuple(pool1_output_size), tuple(pool2_output_size))
        sources = [
            pooled_sources(as_numpy(indices), size, n_samples, n_steps if spikes.ndim == 5 else None, name)
            for indices, size, name in zip(
                (pool2_indices, pool1_indices), sizes[::-1], ("pool2_indices", "pool1_indices"), strict=True
            )
        ]
        dense = np.ascontiguousarray(steps, np.float32).reshape(n_steps, n_samples, -1)
        inputs = _core.spikes_from_dense(dense)
        saliency = self._run(inputs, sources, steps.shape[2:], sizes, reset_state)
        return wrap_like(classification_spikes)(saliency if spikes.ndim == 5 else saliency[0])

    __call__ = forward

    def decode(self, output: EncoderOutput, reset_state: bool = True) -> Any:
        """Decode what an encoder returned, without a dense array in between.

        Parameters
        ----------
        output : EncoderOutput
        reset_state : bool
            See :meth:`forward`.

        Returns
        -------
        array or tensor, shape (n_steps, n_samples, input_channels, height, width)
        """
        if output._index_mode == "last_step":
            indices = output.pooling_indices
            return self.forward(
                output.classification_spikes,
                indices.pool1_indices,
                indices.pool2_indices,
                indices.pool1_output_size,
                indices.pool2_output_size,
                reset_state,
            )
        sources = [
            [(sample[name], sample_shape) for sample in output._spikes] for name, sample_shape in self._pools(output)
        ]
        sizes = tuple((output.n_samples, *output.shapes[name]) for name in ("conv1", "conv2"))
        saliency = self._run(
            [sample["conv3"] for sample in output._spikes], sources, output.shapes["conv3"], sizes, reset_state
        )
        return output._wrap(saliency)

    @staticmethod
    def _pools(output: EncoderOutput) -> list[tuple[str, Shape]]:
        return [("pool2", output.shapes["pool2"]), ("pool1", output.shapes["pool1"])]

    def decode_single_spike(
        self,
        spike_location: tuple[int, int],
        class_id: int,
        batch_size: int,
        class_spatial_shape: tuple[int, int],
        pool1_indices: Any,
        pool2_indices: Any,
        pool1_output_size: tuple[int, int, int, int],
        pool2_output_size: tuple[int, int, int, int],
        device: Any = None,
        *,
        batch_index: int = 0,
        step: int | None = None,
    ) -> Any:
        """Decode one classification spike alone; the carried state is not touched.

        The same as :meth:`forward` makes of that spike alone, with ``config.use_spiking``, threshold and leak. Spikes
        of other steps, and so delays, have no part in it.

        Parameters
        ----------
        spike_location : tuple of int
            (x, y) in conv3.
        class_id : int
        batch_size : int
            Number of samples of the indices.
        class_spatial_shape : tuple of int
            (height, width) of conv3.
        pool1_indices, pool2_indices, pool1_output_size, pool2_output_size
            See :meth:`forward`.
        device : optional
            For compatibility; the result is where the indices are.
        batch_index : int
            The sample in which the spike happened; the others stay dark.
        step : int, optional
            When it happened; without it, positions per spike are those of the last step.

        Returns
        -------
        array or tensor, shape (batch_size, input_channels, height, width)
        """
        x, y, height, width, class_id = (
            as_integer(value, "spike_location, class_spatial_shape and class_id")
            for value in (*spike_location, *class_spatial_shape, class_id)
        )
        if not (0 <= x < width and 0 <= y < height and 0 <= class_id < self.n_classes):
            raise IndexOutOfRangeError(
                f"there is no spike of class {class_id} at ({x}, {y}) in {self.n_classes} maps of {height} x {width}"
            )
        if not 0 <= batch_index < batch_size:
            raise IndexOutOfRangeError(f"there is no sample {batch_index} in a batch of {batch_size}")
        n_steps = {as_numpy(given).shape[0] for given in (pool1_indices, pool2_indices) if np.ndim(given) == 5}
        if step is not None and n_steps and not 0 <= step < min(n_steps):
            raise IndexOutOfRangeError(f"there is no step {step} among {min(n_steps)}")
        shape = (self.n_classes, height, width)
        sizes = (tuple(pool1_output_size), tuple(pool2_output_size))
        sources = [
            pooled_sources(as_numpy(indices), size, batch_size, None if step is None else -1, name)[batch_index]
            for indices, size, name in zip(
                (pool2_indices, pool1_indices), sizes[::-1], ("pool2_indices", "pool1_indices"), strict=True
            )
        ]
        index = (class_id * height + y) * width + x
        with self._lock:
            network, in_shape = self._network(shape, [pooled for _, pooled in sources], sizes, "alone")
            (spikes,) = network.run_each([index], [0 if step is None else step], [source for source, _ in sources])
        saliency = np.zeros((batch_size, *in_shape), self.weights[0].dtype)
        saliency[batch_index] = to_dense([spikes], in_shape, saliency.dtype)[0, 0]
        return wrap_like(pool1_indices)(saliency)

    def unravel(self, output: EncoderOutput, sample: int = 0) -> tuple[npt.NDArray[np.int64], list[_core.StepSpikes]]:
        """Decode every classification spike of a sample alone, as HULK does: stages pass what exceeds 0.5.

        This says which pixels a spike comes from, whatever the decoder's own neurons are (Kirkland et al., IEEE
        Transactions on Computers 71(11), 2022); :meth:`decode_single_spike` says how salient they are.

        Parameters
        ----------
        output : EncoderOutput
        sample : int

        Returns
        -------
        spikes : ndarray of int64, shape (n, 4)
            (step, class, y, x) of each spike, in order of time.
        pixels : list of n
            What each makes of the input plane, with ``indices`` (flat, into (input_channels, height, width)) and
            ``values``.
        """
        if not 0 <= sample < output.n_samples:
            raise IndexOutOfRangeError(f"there is no sample {sample} among {output.n_samples}")
        spikes = output._spikes[sample]
        shape = output.shapes["conv3"]
        steps = np.repeat(np.arange(output.n_steps), np.diff(spikes["conv3"].begin))
        indices = np.asarray(spikes["conv3"].indices)
        where = np.stack([steps, *np.unravel_index(indices, shape)], axis=1).astype(np.int64)
        sources = [(spikes[name], pooled) for name, pooled in self._pools(output)]
        sizes = tuple((output.n_samples, *output.shapes[name]) for name in ("conv1", "conv2"))
        if output._index_mode == "last_step":
            indices2, indices1 = output.pooling_indices.pool2_indices, output.pooling_indices.pool1_indices
            sources = [
                pooled_sources(as_numpy(given), size, output.n_samples, None, "indices")[sample]
                for given, size in zip((indices2, indices1), sizes[::-1], strict=True)
            ]
        with self._lock:
            network, _ = self._network(shape, [pooled for _, pooled in sources], sizes, "hulk")
            return where, network.run_each(indices.tolist(), steps.tolist(), [source for source, _ in sources])

    # Stages

    def _run(self, inputs: Any, sources: Any, shape: Any, sizes: Any, reset_state: bool) -> npt.NDArray[Any]:
        if not reset_state and self._carried not in (None, (shape, sizes)):
            raise ShapeMismatchError("without a reset the shapes must stay those of the last call")
        per_sample = [[samples[s][0] for samples in sources] for s in range(len(inputs))]
        with self._lock:
            network, in_shape = self._network(tuple(shape), [samples[0][1] for samples in sources], sizes, "stream")
            results = network.run(inputs, per_sample, reset_state, False)
            self._carried = (shape, sizes)
        return to_dense([spikes[-1] for spikes, _ in results], in_shape, self.weights[0].dtype)

    def _network(self, shape: Shape, pooled: list[Shape], sizes: Any, use: str) -> tuple[_core.SteppedNetwork, Shape]:
        """Network for a "stream" of steps, for a spike "alone", or for "hulk", and the shape of what it gives."""
        key = (shape, tuple(pooled), sizes, use)
        if key not in self._networks:
            if len(self._networks) >= _KEPT_NETWORKS:  # all but the one that a stream may go on with
                self._networks = {kept: made for kept, made in self._networks.items() if kept == self._carrying}
            self._networks[key] = self._build(shape, pooled, sizes, use)
        network, stages = self._networks[key]
        for number, stage, layer in zip((3, 2, 1), stages, self._convolutions[::-1], strict=True):
            stage.weights[...] = layer.checked_weight(f"conv{number}")
        if use == "stream":
            self._carrying = key
        return network, stages[-1].shape

    def _build(self, shape: Shape, pooled: list[Shape], sizes: Any, use: str) -> Any:
        config = self.config
        threshold: float | None = config.threshold if config.use_spiking else None
        leak = config.leak * config.threshold if config.use_spiking else 0.0
        if use == "hulk":  # "above 0.5": at or above the next number
            dtype = self.weights[0].dtype.type
            threshold, leak = float(np.nextafter(dtype(_HULK_THRESHOLD), dtype(1))), 0.0
        first, second, third = self.weights
        stages: list[Any] = []
        if config.use_delay_connections and use == "stream":
            stages.append(_core.DelayStage(shape, config.delay_steps, _DELAY_DECAY))
        convolutions = [transposed_stage(third, shape, threshold=threshold, leak=leak)]
        for weight, pool, size, last in ((second, pooled[0], sizes[1], False), (first, pooled[1], sizes[0], True)):
            if convolutions[-1].shape != pool:
                raise ShapeMismatchError(
                    f"decoding comes to {convolutions[-1].shape} where the pooling gave {pool}; the kernel sizes and "
                    "spikes do not belong to these indices"
                )
            unpooling = _core.UnpoolStage(pool, size[1:])
            stages += [convolutions[-1], unpooling]
            goal = unpooling.shape
            convolutions.append(
                transposed_stage(weight, goal, threshold=None if last else threshold, leak=0.0 if last else leak)
            )
        stages.append(convolutions[-1])
        return _core.SteppedNetwork(stages), convolutions

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "_convolutions": self._convolutions}

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(self, state | {"_networks": {}, "_carried": None, "_carrying": None, "_lock": CallLock("decoder")})

    def __repr__(self) -> str:
        counts = " -> ".join(str(layer.config.out_channels) for layer in self._convolutions[::-1])
        return f"SpikeSEGDecoder({counts} -> {self._convolutions[0].in_channels}, {self.config!r})"
