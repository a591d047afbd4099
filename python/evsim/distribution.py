"""The part of a network that lies on one of several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, TypeVar

from ._lib.modules import only_public
from .errors import InvalidArgumentError, ShapeMismatchError, UnsupportedError
from .graph import NetworkGraph
from .neurons import NeuronModel
from .nodes import Population
from .ranks import Ranks

__all__ = ["Distribution"]

Method = TypeVar("Method", bound=Callable[..., Any])


class Distribution(NetworkGraph):
    """The part of :class:`SpikingNetwork` that shares its neurons among processes."""

    __slots__ = ()

    def distribute(self, comm: Any) -> Ranks:
        r"""Share the neurons among processes, each of which builds this network and makes the same calls.

        Parameters
        ----------
        comm : mpi4py communicator, or DryRun
            Such as ``mpi4py.MPI.COMM_WORLD``, of processes that all call this.

        Returns
        -------
        Ranks
            Also :attr:`ranks`.

        Raises
        ------
        InvalidArgumentError
            The network is not empty, or distributed already.
        UnsupportedError
            The network is on a GPU.
        DTypeError
            `comm` is no communicator.

        Notes
        -----
        Process r of s has the neurons from :math:`\lfloor n r / s \rfloor` up to :math:`\lfloor n (r + 1) / s
        \rfloor` of a population of n, and the synapses that lead to them. Spikes are exchanged once in each window of
        the smallest delay of a cycle, and once after each other population. Spikes, probes and everything drawn at
        random are the same for any number of processes, to the last bit, and known to all of them.

        On every process lie whole: populations of fewer neurons than there are processes, readouts, pooling, and
        layers with a convolution or a kernel. All processes draw from :mod:`evsim.random` what process 0 would.

        Examples
        --------
        On ``mpiexec -n 2 python -m mpi4py script.py`` with ``from mpi4py import MPI``, and here alone:

        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> ranks = net.distribute(evsim.DryRun(rank=1, size=2))  # MPI.COMM_WORLD
        >>> cells = net.add_population(1001, evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="cells")
        >>> synapses = evsim.Sparse.fixed_in_degree(1001, 1001, 100, seed=1, weights=0.1)
        >>> net.connect(cells, cells, synapses, delay=1.5).weights.shape, ranks.own(cells.n_neurons)
        ((50100,), range(500, 1001))
        """
        if self._ranks is not None:
            raise InvalidArgumentError("the network is distributed already")
        if self._nodes:
            raise InvalidArgumentError("distribute an empty network: call distribute before adding anything to it")
        if self.device != "cpu":
            raise UnsupportedError("networks on a GPU are not distributed; SpikingNetwork(device='cpu') is")
        ranks = comm if isinstance(comm, Ranks) else Ranks(comm)
        self._core.distribute(ranks._core)
        ranks._note(self.dtype, self._max_spikes_per_instant)
        ranks._share_random(self._rng)
        self._ranks = ranks
        return ranks

    @property
    def ranks(self) -> Ranks | None:
        """The processes that share the network; None where there is but one."""
        return self._ranks

    # While building

    def _own_of(self, n_neurons: int, neuron: NeuronModel, *, whole: bool = False) -> range | None:
        """Which of the neurons this process has; None: all of them."""
        ranks = self._ranks
        if ranks is None or ranks.size == 1 or whole or not neuron.spikes or n_neurons < ranks.size:
            return None
        return ranks.own(n_neurons)

    def _shared(self, population: Population, n_neurons: int, own: range | None) -> None:
        population._size, population._own = n_neurons, own

    def _note(self, *what: Any) -> None:
        """Take down what must be alike on all processes."""
        if self._ranks is not None:
            self._ranks._note(*what)

    # While running

    def _agreed(self, pieces: Iterable[float], until: float) -> Iterator[float]:
        """The ends of pieces, up to `until`, that all processes take."""
        if self._ranks is None or self._ranks.is_dry:
            yield from pieces
        else:
            yield from self._ranks._agreed(pieces, until)

    def _require_whole(self, what: str) -> None:
        if self._ranks is not None:
            raise UnsupportedError(f"{what}: a distributed network, of which each process has a part, is not kept")


def told(method: Method) -> Method:
    """Let the other processes hear of exceptions of a method that makes several calls."""

    @wraps(method)
    def telling(self: Any, *args: Any, **options: Any) -> Any:
        if self.ranks is None:
            return method(self, *args, **options)
        with self.ranks._telling():
            return method(self, *args, **options)

    return telling  # type: ignore[return-value]


def part_of_parameters(per_neuron: Sequence[list[float]], n_neurons: int, own: range) -> list[list[float]]:
    """Return the parameters of some of `n_neurons` neurons. Raises ShapeMismatchError where they are of others."""
    for values in per_neuron:
        if len(values) not in (1, n_neurons):
            raise ShapeMismatchError(f"a parameter is one value or one for each of {n_neurons}, got {len(values)}")
    return [values if len(values) == 1 else values[own.start : own.stop] for values in per_neuron]


__dir__ = only_public(__all__)
