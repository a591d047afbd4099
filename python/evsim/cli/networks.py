"""Published networks that ``evsim simulate`` runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._lib.arrays import as_number, as_positive
from ..connections import Sparse
from ..drives import PoissonDrive
from ..errors import InvalidArgumentError
from ..network import SpikingNetwork
from ..neurons import Exponential, LIFDelta, Linear


class Circuit(NamedTuple):
    """A network of one population, and the groups of neurons that make it up."""

    network: SpikingNetwork
    groups: dict[str, int]
    """Number of neurons of each, in the order of their indices."""

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return sum(self.groups.values())

    @property
    def n_synapses(self) -> int:
        """Number of synapses among them; arrivals from outside come without. Processes that share them all ask."""
        connections: list[Any] = [projection.connection for projection in self.network.projections]
        own = sum(connection.n_synapses for connection in connections)
        ranks = self.network.ranks
        return own if ranks is None else sum(int(one) for one in ranks.gather(str(own).encode()))


def empty_network(dtype: str, seed: int, comm: Any | None) -> SpikingNetwork:
    """Return a network that the processes of `comm`, if there are any, share."""
    net = SpikingNetwork(dtype=dtype, seed=seed)
    if comm is not None:
        net.distribute(comm)
    return net


def brunel(
    scale: float = 1.0,
    *,
    g: float = 5.0,
    eta: float = 2.0,
    seed: int = 1,
    dtype: str = "float32",
    comm: Any | None = None,
) -> Circuit:
    r"""Sparse excitation and inhibition by jumps of the potential, driven from outside.

    Parameters
    ----------
    scale : float
        At 1 there are 4000 excitatory and 1000 inhibitory neurons, each of which hears 400 of the first and 100 of the
        second, with jumps of J = 0.2 mV. Numbers and in-degrees are multiplied by `scale`, and J is divided by it: the
        threshold rate of an external synapse stays, and so do the mean input and the probability of a synapse.
        Fluctuations of the input grow as scale falls, as the square root of its inverse.
    g : float
        How many times stronger inhibition is, >= 0.
    eta : float
        Rate of the drive in units of what brings a neuron to its threshold, > 0 and at most 1000.
    seed : int
        For synapses, first potentials and drive.
    dtype : str
        float32 or float64.
    comm : mpi4py communicator, optional
        Of processes that share the neurons.

    Raises
    ------
    InvalidArgumentError
        A value outside its domain, or a scale that leaves a neuron without inhibition.
    MemoryLimitError
        More synapses than fit into memory.

    Notes
    -----
    Brunel 2000, "Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons", J. Comput.
    Neurosci. 8, 183, model A: tau 20 ms, threshold 20 mV, refractory 2 ms, delay 1.5 ms; the reset is at 0 and not at
    10 mV. With as many external synapses as recurrent excitatory ones, :math:`C_E`, a rate
    :math:`\nu_{thr} = \theta / (J C_E \tau)` of each brings the mean potential to the threshold, so that the arrivals
    at a neuron have the rate :math:`\eta \theta / (J \tau)`: 10 kHz at the defaults. Sources are drawn with
    replacement. Potentials begin uniformly between reset and threshold. Times are milliseconds, potentials mV.

    Examples
    --------
    >>> circuit = brunel(0.1)
    >>> circuit.groups, circuit.n_synapses
    ({'excitatory': 400, 'inhibitory': 100}, 25000)
    """
    tau, threshold = 20.0, 20.0
    scale, eta = as_positive(scale, "scale"), as_positive(eta, "eta")
    if as_number(g, "g") < 0:
        raise InvalidArgumentError(f"g must be >= 0, got {g}")
    if eta > 1000:
        raise InvalidArgumentError(f"eta must be at most 1000, got {eta}")
    degrees = round(400 * scale), round(100 * scale)
    if degrees[1] < 1:
        raise InvalidArgumentError(f"a scale of {scale} leaves no inhibitory synapse; choose at least 0.01")
    n_excitatory, n_inhibitory = round(4000 * scale), round(1000 * scale)
    n = n_excitatory + n_inhibitory
    jump = 0.2 / scale
    seeds = _seeds(seed, 4)
    excitation = Sparse.fixed_in_degree(n_excitatory, n, degrees[0], seed=seeds[0])
    inhibition = Sparse.fixed_in_degree(n_inhibitory, n, degrees[1], seed=seeds[1])
    sources = np.concatenate([excitation.sources, n_excitatory + inhibition.sources])
    targets = np.concatenate([excitation.targets, inhibition.targets])
    weights = np.repeat([jump, -g * jump], [excitation.n_synapses, inhibition.n_synapses])
    v_init = np.random.default_rng(seeds[2]).uniform(0.0, threshold, n)
    net = empty_network(dtype, seed, comm)
    cells = LIFDelta(tau_mem=tau, threshold=threshold, reset=0.0, refractory=2.0, v_init=v_init)
    net.add_population(n, cells, name="cells")
    net.connect("cells", "cells", Sparse(n, n, sources, targets, weights=weights), delay=1.5)
    net.add_drive("cells", PoissonDrive(rate=eta * threshold / (jump * tau), weight=jump, seed=seeds[3]))
    return Circuit(net, {"excitatory": n_excitatory, "inhibitory": n_inhibitory})


def vogels_abbott(scale: float = 1.0, *, seed: int = 1, dtype: str = "float32", comm: Any | None = None) -> Circuit:
    """Excitation and inhibition by exponential currents, busy without input.

    Parameters
    ----------
    scale : float
        At 1 there are 3200 excitatory and 800 inhibitory neurons, and a synapse between any two with a probability of
        2 %. The numbers are multiplied by `scale` and the probability is divided by it, so that neurons hear as many
        others, 80, and weights stay.
    seed : int
        For synapses and first potentials.
    dtype : str
        float32 or float64.
    comm : mpi4py communicator, optional
        Of processes that share the neurons.

    Raises
    ------
    InvalidArgumentError
        A scale below 0.02, at which every neuron hears all.
    MemoryLimitError
        More synapses than fit into memory.

    Notes
    -----
    The network with currents, CUBA, of Brette et al. 2007, "Simulation of networks of spiking neurons", J. Comput.
    Neurosci. 23, 349, after Vogels & Abbott 2005, J. Neurosci. 25, 10786: tau 20 ms, currents of 5 and 10 ms, rest -49,
    threshold -50, reset -60 mV, refractory 5 ms, weights 1.62 and -9 mV; delay 0.1 ms.

    Examples
    --------
    >>> vogels_abbott(0.1).groups
    {'excitatory': 320, 'inhibitory': 80}
    """
    scale = as_positive(scale, "scale")
    if scale < 0.02:
        raise InvalidArgumentError(f"scale must be at least 0.02, where every neuron hears all others, got {scale}")
    n_excitatory, n_inhibitory = round(3200 * scale), round(800 * scale)
    n = n_excitatory + n_inhibitory
    seeds = _seeds(seed, 2)
    drawn = Sparse.random(n, n, min(0.02 / scale, 1.0), seed=seeds[1])
    cells = Linear(
        synapses={"excitation": Exponential(5.0), "inhibition": Exponential(10.0)},
        tau_mem=20.0,
        v_rest=-49.0,
        threshold=-50.0,
        reset=-60.0,
        refractory=5.0,
        v_init=np.random.default_rng(seeds[0]).uniform(-60.0, -50.0, n),
    )
    net = empty_network(dtype, seed, comm)
    net.add_population(n, cells, name="cells")
    excites = drawn.sources < n_excitatory
    for port, weight, chosen in (("excitation", 1.62, excites), ("inhibition", -9.0, ~excites)):
        synapses = Sparse(n, n, drawn.sources[chosen], drawn.targets[chosen], weights=weight)
        net.connect("cells", "cells", synapses, port=port, delay=0.1)
    return Circuit(net, {"excitatory": n_excitatory, "inhibitory": n_inhibitory})


def _seeds(seed: int, n: int) -> list[int]:
    """Return seeds for the parts of a network, so that no two draw the same numbers."""
    seeds: list[int] = np.random.default_rng(seed).integers(2**63, size=n).tolist()
    return seeds
