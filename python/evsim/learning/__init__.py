"""Learning with exact gradients."""

from __future__ import annotations

from .._lib.modules import only_public
from .tape import Gradients, Tape, record

__all__ = ["Gradients", "Tape", "record"]

__dir__ = only_public(__all__)
