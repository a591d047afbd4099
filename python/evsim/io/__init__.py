"""Files: networks, spikes and recordings of event cameras."""

from .events import read_events, write_events
from .recordings import read_spikes, write_spikes

__all__ = ["read_events", "read_spikes", "write_events", "write_spikes"]
