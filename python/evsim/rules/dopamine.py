"""STDP gated by dopamine: eligibility becomes weight while, and as far as, there is dopamine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..connections import as_weights
from ..errors import (
    NonFiniteError,
    NoSuchParameterError,
    NotRunError,
    ShapeMismatchError,
    StreamError,
    UnsupportedError,
)
from ..kernels import BatchUpdate, Kernel, shipped
from ..network import SpikingNetwork
from ..projection import Projection
from ._arguments import as_bounds, as_tau

_INFINITY = math.inf


def eligibility_stdp(
    *,
    a_plus: float = 1.0,
    a_minus: float = 1.0,
    tau_plus: float = 20.0,
    tau_minus: float = 20.0,
    tau_eligibility: float = 1000.0,
    tau_dopamine: float = 200.0,
    w_min: float = -_INFINITY,
    w_max: float = _INFINITY,
    batch_update: BatchUpdate = "sum",
) -> Kernel:
    r"""STDP gated by dopamine: pair STDP goes into an eligibility trace, which dopamine turns into weight.

    .. math:: \dot c = -\frac{c}{\tau_c} + \text{STDP at spikes}, \qquad
       \dot d = -\frac{d}{\tau_d} + \text{what deliver\_dopamine gives}, \qquad \dot w = c\, d

    From one event of a synapse to its next :math:`c\, d` decays with :math:`\tau = (1/\tau_c + 1/\tau_d)^{-1}`, so

    .. math:: w(t) - w(s) = \int_s^t c\, d = \tau \left( c(s)\, d(s) - c(t)\, d(t) \right)

    exactly: no time step is involved.

    Parameters
    ----------
    a_plus, a_minus : float
        Amplitudes of the pairs; see :func:`pair_stdp`.
    tau_plus, tau_minus : float
        Time constants of the pairs, > 0.
    tau_eligibility, tau_dopamine : float
        :math:`\tau_c` and :math:`\tau_d`, > 0; :math:`\tau_d` is finite. The defaults are milliseconds.
    w_min, w_max : float
        Bounds of the weight.
    batch_update : {"sum", "mean"}
        See :class:`evsim.Kernel`.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        A value lies outside its domain.

    See Also
    --------
    deliver_dopamine : without it, weights stay as they are.
    apply_reward : a reward at one instant, which needs no dopamine.

    Notes
    -----
    The trace *c* is ``layer.synaptic_traces[..., 1]``, *d* is ``layer.neuron_traces[:, 1]``. An event of a synapse is a
    spike of its input or of its neuron; weights are as of then. An input spike thus brings the weight as of the
    synapse's event before it, and the change since then counts from the next spike on.

    Izhikevich 2007, Cereb. Cortex 17, with his time constants.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> rule = evsim.rules.eligibility_stdp()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[0.9, 0.5]]), evsim.LIFDelta(tau_mem=20.0), kernel=rule)
    >>> net.infer([0, 1], [0.0, 5.0], until=1000.0).times
    array([5.])
    >>> evsim.rules.deliver_dopamine(net, 0.001)                 # one second after the spikes
    >>> spikes = net.infer([], [], until=5000.0, reset=False)
    >>> evsim.rules.deliver_dopamine(net, 0.0)                   # bring the weights up to date
    >>> layer.weights.round(4)                                   # by c(1000) 0.001 (1/1000 + 1/200)^-1
    array([[0.948 , 0.5616]])
    """
    values = {
        "a_plus": as_number(a_plus, "a_plus"),
        "a_minus": as_number(a_minus, "a_minus"),
        "tau_plus": as_tau(tau_plus, "tau_plus"),
        "tau_minus": as_tau(tau_minus, "tau_minus"),
        "tau_eligibility": as_tau(tau_eligibility, "tau_eligibility"),
        "tau_dopamine": as_tau(as_number(tau_dopamine, "tau_dopamine"), "tau_dopamine"),
    }
    bounds = as_bounds(w_min, w_max)
    return Kernel(shipped("eligibility_stdp.cpp"), parameters=values | bounds, batch_update=batch_update)


def deliver_dopamine(net: SpikingNetwork, amount: npt.ArrayLike, *, layer: int | Projection = -1) -> None:
    r"""Raise the dopamine of a layer between two pieces of a stream: :math:`d_i \leftarrow d_i + D_i`.

    It happens at ``net.time``, the ``until`` of the last call. Traces and weights are first brought up to that time; an
    amount of 0 does only this.

    Parameters
    ----------
    net : SpikingNetwork
        After a call with ``until=``; the next one is to go on with ``reset=False``.
    amount : array_like of float, shape () or (n_neurons,); after a batch also (n_samples, n_neurons)
        How much dopamine, in units of weight per eligibility and time; negative amounts are allowed.
    layer : int or Projection
        Which layer or projection; it has the kernel of :func:`eligibility_stdp`.

    Raises
    ------
    NoSuchParameterError
        The layer has another kernel.
    UnsupportedError
        Several projections to its neurons have kernels.
    NotRunError, StreamError
        There was no call before, or one without ``until=``, after which there is no going on.
    ShapeMismatchError, NonFiniteError
        `amount` has another shape, or is not finite.

    Notes
    -----
    Cost: a copy of the state of the whole network, as for pickling it. ``post_spikes`` of all layers is empty
    afterwards. After an error nothing has changed.

    A call that begins anew forgets eligibility and dopamine, and with them what the weights have gained since their
    last events; deliver 0 before it to keep that.

    The weights of a convolution gain what all synapses that share them do.

    The samples of a batch have dopamine and eligibility of their own. Their weight changes come together as
    `batch_update` says.

    Examples
    --------
    See :func:`eligibility_stdp`.
    """
    target = layer if isinstance(layer, Projection) else net[layer].projection
    parameters = target.kernel_parameters if target is not None and target.kernel is not None else {}
    if target is None or "tau_dopamine" not in parameters:
        raise NoSuchParameterError(f"layer {layer} has no dopamine; it needs the kernel rules.eligibility_stdp()")
    if sum(other.target is target.target and other.kernel is not None for other in net.projections) > 1:
        raise UnsupportedError("dopamine goes to neurons of which one projection has a kernel")
    now = net.time
    if now is None:
        raise NotRunError("dopamine is delivered between two calls of infer; there was none yet")
    if math.isinf(now):
        raise StreamError("dopamine is delivered at the end of the last call; give it until=")
    snapshot = net._core.snapshot()
    samples = snapshot["states"][target.target._node]
    shape: tuple[int, ...] = (len(samples), target.target.n_neurons)
    weights = target._backend.to_host(target.weights)
    dopamine = _as_amounts(amount, shape if snapshot["batch"] else shape[1:], weights.dtype)
    settled = [_settle(target, parameters, sample, now) for sample in samples]
    gain = np.sum([gain for gain, *_ in settled], axis=0)
    share = len(samples) if target._require_kernel().batch_update == "mean" else 1
    learned = as_weights(
        np.clip(weights + gain / share, parameters["w_min"], parameters["w_max"]), weights.shape, weights.dtype
    )
    for (_, packed), extra in zip(settled, np.broadcast_to(dopamine, shape), strict=True):
        packed["neuron_traces"][:, 1] += extra
        packed["synaptic_traces"][:, 2] = packed["synaptic_traces"][:, 1] * packed["neuron_traces"][_places(target), 1]
    for k, (_, packed) in enumerate(settled):
        samples[k] |= {name: values.ravel() for name, values in packed.items()}
    net._core.restore(snapshot)
    target.weights = learned


def _as_amounts(amount: npt.ArrayLike, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    try:
        with np.errstate(over="ignore"):
            amounts = np.broadcast_to(np.asarray(amount, dtype=np.float64).astype(dtype), shape)
    except ValueError as error:
        raise ShapeMismatchError(f"amount must be one number or have shape {shape}: {error}") from None
    if not np.all(np.isfinite(amounts)):
        raise NonFiniteError("amount must be finite")
    return amounts


def _places(target: Projection) -> npt.NDArray[np.int32]:
    """Return the neurons of the synapses in the order of states: by neuron."""
    if target.connection.synapse_shape is not None:
        neurons: npt.NDArray[np.int32] = target._core.shared_synapses()[0]
        return neurons
    if target.weights.ndim == 1:
        return np.sort(target.connection.targets)  # type: ignore[attr-defined]
    return np.repeat(np.arange(target.target.n_neurons, dtype=np.int32), target.n_inputs)


def _settle(
    target: Projection, parameters: dict[str, float], state: dict[str, Any], now: float
) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[Any]]]:
    """How much the weights have gained since each synapse's last event, and the traces as of `now`."""
    neurons = _places(target)
    rates = 1.0 / np.array(target._core.time_constants())
    heard = state.get("heard", np.maximum(state["last_event"], state["post_times"]))
    touched = np.maximum(state["arrivals"], state["post_times"][neurons]) if "arrivals" in state else heard[neurons]
    own = np.reshape(state["neuron_traces"], (-1, 2)) * np.exp(-(now - heard)[:, np.newaxis] * rates[:2])
    of_synapse = np.reshape(state["synaptic_traces"], (-1, 3)) * np.exp(-(now - touched)[:, np.newaxis] * rates[2:])
    tau = 1.0 / (1.0 / parameters["tau_eligibility"] + 1.0 / parameters["tau_dopamine"])
    gain = tau * (of_synapse[:, 2] - of_synapse[:, 1] * own[neurons, 1])
    packed = {"neuron_traces": own, "synaptic_traces": of_synapse, "post_times": np.full(len(own), now)}
    if "heard" in state:
        packed |= {"heard": packed["post_times"], "arrivals": np.full(len(neurons), now)}
    if target.connection.synapse_shape is not None:
        gain = np.bincount(target._core.shared_synapses()[1], gain, minlength=target.weights.size)
    elif target.weights.ndim == 1:
        by_place = np.argsort(target.connection.targets, kind="stable")  # type: ignore[attr-defined]
        gain = gain[np.argsort(by_place)]
    return gain.reshape(target.weights.shape), packed
