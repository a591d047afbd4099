"""What one of several processes has of a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

Values = npt.NDArray[Any]


class Part(NamedTuple):
    """The synapses that lead to some neighbours among the neurons."""

    connection: Any
    """As users see it."""
    of_weights: Callable[[Values], Values] | None
    """Takes those of the part from the weights of the whole; None where nobody has the whole."""
    of_synapses: Callable[[Values], Values] | None
    """Likewise from the core's values of each synapse."""
