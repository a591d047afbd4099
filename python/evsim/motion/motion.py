"""What users call: objects that move, from a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..errors import DTypeError, InvalidArgumentError
from ..events.array import EventArray
from .detector import bank_for, find_traces, scene_of
from .noise import Noise, estimate_noise
from .scene import Floats
from .traces import Trace

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MotionTrack:
    """One object over time.

    Attributes
    ----------
    object_id : int
        As in :attr:`Motion.object_ids`.
    moving : bool
        Whether it moves against the background, rather than with it.
    t : ndarray of float64, shape (n,)
        Microseconds, about every tenth of a second; from its first event to its last.
    x, y : ndarray of float64, shape (n,)
        Where its middle was, in pixels; straight in between.
    velocity : tuple of float
        Mean (x, y), pixels per second.
    velocity_error : float
        Standard deviation of each component.
    n_events : int
    """

    object_id: int
    moving: bool
    t: Floats
    x: Floats
    y: Floats
    velocity: tuple[float, float]
    velocity_error: float
    n_events: int

    def at(self, t: npt.ArrayLike) -> Floats:
        """Where it was at some microseconds, shape (..., 2); NaN before its first event and after its last.

        Examples
        --------
        >>> import numpy as np
        >>> from evsim.motion import MotionTrack
        >>> track = MotionTrack(0, True, np.array([0.0, 1e6]), np.array([5.0, 25.0]), np.zeros(2), (20.0, 0.0), 0.1, 90)
        >>> track.at([500_000, 2_000_000])
        array([[15.,  0.],
               [nan, nan]])
        """
        times = np.asarray(t, np.float64)
        return np.stack([np.interp(times, self.t, v, left=np.nan, right=np.nan) for v in (self.x, self.y)], axis=-1)

    def __repr__(self) -> str:
        kind, (vx, vy) = "moving" if self.moving else "background", self.velocity
        return f"MotionTrack({self.object_id}, {kind}, ({vx:.1f}, {vy:.1f}) pixels/s, {self.n_events} events)"


@dataclass(frozen=True, eq=False)
class Motion:
    """What :func:`find_motion` found.

    Attributes
    ----------
    events : EventArray, n events
    tracks : tuple of MotionTrack
        First those that move against the background, in the order in which they begin; then those that move with it.
    object_ids : ndarray of int32, shape (n,)
        Number of the track that has caused each event, -1 if none.
    confidence : ndarray of float32, shape (n,)
        Probability of that, noise included, from how many events of each object are usual at such a place.
    background_velocity : tuple of float
        (x, y), pixels per second, of what most objects do; (0, 0) if there are not three that move together.
    noise : Noise
    settings : dict
        What was chosen, from the recording or by the caller.
    """

    events: EventArray
    tracks: tuple[MotionTrack, ...]
    object_ids: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]
    background_velocity: tuple[float, float]
    noise: Noise
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def moving(self) -> tuple[MotionTrack, ...]:
        """Tracks that move against the background."""
        return tuple(track for track in self.tracks if track.moving)

    def detected(self, background: bool = False) -> Bools:
        """For each event whether an object that moves against the background has caused it, shape (n,).

        Parameters
        ----------
        background : bool
            Whether objects that move with the background, such as drifting stars, count too.
        """
        counted = np.array([track.moving or background for track in self.tracks] + [False], bool)
        return counted[self.object_ids]

    def __repr__(self) -> str:
        n, moving = len(self.tracks), len(self.moving)
        return f"Motion({len(self.events)} events; {moving} moving objects, {n - moving} of the background)"


def find_motion(events: EventArray, *, faintest: float = 80.0, max_speed: float = 200.0) -> Motion:
    """Find point-like objects that move, in noise and before a background that may move too.

    Neurons with conduction delays, tuned to all velocities up to `max_speed`, add up the events of what moves
    (:class:`VelocityBank`). Their window is as long as it takes to tell an object of `faintest` from the noise of the
    recording, which is estimated first, without hot pixels (:func:`estimate_noise`). Where a neuron fires, a trace
    grows event by event, over gaps too; an event belongs to the trace, or to noise, that most likely caused it. The
    velocity that most traces share is that of the background.

    Parameters
    ----------
    events : EventArray
        Of objects of few pixels, such as satellites, stars, or what is far away. For larger ones see
        :func:`evsim.spikeseg.segment`.
    faintest : float
        Events per second of the faintest object that is to be found for certain; > 0.
    max_speed : float
        Pixels per second in the picture; > 0. Time grows with its square.

    Returns
    -------
    Motion

    Raises
    ------
    DTypeError
        `events` are something else.
    InvalidArgumentError
        An option is outside its domain.

    Notes
    -----
    A trace needs evidence e (half the deviance of a Poisson process: noise gives more with a probability of at most
    exp(-e)) of 22, or of 14 if it moves as the background does, of which there is only one velocity.

    Examples
    --------
    >>> import evsim
    >>> field = evsim.datasets.random_star_field("faint", seed=3)
    >>> motion = evsim.motion.find_motion(field.events)
    >>> motion
    Motion(... events; ... moving objects, ... of the background)
    >>> truth = field.labels == evsim.datasets.SATELLITE
    >>> bool((motion.detected() & truth).sum() > 0.9 * truth.sum())
    True
    """
    if not isinstance(events, EventArray):
        raise DTypeError(
            f"events must be an EventArray, got {type(events).__name__}; read one with evsim.io.read_events"
        )
    for name, value in (("faintest", faintest), ("max_speed", max_speed)):
        if as_number(value, name) <= 0:
            raise InvalidArgumentError(f"{name} must be positive, got {value}")
    noise = estimate_noise(events)
    scene, cold = scene_of(events, noise)
    bank = bank_for(noise, faintest, max_speed)
    found = find_traces(scene, bank)
    order = sorted(range(len(found.traces)), key=lambda k: (not found.moving[k], found.traces[k].start))
    rank = np.empty(len(order) + 1, np.int32)
    rank[order], rank[-1] = np.arange(len(order)), -1
    object_ids = np.full(len(events), -1, np.int32)
    object_ids[cold] = rank[found.assignment.owner]
    confidence = np.ones(len(events), np.float32)
    confidence[cold] = found.assignment.confidence
    counts = np.bincount(object_ids + 1, minlength=len(order) + 1)[1:]
    start = int(events.t[0]) if len(events) else 0
    tracks = tuple(
        _track(found.traces[k], i, bool(found.moving[k]), start, int(counts[i])) for i, k in enumerate(order)
    )
    vx, vy = found.background.velocity.tolist()
    settings = {
        "noise_rate": float(np.median(noise.rate)),
        "n_hot_pixels": int(noise.hot.sum()),
        "faintest": float(faintest),
        "max_speed": float(max_speed),
        "neuron_window": bank.window * 1e6,
        "n_velocities": len(bank.velocities),
        "background_velocity": (vx, vy),
    }
    return Motion(events, tracks, object_ids, confidence, (vx, vy), noise, settings)


def _track(trace: Trace, number: int, moving: bool, start: int, n_events: int) -> MotionTrack:
    x, y = trace.centres().T
    vx, vy = trace.velocity.tolist()
    return MotionTrack(number, moving, start + trace.knots * 1e6, x, y, (vx, vy), trace.velocity_error, n_events)
