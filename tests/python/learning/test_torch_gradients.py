"""Gradients that PyTorch gets are those of central differences, which look at nothing but forward runs."""

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning.systems import parameter_names
from evsim.neurons import Exponential, Linear, ThresholdAdaptation

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import evsim.torch  # noqa: E402

TIMES = torch.tensor([[[1.0, 6.0], [2.5, np.inf], [0.5, 4.0]], [[3.0, np.inf], [0.2, 8.0], [np.inf, np.inf]]]).double()


def network(*, delay=None, reset="subtract", refractory=0.0, connection=None, dtype="float64"):
    """3-4-2 neurons that fire several times, with a readout beside the output."""
    net = evsim.SpikingNetwork(dtype=dtype)
    rng = np.random.default_rng(5)
    hidden = evsim.LIF(tau_mem=12.0, tau_syn=4.0, threshold=0.7, reset=reset, refractory=refractory, bias=0.1)
    first = connection or evsim.Dense(3, 4, weights=rng.normal(3.0, 1.0, (4, 3)))
    net.add_layer(first, hidden, name="hidden", delay=delay)
    net.add_layer(
        evsim.Dense(4, 2, weights=rng.normal(1.5, 0.5, (2, 4))), evsim.LIF(tau_mem=15.0, tau_syn=5.0), name="out"
    )
    readout = evsim.LI(tau_mem=20.0, tau_syn=5.0)
    net.add_layer(evsim.Dense(4, 3, weights=rng.normal(0.0, 1.0, (3, 4))), readout, source="hidden", name="readout")
    return net


def checked(model, times, pick, **options):
    """Whether gradcheck agrees for all parameters that are trained, and for times of inputs that require gradients."""
    names = [name for name, one in model.named_parameters() if one.requires_grad]
    values = [dict(model.named_parameters())[name] for name in names]

    def run(times, *values):
        return pick(torch.func.functional_call(model, dict(zip(names, values, strict=True)), (times,)))

    return torch.autograd.gradcheck(run, (times, *values), **options)


def spikes_of(name):
    return lambda out: out[name].times[out[name].mask]


@pytest.mark.parametrize(("reset", "refractory"), [("subtract", 0.0), (-0.2, 0.0), ("subtract", 1.5)])
@pytest.mark.parametrize("name", ["hidden", "out"])
def test_spike_times_by_weights_and_input_times(name, reset, refractory):
    model = evsim.torch.Network(network(reset=reset, refractory=refractory), outputs=["hidden", "out"], until=30.0)
    assert model(TIMES)[name].counts.max() > 1
    assert checked(model, TIMES.clone().requires_grad_(), spikes_of(name))


@pytest.mark.parametrize("train", ["delays", "axonal delays", "synaptic delays"])
def test_spike_times_by_delays(train):
    model = evsim.torch.Network(network(delay=0.5), train=train, outputs=["out"], until=30.0)
    shapes = {"delays": (), "axonal delays": (3,), "synaptic delays": (4, 3)}
    assert tuple(model.delays["hidden"].shape) == shapes[train]
    with torch.no_grad():  # a delay of 0 has no central difference
        for key in model.delays:
            model.delays[key].add_(0.25)
    assert checked(model, TIMES, spikes_of("out"))


def test_delays_of_each_input_become_those_of_sparse_synapses():
    connection = evsim.Sparse(3, 4, [0, 0, 1, 2, 2], [0, 3, 1, 2, 3], [4.0, 3.0, 5.0, 4.0, 2.0])
    net = network(connection=connection, delay=[0.5, 1.0, 1.5])
    model = evsim.torch.Network(net, train=("weights", "synaptic delays"), outputs=["hidden"], until=30.0)
    assert model.delays["hidden"].tolist() == [0.5, 0.5, 1.0, 1.5, 1.5]
    assert checked(model, TIMES.clone().requires_grad_(), spikes_of("hidden"))


def test_spike_times_by_parameters_of_neurons():
    names = ("tau_mem", "tau_syn", "threshold", "bias")
    model = evsim.torch.Network(network(), parameters={"hidden": names, "out": "tau_mem"}, outputs=["out"], until=30.0)
    assert checked(model, TIMES, spikes_of("out"))


def test_parameters_of_each_neuron():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIF(tau_mem=[10.0, 10.0], tau_syn=5.0, threshold=[0.5, 0.6])
    net.add_layer(evsim.Dense(3, 2, weights=[[3.0, 2.0, 1.0], [2.0, 4.0, 3.0]]), neuron, name="out")
    model = evsim.torch.Network(net, parameters={"out": ("tau_mem", "threshold")}, until=30.0)
    assert checked(model, TIMES, lambda out: out.times[out.mask])


def test_parameters_of_each_channel():
    net = evsim.SpikingNetwork(dtype="float64")
    kernels = np.random.default_rng(1).normal(2.5, 0.5, (2, 1, 3, 3))
    neuron = evsim.LIF(tau_mem=[10.0, 14.0], tau_syn=4.0, threshold=[0.9, 1.1], refractory=[0.3, 0.5])
    net.add_layer(evsim.Conv2d(2, 3, in_shape=(1, 4, 4), weights=kernels), neuron, name="conv")
    model = evsim.torch.Network(net, parameters={"conv": ("tau_mem", "threshold", "refractory")}, until=20.0)
    assert tuple(model.neurons["conv", "tau_mem"].shape) == (2,)
    times = torch.from_numpy(np.random.default_rng(2).uniform(0.0, 10.0, (2, 16)))
    assert checked(model, times, lambda out: out.times[out.mask])


NEURONS = {
    "LIF": evsim.LIF(tau_mem=12.0, tau_syn=4.0, bias=0.1, refractory=0.3),
    "LIF of one time constant": evsim.LIF(tau_mem=4.0, tau_syn=4.0, reset=-0.1, refractory=1.0),
    "LIFDelta": evsim.LIFDelta(tau_mem=10.0, threshold=4.0, bias=1.0, refractory=0.37),
    "IAFDelta": evsim.IAFDelta(threshold=4.3, refractory=0.37),
    "LIFAlpha": evsim.LIFAlpha(tau_mem=12.0, tau_syn=4.0, refractory=0.4),
    "LIFDoubleExponential": evsim.LIFDoubleExponential(tau_mem=12.0, tau_rise=2.0, tau_decay=5.0, refractory=0.4),
    "ALIF": evsim.ALIF(tau_mem=12.0, tau_syn=4.0, tau_adaptation=30.0, jump=0.3, refractory=0.4),
    "parts": Linear(
        synapses=Exponential(4.0), tau_mem=12.0, adaptation=ThresholdAdaptation(tau=30.0, jump=0.3), refractory=0.4
    ),
}


@pytest.mark.parametrize("kind", NEURONS)
def test_every_parameter_of_a_neuron(kind):
    net = evsim.SpikingNetwork(dtype="float64")
    weights = [[6.0, 5.0, 4.0], [3.0, 7.0, 5.0]]
    net.add_layer(evsim.Dense(3, 2, weights=weights), NEURONS[kind], name="out")
    names = parameter_names(NEURONS[kind])
    model = evsim.torch.Network(net, parameters={"out": names}, until=30.0)
    assert [model.neurons["out", name].item() for name in names]
    assert model(TIMES).counts.sum() > 3
    assert checked(model, TIMES, lambda out: out.times[out.mask])


def test_a_recurrent_network_with_delays():
    net = network()
    net.connect("hidden", "hidden", evsim.Dense(4, 4, weights=np.full((4, 4), 0.4)), delay=1.7)
    model = evsim.torch.Network(net, train=("weights", "delays"), outputs=["out"], until=25.0)
    with torch.no_grad():
        model.delays["hidden"].fill_(0.3)
        model.delays["out"].fill_(0.6)
        model.delays["readout"].fill_(0.6)
    assert "hidden -> hidden" in model.weights
    assert checked(model, TIMES.clone().requires_grad_(), spikes_of("out"))


def test_potentials_maxima_and_means():
    model = evsim.torch.Network(network(), outputs=["readout"], potentials={"readout": [5.3, 12.0, 29.0]}, until=30.0)

    def values(out):
        one = out["readout"]
        assert one.potentials.shape == (2, 3, 3)
        return torch.cat(
            [
                one.potentials.ravel(),
                one.maximum.ravel(),
                one.mean.ravel(),
                one.maximum.ravel() * one.potentials[:, 1].ravel(),
            ]
        )

    assert checked(model, TIMES.clone().requires_grad_(), values)


@pytest.mark.parametrize("train", ["delays", "axonal delays", "synaptic delays"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_maximum_where_a_spike_arrives_moves_with_its_delay(train, sparse):
    net = evsim.SpikingNetwork(dtype="float64")
    weights = np.array([[5.0, -6.0, 2.0], [3.0, 2.0, -9.0]])
    connection = evsim.Sparse.from_matrix(weights) if sparse else evsim.Dense(3, 2, weights=weights)
    net.add_layer(connection, evsim.LI(tau_mem=20.0, tau_syn=10.0), delay=0.5, name="out")
    model = evsim.torch.Network(net, train=("weights", train), until=40.0)
    times = torch.tensor([[1.0, 4.0, 3.0], [2.0, 9.0, 7.5]]).double().requires_grad_()
    model(times)
    arrivals = times.detach().numpy() + 0.5
    assert [at in row for row, two in zip(arrivals, model.net["out"].maximum_time, strict=True) for at in two] == [
        True
    ] * 4
    with torch.no_grad():
        model.delays["out"].add_(torch.rand(model.delays["out"].shape) * 0.1)
    assert checked(model, times, lambda out: out.maximum)


def test_potentials_maxima_and_means_by_parameters_of_the_readout():
    names = ("tau_mem", "tau_syn")  # by others a maximum at the very beginning has no derivative
    options = {"potentials": {"readout": [7.0]}, "until": 30.0}
    model = evsim.torch.Network(network(), parameters={"readout": names, "hidden": "tau_syn"}, **options)
    assert checked(model, TIMES, lambda out: torch.cat([out.potentials[:, 0], out.maximum, out.mean]))


def test_a_run_without_an_end_has_no_mean():
    model = evsim.torch.Network(network(), outputs=["readout"])
    out = model(TIMES, until=None)["readout"]
    assert out.mean is None
    assert out.maximum.isfinite().all()


def test_a_maximum_that_is_the_first_value():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LI(tau_mem=20.0, tau_syn=5.0, v_rest=-1.0, v_init=0.5)
    net.add_layer(evsim.Dense(3, 2, weights=[[-1.0, -2.0, -1.0], [-1.0, 9.0, -1.0]]), neuron, name="out")
    model = evsim.torch.Network(net, parameters={"out": ("v_init", "v_rest")}, until=30.0)
    assert model(TIMES).maximum[0, 0] == 0.5
    assert checked(model, TIMES, lambda out: out.maximum)


def test_several_outputs_at_once():
    model = evsim.torch.Network(network(), outputs=["hidden", "out", "readout"], until=30.0)

    def loss(out):
        return torch.sin(out["hidden"].first).sum() + out["out"].first[0].sum() * out["readout"].maximum.sum()

    assert checked(model, TIMES.clone().requires_grad_(), loss)


def test_a_convolution_with_pooling():
    net = evsim.SpikingNetwork(dtype="float64")
    kernels = np.random.default_rng(1).normal(2.5, 0.5, (2, 1, 3, 3))
    net.add_layer(
        evsim.Conv2d(2, 3, in_shape=(1, 6, 6), weights=kernels), evsim.LIF(tau_mem=12.0, tau_syn=4.0), name="conv"
    )
    net.add_layer(evsim.Pool2d(2, mode="or"), name="pool")
    net.add_layer(evsim.Dense(8, 2, weights=np.full((2, 8), 2.0)), evsim.LIF(tau_mem=12.0, tau_syn=4.0), name="out")
    times = torch.from_numpy(np.random.default_rng(2).uniform(0.0, 10.0, (2, 36))).requires_grad_()
    model = evsim.torch.Network(net, outputs=["out"], until=30.0)
    assert set(model.weights) == {"conv", "out"}
    assert (model(times)["out"].counts > 0).all()
    assert checked(model, times, spikes_of("out"))


def test_a_wrong_gradient_is_seen(monkeypatch):
    model = evsim.torch.Network(network(), outputs=["out"], until=30.0)
    right = evsim.learning.Tape.backward

    def wrong(self, *args, **options):
        gradients = right(self, *args, **options)
        gradients.weights["hidden"] = gradients.weights["hidden"] * 1.01
        return gradients

    monkeypatch.setattr(evsim.learning.Tape, "backward", wrong)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        checked(model, TIMES, spikes_of("out"))


def test_runs_between_a_run_and_its_way_back_change_nothing():
    model = evsim.torch.Network(network(), train=("weights", "delays"), parameters={"hidden": "tau_mem"}, until=30.0)
    model._one, model._outputs = True, ("out",)
    names = [name for name, _ in model.named_parameters()]
    rng = np.random.default_rng(0)

    def values(factor):
        return [
            (p.detach() * factor + torch.from_numpy(rng.uniform(0.0, 0.1, tuple(p.shape)))).requires_grad_()
            for p in model.parameters()
        ]

    def run(values, times):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (times,)).first.sum()

    one, other = values(1.0), values(1.1)
    alone = [torch.autograd.grad(run(v, t), v) for v, t in ((one, TIMES), (other, TIMES[:1] + 0.3))]
    losses = run(one, TIMES), run(other, TIMES[:1] + 0.3)
    model.net.populations[0].weights = np.zeros((4, 3))
    for order in ((0, 1), (1, 0)):
        for k in order:
            found = torch.autograd.grad(losses[k], (one, other)[k], retain_graph=True)
            assert all(torch.equal(a, b) for a, b in zip(found, alone[k], strict=True))
    assert not torch.equal(alone[0][0], alone[1][0])


def test_a_parameter_changed_in_place_before_the_way_back_is_an_error_of_pytorch():
    model = evsim.torch.Network(network(), outputs=["out"], until=30.0)
    loss = model(TIMES)["out"].first.sum()
    torch.optim.SGD(model.parameters(), lr=0.1)
    with torch.no_grad():
        model.weights["hidden"].add_(0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_what_a_loss_derives_at_padding_counts_for_nothing():
    model = evsim.torch.Network(network(), outputs=["hidden"], until=30.0)
    times = TIMES.clone().requires_grad_()
    out = model(times)["hidden"]
    assert not out.mask.all()
    out.times[out.mask].square().sum().backward()
    right = times.grad, model.weights["hidden"].grad
    for derived in (torch.inf, torch.nan, 3.0):
        out = model(times)["hidden"]
        by_time = torch.where(out.mask, 2.0 * out.times.detach(), derived)
        found = torch.autograd.grad(out.times, (times, model.weights["hidden"]), by_time)
        assert all(torch.equal(a, b) for a, b in zip(right, found, strict=True))
    assert torch.equal(times.grad[torch.isinf(TIMES)], torch.zeros(4, dtype=torch.float64))


def test_nan_at_a_spike_is_a_named_error():
    out = evsim.torch.Network(network(), outputs=["out"], until=30.0)(TIMES)["out"]
    with pytest.raises(errors.NonFiniteError, match="derivatives of out"):
        (out.first * torch.nan).sum().backward()


def test_writing_into_what_a_run_returned_changes_no_gradient():
    model = evsim.torch.Network(network(), outputs=["hidden", "readout"], until=30.0)
    found = []
    for factor in (1.0, 0.0):
        out = model(TIMES)
        loss = out["readout"].maximum.sum() + out["hidden"].first.sum()
        with torch.no_grad():
            out["readout"].maximum.mul_(factor)
            out["hidden"].times.mul_(factor)
        found.append(torch.autograd.grad(loss, list(model.parameters())[:1])[0])
    assert torch.equal(*found)


def test_only_what_is_trained_gets_gradients():
    model = evsim.torch.Network(network(delay=1.0), train=(), outputs=["out"], until=30.0)
    assert not model(TIMES)["out"].times.requires_grad
    times = TIMES.clone().requires_grad_()
    model(times)["out"].first.sum().backward()
    assert all(one.grad is None for one in model.parameters())
    assert times.grad.abs().sum() > 0.0


def test_gradients_of_a_batch_are_the_sum_of_those_of_its_samples():
    model = evsim.torch.Network(network(), outputs=["out"], until=30.0)
    whole = torch.autograd.grad(model(TIMES)["out"].first.sum(), model.weights["hidden"])[0]
    parts = [torch.autograd.grad(model(one[None])["out"].first.sum(), model.weights["hidden"])[0] for one in TIMES]
    torch.testing.assert_close(whole, parts[0] + parts[1], rtol=1e-12, atol=0.0)


def test_second_derivatives_are_refused():
    model = evsim.torch.Network(network(), outputs=["out"], until=30.0)
    gradient = torch.autograd.grad(model(TIMES)["out"].first.sum(), model.weights["hidden"], create_graph=True)[0]
    with pytest.raises(errors.UnsupportedError, match="second derivatives"):
        gradient.sum().backward()
