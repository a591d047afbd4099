"""A module takes spikes in several forms, gives what the network gives, and says what it cannot take."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import evsim
from evsim import errors

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import evsim.torch  # noqa: E402


def network(dtype="float64", *, seed=3):
    net = evsim.SpikingNetwork(dtype=dtype, seed=seed)
    weights = evsim.initializers.NormalInitializer(4.0, 2.0)
    net.add_layer(evsim.Dense(3, 5, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="hidden")
    net.add_layer(evsim.Dense(5, 2), evsim.LI(tau_mem=20.0, tau_syn=5.0), name="readout")
    net.add_layer(evsim.Dense(5, 2, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), source="hidden", name="out")
    return net


def samples_of(times):
    """The spikes of a padded array, by loops."""
    samples = []
    for sample in times:
        spikes = sorted((t, i) for i, row in enumerate(sample) for t in row if np.isfinite(t))
        samples.append(evsim.SpikeArray([i for _, i in spikes], [t for t, _ in spikes]))
    return samples


spike = st.one_of(st.floats(0.0, 20.0), st.just(float("inf")))


@settings(max_examples=30)
@given(st.lists(st.lists(st.lists(spike, min_size=2, max_size=2), min_size=3, max_size=3), min_size=1, max_size=4))
def test_padded_times_run_as_the_network_runs_their_spikes(times):
    net = network()
    names = ["hidden", "out", "readout"]
    found = evsim.torch.Network(net, outputs=names, until=40.0)(torch.tensor(times, dtype=torch.float64))
    right = net.infer(samples_of(times), outputs=names, until=40.0)
    for name in names:
        out, n = found[name], net[name].n_neurons
        per_neuron = [[one.times[one.indices == k].tolist() for k in range(n)] for one in right[name]]
        k = max([1, *(len(row) for sample in per_neuron for row in sample)])
        padded = [[row + [float("inf")] * (k - len(row)) for row in sample] for sample in per_neuron]
        assert out.times.tolist() == padded
        assert torch.equal(out.mask, torch.isfinite(out.times))
        assert out.counts.tolist() == [[len(row) for row in sample] for sample in per_neuron]
        assert out.first.tolist() == [[row[0] for row in sample] for sample in padded]
    assert found["readout"].maximum.tolist() == net["readout"].maximum.tolist()
    assert found["readout"].mean.tolist() == net["readout"].mean.tolist()
    assert found["hidden"].maximum is None
    assert found["hidden"].potentials is None


def test_all_forms_of_the_same_spikes_give_the_same():
    times = torch.tensor([[[1.0, 6.0], [2.0, np.inf], [np.inf, np.inf]], [[3.0, np.inf], [0.0, 8.0], [4.0, 5.0]]])
    dense = torch.zeros(10, 2, 3, dtype=torch.int8)
    for sample, neuron, k in torch.isfinite(times).nonzero().tolist():
        dense[int(times[sample, neuron, k]), sample, neuron] = 1
    half_steps = torch.repeat_interleave(dense, 2, dim=0)
    half_steps[1::2] = 0
    model = evsim.torch.Network(network(), until=40.0)
    right = model(times).times
    assert right.isfinite().any()
    for given_, options in (
        (samples_of(times.numpy()), {}),
        (tuple(samples_of(times.numpy())), {}),
        (dense, {"dt": 1.0}),
        (dense.bool(), {"dt": 1.0}),
        (dense.double(), {"dt": 1.0}),
        (half_steps, {"dt": 0.5}),
        (times.flip(-1), {}),
        (times.double(), {}),
        ({"input 0": times}, {}),
        ({model.net.inputs[0]: dense}, {"dt": 1.0}),
    ):
        assert torch.equal(model(given_, **options).times, right)
    with_dt = evsim.torch.Network(model.net, until=40.0, dt=1.0)
    assert torch.equal(with_dt(dense).times, right)
    alone = model(samples_of(times.numpy())[1]).times
    assert alone.shape[0] == 1
    assert torch.equal(alone[0, :, : right.shape[2]], right[1, :, : alone.shape[2]])


def test_one_spike_for_each_input_may_lack_the_last_dimension():
    model = evsim.torch.Network(network(), until=40.0)
    times = torch.tensor([[1.0, 2.0, 3.0]]).requires_grad_()
    other = times.detach()[..., None].requires_grad_()
    for one in (times, other):
        model(one).first.sum().backward()
    assert times.grad.shape == (1, 3)
    assert torch.equal(times.grad, other.grad[..., 0])


def test_images_come_as_dense_tensors_of_any_shape():
    net = evsim.SpikingNetwork(dtype="float64")
    conv = evsim.Conv2d(2, 3, in_shape=(1, 4, 4), weights=np.ones((2, 1, 3, 3)))
    net.add_layer(conv, evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="conv")
    model = evsim.torch.Network(net, until=20.0)
    dense = (torch.rand(6, 3, 1, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    assert torch.equal(model(dense, dt=1.0).times, model(dense.reshape(6, 3, 16), dt=1.0).times)


def test_an_input_that_is_left_out_gets_no_spikes():
    net = evsim.SpikingNetwork(dtype="float64")
    for name in ("a", "b"):
        net.add_input(2, name=name)
    cells = net.add_population(1, evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="cells")
    for name in ("a", "b"):
        net.connect(name, cells, evsim.Dense(2, 1, weights=[[9.0, 9.0]]))
    model = evsim.torch.Network(net, outputs=["cells"], until=20.0)
    assert sorted(model.weights) == ["a -> cells", "b -> cells"]
    times = torch.tensor([[1.0, 2.0]])
    nothing = torch.full((1, 2), torch.inf)
    assert torch.equal(model({"a": times})["cells"].times, model({"a": times, "b": nothing})["cells"].times)
    with pytest.raises(errors.InvalidArgumentError, match="2 inputs: 'a', 'b'"):
        model(times)
    with pytest.raises(errors.InvalidArgumentError, match="no input 'c'"):
        model({"c": times})
    with pytest.raises(errors.InvalidArgumentError, match="at least one"):
        model({})
    with pytest.raises(errors.ShapeMismatchError, match="same number of samples"):
        model({"a": times, "b": torch.cat([times, times])})


def test_batches_without_spikes_and_without_samples():
    model = evsim.torch.Network(network(), outputs=["out", "readout"], potentials={"readout": [3.0]}, until=10.0)
    silent = model(torch.full((2, 3, 1), torch.inf))
    assert silent["out"].times.shape == (2, 2, 1)
    assert silent["out"].counts.tolist() == [[0, 0], [0, 0]]
    (silent["out"].times.sum() + silent["readout"].potentials.sum()).backward()
    assert all(not one.grad.any() for one in model.parameters())
    empty = model(torch.zeros(0, 3, 1))
    assert empty["out"].times.shape[:2] == (0, 2)
    assert empty["readout"].potentials.shape == (0, 1, 2)


@pytest.mark.parametrize(
    ("given", "dt", "error", "match"),
    [
        (torch.zeros(2, 4, 1), None, errors.ShapeMismatchError, r"\(batch, 3\).*got \(2, 4, 1\)"),
        (torch.zeros(3), None, errors.ShapeMismatchError, r"\(batch, 3\)"),
        (torch.zeros(2, 3, 1, dtype=torch.int64), None, errors.DTypeError, "floating"),
        (torch.full((1, 3), torch.nan), None, errors.NonFiniteError, "inf where there is no spike"),
        (torch.full((1, 3), -torch.inf), None, errors.NonFiniteError, "inf where there is no spike"),
        (torch.zeros(5, 2, 4), 1.0, errors.ShapeMismatchError, r"\(time, batch, 3\)"),
        (torch.zeros(5, 3), 1.0, errors.ShapeMismatchError, r"\(time, batch, 3\)"),
        (torch.zeros(5, 2, 3), 0.0, errors.InvalidArgumentError, "dt must be positive"),
        (torch.full((5, 2, 3), 0.5), 1.0, errors.InvalidArgumentError, "spike counts"),
        (torch.zeros(5, 2, 3, requires_grad=True), 1.0, errors.UnsupportedError, "no derivatives by their times"),
        (np.zeros((2, 3)), None, errors.DTypeError, "ndarray"),
        ([[1.0, 2.0, 3.0]], None, errors.DTypeError, "list"),
        (None, None, errors.DTypeError, "NoneType"),
        ([evsim.SpikeArray([7], [1.0])], None, errors.IndexOutOfRangeError, "7"),
        ([evsim.SpikeArray([0, 1], [2.0, 1.0])], None, errors.UnsortedSpikesError, "decrease"),
    ],
)
def test_what_is_no_input_is_a_named_error(given, dt, error, match):
    with pytest.raises(error, match=match):
        evsim.torch.Network(network(), until=10.0)(given, dt=dt)


def test_until_of_a_call_replaces_that_of_the_module():
    model = evsim.torch.Network(network(), until=40.0)
    times = torch.tensor([[1.0, 2.0, 3.0]])
    whole, part = model(times).times, model(times, until=10.0).times
    assert part[part.isfinite()].tolist() == whole[whole < 10.0].tolist()


def test_collate_keeps_spikes_and_stacks_the_rest():
    spikes = [evsim.SpikeArray([0], [float(k)]) for k in range(3)]
    batch = evsim.torch.collate([{"spikes": one, "more": (k, torch.ones(2))} for k, one in enumerate(spikes)])
    assert batch["spikes"] == spikes
    assert batch["more"][0].tolist() == [0, 1, 2]
    assert batch["more"][1].shape == (3, 2)
    assert evsim.torch.collate(spikes) == spikes
