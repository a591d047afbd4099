"""Straight lines in x, y and time by votes (Hough 1962): what a person might write who looks for satellites.

For every velocity of a grid, events vote for the place where they would have been in the middle of their window. The
places with most votes are taken one after the other, each refined by least squares, and its events are taken away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import evsim

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Line(NamedTuple):
    """x + vx (t - middle), y + vy (t - middle), and which events lie on it."""

    x: float
    y: float
    vx: float
    vy: float
    events: npt.NDArray[np.int64]


class HoughSettings(NamedTuple):
    """What a user has to choose.

    Attributes
    ----------
    window : float
        Seconds; windows overlap by half.
    votes : float
        Least number of votes, in standard deviations of the noise above its mean.
    radius : float
        Pixels around a line whose events it takes.
    apart : float
        Pixels per second beside the background's velocity from which on a line is a satellite.
    cell, fastest : float
        Pixels of a cell; largest speed looked for.
    """

    window: float = 0.25
    votes: float = 8.0
    radius: float = 2.0
    apart: float = 5.0
    cell: float = 3.0
    fastest: float = 185.0


def satellites(events: evsim.EventArray, settings: HoughSettings) -> Bools:
    """Which events lie on lines that do not move as most lines do; hot pixels are left out first."""
    hot = evsim.events.filters.find_hot_pixels(events)[events.y, events.x]
    index = np.flatnonzero(~hot)
    t, x, y = events.t[index] * 1e-6, events.x[index].astype(float), events.y[index].astype(float)
    found = np.zeros(len(events), bool)
    starts = np.arange(t[0], t[-1], settings.window / 2)
    lines = []
    for start in starts:
        first, last = np.searchsorted(t, (start, start + settings.window))
        part = slice(int(first), int(last))
        rate = last - first
        expected = rate * settings.cell**2 / (events.width * events.height)
        middle = start + settings.window / 2
        here = window_lines(t[part] - middle, x[part], y[part], expected, settings)
        lines += [line._replace(events=index[part][line.events]) for line in here]
    drift = common_velocity(np.array([(line.vx, line.vy) for line in lines]).reshape(-1, 2), settings.apart / 2)
    for line in lines:
        if np.hypot(line.vx - drift[0], line.vy - drift[1]) > settings.apart:
            found[line.events] = True
    return found


def window_lines(t: Floats, x: Floats, y: Floats, expected: float, settings: HoughSettings) -> list[Line]:
    """All lines of one window, whose middle is at time 0."""
    least = max(expected + settings.votes * np.sqrt(expected), 6.0)
    step = 2 * settings.cell / settings.window
    n = int(settings.fastest / step)
    candidates = []
    cells = []
    for vx in step * np.arange(-n, n + 1):
        for vy in step * np.arange(-n, n + 1):
            if np.hypot(vx, vy) > settings.fastest:
                continue
            column, row = np.floor((x - vx * t) / settings.cell), np.floor((y - vy * t) / settings.cell)
            key = ((row + 300) * 1000 + column + 300).astype(np.int64)
            votes = np.bincount(key)
            for cell in np.flatnonzero(votes >= least):
                candidates.append((int(votes[cell]), vx, vy))
                cells.append(((cell % 1000 - 299.5) * settings.cell, (cell // 1000 - 299.5) * settings.cell))
    left = np.ones(len(t), bool)
    lines = []
    for k in np.argsort([-c[0] for c in candidates], kind="stable"):
        line = Line(*cells[k], *candidates[k][1:], np.empty(0, np.int64))
        for radius in (settings.cell, settings.cell, settings.radius, settings.radius):
            off = np.hypot(x - line.x - line.vx * t, y - line.y - line.vy * t)
            near = np.flatnonzero(left & (off < radius))
            if len(near) < least:
                break
            line = least_squares(t, x, y, near)
        if len(near) >= least:
            lines.append(line)
            left[line.events] = False
    return lines


def least_squares(t: Floats, x: Floats, y: Floats, near: npt.NDArray[np.int64]) -> Line:
    """The line through some events."""
    a = np.stack([np.ones(len(near)), t[near]], axis=1)
    (x0, y0), (vx, vy) = np.linalg.lstsq(a, np.stack([x[near], y[near]], axis=1), rcond=None)[0].tolist()
    return Line(x0, y0, vx, vy, near)


def common_velocity(velocities: Floats, near: float) -> Floats:
    """The velocity that has most others around it, if 3 lines in 10 share it; else that of a camera at rest."""
    if len(velocities) < 3:
        return np.zeros(2)
    close = np.linalg.norm(velocities[:, np.newaxis] - velocities, axis=2) < near
    best = int(close.sum(axis=1).argmax())
    return velocities[close[best]].mean(axis=0) if close[best].mean() >= 0.3 else np.zeros(2)
