"""The same network on the CPU and the GPU, and whether both do the same: to the last bit in emulation."""

import gpu
import numpy as np
import pytest
from agreement import TOLERANCE, per_neuron
from machines import on_host

import evsim

NEURONS = {
    "lif": lambda: evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.7),
    "lif_any_ratio": lambda: evsim.LIF(tau_mem=20.0, tau_syn=4.0, threshold=0.5, reset=-0.2, bias=0.1),
    "lif_refractory": lambda: evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.7, refractory=1.5),
    "lif_delta": lambda: evsim.LIFDelta(tau_mem=20.0, threshold=1.5),
    "lif_delta_refractory": lambda: evsim.LIFDelta(tau_mem=20.0, threshold=1.5, refractory=1.5),
    "iaf_delta": lambda: evsim.IAFDelta(threshold=1.5, reset=-0.5),
    "iaf_delta_refractory": lambda: evsim.IAFDelta(threshold=1.5, refractory=1.5),
    "adaptive_lif": lambda: evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))(
        tau_mem=20.0, tau_adapt=100.0, jump=0.4
    ),
}


def spikes(seed, n_inputs=20, n=120, end=150.0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, end, n))
    times[n // 3] = times[n // 3 - 1]  # two at one instant
    return rng.integers(0, n_inputs, n).astype(np.int32), times


def networks(dtype="float32", neurons=("lif",), sizes=(20, 37), **options):
    """The same network on CPU and GPU."""
    nets = []
    for where in ("cpu", "cuda"):
        net = evsim.SpikingNetwork(dtype=dtype, seed=3, device=where, **options)
        for name, n_inputs, n_neurons in zip(neurons, sizes, sizes[1:], strict=False):
            net.add_layer(evsim.Dense(n_inputs, n_neurons), NEURONS[name]())
        nets.append(net)
    return nets


def as_list(spikes):
    return spikes if isinstance(spikes, list) else [spikes]


def assert_same_spikes(found, expected, dtype, tau=20.0):
    for f, e in zip(as_list(found), as_list(expected), strict=True):
        on_host = f.to_host()
        assert len(f) == len(e)
        assert on_host.is_sorted
        if gpu.REAL is None:
            assert on_host == e
            continue
        for mine, other in zip(per_neuron(on_host, 4096), per_neuron(e, 4096), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=10 * TOLERANCE[dtype] * tau)


def assert_close(found, expected, dtype):
    tolerance = 0 if gpu.REAL is None else {"float32": 1e-4, "float64": 1e-11}[dtype]
    np.testing.assert_allclose(on_host(found), on_host(expected), rtol=tolerance, atol=tolerance)


def errors(nets, call):
    """The message, which has to be the same on CPU and GPU."""
    messages = []
    for net in nets:
        with pytest.raises(evsim.EvsimError) as caught:
            call(net)
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]
    return messages[0][1]
