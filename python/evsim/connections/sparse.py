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
from ..errors import DTypeError, FileFormatError, NoSuchParameterError, ShapeMismatchError
from ..initializers import ConstantInitializer, Initializer, UniformInitializer
from .base import as_weights, check_weights_or_initializer
from .parts import Part
from .synapse_arguments import as_ends, as_inhibitory, as_synapse_weights, entries_of
from .synapse_rules import RuledConnection, Sizes, SynapseRule
from .synapse_values import of_synapses, read_only, signed, sorted_by


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
        Sorted by source, then target; equals in the order given. Read-only. Targets are those that networks go by, and
        sources are made of what networks keep for each input, whenever they are asked for.
    weights : float, ndarray of shape (n_synapses,) or None
        In this order, with their signs. Read-only.

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

    All networks that are made with a connection share its synapses, 4 bytes each. Those that were given in another
    order than they have here keep that order too, in 4 bytes, and arrays of weights take their own room. Networks do
    not keep either: :attr:`Projection.connection` is then a copy without them, which says so when it is asked.

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
    initializer: Initializer | None
    inhibitory: npt.NDArray[np.bool_] | None
    _given: float | npt.NDArray[Any] | None
    _table: _core.SynapseTable | None
    _rule: SynapseRule | None
    _order: npt.NDArray[Any] | None
    _first: int
    _let_go: tuple[str, ...]

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
        given = as_synapse_weights(weights, len(ends[0]), self.weight_names)
        inhibits = as_inhibitory(inhibitory, sizes[0])
        table, order = _core.SynapseTable.sorted(*ends, sizes)
        if isinstance(given, np.ndarray) and order is not None:
            given = sorted_by(given, order)
        self._begin(sizes, table, given, initializer, inhibits, order=order)

    def _begin(
        self,
        sizes: Sizes,
        table: _core.SynapseTable | None,
        given: float | npt.NDArray[Any] | None,
        initializer: Initializer | None,
        inhibits: npt.NDArray[np.bool_] | None,
        *,
        rule: SynapseRule | None = None,
        order: npt.NDArray[Any] | None = None,
        first: int = 0,
        let_go: tuple[str, ...] = (),
    ) -> None:
        if isinstance(given, np.ndarray) and inhibits is not None and table is not None:
            given = signed(given, of_synapses(inhibits, table.firsts))
        self.__setstate__(
            {
                "n_inputs": sizes[0],
                "n_neurons": sizes[1],
                "initializer": initializer,
                "inhibitory": inhibits,
                "_given": given,
                "_table": table,
                "_rule": rule,
                "_order": order,
                "_first": first,
                "_let_go": let_go,
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
        shape, targets, sources, entries = entries_of(matrix)
        sizes = as_size(shape[1], "n_inputs"), as_size(shape[0], "n_neurons")
        ends = as_ends(sources, "sources", sizes[0], "inputs"), as_ends(targets, "targets", sizes[1], "neurons")
        table, order = _core.SynapseTable.sorted(*ends, sizes)
        if weights is None and initializer is None and entries.dtype.kind != "b":
            weights = sorted_by(entries, order)
        given = as_synapse_weights(weights, table.n_synapses, cls.weight_names)
        made = cls.__new__(cls)
        made._begin(sizes, table, given, initializer, as_inhibitory(inhibitory, sizes[0]))
        return made

    @classmethod
    def _of(
        cls, sizes: Sizes, rule: SynapseRule, weights: Any, initializer: Initializer | None, inhibitory: Any
    ) -> Sparse:
        """Return what a rule is going to draw; at once where there is a weight for each synapse."""
        rule.check()
        table = None
        if weights is not None and as_array(weights, "weights", cls.weight_names).ndim > 0:
            table = rule.draw(0, sizes[1])
        given = as_synapse_weights(weights, table.n_synapses if table else 0, cls.weight_names)
        made = cls.__new__(cls)
        made._begin(sizes, table, given, initializer, as_inhibitory(inhibitory, sizes[0]), rule=rule)
        return made

    def _synapses(self) -> _core.SynapseTable:
        if self._table is None and self._rule is not None:
            self.__setstate__({"_table": self._rule.draw(0, self.n_neurons)})
        assert self._table is not None
        return self._table

    @property
    def sources(self) -> npt.NDArray[np.int32]:
        """Input of each synapse: see the class."""
        return read_only(self._synapses().sources())

    @property
    def targets(self) -> npt.NDArray[np.int32]:
        """Neuron of each synapse: see the class."""
        own = self._synapses().targets
        return read_only(own + np.int32(self._first)) if self._first else own

    @property
    def weights(self) -> float | npt.NDArray[Any] | None:
        """First weights, as they were given: see the class."""
        self._require("weights")
        given = self._given
        if given is None or isinstance(given, np.ndarray) or self.inhibitory is None:
            return given
        return read_only(of_synapses(signed(given, self.inhibitory), self._synapses().firsts))

    def _require(self, name: str) -> None:
        """Raise where this is what a network has kept, and that is not among it."""
        if name in self._let_go:
            raise NoSuchParameterError(
                f"a network does not keep the {name} of the connection that it was made with, as they were given; ask "
                "that connection, or the projection for the weights as they are now"
            )

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        told = None if self._rule is None else self._rule.n_synapses
        return self._synapses().n_synapses if told is None else told

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """Positions, among the synapses as they were given, of those in `sources` and `targets`. Read-only."""
        self._require("order")
        return read_only(np.arange(self.n_synapses) if self._order is None else self._order.astype(np.int64))

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
        self._require("order")
        return sorted_by(array, self._order)

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
        """Return the first weights, shape (n_synapses,), in the order of `sources` and `targets`; not to be written."""
        self._require("weights")
        shape, given, inhibits = self.weight_shape, self._given, self.inhibitory
        if isinstance(given, np.ndarray):
            return given if given.dtype == dtype else as_weights(given, shape, dtype, self.weight_names)
        if given is not None and inhibits is None:
            return np.broadcast_to(as_weights(given, (), dtype), shape)
        if given is not None and inhibits is not None:
            by_input = as_weights(signed(given, inhibits), inhibits.shape, dtype)
            return of_synapses(by_input, self._synapses().firsts)
        if self.n_synapses == 0:  # which initialisers take for a mistake
            return np.empty(0, dtype)
        drawn = as_weights((self.initializer or UniformInitializer())(shape, rng), shape, dtype, self.weight_names)
        return drawn if inhibits is None else signed(drawn, of_synapses(inhibits, self._synapses().firsts))

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core to `population`, with weights of 0."""
        project: Any = _core.Projection.sparse
        return project(population, self._synapses(), *rule, port)

    def part(self, first: int, last: int, *, whole: bool = False) -> Part:
        """Return the synapses that lead to the neurons from `first` up to `last`.

        Of a rule whose weights are one number only they are drawn, unless values of the `whole` are to choose from.
        """
        sizes, own = (self.n_inputs, self.n_neurons), type(self).__new__(type(self))
        if self._rule is not None and self._table is None and self._given is not None and not whole:
            own._begin(sizes, self._rule.draw(first, last), self._given, None, self.inhibitory, first=first)
            return Part(own, None, None)
        table = self._synapses()
        chosen = (table.targets >= first) & (table.targets < last)
        ends = table.sources()[chosen], table.targets[chosen] - np.int32(first)
        table, _ = _core.SynapseTable.sorted(*ends, (self.n_inputs, last - first))
        own._begin(sizes, table, self._given, self.initializer, None, first=first, order=self._order)
        own = own.kept()
        own.__setstate__({"inhibitory": self.inhibitory})

        def of_own(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            chosen_values: npt.NDArray[Any] = values[chosen]
            return chosen_values

        return Part(own, of_own, of_own)

    def kept(self) -> Sparse:
        """Return what a network keeps of it: its synapses, and not what the network has in another form."""
        let_go = [*self._let_go]
        if isinstance(self._given, np.ndarray):
            let_go.append("weights")
        if self._order is not None:
            let_go.append("order")
        if len(let_go) == len(self._let_go):
            return self
        kept = copy.copy(self)
        kept.__setstate__({"_given": None, "_order": None, "_let_go": tuple(let_go)})
        return kept

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
        bare, let_go = copy.copy(self), tuple(name for name in self._let_go if name != "weights")
        bare.__setstate__({"_given": None, "initializer": ConstantInitializer(), "inhibitory": None, "_let_go": let_go})
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
