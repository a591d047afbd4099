"""What programs written for EvSpikeSim say to spikes, layers and networks."""

import numpy as np
import pytest

import evsim
from evsim.errors import InvalidArgumentError, ShapeMismatchError, UnsortedSpikesError


def network():
    net = evsim.SpikingNetwork()
    layer = net.add_fc_layer(2, 3, tau_s=0.02, threshold=0.004)
    layer.weights = np.array([[1.0, 0.2], [-0.1, 0.8], [0.5, 0.4]], np.float32)
    return net, layer


def test_spikes_are_compared_by_time():
    late, early, same = evsim.Spike(42, 21.42), evsim.Spike(1, 10.84), evsim.Spike(1, 21.42)
    assert late > early and late >= early and early < late and early <= late  # noqa: PT018
    assert not late < same
    assert not late > same
    assert late <= same and late >= same  # noqa: PT018
    assert late != same
    assert late == evsim.Spike(42, 21.42) == (42, 21.42)
    assert sorted([late, early, same]) == [early, late, same]
    assert max([early, late]) is late


def test_spikes_as_text():
    assert str(evsim.Spike(42, 21.42)) == "Index: 42, Time: 21.42"
    spikes = evsim.SpikeArray([21, 12, 12], [42.42, 1.42, 21.84])
    spikes.sort()
    assert str(spikes) == "Index: 12, Time: 1.42\nIndex: 12, Time: 21.84\nIndex: 21, Time: 42.42\n"
    assert str(evsim.SpikeArray()) == ""
    assert repr(spikes) == "SpikeArray(3 spikes, indices 12 to 21, times 1.42 to 42.42)"


def test_the_text_of_many_spikes_is_cut_in_the_middle():
    lines = str(evsim.SpikeArray(np.arange(10**6), np.arange(10**6))).splitlines()
    assert len(lines) == 1001
    assert lines[0] == "Index: 0, Time: 0.0"
    assert lines[500] == "... 999000 more ..."
    assert lines[-1] == "Index: 999999, Time: 999999.0"


def test_spikes_are_counted_per_neuron():
    net, layer = network()
    spikes = net.infer([0, 1, 1], [1.0, 1.2, 1.5])
    assert layer.n_spikes.shape == (3,)
    assert layer.n_spikes.tolist() == [int((spikes.indices == n).sum()) for n in range(3)]
    assert layer.n_spikes.sum() == len(spikes) > 0
    net.infer([([0], [1.0]), ([], [])])
    assert layer.n_spikes.shape == (2, 3)
    assert layer.n_spikes[1].tolist() == [0, 0, 0]
    net.reset()
    assert layer.n_spikes.tolist() == [0, 0, 0]


def test_a_readout_counts_no_spikes():
    net = evsim.SpikingNetwork()
    layer = net.add_layer(evsim.Dense(1, 2), evsim.LI(tau_mem=2.0, tau_syn=1.0))
    net.infer([0], [0.0])
    assert layer.n_spikes.tolist() == [0, 0]


def test_keywords_and_unsorted_lists():
    net, _ = network()
    indices, times = [0, 1, 1], [1.0, 1.5, 1.2]
    expected = net.infer([0, 1, 1], [1.0, 1.2, 1.5])
    assert net.infer(indices=indices, times=times) == expected
    assert net.infer(indices, times) == expected
    assert net.infer(np.array(indices, np.uint32), np.array(times)) == expected
    assert net.infer([(indices, times)]) == [expected]
    inputs = evsim.SpikeArray(indices=indices, times=times)
    with pytest.raises(UnsortedSpikesError):
        net.infer(inputs)
    inputs.sort()
    assert net.infer(inputs) == expected


def test_sorting_keeps_the_order_of_one_time():
    net = evsim.SpikingNetwork(dtype="float32")
    net.add_layer(evsim.Dense(3, 1, weights=[[1e8, 1.0, -1e8]]), evsim.IAFDelta(threshold=1e9))
    value = []
    for order in ([0, 1, 2], [2, 0, 1]):
        probe = evsim.Probe(0, [3.0])
        net.infer([*order, 1], [2.0, 2.0, 2.0, 1.0], record=probe)
        sorted_probe = evsim.Probe(0, [3.0])
        net.infer([1, *order], [1.0, 2.0, 2.0, 2.0], record=sorted_probe)
        assert np.array_equal(probe.values, sorted_probe.values)
        value.append(float(probe.values[0, 0]))
    assert len(value) == 2


def test_mixed_up_keywords_are_named():
    net, _ = network()
    with pytest.raises(ShapeMismatchError, match="times"):
        net.infer(indices=[0])
    with pytest.raises(InvalidArgumentError, match="not both"):
        net.infer([0], [1.0], indices=[0])
    with pytest.raises(ShapeMismatchError):
        net.infer(indices=[0, 1], times=[1.0])


def test_spikes_chosen_by_masks_and_positions():
    spikes = evsim.SpikeArray([3, 1, 2, 1], [0.0, 1.0, 2.0, 3.0], shape=(2, 2))
    assert spikes[spikes.indices == 1] == evsim.SpikeArray([1, 1], [1.0, 3.0])
    assert spikes[[False, True, True, False]].indices.tolist() == [1, 2]
    assert spikes[np.array([3, 0, -1])].indices.tolist() == [1, 3, 1]
    assert spikes[[]].is_empty()
    assert spikes[[1]].shape == (2, 2)
    assert evsim.SpikeArray()[np.zeros(0, bool)].is_empty()


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ([True, False], ShapeMismatchError),
        (np.zeros((2, 2), int), evsim.errors.DTypeError),
        ([0.0, 1.0], evsim.errors.DTypeError),
        (["a"], evsim.errors.DTypeError),
        ([4], evsim.errors.IndexOutOfRangeError),
        ([-5], evsim.errors.IndexOutOfRangeError),
        (np.array([2**63], np.uint64), evsim.errors.IndexOutOfRangeError),
        ([[0], [1, 2]], ShapeMismatchError),
        ("ab", evsim.errors.DTypeError),
        (None, evsim.errors.DTypeError),
    ],
)
def test_wrong_positions_are_named_errors(key, error):
    with pytest.raises(error):
        evsim.SpikeArray([3, 1, 2, 1], [0.0, 1.0, 2.0, 3.0])[key]
