"""Reward-modulated STDP on MNIST, by the protocol of EvSpikeSim's demonstration.

784 pixels -> 10 neurons; a pixel fires once within 10 ms, bright ones first; targets are 30 spikes for the right neuron
and 5 for each other; after each digit the error turns eligibility into weights. One epoch, the prediction is the neuron
that fires most. EvSpikeSim reports 86.3 % on the test set.

    python bench/reward_stdp_mnist.py [--data FOLDER] [--seed 42] [--train 60000]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.progress import track

import evsim

WINDOW = TAU_S = 0.010
TARGET, OTHERS = 30, 5
RATE = 3e-4


def spikes(image: np.ndarray) -> evsim.SpikeArray:
    """Latency code of one image, shape (28, 28), uint8."""
    pixels = image.reshape(-1)
    (lit,) = np.nonzero(pixels)
    times = (1.0 - pixels[lit] / 255.0) * WINDOW
    order = np.argsort(times, kind="stable")
    return evsim.SpikeArray(lit[order], times[order])


def counts(net: evsim.SpikingNetwork, sample: evsim.SpikeArray) -> np.ndarray:
    """Spikes of each output neuron."""
    return np.bincount(net.infer(sample).indices, minlength=10)


def main() -> None:
    """Train for one epoch, test, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--train", type=int, default=60000, help="digits to train with")
    parser.add_argument("--test", type=int, default=10000, help="digits to test with")
    arguments = parser.parse_args()
    with np.load(arguments.data / "mnist.npz") as data:
        images, labels = data["x_train"], data["y_train"]
        test_images, test_labels = data["x_test"][: arguments.test], data["y_test"][: arguments.test]

    net = evsim.SpikingNetwork(seed=arguments.seed)
    weights = evsim.initializers.UniformInitializer(-1.0, 1.0)
    layer = net.add_layer(
        evsim.Dense(784, 10, weights),
        evsim.LIF(tau_mem=2 * TAU_S, tau_syn=TAU_S, threshold=1.0),
        kernel=evsim.rules.reward_stdp(),
    )
    order = np.random.default_rng(arguments.seed).permutation(len(images))[: arguments.train]
    hits, start = 0, time.perf_counter()
    for k in track(order, "training"):
        fired = counts(net, spikes(images[k]))
        hits += int(np.argmax(fired) == labels[k])
        target = np.full(10, OTHERS)
        target[labels[k]] = TARGET
        evsim.rules.apply_reward(layer, target - fired, RATE)
    seconds = time.perf_counter() - start
    correct = sum(
        int(np.argmax(counts(net, spikes(image))) == label)
        for image, label in track(list(zip(test_images, test_labels, strict=True)), "testing")
    )
    print(f"training: {hits / len(order):.1%} of {len(order)} digits, {seconds / len(order) * 1e6:.0f} us each")
    print(f"test: {correct / len(test_labels):.1%} of {len(test_labels)} digits")


if __name__ == "__main__":
    main()
