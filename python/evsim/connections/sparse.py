"""Synapses one by one: from lists, from matrices, or drawn by a rule."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_array, as_size
from .._lib.optional import require
from ..errors import DTypeError, FileFormatError, ShapeMismatchError
from ..initializers import ConstantInitializer, Initializer, UniformInitializer
from .base import as_weights, check_weights_or_initializer
from .parts import Part
from .synapse_arguments import as_ends, as_inhibitory, as_synapse_weights
from .synapse_rules import Ends, RuledConnection, Sizes, SynapseRule


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Sparse(RuledConnection):
    r"""Synapses one by one: number k goes from input ``sources[k]`` to neuron ``targets[k]``.

    Besides from lists, it is made from a matrix (:meth:`from_matrix`) and by rules, which draw the synapses:
    :meth:`fixed_in_degree`, :meth:`fixed_out_degree`, :meth:`random`, :meth:`one_to_one` and :meth:`by_distance`.

    Parameters
    ----------
    n_inputs, n_neurons : int
        Sizes, >= 1.
    sources, targets : array_like of int, shape (n_synapses,)
        Where each synapse begins, 0 to n_inputs - 1, and ends, 0 to n_neurons - 1. In any order; several synapses
        from one input to one neuron are several synapses.
    weights : number or array_like, shape (n_synapses,), optional
        The first weights, in the order of `sources` and `targets`.
    initializer : callable, optional
        Makes the first weights, in place of `weights`: ``initializer((n_synapses,), rng)``. Default: uniform in
        [-1, 1).
    inhibitory : float or array_like of bool, shape (n_inputs,), optional
        Dale's law: which inputs inhibit. The first weights of their synapses become :math:`-|w|`, all others
        :math:`|w|`. A number is the fraction of inputs, from 0 to 1 and to the nearest input, that inhibit: the last
        ones.

    Attributes
    ----------
    sources, targets : ndarray of int32, shape (n_synapses,)
        Sorted by source, then target; equals in the order given. Read-only.
    weights : float, ndarray of shape (n_synapses,) or None
        In this order, with their signs.

    Raises
    ------
    InvalidArgumentError
        A size, seed, degree, probability or fraction outside its domain, or weights and an initialiser.
    IndexOutOfRangeError
        A source or target that does not exist.
    ShapeMismatchError
        Arrays whose lengths do not fit together.
    DTypeError, NonFiniteError
        Indices that are no whole numbers; weights that are no finite numbers.
    MemoryLimitError
        More synapses than this machine's memory can hold.

    Notes
    -----
    Synapses of a rule are drawn when they are first asked for: a network that :meth:`~SpikingNetwork.distribute` shares
    among processes draws only those of its own neurons. Rules draw each neuron's synapses (:meth:`fixed_out_degree`:
    each input's) from the words of ``numpy.random.Philox``, a counter-based generator, at a counter of its own: they
    depend on `seed` and the rule's arguments, and not on the machine or on who draws them. Two connections with the
    same rule, sizes and seed have the same synapses. By default the seed is drawn from :mod:`evsim.random`. The rules
    are those of Senk et al. 2022, "Connectivity concepts in neuronal network modeling", PLoS Computational Biology
    18(9). An autapse is a synapse from an input to the neuron of the same index, which is itself where a population
    feeds itself; multapses are several synapses from one input to one neuron.

    Values per synapse that are given later, such as delays, go in the order in which the synapses were given, or,
    where a rule or a matrix made them, in the order of `sources` and `targets`.

    Examples
    --------
    >>> import evsim
    >>> evsim.Sparse(3, 2, sources=[2, 0, 0], targets=[0, 1, 0], weights=[0.5, 1.0, 2.0]).weights
    array([2. , 1. , 0.5])
    >>> evsim.Sparse.fixed_in_degree(4000, 5000, 400, seed=1, weights=0.1, inhibitory=0.2)
    Sparse(4000, 5000, 2000000 synapses)
    """

    n_inputs: int
    n_neurons: int
    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    weights: float | npt.NDArray[Any] | None
    initializer: Initializer | None
    inhibitory: npt.NDArray[np.bool_] | None
    _order: npt.NDArray[np.int64] | None
    _rule: SynapseRule | None
    _first: int

    settings: ClassVar[tuple[str, ...]] = ("n_inputs", "n_neurons")
    array_names: ClassVar[tuple[str, ...]] = ("sources", "targets")
    weight_names: ClassVar[str] = "(n_synapses,)"
    takes_kernels: ClassVar[bool] = True

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        sources: npt.ArrayLike,
        targets: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        *,
        inhibitory: npt.ArrayLike | None = None,
    ) -> None:
        sizes = as_size(n_inputs, "n_inputs"), as_size(n_neurons, "n_neurons")
        ends = as_ends(sources, "sources", sizes[0], "inputs"), as_ends(targets, "targets", sizes[1], "neurons")
        if len(ends[0]) != len(ends[1]):
            raise ShapeMismatchError(f"a synapse has one source and one target, got {len(ends[0])} and {len(ends[1])}")
        first = as_synapse_weights(weights, len(ends[0]), self.weight_names)
        inhibits = as_inhibitory(inhibitory, sizes[0])
        order = _core.synapse_order(*ends, sizes)
        sorted_sources, sorted_targets = (_sorted(part, order) for part in ends)
        if isinstance(first, np.ndarray):
            first = _sorted(first, order)
        if first is not None and inhibits is not None:
            first = _signed(first, inhibits[sorted_sources])
        self.__setstate__(
            {
                "n_inputs": sizes[0],
                "n_neurons": sizes[1],
                "sources": sorted_sources,
                "targets": sorted_targets,
                "weights": first,
                "initializer": initializer,
                "inhibitory": inhibits,
                "_order": order,
                "_rule": None,
                "_first": 0,
            }
        )
        check_weights_or_initializer(self)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        *,
        weights: npt.ArrayLike | None = None,
        initializer: Initializer | None = None,
        inhibitory: npt.ArrayLike | None = None,
    ) -> Sparse:
        """Make a synapse for every entry of a matrix.

        Parameters
        ----------
        matrix : SciPy sparse array or matrix, or array_like, of shape (n_neurons, n_inputs)
            As the weights of :class:`Dense`: row by neuron, column by input. Every stored entry of a sparse one is a
            synapse, also a 0, and entries of one place are several; of an array, all entries but 0. The entries are
            the first weights, unless they are booleans, or weights or an initialiser are given.
        weights, initializer, inhibitory
            As of :class:`Sparse`; an array of weights in the order of `sources` and `targets`.

        Raises
        ------
        ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError
            It has not two dimensions of at least 1, or entries that are no finite numbers.

        Examples
        --------
        >>> import evsim
        >>> evsim.Sparse.from_matrix([[0.5, 0.0, 0.0], [0.0, 0.0, -1.0]])
        Sparse(3, 2, 2 synapses)
        """
        found: Any
        if callable(getattr(matrix, "tocoo", None)):
            found = matrix
            _check_matrix(found)
            coo = matrix.tocoo()
            targets, sources, entries = coo.row, coo.col, np.asarray(coo.data)
        else:
            found = as_array(matrix, "matrix", "an array of shape (n_neurons, n_inputs)")
            _check_matrix(found)
            targets, sources = np.nonzero(found)
            entries = found[targets, sources]
        sizes = as_size(found.shape[1], "n_inputs"), as_size(found.shape[0], "n_neurons")
        ends = as_ends(sources, "sources", sizes[0], "inputs"), as_ends(targets, "targets", sizes[1], "neurons")
        order = _core.synapse_order(*ends, sizes)
        if weights is None and initializer is None and entries.dtype.kind != "b":
            weights = _sorted(entries, order)
        ends = _sorted(ends[0], order), _sorted(ends[1], order)
        return cls(*sizes, *ends, weights, initializer, inhibitory=inhibitory)

    @classmethod
    def _of(
        cls, sizes: Sizes, rule: SynapseRule, weights: Any, initializer: Initializer | None, inhibitory: Any
    ) -> Sparse:
        """Return what a rule is going to draw; at once where there is a weight for each synapse."""
        rule.ends(0, 0)  # raises what is wrong with its arguments
        if weights is not None and as_array(weights, "weights", cls.weight_names).ndim > 0:
            return cls(*sizes, *_drawn(sizes, rule, 0, sizes[1]), weights, initializer, inhibitory=inhibitory)
        made = cls.__new__(cls)
        weight, inhibits = as_synapse_weights(weights, 0, cls.weight_names), as_inhibitory(inhibitory, sizes[0])
        made.__setstate__(
            {
                "n_inputs": sizes[0],
                "n_neurons": sizes[1],
                "initializer": initializer,
                "inhibitory": inhibits,
                "_weight": weight,
                "_order": None,
                "_rule": rule,
                "_first": 0,
            }
        )
        if weight is None or inhibits is None:
            made.__setstate__({"weights": weight})
        check_weights_or_initializer(made)
        return made

    def __getattr__(self, name: str) -> Any:
        if name not in ("sources", "targets", "weights") or self.__dict__.get("_rule") is None:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        if "sources" not in self.__dict__:
            sizes = self.n_inputs, self.n_neurons
            sources, targets = _drawn(sizes, self.__dict__["_rule"], 0, sizes[1])
            self.__setstate__({"sources": sources, "targets": targets})
        if name == "weights":
            self.__setstate__({"weights": _signed(self.__dict__["_weight"], self.inhibitory[self.sources])})  # type: ignore[index]
        return self.__dict__[name]

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        told = None if self._rule is None else self._rule.n_synapses
        return len(self.sources) if told is None else told

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """Positions, among the synapses as they were given, of those in `sources` and `targets`. Read-only."""
        order = np.arange(self.n_synapses) if self._order is None else self._order
        order.flags.writeable = False
        return order

    @property
    def in_shape(self) -> None:
        """Its inputs are in no order."""

    @property
    def weight_shape(self) -> tuple[int]:
        """Shape of the weights."""
        return (self.n_synapses,)

    def sorted_like_synapses(self, values: npt.ArrayLike, name: str = "values") -> npt.NDArray[Any]:
        """Return values for each synapse, in the order in which these were given, in the order of `sources`.

        Raises
        ------
        ShapeMismatchError
            Not one value for each synapse.

        Examples
        --------
        >>> import evsim
        >>> evsim.Sparse(3, 1, [2, 0, 1], [0, 0, 0]).sorted_like_synapses([20, 0, 10])
        array([ 0, 10, 20])
        """
        array = as_array(values, name, f"an array of shape {self.weight_shape}")
        if array.shape != self.weight_shape:
            raise ShapeMismatchError(f"{name} must have shape (n_synapses,) = {self.weight_shape}, got {array.shape}")
        return _sorted(array, self._order)

    def to_matrix(self, values: npt.ArrayLike | None = None) -> Any:
        """Return a ``scipy.sparse.coo_array`` of shape (n_neurons, n_inputs) with an entry for each synapse.

        Parameters
        ----------
        values : array_like, shape (n_synapses,), optional
            Entries, such as a layer's weights, in the order of `sources` and `targets`. Default: ones.

        Raises
        ------
        MissingDependencyError
            Without SciPy.
        ShapeMismatchError, DTypeError
            Not one number for each synapse.

        Examples
        --------
        >>> import evsim
        >>> evsim.Sparse(3, 2, [2, 0], [0, 1]).to_matrix([0.5, 2.0]).toarray()
        array([[0. , 0. , 2. ],
               [0.5, 0. , 0. ]])
        """
        sparse = require("scipy.sparse", "SciPy", "sparse", "Sparse.to_matrix")
        entries = np.ones(self.n_synapses) if values is None else as_array(values, "values")
        if entries.shape != self.weight_shape:
            raise ShapeMismatchError(f"values must have shape {self.weight_shape}, got {entries.shape}")
        if entries.dtype.kind not in "iuf":
            raise DTypeError(f"values must be real numbers, got dtype {entries.dtype}")
        return sparse.coo_array((entries, (self.targets, self.sources)), (self.n_neurons, self.n_inputs), copy=True)

    def initial_weights(self, dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return the first weights, shape (n_synapses,), in the order of `sources` and `targets`."""
        shape = self.weight_shape
        if self.weights is not None:
            return as_weights(np.broadcast_to(self.weights, shape), shape, dtype, self.weight_names)
        if self.n_synapses == 0:  # which initialisers take for a mistake
            return np.empty(0, dtype)
        drawn = as_weights((self.initializer or UniformInitializer())(shape, rng), shape, dtype, self.weight_names)
        return drawn if self.inhibitory is None else _signed(drawn, self.inhibitory[self.sources])

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core to `population`, with weights of 0."""
        project: Any = _core.Projection.sparse
        targets = self.targets - np.int32(self._first) if self._first else self.targets
        return project(population, self.n_inputs, self.sources, targets, *rule, port)

    def part(self, first: int, last: int, *, whole: bool = False) -> Part:
        """Return the synapses that lead to the neurons from `first` up to `last`.

        Of a rule whose weights are one number only they are drawn, unless values of the `whole` are to choose from.
        """
        sizes, weight = (self.n_inputs, self.n_neurons), self.__dict__.get("_weight")
        if "sources" not in self.__dict__ and weight is not None and not whole:
            ends = _drawn(sizes, self.__dict__["_rule"], first, last)
            own = type(self)(*sizes, *ends, weight, inhibitory=self.inhibitory)
            own.__setstate__({"_first": first})
            return Part(own, None, None)
        chosen = (self.targets >= first) & (self.targets < last)
        own = type(self)(*sizes, self.sources[chosen], self.targets[chosen], 0.0)
        own.__setstate__({"_first": first, "weights": None, "inhibitory": self.inhibitory})

        def of_synapses(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            of_own: npt.NDArray[Any] = values[chosen]
            return of_own

        return Part(own, of_synapses, of_synapses)

    def signature(self) -> str:
        """Return what must be alike where several processes make it."""
        return f"Sparse({self.n_inputs}, {self.n_neurons}, {self._rule!r})"

    def delays_of_synapses(self, delays: npt.NDArray[np.float64], first: bool) -> npt.NDArray[np.float64] | None:
        """Return one delay for each synapse, or None where the shape is another."""
        if delays.shape != self.weight_shape:
            return None
        return self.sorted_like_synapses(delays, "delays") if first else delays

    def of_synapses(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of all synapses, shape (n_synapses,)."""
        return values

    def bare(self) -> Sparse:
        """Return the connection without its first weights."""
        bare = copy.copy(self)
        bare.__setstate__({"weights": None, "initializer": ConstantInitializer(), "inhibitory": None})
        return bare

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays to make it of, besides its description."""
        return {"sources": self.sources, "targets": self.targets}

    @classmethod
    def from_description(
        cls, values: Mapping[str, Any], weights: npt.NDArray[Any] | None, named: Callable[[str], Any]
    ) -> Sparse:
        """Return what :meth:`to_description` and :meth:`arrays`, both in `values`, described."""
        made = cls(values["n_inputs"], values["n_neurons"], values["sources"], values["targets"], weights)
        if made._order is not None:
            raise FileFormatError("the synapses of a sparse connection must be sorted by source and target")
        return made

    def __repr__(self) -> str:
        return f"Sparse({self.n_inputs}, {self.n_neurons}, {self.n_synapses} synapses)"


def _drawn(sizes: Sizes, rule: SynapseRule, first: int, last: int) -> Ends:
    """Sources and targets that a rule draws, sorted."""
    ends = rule.ends(first, last)
    order = _core.synapse_order(*ends, sizes)
    return _sorted(ends[0], order), _sorted(ends[1], order)


def _sorted(values: npt.NDArray[Any], order: npt.NDArray[np.int64] | None) -> npt.NDArray[Any]:
    """Return a copy of values, one for each synapse, in this order; None: in the order that they have."""
    return values.copy() if order is None else values[order]


def _signed(weights: float | npt.NDArray[Any], inhibits: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    """Return weights below 0 where a synapse inhibits, and above where it does not."""
    size = np.abs(weights)
    return np.where(inhibits, 0 - size, size)


def _check_matrix(matrix: Any) -> None:
    if len(matrix.shape) != 2:
        raise ShapeMismatchError(f"the matrix must have the shape (n_neurons, n_inputs), got {matrix.shape}")
    if matrix.dtype.kind not in "biuf":
        raise DTypeError(f"the matrix must hold real numbers or booleans, got dtype {matrix.dtype}")
