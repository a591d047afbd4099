"""Where a training stands, as one value: after every sample one takes the place of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._lib.arrays import as_integer
from ...errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from .homeostasis import MapStatistics
from .stopping import REASONS, LayerHistory


@dataclass(frozen=True)
class Standing:
    """What a checkpoint keeps: everything that one more sample changes.

    Nothing in it is ever written to, so that an interruption, at whatever point it comes, finds the standing after one
    sample or after the next, never something in between.

    Attributes
    ----------
    layer, epoch, position : int
        The layer in training, its pass through the samples, and the samples of this pass that it has learned.
    weight : ndarray, optional
        Of the layer in training.
    history : mapping of str to LayerHistory
    decisions, unrecorded : tuple of bool
        Whether the last decisions were right, and those since the last entry of the history.
    statistics : MapStatistics, optional
        Of the layer in training.
    """

    layer: int = 0
    epoch: int = 0
    position: int = 0
    weight: npt.NDArray[Any] | None = None
    history: Mapping[str, LayerHistory] = field(default_factory=dict)
    decisions: tuple[bool, ...] = ()
    unrecorded: tuple[bool, ...] = ()
    statistics: MapStatistics | None = None

    def of_layer(self, layer: int, name: str, weight: npt.NDArray[Any], threshold: float) -> Standing:
        """At the beginning of a layer; or as it is, if that layer has begun."""
        if self.layer == layer and self.statistics is not None:
            return self
        history = {**self.history, name: LayerHistory()}
        statistics = MapStatistics.of(len(weight), threshold)
        return Standing(layer, weight=weight.copy(), history=history, statistics=statistics)

    def with_history(self, name: str, **changes: Any) -> Standing:
        """With other entries in the history of a layer."""
        return replace(self, history={**self.history, name: replace(self.history[name], **changes)})


def check_standing(standing: Standing, layers: tuple[str, ...], epochs: int, n_samples: int, n_maps: list[int]) -> None:
    """Refuse what no training can have come to; a damaged or tampered file may hold anything.

    Parameters
    ----------
    standing : Standing
    layers : tuple of str
        In the order in which they learn.
    epochs, n_samples : int
        Of the training.
    n_maps : list of int
        Maps of each of `layers`.

    Raises
    ------
    DTypeError, InvalidArgumentError, ShapeMismatchError
        Naming what is wrong.
    """
    for name, most in (("layer", len(layers) - 1), ("epoch", epochs - 1), ("position", n_samples)):
        _whole(getattr(standing, name), name, most)
    begun = layers[: standing.layer + 1]
    if not set(standing.history) <= set(begun):
        raise InvalidArgumentError(f"there must be a history of {begun} alone, got {list(standing.history)}")
    for name, history in standing.history.items():
        _check_history(name, history, epochs * n_samples, n_maps[layers.index(name)])
    for name in ("decisions", "unrecorded"):
        if not all(isinstance(right, bool) for right in getattr(standing, name)):
            raise DTypeError(f"{name} must be true or false")
    name = layers[standing.layer]
    if standing.statistics is None or name not in standing.history:
        raise InvalidArgumentError(f"there is no history or no statistics of {name}")
    here, seen = standing.epoch * n_samples + standing.position, standing.history[name].n_samples
    if seen != here:
        raise InvalidArgumentError(f"n_samples of {name} must be {here}, as epoch and position say, got {seen}")
    _check_statistics(standing.statistics, here, n_maps[standing.layer])


def _whole(value: Any, name: str, most: int) -> None:
    if isinstance(value, bool):
        raise DTypeError(f"{name} must be an integer, got {value!r}")
    if not 0 <= as_integer(value, name) <= most:
        raise InvalidArgumentError(f"{name} must be from 0 to {most}, got {value}")


def _check_history(name: str, history: LayerHistory, most: int, n_maps: int) -> None:
    _whole(history.n_samples, f"n_samples of {name}", most)
    for number in history.samples:
        _whole(number, f"samples of {name}", history.n_samples)
    for count in history.wins:
        _whole(count, f"wins of {name}", most)
    if len(history.samples) != len(history.convergence) or sorted(set(history.samples)) != history.samples:
        raise ShapeMismatchError(f"samples of {name} must increase, with a convergence to each")
    for attribute in ("convergence", "thresholds", "accuracy"):
        for value in getattr(history, attribute):
            if not isinstance(value, float) or not np.isfinite(value):
                raise DTypeError(f"{attribute} of {name} must be finite numbers, got {value!r}")
    for attribute in ("wins", "thresholds"):
        if len(getattr(history, attribute)) not in (0, n_maps):
            raise ShapeMismatchError(f"{attribute} of {name} must be of {n_maps} maps")
    if history.stopped not in REASONS:
        raise InvalidArgumentError(f"stopped of {name} must be one of {REASONS}, got {history.stopped!r}")


def _check_statistics(statistics: MapStatistics, n_samples: int, n_maps: int) -> None:
    for name in ("wins", "counted", "seen", "thresholds"):
        values = getattr(statistics, name)
        kind = "f" if name == "thresholds" else "i"
        if values.shape != (n_maps,) or values.dtype.kind != kind or values.dtype.itemsize != 8:
            raise ShapeMismatchError(f"{name} of another number of maps or another type")
        if name == "thresholds":
            if not np.all(np.isfinite(values)) or np.any(values <= 0):
                raise InvalidArgumentError("thresholds must be positive and finite")
        elif np.any(values < 0) or np.any(values > n_samples):
            raise InvalidArgumentError(f"{name} must be from 0 to {n_samples}, got {values.min()} to {values.max()}")
