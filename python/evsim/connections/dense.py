"""Every input to every neuron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_size
from ..initializers import ConstantInitializer, Initializer, UniformInitializer
from .base import Connection, as_weights, check_weights_or_initializer
from .parts import Part


@dataclass(frozen=True, eq=False)
class Dense(Connection):
    """Every input reaches every neuron.

    Parameters
    ----------
    n_inputs, n_neurons : int
        Sizes, >= 1.
    initializer : callable, optional
        Makes the first weights: ``initializer((n_neurons, n_inputs), rng)``. Default: uniform in [-1, 1).
    weights : array_like, shape (n_neurons, n_inputs), optional
        The first weights themselves, in place of an initialiser.

    Examples
    --------
    >>> import evsim
    >>> evsim.Dense(784, 10, evsim.initializers.NormalInitializer(0.1, 0.02))
    Dense(784, 10)
    """

    n_inputs: int
    n_neurons: int
    initializer: Initializer | None = None
    weights: npt.ArrayLike | None = None

    settings: ClassVar[tuple[str, ...]] = ("n_inputs", "n_neurons")
    takes_kernels: ClassVar[bool] = True
    on_gpu: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_inputs", as_size(self.n_inputs, "n_inputs"))
        object.__setattr__(self, "n_neurons", as_size(self.n_neurons, "n_neurons"))
        check_weights_or_initializer(self)

    @property
    def in_shape(self) -> None:
        """Its inputs are in no order."""

    @property
    def weight_shape(self) -> tuple[int, int]:
        """Shape of the weights."""
        return self.n_neurons, self.n_inputs

    def initial_weights(self, dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return the first weights, shape (n_neurons, n_inputs)."""
        shape = self.weight_shape
        if self.weights is not None:
            return as_weights(self.weights, shape, dtype)
        return as_weights((self.initializer or UniformInitializer())(shape, rng), shape, dtype)

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core to `population`, with weights of 0."""
        return dense(population, self.n_inputs, *rule, port)

    def delays_of_synapses(self, delays: npt.NDArray[np.float64], first: bool) -> npt.NDArray[np.float64] | None:
        """Return one delay for each synapse, those of an input in a row, or None where the shape is another."""
        if delays.shape != self.weight_shape:
            return None
        by_input: npt.NDArray[np.float64] = delays.T.ravel()
        return by_input

    def of_synapses(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of all synapses, shape (n_neurons, n_inputs)."""
        rows: npt.NDArray[Any] = values.reshape(self.n_inputs, self.n_neurons)
        by_neuron: npt.NDArray[Any] = rows.T
        return by_neuron

    def part(self, first: int, last: int, *, whole: bool = False) -> Part:
        """Return the synapses that lead to the neurons from `first` up to `last`."""

        def of_weights(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            rows: npt.NDArray[Any] = values[first:last]
            return rows

        def of_synapses(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return values.reshape(self.n_inputs, self.n_neurons)[:, first:last].ravel()

        own = replace(self, n_neurons=last - first, weights=None, initializer=ConstantInitializer())
        return Part(own, of_weights, of_synapses)

    def bare(self) -> Dense:
        """Return the connection without its first weights."""
        return replace(self, initializer=ConstantInitializer(), weights=None)

    def __repr__(self) -> str:
        return f"Dense({self.n_inputs}, {self.n_neurons})"
