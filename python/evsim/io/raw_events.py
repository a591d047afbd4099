"""What the readers of event-camera files share: how damage is named, and the checks on decoded events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EvsimError, FileFormatError
from ..events.array import EventArray
from ..events.columns import first_decrease, first_outside


@dataclass(frozen=True)
class Recording:
    """A file that is being read: where it is, what it holds, and the size of the sensor that the caller named."""

    path: Path
    data: bytes
    width: int | None = None
    height: int | None = None

    def truncated(self, what: str, byte: int, have: int, need: int) -> FileFormatError:
        """`what` starts at `byte` and the file ends before it does."""
        return FileFormatError(f"{self.path} is truncated: the {what} at byte {byte} has {have} of {need} bytes")

    def damaged(self, byte: int, message: str) -> FileFormatError:
        """What is at `byte` cannot be."""
        return FileFormatError(f"{self.path} is damaged at byte {byte}: {message}")

    def events(
        self,
        t: npt.NDArray[Any],
        x: npt.NDArray[Any],
        y: npt.NDArray[Any],
        p: npt.NDArray[Any],
        *,
        size: tuple[int, int] | None,
        byte_of: Callable[[int], int],
        largest: int = 2**16,
        sort: bool = False,
    ) -> EventArray:
        """Decoded events, checked; `byte_of` says where the k-th is. `size` is (width, height) as the file has it."""
        width = self.width or (size[0] if size else None)
        height = self.height or (size[1] if size else None)
        k = first_outside(x, y, width or largest, height or largest)
        if k is not None:
            known = f"{width or largest} x {height or largest} pixels"
            raise self.damaged(byte_of(k), f"event {k} is at x = {x[k]}, y = {y[k]}, outside {known}")
        k = None if sort else first_decrease(t)
        if k is not None:
            raise self.damaged(byte_of(k), f"the time of event {k} is {t[k]} us, after {t[k - 1]} us")
        try:
            return EventArray(t, x, y, p, width=width, height=height, sort=sort)
        except EvsimError as error:
            raise FileFormatError(f"{self.path} does not hold valid events: {error}") from None


def little_endian(data: bytes, start: int, n_bytes: int, *, signed: bool = False) -> int:
    """One integer of the file."""
    return int.from_bytes(data[start : start + n_bytes], "little", signed=signed)


def words(data: bytes, start: int, dtype: str) -> npt.NDArray[Any]:
    """All whole words from `start` on, as a view."""
    size = np.dtype(dtype).itemsize
    return np.frombuffer(data, dtype=dtype, offset=start, count=max(len(data) - start, 0) // size)
