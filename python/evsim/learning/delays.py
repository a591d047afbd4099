"""Delays that are learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..errors import InvalidArgumentError, NonFiniteError, UnsupportedError
from ..projection import Projection

__all__ = ["DelayBounds"]

Floats = npt.NDArray[np.float64]

KINDS = ("delays", "axonal delays", "synaptic delays")
"""As a projection has them, one for each input, one for each synapse."""


class DelayBounds:
    r"""Delays that learn within bounds: :math:`d = low + (high - low) / (1 + e^{-u})`, where u is what is learned.

    Parameters
    ----------
    low, high : float
        0 <= low < high.

    Notes
    -----
    The reparametrisation of Goeltz et al. 2025, DelGrad (Nat. Commun. 16:8245): a step never leaves the bounds.

    Examples
    --------
    >>> from evsim.learning import DelayBounds
    >>> bounds = DelayBounds(0.0, 10.0)
    >>> float(bounds.delays(bounds.learned(2.5)))
    2.5
    """

    def __init__(self, low: float, high: float) -> None:
        if not 0.0 <= low < high < math.inf:
            raise InvalidArgumentError(f"bounds of delays need 0 <= low < high, both finite; got {low} and {high}")
        self.low, self.high = float(low), float(high)

    def __repr__(self) -> str:
        return f"DelayBounds({self.low:g}, {self.high:g})"

    def learned(self, delays: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return u of delays. Those at a bound, or beyond it, are taken a millionth of the range within."""
        share = (np.asarray(delays, np.float64) - self.low) / (self.high - self.low)
        share = np.clip(share, 1e-6, 1.0 - 1e-6)
        u: npt.NDArray[np.float64] = np.log(share / (1.0 - share))
        return u

    def delays(self, learned: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the delays of u."""
        # tanh does not overflow
        values: npt.NDArray[np.float64] = self.low + (self.high - self.low) * 0.5 * (
            1.0 + np.tanh(0.5 * np.asarray(learned, np.float64))
        )
        return values

    def slope(self, learned: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the derivative of delays by u."""
        share = (self.delays(learned) - self.low) / (self.high - self.low)
        values: npt.NDArray[np.float64] = (self.high - self.low) * share * (1.0 - share)
        return values


def learned_delays(projection: Projection, kind: str) -> tuple[Floats, bool]:
    """Return the delays of a projection as they are learned, one of KINDS; and whether they are of synapses."""
    now = np.array(projection.delays, np.float64)
    by_synapse = bool(projection._core.delays_by_synapse)
    if kind == "delays":
        return now, by_synapse
    if kind == "axonal delays":
        if by_synapse:
            raise InvalidArgumentError(
                f"{projection!r} has delays of synapses already; train them by 'delays' or 'synaptic delays'"
            )
        return np.array(np.broadcast_to(now, projection.n_inputs)), False
    if by_synapse:
        return now, True
    connection: Any = projection.connection
    if connection.delays_of_synapses(np.zeros(connection.weight_shape), False) is None:
        raise UnsupportedError(f"{connection!r} has no delays of synapses; train 'axonal delays' or 'delays'")
    if hasattr(connection, "sources") and now.ndim:
        return now[connection.sources], True
    return np.array(np.broadcast_to(now, connection.weight_shape)), True


def set_delays(projection: Projection, key: str, values: npt.NDArray[Any], by_synapse: bool) -> None:
    """Set delays, those below 0 to 0; as those of synapses even where all are equal. Raises NonFiniteError."""
    if not np.all(np.isfinite(values)):
        raise NonFiniteError(f"the delays of {key!r} are not finite any more; lower the learning rate")
    delays = np.maximum(values.astype(np.float64), 0.0)
    if by_synapse:
        connection: Any = projection.connection
        delays = connection.delays_of_synapses(delays, False)
    projection._core.set_delays(np.ravel(delays), by_synapse)


__dir__ = only_public(__all__)
