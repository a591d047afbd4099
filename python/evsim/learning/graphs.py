"""Networks as the way back sees them: what it can go through, and the names of projections."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._lib.modules import only_public
from ..connections import Unpool2d
from ..errors import DTypeError, UnsupportedError
from ..layer import Layer
from ..network import SpikingNetwork
from ..neurons.circuit import LinearSystem
from ..neurons.systems import linear_system, port_number
from ..nodes import Population
from ..projection import Projection
from .systems import core_neurons, with_integral

__all__: list[str] = []


def require_differentiable(net: Any) -> None:
    """Raise DTypeError or UnsupportedError unless a tape can be made of `net`."""
    if not isinstance(net, SpikingNetwork):
        raise DTypeError(f"a tape is made of a SpikingNetwork, got {type(net).__name__}")
    net._require_whole("derive")
    if net.device != "cpu":
        raise UnsupportedError("gradients are computed on the CPU; make the network with device='cpu'")
    if net.drives:
        raise UnsupportedError("what external drives bring is not on the tape; give their spikes as inputs")
    for projection in net.projections:
        if projection.kernel is not None:
            raise UnsupportedError(
                f"the projection to {projection.target.name} changes by its kernel; gradients need weights that stay"
            )


def projection_keys(net: SpikingNetwork) -> dict[Projection, str]:
    """Return what the projections of a network are called: by their layer, or "source -> target"."""
    keys: dict[Projection, str] = {}
    for population in net.populations:
        own = getattr(population, "projection", None)
        if own is not None:
            keys[own] = population.name
    for projection in net.projections:
        if projection in keys:
            continue
        key = pair = f"{projection.source.name} -> {projection.target.name}"
        number = 0
        while key in keys.values():
            number += 1
            key = f"{pair} ({number})"
        keys[projection] = key
    return keys


def system_of(node: Any, integral: bool) -> LinearSystem:
    """The matrices of a population; `integral`: with one more variable, the integral of the potential."""
    system = linear_system(node.neuron)
    return with_integral(system) if integral else system


def adjoint_of(
    net: SpikingNetwork, nodes: list[Any], integrals: frozenset[str] = frozenset()
) -> tuple[Any, list[Projection | None]]:
    """The graph as the core takes it, and the projection of each of its edges."""
    edges: list[tuple[int, int, Any]] = []
    of_edges: list[Projection | None] = []
    ports: dict[int, list[int]] = {}
    for projection in net.projections:
        edges.append((projection.source._node, projection.target._node, projection._core))
        of_edges.append(projection)
        ports.setdefault(projection.target._node, []).append(port_number(projection.target.neuron, projection._port))
    described = []
    for node in nodes:
        neurons = None
        if isinstance(node, Population) and node.neuron is not None:
            system = system_of(node, node.name in integrals)
            neurons = core_neurons(system, node.n_neurons, ports.get(node._node, []), node.shape)
        elif isinstance(node, Layer):
            if isinstance(node.connection, Unpool2d):
                raise UnsupportedError("there are no gradients through Unpool2d")
            edges.append((node.source._node, node._node, None))
            of_edges.append(None)
        described.append((node.name, node.n_neurons, neurons))
    return _core.Adjoint(described, edges), of_edges


__dir__ = only_public(__all__)
