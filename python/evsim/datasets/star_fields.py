"""Synthetic recordings with a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number, as_size
from ..errors import InvalidArgumentError
from ..events.array import EventArray
from .point_sources import Objects, crossings, draw_satellites, draw_stars, with_rates

NOISE, STAR, SATELLITE = 0, 1, 2
"""Labels of events."""

_MOST_EVENTS = 10**8
_MOST_OBJECTS = 10**6
_MOST_PIXELS = 2**26
_HOT_PIXELS_ON = 0.9


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where a satellite was.

    Attributes
    ----------
    object_id : int
        As in :attr:`StarField.objects`.
    t : ndarray of int64, shape (n,)
        Microseconds, every `trajectory_step`, while the satellite is in the picture.
    x, y : ndarray of float64, shape (n,)
        Position in pixels; whole numbers are centres of pixels.
    velocity : tuple of float
        (x, y), pixels per second.
    contrast : float
        Peak of its picture, in units of the background.
    """

    object_id: int
    t: npt.NDArray[np.int64]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    velocity: tuple[float, float]
    contrast: float


@dataclass(frozen=True, eq=False)
class StarField:
    """A synthetic recording and its truth.

    Attributes
    ----------
    events : EventArray, n events
    labels : ndarray of uint8, shape (n,)
        What caused each event: 0 noise (hot pixels included), 1 star, 2 satellite.
    objects : ndarray of int32, shape (n,)
        Which object: stars have the numbers 0 to n_stars - 1, satellites follow; -1 is noise.
    trajectories : tuple of Trajectory
        One for each satellite, in the order of their numbers.
    hot_pixels : ndarray of bool, shape (height, width)
    parameters : dict
        All arguments, defaults included.
    """

    events: EventArray
    labels: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.int32]
    trajectories: tuple[Trajectory, ...]
    hot_pixels: npt.NDArray[np.bool_]
    parameters: dict[str, Any]

    def __repr__(self) -> str:
        noise, star, satellite = np.bincount(self.labels, minlength=3).tolist()
        return f"StarField({self.events!r}; {noise} noise, {star} star, {satellite} satellite)"


def star_field(
    *,
    width: int = 128,
    height: int = 128,
    duration: int = 1_000_000,
    n_stars: int = 40,
    n_satellites: int = 2,
    star_velocity: tuple[float, float] = (12.0, 4.0),
    satellite_speed: tuple[float, float] = (25.0, 60.0),
    star_contrast: tuple[float, float] = (0.5, 20.0),
    satellite_contrast: tuple[float, float] = (1.0, 6.0),
    satellite_rate: tuple[float, float] | None = None,
    relative: bool = False,
    psf_sigma: float = 1.0,
    threshold: float = 0.25,
    noise_rate: float = 0.1,
    n_hot_pixels: int = 3,
    hot_pixel_rate: float = 150.0,
    jitter: float = 200.0,
    trajectory_step: int = 10_000,
    seed: int | None = None,
) -> StarField:
    """Stars and satellites as an event camera at a telescope would see them, with the cause of every event.

    Synthetic: no recording is behind it. Each object is a point source on a straight line whose picture is a
    Gaussian over an even background, so that the logarithm of the brightness of a pixel at distance r is
    ``L = log(1 + contrast exp(-r² / (2 psf_sigma²)))``. A pixel fires whenever L has changed by `threshold` since its
    last event (Lichtsteiner, Posch and Delbruck, IEEE JSSC 43, 2008): ON at the leading edge of an object, OFF at the
    trailing one, more of them for a brighter one. The instants are exact for each object by itself; noise is
    added to them.

    Parameters
    ----------
    width, height : int
        Pixels.
    duration : int
        Microseconds.
    n_stars, n_satellites : int
        Stars are spread evenly over all that drifts through the picture, so that not all of them are in it at a time.
        Satellites pass through the picture, each at some time in the middle half of the recording.
    star_velocity : tuple of float
        Drift of all stars in pixels per second, (x, y): the sky over a fixed telescope, or a slewing one. (0, 0)
        is sidereal tracking: stars stand still and cause no events.
    satellite_speed : tuple of float
        Least and largest speed in pixels per second, > 0; even in between, in every direction.
    satellite_rate : tuple of float, optional
        Least and largest number of events per second of a satellite, > 0; even in log. Given instead of its brightness,
        which follows from it and from the speed. More than the sensor can give for a slow one is not reached.
    relative : bool
        Whether the speeds of satellites are beside the stars and not in the picture.
    star_contrast, satellite_contrast : tuple of float
        Least and largest peak brightness in units of the background, > 0. Stars follow the law of evenly filled
        space, N(> contrast) proportional to contrast^-1.5, cut off at the largest; satellites are even in log.
    psf_sigma : float
        Width of the point spread function in pixels, > 0.
    threshold : float
        Change of log brightness that causes an event, > 0.
    noise_rate : float
        Background events per second and pixel, both polarities alike; a Poisson process.
    n_hot_pixels : int
        Pixels that fire by themselves, most of it ON.
    hot_pixel_rate : float
        Events per second of a hot pixel.
    jitter : float
        Mean delay of an object's event in microseconds; exponentially distributed.
    trajectory_step : int
        Microseconds between two points of a trajectory.
    seed : int, optional
        Same seed, same recording. None: a new one each time.

    Returns
    -------
    StarField

    Raises
    ------
    InvalidArgumentError
        An argument is outside its domain.

    Notes
    -----
    Cost grows with the number of events and with the pixels that objects pass. Objects do not influence each other
    and the refractory time of pixels is not modelled; :func:`evsim.events.filters.refractory` does that.

    Examples
    --------
    >>> import evsim
    >>> field = evsim.datasets.star_field(width=64, height=64, duration=500_000, n_satellites=1, seed=1)
    >>> field.events.width, len(field.labels) == len(field.events)
    (64, True)
    >>> satellite = field.events.select(field.labels == evsim.datasets.SATELLITE)
    >>> len(satellite) > 20
    True
    """
    parameters = dict(locals())
    _check(parameters)
    sky, paths, noise, pixels = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4))
    stars = draw_stars(sky, n_stars, width, height, duration, star_velocity, star_contrast, psf_sigma)
    drift = star_velocity if relative else (0.0, 0.0)
    satellites = draw_satellites(
        paths, n_satellites, width, height, duration, satellite_speed, satellite_contrast, drift
    )
    if satellite_rate is not None:
        low, high = np.log(satellite_rate)
        rates = np.exp(paths.uniform(low, high, n_satellites))
        satellites = with_rates(satellites, rates, psf_sigma, threshold)
    parts = []
    for objects, label, first, rng in ((stars, STAR, 0, sky), (satellites, SATELLITE, n_stars, paths)):
        for k in range(len(objects.x)):
            columns = crossings(rng, objects, k, width, height, duration, psf_sigma, threshold, jitter)
            parts.append((*columns, label, first + k))
    hot = pixels.choice(width * height, n_hot_pixels, replace=False)
    parts.append((*_noise(noise, np.arange(width * height), noise_rate, 0.5, width, duration), NOISE, -1))
    parts.append((*_noise(pixels, hot, hot_pixel_rate, _HOT_PIXELS_ON, width, duration), NOISE, -1))
    mask = np.zeros(width * height, dtype=bool)
    mask[hot] = True
    events, labels, objects_of = _merged(parts, width, height)
    return StarField(
        events=events,
        labels=labels,
        objects=objects_of,
        trajectories=_trajectories(satellites, n_stars, width, height, duration, trajectory_step),
        hot_pixels=mask.reshape(height, width),
        parameters=parameters,
    )


def _check(p: dict[str, Any]) -> None:
    for name in ("width", "height", "duration", "trajectory_step"):
        as_size(p[name], name)
    if max(p["width"], p["height"]) > 2**16 or p["width"] * p["height"] > _MOST_PIXELS:
        raise InvalidArgumentError(
            f"width x height must be at most {_MOST_PIXELS} pixels, got {p['width']} x {p['height']}"
        )
    for name in ("n_stars", "n_satellites", "n_hot_pixels"):
        if not 0 <= as_integer(p[name], name) <= _MOST_OBJECTS:
            raise InvalidArgumentError(f"{name} must be from 0 to {_MOST_OBJECTS}, got {p[name]}")
    for name in ("psf_sigma", "threshold"):
        if as_number(p[name], name) <= 0:
            raise InvalidArgumentError(f"{name} must be positive, got {p[name]}")
    for name in ("noise_rate", "hot_pixel_rate", "jitter"):
        if as_number(p[name], name) < 0:
            raise InvalidArgumentError(f"{name} must not be negative, got {p[name]}")
    for name in ("star_velocity", "satellite_speed", "star_contrast", "satellite_contrast", "satellite_rate"):
        if p[name] is None:
            continue
        if not isinstance(p[name], tuple | list) or len(p[name]) != 2:
            raise InvalidArgumentError(f"{name} must be two numbers, got {p[name]!r}")
        low, high = (as_number(v, name) for v in p[name])
        if name != "star_velocity" and not 0 < low <= high:
            raise InvalidArgumentError(f"{name} must be (least, largest), both positive, got {p[name]}")
    if p["n_hot_pixels"] > p["width"] * p["height"]:
        raise InvalidArgumentError(f"n_hot_pixels must be at most {p['width'] * p['height']}, got {p['n_hot_pixels']}")
    seconds = p["duration"] * 1e-6
    expected = seconds * (p["noise_rate"] * p["width"] * p["height"] + p["hot_pixel_rate"] * p["n_hot_pixels"])
    if expected > _MOST_EVENTS:
        raise InvalidArgumentError(f"{expected:.3g} noise events are expected; at most {_MOST_EVENTS:.0e} are made")


def _noise(
    rng: np.random.Generator, pixels: npt.NDArray[np.int64], rate: float, share_on: float, width: int, duration: int
) -> tuple[npt.NDArray[Any], ...]:
    """Events t, x, y, p of `pixels` that fire by themselves, each at `rate` per second."""
    n = int(rng.poisson(rate * len(pixels) * duration * 1e-6))
    pixel = pixels[rng.integers(0, max(len(pixels), 1), n)]
    return rng.integers(0, duration, n), pixel % width, pixel // width, (rng.random(n) < share_on).astype(np.int64)


def _merged(
    parts: list[tuple[Any, ...]], width: int, height: int
) -> tuple[EventArray, npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    t, x, y, p = (np.concatenate([part[k] for part in parts]) for k in range(4))
    lengths = [len(part[0]) for part in parts]
    labels = np.repeat(np.array([part[4] for part in parts], np.uint8), lengths)
    objects = np.repeat(np.array([part[5] for part in parts], np.int32), lengths)
    order = np.argsort(t, kind="stable")
    events = EventArray(t[order], x[order], y[order], p[order], width=width, height=height)
    return events, labels[order], objects[order]


def _trajectories(
    satellites: Objects, first: int, width: int, height: int, duration: int, step: int
) -> tuple[Trajectory, ...]:
    t = np.arange(0, duration, step, dtype=np.int64)
    trajectories = []
    for k in range(len(satellites.x)):
        x = satellites.x[k] + satellites.velocity_x[k] * t * 1e-6
        y = satellites.y[k] + satellites.velocity_y[k] * t * 1e-6
        seen = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        velocity = float(satellites.velocity_x[k]), float(satellites.velocity_y[k])
        trajectories.append(Trajectory(first + k, t[seen], x[seen], y[seen], velocity, float(satellites.contrast[k])))
    return tuple(trajectories)
