"""Files: networks and spikes."""

from .networks import load, save
from .recordings import read_spikes, write_spikes

__all__ = ["load", "read_spikes", "save", "write_spikes"]
