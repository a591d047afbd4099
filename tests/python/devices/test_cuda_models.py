"""Models whose kernels are matrices, integers or series on the GPU: as on the CPU."""

import pickle

import numpy as np
import pytest
from cpu_and_gpu import as_list, assert_close, assert_same_spikes
from machines import DTYPES, Machine

import evsim
from evsim.errors import RunawaySpikingError
from evsim.neurons import CurrentAdaptation, DoubleExponential, Exponential, Linear, ThresholdAdaptation

N_INPUTS, N_NEURONS, END = 20, 9, 80.0
COUPLED = {"tau_mem": 15.0, "tau_syn": 4.0, "tau_w": 30.0, "coupling": 3.0, "jump": 0.1}
MODELS = {
    "alif": (evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=60.0, jump=0.2, refractory=2.0), None),
    "adlif": (evsim.AdLIF(**COUPLED, threshold=0.4, refractory=3.0), None),
    "adlif that loses its input": (
        evsim.AdLIF(**{**COUPLED, "tau_syn": None}, threshold=0.4, refractory=3.0, refractory_input="lost"),
        None,
    ),
    "second port": (
        Linear(
            synapses={"slow": DoubleExponential(2.0, 9.0), "fast": Exponential(3.0)},
            tau_mem=12.0,
            threshold=0.4,
            bias=np.linspace(0.0, 0.3, N_NEURONS),
        ),
        "fast",
    ),
    "eight variables": (
        Linear(
            synapses=DoubleExponential(2.0, 9.0) + Exponential(3.0),
            tau_mem=12.0,
            threshold=0.5,
            adaptation=[ThresholdAdaptation(40.0, 0.1), CurrentAdaptation(25.0, 0.05, 0.4)],
            refractory=1.0,
        ),
        None,
    ),
    "resonator": (evsim.ResonateAndFire(tau=20.0, omega=0.6, threshold=0.5), None),
    "loihi": (evsim.Loihi(threshold=60, refractory_steps=3), None),
    "exp_lif": (evsim.ExpLIF(tau_mem=20.0, tau_syn=5.0), None),
    "exp_lif, moving peak": (evsim.ExpLIF(tau_mem=20.0, v_peak=-48.0, peak_jump=3.0, tau_peak=30.0), None),
    "srm_alpha": (evsim.SRMAlpha(tau_syn=10.0, tau_refractory=2.0), None),
    "srm_alpha, time constants": (
        evsim.SRMAlpha(tau_syn=np.linspace(5.0, 15.0, N_NEURONS), tau_refractory=2.0),
        None,
    ),
    "srm_alpha on a grid": (evsim.SRMAlpha(tau_syn=10.0, tau_refractory=1.0, grid=1.0), None),
    "srm_alpha, long": (evsim.SRMAlpha(tau_syn=30.0, tau_refractory=1.0, grid=1.0), None),
}
ON_A_GRID = ("loihi", "srm_alpha on a grid", "srm_alpha, long")


def network(name, dtype, device):
    neuron, port = MODELS[name]
    weights = np.random.default_rng(5).normal(0.3, 0.5, (N_NEURONS, N_INPUTS))
    if name == "loihi":
        weights = np.round(40.0 * weights)
    if name.startswith("exp_lif"):
        weights *= 40.0
    net = Machine(dtype, device).network()
    net.add_layer(evsim.Dense(N_INPUTS, N_NEURONS, weights=weights), neuron, port=port)
    return net


def spikes(name, seed=3, n=120):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, END, n))
    times[n // 3] = times[n // 3 - 1]
    return rng.integers(0, N_INPUTS, n), np.floor(times) if name in ON_A_GRID else times


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_spikes_variables_and_streams_are_those_of_the_cpu(name, dtype):
    cpu, cuda = (network(name, dtype, device) for device in ("cpu", "cuda"))
    batch = [spikes(name), spikes(name, 4, 60)]
    expected = cpu.infer(batch, start=0.0, until=END)
    assert sum(len(one) for one in expected) > 20
    assert_same_spikes(cuda.infer(batch, start=0.0, until=END), expected, dtype)
    times = np.arange(0.0, END, 3.0)
    variables = getattr(MODELS[name][0], "variables", ("v",))
    recorded = [[evsim.Probe(0, times, variable=variable, neurons=[0, 7]) for variable in variables] for _ in range(2)]
    for net, probes in zip((cpu, cuda), recorded, strict=True):
        net.infer(batch, start=0.0, until=END, record=probes)
    for other, found in zip(*recorded, strict=True):
        assert_close(found.values, other.values, dtype)
    streams = []
    for net in (cpu, cuda):
        pieces = []
        for begin, end in ((0.0, 31.0), (31.0, END)):
            inside = [(i[(begin <= t) & (t < end)], t[(begin <= t) & (t < end)]) for i, t in batch]
            pieces.append(
                as_list(net.infer(inside, start=0.0 if begin == 0.0 else None, until=end, reset=begin == 0.0))
            )
            net = pickle.loads(pickle.dumps(net))
        streams.append(pieces)
    for other, found in zip(*streams, strict=True):
        assert_same_spikes(found, other, dtype)


@pytest.mark.parametrize("name", ["alif", "exp_lif"])
def test_a_rule_learns_what_it_learns_on_the_cpu(name):
    trained = []
    for device in ("cpu", "cuda"):
        neuron, port = MODELS[name]
        net = Machine("float32", device).network(seed=2)
        weights = np.full((N_NEURONS, N_INPUTS), 0.4 if name == "alif" else 15.0)
        layer = net.add_layer(
            evsim.Dense(N_INPUTS, N_NEURONS, weights=weights),
            neuron,
            port=port,
            kernel=evsim.kernels.shipped("pair_stdp.cpp"),
        )
        net.infer(*spikes(name), start=0.0, until=END)
        trained.append(np.asarray(layer.weights))
    assert np.any(trained[0] != trained[0][0, 0])
    assert_close(trained[1], trained[0], "float32")


def test_a_neuron_that_fires_for_ever_at_once_is_an_error_there_too():
    net = Machine("float64", "cuda").network()
    neuron = evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=1e6, jump=-3.0)
    net.add_layer(evsim.Dense(1, 1, weights=[[50.0]]), neuron)
    with pytest.raises(RunawaySpikingError, match="neuron 0"):
        net.infer([0], [0.0], until=50.0)
