"""Rules by order, rules that depend on the weight, and rules that wait, against formulas over spike times."""

import copy
from functools import partial
from math import inf, nan

import numpy as np
import pytest
from agreement import per_neuron
from oracle import learning, stdp

import evsim
from evsim import rules
from evsim.errors import (
    CompilerNotFoundError,
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    NoSuchParameterError,
    NotRunError,
    ShapeMismatchError,
    StreamError,
)

try:
    evsim.jit.find_compiler()
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

NEURON = evsim.LIFDelta(tau_mem=20.0, reset=0.0)
"""Every output comes at the time of an input: ties are the rule here."""
N_NEURONS, N_INPUTS, N_FIRING = 14, 8, 6
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

GUETIG = {"rate": 0.05, "alpha": 1.1, "tau_plus": 15.0, "tau_minus": 30.0}
DIEHL_COOK = {"a_plus": 0.3, "a_minus": 0.05, "tau_plus": 20.0, "tau_minus": 25.0, "tau_y": 40.0}
LEARNING = {
    "simplified": (rules.simplified_stdp(preset="IGARSS2023"), partial(learning.simplified, a_plus=0.04, a_minus=0.03)),
    "simplified, additive": (
        rules.simplified_stdp(stabilizer="additive"),
        partial(learning.simplified, a_plus=0.004, a_minus=0.003, multiplicative=False),
    ),
    "simplified, other bounds": (
        rules.simplified_stdp(a_plus=0.02, a_minus=0.01, w_min=-0.3, w_max=1.4),
        partial(learning.simplified, a_plus=0.02, a_minus=0.01, w_min=-0.3, w_max=1.4),
    ),
    "guetig, additive": (
        rules.guetig_stdp(**GUETIG, mu_plus=0.0, mu_minus=0.0),
        partial(learning.guetig, **GUETIG, mu_plus=0.0, mu_minus=0.0),
    ),
    "guetig, between": (
        rules.guetig_stdp(**GUETIG, mu_plus=0.3, mu_minus=0.6, w_max=1.5),
        partial(learning.guetig, **GUETIG, mu_plus=0.3, mu_minus=0.6, w_max=1.5),
    ),
    "guetig, multiplicative": (
        rules.guetig_stdp(**GUETIG),
        partial(learning.guetig, **GUETIG, mu_plus=1.0, mu_minus=1.0),
    ),
    "diehl_cook": (rules.diehl_cook_stdp(**DIEHL_COOK), partial(learning.diehl_cook, **DIEHL_COOK)),
}
every_rule = pytest.mark.parametrize("rule", LEARNING)


def events(seed, *, n=80, end=300.0):
    """Some inputs at one instant, some with long gaps; the last two inputs never fire."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(end / n, n) * rng.choice([0.0, 1.0, 2.0], n, p=[0.2, 0.6, 0.2])
    return rng.integers(0, N_FIRING, n), np.cumsum(gaps)


def first_weights(seed=0):
    """Some at the bounds 0 and 1, some beyond; a neuron that never fires."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 0.95, (N_NEURONS, N_INPUTS))
    weights[1::3, ::3] = 0.0
    weights[2::3, 1::3] = 1.0
    weights[3::4, 2::4] = rng.choice([-0.4, 1.7], weights[3::4, 2::4].shape)
    weights[0] = 0.0
    return weights


def network(kernel, dtype="float64", *, weights=None, neuron=NEURON):
    weights = first_weights() if weights is None else np.asarray(weights)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(weights.shape[1], weights.shape[0], weights=weights), neuron, kernel=kernel)
    return net


def run(net, seed=0):
    """What went in and came out, as the formulas take it."""
    indices, times = events(seed)
    outputs = per_neuron(net.infer(indices, times), N_NEURONS)
    assert sum(map(len, outputs)) > 100
    assert min(map(len, outputs)) == 0
    return indices, times, outputs


def expected(formula, first, spikes, **options):
    return learning.every_synapse(lambda w, pre, post, _: formula(w, pre, post, **options), first, *spikes)


def assert_close(found, wanted, dtype="float64"):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE[dtype] * max(1.0, np.abs(wanted).max()))


# Rules that learn as they go


@dtypes
@every_rule
def test_weights_are_what_the_formula_makes_of_the_spike_times(rule, dtype):
    kernel, formula = LEARNING[rule]
    net = network(kernel, dtype)
    first = net[0].weights.astype(float)
    wanted = expected(formula, first, run(net))
    assert np.abs(wanted - first).max() > 0.05
    assert_close(net[0].weights, wanted, dtype)


@every_rule
def test_the_other_order_of_ties_is_another_result(rule):
    kernel, formula = LEARNING[rule]
    net = network(kernel)
    first = net[0].weights.copy()
    other = expected(formula, first, run(net), ties="output first")
    assert np.abs(net[0].weights - other).max() > 1e-4


@every_rule
def test_pieces_of_a_stream_learn_what_the_whole_does(rule):
    kernel, _ = LEARNING[rule]
    whole, pieces = network(kernel), network(kernel)
    indices, times, _ = run(whole)
    for k, (begin, end) in enumerate([(-inf, 90.0), (90.0, 91.0), (91.0, 250.0), (250.0, inf)]):
        now = (begin <= times) & (times < end)
        pieces.infer(indices[now], times[now], until=end, reset=k == 0)
    np.testing.assert_array_equal(pieces[0].weights, whole[0].weights)
    np.testing.assert_array_equal(pieces[0].synaptic_traces, whole[0].synaptic_traces)


@pytest.mark.parametrize("update", ["sum", "mean"])
@pytest.mark.parametrize("make", [rules.simplified_stdp, rules.guetig_stdp, rules.diehl_cook_stdp])
def test_a_batch_learns_the_sum_or_mean_of_what_its_samples_would(make, update):
    weights = np.clip(first_weights(), 0.0, 1.0)
    net = network(make(batch_update=update), weights=weights)
    net.infer([events(seed) for seed in range(3)])
    change = np.zeros_like(weights)
    for seed in range(3):
        alone = network(make(), weights=weights)
        alone.infer(*events(seed))
        change += alone[0].weights - weights
    assert np.abs(change).max() > 1e-3
    assert_close(net[0].weights, weights + change / (3 if update == "mean" else 1))


def test_an_input_current_at_the_very_time_of_an_output_has_not_fired_before_it():
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0, reset=0.0, refractory=1000.0)
    kernel = rules.simplified_stdp(stabilizer="additive", w_max=9.0)
    (time,) = network(kernel, weights=[[5.0, 0.0, 0.5]], neuron=neuron).infer([0, 1], [0.0, 3.0]).times
    net = network(kernel, weights=[[5.0, 0.0, 0.5]], neuron=neuron)
    assert net.infer([0, 1, 2], [0.0, 3.0, time]).times == time
    assert_close(net[0].weights, [[5.004, 0.004, 0.497]])


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_weight_at_a_bound_stays_there_with_the_multiplicative_stabilizer(weight):
    net = network(rules.simplified_stdp(), weights=[[2.0, weight, weight]])
    net[0].kernel_parameters = {"a_plus": 0.5, "a_minus": 0.5}
    assert net.infer([1, 0, 0], [0.0, 1.0, 2.0]).n_spikes == 2 + (weight == 1.0)
    np.testing.assert_array_equal(net[0].weights, [[1.0, weight, weight]])


def test_an_input_that_fired_in_the_last_sample_has_not_fired_in_this_one():
    net = network(rules.simplified_stdp(stabilizer="additive"), weights=[[1.0, 0.5]])
    net.infer([1, 0], [0.0, 1.0])
    assert_close(net[0].weights, [[1.0, 0.504]])
    net.infer([0], [1.0])
    assert_close(net[0].weights, [[1.0, 0.501]])


def test_the_full_triplet_model_is_the_sum_over_pairs_and_triplets():
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    net = network(rules.triplet_stdp(preset="Visual_Cortex_Full"), neuron=neuron)
    first = net[0].weights.copy()
    spikes = run(net)
    p = {"a2_plus": 5e-10, "a2_minus": 7e-3, "a3_plus": 6.2e-3, "a3_minus": 2.3e-4}
    p |= {"tau_plus": 16.8, "tau_x": 101.0, "tau_minus": 33.7, "tau_y": 125.0}
    assert_close(net[0].weights - first, expected(lambda _, pre, post: stdp.triplet(pre, post, **p), first, spikes))


# Reward and punishment by order


REWARDS = [1.0, -1.0, np.linspace(-2.0, 1.5, N_NEURONS)]


def change_by_order(first, spikes, reward, rate, scale=lambda w: 1.0):
    pairs = {True: (0.004, -0.003), False: (-0.004, 0.0005)}
    modulation = np.broadcast_to(reward, N_NEURONS)

    def formula(w, pre, post, n):
        plus, minus = pairs[bool(modulation[n] > 0)]
        return rate * abs(modulation[n]) * scale(w) * learning.by_order(pre, post, plus=plus, minus=minus)

    return learning.every_synapse(formula, first, *spikes)


@dtypes
@pytest.mark.parametrize("reward", REWARDS, ids=["reward", "punishment", "both"])
def test_a_decision_is_rewarded_or_punished_by_the_order_of_spikes(reward, dtype):
    net = network(rules.mozafari_stdp(), dtype)
    first = net[0].weights.astype(float)
    spikes = run(net)
    np.testing.assert_array_equal(net[0].weights, first)
    rules.apply_reward(net[0], reward, 0.25)
    change = change_by_order(first, spikes, reward, 0.25)
    assert change.min() < -0.004
    assert change.max() > 0.001
    assert_close(net[0].weights, np.clip(first + change, 0.2, 0.8), dtype)


def test_rates_may_change_between_the_call_and_the_reward():
    net = network(rules.mozafari_stdp(w_min=-inf, w_max=inf))
    first = net[0].weights.copy()
    spikes = run(net)
    net[0].kernel_parameters = {"reward_plus": 0.1, "reward_minus": 0.0}
    rules.apply_reward(net[0], 1.0, 1.0)
    wanted = expected(lambda w, pre, post: w + learning.by_order(pre, post, plus=0.1, minus=0.0), first, spikes)
    assert_close(net[0].weights, wanted)


def test_the_multiplicative_stabilizer_scales_rewards():
    net = network(rules.mozafari_stdp(stabilizer="multiplicative", w_min=0.0, w_max=1.0))
    first = net[0].weights.copy()
    change = change_by_order(first, run(net), REWARDS[2], 0.5, lambda w: w * (1.0 - w))
    rules.apply_reward(net[0], REWARDS[2], 0.5)
    assert_close(net[0].weights, np.clip(first + change, 0.0, 1.0))


@pytest.mark.parametrize(("reward", "rate"), [(inf, 1.0), (-inf, 1.0), (nan, 1.0), (1.0, inf)])
def test_bounds_do_not_hide_a_reward_that_is_not_finite(reward, rate):
    net = network(rules.mozafari_stdp())
    first = net[0].weights.copy()
    run(net)
    with pytest.raises(NonFiniteError):
        rules.apply_reward(net[0], reward, rate)
    np.testing.assert_array_equal(net[0].weights, first)


def test_the_rewards_by_order_of_a_batch_add_up():
    net = network(rules.mozafari_stdp(w_min=-5.0, w_max=5.0))
    first = net[0].weights.copy()
    samples = [events(seed) for seed in range(3)]
    outputs = [per_neuron(spikes, N_NEURONS) for spikes in net.infer(samples)]
    reward = np.random.default_rng(0).normal(size=(3, N_NEURONS))
    rules.apply_reward(net[0], reward, 0.1)
    runs = zip(samples, outputs, reward, strict=True)
    assert_close(net[0].weights, first + sum(change_by_order(first, (*s, o), r, 0.1) for s, o, r in runs))


# Dopamine


DOPAMINE = {"a_plus": 0.7, "a_minus": 0.9, "tau_plus": 20.0, "tau_minus": 15.0}
FREE_DOPAMINE = rules.eligibility_stdp(**DOPAMINE)
CUTS = (60.0, 140.0, 140.0, 220.0, 400.0)
AMOUNTS = (2e-3, 1e-3, 3e-3, -4e-3, 0.0)


def rewarded(net, amounts=AMOUNTS, cuts=CUTS, seeds=(0,)):
    """Deliver `amounts` at `cuts`; return the spikes of every sample."""
    batch = len(seeds) > 1
    samples = [events(seed) for seed in seeds]
    outputs = [[[] for _ in range(N_NEURONS)] for _ in samples]
    begin = -inf
    for cut, amount in zip(cuts, amounts, strict=True):
        if cut > begin:
            pieces = [(i[(begin < t) & (t <= cut)], t[(begin < t) & (t <= cut)]) for i, t in samples]
            options = {"until": cut, "reset": begin == -inf}
            found = net.infer(pieces, **options) if batch else [net.infer(*pieces[0], **options)]
            for sample, spikes in zip(outputs, found, strict=True):
                for train, times in zip(sample, per_neuron(spikes, N_NEURONS), strict=True):
                    train.extend(times)
            begin = cut
        rules.deliver_dopamine(net, amount)
    assert all(sum(map(len, sample)) > 100 for sample in outputs)
    return [(*sample, own) for sample, own in zip(samples, outputs, strict=True)]


def dopamine_gain(first, spikes, amounts=AMOUNTS, cuts=CUTS, tau_c=1000.0, tau_d=200.0):
    def formula(w, pre, post, n):
        given = (float(np.broadcast_to(amount, N_NEURONS)[n]) for amount in amounts)
        deliveries = list(zip(cuts, given, strict=True))
        return learning.dopamine_gain(pre, post, deliveries, cuts[-1], **DOPAMINE, tau_c=tau_c, tau_d=tau_d)

    return learning.every_synapse(formula, first, *spikes)


@dtypes
def test_weights_are_the_integral_of_eligibility_times_dopamine(dtype):
    net = network(FREE_DOPAMINE, dtype)
    first = net[0].weights.astype(float)
    (spikes,) = rewarded(net)
    gain = dopamine_gain(first, spikes)
    assert np.abs(gain).max() > 0.2
    assert_close(net[0].weights, first + gain, dtype)


def test_every_neuron_may_get_dopamine_of_its_own():
    net = network(rules.eligibility_stdp(**DOPAMINE, tau_eligibility=inf, tau_dopamine=50.0))
    first = net[0].weights.copy()
    amounts = np.random.default_rng(0).uniform(0.0, 5e-3, (len(CUTS), N_NEURONS))
    (spikes,) = rewarded(net, amounts)
    assert_close(net[0].weights, first + dopamine_gain(first, spikes, amounts, tau_c=inf, tau_d=50.0))


def test_dopamine_that_decays_between_events_acts_on_what_is_transmitted():
    """Weights move as their synapses have events, not only where the stream is cut."""
    net = network(rules.eligibility_stdp(), weights=[[1.0, 0.5]])
    net.infer([1, 0], [0.0, 5.0], until=10.0)
    rules.deliver_dopamine(net, 0.01)
    net.infer([1, 1], [100.0, 1000.0], until=1001.0, reset=False)
    tau, c, d = 1 / (1 / 1000 + 1 / 200), np.exp(-5 / 20) * np.exp(-5 / 1000), 0.01
    first = tau * c * d * (1 - np.exp(-90 / tau))
    later = tau * (c * np.exp(-90 / 1000) - np.exp(-95 / 20)) * d * np.exp(-90 / 200)
    assert_close(net[0].weights[0, 1], 0.5 + first + later * (1 - np.exp(-900 / tau)))


def test_a_delivery_of_nothing_leaves_the_stream_as_it_is():
    plain, cut = (network(rules.eligibility_stdp(**DOPAMINE, w_min=-9.0)) for _ in range(2))
    spikes = rewarded(cut, [0.0] * len(CUTS))[0]
    found = plain.infer(*events(0), until=CUTS[-1])
    for own, other in zip(per_neuron(found, N_NEURONS), spikes[2], strict=True):
        np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(cut[0].weights, first_weights())
    plain_c = plain[0].synaptic_traces[..., 1]
    cut_c = cut[0].synaptic_traces[..., 1]
    settled = np.array([np.exp(-(CUTS[-1] - max(events(0)[1][-1], *own, 0.0)) / 1000.0) for own in spikes[2]])
    assert_close(cut_c, plain_c * settled[:, None])


@pytest.mark.parametrize("update", ["sum", "mean"])
def test_the_dopamine_of_a_batch_acts_on_each_sample(update):
    net = network(rules.eligibility_stdp(**DOPAMINE, batch_update=update), weights=first_weights() * 0.7)
    first = net[0].weights.copy()
    samples = rewarded(net, seeds=(0, 1))
    gain = sum(dopamine_gain(first, spikes) for spikes in samples) / (2 if update == "mean" else 1)
    assert_close(net[0].weights, first + gain)


def test_dopamine_keeps_weights_within_their_bounds():
    net = network(rules.eligibility_stdp(**DOPAMINE, w_min=0.1, w_max=0.9))
    rewarded(net, [0.05, -0.1, 0.0, 0.1, 0.0])
    active = net[0].weights[1:, :N_FIRING]
    assert active.min() == 0.1
    assert active.max() == 0.9


def test_dopamine_of_a_deeper_layer_takes_the_times_of_its_own_events():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(N_INPUTS, N_INPUTS, weights=first_weights()[1 : N_INPUTS + 1]), NEURON)
    net.add_layer(evsim.Dense(N_INPUTS, N_NEURONS, weights=first_weights(1)), NEURON, kernel=FREE_DOPAMINE)
    first, (indices, times) = net[1].weights.copy(), events(0)
    hidden, outputs = evsim.SpikeArray(), evsim.SpikeArray()
    for begin, end, amount in ((-inf, 150.0, 2e-3), (150.0, 400.0, 0.0)):
        now = (begin < times) & (times <= end)
        found = net.infer(indices[now], times[now], until=end, reset=begin == -inf)
        hidden.add(net[0].post_spikes.indices, net[0].post_spikes.times)
        outputs.add(found.indices, found.times)
        rules.deliver_dopamine(net, amount)
    hidden.sort()
    outputs.sort()
    spikes = (hidden.indices, hidden.times, per_neuron(outputs, N_NEURONS))
    gain = dopamine_gain(first, spikes, (2e-3, 0.0), (150.0, 400.0))
    assert np.abs(gain).max() > 0.1
    assert_close(net[1].weights, first + gain)


def test_a_network_goes_on_after_dopamine_when_it_is_copied():
    net = network(FREE_DOPAMINE)
    net.infer(*events(0), until=400.0)
    rules.deliver_dopamine(net, 1e-3)
    other = copy.deepcopy(net)
    for one in (net, other):
        one.infer([0, 1], [500.0, 600.0], until=700.0, reset=False)
    np.testing.assert_array_equal(other[0].weights, net[0].weights)


@pytest.mark.parametrize(
    ("amount", "error"),
    [(nan, NonFiniteError), (inf, NonFiniteError), (np.ones(3), ShapeMismatchError), ("much", ShapeMismatchError)],
)
def test_dopamine_that_is_no_amount_is_refused(amount, error):
    net = network(FREE_DOPAMINE)
    net.infer(*events(0), until=400.0)
    rules.deliver_dopamine(net, 1e-3)
    before, traces = net[0].weights.copy(), net[0].neuron_traces
    with pytest.raises(error):
        rules.deliver_dopamine(net, amount)
    np.testing.assert_array_equal(net[0].weights, before)
    np.testing.assert_array_equal(net[0].neuron_traces, traces)


def test_dopamine_comes_between_two_calls_of_a_stream():
    net = network(FREE_DOPAMINE)
    with pytest.raises(NotRunError):
        rules.deliver_dopamine(net, 1.0)
    net.infer(*events(0))
    with pytest.raises(StreamError, match="until="):
        rules.deliver_dopamine(net, 1.0)


@pytest.mark.parametrize("kernel", [None, rules.simplified_stdp()])
def test_dopamine_needs_eligibility(kernel):
    net = network(kernel)
    net.infer([0], [0.0], until=1.0)
    with pytest.raises(NoSuchParameterError, match="eligibility_stdp"):
        rules.deliver_dopamine(net, 1.0)


# Weights between calls


@dtypes
def test_normalized_weights_add_up_and_keep_their_ratios(dtype):
    net = network(None, dtype, weights=np.random.default_rng(0).uniform(0.1, 1.0, (5, 30)))
    before = net[0].weights.astype(float)
    rules.normalize_weights(net[0], 12.5)
    assert_close(net[0].weights.sum(axis=1), np.full(5, 12.5), dtype)
    assert_close(net[0].weights / net[0].weights[:, :1], before / before[:, :1], dtype)


@pytest.mark.parametrize("row", [[0.0, 0.0], [1.0, -1.0], [-3.0, 1.0]])
def test_weights_without_a_positive_sum_are_not_normalized(row):
    net = network(None, weights=[[0.5, 0.5], row])
    with pytest.raises(InvalidArgumentError, match="neuron 1 "):
        rules.normalize_weights(net[0], 1.0)
    np.testing.assert_array_equal(net[0].weights, [[0.5, 0.5], row])


# Arguments


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (rules.simplified_stdp, {"preset": "kheradpisheh"}),
        (rules.simplified_stdp, {"a_plus": -0.1}),
        (rules.simplified_stdp, {"stabilizer": "none"}),
        (rules.simplified_stdp, {"w_min": 1.0}),
        (rules.guetig_stdp, {"mu_plus": 1.1}),
        (rules.guetig_stdp, {"mu_minus": -0.1}),
        (rules.guetig_stdp, {"tau_plus": 0.0}),
        (rules.guetig_stdp, {"w_max": 0.0}),
        (rules.triplet_stdp, {"preset": "cortex"}),
        (rules.diehl_cook_stdp, {"tau_y": -1.0}),
        (rules.mozafari_stdp, {"w_min": 0.9}),
        (rules.mozafari_stdp, {"stabilizer": "none"}),
        (rules.eligibility_stdp, {"tau_dopamine": 0.0}),
        (lambda **values: rules.normalize_weights(network(None)[0], **values), {"total": 0.0}),
    ],
)
def test_values_outside_their_domain_are_refused(make, values):
    with pytest.raises(InvalidArgumentError):
        make(**values)


@pytest.mark.parametrize(
    ("make", "values", "error"),
    [
        (rules.simplified_stdp, {"preset": 2018}, DTypeError),
        (rules.simplified_stdp, {"w_max": inf}, NonFiniteError),
        (rules.guetig_stdp, {"rate": nan}, NonFiniteError),
        (rules.diehl_cook_stdp, {"w_max": nan}, NonFiniteError),
        (rules.mozafari_stdp, {"reward": 1.0}, ShapeMismatchError),
        (rules.mozafari_stdp, {"punishment": (nan, 0.0)}, NonFiniteError),
        (rules.eligibility_stdp, {"tau_dopamine": inf}, NonFiniteError),
    ],
)
def test_values_of_another_kind_are_refused(make, values, error):
    with pytest.raises(error):
        make(**values)


def test_values_that_are_given_replace_those_of_a_preset():
    values = rules.simplified_stdp(preset="igarss2023", a_plus=0.5).parameters
    assert (values["a_plus"], values["a_minus"]) == (0.5, 0.03)
    values = rules.triplet_stdp(preset="visual_cortex_full", tau_y=1.0).parameters
    assert (values["tau_y"], values["a2_minus"]) == (1.0, 7e-3)
