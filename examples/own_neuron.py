"""A neuron model in C++: the threshold of an adaptive LIF neuron rises with every spike, so that it fires less."""

import numpy as np

import evsim

source = evsim.kernels.shipped("adaptive_lif.h")  # or the path of your own header
AdaptiveLif = evsim.neurons.from_source(source)

rng = np.random.default_rng(0)
times = np.sort(rng.uniform(0.0, 200.0, 1000))  # milliseconds
inputs = evsim.SpikeArray(rng.integers(0, 20, 1000), times)
weights = evsim.initializers.ConstantInitializer(0.1)


def run(neuron, record=()):
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(20, 1, weights), neuron)
    return net.infer(inputs, until=200.0, record=record)


raised = evsim.Probe(0, times=[200.0], variable="h")
plain = run(evsim.LIFDelta(tau_mem=20.0, reset=0.0))
adaptive = run(AdaptiveLif(tau_mem=20.0, tau_adapt=100.0, jump=0.3), raised)
for name, spikes in (("plain", plain), ("adaptive", adaptive)):
    counts = np.histogram(spikes.times, bins=4, range=(0.0, 200.0))[0]
    print(f"{name}: {len(spikes)} spikes, in quarters of the time: {counts.tolist()}")
print(f"the threshold of the adaptive neuron at the end: {1.0 + raised.values[0, 0]:.6f}")
