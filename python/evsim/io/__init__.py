"""Files: spikes, and recordings of event cameras."""

from .._lib.modules import only_public
from .events import iterate_events, read_events, scan_events, write_events
from .recordings import read_spikes, write_spikes
from .summary import RecordingSummary

__all__ = [
    "RecordingSummary",
    "iterate_events",
    "read_events",
    "read_spikes",
    "scan_events",
    "write_events",
    "write_spikes",
]


__dir__ = only_public(__all__)
