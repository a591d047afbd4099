"""Recordings of event cameras: the array that holds one, and what cleans it."""

from .._lib.modules import only_public
from . import filters
from .array import EventArray

__all__ = ["EventArray", "filters"]


__dir__ = only_public(__all__)
