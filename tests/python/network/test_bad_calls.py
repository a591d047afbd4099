"""Whatever is wrong with a call is a named error that says what was given and expected, and changes nothing."""

import math

import numpy as np
import pytest
from small_networks import GOOD, LIF

import evsim
from evsim import errors

BAD_SPIKES = {
    "NaN time": (([0, 1], [0.0, math.nan]), errors.NonFiniteError, r"times\[1\].*nan"),
    "NaN time first": (([0, 1], [math.nan, 0.0]), errors.NonFiniteError, r"times\[0\].*nan"),
    "infinite time": (([0], [math.inf]), errors.NonFiniteError, "inf"),
    "negative infinite time": (([0], [-math.inf]), errors.NonFiniteError, "inf"),
    "negative index": (([0, -1], [0.0, 1.0]), errors.IndexOutOfRangeError, "-1"),
    "negative index, int32": ((np.array([-1], np.int32), [0.0]), errors.IndexOutOfRangeError, "-1"),
    "index out of range": (([0, 4], [0.0, 1.0]), errors.IndexOutOfRangeError, "index 4.*0 to 3"),
    "index beyond int32": (([2**40], [0.0]), errors.IndexOutOfRangeError, "1099511627776"),
    "more indices": (([0, 1], [0.0]), errors.ShapeMismatchError, "2.*1"),
    "more times": (([0], [0.0, 1.0]), errors.ShapeMismatchError, "1.*2"),
    "scalars": ((0, 1.0), errors.ShapeMismatchError, "one dimension"),
    "matrices": (([[0]], [[1.0]]), errors.ShapeMismatchError, "one dimension"),
    "fractional indices": (([0.5], [1.0]), errors.DTypeError, "whole numbers"),
    "boolean indices": (([True], [1.0]), errors.DTypeError, "bool"),
    "strings": ((["0"], [1.0]), errors.DTypeError, "integers"),
    "complex times": (([0], [1j]), errors.DTypeError, "complex"),
    "objects": (([None], [1.0]), errors.DTypeError, "object"),
    "ragged": (([[0], [1, 2]], [1.0, 2.0]), errors.ShapeMismatchError, "indices"),
    "times as dates": (([0], np.array(["2020"], "M8[Y]")), errors.DTypeError, "datetime"),
    "a SpikeArray and times": ((evsim.SpikeArray([0], [0.0]), [1.0]), errors.InvalidArgumentError, "SpikeArray"),
    "an unsorted SpikeArray": (
        (evsim.SpikeArray([0, 1], [2.0, 1.0]),),
        errors.UnsortedSpikesError,
        r"times\[1\] = 1.*times\[0\] = 2",
    ),
    "a SpikeArray out of range": ((evsim.SpikeArray([9], [1.0]),), errors.IndexOutOfRangeError, "9.*0 to 3"),
    "indices alone": ((np.array([0, 1]),), errors.DTypeError, "infer takes"),
    "a list of indices": (([0, 1],), errors.DTypeError, "sample 0"),
    "nothing": ((None,), errors.DTypeError, "NoneType"),
    "a string": (("spikes",), errors.DTypeError, "str"),
    "a batch with one bad sample": (([GOOD, ([0], [math.nan])],), errors.NonFiniteError, r"input 1.*nan"),
    "a batch out of range": (([GOOD, GOOD, ([7], [1.0])],), errors.IndexOutOfRangeError, "input 2.*7"),
    "a batch of triples": (([([0], [1.0], [2.0])],), errors.DTypeError, "sample 0"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("arguments", "error", "words"), BAD_SPIKES.values(), ids=BAD_SPIKES.keys())
def test_bad_spikes(net, arguments, error, words):
    with pytest.raises(error, match=words):
        net.infer(*arguments)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.InvalidArgumentError, ValueError),
        (errors.NonFiniteError, ValueError),
        (errors.UnsortedSpikesError, ValueError),
        (errors.IndexOutOfRangeError, IndexError),
        (errors.ShapeMismatchError, ValueError),
        (errors.DTypeError, TypeError),
        (errors.MemoryLimitError, MemoryError),
        (errors.EmptyNetworkError, RuntimeError),
        (errors.StreamError, RuntimeError),
        (errors.RunawaySpikingError, RuntimeError),
        (errors.FileFormatError, ValueError),
        (errors.MissingDependencyError, ImportError),
    ],
)
def test_errors_derive_from_evsims_and_from_the_builtin_ones(error, builtin):
    assert issubclass(error, evsim.EvsimError)
    assert issubclass(error, builtin)


BAD_OPTIONS = {
    "until NaN": ({"until": math.nan}, errors.NonFiniteError, "until"),
    "until a string": ({"until": "1"}, errors.DTypeError, "until"),
    "until an array": ({"until": [1.0]}, errors.DTypeError, "until"),
    "start NaN": ({"start": math.nan}, errors.NonFiniteError, "start"),
    "start infinite": ({"start": -math.inf}, errors.NonFiniteError, "start"),
    "until before start": ({"start": -1.0, "until": -2.0}, errors.InvalidArgumentError, "until"),
    "until before the first spike and start": ({"start": 0.0, "until": -1.0}, errors.InvalidArgumentError, "until"),
    "spikes before start": ({"start": 0.25}, errors.StreamError, "start"),
    "the past": ({"reset": False}, errors.StreamError, "already simulated, 3"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("options", "error", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_bad_options(net, options, error, words):
    with pytest.raises(error, match=words):
        net.infer(*GOOD, **options)


@pytest.mark.usefixtures("unchanged")
def test_a_stream_keeps_its_number_of_samples(net):
    later = ([0], [4.0])
    with pytest.raises(errors.ShapeMismatchError, match=r"1 samples.*2"):
        net.infer([later, later], reset=False)


BAD_PROBES = {
    "no such layer": ({"layer": 2, "times": [1.0]}, errors.IndexOutOfRangeError, "no layer 2; the network has 2"),
    "no such neuron": ({"layer": 0, "times": [1.0], "neurons": [6]}, errors.IndexOutOfRangeError, "6.*0 to 5"),
    "negative neuron": ({"layer": 0, "times": [1.0], "neurons": [-1]}, errors.IndexOutOfRangeError, "-1"),
    "no such variable": ({"layer": 0, "times": [1.0], "variable": "w"}, errors.InvalidArgumentError, "'w'.*v, i"),
    "times that decrease": ({"layer": 0, "times": [2.0, 1.0]}, errors.UnsortedSpikesError, r"times\[1\] = 1"),
    "NaN times": ({"layer": 0, "times": [math.nan]}, errors.NonFiniteError, "nan"),
    "times after the end": ({"layer": 0, "times": [9.0]}, errors.InvalidArgumentError, "9.*outside"),
    "times before the start": ({"layer": 0, "times": [-1.0]}, errors.InvalidArgumentError, "-1.*outside"),
    "times of the wrong shape": ({"layer": 0, "times": 1.0}, errors.ShapeMismatchError, "times"),
}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("probe", "error", "words"), BAD_PROBES.values(), ids=BAD_PROBES.keys())
def test_bad_probes(net, probe, error, words):
    with pytest.raises(error, match=words):
        net.infer(*GOOD, start=0.0, until=5.0, record=evsim.Probe(**probe))


def test_values_of_a_probe_are_there_after_infer_only(net):
    with pytest.raises(errors.EvsimError, match="infer"):
        _ = evsim.Probe(0, times=[1.0]).values


def test_empty_networks_say_so():
    net = evsim.SpikingNetwork()
    for call in (
        lambda: net.infer([0], [0.0]),
        lambda: net.infer(evsim.SpikeArray()),
        lambda: net.infer([]),
        lambda: net.output_layer,
        lambda: net.n_inputs,
    ):
        with pytest.raises(errors.EmptyNetworkError, match="add"):
            call()
    for index in (0, -1):
        with pytest.raises(errors.IndexOutOfRangeError, match="the network has 0"):
            net[index]
    assert len(net) == 0
    net.add_fc_layer(1, 1, 1.0, 1.0)
    assert net.infer([0], [0.0]) is not None


def test_neurons_that_fire_for_ever_need_an_end():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 3), evsim.LIF(**LIF, bias=[0.0, 1.5, 0.0]))
    with pytest.raises(errors.InvalidArgumentError, match=r"layer 0: neuron 1 .*until="):
        net.infer([], [])
    assert len(net.infer([], [], until=10.0)) > 0


@pytest.mark.parametrize("neuron", [evsim.IAFDelta(), evsim.LIFDelta(tau_mem=1.0)])
def test_neurons_that_fire_endlessly_at_one_instant_are_stopped(neuron):
    net = evsim.SpikingNetwork(max_spikes_per_instant=50)
    net.add_layer(evsim.Dense(2, 2, weights=[[1.0, 1.0], [1e6, 1.0]]), neuron)
    before = net.infer([1], [0.0])
    with pytest.raises(errors.RunawaySpikingError, match=r"neuron 1 fired more than 50 times at t = 0\.5"):
        net.infer([0], [0.5])
    assert net[0].post_spikes == before
    assert net.infer([1], [0.0]) == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_states_that_overflow_are_errors(dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(2, 1, weights=[[-3e38 if dtype == "float32" else -1.7e308, 9.0]]), evsim.LIF(**LIF))
    before = net.infer([1], [0.0])
    with pytest.raises(errors.NonFiniteError, match=r"layer 0.*neuron 0"):
        net.infer([0, 0, 0], [0.0, 0.0, 0.0])
    assert net.infer([1], [0.0]) == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_are_not_finite_are_noticed(dtype, value):
    """Written through the view, past all checks."""
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(evsim.Dense(2, 20, weights=np.ones((20, 2))), evsim.LIF(**LIF))
    layer.weights[17, 1] = value
    with pytest.raises(errors.EvsimError):
        net.infer([0, 1], [0.0, 1.0])
    layer.weights[17, 1] = 1.0
    net.infer([0, 1], [0.0, 1.0])
