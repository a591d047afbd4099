"""Tasks that bench/accuracy.py trains for: data, a network and its training, by name and seed.

Choices were made on the validation samples. Test samples are looked at once, by the network that was best on those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import evsim
from evsim.datasets import yin_yang
from evsim.learning import (
    Adam,
    DelayBounds,
    ExponentialDecay,
    FiringRate,
    ReadoutCrossEntropy,
    TimeToFirstSpike,
    Trainer,
)

DATA = Path(__file__).parents[2] / "shared" / "data"
LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
LI = evsim.LI(tau_mem=20.0, tau_syn=5.0)
Samples = tuple[list[evsim.SpikeArray], np.ndarray]


@dataclass
class Task:
    """What is trained, on what, and how long."""

    trainer: Trainer
    train: Samples
    validation: Samples
    test: Samples
    epochs: int


def network(sizes: list[int], weights: list[tuple[float, float]], last: Any, seed: int, delay: float = 0.0) -> Any:
    """Dense layers with normal weights (mean, deviation), with uniform delays up to `delay` for every synapse."""
    rng = np.random.default_rng(seed)
    net = evsim.SpikingNetwork(dtype="float32")
    for k, (n_inputs, n, (mean, deviation)) in enumerate(zip(sizes[:-1], sizes[1:], weights, strict=True)):
        dense = evsim.Dense(n_inputs, n, weights=rng.normal(mean, deviation, (n, n_inputs)).astype(np.float32))
        is_last = k == len(weights) - 1
        delays = rng.uniform(0.0, delay, (n, n_inputs)) if delay else 0.0
        net.add_layer(dense, last if is_last else LIF, name="out" if is_last else f"hidden {k + 1}", delay=delays)
    return net


# Yin-Yang


def of_yin_yang(trainer: Trainer, epochs: int) -> Task:
    return Task(trainer, *(yin_yang(n, seed=seed)[:2] for n, seed in ((5000, 42), (1000, 41), (1000, 40))), epochs)


def yin_yang_readout(seed: int) -> Task:
    """5-200-3, weights; the readout's mean potential decides."""
    net = network([5, 200, 3], [(1.0, 2.0), (0.0, 0.3)], LI, seed)
    trainer = Trainer(
        net,
        ReadoutCrossEntropy("out", at="mean", scale=10.0),
        Adam(net, lr=0.01, betas=(0.9, 0.99)),
        until=60.0,
        schedule=ExponentialDecay(0.95),
        regularizers=[FiringRate("hidden 1", low=0.2, high=1.0, strength=0.1)],
        seed=seed,
    )
    return of_yin_yang(trainer, 100)


def yin_yang_first_spike(seed: int) -> Task:
    """5-200-3, weights; the output neuron that fires first decides."""
    net = network([5, 200, 3], [(1.0, 2.0), (0.3, 0.3)], LIF, seed)
    trainer = Trainer(
        net,
        TimeToFirstSpike("out", tau=1.0, early=0.003, early_tau=6.4, revive=20.0),
        Adam(net, lr=0.005),
        until=60.0,
        schedule=ExponentialDecay(0.96),
        smallest_slope=0.02,
        seed=seed,
    )
    return of_yin_yang(trainer, 100)


def yin_yang_delays(seed: int) -> Task:
    """5-30-3, weights and the delays of all synapses; the readout's mean potential decides."""
    net = network([5, 30, 3], [(1.0, 2.0), (0.0, 0.5)], LI, seed, delay=5.0)
    trainer = Trainer(
        net,
        ReadoutCrossEntropy("out", at="mean", scale=10.0),
        Adam(net, lr=0.01, betas=(0.9, 0.99), clip=0.03, delays=DelayBounds(0.0, 20.0), delay_lr=0.03),
        until=60.0,
        schedule=ExponentialDecay(0.98),
        regularizers=[FiringRate("hidden 1", low=0.6, high=2.0, strength=1.0)],
        seed=seed,
    )
    return of_yin_yang(trainer, 200)


# MNIST


def latencies(images: np.ndarray) -> list[evsim.SpikeArray]:
    """A spike for each pixel that is not dark, the earlier the brighter, within 20 ms."""
    samples = []
    for pixels in images.reshape(len(images), -1):
        lit = np.flatnonzero(pixels > 1)
        times = (1.0 - pixels[lit] / 255.0) * 20.0
        order = np.argsort(times, kind="stable")
        samples.append(evsim.SpikeArray(lit[order], times[order]))
    return samples


class Shifts:
    """Moves every sample by up to some pixels, and loses some of its spikes."""

    def __init__(self, width: int, height: int, most: int, lost: float) -> None:
        self.width, self.height, self.most, self.lost = width, height, most, lost

    def __call__(self, samples: list[evsim.SpikeArray], rng: np.random.Generator) -> list[evsim.SpikeArray]:
        out = []
        for sample in samples:
            right, down = rng.integers(-self.most, self.most + 1, 2)
            pixels = sample.indices % (self.width * self.height)
            x, y = pixels % self.width + right, pixels // self.width + down
            kept = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height) & (rng.random(len(sample)) >= self.lost)
            out.append(evsim.SpikeArray((sample.indices + down * self.width + right)[kept], sample.times[kept]))
        return out


def of_mnist(trainer: Trainer, epochs: int) -> Task:
    with np.load(DATA / "mnist.npz") as data:
        images, classes = data["x_train"], data["y_train"].astype(int)
        test = latencies(data["x_test"]), data["y_test"].astype(int)
    samples = latencies(images)
    return Task(trainer, (samples[:55000], classes[:55000]), (samples[55000:], classes[55000:]), test, epochs)


def mnist_latency(seed: int) -> Task:
    """784-350-10; the readout's mean potential decides."""
    net = network([784, 350, 10], [(0.03, 0.3), (0.0, 0.1)], LI, seed)
    trainer = Trainer(
        net,
        ReadoutCrossEntropy("out", at="mean", scale=10.0),
        Adam(net, lr=0.005),
        until=30.0,
        batch_size=50,
        schedule=ExponentialDecay(0.9),
        regularizers=[FiringRate("hidden 1", low=0.1, high=1.0, strength=0.1)],
        augment=Shifts(28, 28, 1, 0.1),
        seed=seed,
    )
    return of_mnist(trainer, 36)


TASKS: dict[str, Callable[[int], Task]] = {
    "yin-yang": yin_yang_readout,
    "yin-yang-first-spike": yin_yang_first_spike,
    "yin-yang-delays": yin_yang_delays,
    "mnist": mnist_latency,
}
