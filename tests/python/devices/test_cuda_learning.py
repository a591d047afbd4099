"""Callbacks on the GPU learn what they learn on the CPU."""

import copy
import math

import gpu
import numpy as np
import pytest
from cpu_and_gpu import NEURONS, assert_close, assert_same_spikes, errors, spikes
from machines import DTYPES, on_host
from rules import EVSPIKESIM, STDP

import evsim
from evsim.errors import KernelCompileError

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def plastic(dtype, source=STDP, n_neurons=9, neuron="lif", **kernel):
    nets = []
    for where in ("cpu", "cuda"):
        net = evsim.SpikingNetwork(dtype=dtype, seed=5, device=where)
        net.add_layer(evsim.Dense(20, n_neurons), NEURONS[neuron](), kernel=evsim.Kernel(source, **kernel))
        nets.append(net)
    return nets


def assert_same_learning(cuda, cpu, dtype):
    assert_same_spikes(cuda[0].post_spikes, cpu[0].post_spikes, dtype)
    assert_close(cuda[0].weights, cpu[0].weights, dtype)
    assert_close(cuda[0].neuron_traces, cpu[0].neuron_traces, dtype)
    np.testing.assert_allclose(
        on_host(cuda[0].synaptic_traces), cpu[0].synaptic_traces, rtol=1e-4 if gpu.REAL else 1e-6, atol=1e-6
    )


@dtypes
@pytest.mark.parametrize("update", ["sum", "mean"])
def test_callbacks_learn_what_they_learn_on_the_cpu(dtype, update):
    cpu, cuda = plastic(dtype, batch_update=update, parameters={"a_plus": 0.03})
    before = on_host(cuda[0].weights).copy()
    for batch in (spikes(1), [spikes(1), spikes(2), spikes(3, n=20), ([], [])]):
        for net in (cpu, cuda):
            net.infer(*batch) if isinstance(batch, tuple) else net.infer(batch)
        assert_same_learning(cuda, cpu, dtype)
    assert not np.array_equal(on_host(cuda[0].weights), before)
    for net in (cpu, cuda):
        net[0].kernel_parameters = {"a_minus": 0.5}
        net[0].neuron_traces = 0.25
        net[0].synaptic_traces = np.arange(9 * 20 * 3).reshape(9, 20, 3) / 100
        net.infer(*spikes(6))
    assert cuda[0].kernel_parameters == cpu[0].kernel_parameters
    assert_same_learning(cuda, cpu, dtype)


OTHER_RULES = (
    *(f"{name}_stdp" for name in ("pair", "reward", "voltage", "simplified", "guetig", "diehl_cook", "mozafari")),
    *("eligibility_stdp", "spark_quadruplet", "spark_quadruplet_tensor", "spark_oja", "spark_zenke"),
)


@pytest.mark.parametrize(
    "rule",
    ["triplet_stdp", *(pytest.param(rule, marks=pytest.mark.nightly) for rule in OTHER_RULES)],
)
def test_shipped_rules_learn_what_they_learn_on_the_cpu(rule):
    cpu, cuda = plastic("float32", evsim.kernels.shipped(f"{rule}.cpp"))
    before = on_host(cuda[0].weights).copy()
    for net in (cpu, cuda):
        net.infer([spikes(1), spikes(2)])
    assert_same_learning(cuda, cpu, "float32")
    waits = rule in ("reward_stdp", "mozafari_stdp", "eligibility_stdp")
    assert waits == np.array_equal(on_host(cuda[0].weights), before)


def test_rewards_and_dopamine_change_weights_as_on_the_cpu():
    cpu, cuda = plastic("float64", evsim.kernels.shipped("eligibility_stdp.cpp"))
    indices, times = spikes(1)
    for net in (cpu, cuda):
        early = times < 70.0
        net.infer(indices[early], times[early], until=70.0)
        evsim.rules.deliver_dopamine(net, 1e-4)
        net.infer(indices[~early], times[~early], until=160.0, reset=False)
        evsim.rules.apply_reward(net[0], 0.5, 0.01)
        evsim.rules.deliver_dopamine(net, 0.0)
        net[0].weights = np.abs(on_host(net[0].weights))
        evsim.rules.normalize_weights(net[0], 3.0)
    assert_same_learning(cuda, cpu, "float64")


def test_synaptic_traces_decay_through_output_spikes_that_do_not_touch_them():
    source = """
    #include <evsim/callbacks.h>
    auto synaptic_traces_tau() { return evsim::time_constants(30.0); }
    void on_pre_synapse(evsim::real, const evsim::real*, evsim::real* traces) { traces[0] += 1; }
    """
    net = evsim.SpikingNetwork(dtype="float64", device="cuda")
    layer = net.add_layer(evsim.Dense(2, 1, weights=[[0.0, 9.0]]), NEURONS["lif"](), kernel=evsim.Kernel(source))
    assert len(net.infer([0, 1, 0], [0.0, 1.0, 30.0])) > 3
    assert float(layer.synaptic_traces[0, 0, 0]) == pytest.approx(1 + math.exp(-1), abs=1e-12)


def test_callbacks_in_a_stream_equal_those_on_the_cpu():
    cpu, cuda = plastic("float64")
    indices, times = spikes(1)
    for k, (begin, end) in enumerate([(0.0, 40.0), (40.0, 41.0), (41.0, 160.0)]):
        now = (begin <= times) & (times < end)
        for net in (cpu, cuda):
            net.infer(indices[now], times[now], until=end, reset=k == 0)
        assert_same_learning(cuda, cpu, "float64")
        cuda, cpu = copy.deepcopy(cuda), copy.deepcopy(cpu)
        assert_close(cuda[0].neuron_traces, cpu[0].neuron_traces, "float64")


def test_sources_written_for_evspikesim_run():
    cpu, cuda = plastic("float32", EVSPIKESIM)
    for net in (cpu, cuda):
        net.infer([spikes(1), spikes(2)])
    assert_same_learning(cuda, cpu, "float32")


def test_weights_that_are_not_finite_are_not_learned():
    source = """
    #include <evsim/callbacks.h>
    void on_pre_synapse(evsim::real& weight, const evsim::real*, evsim::real*, const evsim::Context& context) {
        if (context.input == 2) weight = INFINITY;
    }
    """
    nets = plastic("float32", source)
    before = on_host(nets[1][0].weights).copy()
    few = [[1, 2], [1.0, 1.1]]
    assert "made weights that are not finite" in errors(nets, lambda net: net.infer(*few))
    assert np.array_equal(on_host(nets[1][0].weights), before)
    assert nets[1].time is None


def test_a_layer_that_learns_is_not_recorded_on_the_gpu():
    _, cuda = plastic("float32")
    with pytest.raises(evsim.errors.InvalidArgumentError, match="writes weights"):
        cuda.infer(*spikes(1), record=evsim.Probe(0, [1.0]))


def test_a_source_that_does_not_compile_names_the_line(monkeypatch):
    net = evsim.SpikingNetwork(device="cuda")
    compiled = plastic("float32")[0][0].projection._compiled
    monkeypatch.setattr(
        "evsim.nodes.compile_kernel", lambda *_: compiled
    )  # or else the host's compiler complains first
    source = "#include <evsim/callbacks.h>\n\nvoid on_post_neuron(evsim::real* t) { no_such_thing(); }\n"
    with pytest.raises(KernelCompileError, match=r"source string[:(]3"):
        net.add_layer(evsim.Dense(2, 2), NEURONS["lif"](), kernel=evsim.Kernel(source))
