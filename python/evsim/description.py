"""The one plain form of a network: what pickles, copies and files are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib.modules import only_public
from .connections import Connection, Conv2d, ConvTranspose2d, Dense, Pool2d, Unpool2d
from .errors import FileFormatError
from .kernels import Kernel
from .neurons import NeuronModel
from .projection import Projection

__all__ = ["NetworkDescription"]

CONNECTIONS: dict[str, type[Connection]] = {
    kind.__name__: kind for kind in (Dense, Conv2d, ConvTranspose2d, Pool2d, Unpool2d)
}


@dataclass
class NetworkDescription:
    """A network as plain values and named arrays.

    Attributes
    ----------
    dtype, device : str
        As of :class:`SpikingNetwork`.
    max_spikes_per_instant : int
        Likewise.
    nodes : list of dict
        Inputs, populations and layers in the order in which they were added. Each has a ``name`` and ``kind``
        ("input", "population" or "layer") and a ``size`` or ``shape``; populations and layers a ``neuron`` (its
        ``model`` and ``parameters``, or None); layers the ``projection`` that feeds them.
    projections : list of dict
        Those made by :meth:`SpikingNetwork.connect`: ``source``, ``target``, ``connection`` and ``kernel``.
    arrays : dict of str to ndarray
        Weights and parameters per neuron, ``"hidden.weights"``, ``"hidden.neuron.threshold"``.
    state : dict or None
        What a stream carries: ``time``, ``batch``, ``states`` (by node a list with the named arrays of every sample)
        and ``waiting_traces`` (by the target of a projection, those that the next call begins with).
    """

    dtype: str
    device: str
    max_spikes_per_instant: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    projections: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    state: dict[str, Any] | None = None

    def add_neuron(self, name: str, neuron: NeuronModel | None) -> dict[str, Any] | None:
        """Return plain values for a neuron model, whose arrays are kept under `name`."""
        if neuron is None:
            return None
        parameters: dict[str, Any] = {}
        for item in fields(neuron):
            value = getattr(neuron, item.name)
            if isinstance(value, np.ndarray):
                self.arrays[f"{name}.neuron.{item.name}"] = np.ascontiguousarray(value)
            else:
                parameters[item.name] = value
        return {"model": type(neuron).__name__, "parameters": parameters}

    def neuron(self, node: dict[str, Any], models: dict[str, type[NeuronModel]]) -> NeuronModel | None:
        """Return the neurons of a node. Raises FileFormatError for a model that is not known."""
        described = node["neuron"]
        if described is None:
            return None
        if described["model"] not in models:
            raise FileFormatError(
                f"{node['name']} has the neuron model {described['model']!r}, which evsim does not ship; if it is "
                f"yours, give neurons=[{described['model']}]"
            )
        prefix = f"{node['name']}.neuron."
        arrays = {key.removeprefix(prefix): values for key, values in self.arrays.items() if key.startswith(prefix)}
        return models[described["model"]](**described["parameters"], **arrays)

    def add_projection(self, name: str, projection: Projection) -> dict[str, Any]:
        """Return plain values for a projection, whose weights are kept under `name`."""
        connection = projection.connection
        if connection.learnable:
            self.arrays[f"{name}.weights"] = projection._host_weights()
        described: dict[str, Any] = {
            "source": projection.source.name,
            "target": projection.target.name,
            "connection": connection.to_description(_name_of),
            "kernel": None,
        }
        if projection.kernel is not None:
            described["kernel"] = {
                "name": Path(projection.kernel.source.name).name,
                "parameters": {key: repr(value) for key, value in projection.kernel_parameters.items()},  # JSON: no inf
            }
        return described

    def connection(self, name: str, described: dict[str, Any], named: Any) -> Connection:
        """Return a connection without its weights, which must be there in its shape."""
        values = described["connection"]
        kind = CONNECTIONS.get(values["type"])
        if kind is None:
            raise FileFormatError(f"a connection {values['type']!r} is not known")
        connection: Any = kind.from_description(values, None, named)
        if connection.learnable:
            weights = self.arrays.get(f"{name}.weights")
            shape = connection.weight_shape
            if weights is None or weights.shape != shape:
                found = "none" if weights is None else str(weights.shape)
                raise FileFormatError(f"{name} needs weights of shape {shape}, found {found}")
            if weights.dtype != self.dtype:
                raise FileFormatError(f"the weights of {name} are {weights.dtype}, but the network is {self.dtype}")
        bare: Connection = connection.bare()
        return bare


def kernel_with_parameters(
    name: str, described: dict[str, Any] | None, kernel_of: Callable[[str], Kernel | None]
) -> Kernel | None:
    """Return the kernel of a described projection with the parameters that it had."""
    saved = described["kernel"] if described else None
    kernel = kernel_of(name) if saved else None
    if saved is None or kernel is None:
        return None
    return kernel.with_parameters({key: float(value) for key, value in saved["parameters"].items()})


def _name_of(node: Any) -> str:
    name: str = node.name
    return name


__dir__ = only_public(__all__)
