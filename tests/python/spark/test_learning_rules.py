"""Learning rules against sums over all pairs of spikes, and delays as far as they go."""

import numpy as np
import pytest

import evsim
from evsim import errors, spark

END = 200.0
SPIKES = evsim.SpikeArray(
    np.random.default_rng(8).integers(0, 3, 50), np.sort(np.random.default_rng(9).uniform(0.0, END, 50))
)


def neuron_with(rule, soma=None, scale=400.0):
    return spark.Neuron(
        units=2,
        soma=soma or spark.LeakySomaConfig(),
        synapses=spark.TracedSynapsesConfig(kernel=np.full((2, 3), scale)),
        learning_rule=rule,
        dtype="float64",
    )


def pairs(rule, out, reward=lambda t: 1.0):
    """Change of the weights by eta (y_hat x + y x_hat), from all pairs of spikes."""
    change = np.zeros((2, 3))
    for unit, post in zip(out.indices, out.times, strict=True):
        for index, pre in zip(SPIKES.indices, SPIKES.times, strict=True):
            tau = rule.pre_tau if pre < post else rule.post_tau
            change[unit, index] += rule.eta * reward(max(pre, post)) * np.exp(-abs(post - pre) / tau) / tau
    return change


@pytest.mark.parametrize(
    "soma", [spark.LeakySomaConfig(), spark.AdaptiveLeakySomaConfig(), spark.ExponentialSomaConfig(resistance=0.1)]
)
def test_hebbian_learning_is_a_sum_over_pairs(soma):
    rule = spark.HebbianRuleConfig(eta=50.0, pre_tau=15.0, post_tau=30.0)
    neuron = neuron_with(rule, soma)
    out = neuron(SPIKES, until=END)["out_spikes"]
    assert len(out) > 5
    np.testing.assert_allclose(neuron.synapses.kernel - 400.0, pairs(rule, out), rtol=1e-9)


def test_reward_scales_what_a_call_learns():
    rule = spark.ThreeFactorHebbianRuleConfig(eta=20.0)
    neuron = neuron_with(rule)
    early = neuron(SPIKES.time_slice(0.0, 90.0), until=90.0, reward=2.0)["out_spikes"]
    late = neuron(SPIKES.time_slice(90.0, END), until=END, reward=-0.5)["out_spikes"]
    early.add(late.indices, late.times)
    expected = pairs(rule, early, reward=lambda t: 2.0 if t < 90.0 else -0.5)
    np.testing.assert_allclose(neuron.synapses.kernel - 400.0, expected, rtol=1e-9)
    with pytest.raises(errors.InvalidArgumentError, match="needs a reward"):
        neuron([], [])


def test_weights_do_not_become_negative():
    neuron = neuron_with(spark.ThreeFactorHebbianRuleConfig(eta=1e5))
    neuron(SPIKES, until=END, reward=-1.0)
    assert neuron.synapses.kernel.min() == 0.0


def test_zenke_without_c_and_d_is_a_sum_over_triplets():
    rule = spark.ZenkeRuleConfig(eta=100.0, a=2.0, b=-0.5, c=0.0, d=0.0)
    neuron = neuron_with(rule)
    out = neuron(SPIKES, until=END)["out_spikes"]
    change = np.zeros((2, 3))
    for unit in range(2):
        posts = out.times[out.indices == unit]
        for index in range(3):
            pres = SPIKES.times[SPIKES.indices == index]
            for t in posts:
                fast = np.sum(np.exp(-(t - pres[pres < t]) / rule.pre_tau)) / rule.pre_tau
                slow = np.sum(np.exp(-(t - posts[posts < t]) / rule.post_slow_tau)) / rule.post_slow_tau
                change[unit, index] += rule.eta * rule.a * fast * slow
            for t in pres:
                change[unit, index] += rule.eta * rule.b * np.sum(np.exp((posts[posts < t] - t) / 20.0)) / 20.0
    assert len(out) > 5
    np.testing.assert_allclose(neuron.synapses.kernel - 400.0, change, rtol=1e-9)


def test_spikes_of_each_input_arrive_after_its_delay():
    delays, spikes = np.array([0.0, 2.5, 7.0]), evsim.SpikeArray([0, 1, 2, 0, 1, 2] * 3, np.arange(18.0))
    weights = np.array([[900.0, 700.0, 800.0], [500.0, 900.0, 600.0]])
    found = []
    for given, arriving in ((delays, spikes.times), (None, spikes.times + delays[spikes.indices])):
        parts = {} if given is None else {"delays": spark.NDelaysConfig(delays=given)}
        neuron = spark.LIFNeuron(units=2, dtype="float64", synapses__kernel=weights, **parts)
        order = np.argsort(arriving, kind="stable")
        train = evsim.SpikeArray(spikes.indices[order], spikes.times[order] if parts else arriving[order])
        found.append(neuron(train, until=40.0)["out_spikes"])
    assert found[0] == found[1]
    assert len(found[0]) > 3


def test_drawn_delays():
    drawn = spark.LIFNeuron(units=2, seed=3, delays=spark.NDelaysConfig())
    drawn.build(4)
    assert len(set(drawn.network[0].delays)) == 4
    drawn = spark.LIFNeuron(units=2, seed=3, delays=spark.N2NDelaysConfig())
    drawn.build(3)
    assert drawn.network[0].delays.shape == (2, 3)
    assert len(set(drawn.network[0].delays.ravel())) == 6


@pytest.mark.parametrize("kind", [spark.NDelaysConfig, spark.N2NDelaysConfig])
def test_delays_of_zero_and_of_another_shape(kind):
    neuron = spark.LIFNeuron(units=2, delays=kind(delays=0.0))
    neuron.build(3)
    with pytest.raises(errors.ShapeMismatchError, match="delays must be one or have shape"):
        spark.LIFNeuron(units=2, delays=kind(delays=[1.0] * 7)).build(3)
