"""Processes that share a network: who has which neurons, and how they exchange spikes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core, random
from ._lib.arrays import as_integer
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError

__all__ = ["DryRun", "Ranks"]

Bytes = npt.NDArray[np.uint8]

_LEAST, _MOST = (256, 1024, 2**16), (256, 2**16, 2**20)
"""Room for the message of a rank where steps are short and where they are long: at least, usually, and of all ranks."""


@dataclass(frozen=True)
class DryRun:
    """One of many processes, without the others: see :func:`dry_run`.

    Parameters
    ----------
    rank : int
        Which one, from 0 on.
    size : int
        How many there are.

    Raises
    ------
    InvalidArgumentError
        There is no such rank.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> net.distribute(evsim.DryRun(rank=3, size=1000))
    Ranks(rank=3, size=1000, dry run)
    """

    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        rank, size = as_integer(self.rank, "rank"), as_integer(self.size, "size")
        if not 0 <= rank < size <= 2**30:
            raise InvalidArgumentError(f"rank must be from 0 to below size, got rank {rank} of {size}")


class Ranks:
    """The processes that share a network. Made by :meth:`SpikingNetwork.distribute`."""

    __slots__ = ("_core", "_is_dry", "_others_wait", "_rank", "_size")

    def __init__(self, comm: Any) -> None:
        self._is_dry = isinstance(comm, DryRun)
        self._others_wait = False
        if isinstance(comm, DryRun):
            self._rank, self._size = comm.rank, comm.size
            self._core = _core.Ranks.dry(comm.rank, comm.size)
            return
        if not all(hasattr(comm, name) for name in ("Get_rank", "Get_size", "Allgather", "Allgatherv")):
            raise DTypeError(
                f"comm must be a communicator such as mpi4py.MPI.COMM_WORLD, or a DryRun, got {comm!r}; "
                "pip install 'evsim[mpi]' brings mpi4py"
            )
        self._rank, self._size = int(comm.Get_rank()), int(comm.Get_size())
        least, most = (max(few, min(usual, of_all // self._size)) for few, usual, of_all in (_LEAST, _MOST))
        self._core = _core.Ranks(
            self._rank, self._size, least, most, partial(_step, comm, self._size), partial(_gather_long, comm)
        )

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self._rank

    @property
    def size(self) -> int:
        """How many there are."""
        return self._size

    @property
    def is_dry(self) -> bool:
        """Whether the others are not there: see :class:`DryRun`."""
        return self._is_dry

    @property
    def n_exchanges(self) -> int:
        """How often messages have been exchanged so far: spikes, and twice in a call whether all is well."""
        return int(self._core.exchanges)

    @property
    def bytes_sent(self) -> int:
        """What this process has sent in them to each other."""
        return int(self._core.bytes_sent)

    def own(self, n_neurons: int, rank: int | None = None) -> range:
        """Return which of `n_neurons` that the processes share belong to one of them; by default to this one."""
        first, last = self._core.range(n_neurons, self._rank if rank is None else rank)
        return range(first, last)

    def gather(self, message: bytes) -> list[bytes]:
        """Return the messages of all processes, which must all call it."""
        return list(self._core.gather(message))

    def _fail(self, error: BaseException) -> None:
        """Tell the others, who wait at the beginning of a call, that this process does not come."""
        self._core.fail(f"{type(error).__name__}: {error}")

    def _note(self, *what: Any) -> None:
        """Take down what has been built, which must be alike on all processes."""
        for one in what:
            self._core.note(one.tobytes() if isinstance(one, np.ndarray) else repr(one).encode())

    def _share_random(self, own: np.random.Generator | None) -> None:
        """Let all processes draw the same from :mod:`evsim.random`, as process 0 would; note that `own` is alike."""
        shared = random.generator().bit_generator
        shared.state = json.loads(self.gather(json.dumps(shared.state).encode())[0])
        self._note(None if own is None else own.bit_generator.state)

    def _agreed(self, pieces: Iterable[float], until: float) -> Iterator[float]:
        """Yield the ends of pieces, up to `until`, that process 0 takes, whose clock says how long they are."""
        for piece in pieces if self._rank == 0 else repeat(0.0):
            end = float(np.frombuffer(self.gather(np.float64(piece).tobytes())[0])[0])
            yield end
            if end >= until:
                self._others_wait = False
                return

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell the others, who wait until the end of :meth:`_agreed`, of an exception that they have not heard of."""
        heard, self._others_wait = self._core.failures, True
        try:
            yield
        except BaseException as error:
            if self._others_wait and self._core.failures == heard:
                self._fail(error)
            raise
        finally:
            self._others_wait = False

    def __repr__(self) -> str:
        return f"Ranks(rank={self.rank}, size={self.size}{', dry run' if self.is_dry else ''})"


def _step(comm: Any, size: int, room: int) -> tuple[Bytes, Bytes, partial[Any]]:
    """An array to send, one for those of all, and what exchanges them."""
    outgoing, incoming = np.zeros(room, np.uint8), np.zeros(room * size, np.uint8)
    return outgoing, incoming, partial(comm.Allgather, outgoing, incoming)


def _gather_long(comm: Any, message: Bytes, lengths: Sequence[int]) -> Bytes:
    all_messages = np.empty(sum(lengths), np.uint8)
    comm.Allgatherv(message, [all_messages, list(lengths)])
    return all_messages


__dir__ = only_public(__all__)
