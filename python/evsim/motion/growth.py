"""From one event and a velocity to all events of an object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .scene import GATE, Ints, Line, Scene, evidence, fit, near

Floats = npt.NDArray[np.float64]

_AREA = np.pi * GATE**2
_ALIVE = 0.35
"""Share of an object's rate below which it is not there."""
_SOON = 0.3
"""Share of the evidence that a line needs from the first look on."""
_SMOOTHING = 0.3
"""How fast the estimate of an object's rate follows."""


class Reach(NamedTuple):
    """How traces grow.

    Attributes
    ----------
    window : float
        Seconds around a seed, to either side, in which its line must show.
    least : float
        Evidence that a line needs, see :func:`~.scene.evidence`.
    step, memory, gap : float
        Seconds that a trace grows at a time; that it remembers its way for; that it goes on without any events.
    """

    window: float
    least: float
    step: float = 0.1
    memory: float = 1.0
    gap: float = 0.5


@dataclass
class _End:
    """The growing end of a trace."""

    line: Line
    recent: Ints
    rate: float
    edge: float


def grow(scene: Scene, seed: int, velocity: Floats, reach: Reach) -> tuple[Ints, bool]:
    """All events of the object that a seed belongs to, in order, and whether there is evidence enough for one.

    Parameters
    ----------
    seed : int
        An event.
    velocity : ndarray of float64, shape (2,)
        Pixels per second, roughly.

    Returns
    -------
    tuple
        If there is not enough evidence, the events are those around the seed.
    """
    line, members, enough = _first_line(scene, seed, velocity, reach)
    if not enough:
        return members, False
    noise = float(scene.noise[members].mean())
    span = max(float(scene.t[members[-1]] - scene.t[members[0]]), reach.window)
    rate = max(len(members) / span - noise * _AREA, 1.0)
    parts = [members]
    for direction, last in ((1, -1), (-1, 0)):
        end = _End(line, members, rate, float(scene.t[members[last]]))
        parts += _extend(scene, end, direction, noise, reach)
    return np.unique(np.concatenate(parts)), True


def _first_line(scene: Scene, seed: int, velocity: Floats, reach: Reach) -> tuple[Line, Ints, bool]:
    """The line around a seed, its events, and whether they are too many for noise."""
    t, noise = float(scene.t[seed]), float(scene.noise[seed])
    line = Line(t, float(scene.x[seed]), float(scene.y[seed]), float(velocity[0]), float(velocity[1]))
    half = reach.window / 2
    for side, gate in ((half, GATE + 1), (half, GATE), (2 * half, GATE + 0.5), (2 * half, GATE)):
        start, stop = max(t - side, 0.0), min(t + side, scene.stop)
        members = near(scene, line, start, np.nextafter(stop, np.inf), gate)
        surplus = evidence(len(members), noise * np.pi * gate**2 * (stop - start))
        if len(members) < 5 or surplus < _SOON * reach.least:
            return line, members, False
        line = fit(scene, members, line)
    members = near(scene, line, start, np.nextafter(stop, np.inf))
    enough = len(members) >= 5 and evidence(len(members), noise * _AREA * (stop - start)) >= reach.least
    return line, members, bool(enough)


def _extend(scene: Scene, end: _End, direction: int, noise: float, reach: Reach) -> list[Ints]:
    """Follow a line on, step by step, until it has been silent for too long or leaves the picture."""
    gained, silent = [], 0.0
    while silent < reach.gap - 1e-9 and 0 <= end.edge <= scene.stop and scene.has(*end.line.place(end.edge), 2.0):
        stop = end.edge + direction * reach.step
        first, last = min(end.edge, stop), max(end.edge, stop)
        gate = GATE + min(2 * end.line.error(stop), 2.0)
        new = near(scene, end.line, first, last, gate)
        end.edge = stop
        seen = min(last, scene.stop) - max(first, 0.0)
        if len(new) - noise * np.pi * gate**2 * seen <= _ALIVE * max(end.rate * seen, 1.0):
            silent += reach.step
            continue
        silent = 0.0
        gained.append(new)
        recent = np.concatenate([end.recent, new])
        end.recent = recent[np.abs(scene.t[recent] - stop) < reach.memory]
        end.line = fit(scene, end.recent, fit(scene, end.recent, end.line))
        back = stop - direction * reach.memory
        seen = len(near(scene, end.line, min(back, stop), max(back, stop))) / reach.memory - noise * _AREA
        end.rate += _SMOOTHING * (max(seen, 1.0) - end.rate)
    return gained
