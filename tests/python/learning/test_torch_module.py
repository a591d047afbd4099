"""The module behaves as modules of PyTorch do: parameters, state_dict, types, copies, pickles."""

import copy
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import errors

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import evsim.torch  # noqa: E402

TIMES = torch.tensor([[1.0, 2.0, 0.5], [3.0, 0.2, 4.0]])


def network(dtype="float32", names=("hidden", "out")):
    net = evsim.SpikingNetwork(dtype=dtype, seed=3)
    weights = evsim.initializers.NormalInitializer(4.0, 2.0)
    net.add_layer(evsim.Dense(3, 5, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name=names[0], delay=0.5)
    net.add_layer(evsim.Dense(5, 2, weights), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name=names[1])
    return net


def module(**options):
    options = {"train": ("weights", "delays"), "parameters": {"hidden": "tau_mem"}, "until": 30.0} | options
    return evsim.torch.Network(network(), **options)


def gradients(model):
    model.zero_grad()
    model(TIMES).first.sum().backward()
    return {name: one.grad.clone() for name, one in model.named_parameters()}


def assert_alike(a, b):
    assert torch.equal(a(TIMES).times, b(TIMES).times)
    assert all(torch.equal(one, gradients(b)[name]) for name, one in gradients(a).items())


def test_parameters_have_the_names_and_values_of_the_network():
    model = module()
    assert {name: tuple(one.shape) for name, one in model.named_parameters()} == {
        "weights.hidden": (5, 3),
        "weights.out": (2, 5),
        "delays.hidden": (),
        "delays.out": (),
        "neurons.hidden:tau_mem": (),
    }
    assert np.array_equal(model.weights["hidden"].detach(), network()["hidden"].weights)
    assert model.delays["hidden"].item() == 0.5
    assert model.neurons["hidden", "tau_mem"].item() == 20.0
    assert len(model.weights) == 2
    assert "out" in model.weights
    assert "hidden" in repr(model)
    with pytest.raises(errors.InvalidArgumentError, match="'other'; there are those of: 'hidden', 'out'"):
        model.weights["other"]


@pytest.mark.parametrize("names", [("train", "type"), ("a.b", "_parameters"), ("keys", "weights")])
def test_any_name_of_a_population_will_do(names):
    model = evsim.torch.Network(network(names=names), parameters={names[0]: "tau_mem"}, until=30.0)
    assert set(model.weights) == set(names)
    gradients(model)
    other = evsim.torch.Network(network(names=names), parameters={names[0]: "tau_mem"}, until=30.0)
    with torch.no_grad():
        other.weights[names[0]].mul_(2.0)
    model.load_state_dict(other.state_dict())
    assert_alike(model, other)


def test_names_that_differ_by_dots_only_are_refused():
    with pytest.raises(errors.InvalidArgumentError, match="dots"):
        evsim.torch.Network(network(names=("a.b", "a/b")))


def test_state_dict_carries_all_over():
    model, other = module(), module()
    with torch.no_grad():
        for one in other.parameters():
            one.mul_(1.1)
    file = io.BytesIO()
    torch.save(other.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file, weights_only=True))
    assert_alike(model, other)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_and_pickles_are_independent(copied):
    model = module()
    right = gradients(model)
    other = copied(model)
    assert_alike(model, other)
    with torch.no_grad():
        other.weights["hidden"].zero_()
    assert not other(TIMES).mask.any()
    assert all(torch.equal(one, right[name]) for name, one in gradients(model).items())


def test_the_network_takes_the_type_of_the_module():
    model = module()
    single = model(TIMES)
    assert single.times.dtype == torch.float32
    assert model.double() is model
    double = model(TIMES)
    assert double.times.dtype == torch.float64
    assert model.net.dtype == "float64"
    torch.testing.assert_close(single.times.double(), double.times, rtol=1e-5, atol=1e-5)
    precise = gradients(model)
    assert all(one.dtype == torch.float64 for one in precise.values())
    torch.nn.Sequential(model).to(torch.float32)
    assert torch.equal(model(TIMES).times, single.times)
    assert model.net.dtype == "float32"
    for name, one in gradients(model).items():
        torch.testing.assert_close(one.double(), precise[name], rtol=1e-3, atol=1e-3 * float(precise[name].abs().max()))


def test_what_evsim_cannot_follow_is_a_named_error():
    model = module()
    for change in (lambda: model.half(), lambda: model.to(torch.bfloat16), lambda: torch.nn.Sequential(model).half()):
        with pytest.raises(errors.UnsupportedError, match="float32 or float64"):
            change()
    with pytest.raises(errors.UnsupportedError, match="CPU"):
        model.to("meta")
    with pytest.raises(errors.UnsupportedError, match="CPU"):
        model(torch.zeros(1, 3, device="meta"))
    assert model.weights["hidden"].dtype == torch.float32
    assert model(TIMES).mask.any()


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_cuda_is_a_named_error():
    model = module()
    for change in (model.cuda, lambda: model.to("cuda")):
        with pytest.raises(errors.UnsupportedError, match="runs on the CPU"):
            change()


def test_the_network_has_the_values_of_the_parameters():
    net = network()
    model = evsim.torch.Network(net, train=("weights", "delays"), until=30.0)
    with torch.no_grad():
        model.weights["hidden"].mul_(1.5)
        model.delays["hidden"].fill_(-0.25)
        model.delays["out"].fill_(1.25)
    assert model.net is net
    assert np.array_equal(net["hidden"].weights, model.weights["hidden"].detach())
    assert (net["hidden"].delays, net["out"].delays) == (0.0, 1.25)
    model = module()
    with torch.no_grad():
        model.neurons["hidden", "tau_mem"].fill_(15.0)
    assert model.net["hidden"].neuron.tau_mem == 15.0


def test_a_parameter_that_has_become_none_is_a_named_error():
    for key, value, error, match in (
        ("weights.hidden", torch.nan, errors.NonFiniteError, "weights"),
        ("delays.hidden", torch.inf, errors.NonFiniteError, "delays of 'hidden'"),
        ("neurons.hidden:tau_mem", -1.0, errors.InvalidArgumentError, "tau_mem must be positive"),
    ):
        model = module()
        with torch.no_grad():
            dict(model.named_parameters())[key].fill_(value)
        with pytest.raises(error, match=match):
            model(TIMES)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"train": "threshold"}, errors.InvalidArgumentError, "parameters="),
        ({"train": ("delays", "axonal delays")}, errors.InvalidArgumentError, "one of them"),
        ({"train": 3}, errors.DTypeError, "sequence of names"),
        ({"parameters": {"hidden": "tau"}}, errors.NoSuchParameterError, "tau_mem"),
        ({"parameters": {"input 0": "tau_mem"}}, errors.NoSuchParameterError, "no neurons"),
        ({"parameters": {"hidden": "refractory"}}, errors.UnsupportedError, "above 0"),
        ({"parameters": {"nobody": "tau_mem"}}, errors.IndexOutOfRangeError, "nobody"),
        ({"outputs": ["nobody"]}, errors.IndexOutOfRangeError, "nobody"),
        ({"outputs": "out"}, errors.DTypeError, "list"),
        ({"potentials": {"hidden": [1.0]}}, errors.InvalidArgumentError, "'out'; got 'hidden'"),
    ],
)
def test_what_is_not_there_is_a_named_error(options, error, match):
    with pytest.raises(error, match=match):
        module(**options)


def test_networks_without_exact_gradients_are_refused():
    with pytest.raises(errors.DTypeError, match="SpikingNetwork"):
        evsim.torch.Network("net")
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1), evsim.QIF(tau_mem=10.0, tau_syn=5.0))
    with pytest.raises(errors.UnsupportedError, match="QIF"):
        evsim.torch.Network(net)


def test_a_parametrization_of_pytorch_bounds_delays():
    class Positive(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.softplus(x)

        def right_inverse(self, y):
            return y.expm1().log()

    model = module(parameters=None)
    torch.nn.utils.parametrize.register_parametrization(model.delays, "hidden", Positive())
    assert model.delays["hidden"].item() == pytest.approx(0.5)
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    for _ in range(5):
        optimizer.zero_grad()
        model(TIMES).first.sum().backward()
        optimizer.step()
    assert 0.0 < model.delays["hidden"].item() < 0.5


def test_training_a_delay_lets_it_come_back_from_below_0():
    model = module(parameters=None)
    with torch.no_grad():
        model.delays["hidden"].fill_(-0.1)
        target = model(TIMES).first + 0.2
    optimizer = torch.optim.Adam([model.delays["hidden"]], lr=0.02)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(TIMES).first - target).square().sum()
        loss.backward()
        optimizer.step()
    assert model.delays["hidden"].item() == pytest.approx(0.2, abs=1e-3)


def test_gradients_accumulate_and_layers_of_pytorch_go_before_and_after():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Softplus(), module(parameters=None))
    inputs = torch.rand(4, 2, generator=torch.Generator().manual_seed(1))
    after = torch.nn.Linear(2, 1)
    after(model(inputs).first).sum().backward()
    once = [one.grad.clone() for one in model.parameters()]
    assert all(one.abs().sum() > 0 for one in once)
    after(model(inputs).first).sum().backward()
    assert all(torch.allclose(one.grad, 2.0 * before) for one, before in zip(model.parameters(), once, strict=True))


def test_what_hides_values_is_a_named_error():
    model = module()
    with pytest.raises(errors.UnsupportedError, match="use torch"):
        torch.func.grad(lambda times: model(times).first.sum())(TIMES)
    with pytest.raises(errors.UnsupportedError, match="use torch"):
        torch.func.vmap(lambda times: model(times[None]).first)(TIMES)
    names, values = zip(*model.named_parameters(), strict=True)
    with pytest.raises(errors.UnsupportedError, match="use torch"):
        torch.func.grad(
            lambda *values: torch.func.functional_call(model, dict(zip(names, values, strict=True)), TIMES).first.sum()
        )(*(value.detach() for value in values))


def test_torch_compile_leaves_a_network_as_it_is():
    model = module()
    whole = torch.compile(torch.nn.Sequential(model), backend="eager")
    assert torch.equal(whole(TIMES).times, model(TIMES).times)


def test_import_evsim_does_not_import_torch():
    source = "import sys, evsim, evsim.learning; evsim.SpikingNetwork(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", source], check=True)


def test_without_torch_the_error_says_what_to_install():
    source = """
import sys
sys.modules["torch"] = None
import evsim
try:
    import evsim.torch
except evsim.errors.MissingDependencyError as error:
    assert str(error) == "evsim.torch needs PyTorch: python -m pip install 'evsim[torch]'", error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", source], check=True)
