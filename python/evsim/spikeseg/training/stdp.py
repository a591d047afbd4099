"""STDP with shared weights: rules that change the receptive field of a winner by the first spikes of its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ... import _core
from ..._lib.arrays import as_number, as_size
from ...errors import InvalidArgumentError
from ..config import require_choice

STABILIZERS = ("multiplicative", "additive")


class SpikePairRule(Protocol):
    """A rule that knows one input and one output spike."""

    def change(self, weight: npt.ArrayLike, t_pre: npt.ArrayLike, t_post: float) -> npt.NDArray[np.float64]:
        """Changes of weights by first input spikes (-1: never fired) and one output spike."""
        ...

    def compiled(self) -> Any:
        """Return the same rule as the engine takes it."""
        ...


def _check_bounds(w_min: float, w_max: float) -> None:
    if not as_number(w_min, "w_min") < as_number(w_max, "w_max"):
        raise InvalidArgumentError(f"w_min must lie below w_max, got {w_min} and {w_max}")


@dataclass(frozen=True)
class SimplifiedSTDP:
    r"""STDP by order alone.

    .. math:: \Delta w = \begin{cases} a^+ s(w) & 0 \le t_{pre} \le t_{post} \\ -a^- s(w) & \text{else}
       \end{cases}, \qquad s(w) = (w - w_{min}) (w_{max} - w)

    An input that never fired, and the padding, count as late. (Kheradpisheh et al. 2018, eq. 3.)

    Parameters
    ----------
    a_plus, a_minus : float
        Learning rates; negative ones turn the rule around, as a punishment does.
    stabilizer : {"multiplicative", "additive"}
        Additive leaves out s(w).
    w_min, w_max : float
        Weights are clipped to these bounds.

    Examples
    --------
    >>> from evsim.spikeseg.training import SimplifiedSTDP
    >>> SimplifiedSTDP().change([0.5, 0.5, 0.5], t_pre=[2, 7, -1], t_post=4).round(5)
    array([ 0.001  , -0.00075, -0.00075])
    """

    a_plus: float = 0.004
    a_minus: float = 0.003
    stabilizer: str = "multiplicative"
    w_min: float = 0.0
    w_max: float = 1.0

    def __post_init__(self) -> None:
        as_number(self.a_plus, "a_plus")
        as_number(self.a_minus, "a_minus")
        require_choice(self.stabilizer, STABILIZERS, "stabilizer")
        _check_bounds(self.w_min, self.w_max)

    @classmethod
    def from_paper(cls, paper: str) -> SimplifiedSTDP:
        """Return the rates of a paper: "kheradpisheh2018" (.004, .003) or "igarss2023" (.04, .03)."""
        rates = {"kheradpisheh2018": (0.004, 0.003), "igarss2023": (0.04, 0.03)}
        a_plus, a_minus = rates[require_choice(str(paper).lower(), rates, "paper")]
        return cls(a_plus, a_minus)

    def scaled(self, factor: float) -> SimplifiedSTDP:
        """Return the rule with both rates times `factor`."""
        return SimplifiedSTDP(self.a_plus * factor, self.a_minus * factor, self.stabilizer, self.w_min, self.w_max)

    def change(self, weight: npt.ArrayLike, t_pre: npt.ArrayLike, t_post: float) -> npt.NDArray[np.float64]:
        """Changes of weights, before clipping.

        Parameters
        ----------
        weight : array_like
        t_pre : array_like
            Step of the first spike of each input, -1 if it never fired.
        t_post : float
            Step of the output spike.
        """
        w, pre = np.asarray(weight, np.float64), np.asarray(t_pre)
        factor = 1.0 if self.stabilizer == "additive" else (w - self.w_min) * (self.w_max - w)
        causal = (pre >= 0) & (pre <= t_post)
        changes: npt.NDArray[np.float64] = factor * np.where(causal, self.a_plus, -self.a_minus)
        return changes

    def compiled(self) -> _core.SimplifiedStdp:
        """Return the same rule as the engine takes it."""
        return _core.SimplifiedStdp(self.a_plus, self.a_minus, self.stabilizer == "additive", self.w_min, self.w_max)


@dataclass(frozen=True)
class GuetigSTDP:
    r"""Pair-based STDP with weight-dependent changes, on first spikes.

    .. math:: \Delta w^+ = \lambda (1 - w)^{\mu^+} e^{-\Delta t / \tau^+}, \qquad
       \Delta w^- = -\lambda \alpha w^{\mu^-} e^{-|\Delta t| / \tau^-}

    with :math:`\Delta t = t_{post} - t_{pre}`; w counts from w_min to w_max. Inputs that never fired do not change.
    (Gütig et al. 2003, eqs. 1 and 2.)

    Parameters
    ----------
    learning_rate, alpha : float
        The rate, and how much stronger depression is.
    mu_plus, mu_minus : float
        0 is additive, 1 multiplicative; >= 0.
    tau_plus, tau_minus : float
        Time constants in steps; > 0.
    w_min, w_max : float
        Weights are clipped to these bounds.

    Examples
    --------
    >>> from evsim.spikeseg.training import GuetigSTDP
    >>> GuetigSTDP(mu_plus=1.0, mu_minus=1.0).change([0.5, 0.5], t_pre=[4, -1], t_post=4)
    array([0.005, 0.   ])
    """

    learning_rate: float = 0.01
    alpha: float = 1.0
    mu_plus: float = 0.0
    mu_minus: float = 0.0
    tau_plus: float = 20.0
    tau_minus: float = 20.0
    w_min: float = 0.0
    w_max: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mu_plus", "mu_minus"):
            if as_number(getattr(self, name), name) < 0:
                raise InvalidArgumentError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("tau_plus", "tau_minus"):
            if as_number(getattr(self, name), name) <= 0:
                raise InvalidArgumentError(f"{name} must be positive, got {getattr(self, name)}")
        _check_bounds(self.w_min, self.w_max)

    def change(self, weight: npt.ArrayLike, t_pre: npt.ArrayLike, t_post: float) -> npt.NDArray[np.float64]:
        """Changes of weights, before clipping; see :meth:`SimplifiedSTDP.change`."""
        w, pre = np.asarray(weight, np.float64), np.asarray(t_pre, np.float64)
        fraction = (w - self.w_min) / (self.w_max - self.w_min)
        gap = t_post - pre
        potentiation = (1 - fraction) ** self.mu_plus * np.exp(-np.maximum(gap, 0) / self.tau_plus)
        depression = -self.alpha * fraction**self.mu_minus * np.exp(np.minimum(gap, 0) / self.tau_minus)
        changes: npt.NDArray[np.float64] = self.learning_rate * np.where(gap >= 0, potentiation, depression)
        return np.where(pre < 0, 0.0, changes)

    def compiled(self) -> _core.GuetigStdp:
        """Return the same rule as the engine takes it."""
        return _core.GuetigStdp(
            self.learning_rate,
            self.alpha,
            self.mu_plus,
            self.mu_minus,
            self.tau_plus,
            self.tau_minus,
            self.w_min,
            self.w_max,
        )


@dataclass(frozen=True)
class RewardSTDP:
    """Reward-modulated STDP: one rule where the winner is right, another where it is wrong (Mozafari et al. 2018).

    The rates of a reward are scaled by the share of wrong decisions among the last `window` ones, those of a
    punishment by the share of right ones, so that a network that knows its task stops learning.

    Parameters
    ----------
    reward, punishment : SimplifiedSTDP
    window : int
        Decisions that the shares are taken of.
    least : float
        Lower bound of both scales, 0 to 1. With 0, the published rule, a network that is always wrong stays so.

    Examples
    --------
    >>> from evsim.spikeseg.training import RewardSTDP
    >>> RewardSTDP().punishment.change([0.5, 0.5], t_pre=[1, 9], t_post=4)
    array([-0.004 ,  0.0005])
    """

    reward: SimplifiedSTDP = field(default_factory=lambda: SimplifiedSTDP(0.004, 0.003, "additive", 0.2, 0.8))
    punishment: SimplifiedSTDP = field(default_factory=lambda: SimplifiedSTDP(-0.004, -0.0005, "additive", 0.2, 0.8))
    window: int = 100
    least: float = 0.0

    def __post_init__(self) -> None:
        as_size(self.window, "window")
        if not 0 <= as_number(self.least, "least") <= 1:
            raise InvalidArgumentError(f"least must be from 0 to 1, got {self.least}")

    def for_decision(self, right: bool, share_right: float) -> SimplifiedSTDP:
        """Return the rule for one decision."""
        scale = self.least + (1 - self.least) * (1 - share_right if right else share_right)
        return self.reward.scaled(scale) if right else self.punishment.scaled(scale)


def convergence(weight: npt.ArrayLike, w_min: float = 0.0, w_max: float = 1.0) -> float:
    """How far weights are from their bounds: the mean of w (1 - w) of weights scaled to [0, 1].

    At most 0.25; learning has converged when it is below 0.01 (Kheradpisheh et al. 2018, eq. 4).

    Examples
    --------
    >>> from evsim.spikeseg.training import convergence
    >>> convergence([0.0, 1.0, 0.5, 0.5])
    0.125
    """
    _check_bounds(w_min, w_max)
    fraction = (np.asarray(weight, np.float64) - w_min) / (w_max - w_min)
    return float(np.mean(fraction * (1 - fraction)))
