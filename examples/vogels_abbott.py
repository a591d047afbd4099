"""A network that keeps itself busy, irregularly: python vogels_abbott.py [PICTURE].

3200 excitatory and 800 inhibitory neurons, each reached by 2 % of all, after Vogels & Abbott 2005, J. Neurosci. 25.
"""

import sys
import time

import numpy as np
from matplotlib.figure import Figure

import evsim
from evsim.neurons import Exponential, Linear

EXCITATORY, INHIBITORY, END = 3200, 800, 300.0  # the time in ms
n = EXCITATORY + INHIBITORY

net = evsim.SpikingNetwork(dtype="float32")
neuron = Linear(
    synapses={"excitation": Exponential(5.0), "inhibition": Exponential(10.0)},
    tau_mem=20.0,
    v_rest=-49.0,
    threshold=-50.0,  # below rest: left alone, every neuron fires
    reset=-60.0,
    refractory=5.0,
    v_init=np.random.default_rng(1).uniform(-60.0, -50.0, n),
)
net.add_population(n, neuron, name="cells")
drawn = evsim.Sparse.random(n, n, 0.02, seed=1)
excites = drawn.sources < EXCITATORY
for port, weight, chosen in (("excitation", 1.62, excites), ("inhibition", -9.0, ~excites)):
    synapses = evsim.Sparse(n, n, drawn.sources[chosen], drawn.targets[chosen], weights=weight)
    net.connect("cells", "cells", synapses, port=port, delay=0.1)
print(net)

begin = time.perf_counter()
spikes = net.infer(until=END)
seconds = time.perf_counter() - begin
rate = len(spikes) / n / END * 1e3
variation = np.nanmean(evsim.analysis.cv(spikes, n_neurons=n))
print(f"{len(spikes)} spikes, {rate:.2f} Hz, mean CV of the intervals {variation:.2f}")
print(f"{seconds:.3f} s for {END:g} ms: real-time factor {seconds / END * 1e3:.2f}")

figure = Figure(figsize=(8.0, 5.0), layout="constrained")
axes = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
colors = ["tab:blue"] * EXCITATORY + ["tab:red"] * INHIBITORY
above, _ = evsim.plot.raster_with_rate(
    spikes, bin_width=2.0, stop=END, n_neurons=n, color=colors, axes=axes, time_unit="ms"
)
above.set_title(f"{EXCITATORY} excitatory neurons (blue), {INHIBITORY} inhibitory (red)")
path = sys.argv[1] if len(sys.argv) > 1 else "vogels_abbott.png"
figure.savefig(path, dpi=120)
print(f"picture in {path}")
