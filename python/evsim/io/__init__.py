"""Files: networks, spikes and recordings of event cameras."""

from .events import read_events, write_events
from .networks import load, save
from .recordings import read_spikes, write_spikes

__all__ = ["load", "read_events", "read_spikes", "save", "write_events", "write_spikes"]
