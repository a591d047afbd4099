"""Masks as sharp as the events: what a receptive field blurs, the events of the window draw anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from .instances import Instance

Bools = npt.NDArray[np.bool_]

_RINGS = (0, 2, 4, 8, 16)
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
    outline = _closed(lit & (_counts(lit, 1) >= _LEAST))
    classes = np.array([0 if across_classes else instance.class_id for instance in instances])
    drawn = list(instances)
    for class_id in np.unique(classes).tolist():
        members = np.flatnonzero(classes == class_id).tolist()
        # Rings of growing width around each mask: a pixel goes to the instance whose ring reaches it first.
        owner = np.full(lit.shape, -1, np.int64)
        for width in _RINGS:
            for k in members:
                owner[(_counts(instances[k].mask, width) > 0) & (owner < 0)] = k
        for k in members:
            drawn[k] = _redrawn(instances[k], _filled(outline & (owner == k)))
    return drawn


def _redrawn(instance: Instance, mask: Bools) -> Instance:
    pixels = np.flatnonzero(mask).astype(np.int32)
    if not len(pixels):
        return instance
    y, x = np.divmod(pixels, instance.shape[1])
    return replace(instance, pixels=pixels, box=(int(x.min()), int(y.min()), int(x.max()), int(y.max())))


def _counts(mask: Bools, width: int) -> npt.NDArray[np.int64]:
    """Pixels of a mask in the square of 2 width + 1 pixels around each pixel."""
    side = 2 * width + 1
    sums = np.pad(mask, ((width + 1, width), (width + 1, width))).cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
    rows = sums[side:] - sums[:-side]
    counts: npt.NDArray[np.int64] = rows[:, side:] - rows[:, :-side]
    return counts


def _closed(mask: Bools) -> Bools:
    """Grown and shrunk again, by squares; beyond the edge there is nothing to grow into."""
    padded = np.pad(mask, _CLOSED)
    grown = _counts(padded, _CLOSED) > 0
    shrunk: Bools = _counts(grown, _CLOSED) == (2 * _CLOSED + 1) ** 2
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
