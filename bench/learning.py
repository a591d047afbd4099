"""Measure learning with exact gradients on one thread: a run, the way back and a step, beside a network in PyTorch that
goes step by step.

python bench/learning.py                    # the table; PyTorch is left out where it is not installed
python bench/learning.py -o bench/results   # and a file named after the machine and the date
python bench/learning.py --smoke            # to see that everything runs

PyTorch wants an environment of its own: python -m pip install torch, and evsim.

Yin-Yang: five inputs fire once each within 30 ms, 200 and 3 LIF neurons, 60 ms. Digits: 150 of 784 inputs fire once
within 20 ms, 350 LIF neurons and a readout of 10 of which the maximum counts, 20 ms. PyTorch has the same networks with
surrogate gradients in steps of 0.5 and 0.2 ms.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import best_of, machine, write

import evsim
from evsim.learning import Adam, ReadoutCrossEntropy, TimeToFirstSpike, record

TAU_MEM, TAU_SYN = 20.0, 5.0


class Task:
    """A network, a batch of samples, and a loss."""

    def __init__(self, name: str, dtype: str, batch: int) -> None:
        rng = np.random.default_rng(1)
        self.name, self.dtype, self.batch = name, dtype, batch
        spiking = evsim.LIF(tau_mem=TAU_MEM, tau_syn=TAU_SYN)
        if name == "Yin-Yang":
            self.sizes, self.until, last = (5, 200, 3), 60.0, spiking
            weights = (rng.normal(1.5, 0.78, (200, 5)), rng.normal(0.186, 0.1, (3, 200)))
            self.times = np.hstack([rng.uniform(0.0, 30.0, (batch, 4)), np.zeros((batch, 1))])
            self.loss: Any = TimeToFirstSpike("out", tau=0.5, early=0.003, early_tau=6.4)
        else:
            self.sizes, self.until, last = (784, 350, 10), 20.0, evsim.LI(tau_mem=TAU_MEM, tau_syn=TAU_SYN)
            weights = (rng.normal(0.078, 0.045, (350, 784)), rng.normal(0.2, 0.37, (10, 350)))
            self.times = np.full((batch, 784), np.inf)
            for row in self.times:
                row[rng.choice(784, 150, replace=False)] = rng.uniform(0.0, 20.0, 150)
            self.loss = ReadoutCrossEntropy("out")
        self.weights = [one.astype(dtype) for one in weights]
        self.targets = rng.integers(0, self.sizes[-1], batch)
        self.net = evsim.SpikingNetwork(dtype=dtype)
        for k, (label, neuron) in enumerate((("hidden", spiking), ("out", last))):
            layer = self.net.add_layer(evsim.Dense(*self.sizes[k : k + 2]), neuron, name=label)
            layer.weights = self.weights[k]
        self.samples = []
        for row in self.times:
            order = np.argsort(row)[: int(np.isfinite(row).sum())]
            self.samples.append(evsim.SpikeArray(order, row[order]))


def with_evsim(task: Task, repeats: int) -> dict[str, Any]:
    """Milliseconds a sample of every part."""
    optimizer = Adam(task.net, lr=1e-6)
    tape = record(task.net, task.samples, until=task.until)
    value = task.loss(tape, task.targets)
    gradients = value.backward(tape)

    def all_of_it() -> None:
        tape = record(task.net, task.samples, until=task.until)
        optimizer.step(task.loss(tape, task.targets).backward(tape))

    parts = {
        "infer": lambda: task.net.infer(task.samples, until=task.until),
        "record": lambda: record(task.net, task.samples, until=task.until),
        "loss": lambda: task.loss(tape, task.targets),
        "backward": lambda: value.backward(tape),
        "step": lambda: optimizer.step(gradients),
        "all": all_of_it,
    }
    row = {name: best_of(part, repeats) / task.batch * 1e3 for name, part in parts.items()}
    hidden = sum(map(len, tape.trains("hidden"))) / task.batch
    return {"task": task.name, "dtype": task.dtype, "batch": task.batch, "hidden spikes": hidden, **row}


def with_torch(task: Task, dt: float, repeats: int) -> dict[str, Any]:
    """The same network in steps of `dt`, with surrogate gradients (a fast sigmoid), the loss on potentials."""
    import torch

    torch.set_num_threads(1)
    steps = round(task.until / dt)
    inputs = torch.zeros(steps, task.batch, task.sizes[0])
    for s, row in enumerate(task.times):
        for k in np.flatnonzero(np.isfinite(row)):
            inputs[min(steps - 1, int(row[k] / dt)), s, k] += 1.0
    weights = [torch.nn.Parameter(torch.tensor(one.T.astype(np.float32))) for one in task.weights]
    optimizer = torch.optim.Adam(weights, lr=1e-6)
    targets = torch.tensor(task.targets)
    by_mem, by_syn = float(np.exp(-dt / TAU_MEM)), float(np.exp(-dt / TAU_SYN))

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, v: Any) -> Any:
            context.save_for_backward(v)
            return (v > 0.0).float()

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            (v,) = context.saved_tensors
            return gradient / (1.0 + 10.0 * v.abs()) ** 2

    def run() -> None:
        optimizer.zero_grad()
        states = [torch.zeros(2, task.batch, size) for size in task.sizes[1:]]
        highest = torch.full((task.batch, task.sizes[-1]), -1e9)
        given = torch.matmul(inputs, weights[0])
        for step in range(steps):
            i, v = states[0]
            i = by_syn * i + given[step]
            v = by_mem * v + (1.0 - by_mem) * i
            spikes = Spike.apply(v - 1.0)
            states[0] = torch.stack([i, v * (1.0 - spikes)])
            i, v = states[1]
            i = by_syn * i + spikes @ weights[1]
            v = by_mem * v + (1.0 - by_mem) * i
            states[1] = torch.stack([i, v])
            highest = torch.maximum(highest, v)
        torch.nn.functional.cross_entropy(highest, targets).backward()
        optimizer.step()

    all_of_it = best_of(run, repeats) / task.batch * 1e3
    return {"task": task.name, "dtype": f"PyTorch, {dt:g} ms", "batch": task.batch, "all": all_of_it}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    repeats = 1 if options.smoke else 30
    rows = []
    for name, batch, dt in (("Yin-Yang", 32, 0.5), ("digits", 50, 0.2)):
        rows += [with_evsim(Task(name, dtype, batch), repeats) for dtype in ("float32", "float64")]
        if importlib.util.find_spec("torch") and not options.smoke:
            rows.append(with_torch(Task(name, "float32", batch), dt, max(1, repeats // 10)))
    table = Table("task", "", "batch", "hidden spikes", *("infer", "record", "loss", "backward", "step", "all"))
    for row in rows:
        cells = [f"{row[k]:.4f}" if k in row else "" for k in ("infer", "record", "loss", "backward", "step", "all")]
        spikes = f"{row['hidden spikes']:.0f}" if "hidden spikes" in row else ""
        table.add_row(row["task"], row["dtype"], str(row["batch"]), spikes, *cells)
    console = Console(width=120)
    console.print(table)
    console.print("milliseconds a sample")
    if options.output:
        write({"machine": machine(), "rows": rows}, options.output, "learning-")


if __name__ == "__main__":
    main()
