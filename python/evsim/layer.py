"""Layers: a population and the projection that feeds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib.modules import only_public
from ._lib.tables import html_table
from .connections import Connection
from .connections.base import Shape
from .devices import Backend
from .errors import NoSuchParameterError
from .kernels import Kernel
from .neurons import NeuronModel
from .nodes import Input, Population
from .projection import Projection, delay_text

__all__ = ["Layer"]


class Layer(Population):
    """A population and the projection that feeds it. Made by :meth:`SpikingNetwork.add_layer`.

    Connection, neuron model and kernel are those it was made with; weights and kernel parameters may be changed between
    calls. Weights, traces and kernel are those of :attr:`projection`.
    """

    __slots__ = ("_connection", "_projection", "_source")

    def __init__(
        self,
        core: Any,
        node: int,
        neuron: NeuronModel | None,
        shape: Shape | None,
        backend: Backend,
        connection: Connection,
        source: Input | Population,
    ) -> None:
        super().__init__(core, node, neuron, shape, backend)
        self._source = source
        self._connection: Any = connection
        self._projection: Projection | None = None

    @property
    def connection(self) -> Any:
        """Who receives a spike: :class:`Dense`, :class:`Conv2d`, ..."""
        return self._connection

    @property
    def source(self) -> Input | Population:
        """Whose spikes feed the layer."""
        return self._source

    @property
    def projection(self) -> Projection | None:
        """What feeds it; None for layers that only pass spikes on."""
        return self._projection

    def _fed(self) -> Projection:
        if self.projection is None:
            raise NoSuchParameterError("pooling and unpooling without neurons have no weights and no kernel")
        return self.projection

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return int(self.connection.n_inputs)

    @property
    def in_shape(self) -> Shape | None:
        """Channels, rows and columns of the inputs; None where they are in no such order."""
        shape: Shape | None = self.connection.in_shape
        return shape

    @property
    def kernel(self) -> Kernel | None:
        """The user's callbacks, or a plasticity rule."""
        return self.projection.kernel if self.projection else None

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights of the layer's projection: see :attr:`Projection.weights`."""
        return self._fed().weights

    @weights.setter
    def weights(self, values: npt.ArrayLike) -> None:
        self._fed().weights = values

    @property
    def delays(self) -> float | npt.NDArray[np.float64]:
        """How long the spikes that feed the layer travel: see :attr:`Projection.delays`."""
        return self._fed().delays

    @delays.setter
    def delays(self, values: npt.ArrayLike) -> None:
        self._fed().delays = values

    @property
    def kernel_parameters(self) -> dict[str, float]:
        """Parameters of the layer's kernel: see :attr:`Projection.kernel_parameters`."""
        return self._fed().kernel_parameters

    @kernel_parameters.setter
    def kernel_parameters(self, values: Mapping[str, float]) -> None:
        self._fed().kernel_parameters = values

    @property
    def neuron_traces(self) -> npt.NDArray[Any]:
        """Traces of the neurons: see :attr:`Projection.neuron_traces`."""
        return self._fed().neuron_traces

    @neuron_traces.setter
    def neuron_traces(self, values: npt.ArrayLike) -> None:
        self._fed().neuron_traces = values

    @property
    def synaptic_traces(self) -> npt.NDArray[Any]:
        """Traces of the synapses: see :attr:`Projection.synaptic_traces`."""
        return self._fed().synaptic_traces

    @synaptic_traces.setter
    def synaptic_traces(self, values: npt.ArrayLike) -> None:
        self._fed().synaptic_traces = values

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

    def __repr__(self) -> str:
        parts = [repr(part) for part in (self.connection, self.neuron) if part is not None]
        if self.projection and np.any(self.delays):
            parts.append(delay_text(self.delays))
        return f"Layer({', '.join(parts)}{f', kernel={self.kernel!r}' if self.kernel else ''})"

    def _kind(self) -> str:
        return type(self.neuron or self.connection).__name__

    def _repr_html_(self) -> str:
        parts = {"connection": self.connection, "neuron": self.neuron, "kernel": self.kernel}
        rows = [(name, repr(part)) for name, part in parts.items() if part is not None]
        return html_table("Layer", ("", ""), [*rows, ("inputs", str(self.n_inputs)), ("neurons", str(self.n_neurons))])


__dir__ = only_public(__all__)
