"""Plasticity that passes: what a synapse brings depends on its last spikes, and its weight stays."""

from __future__ import annotations

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError
from ..kernels import Kernel, shipped
from ._arguments import as_nonnegative


def tsodyks_markram(*, utilization: float = 0.5, tau_rec: float = 800.0, tau_fac: float = 0.0) -> Kernel:
    r"""Short-term depression and facilitation: what a spike brings depends on those before it.

    An arrival brings :math:`w\, u\, x`. Each synapse has resources :math:`x`, of which an arrival uses the share
    :math:`u`. Until the next one, a time :math:`t` later, they recover, and :math:`u` falls back:

    .. math:: u \leftarrow U + u (1 - U) e^{-t/\tau_{fac}}, \qquad x \leftarrow 1 + (x - x u - 1) e^{-t/\tau_{rec}}

    The first arrival finds :math:`u = U` and :math:`x = 1`. This is exact: both relax exponentially between arrivals.

    Parameters
    ----------
    utilization : float
        :math:`U`, from 0 to 1.
    tau_rec : float
        Time constant of recovery, >= 0; 0: no depression, x = 1.
    tau_fac : float
        Time constant of facilitation, >= 0; 0: none, u = U.

    Returns
    -------
    Kernel

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        A value lies outside its domain.

    Notes
    -----
    The traces ``synaptic_traces`` are what has been taken from the resources, :math:`1 - x`, and :math:`u`, which
    decays to 0 here; each call of ``infer`` begins with rested synapses, unless it goes on with ``reset=False``.
    Weights are not changed. To combine it with a rule that changes them, write both into one kernel:
    :doc:`/callbacks`.

    Tsodyks, Uziel & Markram 2000, "Synchrony generation in recurrent networks with frequency-dependent synapses",
    J. Neurosci. 20; Morrison, Diesmann & Gerstner 2008, Biol. Cybern. 98, section 3. With :math:`u` as of the spike
    itself, as in NEST's ``tsodyks2_synapse``.

    Examples
    --------
    A depressing synapse, seen by what each of five arrivals adds to the potential:

    >>> import evsim
    >>> import numpy as np
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIFDelta(tau_mem=1.0, threshold=100.0)
    >>> rule = evsim.rules.tsodyks_markram(utilization=0.5, tau_rec=100.0)
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), neuron, kernel=rule)
    >>> probe = evsim.Probe(0, times=[0.0, 50.0, 100.0, 150.0, 200.0])
    >>> spikes = net.infer([0] * 5, probe.times, record=probe)
    >>> probe.values[:, 0].round(3)
    array([0.5  , 0.348, 0.302, 0.288, 0.284])
    """
    if not 0.0 <= as_number(utilization, "utilization") <= 1.0:
        raise InvalidArgumentError(f"utilization must be from 0 to 1, got {utilization}")
    values = {
        "utilization": float(utilization),
        "tau_rec": as_nonnegative(tau_rec, "tau_rec"),
        "tau_fac": as_nonnegative(tau_fac, "tau_fac"),
    }
    return Kernel(shipped("tsodyks_markram.cpp"), parameters=values)
