"""Encoders: spikes from numbers, at exact times."""

from .._lib.modules import only_public
from .boxes import boxes
from .constant_current import constant_current_lif, spike_latency_lif
from .first_spikes import spike_latency
from .latencies import latency, log_latency
from .level_crossings import delta_modulation
from .poisson_processes import poisson, poisson_step, signed_poisson
from .ranks import rank_order
from .tuning import population

__all__ = [
    "boxes",
    "constant_current_lif",
    "delta_modulation",
    "latency",
    "log_latency",
    "poisson",
    "poisson_step",
    "population",
    "rank_order",
    "signed_poisson",
    "spike_latency",
    "spike_latency_lif",
]

__dir__ = only_public(__all__)
