"""The processes that ``mpiexec`` started, if it did."""

from __future__ import annotations

import os
from typing import Any

from .._lib.optional import require

_SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE"
"""Where MPICH and its kin, and Open MPI, tell how many there are."""


def world() -> Any | None:
    """Return their communicator; None where this process is alone.

    Raises
    ------
    MissingDependencyError
        Without mpi4py.

    Examples
    --------
    >>> world() is None
    True
    """
    if not any(os.environ.get(name, "1") != "1" for name in _SIZES):
        return None
    return require("mpi4py.MPI", "mpi4py", "mpi", "to share a network among processes").COMM_WORLD
