"""Temporal receptive fields: one input for neurons of several time constants."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_positive, as_size
from ..connections import Conv2d
from ..errors import DTypeError, InvalidArgumentError, MemoryLimitError, ShapeMismatchError
from ..neurons import NeuronModel
from ..neurons.base import per_neuron

Model = TypeVar("Model", bound=NeuronModel)

_MOST_CHANNELS = 2**24


def temporal_receptive_field(
    in_shape: int | tuple[int, int, int],
    neuron: Model,
    n_scales: int = 4,
    *,
    ratio: float = math.sqrt(2.0),
    weights: float | npt.ArrayLike = 1.0,
) -> tuple[Conv2d, Model]:
    r"""Temporal scale space: every input drives neurons with membrane time constants :math:`\tau_k = \tau\, c^k`.

    Parameters
    ----------
    in_shape : (int, int, int) or int
        Channels, rows and columns of the input, or a number of inputs m, which is (1, 1, m).
    neuron : NeuronModel
        Such as :class:`evsim.LI`, whose potentials are the input smoothed over n scales, or :class:`evsim.LIF`, which
        makes spikes of them. Its ``tau_mem``, one number, is the shortest time constant.
    n_scales : int
        Time constants per input; >= 1.
    ratio : float
        c, each time constant over the one before; > 0.
    weights : float or array_like of shape (n_scales,)
        Of every input, or for each scale.

    Returns
    -------
    connection : Conv2d
        From channel i to the channels ``i * n_scales + k``, pixel by pixel; of m inputs, input i drives the neurons
        ``k * m + i``.
    neuron : NeuronModel
        `neuron` with one ``tau_mem`` per channel.

    Raises
    ------
    InvalidArgumentError
        A parameter outside its domain, or a neuron without ``tau_mem``.
    ShapeMismatchError
        The neuron's ``tau_mem`` is not one number, or `weights` are neither one nor n_scales.
    DTypeError, NonFiniteError
        What should be numbers, or a neuron, is not.
    MemoryLimitError
        More than 2**24 output channels.

    Notes
    -----
    Truncated exponentials are the smoothing kernels in time that know no future (Lindeberg & Fagerström 1996); time
    constants with equal ratios make a scale space, whose default ratio doubles every second scale, as in Norse's
    ``TemporalReceptiveField`` (Pedersen et al. 2025, Nat. Commun. 16, 8231). With current-based neurons (LI, LIF) and
    equal weights a steady input gives every scale the same mean potential; neurons with delta synapses need
    ``weights=1 / tau``.

    Examples
    --------
    Each pixel of an event camera on four time scales:

    >>> import evsim
    >>> scales = evsim.receptive_fields.temporal_receptive_field((2, 34, 34), evsim.LIF(tau_mem=5.0, tau_syn=2.0))
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(*scales)
    >>> layer.shape, layer.neuron.tau_mem[:4].round(3)
    ((8, 34, 34), array([ 5.   ,  7.071, 10.   , 14.142]))
    """
    n, growth = as_size(n_scales, "n_scales"), as_positive(ratio, "ratio")
    # Side by side and not in channels: a spike visits all channels of its pixel.
    shape = tuple(in_shape) if isinstance(in_shape, (tuple, list)) else (1, 1, as_size(in_shape, "in_shape"))
    if len(shape) != 3:
        raise ShapeMismatchError(f"in_shape must be a number or (channels, rows, columns), got {in_shape}")
    channels = as_size(shape[0], "in_shape")
    if channels * n > _MOST_CHANNELS:
        raise MemoryLimitError(f"{channels} channels of {n} scales are more than {_MOST_CHANNELS:,} channels")
    by_scale = np.asarray(per_neuron(weights, "weights"))
    if by_scale.shape not in ((), (n,)):
        raise ShapeMismatchError(f"weights must be a number or have shape ({n},), got {by_scale.shape}")
    with np.errstate(over="ignore", under="ignore"):
        taus = _shortest(neuron) * growth ** np.arange(n)
    connection = Conv2d(
        channels * n,
        1,
        in_shape=shape,
        groups=channels,
        weights=np.tile(np.broadcast_to(by_scale, n), channels).reshape(-1, 1, 1, 1),
    )
    model: Any = neuron
    return connection, dataclasses.replace(model, tau_mem=np.tile(taus, channels))


def _shortest(neuron: Any) -> float:
    if not isinstance(neuron, NeuronModel):
        raise DTypeError(f"neuron must be a neuron model such as evsim.LI(...), got {neuron!r}")
    tau = getattr(neuron, "tau_mem", None)
    if tau is None:
        raise InvalidArgumentError(f"{type(neuron).__name__} has no membrane time constant, tau_mem")
    if isinstance(tau, np.ndarray):
        raise ShapeMismatchError(f"tau_mem of the neuron must be one number, the shortest, got shape {tau.shape}")
    return float(tau)
