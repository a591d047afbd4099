"""Runs of a network, one at a time, and what they give."""

from __future__ import annotations

import threading
import weakref
from typing import Any

from .._lib.modules import only_public
from ..network import SpikingNetwork
from ..spikes import SpikeArray

__all__: list[str] = []

_LOCKS: weakref.WeakKeyDictionary[SpikingNetwork, threading.RLock] = weakref.WeakKeyDictionary()
_LOCKS_LOCK = threading.Lock()


def one_at_a_time(net: SpikingNetwork) -> Any:
    """A lock for the recordings of a network."""
    with _LOCKS_LOCK:
        return _LOCKS.setdefault(net, threading.RLock())


def as_spikes(given: Any) -> SpikeArray:
    """Return spikes as the core or a caller has them as a SpikeArray."""
    if isinstance(given, tuple):
        return SpikeArray(*given)
    found = SpikeArray()
    found._core = given
    return found


__dir__ = only_public(__all__)
