"""Layers of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .connections import Dense, as_weights
from .errors import NoSuchParameterError, NotRunError
from .neurons import NeuronModel
from .spikes import SpikeArray


class Layer:
    """A connection and the neurons it feeds. Made by :meth:`SpikingNetwork.add_layer`.

    Attributes
    ----------
    neuron : NeuronModel
        The neuron model with its parameters.
    n_inputs, n_neurons : int
        Sizes.
    """

    def __init__(self, connection: Dense, neuron: NeuronModel, dtype: str, rng: np.random.Generator) -> None:
        self.neuron = neuron
        kernel, shared, per_neuron = neuron.kernel_settings()
        value_bytes = np.dtype(dtype).itemsize
        self._core = _core.Layer(connection.n_inputs, connection.n_neurons, value_bytes, kernel, shared, per_neuron)
        self._core.weights[...] = connection.initial_weights(dtype, rng)

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        return self._core.n_inputs

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self._core.n_neurons

    @property
    def weights(self) -> npt.NDArray[Any]:
        """Weights, shape (n_neurons, n_inputs), in the network's dtype: a view, so writing into it changes the layer.

        Do not write while another thread runs ``infer``.
        """
        return self._core.weights

    @weights.setter
    def weights(self, values: npt.ArrayLike) -> None:
        view = self._core.weights
        view[...] = as_weights(values, (self.n_neurons, self.n_inputs), view.dtype)

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
            raise NoSuchParameterError(f"{type(self.neuron).__name__} neurons have no {name}")
        return getattr(self.neuron, name)

    @property
    def post_spikes(self) -> SpikeArray | list[SpikeArray]:
        """What the layer fired in the last call of ``infer``: one array, or one per sample after a batch.

        Each access makes a new list; keep it when you loop over a large batch.
        """
        cores, batch = self._core.output()
        spikes = [SpikeArray._wrap(core) for core in cores]
        if batch:
            return spikes
        return spikes[0] if spikes else SpikeArray()

    @property
    def n_spikes(self) -> int | list[int]:
        """Number of spikes in :attr:`post_spikes`."""
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
        if self.neuron.spikes:
            raise NoSuchParameterError(f"{type(self.neuron).__name__} neurons keep no {name}; LI readouts do")
        values, batch = self._core.remembered(name)
        if batch:
            return values
        if not len(values):
            raise NotRunError(f"{name} is known after infer")
        first: npt.NDArray[np.float64] = values[0]
        return first

    def __repr__(self) -> str:
        return f"Layer(Dense({self.n_inputs}, {self.n_neurons}), {self.neuron!r})"
