"""What remedies do where exact gradients say nothing, or too much: three bad starts, trained with one remedy at a time.

python bench/remedies.py                    # the table
python bench/remedies.py -o bench/results   # and a file named after the machine and the date
python bench/remedies.py --smoke            # to see that everything runs

Silent: which of two numbers, given as times of four spikes, is larger; 30 hidden neurons, two outputs whose weights are
so small that they hardly ever fire; 10 epochs of Adam. Grazing: the same with weights of hidden neurons at which the
first crossing just comes about; 5 epochs of SGD. Exploding: which of two pairs of inputs fires more often, by the
numbers of spikes of two outputs; 30 hidden neurons that reach each other strongly, so that derivatives grow from spike
to spike; 4 epochs of SGD.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim
from evsim.initializers import NormalInitializer
from evsim.learning import SGD, Adam, FiringRate, SpikeCountCrossEntropy, TimeToFirstSpike, Trainer, tune_activity

NEURON = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
STARTS = {"silent": 10, "grazing": 5, "exploding": 4}
"""Epochs of each."""


@dataclass(frozen=True)
class Remedy:
    """What is done about a bad start."""

    name: str
    revive: float = 0.0
    rate: bool = False
    tune: bool = False
    slope: float = 0.0
    step: dict[str, float] = field(default_factory=dict)


REMEDIES = [
    Remedy("nothing"),
    Remedy("revive=1", revive=1.0),
    Remedy("revive=10", revive=10.0),
    Remedy("FiringRate(low=1)", rate=True),
    Remedy("tune_activity first", tune=True),
    Remedy("smallest_slope=0.05", slope=0.05),
    Remedy("clip=1", step={"clip": 1.0}),
    Remedy("max_step=0.02", step={"max_step": 0.02}),
    Remedy("revive=10, smallest_slope=0.05, max_step=0.02", 10.0, slope=0.05, step={"max_step": 0.02}),
]


def two_numbers(n: int, seed: int) -> tuple[list[evsim.SpikeArray], np.ndarray]:
    numbers = np.random.default_rng(seed).uniform(size=(n, 2))
    times = 20.0 * np.hstack([numbers, 1.0 - numbers])
    order = times.argsort(axis=1)
    samples = [evsim.SpikeArray(k, t[k]) for k, t in zip(order, times, strict=True)]
    return samples, (numbers[:, 0] > numbers[:, 1]).astype(int)


def two_rates(n: int, seed: int) -> tuple[list[evsim.SpikeArray], np.ndarray]:
    rng = np.random.default_rng(seed)
    classes, times = rng.integers(0, 2, n), np.sort(rng.uniform(0.0, 25.0, (n, 20)))
    pairs = np.where(rng.random((n, 20)) < 0.75, classes[:, None], 1 - classes[:, None])
    inputs = 2 * pairs + rng.integers(0, 2, (n, 20))
    return [evsim.SpikeArray(k, t) for k, t in zip(inputs, times, strict=True)], classes


def grazing(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """One strong input for each neuron, about 6.35, which is where its spike alone comes to the threshold."""
    weights = rng.normal(0.0, 0.3, shape)
    weights[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = rng.uniform(6.2, 6.8, shape[0])
    return weights


def network(start: str, seed: int) -> evsim.SpikingNetwork:
    net = evsim.SpikingNetwork(seed=seed)
    hidden, out = {
        "silent": (NormalInitializer(2.0, 1.5), NormalInitializer(0.2, 0.1)),
        "grazing": (grazing, NormalInitializer(0.6, 0.4)),
        "exploding": (NormalInitializer(1.5, 1.0), NormalInitializer(0.3, 0.3)),
    }[start]
    net.add_layer(evsim.Dense(4, 30, hidden), NEURON, name="hidden")
    if start == "exploding":
        net.connect("hidden", "hidden", evsim.Dense(30, 30, NormalInitializer(0.0, 1.0)), delay=1.0)
    net.add_layer(evsim.Dense(30, 2, out), NEURON, name="out")
    return net


def train(start: str, remedy: Remedy, seed: int, epochs: int, n: int = 500) -> dict[str, Any]:
    """Return accuracies of a validation by epoch, and the norm of the gradient of every step."""
    make, until = (two_rates, 60.0) if start == "exploding" else (two_numbers, 50.0)
    net, data = network(start, seed), make(n, seed)
    if remedy.tune:
        tune_activity(net, data[0][:100], until=until, spikes=1.0)
    loss: Any = TimeToFirstSpike("out", early=0.1, early_tau=10.0, revive=remedy.revive)
    if start == "exploding":
        loss = SpikeCountCrossEntropy("out", scale=0.5)
    kind, lr = {"silent": (Adam, 0.01), "grazing": (SGD, 0.1), "exploding": (SGD, 0.02)}[start]
    optimizer, norms = kind(net, lr=lr, **remedy.step), []
    step = optimizer.step

    def watched(gradients: Any) -> None:
        squares = (np.sum(np.square(one, dtype=np.float64)) for one in gradients.weights.values())
        norms.append(math.sqrt(sum(map(float, squares))))
        step(gradients)

    optimizer.step = watched  # type: ignore[method-assign]
    bounds = [FiringRate("out", low=1.0)] if remedy.rate else []
    trainer = Trainer(net, loss, optimizer, until=until, smallest_slope=remedy.slope, regularizers=bounds, seed=seed)
    held_out, accuracies = make(300, 1000 + seed), []
    for epoch in range(epochs):
        trainer.fit(data, epochs=epoch + 1)
        accuracies.append(trainer.evaluate(held_out)[1])
    return {"start": start, "remedy": remedy.name, "seed": seed, "accuracies": accuracies, "norms": norms}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    seeds = range(1) if options.smoke else range(5)
    rows = [
        train(start, remedy, seed, *((1, 40) if options.smoke else (epochs,)))
        for start, epochs in STARTS.items()
        for remedy in REMEDIES
        for seed in seeds
    ]
    table = Table("", *(f"{start}: accuracy, largest gradient" for start in STARTS))
    for remedy in REMEDIES:
        cells = []
        for start in STARTS:
            mine = [row for row in rows if (row["start"], row["remedy"]) == (start, remedy.name)]
            last = np.array([100.0 * row["accuracies"][-1] for row in mine])
            largest = np.median([max(row["norms"]) for row in mine])
            cells.append(f"{last.mean():.1f} ± {last.std():.1f} %, {largest:.3g}")
        table.add_row(remedy.name, *cells)
    Console(width=150).print(table)
    if options.output:
        short = [{**row, "norms": {"median": np.median(row["norms"]), "largest": max(row["norms"])}} for row in rows]
        write({"machine": machine(), "rows": short}, options.output, "remedies-")


if __name__ == "__main__":
    main()
