"""Events on their way to objects, and straight lines through some of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SPREAD = 1.5
"""Pixels that events of a point lie around it, to begin with; what an object's own events say comes after."""
GATE = 2.5
"""Pixels around a line in which its events are looked for."""
_PRIOR = 1e-3
"""Weight, in squared seconds, of the velocity that a line had before."""


@dataclass(eq=False)
class Scene:
    """Events, without those of hot pixels.

    Attributes
    ----------
    t, x, y : ndarray of float64, shape (n_events,)
        Seconds since the first event, and pixels.
    on : ndarray of bool, shape (n_events,)
        Polarity.
    noise : ndarray of float64, shape (n_events,)
        Events of noise per second at the pixel of each event.
    size : tuple of int
        (width, height).
    owner : ndarray of int64, shape (n_events,)
        Number of the trace that has the event, -1 if none.
    """

    t: Floats
    x: Floats
    y: Floats
    on: npt.NDArray[np.bool_]
    noise: Floats
    size: tuple[int, int]
    owner: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.owner = np.full(len(self.t), -1, np.int64)

    @property
    def stop(self) -> float:
        """Time of the last event."""
        return float(self.t[-1]) if len(self.t) else 0.0

    def has(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether a place is in the picture or at most `margin` pixels beside it."""
        width, height = self.size
        return -0.5 - margin <= x < width - 0.5 + margin and -0.5 - margin <= y < height - 0.5 + margin

    def between(self, start: float, stop: float) -> slice:
        """Events with start <= t < stop."""
        first, last = np.searchsorted(self.t, (start, stop))
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Line:
    """Straight motion: where it is at `time`, its velocity, and the variances of both."""

    time: float
    x: float
    y: float
    vx: float
    vy: float
    position_variance: float = SPREAD**2
    velocity_variance: float = 100.0

    def at(self, t: Floats) -> tuple[Floats, Floats]:
        """Place at some times."""
        return self.x + self.vx * (t - self.time), self.y + self.vy * (t - self.time)

    def place(self, t: float) -> tuple[float, float]:
        """Place at one time."""
        return self.x + self.vx * (t - self.time), self.y + self.vy * (t - self.time)

    def error(self, t: float) -> float:
        """Standard deviation of the place."""
        return float(np.sqrt(self.position_variance + self.velocity_variance * (t - self.time) ** 2))


def near(scene: Scene, line: Line, start: float, stop: float, gate: float = GATE) -> Ints:
    """Events that no trace has, within `gate` pixels of a line."""
    part = scene.between(start, stop)
    x, y = line.at(scene.t[part])
    close = (scene.x[part] - x) ** 2 + (scene.y[part] - y) ** 2 < gate**2
    inside: Ints = part.start + np.flatnonzero(close & (scene.owner[part] < 0))
    return inside


def fit(scene: Scene, members: Ints, line: Line) -> Line:
    """The line through some events by least squares; those far from the line before count less."""
    t, x, y = scene.t[members], scene.x[members], scene.y[members]
    at_x, at_y = line.at(t)
    weight = np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * SPREAD**2))
    total = max(float(weight.sum()), 1e-12)
    mean_t, mean_x, mean_y = (float(weight @ values) / total for values in (t, x, y))
    # A few events of one instant say nothing about the velocity: then it stays what it was.
    t = t - mean_t
    moment = float(weight @ t**2) + _PRIOR
    vx = (float((weight * t) @ (x - mean_x)) + _PRIOR * line.vx) / moment
    vy = (float((weight * t) @ (y - mean_y)) + _PRIOR * line.vy) / moment
    return Line(mean_t, mean_x, mean_y, vx, vy, SPREAD**2 / total, SPREAD**2 / moment)


def evidence(count: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """How much better a Poisson process of its own explains `count` events than noise does, in natural logarithms.

    n log(n / m) - (n - m) for n events where m were expected, and 0 for fewer: half the deviance. Noise gives more than
    e with a probability of at most exp(-e) (Chernoff's bound).
    """
    n, m = np.asarray(count, np.float64), np.maximum(np.asarray(expected, np.float64), 1e-12)
    return np.where(n > m, n * np.log(np.maximum(n, 1e-12) / m) - (n - m), 0.0)
