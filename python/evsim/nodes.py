"""What a network is made of: inputs, and populations of neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from ._lib.arrays import as_size
from .connections.base import Shape, as_shape
from .devices import Backend
from .errors import DTypeError, InvalidArgumentError, NoSuchParameterError, NotRunError
from .kernels import Kernel, compile_kernel
from .neurons import NeuronModel
from .spikes import SpikeArray


class Input:
    """Where spikes come into a network. Made by :meth:`SpikingNetwork.add_input`.

    Attributes
    ----------
    name : str
        By which :meth:`SpikingNetwork.infer` takes its spikes.
    n_neurons : int
        How many inputs there are.
    shape : (int, int, int) or None
        Channels, rows and columns, where they are in such an order.
    """

    __slots__ = ("__weakref__", "_node", "n_neurons", "name", "shape")

    def __init__(self, node: int, n_neurons: int, shape: Shape | None, name: str) -> None:
        self._node = node
        self.n_neurons = n_neurons
        self.shape = shape
        self.name = name

    def __repr__(self) -> str:
        return f"Input({self.shape or self.n_neurons}, name={self.name!r})"


class Population:
    """Neurons of one model. Made by :meth:`SpikingNetwork.add_population`.

    Attributes
    ----------
    name : str
        By which the network finds it.
    neuron : NeuronModel or None
        The neuron model with its parameters; None for pooling that only passes spikes on.
    n_neurons : int
        Size.
    shape : (int, int, int) or None
        Channels, rows and columns of the neurons; None where they are in no such order. See :func:`index_of`.
    """

    def __init__(self, core: Any, node: int, neuron: NeuronModel | None, shape: Shape | None, backend: Backend) -> None:
        self._core = core
        self._node = node
        self._backend = backend
        self._name = ""
        self.neuron = neuron
        self.shape = shape

    @property
    def name(self) -> str:
        """By which the network finds it."""
        return self._name

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return int(self._core.n_neurons)

    # Parameters of the neurons

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

    def __repr__(self) -> str:
        return f"Population({self.shape or self.n_neurons}, {self.neuron!r}, name={self.name!r})"


def compiled_kernel(neuron: NeuronModel, kernel: Kernel | None, dtype: str, compile_path: Any) -> _core.Kernel:
    """Return the kernel of a neuron model, with the callbacks of `kernel`; compiled now, unless it ships."""
    kernel_type = neuron.kernel_type()
    callbacks = kernel.source if kernel else None
    if callbacks is None and kernel_type.source is None:
        return _core.Kernel.builtin(neuron.kernel_name, np.dtype(dtype).itemsize)
    return compile_kernel(kernel_type, callbacks, dtype, compile_path)


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
