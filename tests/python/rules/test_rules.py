"""The plasticity rules that ship, against explicit sums over pairs of spikes and against replayed traces."""

from math import inf, nan

import numpy as np
import pytest
from agreement import per_neuron
from oracle import stdp
from oracle.callbacks import LifPotential, Rule, begin, replay

import evsim
from evsim.errors import (
    CompilerNotFoundError,
    NonFiniteError,
    NoSuchParameterError,
    NotRunError,
    ShapeMismatchError,
)
from evsim.rules import apply_reward

try:
    evsim.jit.find_compiler()
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

TAU_MEM, TAU_SYN = 20.0, 10.0
LIF = evsim.LIF(tau_mem=TAU_MEM, tau_syn=TAU_SYN)
PAIR = {"a_plus": 0.011, "a_minus": 0.012, "tau_plus": 16.8, "tau_minus": 33.7}
TRIPLET = {"a2_plus": 4.6e-3, "a2_minus": 7e-3, "a3_plus": 6.2e-3, "a3_minus": 2.3e-4}
TRIPLET |= {"tau_plus": 16.8, "tau_minus": 33.7, "tau_x": 101.0, "tau_y": 125.0}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def events(seed, n_inputs, *, n=70, end=300.0):
    """Some inputs at one instant, and some twice."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(end / n, n) * rng.choice([0.0, 1.0, 2.0], n, p=[0.2, 0.6, 0.2])
    return rng.integers(0, n_inputs, n), np.cumsum(gaps)


def first_weights(seed, n_neurons, n_inputs):
    """From silent to several spikes for each input."""
    scale = np.resize([0.8, 0.0, 1.5, 0.5], n_neurons)[:, None]
    return scale * np.random.default_rng(seed).uniform(0.0, 1.0, (n_neurons, n_inputs))


def network(kernel, weights, dtype="float64"):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(weights.shape[1], weights.shape[0], weights=weights), LIF, kernel=kernel)
    return net


def learned(kernel, dtype="float64", *, n_neurons=20, n_inputs=6, seed=0):
    """The layer after a run, its first weights, and the spikes as (indices, times, outputs)."""
    net = network(kernel, first_weights(seed, n_neurons, n_inputs), dtype)
    first = net[0].weights.astype(float)
    indices, times = events(seed, n_inputs)
    outputs = per_neuron(net.infer(indices, times), n_neurons)
    assert sum(map(len, outputs)) > 30
    assert min(map(len, outputs)) == 0
    return net[0], first, (indices, times, outputs)


def assert_close(found, expected, dtype, scale=1.0):
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * max(scale, np.abs(expected).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1])
def test_pair_stdp_is_the_sum_over_all_pairs(seed, dtype):
    """Weights of size 1 round at each of some hundred changes: to 1e-15 of them each in float64, 1e-7 in float32."""
    layer, first, spikes = learned(evsim.rules.pair_stdp(**PAIR), dtype, seed=seed)
    expected = stdp.per_synapse(lambda pre, post, _: stdp.pair(pre, post, **PAIR), 6, *spikes)
    assert np.abs(expected).max() > 0.1
    assert_close(layer.weights - first, expected, dtype)


@pytest.mark.parametrize("bounds", [(0.2, 1.0), (-inf, 0.6), (0.3, inf)])
def test_pair_stdp_stays_within_its_bounds_at_every_step(bounds):
    class Bounded(stdp.Pair):
        def on_pre_synapse(self, *arguments):
            return min(max(super().on_pre_synapse(*arguments), bounds[0]), bounds[1])

        def on_post_synapse(self, *arguments):
            return min(max(super().on_post_synapse(*arguments), bounds[0]), bounds[1])

    rule = Bounded(**PAIR)
    layer, first, spikes = learned(evsim.rules.pair_stdp(**PAIR, w_min=bounds[0], w_max=bounds[1]))
    assert_close(layer.weights, replay(rule, begin(rule, first), *spikes).weights, "float64")


def test_triplet_stdp_is_the_sum_over_pairs_and_triplets():
    layer, first, spikes = learned(evsim.rules.triplet_stdp(**TRIPLET))
    expected = stdp.per_synapse(lambda pre, post, _: stdp.triplet(pre, post, **TRIPLET), 6, *spikes)
    assert_close(layer.weights - first, expected, "float64")


def test_triplet_stdp_is_the_minimal_model_by_default():
    layer, first, spikes = learned(evsim.rules.triplet_stdp())
    p = {"a2_minus": 7.1e-3, "a3_plus": 6.5e-3, "tau_plus": 16.8, "tau_minus": 33.7, "tau_y": 114.0}
    expected = stdp.per_synapse(lambda pre, post, _: stdp.triplet_minimal(pre, post, **p), 6, *spikes)
    assert_close(layer.weights - first, expected, "float64")


def test_eligibility_is_the_sum_over_pairs_with_the_neurons_time_constant():
    layer, first, spikes = learned(evsim.rules.reward_stdp())
    expected = stdp.per_synapse(lambda pre, post, _: stdp.eligibility(pre, post, tau=TAU_MEM), 6, *spikes)
    assert_close(layer.synaptic_traces[..., 1], expected, "float64")
    np.testing.assert_array_equal(layer.weights, first)


def test_eligibility_that_decays_is_that_at_the_neurons_last_event():
    p = {"a_plus": 0.7, "a_minus": 0.4}
    layer, _, spikes = learned(evsim.rules.reward_stdp(**p, tau_pair=12.0, tau_eligibility=80.0))
    taus = {"tau_plus": 12.0, "tau_minus": 12.0, "tau_c": 80.0}
    expected = stdp.per_synapse(
        lambda pre, post, end: stdp.decaying_eligibility(pre, post, end, **p, **taus), 6, *spikes
    )
    assert_close(layer.synaptic_traces[..., 1], expected, "float64")


class Voltage(Rule):
    """Brader, Senn & Fusi 2007, as rules.voltage_stdp tells it."""

    neuron_tau = (60.0,)

    def on_pre_synapse(self, weight, neuron, synaptic, context):
        if context.v > 0.3:
            weight += 0.05 if 1.0 < neuron[0] < 6.0 else 0.0
        else:
            weight -= 0.03 if 0.5 < neuron[0] < 4.0 else 0.0
        return min(max(weight, 0.1), 6.0)

    def on_post_neuron(self, neuron, context):
        neuron[0] += 1.0


def test_voltage_stdp_is_the_replay_with_the_potential():
    kernel = evsim.rules.voltage_stdp(
        a=0.05, b=0.03, v_theta=0.3, tau_calcium=60.0, c_up=(1.0, 6.0), c_down=(0.5, 4.0), w_min=0.1, w_max=6.0
    )
    layer, first, (indices, times, outputs) = learned(kernel, n_neurons=16)
    potential = LifPotential(TAU_MEM, TAU_SYN)
    run = replay(Voltage(), begin(Voltage(), first), indices, times, outputs, membrane=potential)
    change = run.weights - np.clip(first, 0.1, 6.0)
    assert change.min() < -0.02
    assert change.max() > 0.05
    assert_close(layer.weights, run.weights, "float64")
    assert_close(layer.neuron_traces, run.neuron_traces, "float64")


@pytest.mark.parametrize("update", ["sum", "mean"])
def test_a_batch_learns_the_sum_or_mean_of_the_pairs_of_its_samples(update):
    net = network(evsim.rules.pair_stdp(**PAIR, batch_update=update), first_weights(3, 12, 5))
    first = net[0].weights.copy()
    samples = [events(seed, 5) for seed in range(4)]
    expected = np.zeros_like(first)
    for sample, spikes in zip(samples, net.infer(samples), strict=True):
        own = per_neuron(spikes, 12)
        expected += stdp.per_synapse(lambda pre, post, _: stdp.pair(pre, post, **PAIR), 5, *sample, own)
    assert_close(net[0].weights - first, expected / (4 if update == "mean" else 1), "float64")


# Rewards


def eligible(batch=None):
    net = network(evsim.rules.reward_stdp(), first_weights(4, 6, 5))
    samples = [events(seed, 5) for seed in range(batch or 1)]
    net.infer(samples if batch else samples[0][0], None if batch else samples[0][1])
    return net[0], net[0].weights.copy(), net[0].synaptic_traces[..., 1]


@pytest.mark.parametrize("reward", [2.0, -1, [0.0, 1.0, -1.0, 2.0, 0.5, 3.0]])
def test_a_reward_turns_eligibility_into_weights(reward):
    layer, first, eligibility = eligible()
    apply_reward(layer, reward, 0.01)
    expected = 0.01 * np.broadcast_to(reward, 6)[:, None] * eligibility
    assert np.abs(expected).max() > 0.001
    np.testing.assert_allclose(layer.weights - first, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(), (6,), (3, 6)])
def test_the_rewards_of_a_batch_add_up(shape):
    layer, first, eligibility = eligible(3)
    reward = np.random.default_rng(0).normal(size=shape)
    apply_reward(layer, reward, 0.01)
    expected = sum(0.01 * r[:, None] * e for r, e in zip(np.broadcast_to(reward, (3, 6)), eligibility, strict=True))
    np.testing.assert_allclose(layer.weights - first, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("batch", "shape"), [(None, (5,)), (None, (1, 6)), (3, (3,)), (3, (2, 6)), (3, (1, 3, 6))])
def test_a_reward_of_another_shape_is_refused(batch, shape):
    layer, first, _ = eligible(batch)
    with pytest.raises(ShapeMismatchError):
        apply_reward(layer, np.ones(shape), 0.01)
    np.testing.assert_array_equal(layer.weights, first)


@pytest.mark.parametrize(("reward", "rate"), [(nan, 0.01), (1.0, nan)])
def test_a_reward_that_is_not_finite_is_refused(reward, rate):
    layer, first, _ = eligible()
    with pytest.raises(NonFiniteError):
        apply_reward(layer, reward, rate)
    np.testing.assert_array_equal(layer.weights, first)


def test_a_reward_before_any_call_is_refused():
    with pytest.raises(NotRunError):
        apply_reward(network(evsim.rules.reward_stdp(), first_weights(4, 6, 5))[0], 1.0, 0.01)


@pytest.mark.parametrize("kernel", [None, evsim.rules.pair_stdp(), evsim.rules.triplet_stdp()])
def test_a_reward_needs_eligibility_traces(kernel):
    net = network(kernel, first_weights(4, 6, 5))
    net.infer([0], [1.0])
    with pytest.raises(NoSuchParameterError):
        apply_reward(net[0], 1.0, 0.01)


def test_a_batch_whose_traces_do_not_fit_into_memory_is_refused():
    net = evsim.SpikingNetwork()
    connection = evsim.Dense(3000, 3000, evsim.initializers.ConstantInitializer(0.5))
    net.add_layer(connection, evsim.LIF(tau_mem=20.0, tau_syn=10.0), kernel=evsim.rules.pair_stdp())
    with pytest.raises(evsim.errors.MemoryLimitError, match="100000 samples"):
        net.infer([([], [])] * 100_000)
    assert len(net.infer([0], [1.0])) == 0
