"""Every soma, synapse and rule, run for a short time with random valid configurations; and the way through files."""

import time

import numpy as np
import pytest

import evsim
from evsim import errors, spark
from evsim.spark.config import configs

SOMAS = sorted((k for k in configs.values() if issubclass(k, spark.SomaConfig)), key=lambda kind: kind.__name__)
SYNAPSES = [
    spark.LinearSynapsesConfig,
    spark.TracedSynapsesConfig,
    spark.RDTracedSynapsesConfig,
    spark.RFSTracedSynapsesConfig,
]
RULES = sorted((k for k in configs.values() if issubclass(k, spark.LearningRuleConfig)), key=lambda kind: kind.__name__)
SOMAS.remove(spark.SomaConfig)
RULES[RULES.index(spark.LearningRuleConfig)] = None
END, N_INPUTS, LIMIT = 60.0, 5, 2.0

RANGES = {
    "eta": (0.0, 3.0), "a": (-2.0, 2.0), "b": (-2.0, 2.0), "c": (-2.0, 2.0), "d": (-2.0, 2.0), "p": (0.0, 30.0),
    "baseline": (-0.2, 0.2), "target_weight": (0.1, 50.0), "max_clip": (0.0, 300.0),
    **{f"q_{name}": (-3.0, 3.0) for name in ("alpha", "beta", "gamma", "delta")},
}  # fmt: skip
"""Of numbers with a range of their own. All others are taken between half and twice their default."""
POTENTIALS = ("potential_rest", "potential_reset", "threshold", "rheobase_threshold")
"""In mV, taken near their default: a soma whose reset lies above its rheobase fires for ever, millions of times."""


def drawn(kind, rng, **kwargs):
    """A configuration of random numbers; those that do not go together are drawn again."""
    default = kind(**kwargs)
    for _ in range(50):
        values = dict(kwargs)
        for name, value in default.to_dict().items():
            if name in values or name == "type" or isinstance(value, (dict, str)) or value is None:
                continue
            low, high = RANGES.get(name, (0.5, 2.0))
            factors = rng.uniform(low, high, np.shape(value))
            new = factors if name in RANGES else np.asarray(value) * factors
            if name in POTENTIALS:
                new = value + rng.uniform(-3.0, 3.0)
            values[name] = float(new) if np.ndim(value) == 0 else new.tolist()
        try:
            return kind(**values)
        except errors.InvalidArgumentError:
            continue
    return default


def random_neuron(soma, synapses, rule, seed):
    rng = np.random.default_rng(seed)
    strength = 10.0 ** rng.uniform(0.0, 3.0) * (0.05 if soma is spark.IzhikevichSomaConfig else 1.0)
    kernel = np.where(rng.random((4, N_INPUTS)) < 0.8, rng.uniform(0.0, strength, (4, N_INPUTS)), 0.0)
    return spark.NeuronConfig(
        units=4,
        inhibitory_rate=float(rng.uniform(0.0, 1.0)),
        soma=drawn(soma, rng, **({"cooldown": 0.0} if soma is spark.AdaptiveExponentialSomaConfig else {})),
        synapses=drawn(synapses, rng, kernel=kernel) if rng.random() < 0.8 else synapses(kernel=kernel),
        learning_rule=None if rule is None else drawn(rule, rng),
        seed=seed,
        dtype="float32" if seed % 2 else "float64",
    )


def run(config, seed):
    """Spikes, weights, and how long the calls took."""
    rng = np.random.default_rng(seed)
    neuron = spark.Neuron(config)
    neuron.build(N_INPUTS, inhibitory=rng.random(N_INPUTS) < 0.4)
    spikes = evsim.SpikeArray(rng.integers(0, N_INPUTS, 60), np.sort(rng.uniform(0.0, END, 60)))
    rule, out = neuron.learning_rule, evsim.SpikeArray()
    reward = {"reward": float(rng.uniform(-1.0, 1.0))} if rule is not None and rule.takes_reward else {}
    begin = time.perf_counter()
    for start, end in [(0.0, 25.0), (25.0, END)]:
        piece = neuron(spikes.time_slice(start, end), until=end, **reward)["out_spikes"]
        out.add(piece.indices, piece.times)
    return out, neuron.synapses.kernel, time.perf_counter() - begin


def check(soma, synapses, rule, seed):
    config = random_neuron(soma, synapses, rule, seed)
    assert spark.Config.from_dict(config.to_dict()) == config
    try:
        out, kernel, took = run(config, seed)
    except (errors.UnsupportedError, errors.NonFiniteError, errors.RunawaySpikingError) as error:
        return type(error)  # what there is not, and weights that grow without end, is said
    assert np.isfinite(kernel).all(), config
    assert (kernel >= 0).all(), config
    assert took < LIMIT, config
    again, same, _ = run(config, seed)
    assert again == out, config
    np.testing.assert_array_equal(same, kernel)
    return None


ALL = [(soma, synapses, rule) for soma in SOMAS for synapses in SYNAPSES for rule in RULES]


@pytest.mark.parametrize("case", range(len(RULES)))
def test_every_rule_runs(case):
    """With linear and traced synapses of a leaky soma, many times: these share what has been compiled."""
    done = [check(spark.LeakySomaConfig, SYNAPSES[k % 2], RULES[case], seed=100 * case + k) for k in range(20)]
    assert done.count(None) >= 15


@pytest.mark.parametrize(("soma", "synapses"), sorted({(a, b) for a, b, _ in ALL}, key=str))
def test_every_soma_and_synapse_runs(soma, synapses):
    done = [check(soma, synapses, None, seed) for seed in range(10)]
    assert errors.UnsupportedError not in done or set(done) == {errors.UnsupportedError}


@pytest.mark.nightly
@pytest.mark.parametrize(("soma", "synapses", "rule"), ALL)
def test_every_neuron_runs(soma, synapses, rule):
    for seed in range(4):
        check(soma, synapses, rule, seed)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule is not None])
def test_rules_go_through_dicts_and_files(rule, tmp_path):
    for seed in range(20):
        config = drawn(rule, np.random.default_rng(seed))
        assert rule.from_dict(config.to_dict()) == config
        neuron = spark.NeuronConfig(units=3, learning_rule=config)
        names = ["a.json", "a.yaml"] if pytest.importorskip("yaml") else []
        for name in names:
            neuron.to_file(tmp_path / name)
            read = spark.NeuronConfig.from_file(tmp_path / name)
            assert read == neuron
            assert read.learning_rule == config
            assert hash(read) == hash(neuron)
