"""What is done to the weights of a layer between calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError, UnsupportedError
from ..layer import Layer
from ..projection import Projection


def normalize_weights(layer: Layer | Projection, total: float = 78.0) -> None:
    r"""Scale the weights of every neuron so that they add up to `total`.

    .. math:: w_{ij} \leftarrow w_{ij} \frac{W}{\sum_k w_{ik}}

    Parameters
    ----------
    layer : Layer or Projection
        Its weights are changed; they are those of a dense or sparse connection or of a convolution.
    total : float
        Sum of the weights of the inputs of one neuron, > 0; by default that of Diehl & Cook for 784 inputs. Of a
        convolution, of the window of each output channel, even where a part of it lies over the border.

    Raises
    ------
    InvalidArgumentError
        `total` is not positive, or the weights of a neuron do not have a positive sum, so that no factor makes it
        `total`. No weight has changed then.
    UnsupportedError
        A transposed convolution, where neurons see different parts of a window.

    Notes
    -----
    For use between two samples, or two pieces of a stream. Afterwards a weight may lie above the ``w_max`` of a rule;
    it moves there when it is touched next. Cost: one pass over the weights.

    Diehl & Cook 2015, Front. Comput. Neurosci. 9.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(2, 2, weights=[[1.0, 3.0], [0.5, 0.5]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    >>> evsim.rules.normalize_weights(layer, 2.0)
    >>> layer.weights
    array([[0.5, 1.5],
           [1. , 1. ]], dtype=float32)
    """
    target = as_number(total, "total")
    if not target > 0.0:
        raise InvalidArgumentError(f"total must be > 0, got {target}")
    weights = layer._backend.to_host(layer.weights)
    connection: Any = layer.connection
    if getattr(connection, "transposed", False):
        raise UnsupportedError(
            "neurons of a transposed convolution see different parts of its windows, so that no one "
            "factor scales the weights of each"
        )
    if weights.ndim == 1:
        neurons = connection.targets
        sums = np.bincount(neurons, weights, minlength=connection.n_neurons)
        # A neuron without synapses has nothing to be scaled.
        sums[np.bincount(neurons, minlength=len(sums)) == 0] = target
    else:
        sums = weights.sum(axis=tuple(range(1, weights.ndim)), dtype=np.float64)
    bad = np.flatnonzero(~(sums > 0.0))
    if bad.size:
        whose = f"channel {bad[0]}" if weights.ndim == 4 else f"neuron {bad[0]}"
        raise InvalidArgumentError(
            f"the weights of {whose} add up to {sums[bad[0]]}; only a positive sum can be scaled to {target}"
        )
    factors = target / sums
    layer.weights = weights * (
        factors[neurons] if weights.ndim == 1 else factors.reshape(-1, *(1,) * (weights.ndim - 1))
    )
