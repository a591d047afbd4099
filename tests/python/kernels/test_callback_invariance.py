"""What must not matter to user callbacks: shifts, threads, batches, pieces, probes, the model's state."""

from math import inf

import numpy as np
import pytest
from agreement import per_neuron
from callback_kernels import (
    DTYPE,
    EVERYTHING,
    FAILS,
    LIF,
    LOOKS,
    MODEL,
    assert_same,
    close,
    events,
    network,
    results,
    strengths,
)
from oracle.callbacks import Rule, begin, replay

import evsim


def test_shifting_all_times_changes_no_trace_and_no_weight():
    """Shifted times of inputs are exact here; those of outputs round to 2e-13 at 1024, 2e-14 of a time constant."""
    indices, times = events(2, 6, n=80)
    times = np.round(times * 64) / 64
    runs = []
    for shift in (0.0, 1024.0, -1024.0):
        net = network(evsim.Kernel(FAILS), strengths(2, 40, 6))
        net.infer(indices, times + shift, start=shift)
        runs.append(results(net))
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(a).max())


@DTYPE
def test_any_number_of_threads_gives_the_same_bits(dtype):
    indices, times = events(5, 9, n=14000, end=30000.0)
    before = evsim.num_threads()
    runs = []
    try:
        for threads in (1, 2, 4):
            evsim.set_num_threads(threads)
            net = network(evsim.Kernel(EVERYTHING, parameters={"rate": 1e-5}), 0.1 * strengths(5, 130, 9), dtype)
            spikes = net.infer(indices, times)
            runs.append([spikes.indices, spikes.times, *results(net)])
    finally:
        evsim.set_num_threads(before)
    assert len(runs[0][0]) > 100
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


@DTYPE
@pytest.mark.parametrize("update", ["sum", "mean"])
def test_a_batch_is_its_samples_one_by_one(update, dtype):
    """The changes of the samples are added up in double: one rounding of each, and one at the end."""
    weights = strengths(3, 66, 6)
    samples = [events(seed, 6, n=30) for seed in range(5)]
    net = network(evsim.Kernel(EVERYTHING, batch_update=update), weights, dtype)
    first = net[0].weights.astype(float)
    outputs = net.infer(samples)
    change = np.zeros_like(first)
    for s, sample in enumerate(samples):
        one = network(evsim.Kernel(EVERYTHING), weights, dtype)
        assert one.infer(*sample) == outputs[s]
        np.testing.assert_array_equal(net[0].neuron_traces[s], one[0].neuron_traces)
        np.testing.assert_array_equal(net[0].synaptic_traces[s], one[0].synaptic_traces)
        change += one[0].weights.astype(float) - first
    expected = first + change / (len(samples) if update == "mean" else 1)
    np.testing.assert_allclose(net[0].weights, expected.astype(dtype), rtol=2 * np.finfo(dtype).eps, atol=1e-15)


def in_pieces(net, indices, times, cuts):
    """Feed a stream up to each of the cuts, then the rest; returns all output spikes."""
    pieces, done = [], 0
    for k, cut in enumerate([*cuts, None]):
        end = len(times) if cut is None else int(np.searchsorted(times, cut, side="right"))
        spikes = net.infer(indices[done:end], times[done:end], until=cut, reset=k == 0)
        pieces += list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))
        done = end
    return pieces


@DTYPE
@pytest.mark.parametrize("kind", ["random", "after spikes", "at inputs", "without input"])
def test_a_stream_in_pieces_learns_as_the_whole(kind, dtype):
    indices, times = events(6, 7, n=70)
    weights = strengths(6, 70, 7)
    whole = network(evsim.Kernel(EVERYTHING), weights, dtype)
    spikes = whole.infer(indices, times)
    rng = np.random.default_rng(0)
    cuts = {
        "random": np.sort(rng.uniform(0, 220.0, 12)),
        "after spikes": np.nextafter(np.sort(rng.choice(spikes.times, 25, replace=False)), inf),
        "at inputs": np.unique(times[::6]),
        "without input": np.sort(
            np.concatenate([(times[:-1] + times[1:])[np.diff(times) > 3] / 2 + d for d in (0, 0.5, 1)])
        ),
    }[kind]
    pieces = network(evsim.Kernel(EVERYTHING), weights, dtype)
    assert in_pieces(pieces, indices, times, cuts) == list(
        zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True)
    )
    assert_same(results(pieces), results(whole))


def test_a_long_stream_in_pieces_of_several_chunks_learns_as_the_whole():
    indices, times = events(7, 5, n=30000, end=90000.0)
    parameters = {"rate": 1e-6}
    whole = network(evsim.Kernel(EVERYTHING, parameters=parameters), 0.1 * strengths(7, 9, 5))
    spikes = whole.infer(indices, times)
    assert len(spikes) > 100
    pieces = network(evsim.Kernel(EVERYTHING, parameters=parameters), 0.1 * strengths(7, 9, 5))
    assert len(in_pieces(pieces, indices, times, [0.5, times[9000], times[9001], times[27000] + 0.25])) == len(spikes)
    assert_same(results(pieces), results(whole))


def test_a_stream_of_a_batch_in_pieces_has_the_traces_of_the_whole():
    """Without learning: between the pieces the samples would share what they have learned."""
    samples = [events(seed, 4, n=40) for seed in (1, 2, 3)]
    whole = network(evsim.Kernel(LOOKS), strengths(1, 20, 4))
    whole.infer(samples)
    pieces = network(evsim.Kernel(LOOKS), strengths(1, 20, 4))
    pieces.infer([(i[t <= 80.0], t[t <= 80.0]) for i, t in samples], until=80.0)
    pieces.infer([(i[t > 80.0], t[t > 80.0]) for i, t in samples], reset=False)
    assert_same(results(pieces), results(whole))


def test_recording_changes_no_trace_and_no_weight():
    indices, times = events(8, 6)
    plain, probed = (network(evsim.Kernel(EVERYTHING), strengths(8, 20, 6)) for _ in range(2))
    plain.infer(indices, times)
    probed.infer(indices, times, record=evsim.Probe(layer=0, variable="v", times=np.linspace(0, 190, 400)))
    assert_same(results(plain), results(probed))


@MODEL
def test_callbacks_that_only_look_change_no_spike_and_no_potential(neuron):
    indices, times = events(11, 6, n=120)
    weights = 0.3 * strengths(11, 37, 6)
    runs = []
    for kernel in (None, evsim.Kernel(LOOKS)):
        net = network(kernel, weights, neuron=neuron)
        probe = evsim.Probe(layer=0, variable="v", times=np.linspace(0, 199, 50))
        spikes = net.infer(indices, times, until=250.0, record=probe)
        runs.append([spikes.indices, spikes.times, probe.values])
    assert_same(*runs)
    assert bool(len(runs[0][0])) == neuron.spikes
    np.testing.assert_array_equal(net[0].weights, weights)


@MODEL
def test_callbacks_of_every_model_are_called_at_its_spikes(neuron):
    """The replay of traces needs no membrane: LOOKS keeps v in a trace of its own, which is left out here.

    Inputs and outputs at one instant: delta synapses fire after all inputs of that time.
    """

    class Looks(Rule):
        neuron_tau, synaptic_tau = (5.0, inf, inf), (5.0,)

        def on_pre_synapse(self, weight, neuron, synaptic, context):
            synaptic[0] += weight + neuron[0]
            return weight

        def on_pre_neuron(self, weight, neuron, context):
            neuron[0] += 1

        def on_post_neuron(self, neuron, context):
            neuron[0] += 0.5
            neuron[2] += 1

        def on_post_synapse(self, weight, neuron, synaptic, context):
            synaptic[0] += 0.125 * weight
            return weight

    indices, times = events(12, 6, n=120)
    weights = 0.3 * strengths(12, 6, 6)
    net = network(evsim.Kernel(LOOKS), weights, neuron=neuron)
    outputs = per_neuron(net.infer(indices, times, until=250.0), 6)
    ties = "input first" if "Delta" in type(neuron).__name__ else "output first"
    run = replay(Looks(), begin(Looks(), weights), indices, times, outputs, ties=ties)
    kept = [0, 2]
    close(net[0].neuron_traces[:, kept], run.neuron_traces[:, kept], 1e-11)
    close(net[0].synaptic_traces, run.synaptic_traces, 1e-11)


def test_layers_after_each_other_learn_each_by_its_own_kernel():
    """The second layer learns as it would from the first one's spikes alone."""
    indices, times = events(13, 5)
    net = network(evsim.Kernel(EVERYTHING), strengths(13, 6, 5))
    second = strengths(14, 4, 6)
    net.add_layer(evsim.Dense(6, 4, weights=second), LIF, kernel=evsim.Kernel(FAILS))
    net.infer(indices, times)
    alone = network(evsim.Kernel(FAILS), second)
    alone.infer(net[0].post_spikes)
    assert_same(results(net)[3:], results(alone))
