"""Encoder and decoder in one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.optional import require
from .._lib.paths import as_path, open_regular
from .._lib.set_once import SetOnce
from ..errors import DTypeError, FileFormatError, InvalidArgumentError, ShapeMismatchError
from ..io.atomic import replacing
from ..io.unreadable import reading
from .config import CONV_LAYERS, DecoderConfig, EncoderConfig, LayerConfig
from .decoder import SpikeSEGDecoder
from .encoder import SpikeSEGEncoder
from .output import EncoderOutput
from .stages import ConvStage

_FORMAT = 1


class SpikeSEG(SetOnce):
    """Spiking segmentation: an encoder that classifies, and a decoder that finds the pixels of a class.

    Kirkland et al., SpikeSEG: Spiking segmentation via STDP saliency mapping, IJCNN 2020.

    Parameters
    ----------
    config : EncoderConfig, optional
    decoder_config : DecoderConfig, optional
    device : optional
        For compatibility; the step-synchronous engine runs on the CPU.
    dtype : {"float32", "float64"}
        Of weights and membranes.
    seed : int, optional
        For the first weights.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import SpikeSEG
    >>> model = SpikeSEG.from_config(thresholds=(2.0, 2.0, 2.0), leaks=(0.0, 0.0, 0.0), seed=1)
    >>> rng = np.random.default_rng(1)
    >>> saliency, output = model.forward((rng.random((5, 1, 1, 32, 32)) < 0.05).astype(np.float32))
    >>> saliency.shape, output.has_spikes
    ((5, 1, 1, 32, 32), True)
    """

    __slots__ = ("_decoder", "decoder_config", "encoder")

    def __init__(
        self,
        config: EncoderConfig | None = None,
        decoder_config: DecoderConfig | None = None,
        device: Any = None,
        *,
        dtype: npt.DTypeLike = "float32",
        seed: int | None = None,
    ) -> None:
        if device is not None and str(device) != "cpu":
            raise InvalidArgumentError(f"SpikeSEG runs on the CPU, got device={device!r}")
        self.encoder = SpikeSEGEncoder(config, dtype=dtype, seed=seed)
        self.decoder_config = decoder_config if decoder_config is not None else DecoderConfig()
        if not isinstance(self.decoder_config, DecoderConfig):
            raise DTypeError(f"decoder_config must be a DecoderConfig, got {decoder_config!r}")
        self._decoder: SpikeSEGDecoder | None = None

    @classmethod
    def from_paper(
        cls,
        paper: str,
        n_classes: int = 1,
        decoder_config: DecoderConfig | None = None,
        device: Any = None,
        **options: Any,
    ) -> SpikeSEG:
        """Return a model with a preset; see :meth:`EncoderConfig.from_paper`. `options`: ``dtype``, ``seed``.

        With "ebssa", conv1 is a fixed bank of differences of Gaussians, and frozen.
        """
        model = cls(EncoderConfig.from_paper(paper, n_classes), decoder_config, device, **options)
        if paper.lower() == "ebssa":
            model.encoder.use_difference_of_gaussians()
        return model

    @classmethod
    def from_config(
        cls,
        conv1_channels: int = 4,
        conv2_channels: int = 36,
        n_classes: int = 1,
        kernel_sizes: tuple[int, int, int] = (5, 5, 7),
        thresholds: tuple[float, float, float] = (10.0, 10.0, 10.0),
        leaks: tuple[float, float, float] = (9.0, 1.0, 0.0),
        device: Any = None,
        **options: Any,
    ) -> SpikeSEG:
        """Return a model with subtractive leaks and the given sizes. `options`: ``dtype``, ``seed``."""
        channels = (conv1_channels, conv2_channels, n_classes)
        for values, name in ((kernel_sizes, "kernel_sizes"), (thresholds, "thresholds"), (leaks, "leaks")):
            if np.shape(values) != (3,):
                raise ShapeMismatchError(f"{name} needs three values, for conv1, conv2 and conv3; got {values!r}")
        layers = [LayerConfig(*values) for values in zip(channels, kernel_sizes, thresholds, leaks, strict=True)]
        config = EncoderConfig(conv1=layers[0], conv2=layers[1], conv3=layers[2])
        return cls(config, None, device, **options)

    @property
    def config(self) -> EncoderConfig:
        """Settings of the encoder."""
        return self.encoder.config

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.encoder.n_classes

    @property
    def decoder(self) -> SpikeSEGDecoder:
        """The decoder, made when it is first asked for."""
        if self._decoder is None:
            self._decoder = SpikeSEGDecoder.from_encoder(self.encoder, self.decoder_config)
        return self._decoder

    def reset_state(self) -> None:
        """Forget the state of encoder and decoder."""
        self.encoder.reset_state()
        if self._decoder is not None:
            self._decoder.reset_state()

    def encode(
        self,
        x: Any,
        layer_thresholds: Mapping[str, npt.ArrayLike] | None = None,
        n_timesteps: int | None = None,
        reset_state: bool = True,
    ) -> EncoderOutput:
        """Run the encoder; see :meth:`SpikeSEGEncoder.forward`."""
        return self.encoder.forward(x, n_timesteps, reset_state, layer_thresholds)

    def decode(self, encoder_output: EncoderOutput) -> Any:
        """Saliency of every pixel, shape (n_steps, n_samples, input_channels, height, width)."""
        return self.decoder.decode(encoder_output)

    def forward(self, x: Any, return_encoder_output: bool = True) -> Any:
        """Encode and decode.

        Parameters
        ----------
        x : array, tensor, SpikeArray or sequence of SpikeArray
            See :meth:`SpikeSEGEncoder.forward`.
        return_encoder_output : bool

        Returns
        -------
        saliency, or (saliency, EncoderOutput)
        """
        output = self.encode(x)
        saliency = self.decode(output)
        return (saliency, output) if return_encoder_output else saliency

    __call__ = forward

    # Weights

    def _layer(self, layer_name: str) -> ConvStage:
        if layer_name not in CONV_LAYERS:
            raise InvalidArgumentError(f"there is no layer {layer_name!r}; there are: {', '.join(CONV_LAYERS)}")
        layer: ConvStage = getattr(self.encoder, layer_name)
        return layer

    def get_layer_weights(self) -> dict[str, npt.NDArray[Any]]:
        """Weights of conv1, conv2 and conv3, shape (out, in, rows, columns): the arrays themselves, not copies."""
        return {name: self._layer(name).weight for name in CONV_LAYERS}

    def freeze_layer(self, layer_name: str) -> None:
        """Let training leave a layer alone."""
        self._layer(layer_name).frozen = True

    def unfreeze_layer(self, layer_name: str) -> None:
        """Let training change a layer again."""
        self._layer(layer_name).frozen = False

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of all weights by name; those of the decoder only where it has its own.

        Examples
        --------
        >>> from evsim.spikeseg import SpikeSEG
        >>> sorted(SpikeSEG(seed=1).state_dict())
        ['conv1.weight', 'conv2.weight', 'conv3.weight']
        """
        state = {f"{name}.weight": weight.copy() for name, weight in self.get_layer_weights().items()}
        if not self.decoder_config.use_tied_weights:
            for name, weight in zip(CONV_LAYERS, self.decoder.weights, strict=True):
                state[f"decoder.{name}.weight"] = weight.copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over weights that :meth:`state_dict` gave; all or none of them.

        Raises
        ------
        InvalidArgumentError
            A name is missing or unknown.
        ShapeMismatchError, DTypeError, NonFiniteError
            An array does not fit.
        """
        expected = self.state_dict()
        if set(state) != set(expected):
            raise InvalidArgumentError(
                f"missing: {sorted(set(expected) - set(state))}; unknown: {sorted(set(state) - set(expected))}"
            )
        layers = {f"{name}.weight": self._layer(name) for name in CONV_LAYERS}
        if not self.decoder_config.use_tied_weights:
            layers |= {
                f"decoder.{name}.weight": layer
                for name, layer in zip(CONV_LAYERS, self.decoder._convolutions, strict=True)
            }
        try:
            for name, layer in layers.items():
                layer.weight = state[name]
        except Exception:
            for name, layer in layers.items():
                layer.weight = expected[name]
            raise

    def save(self, path: str | PathLike[str]) -> None:
        """Write settings and weights to a safetensors file, in one step.

        Raises
        ------
        MissingDependencyError
            Without the package safetensors.
        OSError
            The file cannot be written.
        """
        numpy_files = require("safetensors.numpy", "safetensors", "files", "saving a model")
        description = {
            "format": _FORMAT,
            "encoder": dataclasses.asdict(self.config),
            "decoder": dataclasses.asdict(self.decoder_config),
            "dtype": self.encoder.conv1.weight.dtype.name,
            "frozen": [name for name in CONV_LAYERS if self._layer(name).frozen],
        }
        with replacing(path) as temporary:
            numpy_files.save_file(self.state_dict(), temporary, metadata={"evsim.spikeseg": json.dumps(description)})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> SpikeSEG:
        """Read a model that :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            The file is damaged or something else.
        MemoryLimitError
            The model does not fit into memory.
        FileNotFoundError
            There is no such file.
        """
        safetensors = require("safetensors", "safetensors", "files", "loading a model")
        source = as_path(path)
        open_regular(source).close()  # safetensors' own message for a missing file names no file
        with reading(path, "SpikeSEG model"):
            with safetensors.safe_open(source, framework="numpy") as file:
                description = json.loads((file.metadata() or {})["evsim.spikeseg"])
                state = {name: np.asarray(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
            if description["format"] != _FORMAT:
                raise FileFormatError(f"format {description['format']} is not known")
            settings = description["encoder"]
            layers = {name: LayerConfig(**settings[name]) for name in CONV_LAYERS}
            config = EncoderConfig(**{**settings, **layers})
            model = cls(config, DecoderConfig(**description["decoder"]), dtype=description["dtype"], seed=0)
            model.load_state_dict(state)
            for name in description["frozen"]:
                model.freeze_layer(name)
        return model

    def __repr__(self) -> str:
        return f"SpikeSEG({self.encoder!r}, {self.decoder_config!r})"
