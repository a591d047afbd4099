"""Hashes of what evsim computes, one line per model, type, engine and way of calling.

A change that must not move a spike is checked by running this before and after and comparing the lines:

    python tests/spike_hash.py > before.txt
    python tests/spike_hash.py --against before.txt     # prints the lines that differ
    python tests/spike_hash.py --no-kernels             # nothing that needs a compiler

Only what every version of the package has is used, so that an older one can be hashed too.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import evsim

SHAPE = (2, 7, 6)
N_IMAGE = 84
STOPS = (0.0, 31.0, 80.0, 81.0)
Network = evsim.SpikingNetwork
Spikes = evsim.SpikeArray


def neurons() -> dict[str, evsim.NeuronModel]:
    """Every shipped model in every variant that takes its own path."""
    models: dict[str, evsim.NeuronModel] = {}
    ratios = {"quadratic": (20.0, 10.0), "fast": (20.0, 3.0), "slow": (8.0, 15.0), "equal": (9.0, 9.0)}
    for name, (tau_mem, tau_syn) in ratios.items():
        for refractory in (0.0, 1.5):
            models[f"lif {name} refractory {refractory}"] = evsim.LIF(
                tau_mem=tau_mem, tau_syn=tau_syn, threshold=0.3, refractory=refractory
            )
        models[f"lif {name} driven"] = evsim.LIF(tau_mem=tau_mem, tau_syn=tau_syn, threshold=0.5, bias=0.6, reset=-0.2)
        models[f"li {name}"] = evsim.LI(tau_mem=tau_mem, tau_syn=tau_syn, bias=0.1)
    for refractory in (0.0, 1.5):
        for reset in ("subtract", 0.1):
            tail = f"reset {reset} refractory {refractory}"
            models[f"lif_delta {tail}"] = evsim.LIFDelta(tau_mem=12.0, reset=reset, refractory=refractory)
            models[f"iaf_delta {tail}"] = evsim.IAFDelta(reset=reset, refractory=refractory)
    models["lif_delta driven"] = evsim.LIFDelta(tau_mem=12.0, bias=1.2)
    for once in (False, True):
        models[f"linear_leak once {once}"] = evsim.LinearLeakIF(leak=0.1, threshold=0.6, fire_once=once)
        models[f"stepped once {once}"] = evsim.SteppedIF(leak=0.05, threshold=0.6, fire_once=once)
    models["linear_leak subtract"] = evsim.LinearLeakIF(leak=0.1, threshold=0.6, reset="subtract")
    models["stepped multiplicative"] = evsim.SteppedIF(leak=0.05, threshold=0.6, leak_mode="multiplicative")
    for refractory in (0.0, 1.5):
        for tau_syn in (None, 5.0):
            tail, values = f"tau_syn {tau_syn} refractory {refractory}", {"tau_syn": tau_syn, "refractory": refractory}
            models[f"exp_lif {tail}"] = evsim.ExpLIF(bias=15.0, **values)
            models[f"adex {tail}"] = evsim.AdEx(bias=800.0, **values)
            models[f"qif {tail}"] = evsim.QIF(bias=6.0, **values)
            models[f"izhikevich {tail}"] = evsim.Izhikevich(bias=10.0, **values)
        models[f"coba_lif refractory {refractory}"] = evsim.COBALIF(bias=110.0, refractory=refractory)
    return models


def inputs(seed: int, n_inputs: int, whole: bool, n: int = 600) -> Spikes:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 150.0, n).round(2))
    return Spikes(rng.integers(0, n_inputs, n), np.floor(times) if whole else times)


def digest(*arrays: object) -> str:
    out = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(array)
        out.update(repr((values.dtype.str, values.shape)).encode() + values.tobytes())
    return out.hexdigest()[:16]


def dense(neuron: evsim.NeuronModel, dtype: str, seed: int = 3, **options: object) -> Network:
    net = Network(dtype=dtype)
    weights = np.random.default_rng(seed).uniform(-0.4, 0.8, (37, 20))
    net.add_layer(evsim.Dense(20, 37, weights=weights), neuron, **options)
    return net


def conv(neuron: evsim.NeuronModel, dtype: str) -> Network:
    net = Network(dtype=dtype)
    weights = np.random.default_rng(5).uniform(-0.3, 0.7, (5, 2, 3, 3))
    net.add_layer(evsim.Conv2d(5, 3, in_shape=SHAPE, padding=1, weights=weights), neuron)
    return net


def everything(net: Network, spikes: Spikes, until: float = 160.0) -> list[object]:
    """Spikes, probes and, where there are any, what a readout remembers; of one call, of pieces, of a batch."""
    n = net[0].n_neurons
    at = np.linspace(0.0, until, 33)
    probes = [evsim.Probe(0, at, [0, n // 2, n - 1], variable=variable) for variable in _variables(net)]
    out = net.infer(spikes, until=until, record=probes)
    parts: list[object] = [out.indices, out.times, *(probe.values for probe in probes)]
    parts += _memory(net)
    for k, stop in enumerate((*STOPS[1:], until)):
        out = net.infer(_between(spikes, k, stop), until=stop, reset=k == 0)
        if k == 1:
            net = pickle.loads(pickle.dumps(net))
        parts += [out.indices, out.times]
    parts += _memory(net)
    for out in net.infer([spikes, _between(spikes, 1, 80.0), Spikes()], until=until):
        parts += [out.indices, out.times]
    return parts


def _between(spikes: Spikes, k: int, stop: float) -> Spikes:
    inside = (spikes.times >= STOPS[k]) & (spikes.times < stop)
    return Spikes(spikes.indices[inside], spikes.times[inside])


def _variables(net: Network) -> list[str]:
    neuron = net[0].neuron
    if isinstance(neuron, evsim.neurons.UserNeuronModel):
        return list(neuron.variables)
    return ["v", "i"] if isinstance(neuron, (evsim.LIF, evsim.LI, evsim.SteppedIF)) else ["v"]


def _memory(net: Network) -> list[object]:
    return [net[0].maximum, net[0].maximum_time] if isinstance(net[0].neuron, evsim.LI) else []


def shipped_rows() -> Iterator[tuple[str, Callable[[], list[object]]]]:
    for dtype in ("float32", "float64"):
        for name, neuron in neurons().items():
            whole = isinstance(neuron, evsim.SteppedIF)
            yield (
                f"dense {dtype} {name}",
                lambda n=neuron, d=dtype, w=whole: everything(dense(n, d), inputs(1, 20, w)),
            )
            yield (
                f"conv {dtype} {name}",
                lambda n=neuron, d=dtype, w=whole: everything(conv(n, d), inputs(2, N_IMAGE, w)),
            )


def kernel_rows() -> Iterator[tuple[str, Callable[[], list[object]]]]:
    lif = evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.5)
    held = evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.5, refractory=1.5)
    adaptive = evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))
    own = adaptive(tau_mem=20.0, tau_adapt=5.0, jump=0.5)

    def learned(neuron: evsim.NeuronModel, dtype: str, rule: str) -> list[object]:
        net = dense(neuron, dtype, kernel=getattr(evsim.rules, rule)())
        out = net.infer(_between(inputs(1, 20, False), 0, 31.0), until=31.0)
        layer = net[0]
        return [out.indices, out.times, layer.weights, layer.neuron_traces, layer.synaptic_traces]

    for dtype in ("float32", "float64"):
        yield f"dense {dtype} own", lambda d=dtype: everything(dense(own, d), inputs(1, 20, False))
        yield f"conv {dtype} own", lambda d=dtype: everything(conv(own, d), inputs(2, N_IMAGE, False))
        for rule in ("pair_stdp", "triplet_stdp", "voltage_stdp", "reward_stdp"):
            yield f"dense {dtype} {rule}", lambda d=dtype, r=rule: learned(lif, d, r)
        yield f"dense {dtype} pair_stdp refractory", lambda d=dtype: learned(held, d, "pair_stdp")


def main() -> int:
    """Print the hashes, or those that differ from a file's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="a file with the output of an earlier run")
    parser.add_argument("--no-kernels", action="store_true", help="leave out what is compiled at run time")
    arguments = parser.parse_args()
    rows = list(shipped_rows())
    if not arguments.no_kernels:
        rows += kernel_rows()
    found = {name: digest(*compute()) for name, compute in rows}
    if arguments.against is None:
        print("\n".join(f"{value}  {name}" for name, value in found.items()))
        return 0
    lines = [line.split("  ", 1) for line in arguments.against.read_text().splitlines()]
    earlier = {name: value for value, name in lines}
    differing = [name for name, value in found.items() if earlier.get(name) != value]
    print("\n".join([*(f"differs: {name}" for name in differing), f"{len(differing)} of {len(found)} lines differ"]))
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
