"""Point sources on straight lines, and the events that they cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

MARGIN = 4.0
"""Pixels around the sensor in which objects still matter, in widths of the point spread function."""
_SLOWEST = 2.0
"""Pixels per second."""
_FAINTEST, _BRIGHTEST, _BISECTIONS = 0.02, 1e4, 30


@dataclass(frozen=True)
class Objects:
    """Point sources on straight lines: position at time 0 and velocity in pixels per second."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    velocity_x: npt.NDArray[np.float64]
    velocity_y: npt.NDArray[np.float64]
    contrast: npt.NDArray[np.float64]


def draw_stars(
    rng: np.random.Generator,
    n: int,
    width: int,
    height: int,
    duration: int,
    velocity: tuple[float, float],
    contrast: tuple[float, float],
    sigma: float,
) -> Objects:
    """Stars over all that drifts through the picture."""
    drift_x, drift_y = (v * duration * 1e-6 for v in velocity)
    margin = MARGIN * sigma
    low, high = contrast
    # Inverse of the distribution N(> c) ~ c^-1.5 between the two bounds.
    share = rng.random(n)
    brightness = (low**-1.5 - share * (low**-1.5 - high**-1.5)) ** (-1 / 1.5)
    x = rng.uniform(-margin - max(drift_x, 0.0), width - 1 + margin - min(drift_x, 0.0), n)
    y = rng.uniform(-margin - max(drift_y, 0.0), height - 1 + margin - min(drift_y, 0.0), n)
    return Objects(x, y, np.full(n, float(velocity[0])), np.full(n, float(velocity[1])), brightness)


def draw_satellites(
    rng: np.random.Generator,
    n: int,
    width: int,
    height: int,
    duration: int,
    speeds: tuple[float, float],
    contrast: tuple[float, float],
    drift: tuple[float, float] = (0.0, 0.0),
) -> Objects:
    """Each is somewhere in the picture at some time in the middle half of the recording; speeds are beside `drift`."""
    speed, angle = rng.uniform(*speeds, n), rng.uniform(0, 2 * np.pi, n)
    velocity_x, velocity_y = drift[0] + speed * np.cos(angle), drift[1] + speed * np.sin(angle)
    # What stands still in the picture causes no events: such a satellite goes the other way.
    still = np.hypot(velocity_x, velocity_y) < _SLOWEST
    velocity_x, velocity_y = (
        np.where(still, 2 * d - v, v) for d, v in zip(drift, (velocity_x, velocity_y), strict=True)
    )
    seconds = rng.uniform(0.25, 0.75, n) * duration * 1e-6
    x = rng.uniform(0.25, 0.75, n) * (width - 1) - velocity_x * seconds
    y = rng.uniform(0.25, 0.75, n) * (height - 1) - velocity_y * seconds
    brightness = np.exp(rng.uniform(np.log(contrast[0]), np.log(contrast[1]), n))
    return Objects(x, y, velocity_x, velocity_y, brightness)


def with_rates(objects: Objects, rates: npt.NDArray[np.float64], sigma: float, threshold: float) -> Objects:
    """The same objects, as bright as it takes to cause that many events per second; by bisection of log contrast."""
    wanted = rates / np.hypot(objects.velocity_x, objects.velocity_y)
    low, high = np.full(len(rates), np.log(_FAINTEST)), np.full(len(rates), np.log(_BRIGHTEST))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        more = np.array([_events_per_pixel(np.exp(m), sigma, threshold) for m in middle]) < wanted
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    return replace(objects, contrast=np.exp((low + high) / 2))


def _events_per_pixel(contrast: float, sigma: float, threshold: float) -> float:
    """Mean number of events while a source moves by one pixel: over rows of pixels and what they remember at first."""
    reach = sigma * _reach(contrast, threshold)
    across = np.linspace(-reach, reach, 101)
    peak = np.log1p(contrast * np.exp(-0.5 * (across / sigma) ** 2)) / threshold
    first = 0.1 + 0.9 * (np.arange(50) + 0.5) / 50
    n_on = np.maximum(np.floor(peak[:, np.newaxis] - first) + 1, 0)
    return float((n_on + np.maximum(n_on - 1, 0)).mean() * 2 * reach)


def crossings(
    rng: np.random.Generator,
    objects: Objects,
    k: int,
    width: int,
    height: int,
    duration: int,
    sigma: float,
    threshold: float,
    jitter: float,
) -> tuple[npt.NDArray[Any], ...]:
    """Events t, x, y, p of object k.

    With s the way along the line from the point closest to the pixel and d that closest distance, L = level where
    s² = 2 sigma² log(contrast / (exp(level) - 1)) - d². On the way in, levels first, first + threshold, ... are ON
    events, where first is the threshold above what the pixel remembers; on the way out, the pixel remembers the
    highest of them, so that the levels below that one are OFF events.
    """
    speed = float(np.hypot(objects.velocity_x[k], objects.velocity_y[k]))
    if speed == 0:
        return tuple(np.empty(0, np.int64) for _ in range(4))
    contrast = objects.contrast[k]
    x, y = _pixels_near(objects, k, width, height, duration, sigma * _reach(contrast, threshold))
    along_x, along_y = objects.velocity_x[k] / speed, objects.velocity_y[k] / speed
    to_x, to_y = x - objects.x[k], y - objects.y[k]
    along, across = to_x * along_x + to_y * along_y, to_x * along_y - to_y * along_x
    first = threshold * rng.uniform(0.1, 1.0, len(x))
    peak = np.log1p(contrast * np.exp(-0.5 * (across / sigma) ** 2))
    n_on = np.maximum(np.floor((peak - first) / threshold).astype(np.int64) + 1, 0)
    n_off = np.maximum(n_on - 1, 0)
    which = np.concatenate([np.repeat(np.arange(len(x)), n_on), np.repeat(np.arange(len(x)), n_off)])
    step = np.concatenate([_count_up(n_on), _count_up(n_off)])
    on = np.arange(len(which)) < n_on.sum()
    level = first[which] + step * threshold
    squared = 2 * sigma**2 * np.log(contrast / np.expm1(level)) - across[which] ** 2
    way = np.sqrt(np.maximum(squared, 0.0))
    with np.errstate(over="ignore"):  # what hardly moves has its events after the end
        seconds = (along[which] + np.where(on, -way, way)) / speed
    t = np.floor(seconds * 1e6 + rng.exponential(jitter, len(which)) if jitter else seconds * 1e6)
    inside = (seconds >= 0) & (t < duration)
    which = which[inside]
    return t[inside].astype(np.int64), x[which], y[which], on[inside].astype(np.int64)


def _reach(contrast: float, threshold: float) -> float:
    """Farthest pixel, in sigmas, that the faintest first level (a tenth of the threshold) is reached at."""
    return float(np.sqrt(max(2 * np.log(contrast / np.expm1(0.1 * threshold)), 0.0)))


def _pixels_near(
    objects: Objects, k: int, width: int, height: int, duration: int, reach: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All pixels within `reach` of the line that the object moves on, and some more."""
    drift_x, drift_y = objects.velocity_x[k] * duration * 1e-6, objects.velocity_y[k] * duration * 1e-6
    # Only the piece of the line next to the sensor, however long the line is.
    from_, to = 0.0, 1.0
    for position, drift, size in ((objects.x[k], drift_x, width), (objects.y[k], drift_y, height)):
        low, high = -reach - 1 - position, size + reach - position
        if drift == 0:
            from_, to = (from_, to) if low <= 0 <= high else (1.0, 0.0)
            continue
        enters, leaves = sorted((low / drift, high / drift))
        from_, to = max(from_, enters), min(to, leaves)
    if from_ >= to:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    length = (to - from_) * np.hypot(drift_x, drift_y)
    share = np.linspace(from_, to, int(2 * length) + 2)
    radius = int(np.ceil(reach)) + 1
    if len(share) * (2 * radius + 1) ** 2 > width * height:
        row, column = np.divmod(np.arange(width * height), width)
        return column, row
    offset = np.arange(-radius, radius + 1)
    x = np.rint(objects.x[k] + share * drift_x).astype(np.int64)[:, np.newaxis, np.newaxis] + offset
    y = np.rint(objects.y[k] + share * drift_y).astype(np.int64)[:, np.newaxis, np.newaxis] + offset[:, np.newaxis]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    row, column = np.divmod(np.unique((y * width + x)[inside]), width)
    return column, row


def _count_up(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, ..., counts[0] - 1, 0, 1, ..., counts[1] - 1, ..."""
    ends = np.cumsum(counts)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - counts, counts)
