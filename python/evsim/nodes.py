"""What a network is made of: inputs, and populations of neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._lib.arrays import as_size
from ._lib.modules import only_public
from ._lib.tables import html_table
from .connections.base import Shape, as_shape
from .devices import Backend
from .errors import DTypeError, InvalidArgumentError, NoSuchParameterError, NotRunError
from .kernels import Kernel, compile_kernel
from .neurons import NeuronModel
from .spikes import SpikeArray

__all__ = ["Input", "Population"]


class Input:
    """Where spikes come into a network. Made by :meth:`SpikingNetwork.add_input`."""

    __slots__ = ("__weakref__", "_n_neurons", "_name", "_node", "_shape")

    def __init__(self, node: int, n_neurons: int, shape: Shape | None, name: str) -> None:
        self._node = node
        self._n_neurons = n_neurons
        self._shape = shape
        self._name = name

    @property
    def name(self) -> str:
        """By which :meth:`SpikingNetwork.infer` takes its spikes."""
        return self._name

    @property
    def n_neurons(self) -> int:
        """How many inputs there are."""
        return self._n_neurons

    @property
    def shape(self) -> Shape | None:
        """Channels, rows and columns; None where they are in no such order."""
        return self._shape

    def __repr__(self) -> str:
        return f"Input({self.shape or self.n_neurons}, name={self.name!r})"


class Population:
    """Neurons of one model. Made by :meth:`SpikingNetwork.add_population`."""

    __slots__ = ("__weakref__", "_backend", "_core", "_name", "_neuron", "_node", "_own", "_shape", "_size")

    def __init__(self, core: Any, node: int, neuron: NeuronModel | None, shape: Shape | None, backend: Backend) -> None:
        self._core = core
        self._size = int(core.n_neurons)
        self._own: range | None = None  # of a population that processes share, the neurons that are here
        self._node = node
        self._backend = backend
        self._name = ""
        self._neuron = neuron
        self._shape = shape

    @property
    def neuron(self) -> NeuronModel | None:
        """The neuron model with its parameters; None for layers that only pass spikes on."""
        return self._neuron

    @neuron.setter
    def neuron(self, model: NeuronModel | None) -> None:
        raise InvalidArgumentError(
            "the neurons of a layer stay those it was made with; make another network with "
            "add_layer(connection, neuron) and the same weights"
        )

    @property
    def shape(self) -> Shape | None:
        """Channels, rows and columns of the neurons; None where they are in no such order. See :func:`index_of`."""
        return self._shape

    @property
    def name(self) -> str:
        """By which the network finds it."""
        return self._name

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self._size

    # Parameters of the neurons

    @property
    def threshold(self) -> float | npt.NDArray[np.float64]:
        """Firing threshold, one number or one per neuron."""
        threshold: float | npt.NDArray[np.float64] = self._parameter("threshold")
        return threshold

    @property
    def tau_s(self) -> float | npt.NDArray[np.float64]:
        """Synaptic time constant, one number or one per neuron."""
        tau_syn: float | npt.NDArray[np.float64] = self._parameter("tau_syn")
        return tau_syn

    @property
    def tau(self) -> float | npt.NDArray[np.float64]:
        """Membrane time constant, one number or one per neuron."""
        tau_mem: float | npt.NDArray[np.float64] = self._parameter("tau_mem")
        return tau_mem

    def _parameter(self, name: str) -> Any:
        if not hasattr(self.neuron, name):
            raise NoSuchParameterError(f"{self._neuron_name()} neurons have no {name}")
        return getattr(self.neuron, name)

    def _neuron_name(self) -> str:
        return "pooling without" if self.neuron is None else type(self.neuron).__name__

    # What the last call left

    @property
    def post_spikes(self) -> SpikeArray | list[SpikeArray]:
        """What the neurons fired in the last call of ``infer``: one array, or one per sample after a batch.

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
    def has_run(self) -> bool:
        """Whether there is an output of ``infer`` to look at."""
        return bool(self._core.output()[0])

    @property
    def n_spikes(self) -> npt.NDArray[np.int64]:
        """Number of spikes in :attr:`post_spikes`, per neuron; ``n_spikes.sum()`` is their total.

        Shape (n_neurons,), or (n_samples, n_neurons) after a batch.
        """
        cores, batch = self._core.output()
        counts = np.zeros((len(cores) if batch else 1, self.n_neurons), np.int64)
        for k, core in enumerate(cores):
            indices = self._backend.to_host(self._backend.wrap(core).indices)
            counts[k] = np.bincount(indices, minlength=self.n_neurons)
        return counts if batch else counts[0]

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

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Mean potential over time of every neuron of a readout (:class:`~evsim.LI`), from the start to `until`.

        Shape (n_neurons,), or (n_samples, n_neurons) after a batch. It is the exact integral of the potential, divided
        by the time: no samples are averaged. Without ``until=`` time goes on for ever, and it is the potential at rest.
        """
        return self._remembered("mean")

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

    def __repr__(self) -> str:
        return f"Population({self.shape or self.n_neurons}, {self.neuron!r}, name={self.name!r})"

    def _kind(self) -> str:
        return type(self.neuron).__name__

    def _described(self) -> str:
        """Size and kind, such as ``20 LIF``."""
        size = "x".join(map(str, self.shape)) if self.shape else str(self.n_neurons)
        return f"{size} {self._kind()}"

    def _repr_html_(self) -> str:
        rows = [("name", self.name), ("neuron", repr(self.neuron)), ("neurons", str(self.n_neurons))]
        return html_table("Population", ("", ""), rows)


def compiled_kernel(neuron: NeuronModel, kernel: Kernel | None, dtype: str, compile_path: Any) -> _core.Kernel:
    """Return the kernel of a neuron model with the callbacks of `kernel`; what does not ship is compiled now."""
    return compile_kernel(neuron.kernel_type(), kernel.source if kernel else None, dtype, compile_path)


def as_placement(size: Any) -> tuple[int, Shape | None]:
    """Number of neurons, and channels, rows and columns where `size` gives those."""
    if isinstance(size, (tuple, list)):
        shape = as_shape(size, "shape")
        if math.prod(shape) > 2**31 - 1:
            raise InvalidArgumentError(f"a shape of {shape} has more neurons than indices go up to, {2**31 - 1}")
        return math.prod(shape), shape
    return as_size(size, "size"), None


def check_neuron(neuron: Any) -> None:
    """Raise DTypeError unless it is a neuron model."""
    if not isinstance(neuron, NeuronModel):
        raise DTypeError(f"neuron must be a neuron model such as LIF(...), got {neuron!r}")


__dir__ = only_public(__all__)
