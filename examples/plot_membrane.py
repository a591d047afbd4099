"""Draw input spikes, membrane potentials and output spikes: python plot_membrane.py [PICTURE]."""

import sys

import numpy as np
from matplotlib.figure import Figure

import evsim

net = evsim.SpikingNetwork()
weights = [[6.0, 4.0, -3.0], [2.2, 3.6, 2.5], [4.2, -2.5, 7.0]]
net.add_layer(evsim.Dense(3, 3, weights=weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=2.0))
inputs = evsim.SpikeArray([0, 1, 0, 1, 2, 0], [2.0, 4.0, 11.0, 12.0, 24.0, 33.0])
probe = evsim.Probe(0, times=np.linspace(0.0, 50.0, 2001))
spikes = net.infer(inputs, until=50.0, record=probe)

figure = Figure(figsize=(8.0, 5.0), layout="constrained")
top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2])
evsim.plot.raster(inputs, ax=top, n_neurons=3, time_unit="ms")
top.set(ylabel="input", xlabel="")
evsim.plot.membrane(probe, threshold=1.0, spikes=spikes, ax=bottom, time_unit="ms")
path = sys.argv[1] if len(sys.argv) > 1 else "membrane.png"
figure.savefig(path, dpi=120)
print(f"{len(spikes)} spikes; picture in {path}")
