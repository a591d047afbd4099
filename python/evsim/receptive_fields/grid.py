"""Where the points of a kernel lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import MemoryLimitError

_LARGEST = 4096


def grid(size: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Row and column of every point, in pixels from the centre. Raises MemoryLimitError for more than 4096 rows."""
    if size > _LARGEST:
        raise MemoryLimitError(f"a kernel has at most {_LARGEST} rows and columns, got size {size}")
    offsets = np.arange(size) - (size - 1) / 2
    rows, columns = np.meshgrid(offsets, offsets, indexing="ij")
    return rows, columns
