"""Plasticity of inhibitory synapses."""

from __future__ import annotations

import math

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError
from ..kernels import BatchUpdate, Kernel, shipped
from ._arguments import as_bounds, as_nonnegative, as_tau

_INFINITY = math.inf


def vogels_stdp(
    *,
    rate: float = 0.01,
    target: float = 0.003,
    tau: float = 20.0,
    w_max: float = _INFINITY,
    sign: float = -1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Symmetric STDP of inhibitory synapses, which brings their neuron to a rate.

    .. math:: t_{pre}: \Delta |w| = \eta\, (y - \alpha), \qquad t_{post}: \Delta |w| = \eta\, x, \qquad
       \alpha = 2 r_0 \tau

    with traces :math:`x` of input spikes and :math:`y` of output spikes, both with the time constant :math:`\tau`:
    pairs make inhibition stronger whatever their order, and an input spike alone makes it weaker. A neuron that fires
    at :math:`r_0`, and not in step with its inputs, has as many of both.

    Parameters
    ----------
    rate : float
        :math:`\eta`, >= 0, in units of weight.
    target : float
        :math:`r_0`, >= 0, in spikes per unit of time; the default is 3 Hz where times are milliseconds.
    tau : float
        Time constant, > 0.
    w_max : float
        Bound of :math:`|w|`, which stays from 0 to `w_max`.
    sign : {-1, 1}
        That of the weights: -1 where inhibition is a negative weight; 1 where the synapses' port inhibits, as with
        conductances.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        A value lies outside its domain.

    Notes
    -----
    Ties are those of :func:`pair_stdp`.

    Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011, "Inhibitory plasticity balances excitation and inhibition in
    sensory pathways and memory networks", Science 334.

    Examples
    --------
    A neuron that fires by itself, once between two spikes of its input:

    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.vogels_stdp(rate=0.1, target=0.01)
    >>> neuron = evsim.LIFDelta(tau_mem=20.0, bias=1.1, reset=0.0)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[-0.5]]), neuron, kernel=rule)
    >>> net.infer([0, 0], [40.0, 80.0], until=81.0).times.round(3)
    array([77.401])
    >>> layer.weights.round(4)                         # -0.5 + 0.1 (2 * 0.4 - e^{-37.401/20} - e^{-2.599/20})
    array([[-0.5232]])
    """
    if as_number(sign, "sign") not in (-1.0, 1.0):
        raise InvalidArgumentError(f"sign must be -1 or 1, got {sign}")
    span = as_tau(as_number(tau, "tau"), "tau")
    values = {
        "rate": as_nonnegative(rate, "rate"),
        "alpha": 2.0 * as_nonnegative(target, "target") * span,
        "tau": span,
        "w_max": as_bounds(0.0, w_max)["w_max"],
        "sign": float(sign),
    }
    return Kernel(shipped("vogels_stdp.cpp"), parameters=values, batch_update=batch_update)
