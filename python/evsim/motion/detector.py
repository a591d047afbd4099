"""Objects that move against the background, event by event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from .assignment import Assignment, assign, settle
from .background import Background, common_velocity, moves_against, shared_by_faint_ones
from .bank import VelocityBank
from .growth import Reach
from .linking import link
from .noise import Noise
from .pruning import believable, only_hops
from .scene import Ints, Scene, evidence
from .sweep import sweep
from .traces import Trace

_WINDOWS = 0.1, 0.5
"""Seconds, shortest and longest window of the bank."""
_ENOUGH, _HEARD = 17.0, 0.85
"""Evidence that the faintest object shall give; share of its events within a neuron's cells."""
_FIRM, _SEED = 22.0, 10.0
"""Evidence for a trace of any velocity, of which there are many; and for an event at which one is looked for."""
_FAINT, _FAINT_SEED = 14.0, 8.0
"""The same for traces of one velocity that is known already."""
_FAINT_WINDOW = 1.0
_BESIDE = 45.0
"""Pixels per second beside the background: what is faster leaves a star's surroundings soon."""
_LEAST_NOISE = 0.02
"""Events per second and pixel: in recordings without any noise, a few events make no object."""


class Found(NamedTuple):
    """Traces, which of them move against the background, and what each event of the scene belongs to."""

    traces: list[Trace]
    moving: npt.NDArray[np.bool_]
    background: Background
    assignment: Assignment


def scene_of(events: EventArray, noise: Noise) -> tuple[Scene, Ints]:
    """Events that are not of hot pixels, and their numbers in the recording."""
    cold = np.flatnonzero(~noise.hot[events.y, events.x])
    t = (events.t[cold] - (events.t[0] if len(events) else 0)) * 1e-6
    x, y = events.x[cold].astype(np.float64), events.y[cold].astype(np.float64)
    rate = np.maximum(noise.rate, _LEAST_NOISE)[events.y[cold], events.x[cold]]
    return Scene(t, x, y, events.p[cold] == 1, rate, (events.width, events.height)), cold


def bank_for(noise: Noise, faintest: float, fastest: float) -> VelocityBank:
    """Neurons with a window as short as noise allows: half as long needs a quarter of the velocities.

    An object of `faintest` events per second shall give evidence enough for its trace on average.
    """
    per_second = VelocityBank(np.zeros((1, 2)), 1.0).volume * max(float(np.median(noise.rate)), _LEAST_NOISE)
    window = _ENOUGH / float(evidence(_HEARD * faintest + per_second, per_second))
    return VelocityBank.up_to(fastest, float(np.clip(window, *_WINDOWS)))


def find_traces(scene: Scene, bank: VelocityBank) -> Found:
    """All objects of a scene.

    First those that a bank of all velocities finds; these say what the velocity of the background is. Then fainter
    ones of that velocity are looked for, and others next to them: what stars cause is then not taken for something
    else.
    """
    firm = Reach(bank.window, _FIRM)
    faint = Reach(_FAINT_WINDOW / 2, _FAINT)
    traces: list[Trace] = []
    sweep(scene, bank, traces, firm, _SEED)
    traces = link(scene, settle(scene, traces))
    scene.owner[:] = assign(scene, traces).owner
    background = common_velocity(traces)
    if not background.n_traces:
        background = shared_by_faint_ones(scene, traces, faint, _FAINT_SEED)
    if background.n_traces:
        # What moves along with a bright star for long stands out when the star's own events are gone.
        sweep(scene, VelocityBank.up_to(_BESIDE, bank.window, background.velocity), traces, firm, _SEED)
        sweep(scene, VelocityBank.near(background.velocity, _FAINT_WINDOW), traces, faint, _FAINT_SEED)
    traces = link(scene, settle(scene, traces))
    scene.owner[:] = assign(scene, traces).owner
    background = common_velocity(traces)
    moving = moves_against(traces, background)
    for k in np.flatnonzero(moving).tolist():
        moving[k] = not only_hops(scene, traces[k], k, background.velocity)
    kept = [k for k, trace in enumerate(traces) if believable(scene, trace, k, _FIRM if moving[k] else _FAINT)]
    traces = [traces[k] for k in kept]
    return Found(traces, moving[kept], background, assign(scene, traces))
