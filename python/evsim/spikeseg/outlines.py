"""Masks as sharp as the events: what a receptive field blurs, the events of the window draw anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from .instances import Instance

Bools = npt.NDArray[np.bool_]

_RINGS = (0, 4, 16)
"""Pixels beyond an instance's mask in which the object may go on, up to about a receptive field of conv3."""
_LEAST = 3
"""Pixels with events, of three by three, that support each other."""
_CLOSED = 2
"""Pixels to either side by which gaps in an outline are closed."""


def sharpened(instances: list[Instance], events: EventArray, *, across_classes: bool = False) -> list[Instance]:
    """The same instances, each with the pixels that the events around it outline.

    A pixel counts that has events and, of the nine around it, three with events; gaps of up to four pixels are closed,
    holes are filled. An instance takes what lies within a receptive field of its mask, unless that is nearer to another
    one. One around which there is nothing of the kind stays as it is.

    Parameters
    ----------
    instances : list of Instance
        Of one window.
    events : EventArray
        Of that window.
    across_classes : bool
        Whether no instance takes the pixels of one of another class. Otherwise classes may lie over each other.
    """
    if not instances:
        return []
    lit = np.zeros((events.height, events.width), bool)
    lit[events.y, events.x] = True
    outline = _closed(lit & (square_counts(lit, 1) >= _LEAST))
    classes = np.array([0 if across_classes else instance.class_id for instance in instances])
    drawn = list(instances)
    for class_id in np.unique(classes).tolist():
        members = np.flatnonzero(classes == class_id).tolist()
        boxes = {k: _box(instances[k]) for k in members}
        masks = {k: instances[k].mask[boxes[k]] for k in members}
        # Rings of growing width around each mask: a pixel goes to the instance whose ring reaches it first.
        owner = np.full(lit.shape, -1, np.int64)
        for width in _RINGS:
            for k in members:
                here = owner[boxes[k]]
                here[(square_counts(masks[k], width) > 0) & (here < 0)] = k
        for k in members:
            drawn[k] = _redrawn(instances[k], _filled(outline[boxes[k]] & (owner[boxes[k]] == k)), boxes[k])
    return drawn


def _box(instance: Instance) -> tuple[slice, slice]:
    """Rows and columns of all that an instance may take."""
    x0, y0, x1, y1 = instance.box
    reach = _RINGS[-1]
    return slice(max(y0 - reach, 0), y1 + reach + 1), slice(max(x0 - reach, 0), x1 + reach + 1)


def _redrawn(instance: Instance, mask: Bools, box: tuple[slice, slice]) -> Instance:
    y, x = np.nonzero(mask)
    if not len(y):
        return instance
    y, x = y + box[0].start, x + box[1].start
    pixels = (y * instance.shape[1] + x).astype(np.int32)
    return replace(instance, pixels=pixels, box=(int(x.min()), int(y.min()), int(x.max()), int(y.max())))


def square_counts(mask: Bools, width: int) -> npt.NDArray[np.int32]:
    """Pixels of a mask in the square of 2 width + 1 pixels around each pixel."""
    side = 2 * width + 1
    sums = np.zeros((mask.shape[0] + side, mask.shape[1] + side), np.int32)
    sums[width + 1 : width + 1 + mask.shape[0], width + 1 : width + 1 + mask.shape[1]] = mask
    np.cumsum(sums, axis=0, out=sums)
    rows = sums[side:] - sums[:-side]
    np.cumsum(rows, axis=1, out=rows)
    counts: npt.NDArray[np.int32] = rows[:, side:] - rows[:, :-side]
    return counts


def _closed(mask: Bools) -> Bools:
    """Grown and shrunk again, by squares; beyond the edge there is nothing to grow into."""
    padded = np.pad(mask, _CLOSED)
    grown = square_counts(padded, _CLOSED) > 0
    shrunk: Bools = square_counts(grown, _CLOSED) == (2 * _CLOSED + 1) ** 2
    return shrunk[_CLOSED:-_CLOSED, _CLOSED:-_CLOSED] | mask


def _filled(mask: Bools) -> Bools:
    """With its holes: what cannot be reached from outside along rows and columns."""
    if not mask.any():
        return mask
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    free = np.pad(~mask[box], 1, constant_values=True)
    outside = np.zeros(free.shape, bool)
    outside[0] = outside[-1] = outside[:, 0] = outside[:, -1] = True
    runs = [_runs(free), _runs(free.T).T]
    known = 0
    while (n := int(outside.sum())) > known:
        known = n
        for run in runs:
            outside = (np.bincount(run.ravel(), outside.ravel(), int(run.max()) + 1) > 0)[run] & free
    filled: Bools = mask.copy()
    filled[box] = ~outside[1:-1, 1:-1]
    return filled


def _runs(free: Bools) -> npt.NDArray[np.int64]:
    """A number for each run of free pixels in a row, and for each pixel that is not free; shape of `free`."""
    starts = np.ones(free.shape, bool)
    starts[:, 1:] = ~(free[:, 1:] & free[:, :-1])
    numbers: npt.NDArray[np.int64] = np.cumsum(starts).reshape(free.shape) - 1
    return numbers
