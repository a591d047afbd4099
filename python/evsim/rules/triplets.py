"""Rules that look at three spikes: two of one side, and one of the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from ..kernels import BatchUpdate, Kernel, shipped
from ._arguments import as_bounds, as_nonnegative, as_preset, as_tau

_INFINITY = math.inf

_VISUAL_CORTEX = {"tau_plus": 16.8, "tau_x": 101.0, "tau_minus": 33.7}
_TRIPLET: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "visual_cortex_minimal": _VISUAL_CORTEX
        | {"a2_plus": 0.0, "a3_plus": 6.5e-3, "a2_minus": 7.1e-3, "a3_minus": 0.0, "tau_y": 114.0},
        "visual_cortex_full": _VISUAL_CORTEX
        | {"a2_plus": 5e-10, "a3_plus": 6.2e-3, "a2_minus": 7e-3, "a3_minus": 2.3e-4, "tau_y": 125.0},
    }
)


def triplet_stdp(
    *,
    preset: str = "visual_cortex_minimal",
    a2_plus: float | None = None,
    a3_plus: float | None = None,
    a2_minus: float | None = None,
    a3_minus: float | None = None,
    tau_plus: float | None = None,
    tau_x: float | None = None,
    tau_minus: float | None = None,
    tau_y: float | None = None,
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
    preset : {"visual_cortex_minimal", "visual_cortex_full"}
        The paper's fits to visual cortex, in milliseconds: with two amplitudes, or with all four. Letters of either
        case.
    a2_plus, a3_plus, a2_minus, a3_minus : float, optional
        Amplitudes in place of those of the preset.
    tau_plus, tau_x, tau_minus, tau_y : float, optional
        Time constants, > 0, in place of those of the preset.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidArgumentError
        There is no such preset.

    Notes
    -----
    Pfister & Gerstner 2006, J. Neurosci. 26, eqs. 1-4 and table 4.

    Examples
    --------
    >>> import evsim
    >>> evsim.rules.triplet_stdp(a3_plus=0.01).parameters["a3_plus"]
    0.01
    >>> evsim.rules.triplet_stdp(preset="visual_cortex_full").parameters["tau_y"]
    125.0
    """
    given = {"a2_plus": a2_plus, "a3_plus": a3_plus, "a2_minus": a2_minus, "a3_minus": a3_minus}
    given |= {"tau_plus": tau_plus, "tau_x": tau_x, "tau_minus": tau_minus, "tau_y": tau_y}
    values = dict(as_preset(preset, _TRIPLET)) | {name: value for name, value in given.items() if value is not None}
    bounds = {"w_min": w_min, "w_max": w_max}
    return Kernel(shipped("triplet_stdp.cpp"), parameters=values | bounds, batch_update=batch_update)


def diehl_cook_stdp(
    *,
    a_plus: float = 1e-2,
    a_minus: float = 1e-4,
    tau_plus: float = 20.0,
    tau_minus: float = 20.0,
    tau_y: float = 40.0,
    w_min: float = 0.0,
    w_max: float = 1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Triplet STDP between nearest spikes, as Diehl & Cook learn digits with it.

    .. math:: t_{pre}: \Delta w = -a_-\, y_1, \qquad t_{post}: \Delta w = a_+\, x\, y_2

    An input spike sets the trace :math:`x` of the synapse to 1, an output spike the traces :math:`y_1` and :math:`y_2`
    of its neuron; they decay with `tau_plus`, `tau_minus` and `tau_y`. :math:`y_2` is taken just before the spike: the
    first output spike of a sample changes nothing.

    Parameters
    ----------
    a_plus, a_minus : float
        Amplitudes, >= 0.
    tau_plus, tau_minus, tau_y : float
        Time constants, > 0; the defaults are milliseconds.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        A value lies outside its domain.

    See Also
    --------
    normalize_weights : what they do between samples.

    Notes
    -----
    Ties are those of :func:`pair_stdp`. The threshold that rises with every spike is the neuron model's side.

    Diehl & Cook 2015, Front. Comput. Neurosci. 9, in the form of the program that the authors published with it.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.diehl_cook_stdp(a_plus=0.1, a_minus=0.01)
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[1.0, 0.5]]), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    >>> net.infer([0, 1, 0, 1], [0.0, 10.0, 20.0, 30.0]).times
    array([ 0., 20.])
    >>> layer.weights.round(4)
    array([[1.    , 0.5247]])
    """
    values = {"a_plus": as_nonnegative(a_plus, "a_plus"), "a_minus": as_nonnegative(a_minus, "a_minus")}
    values |= {"tau_plus": as_tau(tau_plus, "tau_plus"), "tau_minus": as_tau(tau_minus, "tau_minus")}
    values |= {"tau_y": as_tau(tau_y, "tau_y"), **as_bounds(w_min, w_max)}
    return Kernel(shipped("diehl_cook_stdp.cpp"), parameters=values, batch_update=batch_update)
