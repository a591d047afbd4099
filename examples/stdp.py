"""Pair STDP finds a pattern that comes again and again in noise, and learns to answer its beginning."""

import numpy as np

import evsim

rng = np.random.default_rng(0)
n_inputs, n_rounds, period, length = 100, 400, 100.0, 15.0  # times in milliseconds

# Noise of 10 Hz from all inputs, and once in each round a pattern: 30 of them fire in a fixed order.
members, delays = rng.permutation(n_inputs)[:30], np.sort(rng.uniform(0.0, length, 30))
begins = period * np.arange(n_rounds) + rng.uniform(0.0, period - length, n_rounds)
n_noise = rng.poisson(0.01 * n_inputs * n_rounds * period)
inputs = evsim.SpikeArray(rng.integers(0, n_inputs, n_noise), rng.uniform(0.0, n_rounds * period, n_noise))
inputs.add(np.tile(members, n_rounds), (begins[:, np.newaxis] + delays).ravel())
inputs.sort()

net = evsim.SpikingNetwork()
rule = evsim.rules.pair_stdp(a_plus=0.01, a_minus=0.012, w_min=0.0, w_max=1.0)
half = evsim.initializers.ConstantInitializer(0.5)
neuron = evsim.LIF(tau_mem=10.0, tau_syn=5.0, threshold=2.0, reset=0.0)
layer = net.add_layer(evsim.Dense(n_inputs, 1, half), neuron, kernel=rule)
spikes = net.infer(inputs)

for name, first in (("first", 0), ("last", n_rounds - 20)):
    times = spikes.time_slice(first * period, (first + 20) * period).times
    since = times - begins[(times // period).astype(int)]
    within = (since >= 0.0) & (since < length)
    print(f"{name} 20 rounds: {len(times)} spikes, {within.mean():.0%} of them within the pattern")
weights = layer.weights[0]
others = np.setdiff1d(np.arange(n_inputs), members)
print(f"mean weight of the first ten inputs of the pattern: {weights[members[:10]].mean():.2f}")
print(f"of its last ten: {weights[members[-10:]].mean():.2f}; of all other inputs: {weights[others].mean():.2f}")
