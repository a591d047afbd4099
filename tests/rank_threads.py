"""Ranks that are threads of one process: an MPI communicator as far as evsim knows one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np


class _Board:
    def __init__(self, size):
        self.barrier = threading.Barrier(size)
        self.posted = [None] * size


class ThreadComm:
    """One of `size` ranks that share a board."""

    def __init__(self, board, rank):
        self._board, self._rank = board, rank

    def Get_rank(self):  # noqa: N802 (as mpi4py has it)
        return self._rank

    def Get_size(self):  # noqa: N802
        return len(self._board.posted)

    def _all(self, own):
        self._board.posted[self._rank] = np.array(own)
        self._board.barrier.wait(timeout=60)
        posted = np.concatenate(self._board.posted)
        self._board.barrier.wait(timeout=60)
        return posted

    def Allgather(self, own, everybody):  # noqa: N802
        everybody[...] = self._all(own)

    def Allgatherv(self, own, everybody):  # noqa: N802
        into, lengths = everybody
        assert lengths[self._rank] == len(own)
        into[...] = self._all(own)


def on_ranks(size, body):
    """Return what ``body(comm)`` returns on each of `size` ranks, or the exceptions that it raises."""
    board = _Board(size)

    def one(rank):
        try:
            return body(ThreadComm(board, rank))
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))
