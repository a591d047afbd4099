"""Rules that ask only for the order of spikes: whether an input has fired before its neuron."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from .._lib.arrays import as_number
from ..errors import ShapeMismatchError
from ..kernels import BatchUpdate, Kernel, shipped
from ._arguments import as_bounds, as_nonnegative, as_preset, is_multiplicative

Stabilizer = Literal["multiplicative", "additive"]

_SIMPLIFIED = MappingProxyType({"kheradpisheh2018": (0.004, 0.003), "igarss2023": (0.04, 0.03)})
"""a_plus and a_minus."""


def simplified_stdp(
    *,
    preset: str = "kheradpisheh2018",
    a_plus: float | None = None,
    a_minus: float | None = None,
    stabilizer: Stabilizer = "multiplicative",
    w_min: float = 0.0,
    w_max: float = 1.0,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""Simplified STDP: at an output spike, inputs that have fired become stronger, and all others weaker.

    .. math:: \Delta w = \begin{cases} a_+\, f(w) & \text{the input has fired at or before the output spike} \\
       -a_-\, f(w) & \text{it has not} \end{cases}, \qquad f(w) = (w - w_{min}) (w_{max} - w)

    An input has fired if a spike has come from it since the beginning of the sample, however long ago; only inputs that
    have not fired lose weight. Between the bounds 0 and 1, :math:`f(w) = w (1 - w)`.

    Parameters
    ----------
    preset : {"kheradpisheh2018", "igarss2023"}
        Rates 0.004 and 0.003, or 0.04 and 0.03. Letters of either case.
    a_plus, a_minus : float, optional
        Rates, >= 0, in place of those of the preset.
    stabilizer : {"multiplicative", "additive"}
        "additive" leaves :math:`f` out: :math:`f(w) = 1`.
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
        There is no such preset or stabiliser, a rate is negative, or the bounds are not in order.

    Notes
    -----
    Every output spike counts. Kheradpisheh et al. let a neuron fire once, which ``refractory=`` gives.

    An input at the very time of an output spike has fired before it where inputs make the potential jump. Where they
    are currents it has not, because the spike is due to earlier input.

    Cost: an output spike visits all inputs of its neuron, also those that never fire.

    Kheradpisheh, Ganjtabesh, Thorpe & Masquelier 2018, Neural Netw. 99; the second preset is that of the SpikeSEG work
    shown at IGARSS 2023.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.simplified_stdp(preset="igarss2023")
    >>> layer = net.add_layer(evsim.Dense(3, 1, weights=[[0.8, 0.5, 0.5]]), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    >>> net.infer([0, 1, 2], [0.0, 2.0, 4.0]).times
    array([2.])
    >>> layer.weights
    array([[0.8064, 0.51  , 0.4925]])
    """
    rates = as_preset(preset, _SIMPLIFIED)
    values = {
        "a_plus": as_nonnegative(rates[0] if a_plus is None else a_plus, "a_plus"),
        "a_minus": as_nonnegative(rates[1] if a_minus is None else a_minus, "a_minus"),
        "multiplicative": is_multiplicative(stabilizer),
        **as_bounds(w_min, w_max, finite=stabilizer == "multiplicative"),
    }
    return Kernel(shipped("simplified_stdp.cpp"), parameters=values, batch_update=batch_update)


def mozafari_stdp(
    *,
    reward: tuple[float, float] = (0.004, -0.003),
    punishment: tuple[float, float] = (-0.004, 0.0005),
    stabilizer: Stabilizer = "additive",
    w_min: float = 0.2,
    w_max: float = 0.8,
) -> Kernel:
    r"""Simplified STDP that waits for the decision: :func:`apply_reward` then rewards or punishes.

    During a call, weights stay as they are. Every synapse counts the output spikes :math:`n^+` that came when its input
    had fired, and :math:`n^-` that came when it had not. Afterwards, with :math:`\eta` a rate,

    .. math:: \Delta w_{ij} = \eta\, |R_i|\, f(w_{ij})\, (a^+ n_{ij}^+ + a^- n_{ij}^-), \qquad
       (a^+, a^-) = \begin{cases} \text{reward} & R_i > 0 \\ \text{punishment} & R_i < 0 \end{cases}

    Parameters
    ----------
    reward, punishment : tuple of float
        Changes by one output spike, with their signs: where the input has fired, and where it has not. A punishment
        takes from the inputs that made the neuron fire and gives to the others.
    stabilizer : {"additive", "multiplicative"}
        :math:`f(w) = 1`, or :math:`f(w) = (w - w_{min}) (w_{max} - w)`.
    w_min, w_max : float
        Bounds of the weight, kept when a reward is applied.

    Returns
    -------
    Kernel
        Its parameters are ``reward_plus``, ``reward_minus``, ``punishment_plus``, ``punishment_minus``,
        ``multiplicative``, ``w_min`` and ``w_max``; ``layer.kernel_parameters`` changes them between calls.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        `reward` and `punishment` are not pairs of finite numbers, there is no such stabiliser, or the bounds are not in
        order.

    Notes
    -----
    Their rates are scaled by how often the network has lately been wrong, for rewards, and right, for punishments: give
    these ratios to :func:`apply_reward`.

    Mozafari, Kheradpisheh, Masquelier, Nowzari-Dalini & Ganjtabesh 2018, IEEE Trans. Neural Netw. Learn. Syst. 29, with
    the values, the bounds and without the stabiliser of Mozafari, Ganjtabesh, Nowzari-Dalini, Thorpe & Masquelier 2019,
    Pattern Recognit. 94.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.mozafari_stdp()
    >>> layer = net.add_layer(evsim.Dense(3, 1, weights=[[0.6, 0.6, 0.6]]), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    >>> net.infer([0, 1, 2], [0.0, 2.0, 4.0]).times
    array([2.])
    >>> evsim.rules.apply_reward(layer, reward=1.0, rate=0.5)
    >>> layer.weights
    array([[0.602 , 0.602 , 0.5985]])
    """
    values = {}
    for name, pair in (("reward", reward), ("punishment", punishment)):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ShapeMismatchError(f"{name} must be two numbers, got {pair!r}")
        values[f"{name}_plus"] = as_number(pair[0], f"{name}[0]")
        values[f"{name}_minus"] = as_number(pair[1], f"{name}[1]")
    values["multiplicative"] = is_multiplicative(stabilizer)
    bounds = as_bounds(w_min, w_max, finite=stabilizer == "multiplicative")
    return Kernel(shipped("mozafari_stdp.cpp"), parameters=values | bounds)
