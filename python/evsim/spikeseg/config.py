"""Settings of SpikeSEG networks, and the presets of the papers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .._lib.arrays import as_integer, as_number, as_size
from ..errors import DTypeError, InvalidArgumentError

LEAK_MODES = ("subtractive", "multiplicative")
WTA_MODES = ("both", "global", "local")
INDEX_MODES = ("per_spike", "last_step")
CONV_LAYERS = ("conv1", "conv2", "conv3")
_LARGEST = 2**30


def require_choice(value: Any, choices: Iterable[str], name: str) -> str:
    """Return `value` if it is one of `choices`."""
    known = tuple(choices)
    if not isinstance(value, str) or value not in known:
        raise InvalidArgumentError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")
    return str(value)


@dataclass(frozen=True)
class LayerConfig:
    """One convolution of the encoder.

    Parameters
    ----------
    out_channels, kernel_size : int
        Number of maps, and rows and columns of a kernel.
    threshold : float
        Firing threshold; > 0.
    leak : float
        Charged in every step: subtracted, or as the share ``leak / threshold`` of the membrane; 0 to `threshold`.
    leak_mode : {"subtractive", "multiplicative"}

    Examples
    --------
    >>> from evsim.spikeseg import LayerConfig
    >>> LayerConfig(36, 5, threshold=10.0, leak=1.0)
    LayerConfig(out_channels=36, kernel_size=5, threshold=10.0, leak=1.0, leak_mode='subtractive')
    """

    out_channels: int
    kernel_size: int
    threshold: float = 10.0
    leak: float = 0.0
    leak_mode: str = "subtractive"

    def __post_init__(self) -> None:
        as_size(self.out_channels, "out_channels")
        as_size(self.kernel_size, "kernel_size")
        if as_number(self.threshold, "threshold") <= 0:
            raise InvalidArgumentError(f"threshold must be positive, got {self.threshold}")
        if not 0 <= as_number(self.leak, "leak") <= self.threshold:
            raise InvalidArgumentError(f"leak must be from 0 to the threshold, {self.threshold}, got {self.leak}")
        require_choice(self.leak_mode, LEAK_MODES, "leak_mode")


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder: three convolutions with two poolings between them.

    Parameters
    ----------
    input_channels : int
        1, or 2 for ON and OFF events.
    conv1, conv2, conv3 : LayerConfig
        Convolutions with stride 1 and padding ``kernel_size // 2``; the maps of conv3 are the classes.
    pool1_kernel_size, pool1_stride, pool2_kernel_size, pool2_stride : int
        Windows of the poolings, which leave out what does not fill one.
    use_wta : bool
        Whether neurons of a convolution compete within a step.
    wta_mode : {"both", "global", "local"}
        "global": of each map only the neuron with the highest membrane spikes (at a tie the lowest index), and the
        map's membranes are zeroed. "local": all spikes stay, and around each the membranes of all maps are zeroed.
        "both": global, then local.
    wta_radius : int
        Of the square that local competition zeroes: ``2 * wta_radius + 1`` pixels wide.
    wta_layers : sequence of str
        The convolutions that compete.
    fire_once : bool
        At most one spike of a neuron until the state is reset; it integrates on, unseen.
    index_mode : {"per_spike", "last_step"}
        Which positions unpooling uses: those that caused each pooled spike, or, as the reference implementation has
        it, those of the last step only.
    store_all_spikes : bool
        False: only the spikes of conv3 are offered.
    store_membranes : bool
        Whether membranes after every step are kept: 8 bytes per neuron and step.

    Notes
    -----
    The reference implementation accepts ``use_wta`` and ``wta_mode`` and does not apply them in the encoder; here they
    are applied. ``use_wta=False`` gives the reference's spikes.

    Examples
    --------
    >>> from evsim.spikeseg import EncoderConfig
    >>> config = EncoderConfig.from_paper("igarss2023", n_classes=2)
    >>> config.conv1.threshold, config.conv1.leak, config.conv3.out_channels
    (10.0, 9.0, 2)
    """

    input_channels: int = 1
    conv1: LayerConfig = field(default_factory=lambda: LayerConfig(4, 5, 10.0, 9.0))
    conv2: LayerConfig = field(default_factory=lambda: LayerConfig(36, 5, 10.0, 1.0))
    conv3: LayerConfig = field(default_factory=lambda: LayerConfig(1, 7, 10.0, 0.0))
    pool1_kernel_size: int = 2
    pool1_stride: int = 2
    pool2_kernel_size: int = 2
    pool2_stride: int = 2
    use_wta: bool = True
    wta_mode: str = "both"
    store_all_spikes: bool = True
    store_membranes: bool = False
    wta_radius: int = 2
    wta_layers: tuple[str, ...] = CONV_LAYERS
    fire_once: bool = True
    index_mode: str = "per_spike"

    def __post_init__(self) -> None:
        as_size(self.input_channels, "input_channels")
        for name in CONV_LAYERS:
            if not isinstance(getattr(self, name), LayerConfig):
                raise DTypeError(f"{name} must be a LayerConfig, got {getattr(self, name)!r}")
        for name in ("pool1_kernel_size", "pool1_stride", "pool2_kernel_size", "pool2_stride"):
            if as_size(getattr(self, name), name) > _LARGEST:
                raise InvalidArgumentError(f"{name} must be at most {_LARGEST}, got {getattr(self, name)}")
        require_choice(self.wta_mode, WTA_MODES, "wta_mode")
        require_choice(self.index_mode, INDEX_MODES, "index_mode")
        if isinstance(self.wta_layers, str) or not isinstance(self.wta_layers, Iterable):
            raise DTypeError(f"wta_layers must be a sequence of names, got {self.wta_layers!r}")
        layers = tuple(require_choice(name, CONV_LAYERS, "a layer of wta_layers") for name in self.wta_layers)
        object.__setattr__(self, "wta_layers", layers)
        for name in ("use_wta", "fire_once", "store_all_spikes", "store_membranes"):
            if not isinstance(getattr(self, name), (bool, np.bool_)):
                raise DTypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        if as_integer(self.wta_radius, "wta_radius") > _LARGEST:
            raise InvalidArgumentError(f"wta_radius must be at most {_LARGEST}, got {self.wta_radius}")
        if self.wta_radius < 0:
            raise InvalidArgumentError(f"wta_radius must not be negative, got {self.wta_radius}")

    @classmethod
    def from_paper(cls, paper: str, n_classes: int = 1) -> EncoderConfig:
        """Return the settings of a paper.

        Parameters
        ----------
        paper : str
            Upper and lower case are the same. "igarss2023" (or "default"): satellites; "spikeseg2020" (or "spikeseg",
            "hulk2022", "hulksmash", "hulk-smash"): segmentation of images and faces; "ebssa": what the reference
            package uses for its satellite recordings.
        n_classes : int
            Maps of conv3; >= 1.

        Raises
        ------
        InvalidArgumentError
            An unknown name or ``n_classes < 1``.

        Notes
        -----
        The literal settings of the papers are nearly silent on sparse input: from rest, conv1 needs 24 of 25 pixels of
        a kernel in one step. "ebssa" is meant for it: thresholds 0.1, leaks 0.09, 0.01 and 0, two input channels and
        a fixed conv1 of differences of Gaussians, on 10 steps each divided by its maximum.
        """
        classes = as_size(n_classes, "n_classes")
        name = _PAPERS.get(paper.lower()) if isinstance(paper, str) else None
        if name is None:
            raise InvalidArgumentError(f"there is no preset {paper!r}; there are: {', '.join(sorted(_PAPERS))}")
        if name == "ebssa":
            return cls(
                input_channels=2,
                conv1=LayerConfig(4, 5, 0.1, 0.09),
                conv2=LayerConfig(36, 5, 0.1, 0.01),
                conv3=LayerConfig(classes, 7, 0.1, 0.0),
                use_wta=False,
            )
        if name == "spikeseg2020":
            return cls(
                conv1=LayerConfig(4, 5),
                conv2=LayerConfig(36, 5),
                conv3=LayerConfig(classes, 7),
                pool1_kernel_size=7,
                pool1_stride=6,
            )
        return cls(conv3=LayerConfig(classes, 7, 10.0, 0.0))

    def with_n_classes(self, n_classes: int) -> EncoderConfig:
        """Return the same settings with another number of classes.

        Examples
        --------
        >>> from evsim.spikeseg import EncoderConfig
        >>> EncoderConfig().with_n_classes(3).conv3.out_channels
        3
        """
        return replace(self, conv3=replace(self.conv3, out_channels=as_size(n_classes, "n_classes")))


_PAPERS = {
    "igarss2023": "igarss2023",
    "default": "igarss2023",
    "spikeseg": "spikeseg2020",
    "spikeseg2020": "spikeseg2020",
    "hulk2022": "spikeseg2020",
    "hulksmash": "spikeseg2020",
    "hulk-smash": "spikeseg2020",
    "ebssa": "ebssa",
}


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder: the encoder's way back, from a class to pixels.

    Parameters
    ----------
    use_tied_weights : bool
        Use the encoder's weights as they are at the moment of decoding; else weights of its own.
    use_spiking : bool
        Whether the stages after the transposed conv3 and conv2 are spiking neurons; the last stage is analog.
    threshold : float
        Of these neurons; > 0.
    leak : float
        Their leak in every step, as a fraction of `threshold`; 0 to 1.
    use_delay_connections : bool
        Whether classification spikes linger: y[t] = x[t] + sum of 0.9^age x[t - age] over 1 <= age <= `delay_steps`.
    delay_steps : int
        >= 0.

    Examples
    --------
    >>> from evsim.spikeseg import DecoderConfig
    >>> DecoderConfig(use_spiking=False).threshold
    1.0
    """

    use_tied_weights: bool = True
    use_spiking: bool = True
    threshold: float = 1.0
    leak: float = 0.0
    use_delay_connections: bool = True
    delay_steps: int = 1

    def __post_init__(self) -> None:
        if as_number(self.threshold, "threshold") <= 0:
            raise InvalidArgumentError(f"threshold must be positive, got {self.threshold}")
        if not 0 <= as_number(self.leak, "leak") <= 1:
            raise InvalidArgumentError(f"leak is a fraction of the threshold, 0 to 1; got {self.leak}")
        if not as_integer(self.delay_steps, "delay_steps") <= _LARGEST:
            raise InvalidArgumentError(f"delay_steps must be at most {_LARGEST}, got {self.delay_steps}")
        if self.delay_steps < 0:
            raise InvalidArgumentError(f"delay_steps must not be negative, got {self.delay_steps}")
