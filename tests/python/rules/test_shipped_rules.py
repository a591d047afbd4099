"""The plasticity rules that ship: compiled with evsim, for every neuron model."""

import numpy as np
import pytest
from machines import DTYPES

import evsim
from evsim import _core
from evsim.errors import CompilerNotFoundError, InvalidArgumentError
from evsim.kernels import INCLUDE_FOLDER, shipped

RULES = sorted(path.stem for path in (INCLUDE_FOLDER / "shipped").glob("*.cpp"))
MODELS = {
    "LIF": evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5),
    "LIF held": evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=2.0),
    "LIFDelta": evsim.LIFDelta(tau_mem=20.0),
    "ALIF": evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=80.0, jump=0.1, threshold=0.5),
    "ExpLIF": evsim.ExpLIF(tau_mem=20.0, tau_syn=5.0),
}
N_INPUTS, N_NEURONS = 12, 70


TAME = {
    "triplet_stdp": {"a2_plus": 1e-4, "a3_plus": 1e-4},
    "tsodyks_markram": {"utilization": 0.9, "tau_rec": 2.0},
    "vogels_stdp": {"sign": 1.0, "rate": 1e-3},
}
"""Values for rules that would let neurons fire ever faster, or hardly."""


def source(path, rule):
    return evsim.Kernel(path, parameters=TAME.get(rule))


def layer(model, kernel, dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    weights = np.random.default_rng(8).uniform(0.1, 0.6, (N_NEURONS, N_INPUTS)) * (40.0 if model == "ExpLIF" else 1.0)
    return net, net.add_layer(evsim.Dense(N_INPUTS, N_NEURONS, weights=weights), MODELS[model], kernel=kernel)


def learned(model, kernel, dtype):
    """Spikes, weights and traces after two calls."""
    net, own = layer(model, kernel, dtype)
    rng = np.random.default_rng(9)
    out = []
    for begin, end in ((0.0, 40.0), (40.0, 80.0)):
        times = np.sort(rng.uniform(begin, end, 100))
        times[30] = times[31]
        spikes = net.infer(
            rng.integers(0, N_INPUTS, 100), times, until=end, start=0.0 if begin == 0.0 else None, reset=begin == 0.0
        )
        out += [spikes.indices.copy(), spikes.times.copy(), own.weights.copy(), own.neuron_traces, own.synaptic_traces]
    return out


@pytest.fixture
def without_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "/nonexistent/compiler")
    monkeypatch.setenv("EVSIM_CACHE_DIR", str(tmp_path))


def test_all_of_them_are_compiled_in():
    assert sorted(_core.Rule.builtin_names()) == RULES
    assert len(RULES) >= 13


@pytest.mark.usefixtures("without_compiler")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rule", RULES)
def test_none_needs_a_compiler(rule, model):
    spikes = learned(model, source(shipped(f"{rule}.cpp"), rule), "float32")[0]
    assert len(spikes) > N_NEURONS


@pytest.mark.usefixtures("without_compiler")
def test_a_copy_does_and_says_so(tmp_path):
    copy = tmp_path / "pair_stdp.cpp"
    copy.write_bytes(shipped("pair_stdp.cpp").read_bytes())
    with pytest.raises(CompilerNotFoundError, match="/nonexistent/compiler"):
        layer("LIF", copy, "float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_compiled_as_a_users_source_it_learns_the_same(rule, dtype, tmp_path):
    copy = tmp_path / "copy.cpp"
    copy.write_bytes(shipped(f"{rule}.cpp").read_bytes())
    for model in ("LIF", "ALIF"):
        for found, expected in zip(
            learned(model, source(copy, rule), dtype),
            learned(model, source(shipped(f"{rule}.cpp"), rule), dtype),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)


def test_a_rule_for_weights_of_another_type_is_refused():
    with pytest.raises(
        InvalidArgumentError, match="'pair_stdp' is for weights of 8 bytes, but model 'lif' has weights of 4"
    ):
        _core.Kernel.builtin("lif", 4).with_rule(_core.Rule.builtin("pair_stdp", 8))


def test_there_is_no_other():
    with pytest.raises(InvalidArgumentError, match=r"no plasticity rule 'hebb'.*pair_stdp"):
        _core.Rule.builtin("hebb", 4)
