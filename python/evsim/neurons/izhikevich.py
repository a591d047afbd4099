"""Izhikevich's neuron, with the 20 behaviours of Izhikevich 2004."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import InvalidArgumentError
from .base import PerNeuron
from .nonlinear import CurrentSteps, NonLinear
from .presets import find


def _pulses(duration: float, *pulses: tuple[float, float, float], rest: float = 0.0) -> CurrentSteps:
    """Pulses of (beginning, end, current) over a constant current."""
    levels = [(0.0, rest)] if rest else []
    for begin, end, value in pulses:
        levels += [(begin, value), (end, rest)]
    return CurrentSteps.of_levels(duration, *levels)


def _step(duration: float, begin: float, value: float) -> CurrentSteps:
    return CurrentSteps.of_levels(duration, (begin, value))


def _ramp(duration: float, begin: float, slope: float, first: float = 0.0) -> CurrentSteps:
    """A current that rises from `begin` on, in steps of a quarter of a millisecond as in the original."""
    times = np.arange(begin, duration, 0.25)
    levels = [(0.0, first)] if first else []
    return CurrentSteps.of_levels(duration, *levels, *zip(times, first + slope * (times - begin), strict=True))


def _accommodation() -> CurrentSteps:
    slow, fast = np.arange(0.0, 200.0, 0.5), np.arange(300.0, 312.5, 0.5)
    rises = [*zip(slow, slow / 25.0, strict=True), (200.0, 0.0), *zip(fast, (fast - 300.0) / 12.5 * 4.0, strict=True)]
    return CurrentSteps.of_levels(400.0, *rises, (312.5, 0.0))


def _inhibited() -> CurrentSteps:
    return CurrentSteps.of_levels(350.0, (0.0, 80.0), (50.0, 75.0), (250.0, 80.0))


# Izhikevich 2004, IEEE Trans. Neural Netw. 15, figure 1 and its program: a, b, c, d, v at the beginning, what differs
# from the usual equations, and the current. Three rest on the errors of the program's Euler steps: solved exactly, the
# original values of d (-21 and -2) make depolarizing_after_potential and inhibition_induced_bursting fire on and on,
# and a second pulse at 216 ms does not silence bistability.
_FLAT = {"linear": 4.1, "constant": 108.0}
_BEHAVIOURS: dict[
    str, tuple[tuple[float, float, float, float, float], dict[str, float], Callable[[], CurrentSteps]]
] = {
    "tonic_spiking": ((0.02, 0.2, -65, 6, -70), {}, lambda: _step(100, 10, 14)),
    "phasic_spiking": ((0.02, 0.25, -65, 6, -64), {}, lambda: _step(200, 20, 0.5)),
    "tonic_bursting": ((0.02, 0.2, -50, 2, -70), {}, lambda: _step(220, 22, 15)),
    "phasic_bursting": ((0.02, 0.25, -55, 0.05, -64), {}, lambda: _step(200, 20, 0.6)),
    "mixed_mode": ((0.02, 0.2, -55, 4, -70), {}, lambda: _step(160, 16, 10)),
    "spike_frequency_adaptation": ((0.01, 0.2, -65, 8, -70), {}, lambda: _step(85, 8.5, 30)),
    "class_1_excitable": ((0.02, -0.1, -55, 6, -60), _FLAT, lambda: _ramp(300, 30, 0.075)),
    "class_2_excitable": ((0.2, 0.26, -65, 0, -64), {}, lambda: _ramp(300, 30, 0.015, first=-0.5)),
    "spike_latency": ((0.02, 0.2, -65, 6, -70), {}, lambda: _pulses(100, (10, 13, 7.04))),
    "subthreshold_oscillation": ((0.05, 0.26, -60, 0, -62), {}, lambda: _pulses(200, (20, 25, 2))),
    "resonator": (
        (0.1, 0.26, -60, -1, -62),
        {},
        lambda: _pulses(400, (40, 44, 0.65), (60, 64, 0.65), (280, 284, 0.65), (320, 324, 0.65)),
    ),
    "integrator": (
        (0.02, -0.1, -55, 6, -60),
        _FLAT,
        lambda: _pulses(100, (9.1, 11.1, 9), (14.1, 16.1, 9), (70, 72, 9), (80, 82, 9)),
    ),
    "rebound_spike": ((0.03, 0.25, -60, 4, -64), {}, lambda: _pulses(200, (20, 25, -15))),
    "rebound_burst": ((0.03, 0.25, -52, 0, -64), {}, lambda: _pulses(200, (20, 25, -15))),
    "threshold_variability": (
        (0.03, 0.25, -60, 4, -64),
        {},
        lambda: _pulses(100, (10, 15, 1), (70, 75, -6), (80, 85, 1)),
    ),
    "bistability": (
        (0.1, 0.26, -60, 0, -61),
        {},
        lambda: _pulses(300, (37.5, 42.5, 1.24), (207, 212, 1.24), rest=0.24),
    ),
    "depolarizing_after_potential": ((1, 0.2, -60, -19, -70), {}, lambda: _pulses(50, (9, 11, 20))),
    "accommodation": ((0.02, 1, -55, 4, -65), {"v_u": -65.0, "u_leak": 0.0, "u_init": -16.0}, _accommodation),
    "inhibition_induced_spiking": ((-0.02, -1, -60, 8, -63.8), {}, _inhibited),
    "inhibition_induced_bursting": ((-0.026, -1, -45, 1, -63.8), {}, _inhibited),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Izhikevich(NonLinear):
    r"""Izhikevich's neuron (2003), in mV and ms.

    .. math:: \dot v &= 0.04 v^2 + 5 v + 140 - u + I + I_{bias} \\
              \dot u &= a (b v - u), \qquad \tau_s \dot I = -I

    It fires when v passes `v_peak`; then v starts again at `c`, and u grows by `d`.

    Parameters
    ----------
    a, b, c, d : float or array
        Per neuron, as in the original.
    v_peak : float or array
        Per neuron. Where a spike is counted; lies above `c`.
    tau_syn : float or array or None
        Per neuron. None: v jumps by the weight of a spike. Else the current I does, and decays with this time constant
        (``inf``: it stays).
    bias : float or array
        Per neuron. Constant current.
    v_init, u_init : float or array, optional
        Per neuron. State at the beginning. By default v rests, where it can, else is `c`; u is what it tends to at that
        v, :math:`b v`.
    square, linear, constant : float or array
        Per neuron. Coefficients of the quadratic: 0.04, 5 and 140; the first > 0.
    v_u, u_leak : float or array
        Per neuron. u tends as :math:`\dot u = a (b (v - v_u) - u_{leak} u)`: 0 and 1.
    refractory : float or array
        Per neuron. As for :class:`ExpLIF`; u goes on as it does with v at `c`.
    tolerance : float
        How far off a spike may be, in ms: from 1e-14 to 1e-3.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.

    Notes
    -----
    Its neurons may fire without end once they have begun, so that ``infer`` asks for ``until=``.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[20.0]]), evsim.Izhikevich())
    >>> net.infer([0], [1.0], until=50.0).times.round(3)
    array([3.049])
    >>> evsim.Izhikevich.preset("tonic_bursting").c
    -50.0
    """

    a: PerNeuron = 0.02
    b: PerNeuron = 0.2
    c: PerNeuron = -65.0
    d: PerNeuron = 8.0
    v_peak: PerNeuron = 30.0
    tau_syn: PerNeuron | None = None
    bias: PerNeuron = 0.0
    v_init: PerNeuron | None = None
    u_init: PerNeuron | None = None
    square: PerNeuron = 0.04
    linear: PerNeuron = 5.0
    constant: PerNeuron = 140.0
    v_u: PerNeuron = 0.0
    u_leak: PerNeuron = 1.0

    PRESETS: ClassVar[tuple[str, ...]] = tuple(_BEHAVIOURS)
    """Names of the 20 behaviours."""

    _kernel: ClassVar[str] = "izhikevich"
    _positive: ClassVar[tuple[str, ...]] = ("square",)
    _maybe_none: ClassVar[tuple[str, ...]] = ("v_init", "u_init")
    _neuron: ClassVar[tuple[str, ...]] = (
        "a", "b", "c", "d", "v_peak", "square", "linear", "constant", "bias", "v_u", "u_leak", "tau_syn", "v_init",
        "u_init",
    )  # fmt: skip

    def _complete(self) -> None:
        self._require_below("c", "v_peak")
        if self.u_init is None and np.any(np.asarray(self.u_leak) == 0):
            raise InvalidArgumentError("with u_leak = 0, u rests nowhere: give u_init")
        names = ("b", "c", "square", "linear", "constant", "bias", "v_u", "u_leak")
        b, c, square, linear, constant, bias, v_u, u_leak = (np.asarray(getattr(self, name)) for name in names)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.divide(b, u_leak)  # of the line on which u rests
            q, r = linear - slope, constant + bias + slope * v_u
            rest = (-q - np.sqrt(q * q - 4.0 * square * r)) / (2.0 * square)
        self._set_default("v_init", np.where(np.isfinite(rest), rest, c)[()])
        if self.u_init is None:
            self._set_default("u_init", slope * (np.asarray(self.v_init) - v_u))

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Izhikevich:
        """Return the neuron of one of the 20 behaviours of Izhikevich 2004, with changes by keyword.

        Two have another `d` than the original, whose behaviour rests on the errors of its Euler steps there:
        depolarizing_after_potential (-19 for -21) and inhibition_induced_bursting (1 for -2).

        Raises
        ------
        InvalidArgumentError
            For a name that is not in :attr:`PRESETS`.
        """
        values, others, _ = find(_BEHAVIOURS, name, "Izhikevich")
        parameters: dict[str, Any] = dict(zip(("a", "b", "c", "d", "v_init"), values, strict=True))
        return cls(**{**parameters, **others, **changes})

    @classmethod
    def current(cls, name: str) -> CurrentSteps:
        """Return the current with which a preset shows its behaviour, as in the program of Izhikevich 2004.

        The second pulse of bistability comes at 207 ms instead of 216, in the phase in which it ends the firing.
        """
        _, _, current = find(_BEHAVIOURS, name, "Izhikevich")
        return current()
