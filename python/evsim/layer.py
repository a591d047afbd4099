"""Layers of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .connections import Connection, Dense, Pool2d, Unpool2d, as_weights
from .connections.base import Shape
from .devices.base import Backend, LayerSource
from .errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    NoSuchParameterError,
    NotRunError,
    ShapeMismatchError,
)
from .kernels import Kernel, check_parameters, compile_kernel, parameter_names
from .neurons import NeuronModel
from .spikes import SpikeArray


class Layer:
    """A connection and the neurons it feeds. Made by :meth:`SpikingNetwork.add_layer`.

    Attributes
    ----------
    connection : Connection
        Who receives a spike: :class:`Dense`, :class:`Conv2d`, ...
    neuron : NeuronModel or None
        The neuron model with its parameters; None for layers that only pass spikes on.
    n_inputs, n_neurons : int
        Sizes.
    kernel : Kernel or None
        The user's callbacks.
    """

    def __init__(
        self,
        connection: Any,
        neuron: NeuronModel | None,
        dtype: str,
        rng: np.random.Generator,
        backend: Backend,
        kernel: Kernel | None = None,
        compile_path: str | PathLike[str] | None = None,
    ) -> None:
        self._backend = backend
        self._core: Any
        self.connection: Connection = connection
        self.neuron = neuron
        self.kernel = kernel
        if neuron is None:
            self._core = connection.relay()
            return
        name, shared, per_neuron = neuron.kernel_settings()
        kernel_type = neuron.kernel_type()
        callbacks = kernel.source if kernel else None
        if callbacks is None and kernel_type.source is None:
            self._compiled = _core.Kernel.builtin(name, np.dtype(dtype).itemsize)
        else:
            self._compiled = compile_kernel(kernel_type, callbacks, dtype, compile_path)
        if isinstance(connection, Dense):
            self._core = backend.layer(
                LayerSource(kernel_type, callbacks, dtype, compile_path),
                connection.n_inputs,
                connection.n_neurons,
                self._compiled,
                shared,
                per_neuron,
                self._rule_parameters(kernel.parameters) if kernel else [],
                self._time_constant("tau_syn"),
                self._time_constant("tau_mem"),
                kernel is not None and kernel.batch_update == "mean",
            )
        else:
            self._core = connection.core_layer(self._compiled, shared, per_neuron)
        self._core.weights[...] = backend.to_device(connection.initial_weights(dtype, rng))

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return int(self._core.n_inputs)

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return int(self._core.n_neurons)

    @property
    def shape(self) -> Shape | None:
        """Channels, rows and columns of the neurons; None where they are in no such order. See :func:`index_of`."""
        if isinstance(self.connection, Unpool2d):
            pooled: Shape | None = self.connection.pool.in_shape
            return pooled
        shape: Shape | None = None if isinstance(self.connection, Dense) else self._core.shape
        return shape

    @property
    def in_shape(self) -> Shape | None:
        """Channels, rows and columns of the inputs; None where they are in no such order."""
        shape: Shape | None = getattr(self.connection, "in_shape", None)
        return shape

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights in the network's dtype: a view, so writing into it changes the layer.

        Shape (n_neurons, n_inputs), or that of a convolution: see :class:`Conv2d` and :class:`ConvTranspose2d`. Those
        of pooling are fixed and cannot be written. Do not write while another thread runs ``infer``, nor read while
        it runs a kernel that learns.
        """
        if self.neuron is None:
            raise NoSuchParameterError("pooling and unpooling without neurons have no weights")
        weights: npt.NDArray[Any] = self._core.weights
        if isinstance(self.connection, Pool2d):
            weights.flags.writeable = False
        return weights

    @weights.setter
    def weights(self, values: npt.ArrayLike) -> None:
        view = self.weights
        if isinstance(self.connection, Pool2d):
            raise InvalidArgumentError("the weights of pooling are fixed; give Pool2d(weight=...)")
        names = getattr(self.connection, "weight_names", "(n_neurons, n_inputs)")
        checked = as_weights(self._backend.to_host(values), view.shape, view.dtype, names)
        view[...] = self._backend.to_device(checked)

    def _host_weights(self) -> npt.NDArray[Any]:
        return np.ascontiguousarray(self._backend.to_host(self.weights))

    @property
    def threshold(self) -> float | npt.NDArray[np.float64]:
        """Firing threshold, one number or one per neuron."""
        threshold: float | npt.NDArray[np.float64] = self._parameter("threshold")
        return threshold

    @property
    def tau_s(self) -> float:
        """Synaptic time constant."""
        return float(self._parameter("tau_syn"))

    @property
    def tau(self) -> float:
        """Membrane time constant."""
        return float(self._parameter("tau_mem"))

    def _parameter(self, name: str) -> Any:
        if not hasattr(self.neuron, name):
            raise NoSuchParameterError(f"{self._neuron_name()} neurons have no {name}")
        return getattr(self.neuron, name)

    # Kernels with callbacks

    def _rule_parameters(self, values: Mapping[str, float], current: Sequence[float] | None = None) -> list[float]:
        names = parameter_names(self._compiled.parameter_text)
        merged = dict(zip(names, current or self._compiled.default_parameters, strict=True))
        for name, value in check_parameters(values).items():
            if name not in merged:
                raise InvalidArgumentError(
                    f"the kernel has no parameter {name!r}; it has: {', '.join(names) or 'none'}"
                )
            merged[name] = value
        return list(merged.values())

    def _time_constant(self, name: str) -> float:
        """One value for all neurons, or NaN."""
        value = getattr(self.neuron, name, math.nan)
        return value if isinstance(value, float) else math.nan

    def _require_kernel(self) -> Kernel:
        if self.kernel is None:
            raise NoSuchParameterError("the layer has no kernel; give one to add_layer")
        return self.kernel

    @property
    def kernel_parameters(self) -> dict[str, float]:
        """Parameters of the layer's kernel. Assign a mapping to change some of them, from the next call on."""
        self._require_kernel()
        return dict(zip(parameter_names(self._compiled.parameter_text), self._core.rule_parameters(), strict=True))

    @kernel_parameters.setter
    def kernel_parameters(self, values: Mapping[str, float]) -> None:
        self._require_kernel()
        self._core.set_rule_parameters(self._rule_parameters(values, self._core.rule_parameters()))

    @property
    def neuron_traces(self) -> npt.NDArray[Any]:
        """Neuron traces after the last call, each as of its neuron's last event.

        Shape (n_neurons, n_traces), or (n_samples, n_neurons, n_traces) after a batch, in the network's dtype; a copy.
        Assign values of shape (n_neurons, n_traces), or one number, to begin the next call with them; calls after it
        begin at zero again, unless they go on with ``reset=False``.
        """
        self._require_kernel()
        return self._traces(False, (self.n_neurons, self._compiled.n_neuron_traces))

    @neuron_traces.setter
    def neuron_traces(self, values: npt.ArrayLike) -> None:
        self._require_kernel()
        shape = (self.n_neurons, self._compiled.n_neuron_traces)
        self._core.set_next_traces(self._as_traces(self._backend.to_host(values), shape), np.empty(0))

    @property
    def synaptic_traces(self) -> npt.NDArray[Any]:
        """Synaptic traces after the last call, each as of its neuron's last event.

        Shape (n_neurons, n_inputs, n_traces), or (n_samples, n_neurons, n_inputs, n_traces) after a batch; read and
        assigned like :attr:`neuron_traces`.
        """
        self._require_kernel()
        return self._traces(True, (self.n_neurons, self.n_inputs, self._compiled.n_synaptic_traces))

    @synaptic_traces.setter
    def synaptic_traces(self, values: npt.ArrayLike) -> None:
        self._require_kernel()
        shape = (self.n_neurons, self.n_inputs, self._compiled.n_synaptic_traces)
        self._core.set_next_traces(np.empty(0), self._as_traces(self._backend.to_host(values), shape))

    def _traces(self, synaptic: bool, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        values, n_samples = self._core.traces(synaptic)
        if n_samples:
            shape = (n_samples, *shape)
        elif not values.size:
            values = np.zeros(shape)
        traces: npt.NDArray[Any] = values.reshape(shape).astype(self.weights.dtype)
        if isinstance(traces, np.ndarray):
            traces.flags.writeable = False  # a change would be lost; the property is to be assigned
        return traces

    @staticmethod
    def _as_traces(values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        try:
            array = np.asarray(values)
            if array.dtype.kind not in "iuf":
                raise DTypeError(f"traces must be real numbers, got dtype {array.dtype}")
            array = np.broadcast_to(array.astype(np.float64), shape)
        except ValueError as error:
            raise ShapeMismatchError(f"traces must have shape {shape}: {error}") from None
        if not np.all(np.isfinite(array)):
            raise NonFiniteError("traces must be finite")
        return array.ravel()

    @property
    def post_spikes(self) -> SpikeArray | list[SpikeArray]:
        """What the layer fired in the last call of ``infer``: one array, or one per sample after a batch.

        Each access makes a new list; keep it when you loop over a large batch.
        """
        cores, batch = self._core.output()
        spikes = self._wrap(cores)
        if batch:
            return spikes
        return spikes[0] if spikes else SpikeArray(shape=self.shape)

    def _wrap(self, cores: Sequence[Any]) -> list[Any]:
        """Spikes of the core as users see them."""
        spikes = [self._backend.wrap(core) for core in cores]
        if self.shape is not None:
            for one in spikes:
                one.shape = self.shape
        return spikes

    @property
    def causes(self) -> npt.NDArray[np.int32] | list[npt.NDArray[np.int32]]:
        """For pooling and unpooling: the input that caused each spike of :attr:`post_spikes`, in their order.

        One array of shape (n_spikes,), or a list of them after a batch.
        """
        if self.neuron is not None:
            raise NoSuchParameterError("only layers that pass spikes on, such as Pool2d(mode='or'), keep their causes")
        causes, batch = self._core.causes()
        if batch:
            return list(causes)
        return causes[0] if causes else np.empty(0, np.int32)

    @property
    def has_run(self) -> bool:
        """Whether there is an output of ``infer`` to look at."""
        return bool(self._core.output()[0])

    @property
    def n_spikes(self) -> int | list[int]:
        """Number of spikes in :attr:`post_spikes`."""
        counts: list[int]
        counts, batch = self._core.n_spikes()
        return counts if batch else sum(counts)

    @property
    def maximum(self) -> npt.NDArray[np.float64]:
        """Highest potential of every neuron of a readout (:class:`~evsim.LI`) so far.

        Shape (n_neurons,), or (n_samples, n_neurons) after a batch.
        """
        return self._remembered("maximum")

    @property
    def maximum_time(self) -> npt.NDArray[np.float64]:
        """When :attr:`maximum` was reached; NaN where the potential never rose above its first value."""
        return self._remembered("maximum_time")

    def _remembered(self, name: str) -> npt.NDArray[np.float64]:
        if self.neuron is None or self.neuron.spikes:
            raise NoSuchParameterError(f"{self._neuron_name()} neurons keep no {name}; LI readouts do")
        values: npt.NDArray[np.float64]
        values, batch = self._core.remembered(name)
        if batch:
            return values
        if not len(values):
            raise NotRunError(f"{name} is known after infer")
        first: npt.NDArray[np.float64] = values[0]
        return first

    def _neuron_name(self) -> str:
        return "pooling without" if self.neuron is None else type(self.neuron).__name__

    def __repr__(self) -> str:
        parts = [repr(part) for part in (self.connection, self.neuron) if part is not None]
        return f"Layer({', '.join(parts)}{f', kernel={self.kernel!r}' if self.kernel else ''})"
