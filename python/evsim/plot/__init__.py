"""Pictures of spikes and their statistics, potentials and weights, of training, of camera events and what is in them.

Every function draws into matplotlib axes and returns them; without ``ax=`` it makes a new figure. Nothing is
shown or saved: that is left to the caller (``ax.figure.savefig("raster.png")``); only :func:`animation` writes a
file. matplotlib comes with ``python -m pip install 'evsim[plot]'``.
"""

from .._lib.modules import only_public
from .activity import membrane, raster
from .common import COLORS, INK
from .frames import event_frame
from .maps import feature_maps, kernels
from .matrices import weights
from .segmentation import instances, saliency, trajectories
from .training import confusion_matrix, delays, learning_curves
from .trains import intervals, raster_with_rate, spectrum
from .video import animation

__all__ = [
    "COLORS",
    "INK",
    "animation",
    "confusion_matrix",
    "delays",
    "event_frame",
    "feature_maps",
    "instances",
    "intervals",
    "kernels",
    "learning_curves",
    "membrane",
    "raster",
    "raster_with_rate",
    "saliency",
    "spectrum",
    "trajectories",
    "weights",
]


__dir__ = only_public(__all__)
