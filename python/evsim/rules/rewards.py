"""Rules that wait for a reward: eligibility first, weights once the outcome is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..errors import NonFiniteError, NoSuchParameterError, NotRunError, ShapeMismatchError
from ..kernels import Kernel, shipped
from ..layer import Layer
from ..projection import Projection

_INFINITY = math.inf


def reward_stdp(
    *, a_plus: float = 1.0, a_minus: float = 1.0, tau_pair: float | None = None, tau_eligibility: float = _INFINITY
) -> Kernel:
    r"""Eligibility traces for reward-modulated STDP; weights change when you call :func:`apply_reward`.

    What pair STDP would change goes into an eligibility trace :math:`c_{ij}`, ``layer.synaptic_traces[..., 1]``, which
    decays with `tau_eligibility`. A reward :math:`R` then gives :math:`\Delta w_{ij} = \eta R_i c_{ij}`.

    Parameters
    ----------
    a_plus, a_minus : float
        Amplitudes of the pairs.
    tau_pair : float, optional
        Time constant of the pairs; by default the membrane time constant of the neurons.
    tau_eligibility : float
        Infinite by default: as in EvSpikeSim's demonstration.

    Returns
    -------
    Kernel

    Notes
    -----
    Izhikevich 2007, Cereb. Cortex 17; Frémaux & Gerstner 2016, Front. Neural Circuits 9.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    >>> rule = evsim.rules.reward_stdp()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 0.5]]), neuron, kernel=rule)
    >>> spikes = net.infer([1, 0], [0.0, 2.0])
    >>> layer.synaptic_traces[..., 1].round(3)
    array([[0.767, 0.694]])
    >>> evsim.rules.apply_reward(layer, reward=[2.0], rate=0.1)
    >>> layer.weights.round(3)
    array([[5.153, 0.639]])
    """
    values = {
        "a_plus": a_plus,
        "a_minus": a_minus,
        "tau_pair": 0.0 if tau_pair is None else tau_pair,
        "tau_eligibility": tau_eligibility,
    }
    return Kernel(shipped("reward_stdp.cpp"), parameters=values)


def apply_reward(layer: Layer | Projection, reward: npt.ArrayLike, rate: float) -> None:
    r"""Turn what the last call has left behind into weights.

    With :func:`reward_stdp` and :func:`eligibility_stdp`, whose eligibility is :math:`c_{ij}`:
    :math:`w_{ij} \leftarrow w_{ij} + \eta R_i c_{ij}`. With :func:`mozafari_stdp`, the sign of :math:`R_i` says whether
    the neuron is rewarded or punished; its docstring has the formula.

    Parameters
    ----------
    layer : Layer or Projection
        With one of these kernels, after ``infer``.
    reward : array_like of float, shape () or (n_neurons,); after a batch also (n_samples, n_neurons)
        The changes of the samples of a batch are added up.
    rate : float
        The learning rate :math:`\eta`.

    Raises
    ------
    NoSuchParameterError, NotRunError
        The layer has no eligibility traces, or they are not there yet.
    ShapeMismatchError
        `reward` has another shape.
    NonFiniteError
        `reward` or `rate` is not finite, or the weights would not be. None has changed then.

    Notes
    -----
    A weight of a convolution changes by the sum over the synapses that share it. Cost: one pass over the synapses, for
    each sample of a batch.
    """
    parameters = layer.kernel_parameters if layer.kernel is not None else {}
    if "tau_eligibility" not in parameters and "reward_plus" not in parameters:
        raise NoSuchParameterError("the layer has no eligibility traces; it needs a kernel such as rules.reward_stdp()")
    population = layer.target if isinstance(layer, Projection) else layer
    if not population.has_run:
        raise NotRunError("a reward is for what infer has done before")
    weights, eligibility = (layer._backend.to_host(part) for part in (layer.weights, layer.synaptic_traces[..., 1]))
    connection: Any = layer.connection
    shared = connection.synapse_shape
    n_axes = weights.ndim if shared is None else len(shared)
    shape = (*eligibility.shape[: eligibility.ndim - n_axes], population.n_neurons)
    try:
        modulation = np.broadcast_to(np.asarray(reward, dtype=weights.dtype), shape)
    except ValueError as error:
        raise ShapeMismatchError(f"reward must have shape {shape}: {error}") from None
    if not np.all(np.isfinite(modulation)):
        raise NonFiniteError("reward must be finite")

    def of_weights(values: Any) -> Any:
        """Values of neurons for each of their weights."""
        if shared is not None:
            return values.reshape(*values.shape[:-1], *shared[:3], 1, 1, 1)
        if weights.ndim == 2:
            return values[..., np.newaxis]
        return values[..., connection.targets]

    if "reward_plus" not in parameters:
        change = of_weights(modulation) * eligibility
    else:
        n_spikes = of_weights(layer._backend.to_host(layer.neuron_traces)[..., 0])
        change = _by_order(of_weights(modulation), eligibility, n_spikes - eligibility, parameters)
    if shared is not None:
        change = connection.of_shared(change)
    total = as_number(rate, "rate") * (change.sum(axis=0) if change.ndim > weights.ndim else change)
    if parameters.get("multiplicative"):
        total *= (weights - parameters["w_min"]) * (parameters["w_max"] - weights)
    if "w_min" in parameters:
        layer.weights = np.clip(weights + total, parameters["w_min"], parameters["w_max"])
    else:
        layer.weights = weights + total


def _by_order(modulation: Any, fired_before: Any, others: Any, parameters: dict[str, float]) -> Any:
    """Change by output spikes that came after an input had fired, and by the others (Mozafari et al. 2018)."""
    good = modulation > 0
    plus = np.where(good, parameters["reward_plus"], parameters["punishment_plus"])
    minus = np.where(good, parameters["reward_minus"], parameters["punishment_minus"])
    return np.abs(modulation) * (plus * fired_before + minus * others)
