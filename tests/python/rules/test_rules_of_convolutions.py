"""Every rule on convolutions: a window as large as the image joins neurons and inputs as a sparse connection does.

Where windows overlap, weights are shared: tests/python/network/test_shared_weights.py.
"""

import copy

import numpy as np
import pytest
from machines import DTYPES
from rules import STDP

import evsim
from evsim import errors
from evsim.errors import CompilerNotFoundError
from evsim.kernels import INCLUDE_FOLDER, shipped

RULES = sorted(path.stem for path in (INCLUDE_FOLDER / "shipped").glob("*.cpp"))
TAME = {
    "triplet_stdp": {"a2_plus": 1e-4, "a3_plus": 1e-4},
    "tsodyks_markram": {"utilization": 0.9, "tau_rec": 2.0},
    "vogels_stdp": {"sign": 1.0, "rate": 1e-3},
}
MODELS = {
    "LIF": evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=2.0),
    "LIFDelta": evsim.LIFDelta(tau_mem=20.0),
    "ALIF": evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=80.0, jump=0.1, threshold=0.5),
    "QIF": evsim.QIF(tau_mem=20.0, tau_syn=5.0, bias=0.3),
}
SHAPE, CHANNELS, END = (2, 3, 2), 5, 80.0
N_INPUTS = 12


def train(seed=1, n=150, shape=SHAPE):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, END, n))
    times[n // 3] = times[n // 3 + 1]
    indices = rng.integers(0, int(np.prod(shape)), n)
    order = np.lexsort((indices, times))
    return indices[order], times[order]


def layer(kind, kernel, neuron=MODELS["LIF"], dtype="float64"):
    weights = np.random.default_rng(2).uniform(0.1, 0.6, (CHANNELS, *SHAPE))
    net = evsim.SpikingNetwork(dtype=dtype)
    if kind == "conv":
        connection = evsim.Conv2d(CHANNELS, SHAPE[1:], in_shape=SHAPE, weights=weights)
    else:
        connection = evsim.Sparse.from_matrix(weights.reshape(CHANNELS, N_INPUTS))
    return net, net.add_layer(connection, neuron, kernel=kernel)


def rows(own, values):
    """Values of synapses, (n_neurons, n_inputs, ...)."""
    if not isinstance(own.connection, evsim.Conv2d):
        flat = values.reshape(N_INPUTS, CHANNELS, *values.shape[1:])  # ordered by input
        return np.swapaxes(flat, 0, 1)
    own_axes = values.shape[6:] if values.ndim > 4 else ()
    return values.reshape(CHANNELS, N_INPUTS, *own_axes)


def learned(kind, kernel, neuron=MODELS["LIF"], dtype="float64"):
    net, own = layer(kind, kernel, neuron, dtype)
    indices, times = train()
    spikes = []
    for begin, end in ((0.0, 40.0), (40.0, END)):
        here = (times >= begin) & (times < end)
        spikes.append(net.infer(indices[here], times[here], until=end, reset=begin == 0.0))
    out = [np.concatenate([part.times for part in spikes]), np.concatenate([part.indices for part in spikes])]
    return [*out, rows(own, own.weights), own.neuron_traces, rows(own, own.synaptic_traces)]


def assert_equal(one, other, dtype="float64"):
    """But for rounding: neurons are looked at at other times."""
    np.testing.assert_array_equal(one[1], other[1])
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-10 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_that_ships(rule, dtype):
    kernel = evsim.Kernel(shipped(f"{rule}.cpp"), parameters=TAME.get(rule))
    expected = learned("sparse", kernel, dtype=dtype)
    assert len(expected[0]) > 3
    assert_equal(learned("conv", kernel, dtype=dtype), expected, dtype)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rule", ["pair_stdp", "tsodyks_markram", "voltage_stdp"])
def test_every_kind_of_neuron(rule, model):
    kernel = evsim.Kernel(shipped(f"{rule}.cpp"), parameters=TAME.get(rule))
    assert_equal(learned("conv", kernel, MODELS[model]), learned("sparse", kernel, MODELS[model]))


def test_callbacks_of_a_user():
    try:
        evsim.jit.find_compiler()
    except CompilerNotFoundError as error:
        pytest.skip(str(error))
    expected = learned("sparse", STDP)
    assert len(expected[0]) > 3
    assert_equal(learned("conv", STDP), expected)


def windows(kernel, *, transposed=False, neuron=MODELS["LIF"], **options):
    """A convolution whose windows overlap."""
    net = evsim.SpikingNetwork(dtype="float64", seed=3)
    kind = evsim.ConvTranspose2d if transposed else evsim.Conv2d
    connection = kind(4, 3, in_shape=(2, 4, 4), padding=1, groups=2, **options)
    own = net.add_layer(connection, neuron, kernel=kernel)
    own.weights = np.abs(own.weights)
    return net, own


def summed(own, values):
    """For each weight the sum over its synapses, by plain loops."""
    out = np.zeros(own.weights.shape)
    channels, height, width, inputs, *_ = values.shape
    for o in range(channels):
        for y in range(height):
            for x in range(width):
                for c in range(inputs):
                    group = o // (channels // 2)
                    if isinstance(own.connection, evsim.ConvTranspose2d):
                        out[group * inputs + c, o % (channels // 2)] += values[o, y, x, c]
                    else:
                        out[o, c] += values[o, y, x, c]
    return out


@pytest.mark.parametrize("transposed", [False, True])
def test_rewards_add_up_over_the_synapses_that_share_a_weight(transposed):
    net, own = windows(evsim.rules.reward_stdp(), transposed=transposed, stride=2)
    net.infer([train(4, 200, (2, 4, 4)), train(5, 200, (2, 4, 4))], until=END)
    before, traces = own.weights.copy(), own.synaptic_traces
    assert traces.shape == (2, *own.shape, 1, 3, 3, 2)
    reward = np.linspace(-1.0, 1.0, 2 * own.n_neurons).reshape(2, own.n_neurons)
    evsim.rules.apply_reward(own, reward, rate=0.01)
    of_samples = [summed(own, traces[s][..., 1] * reward[s].reshape(*own.shape, 1, 1, 1)) for s in range(2)]
    assert np.max(np.abs(of_samples)) > 0.01
    np.testing.assert_allclose(own.weights, before + 0.01 * np.sum(of_samples, axis=0), rtol=1e-12)


def test_dopamine_brings_weights_up_to_date():
    """Of a call that ends with a spike of every neuron, which brings them up to date as well."""
    kernel = evsim.rules.eligibility_stdp(tau_dopamine=40.0, tau_eligibility=90.0)
    indices, times = train(4, 200, (2, 4, 4))
    nets = [windows(kernel) for _ in range(2)]
    for k, (net, own) in enumerate(nets):
        early = times < 40.0
        net.infer(indices[early], times[early], until=40.0)
        evsim.rules.deliver_dopamine(net, np.linspace(0.0, 1e-3, own.n_neurons))
        net.infer(indices[~early], times[~early], until=60.0, reset=False)
        if k == 0:
            evsim.rules.deliver_dopamine(net, 0.0)  # and once more later: the same, for the sum is exact
        net.infer([], [], until=END, reset=False)
        evsim.rules.deliver_dopamine(net, 0.0)
    np.testing.assert_allclose(nets[0][1].weights, nets[1][1].weights, rtol=1e-9)
    assert np.max(np.abs(nets[0][1].weights - windows(kernel)[1].weights)) > 1e-6


def test_sums_of_weights():
    _, own = windows(evsim.rules.pair_stdp())
    evsim.rules.normalize_weights(own, 3.0)
    np.testing.assert_allclose(own.weights.sum(axis=(1, 2, 3)), 3.0)
    with pytest.raises(errors.UnsupportedError, match="transposed"):
        evsim.rules.normalize_weights(windows(evsim.rules.pair_stdp(), transposed=True)[1], 3.0)


@pytest.mark.parametrize("keep", [copy.deepcopy, "file"])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_copy_goes_on_where_the_network_stands(keep, transposed, tmp_path):
    indices, times = train(4, 300, (2, 4, 4))
    net, own = windows(evsim.rules.triplet_stdp(), transposed=transposed)
    early = times < 40.0
    net.infer(indices[early], times[early], until=40.0)
    if keep == "file":
        net.save(tmp_path / "net.safetensors")
        again = evsim.load(tmp_path / "net.safetensors", kernels={0: own.kernel})
        net.infer(indices[~early], times[~early] - 40.0, until=40.0)
        again.infer(indices[~early], times[~early] - 40.0, until=40.0)
    else:
        again = keep(net)
        for one in (net, again):
            one.infer(indices[~early], times[~early], until=END, reset=False)
    np.testing.assert_array_equal(again[0].post_spikes.times, own.post_spikes.times)
    np.testing.assert_array_equal(again[0].weights, own.weights)
    np.testing.assert_array_equal(again[0].synaptic_traces, own.synaptic_traces)


def test_traces_to_begin_with():
    net, own = windows(evsim.rules.pair_stdp(a_minus=0.0), stride=2)
    values = np.random.default_rng(5).uniform(0.0, 2.0, (*own.shape, 1, 3, 3, 1))
    own.synaptic_traces = values
    there = own.synaptic_traces != 0.0
    np.testing.assert_array_equal(own.synaptic_traces[there], values[there])
    assert not there[0, 0, 0, 0, 0, :].any()  # over the border
    assert there[0, 0, 0, 0, 1, 1, 0]
    before = own.weights.copy()
    net.infer(*train(4, 200, (2, 4, 4)), until=END)
    fresh, other = windows(evsim.rules.pair_stdp(a_minus=0.0), stride=2)
    fresh.infer(*train(4, 200, (2, 4, 4)), until=END)
    assert np.all(other.weights >= before)
    assert np.all(own.weights[there.any(axis=(1, 2))[..., 0]] > before[there.any(axis=(1, 2))[..., 0]])
    assert not np.array_equal(own.weights, other.weights)
    with pytest.raises(errors.ShapeMismatchError, match="traces must have shape"):
        own.synaptic_traces = np.zeros((3, 3))


def test_readouts_with_a_rule_remember_what_they_do_without():
    """Neurons that do not spike; and the states that a rule may ask for."""
    rule = evsim.rules.voltage_stdp(v_theta=0.1)
    values = []
    for kernel in (None, rule):
        net, own = windows(kernel, neuron=evsim.LI(tau_mem=20.0, tau_syn=5.0))
        net.infer(*train(4, 100, (2, 4, 4)), until=END)
        values.append(np.array(own.maximum))
    np.testing.assert_allclose(*values, rtol=1e-6)


def test_mistakes_have_names():
    net = evsim.SpikingNetwork()
    with pytest.raises(errors.InvalidArgumentError, match="Pool2d has no weights that learn"):
        net.add_layer(evsim.Pool2d(2, mode="sum", in_shape=(1, 4, 4)), MODELS["LIF"], kernel=evsim.rules.pair_stdp())
    diverges = evsim.rules.pair_stdp(a_plus=1e308)
    net, own = windows(diverges)
    before = own.weights.copy()
    with pytest.raises(errors.NonFiniteError):
        net.infer(*train(4, 300, (2, 4, 4)), until=END)
    np.testing.assert_array_equal(own.weights, before)
    assert net.time is None
