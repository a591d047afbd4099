"""Thresholds that keep all maps in the game."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..._lib.arrays import as_number
from ...errors import InvalidArgumentError
from ..config import require_choice

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COUNTED = ("winners", "spikes")


@dataclass(frozen=True)
class Homeostasis:
    r"""Maps that win become harder to excite; maps that never do get a new chance.

    After each sample the thresholds of the maps that are counted gain `increment`, up to `cap`; then every threshold
    decays towards `rest` with the time constant `tau`:

    .. math:: \theta \leftarrow \theta_{rest} + (\min(\theta + \Delta, \theta_{cap}) - \theta_{rest}) e^{-1/\tau}

    Maps that are counted in less than `min_rate` of the samples get Gaussian noise on their weights once `patience`
    samples have passed, and their count begins anew.

    Parameters
    ----------
    rest : float, optional
        Threshold of a silent map; by default that of the layer.
    increment, cap : float
    tau : float
        In samples; > 0.
    min_rate : float
        Share of samples.
    patience : int
        In samples.
    noise : float
        Standard deviation.
    counts : {"winners", "spikes"}
        Which maps count: those that won a sample and so learned from it, or those that spiked at all. Many maps spike
        in a sample that one of them wins, so only the winners' thresholds share out the learning.

    Examples
    --------
    >>> from evsim.spikeseg.training import Homeostasis
    >>> Homeostasis(rest=0.1).step([0.1, 0.5], [True, False]).round(5)
    array([0.11996, 0.4992 ])
    """

    rest: float | None = None
    increment: float = 0.02
    cap: float = 10.0
    tau: float = 500.0
    min_rate: float = 0.01
    patience: int = 100
    noise: float = 0.1
    counts: str = "winners"

    def __post_init__(self) -> None:
        if as_number(self.tau, "tau") <= 0:
            raise InvalidArgumentError(f"tau must be positive, got {self.tau}")
        for name in ("increment", "cap", "min_rate", "patience", "noise"):
            if as_number(getattr(self, name), name) < 0:
                raise InvalidArgumentError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.rest is not None and as_number(self.rest, "rest") <= 0:
            raise InvalidArgumentError(f"rest must be positive, got {self.rest}")
        require_choice(self.counts, COUNTED, "counts")

    def step(self, thresholds: npt.ArrayLike, counted: npt.ArrayLike, rest: float | None = None) -> Floats:
        """Thresholds after a sample.

        Parameters
        ----------
        thresholds : array_like, shape (n_maps,)
        counted : array_like of bool, shape (n_maps,)
            Which maps won the sample, or spiked in it, as `counts` says.
        rest : float, optional
            In place of one's own `rest`.
        """
        base = self.rest if self.rest is not None else rest
        if base is None:
            raise InvalidArgumentError("homeostasis needs a resting threshold; give rest=")
        values = np.asarray(thresholds, np.float64)
        raised = np.minimum(values + self.increment, max(self.cap, base))
        result: Floats = base + (np.where(np.asarray(counted), raised, values) - base) * np.exp(-1.0 / self.tau)
        return result


@dataclass(frozen=True)
class MapStatistics:
    """How often each map of a layer has won, and how homeostasis has counted it."""

    wins: Ints
    counted: Ints
    seen: Ints
    thresholds: Floats = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, n_maps: int, threshold: float) -> MapStatistics:
        """Nothing has happened yet."""
        wins, counted, seen = np.zeros((3, n_maps), np.int64)
        return cls(wins, counted, seen, np.full(n_maps, threshold))

    def with_wins(self, won: Ints) -> MapStatistics:
        """After a sample with this many winners of each map."""
        return replace(self, wins=self.wins + won)

    def regulated(self, rule: Homeostasis, counted: npt.NDArray[np.bool_], rest: float) -> MapStatistics:
        """After a sample in which these maps are counted."""
        thresholds = rule.step(self.thresholds, counted, rest)
        return replace(self, counted=self.counted + counted, seen=self.seen + 1, thresholds=thresholds)

    def dead(self, rule: Homeostasis) -> Ints:
        """Maps that have had their chance and were hardly ever counted."""
        dead: Ints = np.flatnonzero((self.seen >= rule.patience) & (self.counted < rule.min_rate * self.seen))
        return dead

    def revived(self, maps: Ints) -> MapStatistics:
        """The counts of these maps begin anew."""
        counted, seen = self.counted.copy(), self.seen.copy()
        counted[maps] = seen[maps] = 0
        return replace(self, counted=counted, seen=seen)
