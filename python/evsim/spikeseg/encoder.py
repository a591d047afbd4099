"""The encoder: from events to classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core, random
from .._lib.arrays import as_integer
from .._lib.call_lock import CallLock
from .._lib.set_once import SetOnce, restore
from ..errors import DTypeError, InvalidArgumentError, MemoryLimitError, NotRunError, ShapeMismatchError
from ..receptive_fields import difference_of_gaussians
from .config import CONV_LAYERS, EncoderConfig, require_choice
from .output import STAGES, EncoderOutput, PoolingIndices, Shape
from .stages import ConvStage
from .steps import as_numpy, encode_input, wrap_like


class SpikeSEGEncoder(SetOnce):
    """Three convolutions of integrate-and-fire neurons with two poolings between them, updated once per step.

    All stages run within one step: a pixel that spikes can make conv3 spike in the same step (Kirkland et al.,
    IJCNN 2020). Only neurons that receive spikes are visited, so the cost follows the activity, not the size.

    Parameters
    ----------
    config : EncoderConfig, optional
        The default is the preset "igarss2023" with one class.
    dtype : {"float32", "float64"}
        Of weights and membranes.
    seed : int, optional
        For the first weights, N(0.8, 0.01) clipped to [0, 1]; without it they are drawn from :mod:`evsim.random`.

    Attributes
    ----------
    config : EncoderConfig
    conv1, conv2, conv3 : ConvStage
        With ``weight``, an array (out, in, rows, columns) that may be changed, and ``frozen``.

    Notes
    -----
    In every step a membrane becomes ``max(0, V + I - leak)`` (subtractive) or ``max(0, (1 - leak / threshold) V + I)``
    (multiplicative), with the sum I of the weights of the step's input spikes; a neuron at its threshold spikes and is
    reset to 0. Steps without input are made up for in closed form, so in float32 a membrane may differ from the step
    by step calculation in its last digits. Calls from several threads run one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import EncoderConfig, SpikeSEGEncoder
    >>> encoder = SpikeSEGEncoder(EncoderConfig.from_paper("spikeseg2020"), seed=1)
    >>> output = encoder.forward(np.ones((1, 1, 28, 28)))
    >>> output.layer_spikes["conv1"].shape
    (1, 1, 4, 28, 28)
    """

    __slots__ = ("_in_shape", "_last", "_lock", "_network", "_stages", "config", "conv1", "conv2", "conv3")

    def __init__(
        self, config: EncoderConfig | None = None, *, dtype: npt.DTypeLike = "float32", seed: int | None = None
    ) -> None:
        self.config = config if config is not None else EncoderConfig()
        if not isinstance(self.config, EncoderConfig):
            raise DTypeError(f"config must be an EncoderConfig, got {config!r}; for a preset use from_paper")
        try:
            name = require_choice(np.dtype(dtype).name, ("float32", "float64"), "dtype")
            rng = random.generator() if seed is None else np.random.default_rng(as_integer(seed, "seed"))
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"dtype {dtype!r} and seed {seed!r}: {error}") from None
        channels = self.config.input_channels
        layers = []
        for layer in (self.config.conv1, self.config.conv2, self.config.conv3):
            shape = (layer.out_channels, channels, layer.kernel_size, layer.kernel_size)
            try:
                weight = np.clip(rng.normal(0.8, 0.01, shape), 0, 1).astype(name)
            except (MemoryError, ValueError):  # NumPy refuses sizes beyond 2**63 as a ValueError
                raise MemoryLimitError(f"weights of shape {shape} do not fit into memory") from None
            layers.append(ConvStage(layer, channels, weight))
            channels = layer.out_channels
        self.conv1, self.conv2, self.conv3 = layers
        self._lock = CallLock("encoder")
        self._network: _core.SteppedNetwork | None = None
        self._stages: dict[str, Any] = {}
        self._in_shape: Shape | None = None
        self._last: EncoderOutput | None = None

    @classmethod
    def from_paper(cls, paper: str, n_classes: int = 1, **options: Any) -> SpikeSEGEncoder:
        """Return an encoder with a preset, see :meth:`EncoderConfig.from_paper`.

        With "ebssa", conv1 is a fixed bank of differences of Gaussians, and frozen.
        """
        encoder = cls(EncoderConfig.from_paper(paper, n_classes), **options)
        if paper.lower() == "ebssa":
            encoder.use_difference_of_gaussians()
        return encoder

    def use_difference_of_gaussians(self, sigma_center: float = 1.0, sigma_surround: float = 2.0) -> None:
        """Make conv1 a fixed bank of ON- and OFF-centre differences of Gaussians and freeze it.

        Map 2 k is ON-centre and map 2 k + 1 OFF-centre on input channel k; further maps repeat them.

        Parameters
        ----------
        sigma_center, sigma_surround : float
            Standard deviations in pixels.
        """
        size = self.config.conv1.kernel_size
        kernel = difference_of_gaussians(size, sigma_center, sigma_surround)
        weight = np.zeros_like(self.conv1.weight)
        for channel in range(len(weight)):
            weight[channel, channel // 2 % self.config.input_channels] = kernel if channel % 2 == 0 else -kernel
        self.conv1.weight = weight
        self.conv1.frozen = True

    # Running

    def forward(
        self,
        x: Any,
        n_timesteps: int | None = None,
        reset_state: bool = True,
        layer_thresholds: Mapping[str, npt.ArrayLike] | None = None,
    ) -> EncoderOutput:
        """Run spikes through all five stages.

        Parameters
        ----------
        x : array, tensor, SpikeArray or sequence of SpikeArray
            Shape (n_samples, channels, height, width): repeated in `n_timesteps` steps; without ``fire_once`` and with
            more than one step, rank-order coded instead (:func:`evsim.spikeseg.latency_code`). Shape (n_steps,
            n_samples, channels, height, width): one slice per step. Spike arrays have the steps as times and the
            shape (channels, height, width). Values other than 0 and 1 scale the weights.
        n_timesteps : int, optional
            Number of steps; by default 1, that of `x`, or the last spike's.
        reset_state : bool
            False: membranes go on where the last call stopped.
        layer_thresholds : mapping of str to float or array of shape (channels,), optional
            Thresholds in place of the configured ones, for this call; leaks stay those of the configured thresholds.

        Returns
        -------
        EncoderOutput

        Raises
        ------
        ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError
            The input is not as described.

        Notes
        -----
        Cost: kernel_size**2 * out_channels additions per spike and stage, and an update of each pixel that received.
        """
        latency = not self.config.fire_once
        spikes, in_shape, _ = encode_input(x, n_timesteps, latency)
        first = x[0] if isinstance(x, (list, tuple)) else x
        return self._run(spikes, in_shape, reset_state, layer_thresholds, wrap_like(first))

    __call__ = forward

    def _run(
        self,
        spikes: list[_core.StepSpikes],
        in_shape: Shape,
        reset_state: bool,
        layer_thresholds: Mapping[str, npt.ArrayLike] | None,
        wrap: Any,
    ) -> EncoderOutput:
        thresholds = self._checked_thresholds(layer_thresholds)
        with self._lock:
            network, stages = self._prepare(in_shape, reset_state)
            for name in CONV_LAYERS:
                stages[name].set_thresholds(thresholds.get(name, []))
            results = network.run(spikes, [], reset_state, self.config.store_membranes)
            # Only now: a call that fails leaves what later ones may go on from.
            self._network, self._stages, self._in_shape = network, stages, in_shape
            self._last = self._output(results, stages, in_shape, wrap)
            return self._last

    def _output(self, results: Any, stages: dict[str, Any], in_shape: Shape, wrap: Any) -> EncoderOutput:
        membranes = None
        if self.config.store_membranes:
            membranes = [dict(zip(STAGES, values, strict=True)) for _, values in results]
        pooling = (
            (self.config.pool1_kernel_size, self.config.pool1_stride),
            (self.config.pool2_kernel_size, self.config.pool2_stride),
        )
        return EncoderOutput(
            [dict(zip(STAGES, sample, strict=True)) for sample, _ in results],
            in_shape,
            {name: stages[name].shape for name in STAGES},
            pooling,
            membranes,
            self.config.index_mode,
            self.config.store_all_spikes,
            wrap,
        )

    def _prepare(self, in_shape: Shape, reset_state: bool) -> tuple[_core.SteppedNetwork, dict[str, Any]]:
        if in_shape[0] != self.config.input_channels:
            raise ShapeMismatchError(
                f"the input has {in_shape[0]} channels, but the encoder takes {self.config.input_channels}"
            )
        network, stages = self._network, self._stages
        if network is None or in_shape != self._in_shape:
            if network is not None and not reset_state:
                raise ShapeMismatchError(
                    f"without a reset the input must keep its shape {self._in_shape}, got {in_shape}"
                )
            stages = self._build(in_shape)
            network = _core.SteppedNetwork([stages[name] for name in STAGES])
        for name in CONV_LAYERS:
            stages[name].weights[...] = getattr(self, name).checked_weight(name)
        return network, stages

    def _build(self, in_shape: Shape) -> dict[str, Any]:
        config = self.config
        competing = config.wta_layers if config.use_wta else ()

        def convolution(name: str, in_shape: Shape) -> _core.ConvStage:
            mode = config.wta_mode if name in competing else None
            stage: ConvStage = getattr(self, name)
            return stage.compiled(in_shape, fire_once=config.fire_once, wta_mode=mode, wta_radius=config.wta_radius)

        windows = [
            (config.pool1_kernel_size, config.pool1_stride),
            (config.pool2_kernel_size, config.pool2_stride),
        ]
        stages: dict[str, Any] = {"conv1": convolution("conv1", in_shape)}
        for k, (kernel, stride) in enumerate(windows):
            pooled = stages[f"conv{k + 1}"].shape
            stages[f"pool{k + 1}"] = _core.PoolStage(pooled, (kernel, kernel), (stride, stride))
            stages[f"conv{k + 2}"] = convolution(f"conv{k + 2}", stages[f"pool{k + 1}"].shape)
        return stages

    def _checked_thresholds(self, given: Mapping[str, npt.ArrayLike] | None) -> dict[str, list[float]]:
        """One threshold per map, by layer."""
        if given is not None and not isinstance(given, Mapping):
            raise DTypeError(f"layer_thresholds must be a mapping of layers to numbers, got {given!r}")
        wanted = dict(given or {})
        unknown = [name for name in wanted if name not in CONV_LAYERS]
        if unknown:
            raise InvalidArgumentError(f"layer_thresholds knows {', '.join(CONV_LAYERS)}, got {unknown[0]}")
        values = {}
        for name, thresholds in wanted.items():
            channels = getattr(self, name).config.out_channels
            try:
                array = np.asarray(as_numpy(thresholds), np.float64)
            except (TypeError, ValueError):
                raise DTypeError(f"layer_thresholds of {name} must be numbers, got {thresholds!r}") from None
            values[name] = [float(array)] * channels if array.ndim == 0 else array.ravel().tolist()
        return values

    def forward_single_timestep(
        self, x: Any, layer_thresholds: Mapping[str, npt.ArrayLike] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Run one step and go on from the state of the last one.

        Parameters
        ----------
        x : array or tensor, shape (n_samples, channels, height, width)
        layer_thresholds : mapping, optional
            See :meth:`forward`.

        Returns
        -------
        classification_spikes : array, shape (n_samples, n_classes, height, width)
        layer_spikes : dict of str to array
            Of all five stages, each without the dimension of steps.
        """
        array = as_numpy(x)
        if array.ndim != 4:
            raise ShapeMismatchError(f"one step has the shape (samples, channels, height, width), got {array.shape}")
        spikes, in_shape, _ = encode_input(array, 1, False)
        output = self._run(spikes, in_shape, False, layer_thresholds, wrap_like(x))
        return output.classification_spikes[0], {name: values[0] for name, values in output.layer_spikes.items()}

    def reset_state(self) -> None:
        """Forget membranes and who has fired."""
        with self._lock:
            if self._network is not None:
                self._network.reset()

    # What there is

    def get_pooling_indices(self) -> PoolingIndices:
        """Return the pooling indices of the last call.

        Raises
        ------
        NotRunError
            Before the first call.
        """
        if self._last is None:
            raise NotRunError("pooling indices are known after forward")
        return self._last.pooling_indices

    def get_feature_counts(self) -> dict[str, int]:
        """Return the number of maps of every convolution.

        Examples
        --------
        >>> from evsim.spikeseg import SpikeSEGEncoder
        >>> SpikeSEGEncoder().get_feature_counts()
        {'conv1': 4, 'conv2': 36, 'conv3': 1}
        """
        return {name: getattr(self, name).config.out_channels for name in CONV_LAYERS}

    @property
    def n_classes(self) -> int:
        """Number of maps of conv3."""
        return self.config.conv3.out_channels

    @property
    def kernel_sizes(self) -> tuple[int, int, int]:
        """Kernel sizes of conv1, conv2 and conv3."""
        config = self.config
        return config.conv1.kernel_size, config.conv2.kernel_size, config.conv3.kernel_size

    def __getstate__(self) -> dict[str, Any]:
        kept = ("config", "conv1", "conv2", "conv3")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        restore(
            self,
            state | {"_lock": CallLock("encoder"), "_network": None, "_stages": {}, "_in_shape": None, "_last": None},
        )

    def __repr__(self) -> str:
        changed = [
            f"{item.name}={getattr(self.config, item.name)!r}"
            for item in dataclasses.fields(self.config)
            if item.name not in CONV_LAYERS
        ]
        counts = " -> ".join(str(n) for n in self.get_feature_counts().values())
        return f"SpikeSEGEncoder({self.config.input_channels} -> {counts}, {', '.join(changed)})"
