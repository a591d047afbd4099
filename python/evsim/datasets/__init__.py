"""Synthetic recordings with a known truth."""

from .._lib.modules import only_public
from .skies import random_star_field
from .star_fields import NOISE, SATELLITE, STAR, StarField, Trajectory, star_field
from .yin_yang_symbol import yin_yang

__all__ = ["NOISE", "SATELLITE", "STAR", "StarField", "Trajectory", "random_star_field", "star_field", "yin_yang"]


__dir__ = only_public(__all__)
