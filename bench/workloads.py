"""The benchmark workloads: networks and inputs, the same for every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import evsim


@dataclass
class Workload:
    """A network and its input."""

    name: str
    net: evsim.SpikingNetwork
    indices: np.ndarray
    times: np.ndarray
    reference_ms: float | None = None
    """EvSpikeSim's time for it, one core of an AMD EPYC with AVX-512."""
    plain: evsim.SpikingNetwork | None = None
    """The same network without callbacks, to be measured beside it."""


def latency_digit(layers: list[tuple[int, float]], name: str, reference_ms: float | None) -> Workload:
    """MNIST-like latency code: 150 of 784 pixels fire once within 100 ms, tau_s 130 ms.

    Layers are (neurons, threshold).
    """
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 0.1, 150))
    indices = rng.choice(784, 150, replace=False).astype(np.int32)
    net = evsim.SpikingNetwork(seed=1)
    n_inputs = 784
    for n_neurons, threshold in layers:
        net.add_fc_layer(n_inputs, n_neurons, 0.130, threshold)
        n_inputs = n_neurons
    return Workload(name, net, indices, times, reference_ms)


def poisson(
    layers: list[tuple[int, float]],
    name: str,
    reference_ms: float | None,
    refractory: float = 0.0,
    heterogeneous: bool = False,
) -> Workload:
    """1000 Poisson inputs at 10 Hz for 1 s, weights U(-1, 1), tau_s 10 ms; layers are (neurons, threshold).

    If `heterogeneous`, the time constants differ by up to a fifth between neurons.
    """
    rng = np.random.default_rng(0)
    n = 9927
    times = np.sort(rng.uniform(0, 1000.0, n))
    indices = rng.integers(0, 1000, n).astype(np.int32)
    net = evsim.SpikingNetwork(seed=1)
    n_inputs = 1000
    for n_neurons, threshold in layers:
        spread = rng.uniform(0.8, 1.2, (2, n_neurons)) if heterogeneous else np.ones(2)
        taus = {"tau_mem": 20.0 * spread[0], "tau_syn": 10.0 * spread[1]}
        neuron = evsim.LIF(**taus, threshold=threshold, refractory=refractory)
        net.add_layer(evsim.Dense(n_inputs, n_neurons), neuron)
        n_inputs = n_neurons
    return Workload(name, net, indices, times, reference_ms)


def models() -> dict[str, evsim.neurons.NeuronModel]:
    """Return the linear models of the table of models, with thresholds at which they fire about as often as LIF."""
    exponential, slow = evsim.neurons.Exponential(10.0), evsim.neurons.Exponential(5.0)
    parts = evsim.neurons.Linear
    membrane = {"tau_mem": 20.0, "tau_syn": 10.0}
    adapting = {"tau_w": 100.0, "coupling": 0.5, "jump": 0.2}
    return {
        "LIF": evsim.LIF(**membrane, threshold=2.0),
        "LIF from parts": parts(synapses=exponential, tau_mem=20.0, threshold=2.0),
        "LIF from parts, refractory 1 ms": parts(synapses=exponential, tau_mem=20.0, threshold=2.0, refractory=1.0),
        "two exponential currents": parts(synapses=exponential + slow, tau_mem=20.0, threshold=3.0),
        "LIFAlpha": evsim.LIFAlpha(**membrane, threshold=4.4),
        "LIFDoubleExponential": evsim.LIFDoubleExponential(tau_mem=20.0, tau_rise=2.0, tau_decay=10.0, threshold=2.9),
        "ALIF": evsim.ALIF(**membrane, tau_adaptation=100.0, jump=0.2, threshold=1.5),
        "AdLIF": evsim.AdLIF(**membrane, **adapting, threshold=1.5),
        "SRMAlpha": evsim.SRMAlpha(tau_syn=10.0, tau_refractory=2.0, threshold=10.0),
    }


def nonlinear_models() -> dict[str, evsim.neurons.NeuronModel]:
    """Return non-linear models, driven so that they fire now and then under weights of some units."""
    return {
        "ExpLIF": evsim.ExpLIF(bias=12.0),
        "AdEx": evsim.AdEx(bias=600.0),
        "Izhikevich": evsim.Izhikevich.preset("tonic_spiking", bias=6.0),
    }


def with_callbacks(workload: Workload, name: str, kernel: evsim.Kernel, reference_ms: float | None) -> Workload:
    """Give the first layer of a workload callbacks."""
    (layer,) = workload.net
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(layer.n_inputs, layer.n_neurons, weights=layer.weights), layer.neuron, kernel=kernel)
    return Workload(name, net, workload.indices, workload.times, reference_ms, plain=workload.net)


def plastic_workloads() -> list[Workload]:
    """Return workloads with callbacks. Rates of learning are so small that every run does the same."""
    eligibility = evsim.rules.reward_stdp()
    learning = evsim.rules.pair_stdp(a_plus=1e-12, a_minus=1e-12)
    digit, rates = latency_digit([(100, 2.0)], "", None), poisson([(100, 1.0)], "", None)
    return [
        with_callbacks(digit, "latency digit 784-100, STDP traces", eligibility, 65.8),
        with_callbacks(digit, "latency digit 784-100, STDP learning", learning, None),
        with_callbacks(rates, "Poisson 1000 -> 100, STDP traces", eligibility, None),
        with_callbacks(rates, "Poisson 1000 -> 100, STDP learning", learning, None),
    ]


def all_workloads() -> list[Workload]:
    """Return the workloads in the order of the table."""
    return [
        latency_digit([(800, 0.2), (10, 1.3)], "latency digit 784-800-10, busy", 5.48),
        latency_digit([(800, 2.0), (10, 1.3)], "latency digit 784-800-10, sparse", 2.48),
        latency_digit([(100, 2.0)], "latency digit 784-100", None),
        poisson([(100, 1.0)], "Poisson 1000 -> 100", 22.9),
        poisson([(1000, 2.0)], "Poisson 1000 -> 1000", None),
        poisson([(1000, 2.0)], "Poisson 1000 -> 1000, refractory 1 ms", None, refractory=1.0),
        poisson([(1000, 2.0)], "Poisson 1000 -> 1000, time constants per neuron", None, heterogeneous=True),
        poisson([(1000, 2.0), (100, 5.0)], "Poisson 1000 -> 1000 -> 100", 255.0),
    ]
