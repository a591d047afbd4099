"""Tracks: instances of consecutive windows of time that are the same object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_size, as_times
from ..errors import InvalidArgumentError, ShapeMismatchError
from .instances import Instance

Floats = npt.NDArray[np.float64]


@dataclass(eq=False, slots=True)
class Track:
    """One object over time.

    Attributes
    ----------
    track_id : int
        0, 1, ... in the order in which the tracks begin.
    class_id : int
        Of its first instance, and of all of them unless tracks go across classes.
    windows : list of int
        In which windows it was seen; a track may miss some, see ``max_gap`` of :func:`track_instances`.
    times : list of float
        Of these windows.
    instances : list of Instance
        One per window.
    places : list of tuple of float
        (x, y) of its middle in each window, where it was found by its motion; otherwise empty.
    """

    track_id: int
    class_id: int
    windows: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)

    @property
    def boxes(self) -> npt.NDArray[np.int64]:
        """(x0, y0, x1, y1) in each window, shape (n_windows, 4)."""
        return np.array([instance.box for instance in self.instances], np.int64).reshape(-1, 4)

    @property
    def centroids(self) -> Floats:
        """(x, y) of its middle in each window, shape (n_windows, 2): `places`, or else the mean of the pixels."""
        if self.places:
            return np.array(self.places, np.float64)
        return np.array([instance.centroid for instance in self.instances], np.float64).reshape(-1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Numbers and lists under the names of the attributes, for JSON."""
        return {
            "track_id": self.track_id,
            "class_id": self.class_id,
            "windows": list(self.windows),
            "times": list(self.times),
            "instances": [instance.to_dict() for instance in self.instances],
        }

    def __len__(self) -> int:
        return len(self.windows)

    def __repr__(self) -> str:
        return f"Track({self.track_id}, class {self.class_id}, seen in {len(self)} windows)"


def track_instances(
    windows: Sequence[Sequence[Instance]],
    threshold: float = 0.1,
    *,
    max_gap: int = 0,
    max_distance: float | None = None,
    times: npt.ArrayLike | None = None,
    across_classes: bool = False,
) -> list[Track]:
    """Link the instances of consecutive windows into tracks by their hashes.

    In each window the pair of a running track and a new instance of its class with the highest Jaccard index of their
    hashes is linked first, then the best of what is left, as long as the index exceeds the threshold; the track's hash
    is that of its last instance. At equal indices the nearer pair comes first, then the older track, then the earlier
    instance. What is left over begins a track.

    Parameters
    ----------
    windows : sequence of sequences of Instance
        What :func:`find_instances` returned for each window.
    threshold : float
        Of the Jaccard index; 0 to 1.
    max_gap : int
        Number of windows in a row in which a track may be missing and still go on.
    max_distance : float, optional
        Pixels that the centre of a box may move from one window to the next, and as many times that as windows have
        gone by after a gap. By default there is no limit: a hash does not say where an object is, so give one if there
        is more than one object of a class.
    times : array_like of float, shape (n_windows,), optional
        Time of each window, for the tracks; its number by default.
    across_classes : bool
        Whether a track may go on with an instance of another class; its class is that of its first one.

    Returns
    -------
    list of Track
        In the order in which they begin.

    Raises
    ------
    ShapeMismatchError
        Hashes differ in shape, or there are not as many times as windows.
    InvalidArgumentError
        An option is outside its domain.

    Notes
    -----
    Hashes as signatures of objects over time: Kirkland et al., IEEE Transactions on Computers 71(11), 2022.
    Greedy matching, O(k m) comparisons for k tracks and m instances per window.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import Instance, track_instances
    >>> def seen(x):
    ...     return Instance(0, (4, 9), np.array([x]), (x, 0, x, 0), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> (track,) = track_instances([[seen(1)], [seen(3)], [], [seen(6)]], max_gap=1)
    >>> track.windows, track.centroids[:, 0].tolist()
    ([0, 1, 3], [1.0, 3.0, 6.0])
    """
    if not 0 <= as_number(threshold, "threshold") <= 1:
        raise InvalidArgumentError(f"threshold must be from 0 to 1, got {threshold}")
    if max_gap:
        as_size(max_gap, "max_gap")
    if max_distance is not None and not as_number(max_distance, "max_distance") >= 0:
        raise InvalidArgumentError(f"max_distance must not be negative, got {max_distance}")
    clock = np.arange(len(windows), dtype=np.float64) if times is None else as_times(times, "times")
    if len(clock) != len(windows):
        raise ShapeMismatchError(f"{len(clock)} times for {len(windows)} windows")
    shapes = sorted({instance.ash.shape for window in windows for instance in window})
    if len(shapes) > 1:
        raise ShapeMismatchError(f"the hashes of all windows must have one shape, got {shapes}")

    tracks: list[Track] = []
    for number, (window, time) in enumerate(zip(windows, clock.tolist(), strict=True)):
        running = [track for track in tracks if number - track.windows[-1] <= max_gap + 1]
        farthest = math.inf if max_distance is None else max_distance
        taken = _links(running, window, number, threshold, farthest, across_classes)
        for k, instance in enumerate(window):
            if k in taken:
                track = running[taken[k]]
            else:
                track = Track(len(tracks), instance.class_id)
                tracks.append(track)
            track.windows.append(number)
            track.times.append(time)
            track.instances.append(instance)
    return tracks


def _links(
    running: list[Track],
    window: Sequence[Instance],
    number: int,
    threshold: float,
    max_distance: float,
    across_classes: bool,
) -> dict[int, int]:
    """Position in `running` of the track to which instances belong, by position in the window."""
    if not running or not window:
        return {}
    last = [track.instances[-1] for track in running]
    score = _similarities(last, window)
    distance = np.linalg.norm(_centres(last)[:, np.newaxis] - _centres(window), axis=2)
    passed = np.array([number - track.windows[-1] for track in running])[:, np.newaxis]
    same = np.array([track.class_id for track in running])[:, np.newaxis] == [one.class_id for one in window]
    same |= across_classes
    rows, columns = np.nonzero(same & (score > threshold) & (distance <= max_distance * passed))
    order = np.lexsort((columns, rows, distance[rows, columns], -score[rows, columns]))
    rows, columns = rows[order], columns[order]
    taken = {}
    while rows.size:
        row, column = int(rows[0]), int(columns[0])
        taken[column] = row
        free = (rows != row) & (columns != column)
        rows, columns = rows[free], columns[free]
    return taken


def _similarities(first: Sequence[Instance], second: Sequence[Instance]) -> Floats:
    """Jaccard index of all pairs of hashes; the product counts what is set in both, exactly up to 2**53."""
    a = np.stack([instance.ash.ravel() for instance in first]).astype(np.float64)
    b = np.stack([instance.ash.ravel() for instance in second]).astype(np.float64)
    shared = a @ b.T
    either = a.sum(axis=1)[:, np.newaxis] + b.sum(axis=1) - shared
    similarity: Floats = shared / np.maximum(either, 1)
    return similarity


def _centres(instances: Sequence[Instance]) -> Floats:
    boxes = np.array([instance.box for instance in instances], np.float64)
    return (boxes[:, :2] + boxes[:, 2:]) / 2
