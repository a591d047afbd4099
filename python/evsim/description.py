"""The one plain form of a network: what pickles, copies and files are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib.modules import only_public
from .building import NetworkBuilder
from .connections import Connection, Conv2d, ConvTranspose2d, Dense, Pool2d, Sparse, Unpool2d
from .drives import Drive, NoiseDrive, PoissonDrive
from .errors import FileFormatError, InvalidArgumentError
from .kernels import Kernel
from .layer import Layer
from .neurons import NeuronModel
from .nodes import Population
from .projection import Projection

__all__ = ["NetworkDescription"]

CONNECTIONS: dict[str, type[Connection]] = {
    kind.__name__: kind for kind in (Dense, Sparse, Conv2d, ConvTranspose2d, Pool2d, Unpool2d)
}
DRIVES: dict[str, type[Drive]] = {kind.__name__: kind for kind in (PoissonDrive, NoiseDrive)}


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
        Those made by :meth:`SpikingNetwork.connect`: ``source``, ``target``, ``connection``, ``port``, ``delay``
        (None where there is one for each input or synapse, in `arrays`) and ``kernel``, under its ``key``: the name of
        the target, or "source -> target" where kernels of several projections lead to it.
    drives : list of dict
        External ones: ``kind``, ``target``, ``port`` and the numbers of each; the rest lies in `arrays`.
    arrays : dict of str to ndarray
        Weights, parameters per neuron and the ends of synapses: ``"hidden.weights"``, ``"hidden.neuron.threshold"``,
        ``"hidden.sources"``.
    state : dict or None
        What a stream carries: ``time``, ``batch``, ``states`` (by node a list with the named arrays of every sample)
        and ``waiting_traces`` (by projection, as kernels are named, those that the next call begins with).
    """

    dtype: str
    device: str
    max_spikes_per_instant: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    projections: list[dict[str, Any]] = field(default_factory=list)
    drives: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    state: dict[str, Any] | None = None

    def add_neuron(self, name: str, neuron: NeuronModel | None) -> dict[str, Any] | None:
        """Return plain values for a neuron model, whose arrays are kept under `name`."""
        if neuron is None:
            return None
        parameters: dict[str, Any] = {}
        for parameter, value in neuron.to_plain().items():
            if isinstance(value, np.ndarray):
                self.arrays[f"{name}.neuron.{parameter}"] = np.ascontiguousarray(value)
            else:
                parameters[parameter] = value
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
        return models[described["model"]].from_plain({**described["parameters"], **arrays})

    def add_projection(self, name: str, projection: Projection, key: str) -> dict[str, Any]:
        """Return plain values for a projection, whose weights are kept under `name` and whose kernel under `key`."""
        connection = projection.connection
        if connection.learnable:
            self.arrays[f"{name}.weights"] = projection._host_weights()
        for part, values in connection.arrays().items():
            self.arrays[f"{name}.{part}"] = values
        described: dict[str, Any] = {
            "source": projection.source.name,
            "target": projection.target.name,
            "connection": connection.to_description(_name_of),
            "port": projection.port,
            "delay": None,
            "kernel": None,
        }
        if isinstance(projection.delays, float):
            described["delay"] = projection.delays
        else:
            self.arrays[f"{name}.delays"] = np.array(projection.delays)
        if projection.kernel is not None:
            described["kernel"] = {
                "key": key,
                "name": Path(projection.kernel.source.name).name,
                "parameters": {
                    part: repr(value) for part, value in projection.kernel_parameters.items()
                },  # JSON: no inf
            }
        return described

    def connection(self, name: str, described: dict[str, Any], named: Any) -> Connection:
        """Return a connection without its weights, which must be there in its shape."""
        values = described["connection"]
        kind = CONNECTIONS.get(values["type"])
        if kind is None:
            raise FileFormatError(f"a connection {values['type']!r} is not known")
        for key in kind.array_names:
            if f"{name}.{key}" not in self.arrays:
                raise FileFormatError(f"{name} needs an array {key!r}")
        arrays = {key: self.arrays[f"{name}.{key}"] for key in kind.array_names}
        connection: Any = kind.from_description({**values, **arrays}, None, named)
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

    def add_drive(self, number: int, target: str, drive: Drive, port: int | str) -> None:
        """Add plain values for a drive."""
        described: dict[str, Any] = {"kind": type(drive).__name__, "target": target, "port": port}
        for item in fields(drive):
            value = getattr(drive, item.name)
            if isinstance(value, np.ndarray):
                self.arrays[f"drive {number}.{item.name}"] = value
            elif value is not None:
                described[item.name] = value
        self.drives.append(described)

    def drive(self, number: int) -> Drive:
        """Return a drive. Raises FileFormatError where it is of an unknown kind or parts are missing."""
        described = self.drives[number]
        kind = DRIVES.get(described["kind"])
        if kind is None:
            raise FileFormatError(f"there is no drive {described['kind']!r}; there are {', '.join(DRIVES)}")
        values: dict[str, Any] = {}
        for item in fields(kind):
            value = self.arrays.get(f"drive {number}.{item.name}", described.get(item.name))
            if value is not None:
                values[item.name] = value
            elif item.default is MISSING:
                raise FileFormatError(f"drive {number} needs {item.name!r}")
        return kind(**values)

    def delay(self, name: str, described: dict[str, Any]) -> Any:
        """Return the delays of a projection."""
        return self.arrays.get(f"{name}.delays") if described["delay"] is None else described["delay"]


def kernel_keys(net: NetworkBuilder) -> dict[Projection, str]:
    """Return what the kernels of projections are called."""
    learners = [projection for projection in net._projections if projection.kernel]
    pairs = [f"{projection.source.name} -> {projection.target.name}" for projection in learners]
    keys = {}
    for k, projection in enumerate(learners):
        key = projection.target.name
        if sum(other.target is projection.target for other in learners) > 1:
            key = pairs[k] if pairs.count(pairs[k]) == 1 else f"{pairs[k]} {pairs[:k].count(pairs[k])}"
        keys[projection] = key
    return keys


def kernel_key(described: dict[str, Any]) -> str:
    """Return what the kernel of a described projection is called."""
    key: str = described["kernel"].get("key", described["target"])
    return key


def kernel_with_parameters(
    described: dict[str, Any] | None, kernel_of: Callable[[str], Kernel | None]
) -> Kernel | None:
    """Return the kernel of a described projection with the parameters that it had."""
    saved = described["kernel"] if described else None
    kernel = kernel_of(kernel_key(described)) if described and saved else None
    if saved is None or kernel is None:
        return None
    return kernel.with_parameters({key: float(value) for key, value in saved["parameters"].items()})


def describe(net: NetworkBuilder, *, state: bool) -> NetworkDescription:
    """Return a network as plain values and named arrays; see :meth:`SpikingNetwork.to_description`."""
    net._require_whole("save, pickle, copy or describe")
    described = NetworkDescription(net.dtype, net.device, net._max_spikes_per_instant)
    of_layers = set()
    keys = kernel_keys(net)
    for node in sorted(net._nodes.values(), key=lambda node: node._node):
        entry: dict[str, Any] = {"name": node.name, "kind": "input", "size": node.n_neurons, "shape": node.shape}
        if isinstance(node, Population):
            entry |= {"kind": "population", "neuron": described.add_neuron(node.name, node.neuron)}
        if isinstance(node, Layer):
            entry |= {"kind": "layer", "source": node.source.name}
            entry["connection"] = node.connection.to_description(lambda other: other.name)
            entry["projection"] = node.projection and described.add_projection(
                node.name, node.projection, keys.get(node.projection, "")
            )
            of_layers.add(id(node.projection))
        described.nodes.append(entry)
    for k, projection in enumerate(net._projections):
        if id(projection) not in of_layers:
            entry = described.add_projection(f"projection {k}", projection, keys.get(projection, ""))
            described.projections.append(entry | {"number": k})
    for k, (target, drive, port) in enumerate(net._drives):
        described.add_drive(k, target.name, drive, port)
    if state:
        snapshot = net._core.snapshot()
        names = [node.name for node in sorted(net._nodes.values(), key=lambda node: node._node)]
        states = dict(zip(names, snapshot["states"], strict=True))
        waiting = {key: projection._core.waiting_traces() for projection, key in keys.items()}
        described.state = {**snapshot, "states": states, "waiting_traces": waiting}
    return described


def rebuild(
    net: NetworkBuilder,
    description: NetworkDescription,
    kernel_of: Callable[[str], Kernel | None],
    neuron_of: Callable[[str], NeuronModel | None] | None,
    models: dict[str, type[NeuronModel]],
) -> None:
    """Add to an empty network what was described; see :meth:`SpikingNetwork.from_description`."""
    for node in description.nodes:
        name, default = node["name"], _default_name(net, node["kind"])
        given = None if name == default else name
        size = tuple(node["shape"]) if node["shape"] else node["size"]
        if node["kind"] == "input":
            net.add_input(size, name=given)
            continue
        neuron = neuron_of(name) if neuron_of else description.neuron(node, models)
        if node["kind"] == "population":
            if neuron is None or "projection" in node:
                raise InvalidArgumentError(f"{name} is no layer, and so needs neurons and no projection of its own")
            net.add_population(size, neuron, name=given)
            continue
        saved = node["projection"]
        if (saved is None) != (neuron is None):
            raise InvalidArgumentError(f"{name} needs both neurons and a projection, or none of them")
        connection = description.connection(name, saved or {"connection": node["connection"]}, net._node_of)
        kernel = kernel_with_parameters(saved, kernel_of)
        options = {"port": saved["port"], "delay": description.delay(name, saved)} if saved else {}
        layer = net.add_layer(connection, neuron, source=node["source"], name=given, kernel=kernel, **options)
        _fill(net, layer.projection, name, description)
    for saved in description.projections:
        name = f"projection {saved['number']}"
        connection = description.connection(name, saved, net._node_of)
        kernel = kernel_with_parameters(saved, kernel_of)
        options = {"port": saved["port"], "delay": description.delay(name, saved)}
        projection = net.connect(saved["source"], saved["target"], connection, kernel=kernel, **options)
        _fill(net, projection, name, description)
    for k, described in enumerate(description.drives):
        net.add_drive(described["target"], description.drive(k), port=described["port"])
    if description.state is not None:
        states = [description.state["states"][node["name"]] for node in description.nodes]
        net._core.restore({**description.state, "states": states})
        for projection, key in kernel_keys(net).items():
            traces = description.state["waiting_traces"].get(key, ())
            if any(part.size for part in traces):
                projection._core.set_next_traces(*traces)


def _default_name(net: NetworkBuilder, kind: str) -> str:
    return f"input {len(net._inputs)}" if kind == "input" else f"layer {len(net._populations)}"


def _fill(net: NetworkBuilder, projection: Any, name: str, description: NetworkDescription) -> None:
    if projection is not None and projection.connection.learnable:
        projection.weights[...] = net._backend.to_device(description.arrays[f"{name}.weights"])


def _name_of(node: Any) -> str:
    name: str = node.name
    return name


__dir__ = only_public(__all__)
