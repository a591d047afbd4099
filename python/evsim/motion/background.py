"""The velocity that most traces share, and which traces do not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .bank import VelocityBank
from .growth import Reach
from .scene import Floats, Scene
from .sweep import sweep
from .traces import Trace

_SHARED = 3
"""Traces that make a background."""
_SAME = 1.0
"""Pixels per second, beside their errors, by which traces of one background may differ."""
_APART, _SIGMAS = 1.5, 4.0
"""Pixels per second, and standard deviations beside, from which on a trace moves against the background."""
_CANDIDATES = 12


class Background(NamedTuple):
    """Velocity that most traces share (0 if none), its error, and how many share it."""

    velocity: Floats
    error: float
    n_traces: int


def common_velocity(traces: list[Trace]) -> Background:
    """The velocity that most traces have, at least three of them: the background's."""
    velocities = np.array([trace.velocity for trace in traces]).reshape(-1, 2)
    errors = np.array([trace.velocity_error for trace in traces])
    if len(traces):
        apart = np.linalg.norm(velocities[:, np.newaxis] - velocities, axis=2)
        same = apart < _SAME + 2 * np.hypot(errors[:, np.newaxis], errors)
        precise = errors < np.maximum(2.0, np.median(errors))
        votes = np.where(precise, (same & precise).sum(axis=1), 0)
        chosen = same[int(votes.argmax())] & precise
        if votes.max() >= _SHARED:
            weight = 1 / (errors[chosen] ** 2 + 0.25)
            mean = weight @ velocities[chosen] / weight.sum()
            return Background(mean, float(1 / np.sqrt(weight.sum())), int(chosen.sum()))
    return Background(np.zeros(2), 0.0, 0)


def shared_by_faint_ones(scene: Scene, traces: list[Trace], reach: Reach, least: float) -> Background:
    """The velocity of one or two traces that several fainter ones share, where no three bright ones do."""
    best = Background(np.zeros(2), 0.0, 0)
    owner = scene.owner.copy()
    for trace in traces[:_CANDIDATES]:
        faint: list[Trace] = []
        sweep(scene, VelocityBank.near(trace.velocity, 2 * reach.window), faint, reach, least)
        scene.owner[:] = owner
        found = common_velocity([trace, *faint])
        if found.n_traces > best.n_traces and np.hypot(*(found.velocity - trace.velocity)) < _APART:
            best = found
    return best


def moves_against(traces: list[Trace], background: Background) -> npt.NDArray[np.bool_]:
    """Which traces move otherwise than the background by more than their errors."""
    velocities = np.array([trace.velocity for trace in traces]).reshape(-1, 2)
    errors = np.array([trace.velocity_error for trace in traces])
    apart = np.linalg.norm(velocities - background.velocity, axis=1)
    moving: npt.NDArray[np.bool_] = apart > _APART + _SIGMAS * np.hypot(errors, background.error)
    return moving
