"""A membrane that leaks, but feels no input, while it is refractory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..neurons import Linear, LinearModel
from ..neurons.circuit import LinearSystem


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakingWhileRefractory(LinearModel):
    r"""The neuron `membrane`, whose potential goes on to leak from its reset while synapses cannot reach it.

    The potential is the sum of two variables: ``v_reset``, which begins at the reset and leaks towards rest, and ``v``,
    which takes the input and is held at 0 during the refractory period.

    Parameters
    ----------
    membrane : Linear
        With its refractory period; it leaks, and its reset is a value.

    Examples
    --------
    >>> import evsim
    >>> from evsim.neurons import Exponential, Linear
    >>> from evsim.spark.refractory import LeakingWhileRefractory
    >>> held = Linear(synapses=Exponential(5.0), tau_mem=20.0, threshold=1.0, reset=0.5, refractory=4.0)
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[20.0]]), LeakingWhileRefractory(membrane=held))
    >>> net.infer([0], [0.0]).times.round(3)
    array([1.154, 7.549])
    """

    membrane: Linear

    def __post_init__(self) -> None:
        self.system()

    @property
    def port_names(self) -> tuple[str, ...]:
        """Names of the kinds of synapse, in the order of their numbers."""
        return self.membrane.port_names

    def system(self) -> LinearSystem:
        """Return the matrices."""
        one = self.membrane.system()
        v, n = one.names.index("v"), one.size
        flow, reset = np.zeros((len(one.flow), n + 1, n + 1)), np.zeros((n + 1, n + 1))
        flow[:, :n, :n], flow[:, n, n] = one.flow, one.flow[:, v, v]
        reset[:n, :n] = one.reset

        def moved(rows: Any) -> Any:
            """What concerned the potential concerns the part that leaks from its reset."""
            wider = np.concatenate([rows, rows[:, v : v + 1]], axis=1)
            wider[:, v] = 0.0
            return wider

        return LinearSystem(
            (*one.names, "v_reset"),
            flow,
            moved(one.drive),
            tuple(np.append(arrival, 0.0) for arrival in one.arrivals),
            np.append(one.readout, 1.0),
            one.threshold,
            reset,
            moved(one.offset),
            moved(one.initial),
            (*one.held, False),
            one.refractory,
            False,
            one.quiet,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the parameters as numbers, text, lists and arrays."""
        return self.membrane.to_plain()

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> LeakingWhileRefractory:
        """Return a model of what :meth:`to_plain` gave."""
        return cls(membrane=Linear.from_plain(values))
