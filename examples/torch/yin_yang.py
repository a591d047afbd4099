"""Learn to tell yin from yang from dots by the times of spikes, with PyTorch's Adam. Needs evsim[torch].

usage: python yin_yang.py [epochs]

The task is Kriener et al.'s (2022, Proc. NICE), the settings those of Wunderlich & Pehle (2021, Sci. Rep. 11:12829) but
for the size of the hidden layer.
"""

import sys
import time

import numpy as np
import torch

import evsim
import evsim.torch
from evsim.datasets import yin_yang


def times_and_classes(n, seed):
    """Spike times in ms, shape (n, 5), of points (x, y) of the symbol, with a last one at 0; and classes."""
    _, classes, points = yin_yang(n, seed=seed)
    times = np.column_stack([30.0 * points, 30.0 * (1.0 - points), np.zeros(n)])
    return torch.from_numpy(times), torch.from_numpy(classes)


def first_spike_loss(out, classes, end=60.0, tau=0.5, tau_late=6.4, alpha=0.003):
    """Cross-entropy of who fires first, and a cost of firing late; who is silent counts as firing at the end."""
    times = torch.where(out.mask[..., 0], out.first, end)
    late = torch.expm1(times.gather(1, classes[:, None]) / tau_late)
    return torch.nn.functional.cross_entropy(-times / tau, classes) + alpha * late.mean()


def network(n_hidden=100, seed=1):
    """5-100-3 leaky integrate-and-fire neurons."""
    net = evsim.SpikingNetwork(seed=seed)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    normal = evsim.initializers.NormalInitializer
    net.add_layer(evsim.Dense(5, n_hidden, normal(1.5, 0.78)), neuron)
    net.add_layer(evsim.Dense(n_hidden, 3, normal(0.93 * 200 / n_hidden, 0.1)), neuron)
    return net


def accuracy(model, times, classes):
    """Part of the samples whose class fires first."""
    with torch.no_grad():
        return float((model(times).first.argmin(1) == classes).float().mean())


def train(model, data, epochs):
    """Train by Adam; yield the seconds that each epoch took."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for _ in range(epochs):
        begin = time.perf_counter()
        for times, classes in torch.utils.data.DataLoader(data, batch_size=32, shuffle=True):
            optimizer.zero_grad()
            first_spike_loss(model(times), classes).backward()
            optimizer.step()
        schedule.step()
        yield time.perf_counter() - begin


def main(epochs=5):
    """Train, and tell how it goes."""
    torch.manual_seed(1)
    torch.set_num_threads(1)  # the tensors are small, and threads that wait for one another would take the time
    data = torch.utils.data.TensorDataset(*times_and_classes(5000, seed=42))
    test = times_and_classes(1000, seed=40)
    model = evsim.torch.Network(network(), until=60.0)
    for epoch, took in enumerate(train(model, data, epochs), 1):
        print(f"epoch {epoch}: {accuracy(model, *test):.1%} of the test set, {took:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
