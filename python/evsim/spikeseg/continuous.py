"""The encoder without steps: every camera event is a spike at its own time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from .._lib.arrays import as_number, as_size
from .._lib.set_once import SetOnce
from ..errors import InvalidArgumentError, NotRunError, ShapeMismatchError
from ..network import SpikingNetwork
from ..neurons import LIFDelta, LinearLeakIF, NeuronModel
from ..spikes import SpikeArray
from .config import LayerConfig
from .encoder import SpikeSEGEncoder
from .output import STAGES, Shape
from .steps import as_numpy


class ContinuousEncoder(SetOnce):
    """The stages of a SpikeSEG encoder as a network in continuous time, so that its latency is that of an event.

    Membranes lose ``leak`` per `step_time` evenly, ``V <- max(0, V - leak * dt / step_time)`` (subtractive), or decay
    exponentially by the share ``leak / threshold`` per `step_time` (multiplicative; these may go below 0 where weights
    are negative); a spike's weight is added at its time. Poolings pass on every spike of their windows, simultaneous
    ones once. The stepped encoder comes to the same spikes as its steps get shorter.

    Parameters
    ----------
    encoder : SpikeSEGEncoder
        Its settings, and its weights as they are now. Competition is not applied: it is defined by steps.
    in_shape : tuple of int
        (channels, height, width) of the input.
    step_time : float
        Time to which the leaks of the settings refer, in the unit of the input's times; > 0.

    Attributes
    ----------
    network : SpikingNetwork
        The network itself, with ``conv1``, ``pool1``, ``conv2``, ``pool2`` and ``conv3`` as its layers.

    Notes
    -----
    ``fire_once`` needs subtractive leaks. Multiplicative leaks of a whole threshold per step have no decay constant and
    are refused.

    Examples
    --------
    >>> import numpy as np, evsim
    >>> from evsim.spikeseg import ContinuousEncoder, EncoderConfig, LayerConfig, SpikeSEGEncoder
    >>> layers = {f"conv{k}": LayerConfig(1, 3, threshold=4.0, leak=0.5) for k in (1, 2, 3)}
    >>> encoder = SpikeSEGEncoder(EncoderConfig(**layers, use_wta=False), seed=1)
    >>> continuous = ContinuousEncoder(encoder, (1, 16, 16), step_time=1.0)
    >>> rng = np.random.default_rng(1)
    >>> events = evsim.SpikeArray(rng.integers(96, 160, 200), np.sort(rng.uniform(0, 5, 200)), shape=(1, 16, 16))
    >>> spikes = continuous.forward(events)
    >>> len(continuous.spikes("conv1")) > 0
    True
    """

    __slots__ = ("in_shape", "network")

    def __init__(self, encoder: SpikeSEGEncoder, in_shape: Shape, step_time: float) -> None:
        config = encoder.config
        channels, height, width = (as_size(size, "in_shape") for size in in_shape)
        in_shape = (channels, height, width)
        if in_shape[0] != config.input_channels:
            raise ShapeMismatchError(f"the encoder takes {config.input_channels} channels, got {in_shape[0]}")
        if as_number(step_time, "step_time") <= 0:
            raise InvalidArgumentError(f"step_time must be positive, got {step_time}")
        self.in_shape: Shape = in_shape
        self.network = SpikingNetwork(dtype=encoder.conv1.weight.dtype)
        pools = ((config.pool1_kernel_size, config.pool1_stride), (config.pool2_kernel_size, config.pool2_stride))
        for k, layer in enumerate((encoder.conv1, encoder.conv2, encoder.conv3)):
            settings = layer.config
            self.network.add_conv_layer(
                settings.out_channels,
                settings.kernel_size,
                _neuron(settings, config.fire_once, step_time),
                in_shape=in_shape if k == 0 else None,
                padding=settings.kernel_size // 2,
                weights=layer.weight,
            )
            if k < 2:
                self.network.add_pool_layer(*pools[k])

    def forward(self, events: SpikeArray, reset_state: bool = True, until: float | None = None) -> SpikeArray:
        """Run events through all stages; return the spikes of conv3 with their exact times.

        Parameters
        ----------
        events : SpikeArray
            With the shape `in_shape`, such as ``EventArray.to_spikes()`` gives.
        reset_state : bool
            False goes on where the last call stopped, at its `until`.
        until : float, optional
            End of the simulated time.

        Returns
        -------
        SpikeArray
            With the shape (n_classes, height, width).
        """
        if events.shape is not None and events.shape != self.in_shape:
            raise ShapeMismatchError(f"the events have the shape {events.shape}, expected {self.in_shape}")
        return self.network.infer(events, reset=reset_state, until=until)

    __call__ = forward

    def spikes(self, stage: str) -> SpikeArray:
        """Spikes of a stage in the last call."""
        if stage not in STAGES:
            raise InvalidArgumentError(f"there is no stage {stage!r}; there are: {', '.join(STAGES)}")
        found = self.network[STAGES.index(stage)].post_spikes
        if not isinstance(found, SpikeArray):
            raise NotRunError("spikes are known after forward")
        return found

    def set_weights(self, weights: Mapping[str, npt.ArrayLike]) -> None:
        """Take over other weights of conv1, conv2 or conv3."""
        for name, values in weights.items():
            if not name.startswith("conv") or name not in STAGES:
                raise InvalidArgumentError(f"there is no convolution {name!r}")
            self.network[STAGES.index(name)].weights = as_numpy(values)

    def __repr__(self) -> str:
        return f"ContinuousEncoder({self.network!r})"


def _neuron(settings: LayerConfig, fire_once: bool, step_time: float) -> NeuronModel:
    if settings.leak_mode == "subtractive":
        options: dict[str, Any] = {"threshold": settings.threshold, "fire_once": fire_once}
        return LinearLeakIF(leak=settings.leak / step_time, **options)
    if fire_once:
        raise InvalidArgumentError("fire_once needs subtractive leaks; give fire_once=False")
    kept = 1.0 - settings.leak / settings.threshold
    if not 0.0 < kept < 1.0:
        raise InvalidArgumentError(
            f"a multiplicative leak must lie between 0 and the threshold, {settings.threshold}, got {settings.leak}"
        )
    return LIFDelta(tau_mem=-step_time / math.log(kept), threshold=settings.threshold, reset=0.0)
