"""What training came to, for TensorBoard."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any

from .._lib.modules import only_public
from .._lib.optional import require

__all__: list[str] = []

_TAGS = {
    "loss": "loss/training",
    "validation_loss": "loss/validation",
    "accuracy": "accuracy/training",
    "validation_accuracy": "accuracy/validation",
    "lr": "lr",
}


@contextmanager
def scalars(folder: str | PathLike[str] | None, first: int) -> Iterator[Callable[[Any], None]]:
    """Give a function that writes an epoch, from the `first` on, to a folder; without one it does nothing.

    What the folder holds of the first and later epochs, from a process that was killed, counts no longer. Values that
    are NaN are not there. Raises MissingDependencyError.
    """
    if folder is None:
        yield lambda epoch: None
        return
    library = require("tensorboardX", "tensorboardX", "tensorboard", "a log for TensorBoard")
    # Files are named by the second; a training that goes on within one is not to write over what it comes from.
    with library.SummaryWriter(fspath(folder), purge_step=first, filename_suffix=f".from-{first}") as writer:

        def write(epoch: Any) -> None:
            for name, tag in _TAGS.items():
                if not math.isnan(getattr(epoch, name)):
                    writer.add_scalar(tag, getattr(epoch, name), epoch.number)
            writer.flush()

        yield write


__dir__ = only_public(__all__)
