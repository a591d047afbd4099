"""Plasticity rules that evsim ships, as kernels for ``add_layer(..., kernel=...)``.

Each is one short source in C++ (:func:`evsim.kernels.shipped` has the file): a place to start from when you write your
own. Times are in the network's unit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .errors import NoSuchParameterError, NotRunError, ShapeMismatchError
from .kernels import BatchUpdate, Kernel, shipped
from .layer import Layer

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


def triplet_stdp(
    *,
    a2_plus: float = 0.0,
    a3_plus: float = 6.5e-3,
    a2_minus: float = 7.1e-3,
    a3_minus: float = 0.0,
    tau_plus: float = 16.8,
    tau_x: float = 101.0,
    tau_minus: float = 33.7,
    tau_y: float = 114.0,
    w_min: float = -_INFINITY,
    w_max: float = _INFINITY,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Triplet STDP, all to all.

    .. math:: t_{pre}: \Delta w = -o_1 (A_2^- + A_3^- r_2), \qquad t_{post}: \Delta w = r_1 (A_2^+ + A_3^+ o_2)

    with traces :math:`r_1, r_2` of input spikes (time constants `tau_plus`, `tau_x`) and :math:`o_1, o_2` of output
    spikes (`tau_minus`, `tau_y`); :math:`r_2` and :math:`o_2` are taken just before the spike.

    Parameters
    ----------
    a2_plus, a3_plus, a2_minus, a3_minus : float
        Amplitudes. The defaults are the minimal model for visual cortex, in milliseconds.
    tau_plus, tau_x, tau_minus, tau_y : float
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
    Pfister & Gerstner 2006, J. Neurosci. 26, eqs. 1-4 and table 4.

    Examples
    --------
    >>> import evsim
    >>> evsim.rules.triplet_stdp(a3_plus=0.01).parameters["a3_plus"]
    0.01
    """
    amplitudes = {"a2_plus": a2_plus, "a3_plus": a3_plus, "a2_minus": a2_minus, "a3_minus": a3_minus}
    times = {"tau_plus": tau_plus, "tau_x": tau_x, "tau_minus": tau_minus, "tau_y": tau_y}
    bounds = {"w_min": w_min, "w_max": w_max}
    return Kernel(shipped("triplet_stdp.cpp"), parameters=amplitudes | times | bounds, batch_update=batch_update)


def reward_stdp(
    *, a_plus: float = 1.0, a_minus: float = 1.0, tau_pair: float | None = None, tau_eligibility: float = _INFINITY
) -> Kernel:
    r"""Eligibility traces for reward-modulated STDP; weights change when you call :func:`apply_reward`.

    What pair STDP would change goes into an eligibility trace :math:`c_{ij}`, ``layer.synaptic_traces[..., 1]``, which
    decays with `tau_eligibility`. A reward :math:`R` then gives :math:`\Delta w_{ij} = \eta R_i c_{ij}`.

    Parameters
    ----------
    a_plus, a_minus : float
        Amplitudes of the pairs.
    tau_pair : float, optional
        Time constant of the pairs; by default the membrane time constant of the neurons.
    tau_eligibility : float
        Infinite by default: as in EvSpikeSim's demonstration.

    Returns
    -------
    Kernel

    Notes
    -----
    Izhikevich 2007, Cereb. Cortex 17; Frémaux & Gerstner 2016, Front. Neural Circuits 9.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    >>> rule = evsim.rules.reward_stdp()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 0.5]]), neuron, kernel=rule)
    >>> spikes = net.infer([1, 0], [0.0, 2.0])
    >>> layer.synaptic_traces[..., 1].round(3)
    array([[0.767, 0.694]])
    >>> evsim.rules.apply_reward(layer, reward=[2.0], rate=0.1)
    >>> layer.weights.round(3)
    array([[5.153, 0.639]])
    """
    values = {
        "a_plus": a_plus,
        "a_minus": a_minus,
        "tau_pair": 0.0 if tau_pair is None else tau_pair,
        "tau_eligibility": tau_eligibility,
    }
    return Kernel(shipped("reward_stdp.cpp"), parameters=values)


def apply_reward(layer: Layer, reward: npt.ArrayLike, rate: float) -> None:
    r"""Turn the eligibility of the last call into weights: :math:`w_{ij} \leftarrow w_{ij} + \eta R_i c_{ij}`.

    Parameters
    ----------
    layer : Layer
        With :func:`reward_stdp`, after ``infer``.
    reward : array_like of float, shape () or (n_neurons,); after a batch also (n_samples, n_neurons)
        The changes of the samples of a batch are added up.
    rate : float
        The learning rate.

    Raises
    ------
    NoSuchParameterError, NotRunError
        The layer has no eligibility traces, or they are not there yet.
    ShapeMismatchError
        `reward` has another shape.
    """
    if layer.kernel is None or "tau_eligibility" not in layer.kernel_parameters:
        raise NoSuchParameterError("the layer has no eligibility traces; it needs the kernel rules.reward_stdp()")
    if not layer.has_run:
        raise NotRunError("a reward is for what infer has done before")
    eligibility = layer.synaptic_traces[..., 1]
    batch = eligibility.ndim == 3
    try:
        modulation = np.broadcast_to(np.asarray(reward, dtype=layer.weights.dtype), eligibility.shape[:-1])
    except ValueError as error:
        raise ShapeMismatchError(f"reward must have shape {eligibility.shape[:-1]}: {error}") from None
    change = modulation[..., np.newaxis] * eligibility
    layer.weights = layer.weights + rate * (change.sum(axis=0) if batch else change)


def voltage_stdp(
    *,
    a: float = 0.1,
    b: float = 0.1,
    v_theta: float = 0.8,
    tau_calcium: float = 60.0,
    c_up: tuple[float, float] = (3.0, 13.0),
    c_down: tuple[float, float] = (3.0, 4.0),
    w_min: float = 0.0,
    w_max: float = 1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    """Plasticity from the membrane potential at input spikes, and calcium from output spikes.

    An input spike adds `a` to the weight if the potential is above `v_theta` and calcium within `c_up`; it takes `b`
    away if the potential is at or below `v_theta` and calcium within `c_down`.

    Parameters
    ----------
    a, b : float
        Steps up and down.
    v_theta : float
        Threshold of the membrane potential.
    tau_calcium : float
        Time constant of calcium; an output spike adds 1 to it.
    c_up, c_down : tuple of float
        Lower and upper bounds of calcium for steps up and down.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Notes
    -----
    Brader, Senn & Fusi 2007, Neural Comput. 19, eqs. 3-5, with the weight itself in place of their internal variable
    and without its drift between spikes.

    Examples
    --------
    >>> import evsim
    >>> evsim.rules.voltage_stdp(v_theta=0.5).parameters["v_theta"]
    0.5
    """
    levels = {"c_up_low": c_up[0], "c_up_high": c_up[1], "c_down_low": c_down[0], "c_down_high": c_down[1]}
    values = {"a": a, "b": b, "v_theta": v_theta, "tau_calcium": tau_calcium, "w_min": w_min, "w_max": w_max}
    return Kernel(shipped("voltage_stdp.cpp"), parameters=values | levels, batch_update=batch_update)
