"""Rules made of pairs of an input spike and an output spike."""

from __future__ import annotations

import math

from ..errors import InvalidArgumentError
from ..kernels import BatchUpdate, Kernel, shipped
from ._arguments import as_bounds, as_nonnegative, as_tau

_INFINITY = math.inf


def pair_stdp(
    *,
    a_plus: float = 0.01,
    a_minus: float = 0.012,
    tau_plus: float = 20.0,
    tau_minus: float = 20.0,
    w_min: float = -_INFINITY,
    w_max: float = _INFINITY,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Pair-based STDP over all pairs of an input spike and an output spike.

    .. math:: \Delta w = a_+ e^{-(t_{post} - t_{pre})/\tau_+} \text{ if the input comes first},
       \qquad \Delta w = -a_- e^{-(t_{pre} - t_{post})/\tau_-} \text{ otherwise}

    Parameters
    ----------
    a_plus, a_minus : float
        Change of the weight by a pair without delay.
    tau_plus, tau_minus : float
        Time constants, > 0.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Notes
    -----
    An input at the very time of an output spike comes after it where inputs are currents, and before it where they make
    the potential jump.

    Song, Miller & Abbott 2000, Nat. Neurosci. 3; Morrison, Diesmann & Gerstner 2008, Biol. Cybern. 98, eq. 1.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    >>> rule = evsim.rules.pair_stdp(a_plus=0.1)
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 0.5]]), neuron, kernel=rule)
    >>> spikes = net.infer([1, 0], [0.0, 2.0])
    >>> layer.weights.round(3)
    array([[5.077, 0.569]])
    """
    values = {"a_plus": a_plus, "a_minus": a_minus, "tau_plus": tau_plus, "tau_minus": tau_minus}
    bounds = {"w_min": w_min, "w_max": w_max}
    return Kernel(shipped("pair_stdp.cpp"), parameters=values | bounds, batch_update=batch_update)


def guetig_stdp(
    *,
    rate: float = 0.01,
    alpha: float = 1.0,
    mu_plus: float = 1.0,
    mu_minus: float = 1.0,
    tau_plus: float = 20.0,
    tau_minus: float = 20.0,
    w_max: float = 1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Pair-based STDP whose steps depend on the weight: from additive, mu = 0, to multiplicative, mu = 1.

    With :math:`x = w / w_{max}` and :math:`\Delta = t_{post} - t_{pre}`, for every pair

    .. math:: \Delta w = \lambda\, w_{max} (1 - x)^{\mu_+} e^{-\Delta / \tau_+} \text{ if the input comes first},
       \qquad \Delta w = -\lambda\, \alpha\, w_{max}\, x^{\mu_-} e^{-|\Delta| / \tau_-} \text{ otherwise}

    where :math:`x` is the weight just before the later spike of the pair.

    Parameters
    ----------
    rate : float
        :math:`\lambda`, >= 0.
    alpha : float
        How much stronger depression is than potentiation, >= 0.
    mu_plus, mu_minus : float
        Exponents, from 0 to 1. Other values than 0 and 1 take a power at every event of a synapse.
    tau_plus, tau_minus : float
        Time constants, > 0.
    w_max : float
        Weights stay from 0 to `w_max`.
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

    Gütig, Aharonov, Rotter & Sompolinsky 2003, J. Neurosci. 23.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.guetig_stdp(rate=0.1)
    >>> layer = net.add_layer(evsim.Dense(3, 1, weights=[[0.9, 0.5, 0.5]]), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    >>> net.infer([0, 1, 2], [0.0, 5.0, 10.0]).times
    array([5.])
    >>> layer.weights.round(4)
    array([[0.9078, 0.55  , 0.4611]])
    """
    exponents = {"mu_plus": as_nonnegative(mu_plus, "mu_plus"), "mu_minus": as_nonnegative(mu_minus, "mu_minus")}
    for name, value in exponents.items():
        if value > 1.0:
            raise InvalidArgumentError(f"{name} must be from 0 to 1, got {value}")
    values = {
        "rate": as_nonnegative(rate, "rate"),
        "alpha": as_nonnegative(alpha, "alpha"),
        "tau_plus": as_tau(tau_plus, "tau_plus"),
        "tau_minus": as_tau(tau_minus, "tau_minus"),
        "w_max": as_bounds(0.0, w_max, finite=True)["w_max"],
    }
    return Kernel(shipped("guetig_stdp.cpp"), parameters=values | exponents, batch_update=batch_update)
