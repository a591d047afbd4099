"""What infer is given reaches the core unchanged, whichever way it is given."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import evsim
from evsim.errors import IndexOutOfRangeError, UnsortedSpikesError


def network(n_neurons: int = 5, dtype: str = "float32", refractory: float = 0.0) -> evsim.SpikingNetwork:
    net = evsim.SpikingNetwork(seed=3, dtype=dtype)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.4, refractory=refractory)
    net.add_layer(evsim.Dense(20, n_neurons), neuron)
    return net


def spike_train(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 20, n).astype(np.int32), np.sort(rng.uniform(0.0, 200.0, n))


def test_arrays_and_pairs_mix_in_a_batch() -> None:
    net = network()
    pairs = [spike_train(seed) for seed in range(4)]
    alone = [net.infer(*pair) for pair in pairs]
    mixed = [evsim.SpikeArray(*pair) if k % 2 else pair for k, pair in enumerate(pairs)]
    assert net.infer(mixed) == alone
    assert [len(spikes) > 0 for spikes in alone] == [True] * 4


@pytest.mark.parametrize("batch", [False, True])
def test_pairs_come_in_any_order_and_arrays_sorted(batch: bool) -> None:
    net = network()
    indices, times = spike_train(1)
    expected = net.infer(indices, times)
    shuffled = np.random.default_rng(0).permutation(len(times))
    pair = indices[shuffled], times[shuffled]
    assert (net.infer([pair])[0] if batch else net.infer(*pair)) == expected
    unsorted = evsim.SpikeArray(*pair)
    with pytest.raises(UnsortedSpikesError, match=r"input: times must not decrease, but times\["):
        net.infer([unsorted] if batch else unsorted)


def test_the_wrong_sample_of_a_batch_is_named() -> None:
    good, bad = evsim.SpikeArray([1], [1.0]), evsim.SpikeArray([1, 20], [1.0, 2.0])
    with pytest.raises(IndexOutOfRangeError, match="input 2: spike 1 has index 20, but the layer has 20 inputs"):
        network().infer([good, good, bad])


def test_an_array_that_changes_during_a_call_is_seen_before_or_after() -> None:
    net = network(200)
    train = spike_train(2, 5000)
    whole, nothing = net.infer(*train), net.infer(evsim.SpikeArray())
    for _ in range(20):
        changing, results = evsim.SpikeArray(*train), []
        caller = threading.Thread(target=lambda: results.append(net.infer(changing)))  # noqa: B023
        caller.start()
        changing.clear()
        changing.add([0] * 5000, [1.0] * 5000)
        changing.clear()
        caller.join()
        assert results[0] in (whole, nothing, net.infer([0] * 5000, [1.0] * 5000))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_neurons", [1, 7, 16, 33, 70])
def test_held_neurons_leave_their_neighbours_alone(n_neurons: int, dtype: str) -> None:
    net = network(n_neurons, dtype, refractory=1.3)
    layer = net[0]
    indices, times = spike_train(4)
    spikes = net.infer(indices, times)
    assert n_neurons == 1 or len(spikes) > 3 * n_neurons
    for n in range(n_neurons):
        one = evsim.SpikingNetwork(dtype=dtype)
        one.add_layer(evsim.Dense(20, 1, weights=layer.weights[n : n + 1]), layer.neuron)
        assert np.array_equal(one.infer(indices, times).times, spikes.times[spikes.indices == n])
