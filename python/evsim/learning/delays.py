"""Delays that are learned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_number
from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, UnsupportedError
from ..network import SpikingNetwork
from ..projection import Projection
from .graphs import projection_keys

__all__ = ["DelayBounds", "round_delays"]

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


def round_delays(
    net: SpikingNetwork,
    step: float,
    *,
    least: int = 0,
    most: int | None = None,
    projections: Sequence[str] | None = None,
) -> dict[str, float]:
    """Round delays to whole steps, as hardware with a clock has them.

    Parameters
    ----------
    net : SpikingNetwork
        Its delays are changed.
    step : float
        Length of a step.
    least, most : int, optional
        Delays are at least, and at most, as many steps. Within cycles `least` 1 keeps spikes from arriving at the
        instant of sending, which has no gradients.
    projections : sequence of str, optional
        Which, by the names that :attr:`Gradients.delays` has; all by default.

    Returns
    -------
    dict of str to float
        By projection, by how much a delay changed at most: half a step, or more at `least` and `most`.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        `step` is not above 0 and finite, or too small or too large for delays to be finite numbers of steps;
        ``0 <= least <= most`` does not hold; a projection does not exist. No delay is changed then.

    Notes
    -----
    To the nearest step, those in the middle to the even one. An optimizer that is to go on from these delays needs
    :meth:`Optimizer.read_delays`.

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import round_delays
    >>> net = evsim.SpikingNetwork()
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> layer = net.add_layer(evsim.Dense(3, 1), neuron, name="out", delay=[0.125, 1.25, 7.0])
    >>> round_delays(net, step=0.5, most=12), layer.delays
    ({'out': 1.0}, array([0., 1., 6.]))
    """
    if not as_number(step, "step") > 0.0:
        raise InvalidArgumentError(f"step must be above 0, got {step}")
    if as_integer(least, "least") < 0 or (most is not None and as_integer(most, "most") < least):
        raise InvalidArgumentError(f"needs 0 <= least <= most, got {least} and {most}")
    keys = {key: one for one, key in projection_keys(net).items()}
    if projections is not None and (isinstance(projections, str) or not isinstance(projections, Iterable)):
        raise DTypeError(f"projections must be a sequence of names, got {projections!r}")
    unknown = [key for key in projections or () if key not in keys]
    if unknown:
        raise InvalidArgumentError(f"no projection {unknown[0]!r}; there are {', '.join(map(repr, keys))}")
    found, changes = {}, {}
    for key in keys if projections is None else dict.fromkeys(projections):
        now, by_synapse = learned_delays(keys[key], "delays")
        with np.errstate(over="ignore"):
            rounded = step * np.clip(np.rint(now / step), least, most)
        if not np.all(np.isfinite(rounded)):
            raise InvalidArgumentError(f"delays of {key!r} are no finite numbers of steps of {step:g}, from {least} on")
        found[key], changes[key] = (rounded, by_synapse), float(np.max(np.abs(rounded - now), initial=0.0))
    for key, (rounded, by_synapse) in found.items():
        set_delays(keys[key], key, rounded, by_synapse)
    return changes


__dir__ = only_public(__all__)
