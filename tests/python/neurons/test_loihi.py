"""Loihi's neuron against its equations, step by step in Python's integers."""

import pickle

import numpy as np
import pytest

import evsim
from evsim.errors import EvsimError, InvalidArgumentError


def decayed(x, decay):
    sign = -1 if x < 0 else 1
    return sign * ((abs(x) * (4096 - decay)) >> 12)


def stepped(weights, indices, times, until, *, threshold, current_decay, voltage_decay, refractory, exponent):
    """(times, neurons) of spikes; weights [neuron][input] of integers; and v of every step."""
    n = len(weights)
    u, v, last, spikes, potentials = [0] * n, [0] * n, [-(10**9)] * n, [], []
    for t in range(until):
        arrived = indices[times == t]
        for k in range(n):
            a = sum(weights[k][i] for i in arrived)
            u[k] = decayed(u[k], current_decay) + a * 2 ** (6 + exponent)
            v[k] = decayed(v[k], voltage_decay) + u[k]
            waits = t - last[k] < refractory
            if v[k] > threshold * 64 and not waits:
                spikes.append((t, k))
                last[k] = t
            if t - last[k] < refractory:
                v[k] = 0
        potentials.append(list(v))
    return spikes, potentials


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("refractory", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_every_step(dtype, refractory, seed):
    rng = np.random.default_rng(seed)
    decays = [(1024, 128), (409, 4096), (4096, 64), (1, 1)][seed]
    settings = {"threshold": 80, "current_decay": decays[0], "voltage_decay": decays[1]}
    weights = 2 * rng.integers(-20, 40, (6, 12))
    times = np.sort(rng.integers(1, 200, 60))
    times[20:30] = times[20]
    times.sort()
    indices = rng.integers(0, 12, 60)
    expected, potentials = stepped(weights.tolist(), indices, times, 260, **settings, refractory=refractory, exponent=0)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(12, 6, weights=weights), evsim.Loihi(**settings, refractory_steps=refractory))
    probe = evsim.Probe(0, np.arange(260.0))
    out = net.infer(indices, times, until=260, record=probe)
    assert len(expected) > 5
    assert list(zip(out.times.tolist(), out.indices.tolist(), strict=True)) == expected
    np.testing.assert_array_equal(probe.values, potentials)


def test_a_stream_cut_anywhere_and_a_copy():
    rng = np.random.default_rng(9)
    times, indices = np.sort(rng.integers(1, 100, 50)).astype(float), rng.integers(0, 4, 50)
    net = evsim.SpikingNetwork()
    weights = rng.integers(0, 60, (3, 4))
    net.add_layer(evsim.Dense(4, 3, weights=weights), evsim.Loihi(refractory_steps=3, threshold=[60, 80, 100]))
    whole = net.infer(indices, times, until=200)
    pieces = []
    for begin, end in ((0, 7), (7, 8), (8, 60), (60, 200)):
        here = (times >= begin) & (times < end)
        pieces.append(net.infer(indices[here], times[here], reset=begin == 0, until=end))
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    again = pickle.loads(pickle.dumps(net))
    assert again.infer(indices, times, until=200) == whole


def test_fractions_of_the_sum_are_left_out():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(2, 1, weights=[[40.6, 40.6]]), evsim.Loihi(threshold=80, current_decay=4096))
    assert net.infer([0, 1], [1, 1], until=20).times.tolist() == [1.0]  # 81
    assert net.infer([0], [1], until=20).times.tolist() == []


def test_convolution():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Conv2d(2, 3, in_shape=(1, 4, 4), padding=1), evsim.Loihi())
    net[0].weights[...] = 60
    events = evsim.SpikeArray([5, 5, 9], [1.0, 2.0, 3.0], shape=(1, 4, 4))
    out = net.infer(events, until=50)
    assert len(out)
    assert np.all(out.times == np.floor(out.times))


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 0},
        {"threshold": 1.5},
        {"current_decay": -1},
        {"voltage_decay": 4097},
        {"refractory_steps": 0},
        {"weight_exponent": 8},
        {"threshold": [1, 2], "current_decay": [1, 2, 3]},
        {"threshold": np.nan},
        {"threshold": "a"},
    ],
)
def test_mistakes_have_names(values):
    with pytest.raises(EvsimError, match=next(iter(values))):
        evsim.Loihi(**values)


def test_times_and_devices():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1), evsim.Loihi())
    with pytest.raises(InvalidArgumentError, match="whole number of steps"):
        net.infer([0], [1], until=2.5)
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1), evsim.Loihi(current_decay=0))
    with pytest.raises(InvalidArgumentError, match="until"):
        net.infer([0], [1])
