"""Files: spikes, and recordings of event cameras; and spike trains of neo."""

from .._lib.modules import only_public
from .events import iterate_events, read_events, scan_events, write_events
from .neo_trains import from_neo, to_neo
from .recordings import read_spikes, write_spikes
from .summary import RecordingSummary

__all__ = [
    "RecordingSummary",
    "from_neo",
    "iterate_events",
    "read_events",
    "read_spikes",
    "scan_events",
    "to_neo",
    "write_events",
    "write_spikes",
]


__dir__ = only_public(__all__)
