"""Grouping of unravelled classification spikes by hash and bounding box, without a loop over pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeMismatchError
from .hashes import count_bits

_PAIRS = 2**17
"""Most pairs compared at a time."""

_BYTES = 2**22
"""Most bytes of hashes compared at a time."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def box_iou(first: npt.ArrayLike, second: npt.ArrayLike) -> Any:
    """Intersection over union of boxes (x0, y0, x1, y1) in pixels, both corners included.

    Parameters
    ----------
    first, second : array_like of int, shape (..., 4)
        Broadcast against each other.

    Returns
    -------
    ndarray of float64, or float
        ``|A & B| / |A | B|`` in pixels (Jaccard 1912), 0 for boxes that do not touch.

    Raises
    ------
    ShapeMismatchError
        There are not four numbers to a box.

    Examples
    --------
    >>> from evsim.spikeseg import box_iou
    >>> float(box_iou((0, 0, 3, 3), (2, 0, 5, 3)))  # 8 pixels of 24
    0.3333333333333333
    """
    a, b = np.asarray(first, np.int64), np.asarray(second, np.int64)
    if a.shape[-1:] != (4,) or b.shape[-1:] != (4,):
        raise ShapeMismatchError(f"a box is (x0, y0, x1, y1), got arrays of shape {a.shape} and {b.shape}")
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    shared = np.prod(np.maximum(high - low + 1, 0), axis=-1)
    return shared / (_areas(a) + _areas(b) - shared)


def _areas(boxes: Ints) -> Any:
    return np.prod(boxes[..., 2:] - boxes[..., :2] + 1, axis=-1)


def group(
    boxes: Ints, hashes: npt.NDArray[np.uint8], classes: Ints, threshold: float, across_classes: bool = False
) -> Ints:
    """Number of each spike's group: the lowest spike in it.

    Two spikes are linked if Jaccard(hashes) * IoU(boxes) > `threshold`; groups are what is linked by chains. A score
    never exceeds the IoU, so hashes are compared only where the boxes suffice, and never within one group.
    """
    n = len(boxes)
    labels = np.arange(n)
    sizes = count_bits(hashes)
    kinds = np.zeros(n, np.int64) if across_classes else classes
    for a, b in _touching(boxes, kinds, min(_PAIRS, _BYTES // hashes.shape[1] + 1)):
        apart = labels[a] != labels[b]
        a, b = a[apart], b[apart]
        iou = box_iou(boxes[a], boxes[b])
        near = iou > threshold
        a, b, iou = a[near], b[near], iou[near]
        shared = count_bits(hashes[a] & hashes[b])
        linked = shared / (sizes[a] + sizes[b] - shared) * iou > threshold
        merge(labels, a[linked], b[linked])
    return labels


def _touching(boxes: Ints, kinds: Ints, n_pairs: int) -> Iterator[tuple[Ints, Ints]]:
    """All pairs of one kind whose boxes share columns, each once, in blocks."""
    n = len(boxes)
    order = np.lexsort((boxes[:, 0], kinds))
    span = int(boxes[:, 2].max(initial=0)) + 1
    first = kinds[order] * span + boxes[order, 0]
    ends = np.searchsorted(first, kinds[order] * span + boxes[order, 2], side="right")
    counts = ends - np.arange(n) - 1
    before = np.concatenate([[0], np.cumsum(counts)])
    start = 0
    while start < n:
        stop = max(int(np.searchsorted(before, before[start] + n_pairs, side="right")) - 1, start + 1)
        row = np.repeat(np.arange(start, stop), counts[start:stop])
        column = np.arange(len(row)) - np.repeat(before[start:stop] - before[start], counts[start:stop]) + row + 1
        yield order[row], order[column]
        start = stop


def merge(labels: Ints, a: Ints, b: Ints) -> None:
    """Give what the pairs (a, b) link one label, the lowest; labels are, before and after, lowest members of groups.

    Union by minimum with path compression, all pairs at once: in every round each group hooks onto the lowest group
    it is linked to (Shiloach and Vishkin 1982).
    """
    while a.size:
        low, high = np.minimum(labels[a], labels[b]), np.maximum(labels[a], labels[b])
        apart = low != high
        a, b, low, high = a[apart], b[apart], low[apart], high[apart]
        order = np.argsort(-low, kind="stable")
        labels[high[order]] = low[order]  # of repeated assignments the last stays, which is the lowest
        while True:
            roots = labels[labels]
            if np.array_equal(roots, labels):
                break
            labels[:] = roots
