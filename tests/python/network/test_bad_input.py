"""Whatever a caller gets wrong is a named error that says what was given and what was expected, and changes nothing."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import errors

LIF = {"tau_mem": 2.0, "tau_syn": 1.0}


@pytest.fixture
def net():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 6, weights=np.full((6, 4), 3.0)), evsim.LIF(**LIF))
    net.add_layer(evsim.Dense(6, 2, weights=np.full((2, 6), 1.5)), evsim.LIF(**LIF))
    return net


GOOD = ([0, 1, 2, 3], [0.0, 0.5, 0.5, 2.0])


def state(net):
    """Everything one can see of a network."""
    return (
        repr(net),
        net.time,
        [np.array(layer.weights).tolist() for layer in net],
        [layer.neuron for layer in net],
        [(layer.post_spikes.indices.tolist(), layer.post_spikes.times.tolist()) for layer in net],
    )


@pytest.fixture
def unchanged(net):
    """Asserts after the test that the network is as it was before, and goes on with its stream."""
    twin = pickle.loads(pickle.dumps(net))
    net.infer(*GOOD, until=3.0)
    twin.infer(*GOOD, until=3.0)
    before = state(net)
    yield
    assert state(net) == before
    rest = ([1, 2], [3.5, 3.5])
    assert net.infer(*rest, reset=False) == twin.infer(*rest, reset=False)
    assert net.infer(*GOOD) == twin.infer(*GOOD)
    assert len(net.infer(*GOOD)) > 0


# Spikes

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


# Calls

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


# Building

BAD_MODELS = {
    "threshold = reset": (evsim.LIF, {**LIF, "threshold": 0.5, "reset": 0.5}, errors.InvalidArgumentError, "threshold"),
    "threshold < reset": (
        evsim.LIFDelta,
        {"tau_mem": 1.0, "threshold": 0.5, "reset": 0.6},
        errors.InvalidArgumentError,
        "0.6",
    ),
    "threshold = rest": (evsim.IAFDelta, {"threshold": 0.0}, errors.InvalidArgumentError, "threshold"),
    "threshold < rest": (evsim.LIF, {**LIF, "threshold": -1.0}, errors.InvalidArgumentError, "-1"),
    "threshold <= reset of one neuron": (
        evsim.LIF,
        {**LIF, "threshold": [1.0, 2.0], "reset": [0.0, 2.0]},
        errors.InvalidArgumentError,
        "threshold",
    ),
    "v_init at threshold": (evsim.LIF, {**LIF, "v_init": 1.0}, errors.InvalidArgumentError, "v_init"),
    "threshold NaN": (evsim.LIF, {**LIF, "threshold": math.nan}, errors.NonFiniteError, "threshold"),
    "threshold infinite": (evsim.IAFDelta, {"threshold": math.inf}, errors.NonFiniteError, "threshold"),
    "threshold a matrix": (evsim.IAFDelta, {"threshold": [[1.0]]}, errors.ShapeMismatchError, "threshold"),
    "threshold a string": (evsim.IAFDelta, {"threshold": "1"}, errors.DTypeError, "threshold"),
    "threshold complex": (evsim.IAFDelta, {"threshold": 1j}, errors.DTypeError, "threshold"),
    "threshold None": (evsim.IAFDelta, {"threshold": None}, errors.DTypeError, "threshold"),
    "threshold ragged": (evsim.IAFDelta, {"threshold": [[1.0], [1.0, 2.0]]}, errors.EvsimError, "threshold"),
    "tau_mem = 0": (evsim.LIF, {"tau_mem": 0.0, "tau_syn": 1.0}, errors.InvalidArgumentError, "tau_mem.*0"),
    "tau_syn < 0": (evsim.LIF, {"tau_mem": 1.0, "tau_syn": -1.0}, errors.InvalidArgumentError, "tau_syn.*-1"),
    "tau_mem NaN": (evsim.LIFDelta, {"tau_mem": math.nan}, errors.NonFiniteError, "tau_mem"),
    "tau_syn infinite": (evsim.LI, {"tau_mem": 1.0, "tau_syn": math.inf}, errors.NonFiniteError, "tau_syn"),
    "refractory an array": (evsim.LIF, {**LIF, "refractory": [1.0, 2.0]}, errors.DTypeError, "refractory"),
    "tau_mem a table": (evsim.LIF, {"tau_mem": [[1.0, 2.0]], "tau_syn": 1.0}, errors.ShapeMismatchError, "tau_mem"),
    "tau_mem a string": (evsim.LIFDelta, {"tau_mem": "fast"}, errors.DTypeError, "'fast'"),
    "refractory < 0": (evsim.LIF, {**LIF, "refractory": -0.1}, errors.InvalidArgumentError, "refractory.*-0.1"),
    "refractory infinite": (evsim.LIF, {**LIF, "refractory": math.inf}, errors.NonFiniteError, "refractory"),
    "reset of another name": (evsim.LIF, {**LIF, "reset": "zero"}, errors.InvalidArgumentError, "'subtract'.*'zero'"),
    "reset NaN": (evsim.LIF, {**LIF, "reset": math.nan}, errors.NonFiniteError, "reset"),
    "bias NaN": (evsim.LIF, {**LIF, "bias": [0.0, math.nan]}, errors.NonFiniteError, "bias"),
    "lengths that differ": (
        evsim.LIF,
        {**LIF, "threshold": [1.0, 1.0], "reset": [0.0]},
        errors.ShapeMismatchError,
        "length",
    ),
    "bias of another length": (
        evsim.LIF,
        {**LIF, "threshold": [1.0, 1.0], "bias": [0.0, 0.0, 0.0]},
        errors.ShapeMismatchError,
        "length",
    ),
}


@pytest.mark.parametrize(("model", "parameters", "error", "words"), BAD_MODELS.values(), ids=BAD_MODELS.keys())
def test_bad_neurons(model, parameters, error, words):
    with pytest.raises(error, match=words):
        model(**parameters)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("connection", "neuron", "error", "words"),
    [
        (evsim.Dense(3, 4), evsim.LIF(**LIF), errors.ShapeMismatchError, "layer 2 takes 3 inputs.*2"),
        (evsim.Dense(2, 4), evsim.LIF(**LIF, threshold=[1.0, 2.0, 3.0]), errors.ShapeMismatchError, "threshold.*4.*3"),
        (evsim.Dense(2, 4), evsim.LIF(**LIF, bias=[0.1] * 5), errors.ShapeMismatchError, "bias.*4.*5"),
        (
            evsim.Dense(2, 4, weights=np.ones((2, 4))),
            evsim.IAFDelta(),
            errors.ShapeMismatchError,
            r"\(4, 2\).*\(2, 4\)",
        ),
        (evsim.Dense(2, 4, weights=[1.0]), evsim.IAFDelta(), errors.ShapeMismatchError, r"\(4, 2\)"),
        (evsim.Dense(2, 4, weights=[[1.0], [1.0, 2.0]]), evsim.IAFDelta(), errors.ShapeMismatchError, r"\(4, 2\)"),
        (evsim.Dense(2, 1, weights=[[1.0, math.nan]]), evsim.IAFDelta(), errors.NonFiniteError, "weights"),
        (evsim.Dense(2, 1, weights=[[1.0, 1e39]]), evsim.IAFDelta(), errors.NonFiniteError, "float32"),
        (evsim.Dense(2, 1, weights=[["a", "b"]]), evsim.IAFDelta(), errors.DTypeError, "weights"),
        (evsim.Dense(2, 1, lambda shape, rng: np.ones(3)), evsim.IAFDelta(), errors.ShapeMismatchError, r"\(1, 2\)"),
        (evsim.Dense(2, 1, lambda shape, rng: None), evsim.IAFDelta(), errors.DTypeError, "weights"),
        (evsim.Dense(2, 1), "LIF", errors.DTypeError, "neuron model"),
        (evsim.Dense(2, 1), evsim.LIF, errors.DTypeError, "neuron model"),
        ((2, 1), evsim.IAFDelta(), errors.DTypeError, "Dense"),
    ],
)
def test_layers_that_do_not_fit(net, connection, neuron, error, words):
    with pytest.raises(error, match=words):
        net.add_layer(connection, neuron)


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ((0, 1), errors.InvalidArgumentError),
        ((1, 0), errors.InvalidArgumentError),
        ((-1, 1), errors.InvalidArgumentError),
        ((1, -5), errors.InvalidArgumentError),
        ((2**31, 1), errors.InvalidArgumentError),
        ((1, 2**63), errors.InvalidArgumentError),
        ((1, 10**30), errors.EvsimError),
        ((1.0, 1), errors.DTypeError),
        ((1, math.nan), errors.DTypeError),
        (("1", 1), errors.DTypeError),
        ((None, 1), errors.DTypeError),
        ((True, 1), errors.DTypeError),
        (([1], 1), errors.DTypeError),
    ],
)
def test_impossible_sizes(net, sizes, error):
    with pytest.raises(error, match=r"n_inputs|n_neurons"):
        evsim.Dense(*sizes)
    with pytest.raises(error, match=r"n_inputs|n_neurons"):
        net.add_fc_layer(*sizes, tau_s=1.0, threshold=1.0)
    assert len(net) == 2


@pytest.mark.parametrize("sizes", [(2**31 - 2**20, 2**31 - 2**20), (2**30, 1000), (1000, 2**30), (2**20, 2**20)])
def test_sizes_that_exceed_memory_are_refused_before_anything_is_allocated(sizes):
    net = evsim.SpikingNetwork(dtype="float64")
    with pytest.raises(errors.MemoryLimitError, match="GB"):
        net.add_layer(evsim.Dense(*sizes), evsim.IAFDelta())
    assert len(net) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs RLIMIT_AS")
def test_memory_that_the_system_refuses_is_a_memory_limit_error():
    """A process limited to 6 GB asks for more; then for something small."""
    source = """
import resource, evsim
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
net = evsim.SpikingNetwork()
for sizes in ((1, 2**30), (2**30, 1), (2**15, 2**16)):
    try:
        net.add_layer(evsim.Dense(*sizes), evsim.LIF(tau_mem=1.0, tau_syn=1.0))
    except evsim.errors.MemoryLimitError as error:
        assert "GB" in str(error), error
    else:
        raise AssertionError(sizes)
net.add_layer(evsim.Dense(2, 3), evsim.LIF(tau_mem=1.0, tau_syn=1.0))
print(net)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert done.stdout == "SpikingNetwork(2 -> 3 LIF, float32)\n", done.stderr


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"tau_s": 0.0}, errors.InvalidArgumentError, "tau"),
        ({"tau_s": -1.0}, errors.InvalidArgumentError, "tau"),
        ({"tau_s": math.nan}, errors.NonFiniteError, "tau_s"),
        ({"threshold": 0.0}, errors.InvalidArgumentError, "threshold"),
        ({"threshold": -1.0}, errors.InvalidArgumentError, "threshold"),
        ({"threshold": math.nan}, errors.NonFiniteError, "threshold"),
        ({"buffer_size": 0}, errors.InvalidArgumentError, "buffer_size"),
        ({"buffer_size": 1.5}, errors.DTypeError, "buffer_size"),
        ({"initializer": 1.0}, errors.DTypeError, "initializer"),
    ],
)
def test_bad_fc_layers(net, changed, error, words):
    with pytest.raises(error, match=words):
        net.add_fc_layer(**{"n_inputs": 2, "n_neurons": 3, "tau_s": 1.0, "threshold": 1.0, **changed})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "float16"}, "float16"),
        ({"dtype": int}, "int"),
        ({"dtype": None}, "None"),
        ({"device": "cuda:7"}, "cuda:7"),
        ({"max_spikes_per_instant": 0}, "max_spikes_per_instant"),
    ],
)
def test_bad_networks(options, words):
    with pytest.raises(errors.InvalidArgumentError, match=words):
        evsim.SpikingNetwork(**options)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float64"), "float32"])
def test_dtypes_may_be_named_or_given(dtype):
    assert evsim.SpikingNetwork(dtype=dtype).dtype == np.dtype(dtype).name


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: evsim.initializers.ConstantInitializer(math.nan), errors.NonFiniteError),
        (lambda: evsim.initializers.NormalInitializer(0.0, -1.0), errors.InvalidArgumentError),
        (lambda: evsim.initializers.NormalInitializer("a"), errors.DTypeError),
        (lambda: evsim.initializers.UniformInitializer(1.0, 0.0), errors.InvalidArgumentError),
        (lambda: evsim.initializers.UniformInitializer(0.0, math.inf), errors.NonFiniteError),
    ],
)
def test_bad_initializers(make, error):
    with pytest.raises(error):
        make()


def test_an_initializer_and_weights_contradict_each_other():
    with pytest.raises(errors.InvalidArgumentError, match="not both"):
        evsim.Dense(1, 1, evsim.initializers.Constant(), weights=[[1.0]])


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("weights", "error"),
    [
        (np.ones((4, 6)), errors.ShapeMismatchError),
        (np.ones(24), errors.ShapeMismatchError),
        (1.0, errors.ShapeMismatchError),
        (np.full((6, 4), np.nan), errors.NonFiniteError),
        (np.full((6, 4), 1e300), errors.NonFiniteError),
        (np.full((6, 4), 1j), errors.DTypeError),
        (np.full((6, 4), "a"), errors.DTypeError),
        (np.full((6, 4), True), errors.DTypeError),
    ],
)
def test_bad_weights(net, weights, error):
    with pytest.raises(error, match="weights"):
        net[0].weights = weights


def test_attributes_that_a_model_lacks_are_attribute_errors():
    net = evsim.SpikingNetwork()
    layer = net.add_layer(evsim.Dense(1, 1), evsim.IAFDelta())
    for name in ("tau", "tau_s", "maximum", "maximum_time"):
        with pytest.raises(AttributeError, match="IAFDelta"):
            getattr(layer, name)


# Files


@pytest.fixture
def saved(net, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path)
    return path


def test_files_cut_at_any_place_are_refused(saved):
    whole = saved.read_bytes()
    for size in [0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 1]:
        saved.write_bytes(whole[:size])
        with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
            evsim.load(saved)


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"PK\3\4 a zip", b"\xff" * 64, b"{}", pickle.dumps([1])])
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(errors.FileFormatError, match="foreign"):
        evsim.load(path)


def rewritten(path, change_arrays=None, change_text=None):
    import safetensors
    import safetensors.numpy

    with safetensors.safe_open(path, framework="numpy") as file:
        text, arrays = file.metadata()["evsim"], {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    arrays = change_arrays(arrays) if change_arrays else arrays
    text = change_text(text) if change_text else text
    safetensors.numpy.save_file(arrays, path, metadata={} if text is None else {"evsim": text})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: None,
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text[:-5],
        lambda text: text.replace('"format": 2', '"format": 99'),
        lambda text: text.replace('"format": 2', '"format": "1"'),
        lambda text: text.replace("float32", "float7"),
        lambda text: text.replace('"float32"', "3"),
        lambda text: text.replace('"LIF"', '"__class__"'),
        lambda text: text.replace('"LIF"', "[1]"),
        lambda text: text.replace('"Dense"', '"Sparse"'),
        lambda text: text.replace("tau_mem", "tau_men"),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": -1.0'),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": NaN'),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": "1"'),
        lambda text: text.replace('"threshold": 1.0', '"threshold": {}'),
        lambda text: text.replace('"size": 4', '"size": 1000000000'),
        lambda text: text.replace('"n_inputs": 4', '"n_inputs": 1000000000'),
        lambda text: text.replace('"source": "input 0"', '"source": "layer 0"'),
        lambda text: text.replace('"source": "input 0"', '"source": 7'),
        lambda text: text.replace('"kind": "layer"', '"kind": "population"'),
        lambda text: text.replace('"kind": "input"', '"kind": "layer"'),
        lambda text: text.replace('"projections": []', '"projections": [{}]'),
        lambda text: text.replace('"name": "layer 1"', '"name": "layer 0"'),
        lambda text: text.replace('"nodes": [', '"nodes": [0, '),
        lambda text: text[: text.index('"nodes"')] + '"nodes": 7, "projections": []}',
        lambda text: text[: text.index('"nodes"')] + '"nodes": {"0": 1}, "projections": []}',
    ],
)
def test_damaged_descriptions_are_refused(saved, change):
    rewritten(saved, change_text=change)
    with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
        evsim.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {},
        lambda arrays: {"layer 0.weights": arrays["layer 0.weights"]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][0]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][:, :0]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][:5]},
        lambda arrays: {**arrays, "layer 1.weights": arrays["layer 1.weights"] * np.float32(np.nan)},
        lambda arrays: {**arrays, "layer 1.weights": arrays["layer 1.weights"] > 0},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": np.ones(5)},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": -np.ones(6)},
        lambda arrays: {**arrays, "layer 0.neuron.strange": np.ones(6)},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": np.ones((6, 1))},
    ],
)
def test_damaged_arrays_are_refused(saved, change):
    rewritten(saved, change_arrays=change)
    with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
        evsim.load(saved)


def test_missing_files_and_folders_are_os_errors(net, tmp_path):
    with pytest.raises(FileNotFoundError):
        evsim.load(tmp_path / "nothing")
    with pytest.raises(OSError, match="nowhere"):
        net.save(tmp_path / "nowhere" / "net")
    with pytest.raises(OSError, match=str(tmp_path)):
        evsim.load(tmp_path)


def test_a_failed_save_leaves_the_old_file_alone(saved, net, monkeypatch):
    import safetensors.numpy

    before = saved.read_bytes()

    def broken(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", broken)
    with pytest.raises(OSError, match="no space"):
        net.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
