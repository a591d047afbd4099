"""What a loss says of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from .gradients import Gradients
from .looks import Triple
from .tape import Tape

__all__ = ["LossValue"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LossValue:
    """What a loss says of a run.

    Losses of one run add up with ``+``, and ``*`` scales them.

    Attributes
    ----------
    value : float
    per_sample : ndarray of float64, shape (n_samples,)
    spikes : dict of str to list of ndarray, or to ndarray
        As :meth:`Tape.backward` takes them: derivatives by the times of spikes, per sample, or of all samples in a row.
    potentials : dict of str to list of (neurons, times, derivatives)
        Likewise, by potentials.
    maxima, means : dict of str to ndarray, shape (n_samples, n_neurons)
        Likewise, by the highest potentials and the mean potentials of readouts.
    scores : ndarray or None, shape (n_samples, n_classes)
        Of losses that classify: the class with the highest is the answer.
    """

    value: float
    per_sample: Floats
    spikes: dict[str, Any] = field(default_factory=dict)
    potentials: dict[str, list[Triple]] = field(default_factory=dict)
    maxima: dict[str, Floats] = field(default_factory=dict)
    means: dict[str, Floats] = field(default_factory=dict)
    scores: Floats | None = None

    def __add__(self, other: LossValue) -> LossValue:
        if not isinstance(other, LossValue):
            return NotImplemented
        spikes = _sums(
            {name: _in_a_row(rows) for name, rows in self.spikes.items()},
            {name: _in_a_row(rows) for name, rows in other.spikes.items()},
        )
        potentials = dict(self.potentials)
        for name, seeds in other.potentials.items():
            mine = potentials.get(name)
            potentials[name] = seeds if mine is None else [_joined(a, b) for a, b in zip(mine, seeds, strict=True)]
        maxima, means = _sums(self.maxima, other.maxima), _sums(self.means, other.means)
        scores = other.scores if self.scores is None else self.scores
        per_sample = self.per_sample + other.per_sample
        return LossValue(self.value + other.value, per_sample, spikes, potentials, maxima, means, scores)

    def __mul__(self, factor: float) -> LossValue:
        return LossValue(
            self.value * factor,
            self.per_sample * factor,
            {name: _in_a_row(rows) * factor for name, rows in self.spikes.items()},
            {name: [(n, t, d * factor) for n, t, d in rows] for name, rows in self.potentials.items()},
            {name: rows * factor for name, rows in self.maxima.items()},
            {name: rows * factor for name, rows in self.means.items()},
            self.scores,
        )

    __rmul__ = __mul__

    def backward(self, tape: Tape, **options: Any) -> Gradients:
        """Return ``tape.backward(...)`` of these derivatives; `options` as of :meth:`Tape.backward`."""
        return tape.backward(self.spikes, potentials=self.potentials, maxima=self.maxima, means=self.means, **options)


def _in_a_row(rows: Any) -> Floats:
    return rows if isinstance(rows, np.ndarray) else np.concatenate([np.empty(0), *rows])


def _sums(mine: dict[str, Floats], more: dict[str, Floats]) -> dict[str, Floats]:
    zero = np.zeros(())
    return {name: np.asarray(mine.get(name, zero) + more.get(name, zero)) for name in {**mine, **more}}


def _joined(a: Triple, b: Triple) -> Triple:
    neurons, times, derivatives = (np.concatenate([x, y]) for x, y in zip(a, b, strict=True))
    return neurons, times, derivatives


__dir__ = only_public(__all__)
