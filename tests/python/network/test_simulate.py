"""Going on in time: simulate."""

import io

import numpy as np
import pytest

import evsim
from evsim import errors, simulation

END = 200.0


def network():
    net = evsim.SpikingNetwork(dtype="float64", seed=1)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=1.0)
    net.add_layer(evsim.Dense(6, 8, weights=np.random.default_rng(1).uniform(-0.2, 1.0, (8, 6))), neuron, name="a")
    net.add_layer(evsim.Dense(8, 3), evsim.LIF(tau_mem=10.0, tau_syn=5.0, threshold=0.2), name="b", delay=2.5)
    net.connect("b", "a", evsim.Dense(3, 8), delay=1.0)
    return net


def train(begin=0.0, seed=2):
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, 6, 150), np.sort(rng.uniform(begin, END, 150)))


@pytest.mark.parametrize("begin", [0.0, -20.0])
def test_it_is_infer_in_pieces(begin, monkeypatch):
    spikes = train(begin)
    expected = network().infer(spikes, until=END, outputs=["a", "b"])
    assert len(expected["b"]) > 10
    assert network().simulate(END, spikes, record_spikes=["a", "b"]) == expected
    monkeypatch.setattr(simulation, "_PIECE", 1e-4)  # many pieces
    net = network()
    assert net.simulate(END, (spikes.indices, spikes.times)) == expected["b"]
    assert net.time == END


def test_it_goes_on_where_the_network_stands():
    spikes, net = train(), network()
    expected = network().infer(spikes, until=END)
    parts = [net.simulate(end, spikes.time_slice(end - 50.0, end)) for end in (50.0, 100.0, 150.0)]
    parts.append(net.infer(spikes.time_slice(150.0), until=END, reset=False))
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), expected.times)
    net.reset()
    assert net.simulate(END, spikes) == expected


def probes(begin, end, n=37):
    """Of both layers, of all neurons and of some, a time twice, the ends; and one that asks for nothing."""
    times = np.sort(np.append(np.random.default_rng(3).uniform(begin, end, n), [begin, end, end]))
    return [
        evsim.Probe("a", times),
        evsim.Probe("b", times[::2], neurons=[2, 0], variable="i"),
        evsim.Probe("b", [end]),
        evsim.Probe("a", [], neurons=[1, 2]),
    ]


@pytest.mark.parametrize("seconds", [0.5, 1e-2, 1e-4, 1e-9])
@pytest.mark.parametrize("begin", [0.0, -20.0])
def test_probes_see_what_those_of_one_call_see(seconds, begin, monkeypatch):
    monkeypatch.setattr(simulation, "_PIECE", seconds)
    spikes, expected, found = train(begin), probes(begin, END), probes(begin, END)
    network().infer(spikes, until=END, record=expected)
    calls, infer = [], evsim.SpikingNetwork.infer
    monkeypatch.setattr(
        evsim.SpikingNetwork, "infer", lambda *args, **options: calls.append(1) or infer(*args, **options)
    )
    network().simulate(END, spikes, record=found)
    assert len(calls) > 1
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    assert [one.values.shape for one in found[2:]] == [(1, 3), (0, 2)]
    assert len(np.unique(found[0].values)) > 200


def test_probes_of_runs_that_go_on_and_of_driven_neurons(monkeypatch):
    monkeypatch.setattr(simulation, "_PIECE", 1e-4)

    def driven():
        net = evsim.SpikingNetwork(dtype="float64", seed=1)
        net.add_population(20, evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5), name="a")
        net.add_drive("a", evsim.PoissonDrive(rate=0.5, weight=0.2, seed=2))
        net.add_drive("a", evsim.NoiseDrive(mean=0.1, sigma=0.5, dt=0.7, seed=2))
        net.connect("a", "a", evsim.Sparse.random(20, 20, 0.2, seed=3, weights=0.2), delay=1.3)
        return net

    whole = evsim.Probe("a", np.linspace(0.0, 90.0, 200), variable="i")
    driven().infer(until=90.0, record=whole)
    net, values = driven(), []
    for first, end in ((0.0, 31.0), (31.0, 32.0), (32.0, 90.0)):
        part = evsim.Probe("a", [t for t in whole.times if first <= t <= end and (t > first or t == 0.0)], variable="i")
        net.simulate(end, record=part)
        values.append(part.values)
    # A spike that a piece has reported is where these neurons are kept from then on, which rounds otherwise.
    np.testing.assert_allclose(np.concatenate(values), whole.values, rtol=0, atol=1e-13)


def test_probes_that_do_not_fit_stop_it_before_it_begins():
    net = network()
    net.simulate(50.0)
    kept = evsim.Probe("a", [20.0, 50.0])
    network().simulate(50.0, record=kept)
    values = kept.values
    for probe, error, words in (
        (kept, errors.InvalidArgumentError, "time 20 lies outside"),
        (evsim.Probe("a", [101.0]), errors.InvalidArgumentError, "time 101 lies outside"),
        (evsim.Probe("a", [60.0, 55.0]), errors.UnsortedSpikesError, "decrease"),
        (evsim.Probe("a", [np.nan]), errors.NonFiniteError, "finite"),
        (evsim.Probe("a", [60.0], neurons=[8]), errors.IndexOutOfRangeError, "no neuron 8 in a"),
        (evsim.Probe("a", [60.0], variable="w"), errors.InvalidArgumentError, "w"),
        (evsim.Probe("c", [60.0]), errors.IndexOutOfRangeError, "c"),
        (["a"], errors.DTypeError, "Probe"),
    ):
        with pytest.raises(error, match=words):
            net.simulate(100.0, record=probe)
        assert net.time == 50.0
    assert kept.values is values


def test_without_inputs_and_with_several():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_population(1, evsim.LIF(tau_mem=10.0, tau_syn=5.0, bias=2.0), name="clock")
    assert net.simulate(25.0).times.round(4).tolist() == [6.9315, 13.8629, 20.7944]
    assert net.simulate(30.0).times.round(4).tolist() == [27.7259]
    for name in ("left", "right"):
        net.add_input(1, name=name)
        net.connect(name, "clock", evsim.Dense(1, 1, weights=[[-3.0]]))
    assert len(net.simulate(25.0, {"left": ([0], [1.0])})) < 3


def test_an_interruption_leaves_what_is_done(monkeypatch):
    monkeypatch.setattr(simulation, "_PIECE", 1e-4)
    spikes, net, calls = train(), network(), []
    whole = network().infer(spikes, until=END)
    infer = evsim.SpikingNetwork.infer

    def interrupted(self, *args, **options):
        calls.append(options["until"])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return infer(self, *args, **options)

    monkeypatch.setattr(evsim.SpikingNetwork, "infer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net.simulate(END, spikes)
    assert net.time == calls[2] > 0.0
    rest = net.simulate(END, spikes.time_slice(np.nextafter(net.time, END)))
    assert rest == whole.time_slice(calls[2])


def test_a_bar_is_shown_where_it_takes_long(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(simulation, "_PATIENCE", 0.0)
    monkeypatch.setattr(simulation, "_PIECE", 1e-4)
    monkeypatch.setattr("sys.stderr", shown)
    network().simulate(END, train())
    assert shown.getvalue() == ""
    network().simulate(END, train(), progress=True)
    assert "of 200" in shown.getvalue()


def test_mistakes():
    net = network()
    net.simulate(50.0, train().time_slice(None, 50.0))
    for until, inputs, error, words in (
        (40.0, None, errors.InvalidArgumentError, "until = 40 lies before"),
        (np.inf, None, errors.InvalidArgumentError, "finite"),
        (np.nan, None, errors.InvalidArgumentError, "finite"),
        ("late", None, errors.DTypeError, "until"),
        (60.0, [train()], errors.InvalidArgumentError, "one sample"),
        (60.0, ([0], [49.0]), errors.StreamError, "49"),
        (60.0, ([6], [55.0]), errors.IndexOutOfRangeError, "6"),
    ):
        with pytest.raises(error, match=words):
            net.simulate(until, inputs)
        assert net.time == 50.0
    with pytest.raises(errors.IndexOutOfRangeError):
        net.simulate(60.0, record_spikes=["c"])
