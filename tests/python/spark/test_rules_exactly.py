"""Every rule against its equation in continuous time, for excitatory and inhibitory synapses."""

import copy
import pickle

import numpy as np
import pytest

import evsim
from evsim import errors, spark
from evsim.kernels import shipped

oracle = pytest.importorskip("rule_oracle")

END, N_INPUTS, N_UNITS = 160.0, 4, 3
UNITS = np.array([False, True, False])
INPUTS = np.array([False, False, True, True])
FIRST = np.array([[300.0, 500.0, 100.0, 0.0], [400.0, 300.0, 50.0, 90.0], [500.0, 450.0, 0.0, 20.0]])
TENSOR = spark.QuadrupletRuleTensorConfig(
    pre_tau=[8.0, 12.0, 20.0, 5.0], post_tau=[9.0, 15.0, 6.0, 30.0], q_alpha=[1.0, -0.5, 0.25, 0.1],
    q_beta=[-9.0, 4.0, 3.0, 5.0], q_gamma=[0.2, 0.3, -0.4, 0.5], q_delta=[8.0, 7.0, 20.0, -6.0],
    max_clip=[490.0, 120.0, 500.0, 95.0], eta=2.0, baseline=0.05,
)  # fmt: skip
ZENKE = {"eta": 5.0, "a": 400.0, "b": -60.0}
RULES = {
    "hebbian": spark.HebbianRuleConfig(eta=30.0, pre_tau=15.0, post_tau=30.0),
    "three": spark.ThreeFactorHebbianRuleConfig(eta=20.0),
    "oja": spark.OjaRuleConfig(eta=6.0, post_tau=25.0),
    "zenke": spark.ZenkeRuleConfig(**ZENKE, c=-60.0, d=2.0, p=0.0, target_tau=150.0),
    "zenke_p": spark.ZenkeRuleConfig(**ZENKE, c=-60.0, d=2.0, p=0.3, target_tau=900.0, target_weight=300.0),
    "zenke_stiff": spark.ZenkeRuleConfig(**ZENKE, c=-8.0, d=2.0),
    "zenke_plain": spark.ZenkeRuleConfig(**ZENKE, c=0.0, d=0.0),
    "quadruplet": spark.QuadrupletRuleConfig(
        eta=3.0, q_alpha=-2.0, q_beta=9.0, q_gamma=0.5, q_delta=20.0, pre_tau=15.0
    ),
    "tensor": TENSOR,
}  # fmt: skip
REWARD = {"three": -0.7, "quadruplet": 0.6, "tensor": 0.9}


def recording(seed, n=70, end=END - 10.0):
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, N_INPUTS, n), np.sort(rng.uniform(0.0, end, n)))


def made(name, dtype="float64", soma=None, inputs=INPUTS, first=FIRST, **kwargs):
    config = spark.NeuronConfig(
        units=N_UNITS,
        inhibitory_rate=1 / 3,
        seed=next(seed for seed in range(99) if np.array_equal(drawn(seed), UNITS)),
        soma=soma or spark.LeakySomaConfig(),
        synapses=spark.TracedSynapsesConfig(kernel=first),
        learning_rule=RULES[name],
        dtype=dtype,
    )
    neuron = spark.Neuron(config.replace(**kwargs))
    neuron.build(N_INPUTS, inhibitory=inputs)
    return neuron


def drawn(seed):
    return spark.LIFNeuron(units=N_UNITS, inhibitory_rate=1 / 3, seed=seed).inhibitory


def call(neuron, name, spikes, until):
    reward = {"reward": REWARD[name]} if name in REWARD else {}
    return neuron(spikes, until=until, **reward)["out_spikes"]


def expected(name, spikes, out, end=END, first=FIRST, inputs=INPUTS):
    kind = {"three": "hebbian", "tensor": "quadruplet"}.get(name.partition("_")[0], name.partition("_")[0])
    config, sizes, references = RULES[name], np.zeros((N_UNITS, N_INPUTS)), np.zeros((N_UNITS, N_INPUTS))
    for unit in range(N_UNITS):
        for index in range(N_INPUTS):
            of_type = 2 * UNITS[unit] + inputs[index]
            sizes[unit, index], references[unit, index] = oracle.size(
                kind,
                config,
                first[unit, index],
                spikes.times[spikes.indices == index],
                out.times[out.indices == unit],
                end,
                REWARD.get(name, 1.0),
                (lambda values, k=of_type: values[k]) if name == "tensor" else lambda values: values,
            )
    return sizes, references


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_are_those_of_the_equation(name, dtype):
    neuron, spikes = made(name, dtype), recording(3)
    out = call(neuron, name, spikes, END)
    sizes, _ = expected(name, spikes, out)
    assert np.bincount(out.indices, minlength=N_UNITS).min() >= 3
    assert np.abs(sizes - FIRST).max() > 5.0
    tolerance = {"rtol": 1e-8, "atol": 1e-8} if dtype == "float64" else {"rtol": 2e-5, "atol": 1e-3}
    np.testing.assert_allclose(neuron.synapses.kernel, sizes, **tolerance)


@pytest.mark.parametrize(
    "soma",
    [
        spark.ExponentialSomaConfig(resistance=0.1),
        *(pytest.param(soma, marks=pytest.mark.nightly) for soma in (
            spark.AdaptiveLeakySomaConfig(threshold_delta=5.0), spark.StrictRefractoryLeakySomaConfig(),
            spark.RefractoryLeakySomaConfig(), spark.IzhikevichSomaConfig(resistance=0.02),
        )),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["oja", "zenke_stiff"])
def test_rules_go_with_every_soma(name, soma):
    neuron, spikes = made(name, soma=soma), recording(3)
    out = call(neuron, name, spikes, END)
    assert len(out) > 5
    np.testing.assert_allclose(neuron.synapses.kernel, expected(name, spikes, out)[0], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", [name for name in RULES if name.startswith("zenke") and name != "zenke_plain"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_reference_follows_the_weight(name, dtype):
    neuron, spikes = made(name, dtype), recording(5)
    out = call(neuron, name, spikes, END)
    traces = np.asarray(neuron.network[0].synaptic_traces, np.float64)
    for unit, index in [(1, 0), (2, 3)]:
        last = traces[unit, index, 4] + traces[unit, index, 5]
        before = spikes.time_slice(0.0, np.nextafter(last, np.inf)), out.time_slice(0.0, np.nextafter(last, np.inf))
        pres, posts = (some.times[some.indices == k] for some, k in zip(before, (index, unit), strict=True))
        _, reference = oracle.size("zenke", RULES[name], FIRST[unit, index], pres, posts, last)
        found = traces[unit, index, 2] + traces[unit, index, 3]
        assert found == pytest.approx(reference, rel=1e-9 if dtype == "float64" else 2e-5)


def test_a_float_reference_keeps_what_it_moves_by_from_event_to_event():
    """10,000 events within a thousandth of target_tau: each moves it by less than a float of its size can tell."""
    rule = spark.ZenkeRuleConfig(eta=1.0, a=0.0, b=0.0, c=-1.0, d=0.0, p=1.0, target_tau=1e5, target_weight=0.9)
    neuron = spark.LIFNeuron(units=1, synapses__kernel=[[1.0]], learning_rule=rule, dtype="float32")
    neuron.build(1)
    times = np.linspace(0.01, 100.0, 10_000)
    neuron(np.zeros(times.size, int), times, until=101.0)
    traces = np.asarray(neuron.network[0].synaptic_traces, np.float64)[0, 0]
    exact = oracle.zenke_drift(rule, 1.0, 1.0, 100.0)
    assert abs(exact - 1.0) > 1e-5
    assert traces[2] + traces[3] - 1.0 == pytest.approx(exact - 1.0, rel=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_the_reference_of_any_weight_after_any_time(seed):
    rng = np.random.default_rng(seed)
    k, p, w = 10.0 ** rng.uniform(-3, 3), 10.0 ** rng.uniform(-2, 2), 10.0 ** rng.uniform(-1, 2)
    span = 10.0 ** rng.uniform(-6, 2)
    rule = spark.ZenkeRuleConfig(eta=1.0, c=-1.0, a=0.0, b=0.0, d=0.0, p=p, target_tau=1000.0, target_weight=w)
    neuron = spark.LIFNeuron(units=1, synapses__kernel=[[k]], learning_rule=rule, dtype="float64")
    neuron.build(1)
    neuron([0], [1000.0 * span], until=1000.0 * span + 1.0)
    found = neuron.network[0].synaptic_traces[0, 0, 2]
    assert found == pytest.approx(oracle.zenke_drift(rule, k, k, 1000.0 * span), rel=2e-9)


@pytest.mark.parametrize("name", RULES)
def test_inhibitory_synapses_stay_inhibitory(name):
    neuron, spikes = made(name), recording(6)
    call(neuron, name, spikes, END)
    weights = neuron.network[0].weights
    assert (weights[:, ~INPUTS] >= 0).all()
    assert (weights[:, INPUTS] <= 0).all()
    assert (neuron.synapses.kernel >= 0).all()
    grown = (FIRST == 0) & (neuron.synapses.kernel > 0)
    assert grown.any() == (name not in ("three",))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_pieces_equal_the_whole(name, dtype):
    whole, pieces, spikes = made(name, dtype), made(name, dtype), recording(8)
    out, parts = call(whole, name, spikes, END), evsim.SpikeArray()
    for start, end in [(0.0, 30.0), (30.0, 31.5), (31.5, 90.0), (90.0, END)]:
        part = call(pieces, name, spikes.time_slice(start, end), end)
        parts.add(part.indices, part.times)
        assert np.isfinite(pieces.synapses.kernel).all()
    assert parts == out
    np.testing.assert_array_equal(pieces.network[0].weights, whole.network[0].weights)
    np.testing.assert_array_equal(pieces.synapses.kernel, whole.synapses.kernel)


@pytest.mark.parametrize("name", RULES)
def test_copies_go_on_from_where_they_were_made(name):
    neuron, spikes = made(name), recording(8)
    call(neuron, name, spikes.time_slice(0.0, 90.0), 90.0)
    copies = [copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))]
    call(neuron, name, spikes.time_slice(90.0, END), END)
    for other in copies:
        call(other, name, spikes.time_slice(90.0, END), END)
        np.testing.assert_allclose(other.synapses.kernel, neuron.synapses.kernel, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_reset_keeps_the_weights_of_now_and_the_signs(name):
    neuron, spikes = made(name), recording(9)
    call(neuron, name, spikes, 100.0 if name == "oja" else END)
    learned = neuron.synapses.kernel
    neuron.reset()
    np.testing.assert_allclose(neuron.synapses.kernel, learned, rtol=1e-12)
    out = call(neuron, name, spikes, END)
    fresh = made(name, first=learned)
    assert call(fresh, name, spikes, END) == out
    np.testing.assert_allclose(neuron.synapses.kernel, fresh.synapses.kernel, rtol=1e-9, atol=1e-12)


def test_weights_of_oja_decay_to_the_end_of_a_call_and_after_it():
    neuron, spikes = made("oja"), recording(10)
    out = call(neuron, "oja", spikes, 155.0)
    for end in (155.0, 156.0, 200.0):
        out.add(*(lambda more: (more.indices, more.times))(call(neuron, "oja", evsim.SpikeArray(), end)))
        np.testing.assert_allclose(neuron.synapses.kernel, expected("oja", spikes, out, end)[0], rtol=1e-8)


def test_weights_that_are_set_count_from_now():
    neuron, spikes = made("oja"), recording(11)
    early = call(neuron, "oja", spikes.time_slice(0.0, 80.0), 80.0)
    given = FIRST + 7.0
    neuron.synapses.kernel = given
    np.testing.assert_allclose(neuron.synapses.kernel, given, rtol=1e-12)
    late = call(neuron, "oja", spikes.time_slice(80.0, END), END)
    for unit in range(N_UNITS):
        posts = np.concatenate([early.times[early.indices == unit], late.times[late.indices == unit]])
        for index in range(N_INPUTS):
            pres = spikes.times[(spikes.indices == index) & (spikes.times >= 80.0)]
            k, now = given[unit, index], 80.0
            for t in sorted([*pres, *posts[posts >= 80.0], END]):
                k = oracle.oja_drift(RULES["oja"], k, now, t, posts)
                k += RULES["oja"].eta * oracle.trace(posts, t, 25.0) if t in pres else 0.0
                now = t
            assert neuron.synapses.kernel[unit, index] == pytest.approx(k, rel=1e-8)


@pytest.mark.parametrize("name", ["quadruplet", "tensor"])
def test_rules_with_a_reward_need_one(name):
    neuron = made(name)
    with pytest.raises(errors.InvalidArgumentError, match="needs a reward"):
        neuron([], [])
    with pytest.raises(errors.InvalidArgumentError, match=r"goes with a rule that takes one; .* OjaRule"):
        made("oja")([], [], reward=1.0)


def test_weights_above_max_clip_come_down_at_their_first_event():
    rule = spark.QuadrupletRuleTensorConfig(q_gamma=0.0, q_alpha=0.0)
    neuron = spark.LIFNeuron(units=1, synapses__kernel=[[5000.0, 30.0, 30.0]], learning_rule=rule)
    neuron([1], [1.0], until=2.0, reward=1.0)
    np.testing.assert_array_equal(neuron.synapses.kernel, [[5000.0, 20.0, 30.0]])


def test_rules_of_your_own_do_not_know_inhibitory_inputs():
    neuron = made("hebbian", inputs=np.zeros(N_INPUTS, bool))
    rule = neuron.learning_rule
    rule.__class__ = type("OwnRule", (spark.HebbianRule,), {"source": "", "config_class": spark.OjaRuleConfig})
    with pytest.raises(errors.UnsupportedError, match="OwnRule with inhibitory inputs"):
        rule.begin(neuron.network[0], UNITS, INPUTS)
    rule.begin(neuron.network[0], UNITS, ~INPUTS & INPUTS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.nightly) for name in RULES])
def test_kernels_see_no_trace_that_is_not_there(name):
    neuron, spikes = made(name), recording(12)
    kernel = evsim.Kernel(
        shipped(neuron.learning_rule.source), parameters=neuron.learning_rule.parameters(), debug=True
    )
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(N_INPUTS, N_UNITS, weights=FIRST), neuron.model, kernel=kernel)
    assert net.infer(spikes).n_spikes > 3


def test_samples_of_a_batch_keep_the_signs():
    neuron, spikes = made("hebbian"), recording(13)
    neuron([spikes, spikes], until=END)
    single = made("hebbian")
    call(single, "hebbian", spikes, END)
    twice = FIRST + 2 * (single.synapses.kernel - FIRST)
    np.testing.assert_allclose(neuron.synapses.kernel, twice, rtol=1e-9)
    assert (neuron.network[0].weights[:, INPUTS] <= 0).all()
