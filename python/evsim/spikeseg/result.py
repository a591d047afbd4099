"""What a segmentation is: windows with instances, tracks, and what each event belongs to."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..events.array import EventArray
from ..io.atomic import replacing
from ..motion import Motion
from .instances import Instance
from .tracks import Track


class EventLabels(NamedTuple):
    """What each event belongs to.

    Attributes
    ----------
    object_id : ndarray of int32, shape (n_events,)
        Number of its track, -1 if none. Of what moves with the background, numbers follow those of the tracks.
    class_id : ndarray of int32, shape (n_events,)
        Class of that track; -1 for no object, and -2 for the background's.
    confidence : ndarray of float32, shape (n_events,)
        Probability that this is so; NaN where masks decided, which give none.
    """

    object_id: npt.NDArray[np.int32]
    class_id: npt.NDArray[np.int32]
    confidence: npt.NDArray[np.float32]


@dataclass(slots=True)
class Segmentation:
    """What :func:`segment` found.

    Attributes
    ----------
    events : EventArray
        The recording.
    starts : ndarray of int64, shape (n_windows,)
        First microsecond of each window.
    window : int
        Microseconds per window.
    instances : list of lists of Instance
        Of each window.
    tracks : list of Track
        With times in microseconds, the middles of the windows.
    n_events, n_spikes : list of int
        Events and classification spikes of each window.
    settings : dict
        What was chosen, by the caller or from the recording: ``method`` and what belongs to it.
    motion : Motion or None
        What was found by its motion; it has the tracks of the background too.
    """

    events: EventArray
    starts: npt.NDArray[np.int64]
    window: int
    instances: list[list[Instance]] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)
    n_events: list[int] = field(default_factory=list)
    n_spikes: list[int] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    motion: Motion | None = None

    def mask(self, window: int) -> npt.NDArray[np.bool_]:
        """Pixels of all instances of a window, shape (height, width)."""
        mask = np.zeros((self.events.height, self.events.width), bool)
        for instance in self.instances[window]:
            mask |= instance.mask
        return mask

    def detected(self, background: bool = False) -> npt.NDArray[np.bool_]:
        """For each event of the recording, whether an object has caused it, shape (n_events,).

        Objects found by their motion have events of their own; of others, an event that lies in the mask of its window
        counts.

        Parameters
        ----------
        background : bool
            Whether what moves with the background, such as drifting stars, counts too. Only motion tells it apart.
        """
        if self.motion is not None:
            return self.motion.detected(background)
        detected = np.zeros(len(self.events), bool)
        for k, part in enumerate(self._parts()):
            detected[part] = self.mask(k)[self.events.y[part], self.events.x[part]]
        return detected

    def event_labels(self) -> EventLabels:
        """Which object each event belongs to, of which class, and how sure that is."""
        classes = np.array([track.class_id for track in self.tracks], np.int32)
        if self.motion is not None:
            objects = self.motion.object_ids
            behind = np.full(len(self.motion.tracks) - len(classes), -2, np.int32)
            of_object = np.concatenate([classes, behind, np.array([-1], np.int32)])
            return EventLabels(objects, of_object[objects], self.motion.confidence)
        objects = np.full(len(self.events), -1, np.int32)
        for k, (part, numbers) in enumerate(zip(self._parts(), self.track_ids(), strict=True)):
            seen = self.labels(k)[self.events.y[part], self.events.x[part]]
            objects[part] = np.array([-1, *numbers], np.int32)[seen]
        confidence = np.full(len(objects), np.nan, np.float32)
        return EventLabels(objects, np.append(classes, np.int32(-1))[objects], confidence)

    def _parts(self) -> list[slice]:
        """Events of each window."""
        edges = np.searchsorted(self.events.t, np.append(self.starts, self.starts[-1:] + self.window)).tolist()
        return list(itertools.starmap(slice, itertools.pairwise(edges)))

    def labels(self, window: int) -> npt.NDArray[np.int32]:
        """Which instance each pixel of a window belongs to: 0 none, k + 1 instance k; shape (height, width).

        Where instances overlap, the later one shows.
        """
        labels = np.zeros((self.events.height, self.events.width), np.int32)
        for k, instance in enumerate(self.instances[window]):
            labels.reshape(-1)[instance.pixels] = k + 1
        return labels

    def track_ids(self) -> list[list[int]]:
        """For each window, the number of the track that each of its instances belongs to."""
        numbers = {id(one): track.track_id for track in self.tracks for one in track.instances}
        return [[numbers[id(one)] for one in found] for found in self.instances]

    def to_dict(self) -> dict[str, Any]:
        """Windows with their instances, and tracks, as numbers and lists for JSON; masks are left out."""
        windows = zip(self.starts.tolist(), self.n_events, self.n_spikes, self.instances, strict=True)
        return {
            "settings": self.settings,
            "window_us": self.window,
            "windows": [
                {
                    "start_us": start,
                    "events": events,
                    "classification_spikes": spikes,
                    "instances": [
                        {
                            "class_id": one.class_id,
                            "box": list(one.box),
                            "centroid": list(one.centroid),
                            "pixels": len(one.pixels),
                            "spikes": len(one.spikes),
                        }
                        for one in found
                    ],
                }
                for start, events, spikes, found in windows
            ],
            "tracks": [
                {
                    "track_id": track.track_id,
                    "class_id": track.class_id,
                    "windows": list(track.windows),
                    "times_us": list(track.times),
                    "boxes": track.boxes.tolist(),
                    "centroids": track.centroids.tolist(),
                }
                for track in self.tracks
            ],
        }

    def save(self, folder: str | PathLike[str]) -> tuple[Path, Path]:
        """Write ``instances.json`` (see :meth:`to_dict`) and ``masks.npz`` into a folder, each in one step.

        Returns
        -------
        tuple of Path
            The second has the arrays ``labels``, int32, shape (n_windows, height, width), see :meth:`labels`, and
            ``starts``; and those of :meth:`event_labels`.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        directory = Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        paths = (directory / "instances.json", directory / "masks.npz")
        with replacing(paths[0]) as temporary:
            Path(temporary).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
        labels = np.stack([self.labels(k) for k in range(len(self.starts))])
        with replacing(paths[1]) as temporary, Path(temporary).open("wb") as file:
            np.savez_compressed(file, labels=labels, starts=self.starts, **self.event_labels()._asdict())
        return paths

    def __repr__(self) -> str:
        found = sum(map(len, self.instances))
        return f"Segmentation({len(self.starts)} windows, {found} instances, {len(self.tracks)} tracks)"
