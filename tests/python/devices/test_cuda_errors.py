"""The GPU raises the errors of the CPU, and names what it lacks: a library, a driver, memory, kinds of networks."""

import math
import re
import sys

import gpu
import numpy as np
import pytest
from cpu_and_gpu import errors, networks, spikes

import evsim
from evsim.errors import DeviceError, InvalidArgumentError, MissingDependencyError, UnsupportedError

WRONG = {
    "index 20": ([0, 20], [1.0, 1.0]),
    "index -1": (np.array([-1], np.int32), [1.0]),
    "finite": ([0, 0], [1.0, math.inf]),
    "same length": ([0, 0], [1.0]),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("batch", [False, True])
def test_wrong_input_raises_the_errors_of_the_cpu(wrong, batch):
    nets = networks()
    for net in nets:
        net.infer(*spikes(1))
    count = nets[1][0].n_spikes.sum()
    message = errors(nets, lambda net: net.infer([([0], [1.0]), WRONG[wrong]]) if batch else net.infer(*WRONG[wrong]))
    assert wrong in message
    assert nets[1][0].n_spikes.sum() == count


def test_wrong_times_and_streams_raise_the_errors_of_the_cpu():
    nets = networks()
    errors(nets, lambda net: net.infer([0], [1.0], until=math.nan))
    errors(nets, lambda net: net.infer([0], [1.0], until=-math.inf))
    errors(nets, lambda net: net.infer([0], [1.0], start=2.0))
    errors(nets, lambda net: net.infer([], [], start=2.0, until=1.0))
    errors(nets, lambda net: net.infer([], [], start=math.inf))
    for net in nets:
        net.infer([0], [1.0], until=5.0)
    errors(nets, lambda net: net.infer([0], [4.0], reset=False))
    errors(nets, lambda net: net.infer([0], [6.0], reset=False, start=5.0))
    errors(nets, lambda net: net.infer([([], []), ([], [])], reset=False, until=6.0))
    errors(nets, lambda net: net.infer([], [], reset=False, until=4.0))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [1.0], variable="u")))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [1.0], neurons=[37])))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [2.0, 1.0])))
    errors([evsim.SpikingNetwork(), evsim.SpikingNetwork(device="cuda")], lambda net: net.infer([0], [1.0]))


def test_states_that_are_not_finite_and_runaways_raise_and_change_nothing():
    nets = networks(neurons=("lif", "lif_delta"), sizes=(20, 6, 4), max_spikes_per_instant=50)
    for net in nets:
        net.infer(*spikes(1))
    count = nets[1][0].n_spikes.sum()
    for net in nets:
        net[1].weights[2, :] = 1e6
    assert "neuron 2 fired more than 50 times" in errors(nets, lambda net: net.infer(*spikes(1)))
    for net in nets:
        net[1].weights[2, :] = np.nan
    assert "layer 1: the state of neuron 2 is no longer finite" in errors(nets, lambda net: net.infer(*spikes(1)))
    assert nets[1][0].n_spikes.sum() == count


def test_without_cupy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingDependencyError, match=re.escape("python -m pip install 'evsim[cuda]'")):
        evsim.SpikingNetwork(device="cuda")


@pytest.mark.parametrize("count", [0, RuntimeError("cudaErrorInsufficientDriver: driver too old")])
def test_without_a_gpu_the_error_says_so(monkeypatch, count):
    def get_device_count():
        if isinstance(count, Exception):
            raise count
        return count

    monkeypatch.setattr(gpu.CUPY.cuda.runtime, "getDeviceCount", get_device_count)
    with pytest.raises(DeviceError, match=r"needs an NVIDIA GPU.*(driver too old|finds none)"):
        evsim.SpikingNetwork(device="cuda")


def test_a_full_gpu_raises_a_memory_error(monkeypatch, device):
    _, cuda = networks()

    def full(*_arguments):
        raise device.cuda.memory.OutOfMemoryError()

    monkeypatch.setattr(cuda[0]._core.kernels, "launch", full)
    with pytest.raises(evsim.errors.MemoryLimitError, match="memory of the GPU is full"):
        cuda.infer(*spikes(1))


# What only the CPU has


def convolution(net):
    net.add_conv_layer(3, 2, evsim.IAFDelta(), in_shape=(1, 4, 4))


def pooling(net):
    net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4)))


def second_input(net):
    net.add_input(3)
    net.add_input(3)


def second_projection(net):
    layer = net.add_layer(evsim.Dense(3, 2), evsim.IAFDelta())
    net.connect(net.inputs[0], layer, evsim.Dense(3, 2))


def fork(net):
    source = net.add_input(3)
    for _ in range(2):
        net.add_layer(evsim.Dense(3, 2), evsim.IAFDelta(), source=source)


def loop(net):
    layer = net.add_layer(evsim.Dense(3, 3), evsim.IAFDelta())
    net.connect(layer, layer, evsim.Dense(3, 3))


@pytest.mark.parametrize("build", [second_input, second_projection, fork, loop])
def test_graphs_other_than_chains_are_refused(build):
    with pytest.raises(UnsupportedError, match=r"on the GPU a .*device='cpu'"):
        build(evsim.SpikingNetwork(device="cuda"))


def test_what_spikes_bring_is_the_weight():
    net = evsim.SpikingNetwork(device="cuda")
    with pytest.raises(UnsupportedError, match="on_delivery run on the CPU"):
        net.add_layer(evsim.Dense(3, 2), evsim.IAFDelta(), kernel=evsim.rules.tsodyks_markram())
    with pytest.raises(InvalidArgumentError, match="Sparse connections run on the CPU"):
        net.add_layer(evsim.Sparse.one_to_one(3), evsim.IAFDelta(), kernel=evsim.rules.pair_stdp())
    assert len(net) == 0


@pytest.mark.parametrize("build", [convolution, pooling])
def test_layers_on_images_are_refused(build):
    net = evsim.SpikingNetwork(device="cuda")
    with pytest.raises(InvalidArgumentError, match="run on the CPU"):
        build(net)
    assert len(net) == 0


@pytest.mark.parametrize("n_layers", [0, 1])
def test_populations_without_a_projection_are_refused(n_layers):
    """They would take the spikes of the population before them for their own."""
    net = evsim.SpikingNetwork(device="cuda")
    for _ in range(n_layers):
        net.add_layer(evsim.Dense(3, 2), evsim.IAFDelta())
    net.add_population(2, evsim.LIF(tau_mem=1.0, tau_syn=1.0, bias=2.0), name="clock")
    given = ([0], [1.0]) if n_layers else ()
    with pytest.raises(UnsupportedError, match="'clock' has none"):
        net.infer(*given, until=5.0)
    assert net.time is None
