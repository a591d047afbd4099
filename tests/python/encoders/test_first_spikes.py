import numpy as np
import pytest
from hypothesis import given, strategies as st

from evsim import SpikeArray, errors
from evsim.encoders import constant_current_lif, spike_latency, spike_latency_lif

trains = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), max_size=30)


@given(trains)
def test_the_earliest_spike_of_each_index_stays(spikes):
    first = {}
    for index, time in sorted(spikes, key=lambda spike: spike[1]):  # stable
        first.setdefault(index, time)
    found = spike_latency(SpikeArray([i for i, _ in spikes], [float(t) for _, t in spikes]))
    assert [(spike.index, spike.time) for spike in found] == list(first.items())


def test_shape_stays_and_the_argument_too():
    spikes = SpikeArray([3, 3, 1], [2.0, 1.0, 1.5], shape=(2, 2))
    first = spike_latency(spikes)
    assert first.shape == (2, 2)
    assert first.indices.tolist() == [3, 1]
    assert spikes.indices.tolist() == [3, 3, 1]
    assert not spikes.is_sorted


def test_a_batch_is_a_list():
    assert spike_latency([]) == []
    batch = [SpikeArray([0, 0], [1.0, 2.0]), SpikeArray()]
    assert spike_latency(batch) == [spike_latency(one) for one in batch]
    assert spike_latency(tuple(batch)) == spike_latency(iter(batch)) == spike_latency(batch)


def test_first_spikes_of_constant_currents_are_those_of_the_trains():
    currents = np.random.default_rng(0).uniform(0.5, 4.0, (3, 20))
    options = {"tau_mem": 10.0, "threshold": 1.1, "v_rest": 0.1, "v_init": -0.5, "shape": (20,)}
    trains = constant_current_lif(currents, until=40.0, refractory=1.0, **options)
    assert spike_latency(trains) == spike_latency_lif(currents, until=40.0, **options)


@pytest.mark.parametrize("wrong", [3, None, "spikes", [SpikeArray(), 3], [[0], [1.0]], {"a": 1}])
def test_what_is_no_spike_array_is_a_named_error(wrong):
    with pytest.raises(errors.DTypeError, match="SpikeArray"):
        spike_latency(wrong)
