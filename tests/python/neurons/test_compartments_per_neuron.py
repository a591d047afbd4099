"""Neurons of several compartments whose time constants and couplings differ within a layer."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from agreement import per_neuron, random_times
from machines import DTYPES, Machine

import evsim
from evsim.errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError, UnsupportedError

dtypes = pytest.mark.parametrize("dtype", DTYPES)
N = 5
TAU = np.array([[5.0, 10.0], [10.0, 10.0], [10.0, 10.0 * (1 + 1e-12)], [20.0, 2.0], [8.0, 80.0]])
COUPLING = np.array([[[0.0, g], [h, 0.0]] for g, h in [(0.5, 0.5), (2.0, 0.1), (0.0, 1.0), (0.0, 0.0), (1.0, 3.0)]])
SAME = np.array([[0.0, 0.8], [0.4, 0.0]])
VARIED = {
    "all": {"tau_mem": TAU, "tau_syn": [2.0, 5.0, 10.0, 4.0, 1.0], "coupling": COUPLING},
    "tau_mem": {"tau_mem": TAU, "tau_syn": 5.0, "coupling": SAME},
    "tau_syn": {"tau_mem": [10.0, 20.0], "tau_syn": [2.0, 5.0, 10.0, 4.0, 1.0], "coupling": SAME},
    "coupling": {"tau_mem": [10.0, 20.0], "tau_syn": 5.0, "coupling": COUPLING},
    "delta": {"tau_mem": TAU, "tau_syn": None, "coupling": COUPLING},
    "three, held": {
        "tau_mem": np.concatenate([TAU, TAU[:, :1] + 3.0], axis=1),
        "tau_syn": None,
        "coupling": np.linspace(0.1, 1.5, N)[:, None, None] * (1.0 - np.eye(3)),
        "v_rest": 0.1,
        "v_reset": -0.1,
        "refractory": [0.0, 1.0, 2.0, 0.5, 0.0],
    },
}


def neuron_of(name):
    return evsim.MultiCompartmentLIF(threshold=[0.3, 0.2, 0.25, 0.3, 0.2], **VARIED[name])


NEURONS = {name: neuron_of(name) for name in VARIED}
names = pytest.mark.parametrize("name", NEURONS)


def one_of(neuron, n):
    shared = {"tau_mem": 1, "coupling": 2}
    plain = neuron.to_plain().items()
    own = {name: value[n] if np.ndim(value) > shared.get(name, 0) else value for name, value in plain}
    return type(neuron).from_plain(own)


def inputs():
    rng = np.random.default_rng(4)
    times = np.sort(random_times(rng, 100, 1.0))
    return rng.integers(0, 8, 100), times - times[0], rng.uniform(-0.3, 1.0, (2, N, 8))


def network(neuron, weights, machine):
    """Soma and dendrite get the same spikes with weights of their own."""
    net = machine.network()
    net.add_input(8, name="in")
    net.add_population(weights.shape[1], neuron, name="cells")
    for port, own in zip(("soma", "dendrite_1"), weights, strict=True):
        net.connect("in", "cells", evsim.Dense(8, weights.shape[1], weights=own), port=port)
    return net


@names
@dtypes
def test_as_in_layers_of_one_neuron_each(name, dtype):
    neuron, (indices, times, weights), machine = NEURONS[name], inputs(), Machine(dtype)
    until = times[-1] + 20.0
    at = np.linspace(0.0, until, 41)
    probes = [evsim.Probe("cells", at, variable=variable) for variable in neuron.variables]
    net = network(neuron, weights, machine)
    together = per_neuron(net.infer({"in": (indices, times)}, until=until, record=probes), N)
    for n in range(N):
        own = network(one_of(neuron, n), weights[:, n : n + 1], machine)
        recorded = [evsim.Probe("cells", at, variable=variable) for variable in neuron.variables]
        expected = own.infer({"in": (indices, times)}, until=until, record=recorded).times
        assert len(expected) > 2
        close = {"rtol": 0, "atol": 5e-4 if dtype == "float32" else 1e-9}
        np.testing.assert_allclose(together[n], expected, **close)
        apart = np.abs(at[:, None] - expected).min(axis=1) > 5e-3
        for probe, alone in zip(probes, recorded, strict=True):
            np.testing.assert_allclose(probe.values[apart, n], alone.values[apart, 0], **close)


@pytest.mark.parametrize("name", ["all", "delta"])
@dtypes
def test_on_a_gpu(name, dtype):
    """A chain, as a GPU takes it: into the dendrites."""
    indices, times, weights = inputs()

    def spikes(machine):
        net = machine.network()
        net.add_layer(evsim.Dense(8, N, weights=3.0 * weights[1]), NEURONS[name], port="dendrite_1")
        return per_neuron(net.infer(indices, times, until=times[-1] + 20.0), N)

    expected, machine = spikes(Machine(dtype)), Machine(dtype, "cuda")
    assert sum(map(len, expected)) > 20
    with machine.in_use():
        for a, b in zip(spikes(machine), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-3 if dtype == "float32" else 1e-9)


@names
@dtypes
def test_pieces_copies_pickles_files_and_batches(name, dtype, tmp_path):
    indices, times, weights = inputs()
    until = float(times[-1] + 20.0)
    net = network(NEURONS[name], weights, Machine(dtype))
    whole = net.infer({"in": (indices, times)}, until=until)
    evsim.save(net, tmp_path / "net.safetensors")
    again = evsim.load(tmp_path / "net.safetensors")
    assert again["cells"].neuron == NEURONS[name]
    assert again.infer({"in": (indices, times)}, until=until) == whole
    spikes = evsim.SpikeArray(indices, times)
    assert all(one == whole for one in net.infer({"in": [spikes] * 3}, until=until))
    pieces = []
    for k, (begin, end) in enumerate(itertools.pairwise(map(float, np.linspace(0.0, until, 8)))):
        here = spikes.time_slice(begin, end)
        pieces.append(net.infer({"in": here}, until=end, reset=k == 0))
        net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
    np.testing.assert_array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)
    atol = 1e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(np.concatenate([piece.times for piece in pieces]), whole.times, rtol=0, atol=atol)


@dtypes
@pytest.mark.parametrize("per", ["channel", "neuron"])
def test_convolutions_are_the_matrices_they_are(dtype, per):
    rng = np.random.default_rng(7)
    n = 3 if per == "channel" else 60
    kernels = rng.uniform(-0.5, 3.0, (3, 2, 1, 1)).astype(dtype)
    tau, g = rng.uniform(2.0, 20.0, (n, 2)), rng.uniform(0.1, 2.0, (n, 1, 1)) * SAME
    tau_syn = rng.uniform(1.0, 5.0, n)

    def spread(times):
        repeated = (np.repeat(values, times, axis=0) for values in (tau, tau_syn, g))
        return evsim.MultiCompartmentLIF(
            threshold=0.3, **dict(zip(("tau_mem", "tau_syn", "coupling"), repeated, strict=True))
        )

    net, dense = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Conv2d(3, 1, in_shape=(2, 5, 4), weights=kernels), spread(1), port="dendrite_1")
    matrix = np.einsum("ocyx,pq->opcq", kernels, np.eye(20)).reshape(60, 40)
    dense.add_layer(evsim.Dense(40, 60, weights=matrix), spread(60 // n), port="dendrite_1")
    spikes = evsim.SpikeArray(rng.integers(0, 40, 200), np.sort(rng.uniform(0.0, 60.0, 200)))
    found, expected = net.infer(spikes, until=80.0), dense.infer(spikes, until=80.0)
    assert len(expected) > 100
    for a, b in zip(per_neuron(found, 60), per_neuron(expected, 60), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-3 if dtype == "float32" else 1e-9)


@dtypes
def test_equal_values_are_one_value(dtype):
    indices, times, weights = inputs()
    plain = evsim.MultiCompartmentLIF(tau_mem=[10.0, 20.0], tau_syn=5.0, coupling=SAME, threshold=0.3)
    equal = evsim.MultiCompartmentLIF(
        tau_mem=np.tile([10.0, 20.0], (N, 1)), tau_syn=[5.0] * N, coupling=[SAME] * N, threshold=0.3
    )
    assert equal.kernel_name == plain.kernel_name == "linear_5"
    assert NEURONS["coupling"].kernel_name == "linear_8_heterogeneous"
    found, expected = (network(one, weights, Machine(dtype)) for one in (equal, plain))
    assert found.infer({"in": (indices, times)}) == expected.infer({"in": (indices, times)})


def test_arrivals_move_the_potential_of_every_neuron_by_the_weight():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = dataclasses.replace(NEURONS["delta"], threshold=9.0)
    net.add_layer(evsim.Dense(1, N, weights=[[2.0]] * N), neuron, port="dendrite_1")
    probe = evsim.Probe(0, [0.0], variable="v_dendrite_1")
    net.infer([0], [0.0], until=1.0, record=probe)
    np.testing.assert_array_equal(probe.values, [[2.0] * N])


@names
def test_they_are_kept_compared_and_copied(name):
    neuron = NEURONS[name]
    same = type(neuron).from_plain(neuron.to_plain())
    assert same == neuron == pickle.loads(pickle.dumps(neuron)) == copy.deepcopy(neuron)
    assert hash(same) == hash(neuron)
    assert one_of(neuron, 1) != neuron
    assert dataclasses.replace(neuron, tau_mem=2.0 * neuron.tau_mem) != neuron
    assert not neuron.tau_mem.flags.writeable
    assert neuron.port_names[:2] == ("soma", "dendrite_1")
    assert "coupling=array([" in repr(neuron)


TWO = {"tau_mem": [[10.0, 20.0], [10.0, 5.0]], "tau_syn": 5.0, "coupling": SAME}


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"tau_mem": [[10.0, 20.0], [10.0, -5.0]]}, InvalidArgumentError, "tau_mem must be positive"),
        ({"tau_mem": [[10.0, 20.0], [10.0, np.nan]]}, NonFiniteError, "tau_mem must be finite"),
        ({"tau_mem": [["a", "b"]]}, DTypeError, "tau_mem must be an array of shape"),
        ({"tau_mem": [[1.0], [1.0, 2.0]]}, ShapeMismatchError, "tau_mem must be an array of shape"),
        ({"tau_mem": 10.0}, ShapeMismatchError, r"got shapes \(\) and \(2, 2\)"),
        ({"tau_mem": np.ones((2, 2, 2))}, ShapeMismatchError, r"got shapes \(2, 2, 2\) and"),
        ({"tau_mem": np.ones((0, 2))}, ShapeMismatchError, r"got shapes \(0, 2\) and"),
        ({"tau_mem": [], "coupling": np.ones((0, 0))}, ShapeMismatchError, r"got shapes \(0,\) and"),
        ({"tau_mem": np.ones((2, 3))}, ShapeMismatchError, r"got shapes \(2, 3\) and \(2, 2\)"),
        ({"coupling": [SAME] * 3}, ShapeMismatchError, "'tau_mem': 2, 'coupling': 3"),
        ({"coupling": np.ones((0, 2, 2))}, ShapeMismatchError, "'coupling': 0"),
        ({"coupling": [SAME, -SAME]}, InvalidArgumentError, "coupling must not be negative"),
        ({"coupling": [SAME, np.inf * np.ones((2, 2))]}, NonFiniteError, "coupling must be finite"),
        ({"tau_syn": [1.0, 2.0, 3.0]}, ShapeMismatchError, "'tau_mem': 2, 'tau_syn': 3"),
        ({"tau_syn": [1.0, 0.0]}, InvalidArgumentError, "tau_syn must be positive, got 0"),
        ({"tau_syn": "a"}, DTypeError, "tau_syn must be a number"),
        ({"threshold": [1.0, 2.0, 3.0]}, ShapeMismatchError, "'threshold': 3"),
        ({"refractory": [1.0, 2.0, 3.0]}, ShapeMismatchError, "'refractory': 3"),
        ({"tau_mem": np.ones((2, 5)), "coupling": np.zeros((5, 5))}, UnsupportedError, "a neuron of 10 variables"),
        ({"tau_mem": [[10.0, 20.0], [10.0, 1e-30]]}, InvalidArgumentError, "choose another unit"),
    ],
    ids=str,
)
def test_mistakes_have_names(values, error, words):
    with pytest.raises(error, match=words):
        evsim.MultiCompartmentLIF(**{**TWO, **values})


def test_one_row_for_each_neuron_of_the_layer():
    net = evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError, match=r"one value or one per neuron \(3\), got 2"):
        net.add_layer(evsim.Dense(2, 3), evsim.MultiCompartmentLIF(**TWO), port=0)
    with pytest.raises(ShapeMismatchError, match=r"or one per channel \(3\), got 2"):
        net.add_layer(evsim.Conv2d(3, 2, in_shape=(1, 4, 4)), evsim.MultiCompartmentLIF(**TWO), port=0)
    assert len(net) == 0
