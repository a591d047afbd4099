"""Box currents: spikes as currents that are switched on and off."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._lib.arrays import as_positive, as_size
from .._lib.modules import only_public
from ..errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError
from ..spikes import SpikeArray

__all__ = ["boxes"]


def boxes(spikes: SpikeArray, n_inputs: int, *, width: float) -> SpikeArray:
    r"""Switch a current on at every spike and off `width` later: two spikes for each, of inputs of opposite weight.

    A synapse whose current stays, ``Exponential(inf)``, makes boxes of them: spikes of input i come as i, and what ends
    their boxes as ``n_inputs + i``. With weights W of shape (n_neurons, n_inputs) it has ``np.hstack([W, -W])``.

    Parameters
    ----------
    spikes : SpikeArray
        Spikes of `n_inputs` inputs.
    n_inputs : int
        Number of inputs.
    width : float
        For how long each current flows, in the network's time unit; > 0.

    Returns
    -------
    SpikeArray
        Of ``2 * n_inputs`` inputs, sorted by time.

    Raises
    ------
    DTypeError, InvalidArgumentError, NonFiniteError
        For arguments outside these domains.
    IndexOutOfRangeError
        A spike of an input that there is not.

    Notes
    -----
    Currents that are added and taken away again leave what rounding has made of their sum, and nothing makes it decay.
    In a network of ``dtype="float64"`` nothing is left of weights that float32 holds: their sums are exact (as long as
    weights and sums differ by less than a factor of 2**29). The spikes of
    neurons make boxes by a second projection, of opposite weight and with a delay.

    Examples
    --------
    A current of 3 for 4 ms into a membrane of 10 ms, which is below its threshold of 1.5 when it ends:

    >>> import math
    >>> import numpy as np
    >>> import evsim
    >>> from evsim.neurons import Exponential, Linear
    >>> weights = np.array([[3.0]])
    >>> neuron = Linear(synapses=Exponential(math.inf), tau_mem=10.0, threshold=1.5)
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=np.hstack([weights, -weights])), neuron)
    >>> v = evsim.Probe(layer, times=[5.0, 6.0])
    >>> net.infer(evsim.encoders.boxes(evsim.SpikeArray([0], [1.0]), 1, width=4.0), until=20.0, record=v)
    SpikeArray(empty)
    >>> v.values[:, 0].round(4)  # 3 (1 - e^-0.4), and a ms later
    array([0.989 , 0.8949])
    """
    checked: Any = spikes
    if not isinstance(checked, SpikeArray):
        raise DTypeError(f"spikes must be a SpikeArray, got {spikes!r}")
    n, duration = as_size(n_inputs, "n_inputs"), as_positive(width, "width")
    if n >= 2**30:
        raise InvalidArgumentError(f"n_inputs must be below 2**30, got {n}")
    if len(spikes) and int(spikes.indices.max()) >= n:
        raise IndexOutOfRangeError(f"a spike has index {int(spikes.indices.max())}, but n_inputs is {n}")
    ends = SpikeArray(spikes.indices + np.int32(n), spikes.times + duration)
    return SpikeArray(spikes.indices, spikes.times).merge(ends)


__dir__ = only_public(__all__)
