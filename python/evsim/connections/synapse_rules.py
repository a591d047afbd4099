"""The constructors of sparse connections that draw synapses by a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_number, as_positive, as_size
from ..initializers import Initializer
from .base import Connection, as_pair
from .synapse_arguments import as_degree, as_profile, as_seed, as_switch

Sizes = tuple[int, int]
"""Numbers of inputs and of neurons."""
Grid = int | tuple[int, int]

Made = TypeVar("Made", bound="RuledConnection")


@dataclass(frozen=True)
class SynapseRule:
    """By which synapses are drawn, for any range of neurons: a function of the core, and its arguments."""

    name: str
    before: tuple[Any, ...]
    after: tuple[Any, ...] = ()
    n_synapses: int | None = None
    """Where the rule says how many there are."""

    def draw(self, first: int, last: int) -> _core.SynapseTable:
        """Draw the synapses of the neurons from `first`, number 0 of the table, to the one before `last`."""
        table: _core.SynapseTable = getattr(_core, self.name)(*self.before, (first, last), *self.after)
        return table

    def check(self) -> None:
        """Raise what is wrong with the arguments."""
        self.draw(0, 0)


class RuledConnection(Connection):
    """Base class of connections whose synapses may be drawn by a rule."""

    @classmethod
    def _of(
        cls: type[Made], sizes: Sizes, rule: SynapseRule, weights: Any, initializer: Initializer | None, inhibitory: Any
    ) -> Made:
        raise NotImplementedError

    @classmethod
    def fixed_in_degree(
        cls: type[Made],
        n_inputs: int,
        n_neurons: int,
        degree: int,
        *,
        autapses: bool = True,
        multapses: bool = True,
        seed: int | None = None,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Made:
        """Give every neuron `degree` synapses, from inputs that are equally probable.

        Parameters
        ----------
        n_inputs, n_neurons : int
        degree : int
            Without multapses at most as many as there are inputs to choose from.
        autapses : bool
            Whether a neuron may have a synapse from the input of its own index.
        multapses : bool
            Whether it may have several from one input. Without, every set of `degree` inputs is equally probable.
        seed : int, optional
            0 to 2**64 - 1.
        weights, initializer, inhibitory
            As of :class:`Sparse`; an array of weights in the order of `sources` and `targets`.

        Raises
        ------
        InvalidArgumentError, DTypeError, NonFiniteError, ShapeMismatchError, MemoryLimitError
            As :class:`Sparse`.

        Notes
        -----
        Inputs are drawn as whole numbers without bias (Lemire 2019, "Fast random integer generation in an interval",
        ACM TOMACS 29(1)); sets of them by Floyd's algorithm (Bentley & Floyd 1987, "A sample of brilliance",
        Communications of the ACM 30(9)). Costs one draw for each synapse.

        Examples
        --------
        >>> import evsim
        >>> import numpy as np
        >>> connection = evsim.Sparse.fixed_in_degree(100, 5, 20, multapses=False, seed=1)
        >>> np.bincount(connection.targets)
        array([20, 20, 20, 20, 20])
        """
        sizes = as_size(n_inputs, "n_inputs"), as_size(n_neurons, "n_neurons")
        choice = as_degree(degree), as_switch(autapses, "autapses"), as_switch(multapses, "multapses")
        rule = SynapseRule("fixed_in_degree", (sizes,), (*choice, as_seed(seed)), sizes[1] * choice[0])
        return cls._of(sizes, rule, weights, initializer, inhibitory)

    @classmethod
    def fixed_out_degree(
        cls: type[Made],
        n_inputs: int,
        n_neurons: int,
        degree: int,
        *,
        autapses: bool = True,
        multapses: bool = True,
        seed: int | None = None,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Made:
        """Give every input `degree` synapses, to neurons that are equally probable.

        All else is as for :meth:`fixed_in_degree`, with inputs and neurons exchanged.

        Examples
        --------
        >>> import evsim
        >>> import numpy as np
        >>> np.bincount(evsim.Sparse.fixed_out_degree(5, 100, 20, seed=1).sources)
        array([20, 20, 20, 20, 20])
        """
        sizes = as_size(n_inputs, "n_inputs"), as_size(n_neurons, "n_neurons")
        choice = as_degree(degree), as_switch(autapses, "autapses"), as_switch(multapses, "multapses")
        rule = SynapseRule("fixed_out_degree", (sizes,), (*choice, as_seed(seed)), sizes[0] * choice[0])
        return cls._of(sizes, rule, weights, initializer, inhibitory)

    @classmethod
    def random(
        cls: type[Made],
        n_inputs: int,
        n_neurons: int,
        probability: float,
        *,
        autapses: bool = True,
        seed: int | None = None,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Made:
        r"""Give each pair of input and neuron a synapse with the same probability, independently.

        Parameters
        ----------
        n_inputs, n_neurons : int
        probability : float
            From 0 to 1.
        autapses, seed, weights, initializer, inhibitory
            As for :meth:`fixed_in_degree`.

        Raises
        ------
        InvalidArgumentError, DTypeError, NonFiniteError, ShapeMismatchError, MemoryLimitError
            As :class:`Sparse`.

        Notes
        -----
        Between one synapse of a neuron and its next, :math:`\lfloor \ln u / \ln(1 - p) \rfloor` inputs are left out,
        a geometric number, with `u` uniform in (0, 1] (Devroye 1986,
        "Non-uniform random variate generation", X.2). Costs one draw for each synapse and neuron, not for each pair.

        Examples
        --------
        >>> import evsim
        >>> evsim.Sparse.random(10, 10, 1.0, autapses=False, seed=1)
        Sparse(10, 10, 90 synapses)
        """
        sizes = as_size(n_inputs, "n_inputs"), as_size(n_neurons, "n_neurons")
        choice = as_number(probability, "probability"), as_switch(autapses, "autapses")
        rule = SynapseRule("random_pairs", (sizes,), (*choice, as_seed(seed)))
        return cls._of(sizes, rule, weights, initializer, inhibitory)

    @classmethod
    def one_to_one(
        cls: type[Made],
        n: int,
        *,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Made:
        """Connect each of `n` inputs to the neuron of the same index.

        Examples
        --------
        >>> import evsim
        >>> evsim.Sparse.one_to_one(3, weights=1.0).targets
        array([0, 1, 2], dtype=int32)
        """
        size = as_size(n, "n")
        return cls._of(
            (size, size), SynapseRule("one_to_one", ((size, size),), (), size), weights, initializer, inhibitory
        )

    @classmethod
    def by_distance(
        cls: type[Made],
        in_shape: Grid,
        out_shape: Grid,
        probability: float,
        sigma: float,
        profile: Literal["gaussian", "exponential", "step"] = "gaussian",
        periodic: bool = True,
        *,
        autapses: bool = True,
        seed: int | None = None,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Made:
        r"""Give near pairs of input and neuron a synapse more often than far ones, independently.

        Inputs and neurons lie in the unit square, each grid in the middles of equal cells: number
        ``row * columns + column`` at ``((row + 0.5) / rows, (column + 0.5) / columns)``.

        Parameters
        ----------
        in_shape, out_shape : int or (int, int)
            Rows and columns of inputs and of neurons.
        probability : float
            :math:`p_0`, of a pair at distance 0; from 0 to 1.
        sigma : float
            :math:`\sigma`, in lengths of the square's side; > 0.
        profile : {"gaussian", "exponential", "step"}
            Probability at distance `d`: :math:`p_0 e^{-d^2 / (2 \sigma^2)}`, :math:`p_0 e^{-d / \sigma}`, or
            :math:`p_0` up to :math:`d = \sigma` and 0 beyond.
        periodic : bool
            Whether opposite edges of the square meet, so that no neuron lies at a border.
        autapses, seed, weights, initializer, inhibitory
            As for :meth:`fixed_in_degree`.

        Raises
        ------
        InvalidArgumentError, DTypeError, NonFiniteError, ShapeMismatchError, MemoryLimitError
            As :class:`Sparse`.

        Notes
        -----
        The profiles are those of Senk et al. 2022. Costs, for each neuron, a draw for each row of inputs and two for
        each synapse that there would be if all inputs were as near as the nearest of their row.

        Examples
        --------
        Each neuron is reached by the inputs of its own cell and of the four beside it:

        >>> import evsim
        >>> evsim.Sparse.by_distance((10, 10), (10, 10), 1.0, 0.1, "step", seed=1)
        Sparse(100, 100, 500 synapses)
        """
        grids = as_pair(in_shape, "in_shape", 1), as_pair(out_shape, "out_shape", 1)
        (rows, columns), (out_rows, out_columns) = grids
        sizes = as_size(rows * columns, "inputs in in_shape"), as_size(out_rows * out_columns, "neurons in out_shape")
        choice = (
            as_profile(profile),
            as_number(probability, "probability"),
            as_positive(sigma, "sigma"),
            as_switch(periodic, "periodic"),
            as_switch(autapses, "autapses"),
            as_seed(seed),
        )
        return cls._of(sizes, SynapseRule("by_distance", grids, choice), weights, initializer, inhibitory)
