"""Adaptive exponential neurons, with the firing patterns of Naud et al. 2008."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .base import PerNeuron
from .nonlinear import CurrentSteps, NonLinear
from .presets import find

# Naud, Marcille, Clopath & Gerstner 2008, Biol. Cybern. 99, table 1: C (pF), g_L (nS), V_rest, V_T, Delta_T (mV),
# a (nS), tau_w (ms), b (pA), V_reset (mV), and the current (pA).
_COLUMNS = ("capacitance", "g_leak", "v_rest", "v_t", "delta_t", "a", "tau_w", "b", "v_reset")
_PATTERNS: dict[str, tuple[tuple[float, ...], float]] = {
    "tonic_spiking": ((200, 10, -70, -50, 2, 2, 30, 0, -58), 500),
    "adaptation": ((200, 12, -70, -50, 2, 2, 300, 60, -58), 500),
    "initial_burst": ((130, 18, -58, -50, 2, 4, 150, 120, -50), 400),
    "regular_bursting": ((200, 10, -58, -50, 2, 2, 120, 100, -46), 210),
    "delayed_accelerating": ((200, 12, -70, -50, 2, -10, 300, 0, -58), 300),
    "delayed_regular_bursting": ((100, 10, -65, -50, 2, -10, 90, 30, -47), 110),
    "transient_spiking": ((100, 10, -65, -50, 2, 10, 90, 100, -47), 180),
    "irregular_spiking": ((100, 12, -60, -50, 2, -11, 130, 30, -48), 160),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class AdEx(NonLinear):
    r"""Adaptive exponential integrate-and-fire neuron (Brette & Gerstner 2005).

    .. math:: C \dot V &= g_L (V_{rest} - V) + g_L \Delta_T\, e^{(V - V_T) / \Delta_T} - w + I + I_{bias} \\
              \tau_w \dot w &= a (V - V_{rest}) - w, \qquad \tau_s \dot I = -I

    It fires when V passes `v_peak`; then V starts again at `v_reset`, and w grows by `b`.

    Parameters
    ----------
    capacitance, g_leak : float or array
        Per neuron, > 0. With pF and nS, currents and weights are in pA, times in ms.
    v_rest, v_t, delta_t, v_peak, v_reset : float or array
        Per neuron. Leak potential, soft threshold, sharpness of the upswing, peak and reset; see :class:`ExpLIF`.
    a, tau_w, b : float or array
        Per neuron. Coupling of the adaptation to V, its time constant (> 0), and what a spike adds to it.
    tau_syn, bias
        As for :class:`ExpLIF`.
    v_init, w_init : float or array, optional
        Per neuron. Potential (`v_rest`) and adaptation (0) at the beginning.
    peak_jump, tau_peak : float or array
        As for :class:`ExpLIF`: a peak that every spike raises.
    refractory : float or array
        Per neuron. As for :class:`ExpLIF`; w goes on as it does with V at the reset (NEST's ``t_ref``).
    tolerance : float
        How far off a spike may be, in units of `capacitance` / `g_leak`: from 1e-14 to 1e-3.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    The defaults are those of the original. Its neurons may fire without end once they have begun, so that ``infer``
    asks for ``until=``.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[5000.0]]), evsim.AdEx(tau_syn=5.0))
    >>> net.infer([0], [1.0], until=50.0).times.round(3)
    array([3.174, 7.702])
    >>> evsim.AdEx.preset("regular_bursting", bias=210.0).v_reset
    -46.0
    """

    capacitance: PerNeuron = 281.0
    g_leak: PerNeuron = 30.0
    v_rest: PerNeuron = -70.6
    v_t: PerNeuron = -50.4
    delta_t: PerNeuron = 2.0
    a: PerNeuron = 4.0
    tau_w: PerNeuron = 144.0
    b: PerNeuron = 80.5
    v_peak: PerNeuron = 0.0
    v_reset: PerNeuron = -70.6
    tau_syn: PerNeuron | None = 5.0
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None
    w_init: PerNeuron = 0.0
    peak_jump: PerNeuron = 0.0
    tau_peak: PerNeuron = 20.0

    PRESETS: ClassVar[tuple[str, ...]] = tuple(_PATTERNS)
    """Names of the firing patterns."""

    _kernel: ClassVar[str] = "adex"
    _positive: ClassVar[tuple[str, ...]] = ("capacitance", "g_leak", "delta_t", "tau_w", "tau_peak")
    _neuron: ClassVar[tuple[str, ...]] = (
        "capacitance", "g_leak", "v_rest", "v_t", "delta_t", "a", "b", "tau_w", "v_peak", "v_reset", "bias", "tau_syn",
        "v_init", "w_init",
    )  # fmt: skip

    def _complete(self) -> None:
        self._set_default("v_init", self.v_rest)
        self._require_below("v_reset", "v_peak")

    @classmethod
    def preset(cls, name: str, **changes: Any) -> AdEx:
        """Return the neuron of a firing pattern of Naud et al. 2008 (pF, nS, mV, ms, pA), with changes by keyword.

        Raises
        ------
        InvalidArgumentError
            For a name that is not in :attr:`PRESETS`.
        """
        values, _ = find(_PATTERNS, name, "AdEx")
        return cls(**{**dict(zip(_COLUMNS, values, strict=True)), **changes})

    @classmethod
    def current(cls, name: str) -> CurrentSteps:
        """Return the step of current with which a preset shows its pattern."""
        _, current = find(_PATTERNS, name, "AdEx")
        return CurrentSteps.of_levels(500.0, (20.0, current))
