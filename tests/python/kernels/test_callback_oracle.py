"""The reference for user callbacks: cases worked by hand, and replay against explicit sums over spikes."""

from math import exp, inf

import numpy as np
import oracle
import pytest
from oracle import callbacks, stdp
from oracle.callbacks import Call, LifPotential, Rule, begin, replay

PAIR = {"a_plus": 0.011, "a_minus": 0.012, "tau_plus": 16.8, "tau_minus": 33.7}
TRIPLET = {"a2_plus": 4.6e-3, "a2_minus": 7e-3, "a3_plus": 6.2e-3, "a3_minus": 2.3e-4}
TRIPLET |= {"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0}
TIES = pytest.mark.parametrize("ties", ["output first", "input first"])


class Everything(Rule):
    """Every callback reads and writes what it may."""

    neuron_tau = (3.0, inf)
    synaptic_tau = (5.0, inf)

    def on_pre_synapse(self, weight, neuron, synaptic, context):
        synaptic[0] += weight
        synaptic[1] += neuron[0] + context.input
        return weight + 0.01 * neuron[0]

    def on_pre_neuron(self, weight, neuron, context):
        neuron[0] += weight * context.v
        neuron[1] += context.i

    def on_post_neuron(self, neuron, context):
        neuron[0] += context.v
        neuron[1] -= 0.5 * context.time

    def on_post_synapse(self, weight, neuron, synaptic, context):
        synaptic[1] -= 0.1 * synaptic[0]
        return weight - 0.02 * synaptic[0] * neuron[0]


def random_spikes(seed, *, n_inputs=4, n_neurons=3, n=80, end=400.0, grid=None):
    """Inputs and outputs; on a coarse `grid` many of them coincide."""
    rng = np.random.default_rng(seed)

    def times(count):
        t = np.sort(rng.uniform(0.0, end, count))
        return t if grid is None else np.round(t / grid) * grid

    return rng.integers(0, n_inputs, n), times(n), [times(rng.integers(5, 25)) for _ in range(n_neurons)]


def changes(rule, spikes, **options):
    """Weights of a replay that starts from zero weights: with float64 weights of size 1 their change loses digits."""
    return replay(rule, begin(rule, np.zeros((3, 4))), *spikes, **options)


def test_calls_come_in_order_with_decayed_traces():
    rule = Everything()
    run = replay(rule, begin(rule, [[2.0, 4.0]]), [1], [1.0], [[2.0]], membrane=LifPotential(2.0, 1.0))
    v, i = 4 * (exp(-0.5) - exp(-1.0)), 4 * exp(-1.0)  # at the output; v was 0 and i was 4 at the input
    neuron = (0.0 * exp(-1 / 3) + v, 4.0 - 1.0)
    assert [call[:4] for call in run.calls[0]] == [
        ("on_pre_synapse", 1, 1.0, 4.0),
        ("on_pre_neuron", 1, 1.0, 4.0),
        ("on_post_neuron", -1, 2.0, None),
        ("on_post_synapse", 0, 2.0, 2.0),
        ("on_post_synapse", 1, 2.0, 4.0),
    ]
    assert [call.neuron_traces for call in run.calls[0]] == [(0, 0), (0, 0), (0, 4), *[pytest.approx(neuron)] * 2]
    assert [call.synaptic_traces for call in run.calls[0]] == [
        (0, 0),
        (),
        (),
        (0, 0),
        pytest.approx((4 * exp(-0.2), 1)),
    ]
    assert run.neuron_traces == pytest.approx(np.array([neuron]))
    assert run.synaptic_traces[0] == pytest.approx(np.array([[0, 0], [4 * exp(-0.2), 1 - 0.4 * exp(-0.2)]]))
    assert run.weights == pytest.approx(np.array([[2.0, 4 - 0.02 * 4 * exp(-0.2) * v]]))
    assert [float(x) for x in run.events[0][1].before] == pytest.approx([v, i])
    assert [float(x) for x in run.events[0][1].after] == pytest.approx([v - 1, i])


def test_the_neuron_gets_the_weight_that_was_integrated():
    class Doubles(Rule):
        neuron_tau = (inf,)

        def on_pre_synapse(self, weight, neuron, synaptic, context):
            return 2 * weight

        def on_pre_neuron(self, weight, neuron, context):
            neuron[0] += weight

    rule = Doubles()
    run = replay(rule, begin(rule, [[1.0]]), [0, 0, 0], [1.0, 1.0, 2.0], [[]], membrane=LifPotential(2.0, 1.0))
    assert run.neuron_traces.tolist() == [[1.0 + 2.0 + 4.0]]
    assert run.weights.tolist() == [[8.0]]
    assert [event.weight for event in run.events[0]] == [1.0, 2.0, 4.0]
    assert float(run.neurons[0].i) == pytest.approx(3 * exp(-1) + 4)


def test_traces_decay_from_the_start_to_the_last_event_of_their_neuron():
    class Decays(Rule):
        neuron_tau = (2.0, inf)
        synaptic_tau = (4.0,)

    rule = Decays()
    neurons = begin(rule, np.zeros((2, 2)), start=-1.0, neuron_traces=[3.0, 5.0], synaptic_traces=[[[1], [2]]])
    run = replay(rule, neurons, [0], [1.0], [[], [2.0]])
    assert [neuron.time for neuron in run.neurons] == [1.0, 2.0]
    assert run.neuron_traces == pytest.approx(np.array([[3 * exp(-1), 5], [3 * exp(-1.5), 5]]))
    expected = [[[exp(-0.5)], [2 * exp(-0.5)]], [[exp(-0.75)], [2 * exp(-0.75)]]]
    assert run.synaptic_traces == pytest.approx(np.array(expected))
    assert [neuron.neuron_traces for neuron in neurons] == [[3.0, 5.0]] * 2


def test_ties_decide_who_comes_first_and_simultaneous_inputs_keep_their_order():
    spikes = [2, 0, 1], [1.0, 1.0, 3.0], [1.0, 1.0, 2.0]
    rest = [(2.0, -1), (3.0, 1)]
    assert callbacks.merged(*spikes, "output first") == [(1.0, -1), (1.0, -1), (1.0, 2), (1.0, 0), *rest]
    assert callbacks.merged(*spikes, "input first") == [(1.0, 2), (1.0, 0), (1.0, -1), (1.0, -1), *rest]


def test_without_a_membrane_there_is_no_potential_and_time_runs_forwards():
    seen = []

    class Looks(Rule):
        def on_pre_neuron(self, weight, neuron, context):
            seen.append(context)

    run = replay(Looks(), begin(Looks(), [[1.0]]), [0], [3.0], [[]])
    assert run.calls[0][1] == Call("on_pre_neuron", 0, 3.0, 1.0, (), ())
    assert (seen[0].time, seen[0].neuron, seen[0].input) == (3.0, 0, 0)
    assert np.isnan([seen[0].v, seen[0].i]).all()
    with pytest.raises(ValueError, match=r"event at 2\.0 after 3\.0"):
        replay(Looks(), run.neurons, [0], [2.0], [[]])


@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(20.0, 10.0), (10.0, 10.0), (5.0, 12.0)])
def test_potentials_are_sums_over_all_spikes_before(tau_mem, tau_syn):
    """v = sum_inputs w k(t - t_in) - threshold sum_outputs exp(-(t - t_out) / tau_mem), and so i."""
    rule, threshold = stdp.Pair(**PAIR), 1.25
    neurons = begin(rule, np.random.default_rng(0).uniform(-1, 2, (3, 4)))
    run = replay(rule, neurons, *random_spikes(1), membrane=LifPotential(tau_mem, tau_syn, threshold))

    def kernel(d):
        if tau_mem == tau_syn:
            return d / tau_mem * exp(-d / tau_mem)
        return tau_syn / (tau_mem - tau_syn) * (exp(-d / tau_mem) - exp(-d / tau_syn))

    for events in run.events:
        for k, now in enumerate(events):
            v = i = 0.0
            for past in events[: k + 1]:
                d = now.time - past.time
                v += -threshold * exp(-d / tau_mem) if past.input == -1 else past.weight * kernel(d)
                i += 0.0 if past.input == -1 else past.weight * exp(-d / tau_syn)
            assert [float(x) for x in now.after] == pytest.approx([v, i], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("after_reset", [False, True])
def test_the_potential_at_a_spike_of_the_oracle_is_the_threshold(after_reset):
    seen = []

    class Looks(Rule):
        def on_post_neuron(self, neuron, context):
            seen.append(context.v)

    times = [0.0, 1.0, 2.5, 2.75]
    truth = oracle.lif(oracle.Membrane(4.0, 2.0), oracle.LifParameters(threshold=1.5), times, [8.0] * 4)
    spikes = [float(spike.time) for spike in truth.spikes]
    membrane = LifPotential(4.0, 2.0, 1.5)
    replay(
        Looks(), begin(Looks(), [[8.0]]), [0] * 4, times, [spikes], membrane=membrane, context_after_reset=after_reset
    )
    assert len(spikes) > 3
    assert seen == pytest.approx([0.0 if after_reset else 1.5] * len(spikes), abs=1e-14)


@TIES
def test_pieces_of_a_stream_equal_the_whole(ties):
    indices, times, outputs = random_spikes(3, grid=2.0)
    rule, membrane = Everything(), LifPotential(20.0, 10.0)
    neurons = begin(rule, np.random.default_rng(0).uniform(-1, 2, (3, 4)))
    whole = replay(rule, neurons, indices, times, outputs, membrane=membrane, ties=ties)
    calls = [[], [], []]
    for low, high in [(-1.0, 55.0), (55.0, 57.0), (57.0, 333.0), (333.0, inf)]:
        now = (low <= times) & (times < high)
        own = [t[(low <= t) & (t < high)] for t in outputs]
        piece = replay(rule, neurons, indices[now], times[now], own, membrane=membrane, ties=ties)
        neurons = piece.neurons
        calls = [a + b for a, b in zip(calls, piece.calls, strict=True)]
    assert neurons == whole.neurons
    assert calls == whole.calls


def test_pair_and_triplet_sums_worked_by_hand():
    pair = {"a_plus": 2.0, "a_minus": 3.0, "tau_plus": 1.0, "tau_minus": 2.0}
    assert stdp.pair([0.0, 4.0], [1.0], **pair) == pytest.approx(2 * exp(-1) - 3 * exp(-1.5))
    assert [stdp.pair([1.0], [1.0], **pair, ties=t) for t in ("output first", "input first", "none")] == [-3, 2, 0]
    assert stdp.eligibility([0.0, 4.0], [1.0], tau=2.0) == pytest.approx(exp(-0.5) - exp(-1.5))
    left = 2 * exp(-1) * exp(-0.4) - 3 * exp(-1.5) * exp(-0.1)
    assert stdp.decaying_eligibility([0.0, 4.0], [1.0], 5.0, **pair, tau_c=10.0) == pytest.approx(left)
    full = {"a2_plus": 2.0, "a2_minus": 3.0, "a3_plus": 5.0, "a3_minus": 7.0}
    taus = {"tau_plus": 1.0, "tau_minus": 2.0, "tau_x": 4.0, "tau_y": 8.0}
    post_pre_post = 2 * exp(-1) + 5 * exp(-1) * exp(-2 / 8) - 3 * exp(-1 / 2)
    assert stdp.triplet([1.0], [0.0, 2.0], **full, **taus) == pytest.approx(post_pre_post)
    pre_post_pre = 2 * exp(-1) - 3 * exp(-1 / 2) - 7 * exp(-1 / 2) * exp(-2 / 4)
    assert stdp.triplet([0.0, 2.0], [1.0], **full, **taus) == pytest.approx(pre_post_pre)


@TIES
@pytest.mark.parametrize("grid", [None, 5.0])
@pytest.mark.parametrize("seed", range(5))
def test_replayed_weights_are_the_sums_over_spikes(grid, ties, seed):
    spikes = random_spikes(seed, grid=grid)
    for rule, formula, p in [(stdp.Pair, stdp.pair, PAIR), (stdp.Triplet, stdp.triplet, TRIPLET)]:
        expected = stdp.per_synapse(lambda pre, post, _, f=formula, p=p: f(pre, post, **p, ties=ties), 4, *spikes)
        np.testing.assert_allclose(changes(rule(**p), spikes, ties=ties).weights, expected, rtol=1e-12, atol=0.0)


@TIES
@pytest.mark.parametrize("a2_plus", [0.0, 5.3e-3])
def test_the_minimal_triplet_model_is_the_full_one_without_presynaptic_triplets(a2_plus, ties):
    minimal = {"a2_plus": a2_plus, "a2_minus": 3.5e-3, "a3_plus": 8e-3}
    minimal |= {"tau_plus": 16.8, "tau_minus": 33.7, "tau_y": 40.0}
    spikes = random_spikes(7)
    rule = stdp.Triplet(**minimal, a3_minus=0.0, tau_x=100.0)
    expected = stdp.per_synapse(lambda pre, post, _: stdp.triplet_minimal(pre, post, **minimal, ties=ties), 4, *spikes)
    np.testing.assert_allclose(changes(rule, spikes, ties=ties).weights, expected, rtol=1e-12, atol=0.0)


@TIES
def test_replayed_eligibility_is_the_sum_over_pairs(ties):
    spikes = random_spikes(8, grid=5.0)
    p, demo = {**PAIR, "tau_c": 150.0}, {"a_plus": 1.0, "a_minus": 1.0, "tau_plus": 20.0, "tau_minus": 20.0}
    sums = [
        (p, lambda pre, post, end: stdp.decaying_eligibility(pre, post, end, **p, ties=ties)),
        (demo, lambda pre, post, _: stdp.eligibility(pre, post, tau=20.0, ties=ties)),
    ]
    for parameters, formula in sums:
        run = changes(stdp.Eligibility(**parameters), spikes, ties=ties)
        expected = stdp.per_synapse(formula, 4, *spikes)
        np.testing.assert_allclose(run.synaptic_traces[:, :, 1], expected, rtol=1e-12, atol=0.0)
        assert not run.weights.any()
