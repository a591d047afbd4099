"""What the noise of a recording is: events per second of each pixel, and pixels that fire by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError
from ..events.array import EventArray

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_TILE = 40
"""Pixels of the squares in which the rate of noise is one number."""
_CELL = 4
"""Pixels of the cells that are silent or not."""
_MEAN = 0.8
"""Events of a cell at which its being silent says most about the rate; time is cut accordingly."""
_MOST_TIMES = 10_000
_HOT_FACTOR, _HOT_SIGMA, _LEAST_HOT = 3.0, 6.0, 6


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise of a recording.

    Attributes
    ----------
    rate : ndarray of float64, shape (height, width)
        Events per second of each pixel that is not hot.
    hot : ndarray of bool, shape (height, width)
        Pixels that fire by themselves, more than `rate`.
    """

    rate: Floats
    hot: Bools

    def __repr__(self) -> str:
        height, width = self.rate.shape
        rate = float(np.median(self.rate))
        return f"Noise({width} x {height} pixels, {rate:.3g} events/s per pixel, {int(self.hot.sum())} hot pixels)"


def estimate_noise(events: EventArray) -> Noise:
    """Rate of noise and hot pixels, from a recording with objects in it.

    Space and time are cut into cells. Of a Poisson process of rate r, the share exp(-r) of cells has no event, which
    gives r; objects are in few cells, and change that share little, however many events they cause. A pixel is hot that
    has three times as many events, and six standard deviations more, than all but one of its neighbours: what moves
    passes at least two of them.

    Parameters
    ----------
    events : EventArray

    Returns
    -------
    Noise
        Rates are those of squares of about 40 pixels.

    Notes
    -----
    O(n_events log n_events + n_pixels). Where objects are in some of the cells, the rate is a little too high.

    Examples
    --------
    >>> import evsim
    >>> field = evsim.datasets.star_field(seed=1, n_stars=5, noise_rate=0.3, n_hot_pixels=4)
    >>> evsim.motion.estimate_noise(field.events)
    Noise(128 x 128 pixels, 0.3... events/s per pixel, 4 hot pixels)
    """
    if not isinstance(events, EventArray):
        raise DTypeError(f"events must be an EventArray, got {type(events).__name__}")
    hot = lone_pixels(events)
    cold = ~hot[events.y, events.x]
    x, y = events.x[cold].astype(np.int64), events.y[cold].astype(np.int64)
    t = (events.t[cold] - (events.t[0] if len(events) else 0)) * 1e-6
    seconds = max(events.duration, 1) * 1e-6
    rows, columns = (np.linspace(0, n, max(round(n / _TILE), 1) + 1).astype(int) for n in hot.shape)
    rate = np.empty(hot.shape)
    tile = (np.searchsorted(rows, y, side="right") - 1) * (len(columns) - 1)
    tile += np.searchsorted(columns, x, side="right") - 1
    order = np.argsort(tile, kind="stable")
    ends = np.searchsorted(tile[order], np.arange((len(rows) - 1) * (len(columns) - 1) + 1))
    for k in range(len(ends) - 1):
        part = order[ends[k] : ends[k + 1]]
        row, column = divmod(k, len(columns) - 1)
        box = slice(rows[row], rows[row + 1]), slice(columns[column], columns[column + 1])
        rate[box] = _rate(t[part], x[part] - box[1].start, y[part] - box[0].start, seconds, ~hot[box])
    return Noise(rate, hot)


def _rate(t: Floats, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64], seconds: float, cold: Bools) -> float:
    """Rate by the share of silent cells: -log(share) / (pixels and seconds of a cell)."""
    height, width = cold.shape
    if not len(t) or not cold.any():
        return 0.0
    shape = -(-height // _CELL), -(-width // _CELL)
    padded = np.zeros((shape[0] * _CELL, shape[1] * _CELL))
    padded[:height, :width] = cold
    pixels = padded.reshape(shape[0], _CELL, shape[1], _CELL).sum(axis=(1, 3))
    full = pixels > _CELL**2 / 2
    if not full.any():
        return len(t) / (seconds * float(cold.sum()))
    per_cell = len(t) * _CELL**2 / float(cold.sum())
    n_times = int(np.clip(per_cell / _MEAN, 1, _MOST_TIMES))
    when = np.minimum((t / seconds * n_times).astype(np.int64), n_times - 1)
    lit = np.zeros((n_times, *shape), bool)
    lit[when, y // _CELL, x // _CELL] = True
    n = n_times * int(full.sum())
    silent = n - int(lit[:, full].sum())
    return float(-np.log(max(silent, 0.5) / n) / (pixels[full].mean() * seconds / n_times))


def lone_pixels(events: EventArray) -> Bools:
    """Pixels with many more events than all but one of their neighbours, shape (height, width)."""
    pixel = events.y.astype(np.int64) * events.width + events.x
    own = np.bincount(pixel, minlength=events.height * events.width).reshape(events.height, events.width)
    counts = np.pad(own, 1)
    steps = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    around = np.stack([counts[dy : dy + events.height, dx : dx + events.width] for dy, dx in steps])
    usual = np.maximum(np.partition(around, -2, axis=0)[-2], np.median(own))
    hot: Bools = (own >= _LEAST_HOT) & (own > _HOT_FACTOR * usual) & (own > usual + _HOT_SIGMA * np.sqrt(usual + 1))
    return hot
