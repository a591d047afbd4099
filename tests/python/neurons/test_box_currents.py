"""Currents that flow for a while, in closed form: tau v' = -v + x between the moments at which x changes."""

import math
import pickle

import numpy as np
import pytest
from machines import DTYPES, Machine, on_host, one_thread

import evsim
from evsim.encoders import boxes
from evsim.errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError
from evsim.neurons import Exponential, Linear

TAU, WIDTH, N_INPUTS = 10.0, 3.0, 8


def neuron_of(**options):
    return Linear(synapses=Exponential(math.inf), tau_mem=TAU, **{"threshold": 1.0, **options})


def network(machine, weights, neuron):
    net = (Machine(machine) if isinstance(machine, str) else machine).network()
    net.add_layer(evsim.Dense(2 * weights.shape[1], len(weights), weights=np.hstack([weights, -weights])), neuron)
    return net


def case(seed, n=150, end=100.0):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-0.3, 1.0, (4, N_INPUTS)).astype(np.float32).astype(float)
    return weights, evsim.SpikeArray(rng.integers(0, N_INPUTS, n), np.sort(rng.uniform(0.0, end, n)))


def spikes_in_closed_form(weights, spikes, until, threshold=1.0):
    """From one change of x to the next, v goes from where it is towards x."""
    edges = sorted([(t, w) for t, w in zip(spikes.times, weights[spikes.indices], strict=True)]
                   + [(t + WIDTH, -w) for t, w in zip(spikes.times, weights[spikes.indices], strict=True)])  # fmt: skip
    found, v, x, now = [], 0.0, 0.0, 0.0
    for time, change in [*edges, (until, 0.0)]:
        while now < min(time, until):
            left = min(time, until) - now
            hit = TAU * math.log((x - v) / (x - threshold)) if x > threshold else math.inf
            if hit > left:
                v, now = x + (v - x) * math.exp(-left / TAU), now + left
            else:
                v, now = 0.0, now + hit
                found.append(now)
        x = math.fsum([x, change]) if abs(x + change) > 1e-12 else 0.0
    return found


@one_thread
def test_spikes_are_those_of_the_closed_form(machine):
    weights, spikes = case(1)
    net = network(machine, 0.4 * weights + 0.1 if machine.dtype == "float64" else weights, neuron_of())
    given = on_host(net[0].weights)[:, :N_INPUTS].astype(float)
    out = on_host(net.infer(boxes(spikes, N_INPUTS, width=WIDTH), start=0.0, until=120.0))
    total = 0
    for n in range(4):
        expected = spikes_in_closed_form(given[n], spikes, 120.0)
        close = 1e-9 if machine.dtype == "float64" else 5e-3
        np.testing.assert_allclose(out.times[out.indices == n], expected, rtol=0, atol=close)
        total += len(expected)
    assert total > 15


def test_currents_end_at_exactly_nothing():
    weights, spikes = case(2, n=5000)
    net = network("float64", weights, neuron_of(threshold=1e6))
    probe = evsim.Probe(0, times=[50.0, 104.0], variable="i")
    net.infer(boxes(spikes, N_INPUTS, width=WIDTH), start=0.0, until=110.0, record=probe)
    assert np.all(np.abs(probe.values[0]) > 1.0)
    assert np.all(probe.values[1] == 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pieces_copies_and_files(dtype, tmp_path):
    weights, spikes = case(3)
    net = network(dtype, weights, neuron_of())
    given = boxes(spikes, N_INPUTS, width=WIDTH)
    whole = net.infer(given, start=0.0, until=120.0)
    net.save(tmp_path / "net.safetensors")
    net = evsim.load(tmp_path / "net.safetensors")
    first = net.infer(given.time_slice(None, 41.0), start=0.0, until=41.0)
    net = pickle.loads(pickle.dumps(net))
    assert first.merge(net.infer(given.time_slice(41.0, None), until=120.0, reset=False)) == whole
    assert len(whole) > 20


def test_who_never_leaks_asks_until_when():
    """A current that is left on makes the neuron fire for ever."""
    net = network("float64", np.array([[3.0]]), neuron_of())
    with pytest.raises(InvalidArgumentError, match="until"):
        net.infer([0], [0.0])
    times = net.infer([0], [0.0], until=50.0).times
    np.testing.assert_allclose(np.diff(times), TAU * math.log(3.0 / 2.0))


def test_a_box_of_one_step_is_the_step_of_a_stepped_simulator():
    """A spike of weight w in a step of dt moves v by about w dt / tau."""
    net = network("float64", np.array([[2.0]]), neuron_of(threshold=9.0))
    probe = evsim.Probe(0, times=[1.0 + 0.01])
    net.infer(boxes(evsim.SpikeArray([0], [1.0]), 1, width=0.01), start=0.0, until=2.0, record=probe)
    np.testing.assert_allclose(probe.values, 2.0 * -math.expm1(-0.01 / TAU), rtol=1e-10)


def test_what_boxes_makes():
    out = boxes(evsim.SpikeArray([1, 0, 1], [0.0, 1.0, 4.0]), 2, width=4.0)
    assert out.indices.tolist() == [1, 0, 1, 3, 2, 3] or out.times.tolist() == [0.0, 1.0, 4.0, 4.0, 5.0, 8.0]
    assert out.is_sorted
    assert len(boxes(evsim.SpikeArray(), 2, width=1.0)) == 0


def test_mistakes_are_named():
    spikes = evsim.SpikeArray([3], [0.0])
    with pytest.raises(IndexOutOfRangeError, match="index 3, but n_inputs is 3"):
        boxes(spikes, 3, width=1.0)
    for width in (0.0, -1.0):
        with pytest.raises(InvalidArgumentError, match="width must be positive"):
            boxes(spikes, 4, width=width)
    with pytest.raises(InvalidArgumentError, match="below"):
        boxes(spikes, 2**30, width=1.0)
    with pytest.raises(DTypeError, match="SpikeArray"):
        boxes([3], 4, width=1.0)
    for tau in (0.0, -math.inf):
        with pytest.raises(evsim.errors.EvsimError):
            Exponential(tau)
