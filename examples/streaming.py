"""A recording in pieces gives the same spikes, to the last bit, as the whole."""

import numpy as np

import evsim

rng = np.random.default_rng(0)
n_events, duration = 20_000, 1000.0
recording = evsim.SpikeArray(rng.integers(0, 200, n_events), np.sort(rng.uniform(0.0, duration, n_events)))

net = evsim.SpikingNetwork(seed=1)
net.add_layer(evsim.Dense(200, 100), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=1.5, refractory=1.0))
net.add_layer(evsim.Dense(100, 20), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=1.0))
whole = net.infer(recording, until=duration)

net.reset()
stream = evsim.SpikeArray()
for start in np.arange(0.0, duration, 50.0):
    piece = recording.time_slice(start, start + 50.0)
    spikes = net.infer(piece, until=start + 50.0, reset=False)
    stream.add(spikes.indices, spikes.times)
print(f"{len(whole)} spikes from the whole, {len(stream)} from 20 pieces; equal: {stream == whole}")
