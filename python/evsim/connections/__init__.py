"""Connections: who receives a spike, and with what weight."""

from .._lib.modules import only_public
from .base import Connection, as_weights
from .conv import Conv2d, ConvTranspose2d
from .dense import Dense
from .images import coordinates_of, index_of
from .pool import Pool2d, Unpool2d
from .sparse import Sparse

__all__ = [
    "Connection",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Pool2d",
    "Sparse",
    "Unpool2d",
    "as_weights",
    "coordinates_of",
    "index_of",
]


__dir__ = only_public(__all__)
