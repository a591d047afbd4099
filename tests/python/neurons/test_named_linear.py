"""Linear neurons by name: against their equations, written down once more and solved by eigenvectors on a fine grid."""

import dataclasses
import itertools
import pickle

import numpy as np
import pytest

import evsim
from evsim.errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError, UnsupportedError
from evsim.neurons import Alpha, Linear

TIMES = np.array([0.0, 3.0, 3.5, 12.0, 12.0, 30.0])
UNTIL = 80.0


def solve(a, b, x, seen, threshold, reset, arrival, until=UNTIL, step=2e-3):
    """Spike times of x' = a x + b from x, at seen @ x = threshold; `arrival` is added at TIMES."""
    a, x = np.array(a, float), np.array(x, float)
    values, vectors = np.linalg.eig(a)
    inverse, rest = np.linalg.inv(vectors), np.linalg.solve(a, -np.array(b, float))

    def after(x, t):
        return (vectors @ (np.exp(values * t) * (inverse @ (x - rest)))).real + rest

    spikes, now = [], 0.0
    for end, arrives in [*((t, True) for t in TIMES), (until, False)]:
        while now < end:
            length = min(step, end - now)
            moved = after(x, length)
            if seen @ moved < threshold:
                x, now = moved, now + length
                continue
            low, high = 0.0, length
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if seen @ after(x, middle) < threshold else (low, middle)
            now += high
            spikes.append(now)
            x = np.array(reset(after(x, high)), float)
        if arrives:
            x = x + np.array(arrival, float)
    return np.array(spikes)


def run(neuron, weight, port=None, dtype="float64"):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron, port=port)
    return net.infer(np.zeros(len(TIMES), int), TIMES, until=UNTIL).times


e = np.e
CASES = {
    "LIFAlpha": (
        evsim.LIFAlpha(tau_mem=12.0, tau_syn=2.5, v_rest=0.1),
        6.0,
        None,
        solve(  # rise, i, v; the eigenvectors of equal time constants meet, so 2.5 is a little wrong
            [[-1 / 2.5, 0, 0], [e / 2.5, -1 / (2.5 + 1e-6), 0], [0, 1 / 12, -1 / 12]],
            [0, 0, 0.1 / 12],
            [0, 0, 0.1],
            np.array([0, 0, 1]),
            1.0,
            lambda x: [x[0], x[1], 0.1],
            [6.0, 0, 0],
        ),
        1e-4,
    ),
    "LIFDoubleExponential": (
        evsim.LIFDoubleExponential(tau_mem=12.0, tau_rise=1.0, tau_decay=4.0),
        7.0,
        None,
        solve(  # the two exponentials by themselves; their difference is highest, 4^(-1/3) - 4^(-4/3), at ln(4) 4/3
            [[-1, 0, 0], [0, -1 / 4, 0], [-1 / 12, 1 / 12, -1 / 12]],
            [0, 0, 0],
            [0, 0, 0],
            np.array([0, 0, 1]),
            1.0,
            lambda x: [x[0], x[1], 0],
            np.array([7.0, 7.0, 0]) / (4 ** (-1 / 3) - 4 ** (-4 / 3)),
        ),
        1e-9,
    ),
    "ALIF": (
        evsim.ALIF(tau_mem=12.0, tau_syn=3.0, tau_adaptation=25.0, jump=0.4, bias=1.3, reset=-0.2),
        2.0,
        None,
        solve(
            [[-1 / 3, 0, 0], [1 / 12, -1 / 12, 0], [0, 0, -1 / 25]],
            [0, 1.3 / 12, 0],
            [0, 0, 0],
            np.array([0, 1, -1]),
            1.0,
            lambda x: [x[0], -0.2, x[2] + 0.4],
            [2.0, 0, 0],
        ),
        1e-9,
    ),
    "AdLIF": (
        evsim.AdLIF(tau_mem=12.0, tau_syn=3.0, tau_w=30.0, coupling=3.0, jump=0.3, bias=4.5, v_rest=0.2),
        2.0,
        None,
        solve(
            [[-1 / 3, 0, 0], [1 / 12, -1 / 12, -1 / 12], [0, 3 / 30, -1 / 30]],
            [0, (0.2 + 4.5) / 12, -3 * 0.2 / 30],
            [0, 0.2, 0],
            np.array([0, 1, 0]),
            1.0,
            lambda x: [x[0], 0.2, x[2] + 0.3],
            [2.0, 0, 0],
        ),
        1e-9,
    ),
    "ResonateAndFire": (
        evsim.ResonateAndFire(tau=20.0, omega=0.7, threshold=0.6),
        0.5,
        None,
        solve(
            [[-1 / 20, -0.7], [0.7, -1 / 20]],
            [0, 0],
            [0, 0],
            np.array([0, 1]),
            0.6,
            lambda x: [0, 0],
            [0.5, 0],
        ),
        1e-9,
    ),
    "MultiCompartmentLIF": (
        evsim.MultiCompartmentLIF(
            tau_mem=[8.0, 15.0], tau_syn=None, coupling=[[0, 0.9], [0.5, 0]], v_rest=0.1, v_reset=-0.1
        ),
        2.5,
        "dendrite_1",
        solve(
            [[-(1 + 0.9) / 8, 0.9 / 8], [0.5 / 15, -(1 + 0.5) / 15]],
            [0.1 / 8, 0.1 / 15],
            [0.1, 0.1],
            np.array([1, 0]),
            1.0,
            lambda x: [-0.1, x[1]],
            [0, 2.5],
        ),
        1e-9,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equations(name):
    neuron, weight, port, expected, tolerance = CASES[name]
    assert len(expected) >= 2
    times = run(neuron, weight, port)
    assert len(times) == len(expected)
    assert np.max(np.abs(times - expected)) < tolerance
    assert np.max(np.abs(run(neuron, weight, port, "float32") - expected)) < max(1e-3, tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equations_of_compartments_that_differ_between_neurons(dtype):
    """Of two compartments with currents, every parameter each neuron's own."""
    tau, tau_syn = np.array([[8.0, 15.0], [12.0, 5.0], [6.0, 9.0]]), np.array([3.0, 6.0, 4.0])
    coupling = np.array([[[0, 0.9], [0.5, 0]], [[0.1, 2.0], [1.5, 0]], [[0, 0.8], [0.0, 0.7]]])
    rest, threshold, reset = np.array([0.1, 0.0, -0.2]), np.array([1.0, 0.8, 1.1]), np.array([-0.1, 0.0, -0.5])
    neuron = evsim.MultiCompartmentLIF(
        tau_mem=tau, tau_syn=tau_syn, coupling=coupling, threshold=threshold, v_rest=rest, v_reset=reset
    )
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 3, weights=[[30.0]] * 3), neuron, port="dendrite_1")
    found = net.infer(np.zeros(len(TIMES), int), TIMES, until=UNTIL)
    for n in range(3):
        (g, h), (soma, dendrite), s = (coupling[n, 0, 1], coupling[n, 1, 0]), tau[n], tau_syn[n]
        expected = solve(  # in the order i_soma, i_dendrite, v_soma, v_dendrite; s is made unlike the others
            [
                [-1 / (s * (1 + 1e-9)), 0, 0, 0],
                [0, -1 / s, 0, 0],
                [1 / soma, 0, -(1 + g) / soma, g / soma],
                [0, 1 / dendrite, h / dendrite, -(1 + h) / dendrite],
            ],
            [0, 0, rest[n] / soma, rest[n] / dendrite],
            [0, 0, rest[n], rest[n]],
            np.array([0, 0, 1, 0]),
            threshold[n],
            lambda x, n=n: [x[0], x[1], reset[n], x[3]],
            [0, 30.0, 0, 0],
        )
        assert len(expected) >= 2
        times = found.times[found.indices == n]
        assert len(times) == len(expected)
        assert np.max(np.abs(times - expected)) < (1e-3 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_copies_and_files_give_the_same_spikes(name, tmp_path):
    neuron, weight, port, *_ = CASES[name]
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron, port=port)
    evsim.save(net, tmp_path / "net.safetensors")
    for other in (pickle.loads(pickle.dumps(net)), evsim.load(tmp_path / "net.safetensors")):
        assert other[0].neuron == neuron
        assert hash(other[0].neuron) == hash(neuron)
        indices = np.zeros(len(TIMES), int)
        np.testing.assert_array_equal(other.infer(indices, TIMES, until=UNTIL).times, run(neuron, weight, port))


@pytest.mark.parametrize("name", CASES)
def test_a_stream_cut_anywhere(name):
    neuron, weight, port, *_ = CASES[name]
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), neuron, port=port)
    whole = run(neuron, weight, port)
    cuts = [0.0, 1.7, 3.5, 12.0, 29.0, UNTIL]
    pieces = []
    for begin, end in itertools.pairwise(cuts):
        here = TIMES[(begin <= TIMES) & (end > TIMES)]
        pieces.append(net.infer(np.zeros(len(here), int), here, reset=begin == 0.0, until=end).times)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_names_are_parts():
    alif = CASES["ALIF"][0]
    assert alif.parts().system().names == ("i", "v", "h")
    assert dataclasses.replace(alif, jump=0.0) != alif
    assert evsim.LIFAlpha(tau_mem=10.0, tau_syn=2.0).parts() == Linear(synapses=Alpha(2.0), tau_mem=10.0)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: evsim.LIFAlpha(tau_mem=-1.0, tau_syn=1.0), InvalidArgumentError, "tau_mem"),
        (lambda: evsim.LIFAlpha(tau_mem=1.0, tau_syn="a"), DTypeError, "tau"),
        (lambda: evsim.LIFDoubleExponential(tau_mem=1.0, tau_rise=np.nan, tau_decay=1.0), NonFiniteError, "tau_rise"),
        (lambda: evsim.ALIF(tau_mem=1.0, tau_syn=1.0, tau_adaptation=0.0, jump=1.0), InvalidArgumentError, "tau"),
        (
            lambda: evsim.AdLIF(tau_mem=1.0, tau_syn=1.0, tau_w=1.0, coupling=-9.0, jump=1.0),
            InvalidArgumentError,
            "grow",
        ),
        (lambda: evsim.ResonateAndFire(tau=1.0, omega=0.0), InvalidArgumentError, "omega"),
        (lambda: evsim.ResonateAndFire(tau=1.0, omega=1.0, threshold=0.0), InvalidArgumentError, "threshold"),
        (lambda: evsim.MultiCompartmentLIF(tau_mem=[1.0], tau_syn=1.0, coupling=[1.0]), ShapeMismatchError, "coupling"),
        (
            lambda: evsim.MultiCompartmentLIF(tau_mem=[1.0, 0.0], tau_syn=1.0, coupling=np.zeros((2, 2))),
            InvalidArgumentError,
            "tau_mem",
        ),
        (
            lambda: evsim.MultiCompartmentLIF(tau_mem=[1.0, np.inf], tau_syn=1.0, coupling=np.zeros((2, 2))),
            NonFiniteError,
            "tau_mem",
        ),
        (
            lambda: evsim.MultiCompartmentLIF(tau_mem=np.ones(5), tau_syn=1.0, coupling=np.zeros((5, 5))),
            UnsupportedError,
            "8",
        ),
    ],
)
def test_mistakes_have_names(make, error, text):
    with pytest.raises(error, match=text):
        make()
