"""Scores of segmentations: pixels against masks, events against labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_size
from ..errors import DTypeError, IndexOutOfRangeError, ShapeMismatchError, UnsortedSpikesError
from .instances import Instance

Bools = npt.NDArray[np.bool_]


class ClassIoU(NamedTuple):
    """Intersection over union of every class.

    Attributes
    ----------
    per_class : ndarray of float64, shape (n_classes,)
        NaN for a class that neither the segmentation nor the truth has.
    mean : float
        Of the classes that are there; NaN if there are none.
    """

    per_class: npt.NDArray[np.float64]
    mean: float


def mask_iou(mask: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Intersection over union of two masks: ``|A & B| / |A | B|`` (Jaccard 1912).

    Parameters
    ----------
    mask, truth : array_like of bool, of one shape

    Returns
    -------
    float
        0 to 1; NaN if both are empty.

    Raises
    ------
    ShapeMismatchError
        The shapes differ.

    Examples
    --------
    >>> from evsim.spikeseg import mask_iou
    >>> mask_iou([[1, 1, 0]], [[0, 1, 1]])
    0.3333333333333333
    """
    a, b = np.asarray(mask, bool), np.asarray(truth, bool)
    if a.shape != b.shape:
        raise ShapeMismatchError(f"the masks must have one shape, got {a.shape} and {b.shape}")
    either = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / either if either else float("nan")


def class_iou(segmentation: npt.ArrayLike, truth: npt.ArrayLike, n_classes: int) -> ClassIoU:
    """Intersection over union per class, and its mean over the classes.

    For class k, ``TP / (TP + FP + FN)`` over all pixels: the measure of the PASCAL VOC segmentation challenge
    (Everingham et al., International Journal of Computer Vision 88, 2010, section 4.1).

    Parameters
    ----------
    segmentation, truth : array_like of int, of one shape
        Class of every pixel, -1 where there is none.
    n_classes : int

    Returns
    -------
    ClassIoU

    Raises
    ------
    ShapeMismatchError, DTypeError, IndexOutOfRangeError
        The shapes differ, or something else than -1 to ``n_classes - 1`` is in them.

    Examples
    --------
    >>> from evsim.spikeseg import class_iou
    >>> class_iou([0, 0, 1, -1], [0, 1, 1, -1], n_classes=3)
    ClassIoU(per_class=array([0.5, 0.5, nan]), mean=0.5)
    """
    as_size(n_classes, "n_classes")
    maps = [_classes(values, n_classes) for values in (segmentation, truth)]
    if maps[0].shape != maps[1].shape:
        raise ShapeMismatchError(f"segmentation and truth must have one shape, got {maps[0].shape}, {maps[1].shape}")
    found, true = (np.bincount(part[part >= 0], minlength=n_classes) for part in maps)
    both = np.bincount(maps[0][(maps[0] == maps[1]) & (maps[0] >= 0)], minlength=n_classes)
    either = found + true - both
    per_class = np.divide(both, either, out=np.full(n_classes, np.nan), where=either > 0)
    return ClassIoU(per_class, float(per_class[either > 0].mean()) if either.any() else float("nan"))


def _classes(values: npt.ArrayLike, n_classes: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise DTypeError(f"classes of pixels must be integers, got {array.dtype}")
    if array.size and (array.max() >= n_classes or array.min() < -1):
        raise IndexOutOfRangeError(f"classes must be -1 or from 0 to {n_classes - 1}")
    return array.astype(np.int64)


@dataclass(frozen=True)
class EventScores:
    """How well events were told apart into objects and background.

    Attributes
    ----------
    true_positives, false_negatives : int
        Events of objects that were detected, and that were not.
    true_negatives, false_positives : int
        Events of the background that were left alone, and that were taken for an object.

    Examples
    --------
    >>> from evsim.spikeseg import EventScores
    >>> EventScores(true_positives=8, false_negatives=2, true_negatives=90, false_positives=10).informedness
    0.7
    """

    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int

    @property
    def sensitivity(self) -> float:
        """TP / (TP + FN); NaN without events of objects (Yerushalmy 1947)."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def specificity(self) -> float:
        """TN / (TN + FP); NaN without events of the background (Yerushalmy 1947)."""
        return _share(self.true_negatives, self.false_positives)

    @property
    def informedness(self) -> float:
        """Sensitivity + specificity - 1: 0 at chance, 1 at best (Youden's J, Cancer 3, 1950; Powers 2011)."""
        positives = self.true_positives + self.false_negatives
        negatives = self.true_negatives + self.false_positives
        if not positives or not negatives:
            return float("nan")
        determinant = self.true_positives * self.true_negatives - self.false_positives * self.false_negatives
        return determinant / (positives * negatives)

    @property
    def precision(self) -> float:
        """TP / (TP + FP); NaN if nothing was detected."""
        return _share(self.true_positives, self.false_positives)

    def __add__(self, other: EventScores) -> EventScores:
        """Scores of two recordings together."""
        return EventScores(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.true_negatives + other.true_negatives,
            self.false_positives + other.false_positives,
        )


def _share(part: int, rest: int) -> float:
    return part / (part + rest) if part + rest else float("nan")


def score_events(labels: npt.ArrayLike, detected: npt.ArrayLike) -> EventScores:
    """Compare a decision per event with the truth.

    Parameters
    ----------
    labels : array_like of bool or int, shape (n_events,)
        Nonzero for events of an object, 0 for those of the background.
    detected : array_like of bool or int, shape (n_events,)
        Nonzero for events that were taken for an object's, such as those of :func:`detected_events`.

    Returns
    -------
    EventScores

    Raises
    ------
    ShapeMismatchError
        The arrays differ in length or are not one-dimensional.

    Examples
    --------
    >>> from evsim.spikeseg import score_events
    >>> scores = score_events(labels=[1, 1, 0, 0, 0], detected=[1, 0, 0, 0, 1])
    >>> scores.sensitivity, round(scores.specificity, 3), round(scores.informedness, 3)
    (0.5, 0.667, 0.167)
    """
    true, found = np.asarray(labels) != 0, np.asarray(detected) != 0
    if true.ndim != 1 or true.shape != found.shape:
        raise ShapeMismatchError(f"one label and decision per event, got shapes {true.shape} and {found.shape}")
    counts = np.bincount(2 * true + found, minlength=4).tolist()
    return EventScores(counts[3], counts[2], counts[0], counts[1])


def detected_events(
    t: npt.ArrayLike,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    windows: Sequence[Sequence[Instance]],
    edges: npt.ArrayLike,
) -> Bools:
    """Which events fall into the mask of an instance of their window of time.

    Parameters
    ----------
    t, x, y : array_like of numbers, shape (n_events,)
        Time, column and row of the events; need not be sorted.
    windows : sequence of sequences of Instance
        Instances of each window.
    edges : array_like of numbers, shape (n_windows + 1,)
        Window k has the events with ``edges[k] <= t < edges[k + 1]``, in the unit of `t`. Events outside of all
        windows are not detected.

    Returns
    -------
    ndarray of bool, shape (n_events,)

    Raises
    ------
    ShapeMismatchError
        Arrays differ in length, there is not one more edge than windows, or instances differ in shape.
    IndexOutOfRangeError
        An event lies outside of the instances' pixels.
    UnsortedSpikesError
        The edges do not increase.
    DTypeError
        Pixels that are not whole numbers.

    Notes
    -----
    O((n_events + n_pixels) log n_pixels), with the pixels of all masks.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import Instance, detected_events
    >>> instance = Instance(0, (2, 2), np.array([3]), (1, 1, 1, 1), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> detected_events([5, 15, 15], [1, 1, 0], [1, 1, 1], [[], [instance]], [0, 10, 20])
    array([False,  True, False])
    """
    times, columns, rows = (np.asarray(values) for values in (t, x, y))
    bounds = np.asarray(edges)
    if times.ndim != 1 or not times.shape == columns.shape == rows.shape:
        raise ShapeMismatchError(f"t, x and y must have one length, got {times.shape}, {columns.shape}, {rows.shape}")
    if columns.size and (columns.dtype.kind not in "iu" or rows.dtype.kind not in "iu"):
        raise DTypeError(f"x and y must be integers, got {columns.dtype} and {rows.dtype}")
    if bounds.shape != (len(windows) + 1,):
        raise ShapeMismatchError(f"{len(windows)} windows have {len(windows) + 1} edges, got {bounds.shape}")
    if np.any(np.diff(bounds) <= 0):
        raise UnsortedSpikesError("the edges of windows must increase")
    shapes = sorted({instance.shape for window in windows for instance in window})
    if not shapes:
        return np.zeros(len(times), bool)
    if len(shapes) > 1:
        raise ShapeMismatchError(f"all instances must have one shape, got {shapes}")
    height, width = shapes[0]
    places = np.concatenate([columns, rows])
    if places.size and (places.min() < 0 or columns.max() >= width or rows.max() >= height):
        raise IndexOutOfRangeError(f"events must lie within the instances' {width} x {height} pixels")
    plane = height * width
    lit = np.unique(
        np.concatenate([k * plane + one.pixels.astype(np.int64) for k, window in enumerate(windows) for one in window])
    )
    window_of = np.searchsorted(bounds, times, side="right").astype(np.int64) - 1
    keys = window_of * plane + rows.astype(np.int64) * width + columns.astype(np.int64)
    inside = (window_of >= 0) & (window_of < len(windows))
    nearest = np.minimum(np.searchsorted(lit, keys), len(lit) - 1)
    detected: Bools = inside & (lit[nearest] == keys)
    return detected
