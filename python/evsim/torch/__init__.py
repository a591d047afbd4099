"""Networks as PyTorch modules, with exact gradients through spike times."""

from __future__ import annotations

from .._lib.modules import only_public
from .._lib.optional import require

try:
    from .batches import collate
    from .module import Network
    from .outputs import Output
    from .values import Values
except ModuleNotFoundError:
    require("torch", "PyTorch", "torch", "evsim.torch")  # says what to install, where that is what is missing
    raise

__all__ = ["Network", "Output", "Values", "collate"]

__dir__ = only_public(__all__)
