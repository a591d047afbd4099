"""Traces: where an object was, and how its events lie around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .scene import SPREAD, Floats, Ints, Scene

_ACCELERATION, _TURNING = 0.5, 0.03
"""Pixels per squared second by which the velocity of an object may change, and for each pixel per second that it has:
what flies by turns the faster the faster it is."""
_KNOT = 0.1
"""Seconds between points of a path."""
_MOST_KNOTS = 600
_REACH = 6.0
"""Pixels around a path in which its events lie."""
_PRIOR = 8.0
"""Events of a round spot of one pixel that count beside those of an object."""

_LEAD = 1.25
"""How far events of a spot are ahead, in standard deviations to the sides: 1.15 to 1.3 for all brightnesses."""
_SLOW = 2.0
"""Pixels per second."""


@dataclass(eq=False)
class Trace:
    """One object.

    Attributes
    ----------
    knots : ndarray of float64, shape (n,)
        Seconds.
    path : ndarray of float64, shape (n, 2)
        (x, y) at these times; straight in between.
    velocity : ndarray of float64, shape (2,)
        Mean, in pixels per second, of where it was well inside the picture.
    velocity_error : float
        Standard deviation of each component.
    rate : ndarray of float64, shape (2,)
        OFF and ON events per second.
    mean : ndarray of float64, shape (2, 2)
        Of OFF and of ON events: where they lie beside the path.
    covariance : ndarray of float64, shape (2, 2, 2)
    """

    knots: Floats
    path: Floats
    velocity: Floats
    velocity_error: float
    rate: Floats
    mean: Floats
    covariance: Floats

    @property
    def start(self) -> float:
        """First second."""
        return float(self.knots[0])

    @property
    def stop(self) -> float:
        """Last second."""
        return float(self.knots[-1])

    def at(self, t: Floats) -> Floats:
        """Places (x, y), shape (n, 2)."""
        return np.stack([np.interp(t, self.knots, self.path[:, k]) for k in range(2)], axis=-1)

    def centres(self) -> Floats:
        """Where the object itself was at the knots: its events run ahead of it, shape (n, 2).

        A spot that comes brightens a pixel before its middle is there, and darkens it afterwards. How far events of the
        leading polarity are ahead follows from how far they lie to the sides.
        """
        heading = np.gradient(self.path, self.knots, axis=0)
        speed = np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-9)[:, np.newaxis]
        heading = heading / speed
        leading = int(self.rate.argmax())
        aside = np.stack([-heading[:, 1], heading[:, 0]], axis=1)
        width = np.sqrt(np.einsum("ni,ij,nj->n", aside, self.covariance[leading], aside))
        # Where it hardly moves, nothing is ahead.
        ahead = _LEAD * width[:, np.newaxis] * heading * np.minimum(speed / _SLOW, 1.0)
        centres: Floats = self.path + self.mean[leading] - ahead
        return centres

    def density(self, off: Floats, on: npt.NDArray[np.bool_]) -> Floats:
        """Events per second and pixel, of the polarity given, at places beside the path."""
        value = np.empty(len(off))
        for polarity in range(2):
            which = on == bool(polarity)
            d = off[which] - self.mean[polarity]
            (a, b), (_, c) = self.covariance[polarity]
            area = a * c - b * b
            squared = (c * d[:, 0] ** 2 - 2 * b * d[:, 0] * d[:, 1] + a * d[:, 1] ** 2) / area
            value[which] = self.rate[polarity] / (2 * np.pi * np.sqrt(area)) * np.exp(-0.5 * squared)
        return value


def around(scene: Scene, trace: Trace) -> tuple[Ints, Floats]:
    """Events next to a path, and how far from it they are in x and y."""
    part = scene.between(trace.start, np.nextafter(trace.stop, np.inf))
    (x0, y0), (x1, y1) = trace.path.min(axis=0) - _REACH, trace.path.max(axis=0) + _REACH
    x, y = scene.x[part], scene.y[part]
    index = part.start + np.flatnonzero((x > x0) & (x < x1) & (y > y0) & (y < y1))
    off = np.stack([scene.x[index], scene.y[index]], axis=1) - trace.at(scene.t[index])
    close = off[:, 0] ** 2 + off[:, 1] ** 2 < _REACH**2
    return index[close], off[close]


def traced(scene: Scene, members: Ints, weight: Floats | None = None, rest: Floats | None = None) -> Trace:
    """The trace of some events; those far from the path that the others make count less.

    Parameters
    ----------
    members : ndarray of int64, shape (n,)
        Events, in order.
    weight : ndarray of float64, shape (n,), optional
        How sure it is that each belongs to the object.
    rest : ndarray of float64, shape (n_events,), optional
        Events per second and pixel that anything else causes, at each event of the scene. By default noise, and what no
        trace has.
    """
    t, xy = scene.t[members], np.stack([scene.x[members], scene.y[members]], axis=1)
    sure = np.ones(len(t)) if weight is None else weight
    near = sure
    for _ in range(3):
        knots, path = smooth(t, xy, near, float(t[0]), float(t[-1]))
        at = np.stack([np.interp(t, knots, path[:, k]) for k in range(2)], axis=1)
        near = sure * np.exp(-((xy - at) ** 2).sum(axis=1) / (2 * SPREAD**2))
    velocity, error = _velocity(t, xy, near, at, scene.size)
    trace = Trace(knots, path, velocity, error, np.ones(2), np.zeros((2, 2)), np.tile(np.eye(2), (2, 1, 1)))
    index, off = around(scene, trace)
    others = np.where(scene.owner[index] < 0, 0.5 * scene.noise[index], np.inf) if rest is None else rest[index]
    _shape(trace, off, scene.on[index], others)
    return trace


def smooth(t: Floats, xy: Floats, weight: Floats, start: float, stop: float) -> tuple[Floats, Floats]:
    """A path of straight pieces with little acceleration, by least squares with a penalty on second differences.

    (Whittaker, Proc. Edinburgh Math. Soc. 41, 1923; Eilers and Marx, Statistical Science 11, 1996.)

    Returns
    -------
    tuple of ndarray
        Knots, shape (n,), and path, shape (n, 2).
    """
    n = min(max(int(np.ceil((stop - start) / _KNOT)), 1), _MOST_KNOTS) + 1
    knots = np.linspace(start, max(stop, start + 1e-6), n)
    step = float(knots[1] - knots[0])
    place = np.clip((t - start) / step, 0, n - 1 - 1e-9)
    k = place.astype(np.int64)
    after = place - k
    matrix, right = 1e-9 * np.eye(n), np.zeros((n, 2))
    for i, share in ((k, 1 - after), (k + 1, after)):
        np.add.at(right, i, (weight * share)[:, np.newaxis] * xy)
        for j, other in ((k, 1 - after), (k + 1, after)):
            np.add.at(matrix, (i, j), weight * share * other)
    if n > 2:
        second = np.diff(np.eye(n), n=2, axis=0)
        centred = (t - t.mean()) * weight
        speed = float(np.hypot(*(centred @ xy))) / (float(centred @ (t - t.mean())) + 1e-3)
        matrix += (SPREAD / ((_ACCELERATION + _TURNING * speed) * step**2)) ** 2 * second.T @ second
    return knots, np.asarray(np.linalg.solve(matrix, right), np.float64)


def _velocity(t: Floats, xy: Floats, weight: Floats, at: Floats, size: tuple[int, int]) -> tuple[Floats, float]:
    """Slope and its error. At the edge of the picture half of an object is missing, which looks like motion."""
    margin = 2.5 * SPREAD
    inside = ((at > margin) & (at < np.array(size) - 1 - margin)).all(axis=1)
    whole = inside.sum() >= 12
    w = np.where(inside, weight, 0.0) if whole else weight
    total = max(float(w.sum()), 1e-12)
    centred = t - (w @ t) / total
    moment = float(w @ centred**2) + 1e-6
    velocity = (w * centred) @ (xy - (w @ xy) / total) / moment
    return velocity, SPREAD / np.sqrt(moment) * (1.0 if whole else 3.0)


def _shape(trace: Trace, off: Floats, on: npt.NDArray[np.bool_], rest: Floats) -> None:
    """Fit two Gaussians, of ON and of OFF events, beside all else, by expectation and maximisation."""
    seconds = max(trace.stop - trace.start, 0.05)
    trace.rate = np.array([max(int((on == bool(k)).sum()), 1) for k in range(2)]) / seconds * 0.6
    for _ in range(8):
        signal = trace.density(off, on)
        share = signal / (signal + rest)
        for polarity in range(2):
            w = np.where(on == bool(polarity), share, 0.0)
            total = float(w.sum())
            mean = (w @ off) / (total + _PRIOR)
            d = off - mean
            trace.rate[polarity] = max(total, 0.1) / seconds
            trace.mean[polarity] = mean
            trace.covariance[polarity] = ((w[:, np.newaxis] * d).T @ d + _PRIOR * np.eye(2)) / (total + _PRIOR)
