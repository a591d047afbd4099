"""What is in a recording, and what of it was left out."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordingWarning
from .recording import Skipped

_LOSSES = {
    "outside_events": "events outside the sensor left out",
    "damaged_parts": "damaged parts left out",
    "lost_bytes": "bytes lost at a broken end",
    "clock_steps_back": "steps back of the clock kept",
}
"""What a warning tells of. Sorting and skipping what a format allows for is none of it."""


@dataclass(frozen=True, kw_only=True)
class RecordingSummary:
    """What a recording holds, and what of it a reader leaves out, sorts or finds odd.

    Attributes
    ----------
    format : str
        Such as ``"EVT 3.0"``.
    n_events : int
        Events that are read, of the whole recording.
    width, height : int
        Size of the sensor in pixels.
    start, stop : int
        Microseconds: the first event, and just after the last (``start <= t < stop``); both 0 without events.
    late_events : int
        Events earlier than one before them; sorted, stably.
    reserved_words : int
        Words of a type that the format reserves; skipped.
    other_items : int
        Packets and items that are no events, such as frames, inertia and triggers; not looked at.
    untimed_events : int
        Events before the first time, row or base column of a stream; left out.
    clock_steps_back : int
        Times that the upper bits of a camera's clock become smaller; events keep the times that they say.
    outside_events : int
        Events outside the sensor, or at a time or of a polarity that cannot be; left out.
    damaged_parts : int
        Packets or lines that cannot be decoded; left out.
    lost_bytes : int
        Bytes at the end that are no whole item, or that cannot be reached.
    """

    format: str
    n_events: int
    width: int
    height: int
    start: int
    stop: int
    late_events: int = 0
    reserved_words: int = 0
    other_items: int = 0
    untimed_events: int = 0
    clock_steps_back: int = 0
    outside_events: int = 0
    damaged_parts: int = 0
    lost_bytes: int = 0

    @property
    def is_intact(self) -> bool:
        """Whether nothing was lost and the clock never stepped back."""
        return not any(getattr(self, name) for name in _LOSSES)


def warn_of_losses(path: Path, skipped: Skipped) -> None:
    """One :class:`RecordingWarning` that names all losses, if there are any, at the caller's line outside evsim."""
    losses = [
        f"{words}: {getattr(skipped, name)} ({skipped.first[name]})"
        for name, words in _LOSSES.items()
        if getattr(skipped, name)
    ]
    if losses:
        message = f"{path}: {'; '.join(losses)}; strict=True refuses such a file"
        frame, level = sys._getframe(), 1
        while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("evsim."):
            frame, level = frame.f_back, level + 1
        warnings.warn(RecordingWarning(message), stacklevel=level)
