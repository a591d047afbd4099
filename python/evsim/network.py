"""Networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from . import random
from ._lib.arrays import as_float, as_integer, as_number, as_size
from .connections import Connection, Conv2d, Dense, Pool2d, Unpool2d
from .connections.base import Shape
from .devices import find_backend
from .errors import DTypeError, EmptyNetworkError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError
from .initializers import ConstantInitializer, Initializer
from .kernels import Kernel
from .layer import Layer
from .neurons import LIF, NeuronModel
from .probe import Probe
from .spikes import SpikeArray


class SpikingNetwork:
    """Layers of spiking neurons in a row, simulated event by event with exact spike times.

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
    """

    def __init__(
        self,
        compile_path: str | PathLike[str] | None = None,
        *,
        dtype: npt.DTypeLike = "float32",
        seed: int | None = None,
        device: str = "cpu",
        max_spikes_per_instant: int = 1000,
    ) -> None:
        try:
            name = np.dtype(dtype).name if dtype is not None else "None"
        except TypeError:
            name = str(dtype)
        if name not in ("float32", "float64"):
            raise InvalidArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        self._backend = find_backend(device)
        self.dtype = name
        self.device = device
        try:
            self._rng = None if seed is None else np.random.default_rng(seed)
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"seed must be a whole number that is not negative, got {seed!r}") from error
        self._max_spikes_per_instant = as_size(max_spikes_per_instant, "max_spikes_per_instant")
        self._core = self._backend.network(self._max_spikes_per_instant)
        self._layers: list[Layer] = []
        if compile_path is not None and not isinstance(compile_path, (str, PathLike)):
            raise DTypeError(f"compile_path must be a path, got {compile_path!r}")
        self.compile_path = compile_path

    # Building

    def add_layer(
        self,
        connection: Connection,
        neuron: NeuronModel | None = None,
        *,
        kernel: Kernel | str | PathLike[str] | None = None,
    ) -> Layer:
        """Append a layer.

        Parameters
        ----------
        connection : Connection
            :class:`Dense`, :class:`Conv2d`, :class:`ConvTranspose2d`, :class:`Pool2d` or :class:`Unpool2d`. It must
            take what the last layer gives.
        neuron : NeuronModel, optional
            Such as ``LIF(...)``. None for pooling that only passes spikes on. In a convolutional layer, parameters
            per neuron may also be one per channel.
        kernel : Kernel, path or str, optional
            Callbacks, such as a plasticity rule: see :class:`Kernel`. Compiled now, unless it is in the cache. For
            dense layers.

        Returns
        -------
        Layer

        Raises
        ------
        ShapeMismatchError
            The layer does not take what the last one gives, or a per-neuron parameter has another length.
        InvalidArgumentError
            The connection does not go with the neurons, the kernel or the device.
        MemoryLimitError
            The weights do not fit into memory.
        KernelCompileError, CompilerNotFoundError, KernelCacheError, KernelLoadError
            The kernel cannot be compiled or loaded.
        """
        if not isinstance(connection, Connection):
            raise DTypeError(f"connection must be one such as Dense(...) or Conv2d(...), got {connection!r}")
        if neuron is None and connection.takes_neurons:
            raise DTypeError(f"a layer of {connection!r} needs a neuron model such as LIF(...)")
        if neuron is not None and not isinstance(neuron, NeuronModel):
            raise DTypeError(f"neuron must be a neuron model such as LIF(...), got {neuron!r}")
        if neuron is not None and not connection.takes_neurons:
            raise InvalidArgumentError(f"{connection!r} passes spikes on without neurons; got {neuron!r}")
        if not isinstance(connection, Dense):
            if kernel is not None:
                raise InvalidArgumentError("kernels with callbacks need a Dense connection")
            if self.device != "cpu":
                raise InvalidArgumentError(
                    "convolution and pooling run on the CPU: SpikingNetwork(device='cpu') takes such layers"
                )
        placed = connection.placed(self._layers)
        if self._layers and placed.n_inputs != self._layers[-1].n_neurons:
            raise ShapeMismatchError(
                f"layer {len(self)} takes {placed.n_inputs} inputs, but layer {len(self) - 1} gives "
                f"{self._layers[-1].n_neurons}"
            )
        if kernel is not None and not isinstance(kernel, Kernel):
            kernel = Kernel(kernel)
        rng = self._rng or random.generator()
        layer = Layer(placed, neuron, self.dtype, rng, self._backend, kernel, self.compile_path)
        self._core.add(layer._core)
        self._layers.append(layer)
        return layer

    def add_fc_layer(
        self,
        n_inputs: int,
        n_neurons: int,
        tau_s: float,
        threshold: float,
        initializer: Initializer | None = None,
        buffer_size: int = 64,
    ) -> Layer:
        """Append a fully-connected layer of EvSpikeSim's neurons: :class:`LIF` with ``tau_mem = 2 * tau_s``.

        Parameters
        ----------
        n_inputs, n_neurons : int
            Sizes.
        tau_s : float
            Synaptic time constant.
        threshold : float
            Firing threshold; a spike subtracts it.
        initializer : callable, optional
            See :mod:`evsim.initializers`.
        buffer_size : int
            For compatibility: buffers grow as needed, and no spike is ever lost, whatever its value.

        Returns
        -------
        Layer

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork()
        >>> layer = net.add_fc_layer(10, 5, tau_s=0.1, threshold=0.2)
        >>> layer.tau
        0.2
        """
        as_size(buffer_size, "buffer_size")
        tau_syn = as_number(tau_s, "tau_s")
        return self.add_layer(
            Dense(n_inputs, n_neurons, initializer), LIF(tau_mem=2 * tau_syn, tau_syn=tau_syn, threshold=threshold)
        )

    def add_fc_layer_from_source(
        self,
        src_path: str | PathLike[str] | Kernel,
        n_inputs: int,
        n_neurons: int,
        tau_s: float,
        threshold: float,
        initializer: Initializer | None = None,
        buffer_size: int = 64,
    ) -> Layer:
        """Append a layer like :meth:`add_fc_layer` with the callbacks of a source file.

        Parameters
        ----------
        src_path : path, str or Kernel
            See :class:`Kernel`. Sources written for EvSpikeSim compile as they are.
        n_inputs, n_neurons, tau_s, threshold, initializer, buffer_size
            As for :meth:`add_fc_layer`.

        Returns
        -------
        Layer

        Raises
        ------
        KernelCompileError, CompilerNotFoundError, KernelCacheError, KernelLoadError
            The source cannot be compiled or loaded.
        """
        as_size(buffer_size, "buffer_size")
        tau_syn = as_number(tau_s, "tau_s")
        neuron = LIF(tau_mem=2 * tau_syn, tau_syn=tau_syn, threshold=threshold)
        return self.add_layer(Dense(n_inputs, n_neurons, initializer), neuron, kernel=src_path)

    def add_conv_layer(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        neuron: NeuronModel,
        *,
        in_shape: Shape | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        initializer: Initializer | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> Layer:
        """Append a convolutional layer: ``add_layer(Conv2d(...), neuron)``.

        Parameters
        ----------
        out_channels, kernel_size, in_shape, stride, padding, dilation, groups, initializer, weights
            As for :class:`Conv2d`. `in_shape` may be left out where the last layer has a shape.
        neuron : NeuronModel
            Such as ``LIF(...)``.

        Returns
        -------
        Layer

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> conv = net.add_conv_layer(4, 5, evsim.LIFDelta(tau_mem=10.0), in_shape=(2, 34, 34))
        >>> pool = net.add_pool_layer(2)
        >>> net.add_layer(evsim.Dense(pool.n_neurons, 10), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
        Layer(Dense(900, 10), LIF(...))
        """
        connection = Conv2d(
            out_channels,
            kernel_size,
            in_shape=in_shape,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            initializer=initializer,
            weights=weights,
        )
        return self.add_layer(connection, neuron)

    def add_pool_layer(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        mode: Literal["or", "first", "sum"] = "or",
        neuron: NeuronModel | None = None,
        *,
        weight: float = 1.0,
        padding: int | tuple[int, int] = 0,
        in_shape: Shape | None = None,
    ) -> Layer:
        """Append a pooling layer: ``add_layer(Pool2d(...), neuron)``.

        Parameters
        ----------
        kernel_size, stride, mode, weight, padding, in_shape
            As for :class:`Pool2d`.
        neuron : NeuronModel, optional
            For ``mode="sum"``.

        Returns
        -------
        Layer
        """
        pool = Pool2d(kernel_size, stride, mode, weight, padding=padding, in_shape=in_shape)
        return self.add_layer(pool, neuron)

    def add_unpool_layer(self, pool: Layer) -> Layer:
        """Append the way back from a pooling layer of this network: ``add_layer(Unpool2d(pool))``.

        Parameters
        ----------
        pool : Layer
            See :class:`Unpool2d`.

        Returns
        -------
        Layer
        """
        return self.add_layer(Unpool2d(pool))

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
    def infer(
        self,
        inputs: Any,
        times: Any = None,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> SpikeArray | list[SpikeArray]:
        """Run spikes through the network.

        Parameters
        ----------
        inputs : SpikeArray, or array_like of int, or a sequence of SpikeArray or (indices, times)
            One sample as a sorted array, or its indices (with `times`), or a batch.
        times : array_like of float, shape (n,), optional
            Times that go with indices; must not decrease.
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
        SpikeArray or list of SpikeArray
            Output of the last layer, sorted by (time, index); a list for a batch.

        Raises
        ------
        EmptyNetworkError
            The network has no layers.
        UnsortedSpikesError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError, DTypeError
            The input is not a sorted spike train for this network.
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
        samples, batch = self._samples(inputs, times)
        probes = [record] if isinstance(record, Probe) else record
        if not isinstance(probes, Sequence) or not all(isinstance(probe, Probe) for probe in probes):
            raise DTypeError(f"record must be a Probe or a sequence of them, got {record!r}")
        requests = [probe.request(self._position(probe.layer), self[probe.layer].n_neurons) for probe in probes]
        spikes, recorded = self._core.infer(
            samples,
            math.inf if until is None else as_float(until, "until"),
            None if start is None else as_float(start, "start"),
            bool(reset),
            batch,
            requests,
        )
        for probe, values in zip(probes, recorded, strict=True):
            probe._values = values if batch else values[0]
        outputs = self._layers[-1]._wrap(spikes)
        return outputs if batch else outputs[0]

    def _samples(self, inputs: Any, times: Any) -> tuple[list[tuple[Any, Any]], bool]:
        as_indices, as_times = self._backend.as_indices, self._backend.as_times
        if isinstance(inputs, self._backend.spike_arrays):
            if times is not None:
                raise InvalidArgumentError(
                    "a SpikeArray brings its own times; give infer(spikes) or infer(indices, times)"
                )
            return [(inputs.indices, inputs.times)], False
        if times is not None:
            return [(as_indices(inputs), as_times(times))], False
        samples = []
        if isinstance(inputs, (str, bytes)) or not isinstance(inputs, Sequence):
            raise DTypeError(
                "infer takes a SpikeArray, or indices and times, or a list of samples; got " + type(inputs).__name__
            )
        for k, sample in enumerate(inputs):
            if isinstance(sample, self._backend.spike_arrays):
                samples.append((sample.indices, sample.times))
            elif isinstance(sample, (tuple, list)) and len(sample) == 2:
                samples.append((as_indices(sample[0]), as_times(sample[1])))
            else:
                raise DTypeError(
                    f"sample {k} of the batch must be a SpikeArray or a pair (indices, times), got {sample!r}; "
                    "for one sample give infer(indices, times)"
                )
        return samples, True

    def reset(self) -> None:
        """Forget spikes and carried state; keep the weights."""
        self._core.reset()

    @property
    def time(self) -> float | None:
        """Time up to which the last call simulated (infinity without ``until=``); None before the first call."""
        return self._core.time

    # Layers as a sequence

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, index: int) -> Layer:
        return self._layers[self._position(index)]

    def _position(self, index: int) -> int:
        number = as_integer(index, "a layer index")
        position = number + len(self) if number < 0 else number
        if not 0 <= position < len(self):
            raise IndexOutOfRangeError(f"there is no layer {index}; the network has {len(self)}")
        return position

    @property
    def output_layer(self) -> Layer:
        """The last layer."""
        if not self._layers:
            raise EmptyNetworkError("the network has no layers; add one with add_fc_layer or add_layer")
        return self._layers[-1]

    @property
    def n_inputs(self) -> int:
        """Number of inputs of the first layer."""
        return self[0].n_inputs if self._layers else self.output_layer.n_inputs

    def __repr__(self) -> str:
        if not self._layers:
            return f"SpikingNetwork(empty, {self.dtype})"
        chain = " -> ".join(_described(layer) for layer in self)
        first = "x".join(map(str, self[0].in_shape)) if self[0].in_shape else str(self[0].n_inputs)
        return f"SpikingNetwork({first} -> {chain}, {self.dtype})"

    # Keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights and neuron parameters to a file; see :func:`evsim.save`."""
        from .io import save

        save(self, path)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "dtype": self.dtype,
            "device": self.device,
            "rng": self._rng,
            "max_spikes_per_instant": self._max_spikes_per_instant,
            "compile_path": self.compile_path,
            "layers": [
                (
                    self._bare_connection(layer),
                    layer.neuron,
                    None if layer.neuron is None else layer._host_weights(),
                    layer.kernel,
                    layer.kernel and layer.kernel_parameters,
                )
                for layer in self
            ],
            "snapshot": self._core.snapshot(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        SpikingNetwork.__init__(
            self,
            state["compile_path"],
            dtype=state["dtype"],
            device=state["device"],
            max_spikes_per_instant=state["max_spikes_per_instant"],
        )
        self._rng = state["rng"]
        for connection, neuron, weights, kernel, parameters in state["layers"]:
            layer = self.add_layer(self._whole_connection(connection), neuron, kernel=kernel)
            if weights is not None and not isinstance(connection, Pool2d):
                layer.weights[...] = self._backend.to_device(weights)
            if kernel:
                layer.kernel_parameters = parameters
        self._core.restore(state["snapshot"])

    def _bare_connection(self, layer: Layer) -> Connection | int:
        """The connection of a layer without its first weights; of unpooling, the number of the pooling layer."""
        connection = layer.connection
        if isinstance(connection, Unpool2d):
            return next(k for k, other in enumerate(self) if other is connection.pool)
        if isinstance(connection, (Dense, Conv2d)):
            return replace(connection, initializer=ConstantInitializer(), weights=None)
        return connection

    def _whole_connection(self, bare: Connection | int) -> Connection:
        return Unpool2d(self[bare]) if isinstance(bare, int) else bare


def _described(layer: Layer) -> str:
    size = "x".join(map(str, layer.shape)) if layer.shape else str(layer.n_neurons)
    return f"{size} {type(layer.neuron or layer.connection).__name__}"
