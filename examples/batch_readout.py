"""A batch of images through a random hidden layer into a leaky-integrator readout."""

import numpy as np

import evsim

rng = np.random.default_rng(0)
images = rng.random((64, 8, 8)) ** 3
samples = evsim.encoders.latency(images, t_max=20.0, threshold=0.1)

net = evsim.SpikingNetwork(seed=1)
weights = evsim.initializers.NormalInitializer(0.05, 0.3)
hidden = net.add_layer(evsim.Dense(64, 200, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.3))
readout = net.add_layer(evsim.Dense(200, 10), evsim.LI(tau_mem=20.0, tau_syn=5.0))

probe = evsim.Probe(-1, times=[10.0, 20.0])
net.infer(samples, record=probe)
print(f"{len(samples)} images, {hidden.n_spikes.sum(axis=1).mean():.1f} hidden spikes each")
print(f"potentials at 10 and 20 ms: {probe.values.shape}; highest potentials: {readout.maximum.shape}")
for k in range(3):
    best = readout.maximum[k].argmax()
    print(f"image {k}: readout {best} reaches {readout.maximum[k, best]:.6f} at {readout.maximum_time[k, best]:.6f} ms")
