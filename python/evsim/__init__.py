"""Event-driven simulation of spiking neural networks with exact spike times.

>>> import evsim
>>> net = evsim.SpikingNetwork(seed=1)
>>> layer = net.add_layer(evsim.Dense(3, 2, weights=[[8, 0, 0], [0, 8, 8]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
>>> net.infer([0, 1, 2], [1.0, 2.0, 2.5])
SpikeArray(4 spikes, indices 0 to 1, times 3.764... to 10.563...)
"""

import lazy_loader

# Each name of __init__.pyi is imported when it is first asked for, so that `evsim --help` need not wait for NumPy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
