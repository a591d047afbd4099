"""Receptive fields: fixed filters of early vision, Gaussian derivatives in space and leaky integrators in time."""

from .._lib.modules import only_public
from .early_vision import difference_of_gaussians, gabor
from .spatial import spatial_bank, spatial_receptive_field
from .temporal import temporal_receptive_field

__all__ = [
    "difference_of_gaussians",
    "gabor",
    "spatial_bank",
    "spatial_receptive_field",
    "temporal_receptive_field",
]

__dir__ = only_public(__all__)
