"""The inputs, populations and projections of a network: their names, their order, and how they look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np

from ._lib.arrays import as_integer
from ._lib.modules import only_public
from ._lib.tables import bytes_text, html_table, text_table
from .devices import Backend
from .drives import Drive
from .errors import DTypeError, EmptyNetworkError, IndexOutOfRangeError, InvalidArgumentError
from .layer import Layer
from .nodes import Input, Population
from .projection import Projection
from .ranks import Ranks

__all__ = ["NetworkGraph"]

Source = Input | Population | str | None
"""Whose spikes a projection carries: a node, or its name."""

_SUMMARY = ("layer", "connection", "neurons", "shape", "weights", "memory")


class NetworkGraph:
    """What a :class:`SpikingNetwork` consists of, looked at."""

    __slots__ = (
        "__weakref__",
        "_backend",
        "_compile_path",
        "_core",
        "_device",
        "_drives",
        "_dtype",
        "_inputs",
        "_max_spikes_per_instant",
        "_nodes",
        "_populations",
        "_projections",
        "_ranks",
        "_rng",
    )
    _backend: Backend
    _core: Any
    _rng: np.random.Generator | None
    _dtype: str
    _device: str
    _max_spikes_per_instant: int
    _compile_path: str | PathLike[str] | None

    def __init__(self) -> None:
        self._inputs: list[Input] = []
        self._populations: list[Population] = []
        self._projections: list[Projection] = []
        self._drives: list[tuple[Population, Drive, int | str]] = []
        self._nodes: dict[str, Input | Population] = {}
        self._ranks: Ranks | None = None

    @property
    def dtype(self) -> str:
        """Type of weights and neuron state, "float32" or "float64"."""
        return self._dtype

    @property
    def device(self) -> str:
        """Where it runs, "cpu" or "cuda"."""
        return self._device

    @property
    def compile_path(self) -> str | PathLike[str] | None:
        """Folder for kernels compiled at run time; None: the user's cache folder."""
        return self._compile_path

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Where spikes come in."""
        return tuple(self._inputs)

    @property
    def populations(self) -> tuple[Population, ...]:
        """All layers and populations, in the order in which they were added."""
        return tuple(self._populations)

    @property
    def projections(self) -> tuple[Projection, ...]:
        """All projections, those of layers included, in the order in which they were made."""
        return tuple(self._projections)

    @property
    def drives(self) -> tuple[tuple[Population, Drive, int | str], ...]:
        """All external drives, in the order in which they were added: the population, the drive and its port."""
        return tuple(self._drives)

    # Names

    def _new_name(self, name: str | None, default: str) -> str:
        if name is None:
            name, number = default, 0
            while name in self._nodes:
                number += 1
                name = f"{default} ({number})"
            return name
        if not isinstance(name, str) or not name:
            raise DTypeError(f"name must be a text of at least one character, got {name!r}")
        if name in self._nodes:
            raise InvalidArgumentError(f"the network has {name!r} already: {self._nodes[name]!r}")
        return name

    def _node_of(self, node: Any) -> Input | Population:
        """The input or population that `node` is, or names."""
        if isinstance(node, str):
            if node not in self._nodes:
                known = ", ".join(map(repr, self._nodes)) or "none yet"
                raise IndexOutOfRangeError(f"the network has no {node!r}; it has: {known}")
            return self._nodes[node]
        if not isinstance(node, (Input, Population)):
            raise DTypeError(f"expected an input, a population or a layer of the network, or its name; got {node!r}")
        if self._nodes.get(node.name) is not node:
            raise InvalidArgumentError(f"{node!r} belongs to another network")
        return node

    def _wanted(self, outputs: Any) -> list[Population]:
        if isinstance(outputs, (str, Population)) or not isinstance(outputs, Sequence):
            raise DTypeError(f"outputs must be a list of layers or their names, got {outputs!r}")
        wanted = [self._node_of(output) for output in outputs]
        populations = [node for node in wanted if isinstance(node, Population)]
        if len(populations) < len(wanted):
            raise InvalidArgumentError("an input has no output spikes: outputs names layers and populations")
        return populations

    def _source(self, source: Source) -> Input | Population | None:
        """Who feeds a layer: by default the last one, or the last input; None if there is nothing yet."""
        if source is not None:
            return self._node_of(source)
        if self._populations:
            return self._populations[-1]
        return self._inputs[-1] if self._inputs else None

    # Layers as a sequence

    def __len__(self) -> int:
        return len(self._populations)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._populations)

    def __getitem__(self, index: int | str) -> Any:
        """Return the layer or population of that number or name."""
        return self._node_of(index) if isinstance(index, str) else self._populations[self._position(index)]

    def _position(self, index: int) -> int:
        number = as_integer(index, "a layer index")
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexOutOfRangeError(f"there is no layer {index}; the network has {len(self)}")
        return position

    @property
    def output_layer(self) -> Any:
        """The last layer."""
        if not self._populations:
            raise EmptyNetworkError("the network has no layers; add one with add_fc_layer or add_layer")
        return self._populations[-1]

    @property
    def n_inputs(self) -> int:
        """Number of inputs, of all inputs together."""
        if not self._inputs and not self._populations:
            raise EmptyNetworkError("the network has no layers; add one with add_fc_layer or add_layer")
        return sum(one.n_neurons for one in self._inputs)

    @property
    def _is_chain(self) -> bool:
        """Whether every layer is fed by the one before it, and nothing else leads anywhere."""
        before: list[Any] = [*self._inputs, *self._populations]
        fed = [layer.source for layer in self._populations if isinstance(layer, Layer)]
        return (
            len(self._inputs) == 1
            and len(fed) == len(self._populations)
            and all(source is one for source, one in zip(fed, before, strict=False))
            and all(isinstance(p.target, Layer) and p.target.projection is p for p in self._projections)
        )

    def __repr__(self) -> str:
        if not self._populations:
            return f"SpikingNetwork(empty, {self.dtype})"
        if self._is_chain:
            chain = " -> ".join(layer._described() for layer in self)
            first: Any = self._populations[0]
            n_inputs = "x".join(map(str, first.in_shape)) if first.in_shape else str(first.n_inputs)
            return f"SpikingNetwork({n_inputs} -> {chain}, {self.dtype})"
        return (
            f"SpikingNetwork({len(self._inputs)} inputs, {len(self._populations)} populations, "
            f"{len(self._projections)} projections, {self.dtype})"
        )

    def summary(self) -> str:
        """Return a table of the layers: connections, neurons, shape, synapses and memory of the weights."""
        return text_table(repr(self), _SUMMARY, self._summary_rows())

    def _summary_rows(self) -> list[tuple[str, ...]]:
        rows, neurons, synapses, n_bytes = [], 0, 0, 0
        for k, population in enumerate(self._populations):
            feeding = [p for p in self._projections if p.target is population]
            own = sum(int(p.weights.size) for p in feeding), sum(int(p.weights.nbytes) for p in feeding)
            shape = "x".join(map(str, population.shape)) if population.shape else str(population.n_neurons)
            model = "" if population.neuron is None else type(population.neuron).__name__
            relay = [repr(population.connection)] if isinstance(population, Layer) and not feeding else []
            connections = ", ".join([*relay, *(repr(p.connection) for p in feeding)])
            label = str(k) if population.name == f"layer {k}" else population.name
            rows.append((label, connections, model, shape, f"{own[0]:,}", bytes_text(own[1])))
            neurons, synapses, n_bytes = neurons + population.n_neurons, synapses + own[0], n_bytes + own[1]
        return [*rows, ("total", "", "", f"{neurons:,}", f"{synapses:,}", bytes_text(n_bytes))]

    def _repr_html_(self) -> str:
        return html_table(repr(self), _SUMMARY, self._summary_rows())


__dir__ = only_public(__all__)
