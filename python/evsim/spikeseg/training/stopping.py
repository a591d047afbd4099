"""When a layer has learned enough, and what happened until then."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..._lib.arrays import as_number, as_size
from ...errors import InvalidArgumentError

REASONS = ("", "converged", "wins", "patience", "epochs")


@dataclass(frozen=True)
class Stopping:
    """When a layer has learned enough; whatever comes first ends it.

    Parameters
    ----------
    epochs : int
        Passes through the samples.
    convergence : float, optional
        Stop when :func:`evsim.spikeseg.training.convergence` falls below this.
    wins : int, optional
        Stop when `map_share` of the maps have won this often (the reference package has 10).
    map_share : float
    patience : int, optional
        Stop when the convergence has not improved for so many samples.
    check_every : int
        How often, in samples, all this is looked at.

    Examples
    --------
    >>> from evsim.spikeseg.training import Stopping
    >>> Stopping(epochs=3, wins=10).map_share
    0.9
    """

    epochs: int = 1
    convergence: float | None = 0.01
    wins: int | None = None
    map_share: float = 0.9
    patience: int | None = None
    check_every: int = 100

    def __post_init__(self) -> None:
        as_size(self.epochs, "epochs")
        as_size(self.check_every, "check_every")
        if not 0 < as_number(self.map_share, "map_share") <= 1:
            raise InvalidArgumentError(f"map_share must be above 0 and at most 1, got {self.map_share}")
        for name in ("convergence", "wins", "patience"):
            if getattr(self, name) is not None:
                as_number(getattr(self, name), name)

    def reason(self, history: LayerHistory) -> str | None:
        """Why to stop, or None."""
        if self.convergence is not None and history.convergence[-1] < self.convergence:
            return "converged"
        if self.wins is not None and np.mean(np.asarray(history.wins) >= self.wins) >= self.map_share:
            return "wins"
        if self.patience is not None:
            best = int(np.argmin(history.convergence))
            if history.samples[-1] - history.samples[best] >= self.patience:
                return "patience"
        return None


@dataclass(repr=False, slots=True)
class LayerHistory:
    """What happened while a layer learned.

    Attributes
    ----------
    samples, convergence : list
        Number of samples seen, and the convergence then.
    wins : list of int
        How often each map was a winner.
    thresholds : list of float
        Of each map, as homeostasis left them.
    n_samples : int
        Samples seen.
    accuracy : list of float
        With labels: share of right decisions since the last entry.
    stopped : str
        "converged", "wins", "patience", "epochs", or "" while it goes on.

    Examples
    --------
    >>> from evsim.spikeseg.training import LayerHistory
    >>> LayerHistory([100], [0.12], [40, 31, 29], [10.0] * 3, 100, stopped="epochs")
    LayerHistory(100 samples, convergence 0.12, wins 29 to 40 of 3 maps, stopped by epochs)
    """

    samples: list[int] = field(default_factory=list)
    convergence: list[float] = field(default_factory=list)
    wins: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    n_samples: int = 0
    accuracy: list[float] = field(default_factory=list)
    stopped: str = ""

    def __repr__(self) -> str:
        parts = [f"{self.n_samples:,} sample{'s' * (self.n_samples != 1)}"]
        if self.convergence:
            parts.append(f"convergence {self.convergence[-1]:.3g}")
        if self.wins:
            n = len(self.wins)
            parts.append(f"wins {min(self.wins):,} to {max(self.wins):,} of {n} map{'s' * (n != 1)}")
        if self.accuracy:
            parts.append(f"accuracy {self.accuracy[-1]:.3g}")
        parts.append(f"stopped by {self.stopped}" if self.stopped else "not stopped")
        return f"LayerHistory({', '.join(parts)})"
