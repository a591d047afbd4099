"""Loihi's integer neuron, bit for bit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._lib.arrays import as_size
from .._lib.modules import only_public
from ..errors import InvalidArgumentError
from .base import NeuronModel, PerNeuron, per_neuron, same_length

__all__ = ["Loihi"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Loihi(NeuronModel):
    r"""The integer neuron of Intel's Loihi chip, in steps of length 1.

    At every whole time, with input or without, in integers,

    .. math:: u \leftarrow d(u, d_u) + 2^{6 + e} a, \qquad v \leftarrow d(v, d_v) + u, \qquad
       d(x, d) = x\,(4096 - d) / 4096

    where `a` is the sum of the weights of all spikes that arrive at that time, without its fraction, and d rounds
    towards 0. Where v > 64 `threshold` the neuron fires at that same time and v is set to 0.

    Parameters
    ----------
    threshold : int or array
        Per neuron. Mantissa of the threshold (SLAYER's ``vThMant``); > 0.
    current_decay, voltage_decay : int or array
        Per neuron. :math:`d_u` and :math:`d_v` (``iDecay``, ``vDecay``), from 0 to 4096.
    refractory_steps : int
        For so many steps from a spike on v stays 0 (``refDelay``); 1 is none. >= 1.
    weight_exponent : int or array
        Per neuron. `e` (``wgtExp``), from -8 to 7.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    Restated after SLAYER's simulation of the chip, which agrees with the chip: every bin here is a time there. SLAYER
    leaves out the bin 0; and it shows `voltage_decay` as the potential of a step with a spike, here that is 0. Weights
    are whole on the chip; ``evsim`` takes what you give. Times of input are numbers of steps and must be whole, as for
    :class:`SteppedIF`. States are float64 for networks of either type. Cost: one evaluation for every step until the
    neuron rests, so long silences cost nothing.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> neuron = evsim.Loihi(threshold=80, current_decay=1024, voltage_decay=128)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[30.0]]), neuron)
    >>> net.infer([0, 0], [1, 2]).times
    array([2., 5.])
    """

    threshold: PerNeuron = 80
    current_decay: PerNeuron = 1024
    voltage_decay: PerNeuron = 128
    refractory_steps: int = 1
    weight_exponent: PerNeuron = 0

    _shared: ClassVar[tuple[str, ...]] = ("refractory_steps",)
    _neuron: ClassVar[tuple[str, ...]] = ("potential", "current_decay", "voltage_decay", "scale")

    def __post_init__(self) -> None:
        domains = {
            "threshold": (1, 2**40),
            "current_decay": (0, 4096),
            "voltage_decay": (0, 4096),
            "weight_exponent": (-8, 7),
        }
        for name, (least, most) in domains.items():
            value = per_neuron(getattr(self, name), name)
            numbers = np.asarray(value)
            if np.any(numbers != np.floor(numbers)) or np.any(numbers < least) or np.any(numbers > most):
                raise InvalidArgumentError(f"{name} must be whole numbers from {least} to {most}, got {value}")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "refractory_steps", as_size(self.refractory_steps, "refractory_steps"))
        same_length(self, "threshold", "current_decay", "voltage_decay", "weight_exponent")

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return "loihi"

    def check_times(self, layer: str, *, start: float | None, until: float) -> None:
        """Raise InvalidArgumentError if a call begins or ends within a step: what lies beyond would be lost."""
        for name, time in (("start", start), ("until", until)):
            if time is not None and math.isfinite(time) and time != math.floor(time):
                raise InvalidArgumentError(
                    f"{name} must be a whole number of steps, because {layer} (Loihi) lives in steps; got {time}"
                )

    def _value(self, name: str) -> Any:
        if name == "potential":
            return 64.0 * np.asarray(self.threshold)
        if name == "scale":
            return 2.0 ** (6 + np.asarray(self.weight_exponent))
        return getattr(self, name)


__dir__ = only_public(__all__)
