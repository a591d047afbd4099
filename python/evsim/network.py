"""Networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from . import random
from ._lib.arrays import as_float, as_integer, as_size
from ._lib.modules import only_public
from ._lib.paths import as_path
from ._lib.tables import bytes_text, html_table, text_table
from .description import NetworkDescription, kernel_with_parameters
from .devices import find_backend
from .errors import DTypeError, EmptyNetworkError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError
from .inputs import samples_of
from .kernels import Kernel
from .layer import Layer
from .neurons import MODELS, NeuronModel
from .nodes import Population
from .probe import Probe
from .shorthands import LayerShorthands
from .spikes import SpikeArray

__all__ = ["SpikingNetwork"]


class SpikingNetwork(LayerShorthands):
    """Populations of spiking neurons and the projections between them, simulated event by event with exact spike times.

    Parameters
    ----------
    compile_path : path, optional
        Folder for kernels compiled at run time, in place of the user's cache folder.
    dtype : {"float32", "float64"}
        Type of weights and neuron state. Times are always float64.
    seed : int, optional
        For the initialisers of this network; without it they draw from :mod:`evsim.random`.
    device : {"cpu", "cuda"}
        Where it runs; "cuda" is an NVIDIA GPU, through CuPy.
    max_spikes_per_instant : int
        A neuron that fires more often than this at one instant raises RunawaySpikingError.

    Notes
    -----
    Networks pickle and deep-copy, with weights and carried state. Calls from several threads run one after the other;
    a call releases the GIL, uses :func:`evsim.num_threads` threads and can be stopped with Ctrl-C. The result does not
    depend on the number of threads.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> hidden = net.add_layer(evsim.Dense(10, 20), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    >>> out = net.add_layer(evsim.Dense(20, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5))
    >>> len(net), net.output_layer is out
    (2, True)
    >>> net
    SpikingNetwork(10 -> 20 LIF -> 3 LIF, float32)
    >>> print(net.summary())
    SpikingNetwork(10 -> 20 LIF -> 3 LIF, float32)
    layer  connection     neurons  shape  weights   memory
    0      Dense(10, 20)  LIF      20     200       800 B
    1      Dense(20, 3)   LIF      3      60        240 B
    total                          23     260       1.04 kB
    """

    __slots__ = ()

    def __init__(
        self,
        compile_path: str | PathLike[str] | None = None,
        *,
        dtype: npt.DTypeLike = "float32",
        seed: int | None = None,
        device: str = "cpu",
        max_spikes_per_instant: int = 1000,
    ) -> None:
        super().__init__()
        try:
            name = np.dtype(dtype).name if dtype is not None else "None"
        except (TypeError, ValueError):
            name = str(dtype)
        if name not in ("float32", "float64"):
            raise InvalidArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        self._backend = find_backend(device)
        self._dtype = str(name)
        self._device = device
        self._rng = None if seed is None else random.from_seed(seed)
        self._max_spikes_per_instant = as_size(max_spikes_per_instant, "max_spikes_per_instant")
        self._core = self._backend.network(self._max_spikes_per_instant)
        if compile_path is not None:
            as_path(compile_path, "compile_path")
        self._compile_path = compile_path

    # Running

    @overload
    def infer(
        self,
        inputs: SpikeArray,
        times: None = None,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> SpikeArray: ...
    @overload
    def infer(
        self,
        inputs: npt.ArrayLike,
        times: npt.ArrayLike,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> SpikeArray: ...
    @overload
    def infer(
        self,
        inputs: Sequence[SpikeArray | tuple[npt.ArrayLike, npt.ArrayLike]],
        times: None = None,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> list[SpikeArray]: ...
    @overload
    def infer(
        self,
        inputs: Mapping[Any, Any] | None = None,
        times: None = None,
        *,
        outputs: Sequence[Population | str] | None = None,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> Any: ...
    @overload
    def infer(
        self,
        inputs: Any,
        times: Any = None,
        *,
        outputs: Sequence[Population | str],
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> dict[str, Any]: ...
    def infer(
        self,
        inputs: Any = None,
        times: Any = None,
        *,
        indices: Any = None,
        outputs: Sequence[Population | str] | None = None,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> Any:
        """Run spikes through the network.

        Parameters
        ----------
        inputs : SpikeArray, or array_like of int, or a sequence of SpikeArray or (indices, times), or a mapping
            One sample as a sorted array, or its indices (with `times`), or a batch. With several inputs a mapping of
            their names (or themselves) to one of these; an input that is left out gets no spikes.
        times : array_like of float, shape (n,), optional
            Times that go with indices, in any order; those of one time keep theirs.
        indices : array_like of int, shape (n,), optional
            In place of `inputs`: ``infer(indices=..., times=...)``.
        outputs : sequence of Population or str, optional
            Whose spikes to return, in place of those of the last layer.
        until : float, optional
            End of the simulated time. Spikes before `until` are returned, inputs up to and including it delivered.
            Without it, the network runs until nothing more can happen.
        start : float, optional
            Beginning of the simulated time, which matters for neurons that start away from rest. Default: 0, or the
            first input or record time if that is earlier.
        reset : bool
            False goes on where the last call stopped, at its `until`. Feeding a recording in pieces, each with
            ``until=`` its end, equals feeding it whole, to the last bit.
        record : Probe or sequence of Probe
            What to record; see :class:`Probe`.

        Returns
        -------
        SpikeArray or list of SpikeArray, or a dict of them
            Output of the last layer, sorted by (time, index); a list for a batch. With `outputs`, a dict by name.

        Raises
        ------
        EmptyNetworkError
            The network has no layers.
        UnsortedSpikesError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError, DTypeError
            The input is not a spike train for this network, or a SpikeArray is not sorted.
        StreamError
            With ``reset=False``: input before the time already simulated.
        RunawaySpikingError
            A neuron fires without end at one instant.

        Notes
        -----
        Cost: n_spikes * n_neurons synaptic events per layer; a call that continues a stream starts from the last input
        spike, so neurons that fire by themselves cost least in long pieces. After an error the network is as it was
        before the call. A spike at exactly `until` is returned if an input at `until` completes the interval.

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork()
        >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 5.0]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
        >>> net.infer([0, 1], [0.0, 2.0]).times.round(4)
        array([ 3.4736,  6.7215, 11.9116])
        """
        if indices is not None:
            if inputs is not None:
                raise InvalidArgumentError("give inputs or indices, not both")
            if times is None:
                raise ShapeMismatchError("give times with indices")
            inputs = indices
        samples, batch = samples_of(self._inputs, inputs, times, self._backend)
        probes = [record] if isinstance(record, Probe) else record
        if not isinstance(probes, Sequence) or not all(isinstance(probe, Probe) for probe in probes):
            raise DTypeError(f"record must be a Probe or a sequence of them, got {record!r}")
        end = math.inf if until is None else as_float(until, "until")
        begin = None if start is None else as_float(start, "start")
        for population in self._populations:
            if population.neuron is not None:
                population.neuron.check_times(population.name, start=begin, until=end)
        wanted = [self.output_layer] if outputs is None else self._wanted(outputs)
        spikes, recorded = self._core.infer(
            samples,
            end,
            begin,
            bool(reset),
            batch,
            [population._node for population in wanted],
            [probe.request(self._recorded(probe.layer)) for probe in probes],
        )
        for probe, values in zip(probes, recorded, strict=True):
            probe._values = values if batch else values[0]
        found = [population._wrap(cores) for population, cores in zip(wanted, spikes, strict=True)]
        one_each = found if batch else [of_samples[0] for of_samples in found]
        if outputs is None:
            return one_each[0]
        return {population.name: arrays for population, arrays in zip(wanted, one_each, strict=True)}

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run spikes through the network: :meth:`infer`."""
        return self.infer(*args, **options)

    def _wanted(self, outputs: Any) -> list[Population]:
        if isinstance(outputs, (str, Population)) or not isinstance(outputs, Sequence):
            raise DTypeError(f"outputs must be a list of layers or their names, got {outputs!r}")
        wanted = [self._node_of(output) for output in outputs]
        populations = [node for node in wanted if isinstance(node, Population)]
        if len(populations) < len(wanted):
            raise InvalidArgumentError("an input has no output spikes: outputs names layers and populations")
        return populations

    def _recorded(self, layer: Any) -> Population:
        node = self[layer] if not isinstance(layer, (str, Population)) else self._node_of(layer)
        if not isinstance(node, Population):
            raise InvalidArgumentError("an input has no variables to record")
        return node

    def reset(self) -> None:
        """Forget spikes and carried state; keep the weights."""
        self._core.reset()

    @property
    def time(self) -> float | None:
        """Time up to which the last call simulated (infinity without ``until=``); None before the first call."""
        time: float | None = self._core.time
        return time

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

    # Keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights and neuron parameters to a file; see :func:`evsim.save`."""
        from .io.network_files import write_network

        write_network(self.to_description(), path)

    def to_description(self, *, state: bool = False) -> NetworkDescription:
        """Return the network as plain values and named arrays.

        Parameters
        ----------
        state : bool
            With what a stream carries.

        Returns
        -------
        NetworkDescription

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> layer = net.add_fc_layer(4, 2, tau_s=0.1, threshold=0.2)
        >>> description = net.to_description()
        >>> [node["name"] for node in description.nodes], list(description.arrays)
        (['input 0', 'layer 0'], ['layer 0.weights'])
        """
        described = NetworkDescription(self.dtype, self.device, self._max_spikes_per_instant)
        of_layers = set()
        for node in sorted(self._nodes.values(), key=lambda node: node._node):
            entry: dict[str, Any] = {"name": node.name, "kind": "input", "size": node.n_neurons, "shape": node.shape}
            if isinstance(node, Population):
                entry |= {"kind": "population", "neuron": described.add_neuron(node.name, node.neuron)}
            if isinstance(node, Layer):
                entry |= {"kind": "layer", "source": node.source.name}
                entry["connection"] = node.connection.to_description(lambda other: other.name)
                entry["projection"] = node.projection and described.add_projection(node.name, node.projection)
                of_layers.add(id(node.projection))
            described.nodes.append(entry)
        for k, projection in enumerate(self._projections):
            if id(projection) not in of_layers:
                described.projections.append(described.add_projection(f"projection {k}", projection) | {"number": k})
        if state:
            snapshot = self._core.snapshot()
            names = [node.name for node in sorted(self._nodes.values(), key=lambda node: node._node)]
            states = dict(zip(names, snapshot["states"], strict=True))
            waiting = {p.target.name: p._core.waiting_traces() for p in self._projections if p.kernel}
            described.state = {**snapshot, "states": states, "waiting_traces": waiting}
        return described

    @classmethod
    def from_description(
        cls,
        description: NetworkDescription,
        *,
        kernel_of: Callable[[str], Kernel | None] = lambda name: None,
        neuron_of: Callable[[str], NeuronModel | None] | None = None,
        models: Mapping[str, type[NeuronModel]] = MODELS,
        compile_path: str | PathLike[str] | None = None,
    ) -> SpikingNetwork:
        """Make the network that :meth:`to_description` described.

        Parameters
        ----------
        description : NetworkDescription
        kernel_of : callable, optional
            The kernel of a layer or population, by its name, that was described with one; None does without.
        neuron_of : callable, optional
            The neurons of a node by its name, in place of those that are described.
        models : mapping of str to type, optional
            Neuron models by name.
        compile_path : path, optional
            As of :class:`SpikingNetwork`.

        Returns
        -------
        SpikingNetwork

        Raises
        ------
        FileFormatError, InvalidArgumentError, ShapeMismatchError, ...
            The description says nothing that makes sense.
        """
        net = cls(
            compile_path,
            dtype=description.dtype,
            device=description.device,
            max_spikes_per_instant=description.max_spikes_per_instant,
        )
        net._build(description, kernel_of, neuron_of, dict(models))
        return net

    def _build(
        self,
        description: NetworkDescription,
        kernel_of: Callable[[str], Kernel | None],
        neuron_of: Callable[[str], NeuronModel | None] | None,
        models: dict[str, type[NeuronModel]],
    ) -> None:
        for node in description.nodes:
            name, default = node["name"], self._default_name(node["kind"])
            given = None if name == default else name
            size = tuple(node["shape"]) if node["shape"] else node["size"]
            if node["kind"] == "input":
                self.add_input(size, name=given)
                continue
            neuron = neuron_of(name) if neuron_of else description.neuron(node, models)
            if node["kind"] == "population":
                if neuron is None or "projection" in node:
                    raise InvalidArgumentError(f"{name} is no layer, and so needs neurons and no projection of its own")
                self.add_population(size, neuron, name=given)
                continue
            saved = node["projection"]
            if (saved is None) != (neuron is None):
                raise InvalidArgumentError(f"{name} needs both neurons and a projection, or none of them")
            connection = description.connection(name, saved or {"connection": node["connection"]}, self._node_of)
            kernel = kernel_with_parameters(name, saved, kernel_of)
            layer = self.add_layer(connection, neuron, source=node["source"], name=given, kernel=kernel)
            self._fill(layer.projection, name, description)
        for saved in description.projections:
            name = f"projection {saved['number']}"
            connection = description.connection(name, saved, self._node_of)
            kernel = kernel_with_parameters(saved["target"], saved, kernel_of)
            self._fill(self.connect(saved["source"], saved["target"], connection, kernel=kernel), name, description)
        if description.state is not None:
            states = [description.state["states"][node["name"]] for node in description.nodes]
            self._core.restore({**description.state, "states": states})
            for projection in self._projections:
                traces = description.state["waiting_traces"].get(projection.target.name, ())
                if any(part.size for part in traces):
                    projection._core.set_next_traces(*traces)

    def _default_name(self, kind: str) -> str:
        return f"input {len(self._inputs)}" if kind == "input" else f"layer {len(self._populations)}"

    def _fill(self, projection: Any, name: str, description: NetworkDescription) -> None:
        if projection is not None and projection.connection.learnable:
            projection.weights[...] = self._backend.to_device(description.arrays[f"{name}.weights"])

    def __getstate__(self) -> dict[str, Any]:
        kernels = {p.target.name: p.kernel for p in self._projections if p.kernel}
        return {
            "description": self.to_description(state=True),
            "neurons": {population.name: population.neuron for population in self._populations},
            "kernels": kernels,
            "rng": self._rng,
            "compile_path": self.compile_path,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        description = state["description"]
        SpikingNetwork.__init__(
            self,
            state["compile_path"],
            dtype=description.dtype,
            device=description.device,
            max_spikes_per_instant=description.max_spikes_per_instant,
        )
        self._build(description, state["kernels"].__getitem__, state["neurons"].__getitem__, {})
        self._rng = state["rng"]


_SUMMARY = ("layer", "connection", "neurons", "shape", "weights", "memory")


__dir__ = only_public(__all__)
