"""Thresholds that keep all maps in the game."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..._lib.arrays import as_number
from ...errors import InvalidArgumentError


@dataclass(frozen=True)
class Homeostasis:
    """Maps that spike become harder to excite; maps that never do get a new chance.

    After each sample every threshold decays towards `rest` with the time constant `tau`; then the maps that spiked gain
    `increment`, up to `cap`. Maps that spiked in less than `min_rate` of the samples get Gaussian noise on
    their weights once `patience` samples have passed, and their count begins anew.

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

    Examples
    --------
    >>> from evsim.spikeseg.training import Homeostasis
    >>> Homeostasis(rest=0.1).step([0.1, 0.5], [True, False]).round(4)
    array([0.12  , 0.4992])
    """

    rest: float | None = None
    increment: float = 0.02
    cap: float = 10.0
    tau: float = 500.0
    min_rate: float = 0.01
    patience: int = 100
    noise: float = 0.1

    def __post_init__(self) -> None:
        if as_number(self.tau, "tau") <= 0:
            raise InvalidArgumentError(f"tau must be positive, got {self.tau}")
        for name in ("increment", "cap", "min_rate", "noise"):
            if as_number(getattr(self, name), name) < 0:
                raise InvalidArgumentError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.rest is not None and as_number(self.rest, "rest") <= 0:
            raise InvalidArgumentError(f"rest must be positive, got {self.rest}")

    def step(
        self, thresholds: npt.ArrayLike, spiked: npt.ArrayLike, rest: float | None = None
    ) -> npt.NDArray[np.float64]:
        """Thresholds after a sample.

        Parameters
        ----------
        thresholds : array_like, shape (n_maps,)
        spiked : array_like of bool, shape (n_maps,)
            Which maps spiked in the sample.
        rest : float, optional
            In place of one's own `rest`.
        """
        base = self.rest if self.rest is not None else rest
        if base is None:
            raise InvalidArgumentError("homeostasis needs a resting threshold; give rest=")
        values = base + (np.asarray(thresholds, np.float64) - base) * np.exp(-1.0 / self.tau)
        raised = np.minimum(values + self.increment, max(self.cap, base))
        result: npt.NDArray[np.float64] = np.where(np.asarray(spiked), raised, values)
        return result


@dataclass
class MapStatistics:
    """How often each map of a layer has spiked and won."""

    wins: npt.NDArray[np.int64]
    spiked: npt.NDArray[np.int64]
    seen: npt.NDArray[np.int64]
    thresholds: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, n_maps: int, threshold: float) -> MapStatistics:
        """Nothing has happened yet."""
        wins, spiked, seen = np.zeros((3, n_maps), np.int64)
        return cls(wins, spiked, seen, np.full(n_maps, threshold))

    def dead(self, rule: Homeostasis) -> npt.NDArray[np.bool_]:
        """Maps that have had their chance and hardly ever spiked."""
        dead: npt.NDArray[np.bool_] = (self.seen >= rule.patience) & (self.spiked < rule.min_rate * self.seen)
        return dead
