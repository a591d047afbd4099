"""Values of a wrong type in arguments that are rarely given: named errors, whatever they are."""

import numpy as np
import pytest

import evsim
from evsim.errors import DTypeError, EvsimError, InvalidArgumentError

I = evsim.initializers  # noqa: E741
SPIKES = evsim.SpikeArray([0], [1.0])


def net():
    made = evsim.SpikingNetwork(seed=0)
    made.add_fc_layer(2, 2, 0.1, 0.2)
    return made


CALLS = {
    "Probe's variable": lambda v: net().infer([0], [0.0], record=evsim.Probe(0, [0.0], variable=v)),
    "Probe's layer": lambda v: net().infer([0], [0.0], record=evsim.Probe(v, [0.0])),
    "record": lambda v: net().infer([0], [0.0], record=v),
    "until": lambda v: net().infer([0], [0.0], until=v),
    "start": lambda v: net().infer([0], [0.0], start=v),
    "indices": lambda v: net().infer(indices=v, times=[0.0]),
    "load": evsim.load,
    "save": lambda v: net().save(v),
    "compile_path": evsim.SpikingNetwork,
    "dtype": lambda v: evsim.SpikingNetwork(dtype=v),
    "device": lambda v: evsim.SpikingNetwork(device=v),
    "a seed": lambda v: evsim.SpikingNetwork(seed=v),
    "the shared seed": evsim.random.set_seed,
    "max_spikes_per_instant": lambda v: evsim.SpikingNetwork(max_spikes_per_instant=v),
    "buffer_size": lambda v: net().add_fc_layer(2, 2, 0.1, 0.2, None, v),
    "an initializer": lambda v: net().add_fc_layer(2, 2, 0.1, 0.2, v),
    "threads": evsim.set_num_threads,
    "a constant": I.ConstantInitializer,
    "a mean": I.NormalInitializer,
    "a deviation": lambda v: I.NormalInitializer(0.0, v),
    "a bound": I.UniformInitializer,
    "a constant's shape": lambda v: I.ConstantInitializer(1.0)(v),
    "a normal shape": lambda v: I.NormalInitializer()(v),
    "a uniform shape": lambda v: I.UniformInitializer()(v),
    "a generator": lambda v: I.NormalInitializer()((2, 2), v),
    "merge": lambda v: SPIKES.merge(v),
    "n_neurons": lambda v: SPIKES.to_dense(1.0, v),
    "dt": lambda v: SPIKES.to_dense(v),
    "time_slice": lambda v: SPIKES.time_slice(v),
    "a shape": lambda v: evsim.SpikeArray(shape=v),
    "a position": lambda v: SPIKES[v],
    "a layer": lambda v: net()[v],
    "shipped": evsim.kernels.shipped,
    "batch_update": lambda v: evsim.Kernel("\n", batch_update=v),
    "kernel parameters": lambda v: evsim.Kernel("\n", parameters=v),
    "neuron": lambda v: setattr(net()[0], "neuron", v),
}
ALLOWS = {  # what is a value there
    ("compile_path", "text"),
    ("indices", "ragged"),
    ("kernel parameters", "none"),
    ("compile_path", "none"),
    ("until", "none"),
    ("start", "none"),
    ("a seed", "none"),
    ("the shared seed", "none"),
    ("an initializer", "none"),
    ("an initializer", "callable"),
    ("a generator", "none"),
    ("n_neurons", "none"),
    ("time_slice", "none"),
    ("a shape", "none"),
    ("load", "text"),
    ("save", "text"),
}
VALUES = {
    "text": "\N{SNOWMAN}",
    "bytes": b"ab",
    "none": None,
    "an object": object(),
    "callable": len,
    "a fraction": 0.5j,
    "ragged": [[1], [1, 2]],
    "a dict": {"a": [1]},
    "objects": np.array([None, "a"], object),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("call", CALLS)
def test_a_value_of_a_wrong_type_is_a_named_error(call, value):
    if (call, value) in ALLOWS:
        pytest.skip("is a value here")
    with pytest.raises(EvsimError):
        CALLS[call](VALUES[value])


@pytest.mark.parametrize("path", ["a\0b", "\0"])
def test_null_bytes_in_paths_are_named(path):
    for call in (evsim.load, net().save, evsim.SpikingNetwork, evsim.Kernel):
        with pytest.raises(InvalidArgumentError, match=r"NUL|null"):
            call(path)


@pytest.mark.parametrize("number", [0, 3, 1.5, True])
def test_numbers_are_no_paths(number):
    for call in (evsim.load, net().save, evsim.SpikingNetwork):
        with pytest.raises(DTypeError, match="path"):
            call(number)


def test_neurons_of_a_layer_say_that_they_stay():
    layer = net()[0]
    before = layer.neuron
    with pytest.raises(InvalidArgumentError, match="add_layer"):
        layer.neuron = evsim.LIF(tau_mem=2.0, tau_syn=1.0)
    assert layer.neuron is before
