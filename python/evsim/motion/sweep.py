"""From what a bank hears to traces."""

from __future__ import annotations

import numpy as np

from .bank import VelocityBank
from .growth import Reach, grow
from .scene import Scene, evidence
from .traces import Trace, around, traced


def sweep(scene: Scene, bank: VelocityBank, traces: list[Trace], reach: Reach, least: float) -> None:
    """Let the bank hear all events that no trace has, and grow traces from where it fires.

    Parameters
    ----------
    scene : Scene
        Events that a new trace takes have its number as owner afterwards.
    bank : VelocityBank
    traces : list of Trace
        New ones are added at the end.
    reach : Reach
    least : float
        Evidence from which on a neuron fires.

    Notes
    -----
    The neurons with most evidence come first, so that a faint trace does not take events of a bright one.
    """
    free = np.flatnonzero(scene.owner < 0)
    response = bank.respond(scene.t[free], scene.x[free], scene.y[free], scene.size)
    score = evidence(response.count, scene.noise[free] * bank.volume)
    order = np.argsort(-score, kind="stable")
    velocity = np.full((len(scene.t), 2), np.nan)
    velocity[free] = response.velocity
    tried = np.zeros(len(scene.t), bool)
    for k in order[: int((score > least).sum())].tolist():
        seed = int(free[k])
        if tried[seed] or scene.owner[seed] >= 0:
            continue
        members, enough = grow(scene, seed, response.velocity[k], reach)
        if not enough:
            # Others there that are for the same velocity would come to the same line.
            alike = np.abs(velocity[members] - response.velocity[k]).max(axis=1) < bank.step * 1.5
            tried[members[alike]] = True
            continue
        trace = traced(scene, members)
        index, off = around(scene, trace)
        tried[index] = True
        mine = (trace.density(off, scene.on[index]) > 0.5 * scene.noise[index]) & (scene.owner[index] < 0)
        scene.owner[index[mine]] = len(traces)
        traces.append(trace)
