"""A neuron that is too fast for the time it is asked to pass ends in an error, not in waiting for ever."""

import pytest

import evsim
from evsim.neurons import DoubleExponential, Linear


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_membrane_much_faster_than_its_synapse(dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = Linear(synapses=DoubleExponential(1.0, 5.0), tau_mem=1e-10)
    net.add_layer(evsim.Dense(1, 1, weights=[[0.99]]), neuron)
    with pytest.raises(evsim.errors.KernelError, match="too fast"):
        net.infer([0], [0.0], until=50.0)
