"""Where in a network the parameters of a module lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NoSuchParameterError
from ..learning.delays import KINDS, learned_delays
from ..learning.graphs import projection_keys
from ..learning.systems import parameter_value
from ..network import SpikingNetwork
from ..projection import Projection

__all__: list[str] = []

Floats = npt.NDArray[np.float64]

TRAIN = ("weights", *KINDS)


@dataclass(frozen=True)
class Place:
    """Weights or delays of a projection, or a parameter of the neurons of a population."""

    kind: str
    key: str
    name: str
    shape: tuple[int, ...]
    by_synapse: bool = False

    @property
    def label(self) -> Any:
        """By which users find it."""
        return (self.key, self.name) if self.kind == "neurons" else self.key


def projections_of(net: SpikingNetwork) -> dict[str, Projection]:
    """Return projections that can learn, by what gradients call them."""
    return {key: one for one, key in projection_keys(net).items() if one.connection.learnable}


def as_train(train: Any) -> tuple[str, ...]:
    """Return what is to be trained. Raises DTypeError or InvalidArgumentError."""
    names = (train,) if isinstance(train, str) else train
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise DTypeError(f"train must be a sequence of names such as ('weights', 'delays'), got {train!r}")
    for name in names:
        if name not in TRAIN:
            raise InvalidArgumentError(
                f"train takes {', '.join(map(repr, TRAIN))}, got {name!r}; parameters of neurons are trained by "
                "parameters={'hidden': ('tau_mem',)}"
            )
    if sum(name in KINDS for name in names) > 1:
        raise InvalidArgumentError(f"train delays, axonal delays or synaptic delays, one of them; got {train!r}")
    return tuple(names)


def first_values(
    net: SpikingNetwork, train: tuple[str, ...], parameters: Mapping[Any, str | Sequence[str]]
) -> dict[Place, npt.NDArray[Any]]:
    """Return the places of all parameters of a module, and what lies there now."""
    found: dict[Place, npt.NDArray[Any]] = {}
    projections = projections_of(net)
    for key, projection in projections.items():
        weights = projection._host_weights()
        found[Place("weights", key, "", weights.shape)] = weights
    for kind in train:
        if kind in KINDS:
            for key, projection in projections.items():
                values, by_synapse = learned_delays(projection, kind)
                found[Place("delays", key, "", values.shape, by_synapse)] = values
    for key, names in parameters.items():
        node = net._node_of(key)
        for name in (names,) if isinstance(names, str) else names:
            if getattr(node, "neuron", None) is None:
                raise NoSuchParameterError(f"{node.name} has no neurons and so no parameters")
            value = np.asarray(parameter_value(node.neuron, name), np.float64)  # type: ignore[union-attr]
            found[Place("neurons", node.name, name, value.shape)] = value
    return found


__dir__ = only_public(__all__)
