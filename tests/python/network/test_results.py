"""What a call returns and what is left of it."""

import numpy as np
import pytest
from small_networks import outputs, recording, small_network, train

import evsim

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_every_layer_keeps_its_spikes():
    net = small_network()
    out = net.infer(*recording())
    assert out == net.output_layer.post_spikes
    assert len(out) > 3
    assert [layer.n_spikes.sum() for layer in net] == [len(layer.post_spikes) for layer in net]
    assert net[0].post_spikes.n_spikes > len(out)


def test_results_keep_what_they_showed_after_the_next_call():
    net = small_network()
    out = net.infer(*recording())
    seen = train(out)
    net.infer(*recording(seed=2))
    assert train(out) == seen


def test_the_three_forms_of_input_give_the_same():
    net = small_network()
    indices, times = recording()
    expected = train(net.infer(indices, times))
    assert train(net.infer(evsim.SpikeArray(indices, times))) == expected
    assert train(net.infer(indices.tolist(), times.tolist())) == expected
    assert [train(s) for s in net.infer([(indices, times), evsim.SpikeArray(indices, times)])] == [expected] * 2


def test_batches_give_lists():
    net = small_network()
    samples = [recording(seed=k, n=10 * k) for k in range(4)]
    out = net.infer(samples)
    assert isinstance(out, list)
    assert [layer.n_spikes.sum(axis=1).tolist() for layer in net] == [
        [len(s) for s in layer.post_spikes] for layer in net
    ]
    assert out == net[-1].post_spikes
    assert net.infer([]) == []
    assert net.infer([([], [])])[0].is_empty()
    assert isinstance(net.infer([], []), evsim.SpikeArray)


def test_before_the_first_call_there_are_no_spikes():
    net = small_network()
    assert net[0].post_spikes.is_empty()
    assert net[0].n_spikes.sum() == 0
    assert net.time is None


def test_reset_forgets_spikes_and_state_and_keeps_weights():
    net = small_network()
    fresh = outputs(net, *recording())
    net.infer(*recording(seed=2), until=11.0)
    net.reset()
    assert net.time is None
    assert net[0].post_spikes.is_empty()
    assert outputs(net, *recording(), reset=False) == fresh


def test_until_ends_the_simulation_before_spikes_at_that_time():
    net = small_network()
    whole = train(net.infer(*recording()))
    end = whole[1][len(whole[1]) // 2]
    part = train(net.infer(*recording(), until=end))
    keep = np.array(whole[1]) < end
    assert part == (np.array(whole[0])[keep].tolist(), np.array(whole[1])[keep].tolist())
    assert net.time == end


def test_probes_have_the_shape_times_by_neurons():
    net = small_network()
    all_of, some = evsim.Probe(0, times=[1.0, 2.0, 3.0]), evsim.Probe(-2, times=[2.0], neurons=[7, 1, 7], variable="i")
    empty = evsim.Probe(1, times=[])
    net.infer(*recording(), record=[all_of, some, empty])
    assert all_of.values.shape == (3, 8)
    assert some.values.shape == (1, 3)
    assert some.values[0, 0] == some.values[0, 2]
    assert empty.values.shape == (0, 3)
    net.infer([recording(), recording(seed=2)], record=all_of)
    assert all_of.values.shape == (2, 3, 8)
