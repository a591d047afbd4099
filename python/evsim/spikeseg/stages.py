"""Convolutions of an encoder or decoder: weights that belong to Python, stages made for the size of the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.set_once import SetOnce
from ..errors import DTypeError, NonFiniteError, ShapeMismatchError
from .config import LayerConfig
from .steps import as_numpy

_COMPETITION = {"global": 1, "local": 2, "both": 3}


class ConvStage(SetOnce):
    """Weights and settings of one convolution; the engine's stage is made of them for the size of an input.

    Attributes
    ----------
    config : LayerConfig
    in_channels : int
    """

    __slots__ = ("_frozen", "_weight", "config", "in_channels")

    def __init__(self, config: LayerConfig, in_channels: int, weight: npt.NDArray[Any]) -> None:
        self.config = config
        self.in_channels = in_channels
        self._frozen = False
        self._weight = weight

    @property
    def frozen(self) -> bool:
        """Whether training leaves the weights alone."""
        return self._frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        if not isinstance(value, (bool, np.bool_)):
            raise DTypeError(f"frozen must be True or False, got {value!r}")
        self._frozen = bool(value)

    @property
    def weight(self) -> npt.NDArray[Any]:
        """Weights, shape (out_channels, in_channels, kernel_size, kernel_size).

        Writing into the array, or assigning another, changes the layer from the next call on.
        """
        return self._weight

    @weight.setter
    def weight(self, values: Any) -> None:
        array = as_numpy(values)
        if array.dtype.kind not in "iuf":
            raise DTypeError(f"weights must be real numbers, got dtype {array.dtype}")
        if array.shape != self._weight.shape:
            raise ShapeMismatchError(f"the weights must have shape {self._weight.shape}, got {array.shape}")
        with np.errstate(over="ignore"):
            converted = array.astype(self._weight.dtype)
        if not np.all(np.isfinite(converted)):
            raise NonFiniteError(f"weights must be finite as {self._weight.dtype}")
        self._weight[...] = converted

    def checked_weight(self, name: str) -> npt.NDArray[Any]:
        """Weights to work with; anybody may have written into them.

        Raises
        ------
        NonFiniteError
            They are not all finite.
        """
        if not np.isfinite(self._weight).all():
            raise NonFiniteError(f"the weights of {name} are not all finite")
        return self._weight

    def compiled(
        self,
        in_shape: tuple[int, int, int],
        *,
        fire_once: bool,
        wta_mode: str | None,
        wta_radius: int,
        report_membranes: bool = False,
    ) -> _core.ConvStage:
        """Stage of the engine for inputs of one size; spikes may have the membrane before the reset as their value."""
        config = self.config
        pad = config.kernel_size // 2
        return _core.ConvStage(
            in_shape,
            config.out_channels,
            (config.kernel_size, config.kernel_size),
            (1, 1),
            (pad, pad),
            (1, 1),
            (0, 0),
            1,
            False,
            self._weight.dtype.itemsize,
            config.threshold,
            config.leak,
            config.leak_mode == "multiplicative",
            fire_once,
            False,
            _COMPETITION[wta_mode] if wta_mode else 0,
            wta_radius,
            report_membranes,
        )

    def __repr__(self) -> str:
        frozen = ", frozen" if self.frozen else ""
        return f"ConvStage({self.in_channels} -> {self.config.out_channels}, {self.config.kernel_size}x{frozen})"


def transposed_stage(
    weight: npt.NDArray[Any], in_shape: tuple[int, int, int], *, threshold: float | None, leak: float
) -> _core.ConvStage:
    """Stage of the decoder; without a threshold it is analog."""
    _, out_channels, kernel_size, _ = weight.shape
    pad = kernel_size // 2
    return _core.ConvStage(
        in_shape,
        out_channels,
        (kernel_size, kernel_size),
        (1, 1),
        (pad, pad),
        (1, 1),
        (0, 0),
        1,
        True,
        weight.dtype.itemsize,
        1.0 if threshold is None else threshold,
        leak,
        False,
        False,
        threshold is None,
        0,
        0,
    )
