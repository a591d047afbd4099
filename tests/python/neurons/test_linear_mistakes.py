"""Every argument of linear neurons and of their parts that is refused, with what was given."""

import math

import numpy as np
import pytest
from machines import DTYPES

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    NoSuchParameterError,
    ShapeMismatchError,
    UnsupportedError,
)
from evsim.neurons import (
    Alpha,
    CurrentAdaptation,
    Delta,
    DoubleExponential,
    Exponential,
    Linear,
    Synapse,
    SynapseSum,
    ThresholdAdaptation,
)

FIVE = Exponential(5.0)


def neuron(synapses=FIVE, tau_mem=10.0, **options):
    return Linear(synapses=synapses, tau_mem=tau_mem, **options)


BAD_NUMBERS = [
    (math.nan, NonFiniteError),
    (math.inf, NonFiniteError),
    (-1.0, InvalidArgumentError),
    (0.0, InvalidArgumentError),
    (1e-310, InvalidArgumentError),
    ("5", DTypeError),
    (None, DTypeError),
    (True, DTypeError),
    (1j, DTypeError),
    ([1.0, -2.0], InvalidArgumentError),
    ([1.0, 0.0], InvalidArgumentError),
    ([1.0, math.nan], NonFiniteError),
    (["5"], DTypeError),
    ([[1.0, 2.0]], ShapeMismatchError),
]
TIME_CONSTANTS = {
    "Exponential": Exponential,
    "Alpha": Alpha,
    "rise": lambda tau: DoubleExponential(tau, 5.0),
    "decay": lambda tau: DoubleExponential(5.0, tau),
    "threshold": lambda tau: ThresholdAdaptation(tau, 0.1),
    "current": lambda tau: CurrentAdaptation(tau, 0.1),
    "membrane": lambda tau: neuron(tau_mem=tau),
}


@pytest.mark.parametrize("part", TIME_CONSTANTS)
@pytest.mark.parametrize(("value", "error"), BAD_NUMBERS, ids=str)
def test_time_constants(part, value, error):
    if part == "membrane" and value is None:
        assert neuron(tau_mem=None).variables == ("i", "v")
        return
    if part == "Exponential" and value == math.inf:
        assert Exponential(value).tau == math.inf  # a current that stays
        return
    with pytest.raises(error, match=r"tau\w* (must|is)"):
        TIME_CONSTANTS[part](value)


@pytest.mark.parametrize("name", ["threshold", "v_rest", "bias", "v_init", "reset"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (math.nan, NonFiniteError),
        ([0.0, math.inf], NonFiniteError),
        ("much", (DTypeError, InvalidArgumentError)),
        ([[0.0]], ShapeMismatchError),
        ([], ShapeMismatchError),
        ({}, DTypeError),
    ],
    ids=str,
)
def test_values_per_neuron(name, value, error):
    with pytest.raises(error):
        neuron(**{name: value})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"synapses": None}, DTypeError, "None"),
        ({"synapses": 5.0}, DTypeError, "5.0"),
        ({"synapses": Exponential}, DTypeError, "Exponential"),
        ({"synapses": Synapse()}, DTypeError, "Synapse"),
        ({"synapses": [Exponential]}, DTypeError, "Exponential"),
        ({"synapses": {1: Exponential(5.0)}}, DTypeError, "1"),
        ({"synapses": []}, InvalidArgumentError, "needs a synapse"),
        ({"synapses": {}}, InvalidArgumentError, "needs a synapse"),
        ({"synapses": [("a", Delta()), ("a", Exponential(5.0))]}, InvalidArgumentError, r"different names.*'a', 'a'"),
        ({"synapses": {"a": Exponential(1.0) + Alpha(2.0), "a_0": Exponential(1.0)}}, InvalidArgumentError, "'i_a_0'"),
        ({"synapses": Exponential(5.0) + Delta()}, InvalidArgumentError, "Delta synapse"),
        ({"synapses": 0.0 * Exponential(5.0)}, InvalidArgumentError, "factor 0"),
        ({"synapses": [Exponential(k + 1.0) for k in range(8)]}, UnsupportedError, "9 variables"),
        ({"synapses": [Alpha(k + 1.0) for k in range(4)], "tau_mem": None}, UnsupportedError, "9 variables"),
        ({"adaptation": None}, DTypeError, "None"),
        ({"adaptation": 5}, DTypeError, "5"),
        ({"adaptation": "abc"}, DTypeError, "'a'"),
        ({"adaptation": [ThresholdAdaptation]}, DTypeError, "ThresholdAdaptation"),
        ({"adaptation": CurrentAdaptation(10.0, 0.0, -2.0)}, InvalidArgumentError, "without bound"),
        ({"adaptation": CurrentAdaptation(10.0, 0.0, -0.5), "tau_mem": None}, InvalidArgumentError, "without bound"),
        ({"adaptation": CurrentAdaptation(10.0, 0.0, 1e300)}, InvalidArgumentError, "fastest rate"),
        ({"threshold": [1.0, 2.0], "reset": [0.0, 0.0, 0.0]}, ShapeMismatchError, "'threshold': 2"),
        (
            {"threshold": [1.0, 2.0], "adaptation": ThresholdAdaptation(9.0, [0.1, 0.2, 0.3])},
            ShapeMismatchError,
            r"\[2, 3\]",
        ),
        ({"threshold": []}, ShapeMismatchError, "threshold must .* above 0"),
        ({"reset": "add"}, InvalidArgumentError, "'add'"),
        ({"reset": 1.0}, InvalidArgumentError, "above the potential after reset"),
        ({"v_init": [0.0, 1.0]}, InvalidArgumentError, "above v_init"),
        ({"refractory": -1.0}, InvalidArgumentError, "-1"),
        ({"refractory": math.nan}, NonFiniteError, "refractory"),
        ({"refractory": [1.0, -2.0]}, InvalidArgumentError, "-2"),
        ({"refractory": [[1.0, 2.0]]}, ShapeMismatchError, "refractory"),
        ({"refractory_input": "dropped"}, InvalidArgumentError, "'dropped'"),
        ({"refractory_input": ["kept"]}, InvalidArgumentError, "kept"),
    ],
    ids=str,
)
def test_what_makes_no_neuron(options, error, words):
    with pytest.raises(error, match=words):
        neuron(**options)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: math.nan * Exponential(5.0), NonFiniteError),
        (lambda: Exponential(5.0) * "2", DTypeError),
        (lambda: np.array([1.0, 2.0]) * Exponential(5.0), DTypeError),
        (lambda: SynapseSum(()), InvalidArgumentError),
        (lambda: SynapseSum("abc"), DTypeError),
        (lambda: SynapseSum(((1.0, "abc"),)), DTypeError),
        (lambda: SynapseSum(((math.inf, Exponential(5.0)),)), NonFiniteError),
        (lambda: Exponential(5.0) + 1.0, TypeError),
        (lambda: neuron(DoubleExponential(1e-290, 1e290)), InvalidArgumentError),
        (lambda: neuron(DoubleExponential(1e290, 1e-290)), InvalidArgumentError),
        (lambda: ThresholdAdaptation(5.0, math.nan), NonFiniteError),
        (lambda: ThresholdAdaptation(5.0, "much"), DTypeError),
        (lambda: ThresholdAdaptation(5.0, [[1.0]]), ShapeMismatchError),
        (lambda: CurrentAdaptation(5.0, 0.1, math.inf), NonFiniteError),
        (lambda: CurrentAdaptation(5.0, 0.1, [[1.0, 2.0]]), ShapeMismatchError),
    ],
)
def test_what_makes_no_part(make, error):
    with pytest.raises(error):
        make()


def two_ports():
    return neuron({"exc": Exponential(5.0), "inh": Exponential(10.0)}, threshold=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("port", ["gaba", 2, -1, 1.0, True, None, ["exc"]], ids=repr)
def test_ports_that_are_none(port):
    net = evsim.SpikingNetwork()
    with pytest.raises(InvalidArgumentError, match="'exc', 'inh' or 0, 1"):
        net.add_layer(evsim.Dense(2, 3), two_ports(), port=port)
    assert len(net) == 0


def test_sizes_and_variables():
    net = evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError, match=r"one per neuron \(4\), got 3"):
        net.add_layer(evsim.Dense(2, 4), two_ports(), port="exc")
    with pytest.raises(ShapeMismatchError, match=r"one per channel \(2\), got 3"):
        net.add_layer(evsim.Conv2d(2, 2, in_shape=(1, 4, 4)), two_ports(), port="exc")
    net.add_layer(evsim.Dense(2, 3), two_ports(), port="exc")
    with pytest.raises(NoSuchParameterError, match="'i_exc', 'i_inh', 'v'; got 'w'"):
        net.infer([0], [0.0], record=evsim.Probe(0, [1.0], variable="w"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_neuron_that_fires_for_ever_at_once_is_an_error(dtype):
    """A threshold that falls below the potential after reset at every spike."""
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 1, weights=[[50.0]]), neuron(adaptation=ThresholdAdaptation(1e6, -3.0)))
    with pytest.raises(evsim.errors.EvsimError, match="neuron 0"):
        net.infer([0], [0.0], until=100.0)


@pytest.mark.parametrize(
    "factors", [np.array([0.5, 2.0]), [0.5, 2.0], (0.5, 2.0), np.ones((2, 2)), [[1.0], [1.0, 2.0]]]
)
@pytest.mark.parametrize(
    "make",
    [
        lambda factors: factors * Exponential(5.0),
        lambda factors: Exponential(5.0) * factors,
        lambda factors: factors * (Exponential(5.0) + Alpha(2.0)),
        lambda factors: SynapseSum(((factors, Exponential(5.0)),)),
    ],
)
def test_a_factor_of_a_synapse_is_one_for_all_neurons(make, factors):
    with pytest.raises(DTypeError, match=r"(?s)one number for all neurons, got .*multiply the weights .* a port"):
        make(factors)


@pytest.mark.parametrize("tau", [[[1.0], [1.0, 2.0]], [], ((1.0,), (2.0,))])
def test_time_constants_are_in_one_row(tau):
    for make in (Exponential, Alpha, lambda tau: evsim.LIFAlpha(tau_mem=tau, tau_syn=1.0)):
        with pytest.raises(ShapeMismatchError, match="tau"):
            make(tau)


def test_one_value_for_each_of_no_neurons():
    with pytest.raises(ShapeMismatchError, match=r"jump must .* above 0"):
        ThresholdAdaptation(9.0, [])
