"""Plasticity rules that evsim ships, as kernels for ``add_layer(..., kernel=...)``.

Each is one short source in C++ (:func:`evsim.kernels.shipped` has the file): a place to start from when you write your
own. Times are in the network's unit.
"""

from .._lib.modules import only_public
from .dopamine import deliver_dopamine, eligibility_stdp
from .inhibition import vogels_stdp
from .order import mozafari_stdp, simplified_stdp
from .pairs import guetig_stdp, pair_stdp
from .rewards import apply_reward, reward_stdp
from .short_term import tsodyks_markram
from .triplets import diehl_cook_stdp, triplet_stdp
from .voltage import voltage_stdp
from .weights import normalize_weights

__all__ = [
    "apply_reward",
    "deliver_dopamine",
    "diehl_cook_stdp",
    "eligibility_stdp",
    "guetig_stdp",
    "mozafari_stdp",
    "normalize_weights",
    "pair_stdp",
    "reward_stdp",
    "simplified_stdp",
    "triplet_stdp",
    "tsodyks_markram",
    "vogels_stdp",
    "voltage_stdp",
]


__dir__ = only_public(__all__)
