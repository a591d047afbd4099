"""Projections: how the spikes of one population reach another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._lib.arrays import as_array
from ._lib.modules import only_public
from .connections import Connection, as_weights
from .devices import Backend
from .errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    NoSuchParameterError,
    ShapeMismatchError,
)
from .kernels import Kernel, check_parameters, parameter_names
from .neurons import NeuronModel
from .nodes import Input, Population

__all__ = ["Projection"]


def rule_arguments(kernel: Kernel | None, compiled: _core.Kernel | None, neuron: NeuronModel) -> list[Any]:
    """A projection's rule and what belongs to it, as the core takes them; no rule without a kernel."""

    def time_constant(name: str) -> float:
        value = getattr(neuron, name, None)  # some have none, or no synapse that decays
        values = np.unique(math.nan if value is None else value)
        return float(values[0]) if len(values) == 1 else math.nan

    parameters = _rule_parameters(compiled, kernel.parameters) if kernel and compiled else []
    mean = kernel is not None and kernel.batch_update == "mean"
    return [compiled if kernel else None, parameters, time_constant("tau_syn"), time_constant("tau_mem"), mean]


def _rule_parameters(
    compiled: _core.Kernel, values: Mapping[str, float], current: Sequence[float] | None = None
) -> list[float]:
    names = parameter_names(compiled.parameter_text)
    merged = dict(zip(names, current or compiled.default_parameters, strict=True))
    for name, value in check_parameters(values).items():
        if name not in merged:
            raise InvalidArgumentError(f"the kernel has no parameter {name!r}; it has: {', '.join(names) or 'none'}")
        merged[name] = value
    return list(merged.values())


def as_delays(value: Any, connection: Any, *, first: bool = False) -> tuple[npt.NDArray[np.float64], bool]:
    """Return `value`, one delay or one for each input or synapse of `connection`, as an array of them. None: no delay.

    And whether they are of synapses. `first`: those of synapses come in the order in which these were given.

    Raises DTypeError, ShapeMismatchError, NonFiniteError, InvalidArgumentError or UnsupportedError.
    """
    given = as_array(0.0 if value is None else value, "delays")
    if given.dtype.kind not in "iuf":
        raise DTypeError(f"a delay must be a number or one for each input, got {value!r}")
    delays = given.astype(np.float64)
    if not np.all(np.isfinite(delays)):
        raise NonFiniteError(f"delays must be finite, got {delays[~np.isfinite(delays)].flat[0]}")
    if np.any(delays < 0):
        raise InvalidArgumentError(f"delays must not be negative, got {delays.min()}")
    of_synapses = connection.delays_of_synapses(delays, first) if delays.ndim else None
    if of_synapses is not None and delays.ndim == 2 and np.all(delays == delays[:1]):
        return delays[0], False  # all neurons share the gaps between arrivals then
    if of_synapses is not None:
        return of_synapses, True
    if delays.ndim and delays.shape not in ((connection.n_inputs,), connection.in_shape):
        raise ShapeMismatchError(
            f"delays are one value, one for each of {connection.n_inputs} inputs or one for each synapse, got an array "
            f"of shape {delays.shape} for {connection!r}"
        )
    flat: npt.NDArray[np.float64] = delays.ravel()
    return flat, False


def delay_text(delays: float | npt.NDArray[np.float64]) -> str:
    """Return delays as representations of projections and layers write them."""
    if np.ndim(delays) == 0:
        return f"delay={delays:g}"
    return f"delay={np.min(delays):g} to {np.max(delays):g}"


class Projection:
    """From a source to a population: who receives a spike, with what weight, and how that changes.

    Made by :meth:`SpikingNetwork.connect`; :attr:`Layer.projection` is that of a layer.
    """

    __slots__ = (
        "__weakref__",
        "_backend",
        "_compiled",
        "_connection",
        "_core",
        "_kernel",
        "_port",
        "_source",
        "_target",
    )

    def __init__(
        self,
        core: Any,
        source: Input | Population,
        target: Population,
        connection: Connection,
        kernel: Kernel | None,
        compiled: _core.Kernel | None,
        backend: Backend,
        port: int | str | None = None,
    ) -> None:
        self._core = core
        self._compiled: Any = compiled
        self._backend = backend
        self._port = port
        self._source = source
        self._target = target
        self._connection = connection
        self._kernel = kernel

    @property
    def source(self) -> Input | Population:
        """Whose spikes it carries."""
        return self._source

    @property
    def target(self) -> Population:
        """Whom they reach."""
        return self._target

    @property
    def connection(self) -> Connection:
        """Who receives a spike: :class:`Dense`, :class:`Conv2d`, ..."""
        return self._connection

    @property
    def kernel(self) -> Kernel | None:
        """Callbacks, such as a plasticity rule."""
        return self._kernel

    @property
    def port(self) -> int | str:
        """Which synapse type of the target its spikes arrive at, by number or name as it was given."""
        return 0 if self._port is None else self._port

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return int(self._core.n_inputs)

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights in the network's dtype: a view, so writing into it changes the projection.

        Shape (n_neurons, n_inputs); (n_synapses,) of :class:`Sparse`; or that of a convolution: see :class:`Conv2d` and
        :class:`ConvTranspose2d`. Those of pooling are fixed and cannot be written. Do not write while another thread
        runs ``infer``, nor read while it runs a kernel that learns.
        """
        weights: npt.NDArray[Any] = self._core.weights
        if not self.connection.learnable:
            weights.flags.writeable = False
        return weights

    @weights.setter
    def weights(self, values: npt.ArrayLike) -> None:
        view = self.weights
        if not self.connection.learnable:
            raise InvalidArgumentError("the weights of pooling are fixed; give Pool2d(weight=...)")
        checked = as_weights(self._backend.to_host(values), view.shape, view.dtype, self.connection.weight_names)
        view[...] = self._backend.to_device(checked)

    @property
    def delays(self) -> float | npt.NDArray[np.float64]:
        """How long spikes travel, in the network's unit of time: one number, one for each input or for each synapse.

        An array has shape (n_inputs,) or, of synapses, that of :attr:`weights`, (n_neurons, n_inputs) or (n_synapses,);
        it is float64, and a copy that cannot be written. Of a sparse connection, an array as long as there are synapses
        is always one for each of them. Assign one number, or an array of such a shape or, of images,
        of that of the input; spikes sent from the next call on take as long. A spike sent at t arrives at t + delay,
        not rounded to any grid; those that are on their way when a call ends arrive in the next one with
        ``reset=False``.
        """
        values: npt.NDArray[np.float64] = self._core.delays()
        if self._core.delays_by_synapse:
            values = np.ascontiguousarray(self.connection.of_synapses(values))
        elif len(values) == 1:
            return float(values[0])
        values.flags.writeable = False
        return values

    @delays.setter
    def delays(self, values: npt.ArrayLike) -> None:
        self._core.set_delays(*as_delays(self._backend.to_host(values), self.connection))

    def _host_weights(self) -> npt.NDArray[Any]:
        return np.ascontiguousarray(self._backend.to_host(self.weights))

    # Kernels with callbacks

    def _require_kernel(self) -> Kernel:
        if self.kernel is None:
            raise NoSuchParameterError("the layer has no kernel; give one to add_layer")
        return self.kernel

    @property
    def kernel_parameters(self) -> dict[str, float]:
        """Parameters of the kernel. Assign a mapping to change some of them, from the next call on."""
        self._require_kernel()
        return dict(zip(parameter_names(self._compiled.parameter_text), self._core.rule_parameters(), strict=True))

    @kernel_parameters.setter
    def kernel_parameters(self, values: Mapping[str, float]) -> None:
        self._require_kernel()
        self._core.set_rule_parameters(_rule_parameters(self._compiled, values, self._core.rule_parameters()))

    @property
    def neuron_traces(self) -> npt.NDArray[Any]:
        """Neuron traces after the last call, each as of its neuron's last event.

        That is the last spike to arrive or leave; where synapses are sparse or have delays of their own, one that
        arrived at this neuron by this projection, or one of its own.

        Shape (n_neurons, n_traces), or (n_samples, n_neurons, n_traces) after a batch, in the network's dtype; a copy.
        Assign values of shape (n_neurons, n_traces), or one number, to begin the next call with them; calls after it
        begin at zero again, unless they go on with ``reset=False``.
        """
        self._require_kernel()
        return self._traces(False, (self.target.n_neurons, self._compiled.n_neuron_traces))

    @neuron_traces.setter
    def neuron_traces(self, values: npt.ArrayLike) -> None:
        self._require_kernel()
        shape = (self.target.n_neurons, self._compiled.n_neuron_traces)
        self._core.set_next_traces(self._as_traces(self._backend.to_host(values), shape), np.empty(0))

    @property
    def synaptic_traces(self) -> npt.NDArray[Any]:
        """Synaptic traces after the last call, each as of its neuron's last event.

        Shape (n_neurons, n_inputs, n_traces), of :class:`Sparse` (n_synapses, n_traces) in the order of
        :attr:`weights`; after a batch with the samples before that. Of a convolution, whose synapses share weights but
        not traces, (channels, rows, columns) of the neurons and then (in_channels / groups, rows, columns, n_traces) of
        the weights that lead to each, 0 where these lead from no input. Read and assigned like :attr:`neuron_traces`.
        """
        self._require_kernel()
        return self._traces(True, (*self._synapse_shape, self._compiled.n_synaptic_traces))

    @synaptic_traces.setter
    def synaptic_traces(self, values: npt.ArrayLike) -> None:
        self._require_kernel()
        shape = (*self._synapse_shape, self._compiled.n_synaptic_traces)
        self._core.set_next_traces(np.empty(0), self._as_traces(self._backend.to_host(values), shape))

    @property
    def _synapse_shape(self) -> tuple[int, ...]:
        return self.connection.synapse_shape or self.weights.shape

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
            array = as_array(values, "traces")
            if array.dtype.kind not in "iuf":
                raise DTypeError(f"traces must be real numbers, got dtype {array.dtype}")
            array = np.broadcast_to(array.astype(np.float64), shape)
        except ValueError as error:
            raise ShapeMismatchError(f"traces must have shape {shape}: {error}") from None
        if not np.all(np.isfinite(array)):
            raise NonFiniteError("traces must be finite")
        return array.ravel()

    def __repr__(self) -> str:
        kernel = f", kernel={self.kernel!r}" if self.kernel else ""
        delay = f", {delay_text(self.delays)}" if np.any(self.delays) else ""
        return f"Projection({self.source.name!r} -> {self.target.name!r}, {self.connection!r}{delay}{kernel})"


__dir__ = only_public(__all__)
