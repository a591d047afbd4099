"""Networks that several processes share, and everything one can see of a run of them, as one hash.

mpiexec -n 3 python -m mpi4py tests/rank_networks.py loop      # a line for each rank, all the same
python tests/rank_networks.py loop                             # and so does one process alone
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from spike_hash import digest

import evsim

Net = evsim.SpikingNetwork
LIF = {"tau_mem": 20.0, "tau_syn": 5.0}


def made(comm: Any, **options: Any) -> Net:
    net = evsim.SpikingNetwork(**options)
    if comm is not None:
        net.distribute(comm)
    return net


def train(seed: int, n_inputs: int, n_spikes: int, end: float) -> evsim.SpikeArray:
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), np.sort(rng.uniform(0.0, end, n_spikes)))


def seen(net: Net, spikes: Any, end: float, wanted: list[str]) -> list[Any]:
    """Spikes of a call, of pieces and of a simulation, potentials, and what readouts remember."""
    first = [net[name] for name in wanted]
    probes = [evsim.Probe(one, np.linspace(0.0, end, 17)) for one in first]
    parts: list[Any] = []
    runs = [net.infer(spikes, until=end, outputs=wanted, record=probes)]
    parts += [one.n_spikes for one in first]
    parts += [one.mean for one in net if one.neuron is not None and not one.neuron.spikes]
    runs += [net.infer(spikes if k == 0 else {}, until=end * (k + 1), reset=k == 0, outputs=wanted) for k in range(2)]
    runs.append(net.simulate(2.5 * end, record_spikes=wanted))
    for run in runs:
        for name in wanted:
            parts += [run[name].indices, run[name].times]
    return parts + [probe.values for probe in probes]


def loop(comm: Any = None, dtype: str = "float64") -> list[Any]:
    """Delays of inputs, of synapses and of projections; drives of single neurons; a readout."""
    net, rng, n = made(comm, seed=1, dtype=dtype), np.random.default_rng(3), 103
    net.add_input(20, name="in")
    thresholds = rng.uniform(0.5, 1.0, n)
    net.add_population(n, evsim.LIF(**LIF, threshold=thresholds, refractory=1.0), name="a")
    net.add_population(51, evsim.LIFDelta(tau_mem=10.0, bias=1.2), name="b")
    net.connect("in", "a", evsim.Dense(20, n), delay=rng.uniform(0.0, 3.0, (n, 20)))
    recurrent = evsim.Sparse.fixed_in_degree(n, n, 20, seed=4, weights=0.3, inhibitory=0.2)
    net.connect("a", "a", recurrent, delay=1.5)
    drawn = evsim.Sparse.random(n, 51, 0.2, seed=5, initializer=evsim.initializers.NormalInitializer(0.2, 0.1))
    net.connect("a", "b", drawn, delay=rng.uniform(0.5, 4.0, n))
    net.connect("b", "a", evsim.Dense(51, n), delay=2.1)
    net.add_layer(evsim.Dense(51, 7), evsim.LIF(**LIF, threshold=0.1), name="out")
    net.add_layer(evsim.Dense(7, 2), evsim.LI(**LIF), name="read")
    net.add_drive("a", evsim.PoissonDrive(rate=rng.uniform(0.1, 1.0, n), weight=0.5, seed=3))
    net.add_drive("a", evsim.NoiseDrive(mean=0.1, sigma=rng.uniform(0.0, 0.3, n), dt=0.7, seed=9))
    weights = rng.uniform(0.5, 1.0, 51)
    net.add_drive("b", evsim.PoissonDrive(rate=[[0.1], [0.4]] * np.ones(51), weight=weights, times=[0.0, 20.0]))
    return seen(net, {"in": train(1, 20, 200, 30.0)}, 30.0, ["a", "b", "out"])


def brunel(comm: Any = None, dtype: str = "float32") -> list[Any]:
    """A loop of one population, from arrays with a delay for each synapse."""
    net, rng, n = made(comm, seed=2, dtype=dtype), np.random.default_rng(5), 250
    cells = evsim.LIFDelta(tau_mem=20.0, threshold=20.0, reset=0.0, refractory=2.0, v_init=rng.uniform(0, 20, n))
    net.add_population(n, cells, name="cells")
    sources, targets = rng.integers(0, n, 6000), rng.integers(0, n, 6000)
    synapses = evsim.Sparse(n, n, sources, targets, weights=np.where(sources < 200, 1.0, -5.0))
    net.connect("cells", "cells", synapses, delay=rng.uniform(0.3, 2.0, 6000))
    net.add_drive("cells", evsim.PoissonDrive(rate=2.0, weight=1.0, seed=3))
    return seen(net, {}, 40.0, ["cells"])


def whole(comm: Any = None, dtype: str = "float32") -> list[Any]:
    """Beside populations that ranks share, those that each of them has: images, pooling, few neurons, and rules."""
    net, rng = made(comm, seed=4, dtype=dtype), np.random.default_rng(6)
    net.add_input((2, 6, 6), name="in")
    rule = evsim.rules.pair_stdp(w_min=-1.0, w_max=1.0)
    image = evsim.Conv2d(3, 3, weights=rng.uniform(-0.2, 0.8, (3, 2, 3, 3)))
    net.add_layer(image, evsim.LIF(**LIF, threshold=0.4), kernel=rule, name="image")
    net.add_layer(evsim.Pool2d(2, mode="or"), None)
    net.add_layer(evsim.Dense(12, 30), evsim.LIF(**LIF, threshold=0.2, refractory=1.5), name="shared")
    held = evsim.LIF(**LIF, threshold=0.2, refractory=2.0)
    net.add_layer(evsim.Dense(30, 9), held, kernel=rule, name="learns")
    net.add_layer(evsim.Dense(9, 2), evsim.LIF(**LIF, threshold=0.1, refractory=2.0), name="few")
    net.connect("few", "shared", evsim.Dense(2, 30), delay=3.0)
    net.add_population(20, held, name="sparse", whole=True)
    synapses = evsim.Sparse.fixed_in_degree(30, 20, 8, seed=1, weights=0.4)
    learned = net.connect("shared", "sparse", synapses, delay=1.0, kernel=rule)
    net.connect("sparse", "shared", evsim.Sparse.random(20, 30, 0.2, seed=2, weights=-0.1), delay=2.0)
    found = seen(net, {"in": train(2, 72, 150, 40.0)}, 40.0, ["shared", "learns", "few", "sparse"])
    return [*found, net["learns"].weights, net["learns"].neuron_traces, learned.weights, net["image"].weights]


def instants(comm: Any = None, dtype: str = "float64") -> list[Any]:
    """A cycle without any delay, which each rank has whole, in a loop with a population that they share."""
    net, n = made(comm, seed=8, dtype=dtype), 40
    net.add_input(10, name="in")
    net.add_population(n, evsim.LIF(**LIF, threshold=0.4, refractory=1.0), name="many")
    for name, size, threshold in (("one", 1, 0.8), ("other", 5, 1.0)):
        neuron = evsim.LIFDelta(tau_mem=15.0, threshold=threshold, refractory=0.5)
        net.add_population(size, neuron, name=name, whole=size > 1)
    net.connect("in", "many", evsim.Dense(10, n))
    net.connect("many", "one", evsim.Dense(n, 1, weights=np.full((1, n), 0.3)))
    net.connect("one", "other", evsim.Dense(1, 5, weights=np.linspace(0.8, 1.2, 5).reshape(5, 1)))
    net.connect("other", "one", evsim.Dense(5, 1, weights=np.full((1, 5), -0.9)))
    net.connect("other", "many", evsim.Dense(5, n), delay=1.5)
    return seen(net, {"in": train(4, 10, 120, 30.0)}, 40.0, ["many", "one", "other"])


def _connection(rng: np.random.Generator, n_inputs: int, n: int) -> evsim.Dense | evsim.Sparse:
    def degree() -> int:
        return int(rng.integers(0, n_inputs + 1))

    weights, seed = float(rng.uniform(0.1, 0.8)), int(rng.integers(2**63))
    kind = rng.integers(6)
    if kind == 0:
        return evsim.Dense(n_inputs, n, weights=rng.uniform(-0.5, 1.0, (n, n_inputs)))
    if kind == 1:
        return evsim.Sparse.fixed_in_degree(n_inputs, n, degree(), seed=seed, weights=weights, inhibitory=0.3)
    if kind == 2:
        return evsim.Sparse.fixed_out_degree(n_inputs, n, int(rng.integers(0, n + 1)), seed=seed, weights=weights)
    if kind == 3:
        return evsim.Sparse.random(n_inputs, n, 0.3, seed=seed)
    if kind == 4:
        return evsim.Sparse.by_distance((1, n_inputs), (1, n), 0.8, 0.3, seed=seed, weights=weights)
    return evsim.Sparse.from_matrix(rng.uniform(-0.5, 1.0, (n, n_inputs)) * (rng.random((n, n_inputs)) < 0.4))


def random_graph(seed: int, comm: Any = None, dtype: str = "float64", end: float = 25.0) -> list[Any]:
    """Up to six populations of one to forty neurons, connected forwards at any delay and backwards at one above 0."""
    rng = np.random.default_rng([7, seed])
    net = made(comm, seed=seed, dtype=dtype)
    net.add_input(8, name="in")
    sizes = [8, *rng.integers(1, 41, rng.integers(1, 7)).tolist()]
    names = ["in", *(f"p{k}" for k in range(1, len(sizes)))]
    models = [
        evsim.LIF(**LIF, threshold=0.4, refractory=0.7),
        evsim.LIFDelta(tau_mem=12.0, threshold=0.7, reset=0.0, refractory=1.0),
        evsim.LIFAlpha(**LIF, threshold=0.5, refractory=0.5),
        evsim.LIF(**LIF, threshold=0.3, refractory=2.0),
    ]
    for name, size in zip(names[1:], sizes[1:], strict=True):
        net.add_population(size, models[rng.integers(4)], name=name)
    pairs = [(k - 1, k) for k in range(1, len(sizes))]
    pairs += [(int(rng.integers(len(sizes))), int(rng.integers(1, len(sizes)))) for _ in range(rng.integers(6))]
    for source, target in pairs:
        connection = _connection(rng, sizes[source], sizes[target])
        shape: Any = [(), (sizes[source],), (sizes[target], sizes[source])][rng.integers(3)]
        if isinstance(connection, evsim.Sparse) and len(shape) == 2:
            shape = (connection.n_synapses,)
        delay = np.maximum(rng.uniform(-1.0 if source < target else 0.5, 5.0, shape), 0.0)
        delay = np.where(delay < 0.5, 0.0, delay)
        net.connect(names[source], names[target], connection, delay=delay)
    if rng.random() < 0.5:
        net.add_drive(names[1], evsim.PoissonDrive(rate=0.3, weight=0.6, seed=seed))
    return seen(net, {"in": train(seed, 8, 60, 20.0)}, end, names[1:])


NETWORKS: dict[str, Callable[..., list[Any]]] = {"loop": loop, "brunel": brunel, "whole": whole, "instants": instants}


def hash_of(name: str, comm: Any = None) -> str:
    """Of a network by name, or of a random one by its number."""
    return digest(*(random_graph(int(name), comm) if name.isdigit() else NETWORKS[name](comm)))


def main() -> None:
    """Print a line for each network that is named, and for each rank."""
    comm: Any = None
    if "mpi4py" in sys.modules:
        from mpi4py import MPI

        comm = MPI.COMM_WORLD
    lines = [f"{name} {hash_of(name, comm)}" for name in sys.argv[1:]]
    if comm is not None:
        lines = [line for of_rank in comm.gather(lines) or [] for line in of_rank]
    if lines:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
