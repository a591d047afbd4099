"""Recordings of event cameras: the array that holds one, and what cleans it."""

from . import filters
from .array import EventArray

__all__ = ["EventArray", "filters"]
