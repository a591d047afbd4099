"""Models, layers, sizes, weights and initializers that cannot be are named errors and change nothing."""

import math
import subprocess
import sys

import numpy as np
import pytest
from small_networks import LIF

import evsim
from evsim import errors

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
    "refractory < 0 once": (evsim.LIF, {**LIF, "refractory": [1.0, -2.0]}, errors.InvalidArgumentError, "refractory"),
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
    for name in ("tau", "tau_s", "maximum", "maximum_time", "mean"):
        with pytest.raises(AttributeError, match="IAFDelta"):
            getattr(layer, name)
