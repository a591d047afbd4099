"""Two layers of LIF neurons: build, run, look at the spikes."""

import evsim

net = evsim.SpikingNetwork(seed=1)  # times in milliseconds
hidden = net.add_layer(evsim.Dense(10, 50), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.1))
output = net.add_layer(evsim.Dense(50, 2), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.1, refractory=2.0))
print(net)

inputs = evsim.SpikeArray([3, 1, 4, 1, 5], [1.0, 2.5, 3.0, 6.0, 9.0])
spikes = net.infer(inputs)
print(f"{len(inputs)} input spikes, {hidden.n_spikes.sum()} hidden, {output.n_spikes.sum()} output")
for spike in spikes:
    print(f"output {spike.index} fired at {spike.time:.6f} ms")
