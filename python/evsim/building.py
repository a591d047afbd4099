"""How networks are put together."""

from __future__ import annotations

from dataclasses import fields, replace
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, random
from ._lib.modules import only_public
from .connections import Connection
from .connections.base import Shape
from .connections.parts import Part
from .devices import KernelSource
from .distribution import Distribution, part_of_parameters
from .drives import Drive
from .errors import DTypeError, InvalidArgumentError, ShapeMismatchError, UnsupportedError
from .graph import Source
from .kernels import Kernel
from .layer import Layer
from .neurons import NeuronModel
from .nodes import Input, Population, as_placement, check_neuron, compiled_kernel
from .projection import Projection, as_delays, rule_arguments

__all__ = ["NetworkBuilder"]

Code = Kernel | str | PathLike[str] | None


class NetworkBuilder(Distribution):
    """The building half of :class:`SpikingNetwork`: inputs, populations, layers and projections."""

    __slots__ = ()
    # Building

    def add_input(self, size: int | Shape, *, name: str | None = None) -> Input:
        """Add an input. A network of layers alone needs none: its first layer makes one.

        Parameters
        ----------
        size : int or (int, int, int)
            How many inputs, or their channels, rows and columns.
        name : str, optional
            By which :meth:`infer` takes its spikes.

        Returns
        -------
        Input

        Raises
        ------
        InvalidArgumentError
            The name is taken already.
        UnsupportedError
            A second input on a GPU.

        Examples
        --------
        Two inputs into one population, each through its own projection:

        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> left, right = net.add_input(2, name="left"), net.add_input(3, name="right")
        >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
        >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[9, 9]]), neuron, source=left)
        >>> projection = net.connect(right, layer, evsim.Dense(3, 1, weights=[[9, 0, 0]]))
        >>> net.infer({"left": ([1], [0.0]), "right": ([0], [30.0])})
        SpikeArray(3 spikes, indices 0 to 0, times 3.337... to 40.353...)
        """
        n_neurons, shape = as_placement(size)
        new_name = self._new_name(name, f"input {len(self._inputs)}")
        self._note("input", n_neurons, new_name)
        new = Input(self._core.add_input(n_neurons), n_neurons, shape, new_name)
        self._inputs.append(new)
        self._nodes[new_name] = new
        return new

    def add_population(
        self, size: int | Shape, neuron: NeuronModel, *, name: str | None = None, whole: bool = False
    ) -> Population:
        """Add neurons that nothing leads to yet; :meth:`connect` does that.

        Parameters
        ----------
        size : int or (int, int, int)
            How many neurons, or their channels, rows and columns.
        neuron : NeuronModel
            Such as ``LIF(...)``.
        name : str, optional
            By which the network finds it.
        whole : bool
            Whether each of the processes that share a network (:meth:`distribute`) has all of these neurons and not a
            part of them, as cycles without any delay need it, convolutions and kernels.

        Returns
        -------
        Population

        Raises
        ------
        ShapeMismatchError
            A per-neuron parameter has another length.
        InvalidArgumentError
            The name is taken already.
        MemoryLimitError
            The neurons do not fit into memory.

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork(dtype="float64")
        >>> clock = net.add_population(1, evsim.LIF(tau_mem=10.0, tau_syn=5.0, bias=2.0), name="clock")
        >>> net.infer(until=25.0).times.round(4)
        array([ 6.9315, 13.8629, 20.7944])
        """
        check_neuron(neuron)
        n_neurons, shape = as_placement(size)
        own = self._own_of(n_neurons, neuron, whole=bool(whole))
        core, _ = self._make(neuron, n_neurons, None, own=own)
        label = self._new_name(name, f"layer {len(self._populations)}")
        population: Population = self._appended(
            Population(core, self._add_core(core, name, n_neurons, own), neuron, shape, self._backend), label
        )
        self._shared(population, n_neurons, own)
        return population

    def _make(
        self,
        neuron: NeuronModel,
        n_neurons: int,
        image: Shape | None,
        kernel: Kernel | None = None,
        own: range | None = None,
    ) -> tuple[Any, _core.Kernel]:
        """The population of the core, whose neurons lie by pixels if `image` is given; and its compiled kernel.

        `own`: which of the neurons this process has, if not all.
        """
        neuron.check_size(n_neurons, image[0] if image else None)
        compiled = compiled_kernel(neuron, kernel, self.dtype, self.compile_path)
        source = KernelSource(neuron.kernel_type(), kernel.source if kernel else None, self.dtype, self.compile_path)
        _, shared, per_neuron = neuron.kernel_settings()
        if self.ranks is not None:
            self._note(neuron.kernel_name, n_neurons, shared, *map(np.asarray, per_neuron))
        if own is not None:
            per_neuron = part_of_parameters(per_neuron, n_neurons, own)
            n_neurons = len(own)
        return self._backend.population(source, compiled, n_neurons, image, shared, per_neuron), compiled

    def _add_core(
        self, core: Any, name: str | None, n_neurons: int, own: range | None = None, relay: bool = False
    ) -> int:
        label = "" if name is None else f"layer {name!r}"
        if own is not None:
            return int(self._core.add_part(core, n_neurons, label))
        node: int = (self._core.add_relay if relay else self._core.add_population)(core, label)
        return node

    def _appended(self, population: Any, name: str) -> Any:
        population._name = name
        self._populations.append(population)
        self._nodes[name] = population
        return population

    def add_layer(
        self,
        connection: Connection,
        neuron: NeuronModel | None = None,
        *,
        source: Source = None,
        name: str | None = None,
        delay: npt.ArrayLike | None = None,
        port: int | str | None = None,
        kernel: Code = None,
    ) -> Layer:
        """Append a layer: a population, and the projection that feeds it.

        Parameters
        ----------
        connection : Connection
            :class:`Dense`, :class:`Sparse`, :class:`Conv2d`, :class:`ConvTranspose2d`, :class:`Pool2d` or
            :class:`Unpool2d`. It must take what the source gives.
        neuron : NeuronModel, optional
            Such as ``LIF(...)``. None for pooling that only passes spikes on. In a convolutional layer, parameters
            per neuron may also be one per channel.
        source : Input, Population or str, optional
            Whose spikes feed it; by default the last layer or, for the first one, the last input, which is made if
            there is none.
        name : str, optional
            By which the network finds it; "layer 0", "layer 1", ... by default.
        delay : float or array_like, optional
            How long spikes travel, >= 0 and in the network's unit of time: one number; one for each input, in an
            array of shape (n_inputs,) or, of images, that of the input; or one for each synapse, in the shape of the
            weights of a dense connection or in the order in which the synapses of a sparse one were given. See
            :attr:`Projection.delays`.
        port : int or str, optional
            Which synapse type of the neurons they arrive at, by number or name; needed where the model has several.
        kernel : Kernel, path or str, optional
            Callbacks, such as a plasticity rule: see :class:`Kernel`. Compiled now, unless it is in the cache. For
            all connections but pooling.

        Returns
        -------
        Layer

        Raises
        ------
        ShapeMismatchError
            The layer does not take what the source gives, or a per-neuron parameter has another length.
        InvalidArgumentError
            The connection does not go with the neurons, the kernel or the device, or the name is taken already.
        UnsupportedError
            Delays of pooling without neurons, or on a GPU another graph than a chain.
        MemoryLimitError
            The weights do not fit into memory.
        KernelCompileError, CompilerNotFoundError, KernelCacheError, KernelLoadError
            The kernel cannot be compiled or loaded.
        """
        kernel = self._checked(connection, neuron, port, kernel)
        fed_by = self._source(source)
        placed: Any = connection.placed(fed_by.shape if fed_by else None, first=fed_by is None)
        delays = as_delays(delay, placed, first=True)
        if neuron is None and np.any(delays[0]):
            raise UnsupportedError(
                f"{placed!r} passes spikes on without neurons, at once; give the delay to the layer that takes them"
            )
        label = f"layer {len(self._populations)}"
        new_name = self._new_name(name, label)
        for member in placed.requires:
            if self._nodes.get(member.name) is not member:
                raise InvalidArgumentError(
                    f"{type(placed).__name__} needs a pooling layer that lies before it in the same network"
                )
        if fed_by is not None and placed.n_inputs != fed_by.n_neurons:
            raise ShapeMismatchError(
                f"{label} takes {placed.n_inputs} inputs, but {fed_by.name} gives {fed_by.n_neurons}"
            )
        n_neurons, own = placed.n_neurons, None
        if neuron is None:
            core, compiled, projection = placed.relay(), None, None
        else:
            own = self._own_of(n_neurons, neuron, whole=kernel is not None or placed.out_shape is not None)
            core, compiled = self._make(neuron, n_neurons, placed.out_shape, kernel, own)
            rule = rule_arguments(kernel, compiled, neuron)
            projection, placed = self._projection(core, placed, rule, neuron.port(port), delays, own)
        if fed_by is None:
            fed_by = self.add_input(placed.in_shape or placed.n_inputs)
        node = self._add_core(core, name, n_neurons, own, neuron is None)
        self._note("layer", fed_by._node, node)
        self._core.connect(fed_by._node, node, projection)
        layer: Layer = self._appended(
            Layer(core, node, neuron, placed.out_shape, self._backend, placed, fed_by), new_name
        )
        self._shared(layer, n_neurons, own)
        if neuron is not None:
            layer._projection = self._wrapped(projection, fed_by, layer, placed, kernel, compiled, port)
        return layer

    def connect(
        self,
        source: Input | Population | str,
        target: Population | str,
        connection: Connection,
        *,
        delay: npt.ArrayLike | None = None,
        port: int | str | None = None,
        kernel: Code = None,
    ) -> Projection:
        """Let the spikes of `source` reach `target`, besides what reaches it already.

        Parameters
        ----------
        source : Input, Population or str
            A node of this network, or its name.
        target : Population or str
            Likewise; a layer too.
        connection : Connection
            Who receives a spike. Neurons that convolutions alone reach share the decay of a pixel; beside other
            connections every neuron goes by a clock of its own.
        delay, port, kernel
            As for :meth:`add_layer`.

        Returns
        -------
        Projection

        Raises
        ------
        ShapeMismatchError
            The connection does not take what the source gives, or does not give what the target takes.
        InvalidArgumentError
            The nodes belong to another network, or the target does not take such a connection.
        UnsupportedError
            A cycle without any delay through a model that has no loops for it, or on a GPU another graph than a chain.

        Notes
        -----
        Arrivals at one time are added up in the order in which the projections were made.

        Examples
        --------
        A skip connection:

        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.1)
        >>> first = net.add_layer(evsim.Dense(4, 8), neuron, name="first")
        >>> second = net.add_layer(evsim.Dense(8, 8), neuron, name="second")
        >>> last = net.add_layer(evsim.Dense(8, 2), neuron, name="last")
        >>> net.connect("first", "last", evsim.Dense(8, 2))
        Projection('first' -> 'last', Dense(8, 2))
        """
        start, end = self._node_of(source), self._node_of(target)
        neuron = end.neuron if isinstance(end, Population) else None
        if not isinstance(end, Population) or neuron is None:
            raise InvalidArgumentError(f"{end!r} takes no projection: it has no neurons")
        kernel = self._checked(connection, neuron, port, kernel)
        placed: Any = connection.placed(start.shape)
        delays = as_delays(delay, placed, first=True)
        if placed.n_inputs != start.n_neurons:
            raise ShapeMismatchError(
                f"{placed!r} takes {placed.n_inputs} inputs, but {start.name} gives {start.n_neurons}"
            )
        if placed.n_neurons != end.n_neurons:
            raise ShapeMismatchError(
                f"{placed!r} reaches {placed.n_neurons} neurons, but {end.name} has {end.n_neurons}"
            )
        if end._own is not None and (kernel is not None or placed.out_shape is not None):
            raise UnsupportedError(
                f"the ranks share the neurons of {end.name}, which then takes dense and sparse projections without "
                "kernels; add_population(..., whole=True) puts all of them on every rank"
            )
        others = [projection for projection in self._projections if projection.target is end]
        first = not others
        if placed.out_shape is not None and others and end.shape not in (None, placed.out_shape):
            raise ShapeMismatchError(f"{placed!r} gives {placed.out_shape}, but {end.name} lies as {end.shape}")
        before = core = end._core
        compiled = None
        on_gpu = self.device != "cpu"  # where neurons and callbacks are one program
        if first and (placed.out_shape is not None or (kernel is not None and on_gpu)):
            core, compiled = self._make(neuron, end.n_neurons, placed.out_shape, kernel)
        elif kernel is not None:
            compiled = compiled_kernel(neuron, kernel, self.dtype, self.compile_path)
        rule = rule_arguments(kernel, compiled, neuron)
        projection, placed = self._projection(core, placed, rule, neuron.port(port), delays, end._own)
        self._note("connect", start._node, end._node)
        if core is not before:
            self._core.replace(end._node, core)
        try:
            self._core.connect(start._node, end._node, projection)
        except BaseException:
            if core is not before:
                self._core.replace(end._node, before)
            raise
        end._core = core
        if placed.out_shape is not None:
            end._shape = placed.out_shape
        return self._wrapped(projection, start, end, placed, kernel, compiled, port)

    def add_drive(self, target: Population | str, drive: Drive, *, port: int | str | None = None) -> None:
        """Drive a population from outside.

        Parameters
        ----------
        target : Population or str
            Neurons of this network; a layer too.
        drive : PoissonDrive or NoiseDrive
            What arrives there.
        port : int or str, optional
            Which synapse type of the neurons it arrives at; needed where the model has several.

        Raises
        ------
        InvalidArgumentError
            The target has no neurons, belongs to another network, or has no such port.
        ShapeMismatchError
            The drive is of another number of neurons.
        UnsupportedError
            The target's model takes no such drive, or the network is on a GPU.

        Notes
        -----
        A driven network never comes to rest: :meth:`infer` needs ``until=``. Arrivals at one time are added up after
        those of the projections, in the order in which the drives were added.

        Examples
        --------
        See :class:`PoissonDrive` and :class:`NoiseDrive`.
        """
        node = self._node_of(target)
        neuron = node.neuron if isinstance(node, Population) else None
        if not isinstance(node, Population) or neuron is None:
            raise InvalidArgumentError(f"{node!r} takes no drive: it has no neurons")
        if not isinstance(drive, Drive) or type(drive) is Drive:
            raise DTypeError(f"drive must be a PoissonDrive or a NoiseDrive, got {drive!r}")
        if self.device != "cpu":
            raise UnsupportedError("drives run on the CPU: SpikingNetwork(device='cpu') takes them")
        if drive.seed is None:
            rng = self._rng or random.generator()
            drive = replace(drive, seed=int(rng.integers(0, drive.largest_seed, endpoint=True, dtype=np.uint64)))
        values = (getattr(drive, part.name) for part in fields(drive))
        self._note("drive", node._node, *values)
        drive.add_to(self._core, node._node, node.n_neurons, neuron, port)
        self._drives.append((node, drive, 0 if port is None else port))

    def _checked(self, connection: Any, neuron: NeuronModel | None, port: Any, kernel: Code) -> Kernel | None:
        """Raise where the parts of a projection do not go together; return the kernel as one."""
        if not isinstance(connection, Connection):
            raise DTypeError(f"connection must be one such as Dense(...) or Conv2d(...), got {connection!r}")
        if neuron is None and connection.takes_neurons:
            raise DTypeError(f"a layer of {connection!r} needs a neuron model such as LIF(...)")
        if neuron is not None:
            check_neuron(neuron)
            if not connection.takes_neurons:
                raise InvalidArgumentError(f"{connection!r} passes spikes on without neurons; got {neuron!r}")
        if not connection.takes_kernels and kernel is not None:
            raise InvalidArgumentError(
                f"{type(connection).__name__} has no weights that learn; kernels with callbacks need a dense or sparse "
                "connection or a convolution"
            )
        if not connection.on_gpu and self.device != "cpu":
            raise InvalidArgumentError(
                f"{type(connection).__name__} connections run on the CPU: SpikingNetwork(device='cpu') takes them"
            )
        if neuron is not None:
            neuron.port(port)
        elif isinstance(port, (bool, np.bool_)) or (port is not None and port != 0):
            raise InvalidArgumentError(f"pooling has one port, 0; got port={port!r}")
        return kernel if kernel is None or isinstance(kernel, Kernel) else Kernel(kernel)

    def _projection(
        self,
        core: Any,
        placed: Any,
        rule: list[Any],
        port: int,
        delays: tuple[npt.NDArray[np.float64], bool],
        own: range | None,
    ) -> tuple[Any, Any]:
        """The projection of the core to a population, with its first weights; and the connection that it is."""
        self._note(placed.signature(), rule[1:], port)  # without the compiled kernel, another object on each process
        values, by_synapse = delays
        part = Part(placed, None, None) if own is None else placed.part(own.start, own.stop, whole=by_synapse)
        projection = part.connection.project(core, self._backend.dense, rule, port)
        projection.set_delays(part.of_synapses(values) if by_synapse and part.of_synapses else values, by_synapse)
        whole = placed if part.of_weights else part.connection
        weights = whole.initial_weights(self.dtype, self._rng or random.generator())
        projection.weights[...] = self._backend.to_device(part.of_weights(weights) if part.of_weights else weights)
        return projection, part.connection.kept()

    def _wrapped(
        self,
        core: Any,
        source: Input | Population,
        target: Population,
        placed: Connection,
        kernel: Kernel | None,
        compiled: _core.Kernel | None,
        port: int | str | None,
    ) -> Projection:
        projection = Projection(core, source, target, placed, kernel, compiled, self._backend, port)
        self._projections.append(projection)
        return projection


__dir__ = only_public(__all__)
