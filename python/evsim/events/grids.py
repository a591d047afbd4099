"""Events in steps of time: dense grids, and spikes at step numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number, as_size
from ..errors import InvalidArgumentError, MemoryLimitError
from ..spikes import SpikeArray

if TYPE_CHECKING:
    from .array import EventArray

Polarity = Literal["channels", "merge", "on", "off"]
GridPolarity = Literal["channels", "merge", "on", "off", "signed"]
GridMode = Literal["count", "binary", "bilinear"]

_MOST_CELLS = 2**31
_MOST_MARKS, _MARKS_PER_EVENT = 2**28, 256
_MOST_STEPS = 2**31
_MOST_PLACES = 2**31
_LATEST = 2**61


def polarity_channels(events: EventArray, polarity: str) -> tuple[EventArray, npt.NDArray[np.int64], int]:
    """The events that count, the channel of each, and the number of channels."""
    if polarity == "channels":
        return events, events.p.astype(np.int64), 2
    if polarity in ("on", "off"):
        events = events.select(events.p == (1 if polarity == "on" else 0))
    elif polarity != "merge":
        raise InvalidArgumentError(f'polarity must be "channels", "merge", "on" or "off", got {polarity!r}')
    return events, np.zeros(len(events), np.int64), 1


def dense_grid(
    events: EventArray,
    n_bins: int | None,
    dt: int | None,
    polarity: str,
    mode: str,
    normalize: str | None,
    start: int | None,
    stop: int | None,
) -> npt.NDArray[np.float32]:
    """See :meth:`evsim.EventArray.voxel_grid`."""
    if mode not in ("count", "binary", "bilinear"):
        raise InvalidArgumentError(f'mode must be "count", "binary" or "bilinear", got {mode!r}')
    if normalize not in (None, "max"):
        raise InvalidArgumentError(f'normalize must be None or "max", got {normalize!r}')
    if mode == "binary" and polarity == "signed":
        raise InvalidArgumentError('a binary grid has no signs; choose mode="count" or another polarity')
    begin, end = _bounds(events, start, stop)
    n_steps, length = _steps(n_bins, dt, begin, end)
    part = events.time_slice(begin, end)
    weight: npt.NDArray[np.float64] | None = None
    if polarity == "signed":
        weight, polarity = np.where(part.p == 1, 1.0, -1.0).astype(np.float64), "merge"
    part, channel, n_channels = polarity_channels(part, polarity)
    shape = (n_steps, n_channels, events.height, events.width)
    if np.prod(shape, dtype=object) > _MOST_CELLS:
        raise MemoryLimitError(f"a grid of shape {shape} is too large; binned() needs no grid, crop() makes it smaller")
    place = _places(part, channel)
    if mode == "bilinear":
        if dt is not None:
            raise InvalidArgumentError('mode="bilinear" takes n_bins, not dt')
        last = int(events.t[-1]) if stop is None and len(events) else end
        step, place, weight = _shared(part.t, place, weight, n_steps, begin, last)
    else:
        step = _step_of(part.t, begin, end, n_bins, length)
    grid = _add_up(step * int(np.prod(shape[1:])) + place, weight, shape)
    if mode == "binary":
        np.minimum(grid, 1, out=grid)
    largest = np.abs(grid).max(initial=0)
    return grid / largest if normalize == "max" and largest > 0 else grid


def binned_spikes(
    events: EventArray, n_bins: int | None, dt: int | None, polarity: str, start: int | None, stop: int | None
) -> SpikeArray:
    """See :meth:`evsim.EventArray.binned`."""
    begin, end = _bounds(events, start, stop)
    n_steps, length = _steps(n_bins, dt, begin, end)
    part, channel, n_channels = polarity_channels(events.time_slice(begin, end), polarity)
    shape = (n_channels, events.height, events.width)
    places = int(np.prod(shape, dtype=np.int64))
    if places > _MOST_PLACES:
        raise MemoryLimitError(f"shape {shape} has more than 2**31 places; crop or downsample the events first")
    step = _step_of(part.t, begin, end, n_bins, length)
    steps, indices = np.divmod(_distinct(step * places + _places(part, channel), n_steps * places), places)
    return SpikeArray(indices, steps.astype(np.float64), shape=shape)


def _distinct(cells: npt.NDArray[np.int64], n_cells: int) -> npt.NDArray[np.int64]:
    """The cells that occur, in increasing order. Marking them costs less than sorting unless they are few."""
    if n_cells <= min(_MOST_MARKS, _MARKS_PER_EVENT * len(cells)):
        marks = np.zeros(n_cells, bool)
        marks[cells] = True
        return np.flatnonzero(marks)
    ordered = np.sort(cells, kind="stable")
    return ordered[_firsts(ordered)]


def _bounds(events: EventArray, start: int | None, stop: int | None) -> tuple[int, int]:
    first, last = (int(events.t[0]), int(events.t[-1])) if len(events) else (0, 0)
    begin = first if start is None else as_integer(start, "start")
    end = max(last, begin) + 1 if stop is None else as_integer(stop, "stop")
    if not -_LATEST < begin < end <= _LATEST:
        raise InvalidArgumentError(f"start must lie before stop, got {begin} and {end} microseconds")
    return begin, end


def _steps(n_bins: int | None, dt: int | None, begin: int, end: int) -> tuple[int, int]:
    """Number of steps, and the length of one in microseconds (0 where n_bins decides)."""
    if (n_bins is None) == (dt is None):
        raise InvalidArgumentError("give either n_bins or dt")
    if n_bins is not None:
        return as_size(n_bins, "n_bins"), 0
    length = as_size(dt, "dt")
    n_steps = -(-(end - begin) // length)
    if n_steps > _MOST_STEPS:
        raise MemoryLimitError(f"steps of {length} us between {begin} and {end} us are too many; choose a longer dt")
    return n_steps, length


def _step_of(t: npt.NDArray[np.int64], begin: int, end: int, n_bins: int | None, length: int) -> npt.NDArray[np.int64]:
    """Exact in integers: (t - begin) * n_bins // (end - begin), or (t - begin) // dt."""
    elapsed = t - begin
    if n_bins is None:
        return elapsed // length
    span = end - begin
    if span < 2**62 // n_bins:
        return elapsed * n_bins // span
    # Too long for 64 bits: find the first time of each step instead, in Python's integers.
    firsts = np.array([-(-k * span // n_bins) for k in range(1, n_bins)], dtype=np.int64)
    return np.searchsorted(firsts, elapsed, side="right").astype(np.int64)


def _places(events: EventArray, channel: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (channel * events.height + events.y) * events.width + events.x


def _shared(
    t: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
    sign: npt.NDArray[np.float64] | None,
    n_steps: int,
    begin: int,
    last: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Each event twice: at the instant before it and at the one after."""
    position = (n_steps - 1) * ((t - begin) / max(last - begin, 1))
    before = np.minimum(np.floor(position).astype(np.int64), max(n_steps - 2, 0))
    after = np.minimum(before + 1, n_steps - 1)
    share = position - before
    value = np.ones(len(t)) if sign is None else sign
    step = np.concatenate([before, after])
    return step, np.concatenate([place, place]), np.concatenate([value * (1 - share), value * share])


def _add_up(
    cell: npt.NDArray[np.int64], weight: npt.NDArray[np.float64] | None, shape: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    grid = np.zeros(shape, dtype=np.float32)
    order = np.argsort(cell, kind="stable")
    first = _firsts(cell[order])
    if first.size:
        ends = np.append(first[1:], len(cell))
        total = ends - first if weight is None else np.add.reduceat(weight[order], first)
        grid.reshape(-1)[cell[order[first]]] = total
    return grid


def _firsts(values: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.append(values.size > 0, values[1:] != values[:-1])[: values.size])


def event_spikes(events: EventArray, time_scale: float, polarity: Polarity) -> SpikeArray:
    """Return what :meth:`EventArray.to_spikes` makes."""
    if as_number(time_scale, "time_scale") <= 0:
        raise InvalidArgumentError(f"time_scale must be positive, got {time_scale}")
    part, channel, n_channels = polarity_channels(events, polarity)
    shape = (n_channels, events.height, events.width)
    if np.prod(shape, dtype=np.int64) > _MOST_PLACES:
        raise MemoryLimitError(f"shape {shape} has more than 2**31 places; crop or downsample the events first")
    index = (channel * events.height + part.y) * events.width + part.x
    return SpikeArray(index, part.t * float(time_scale), shape=shape)
