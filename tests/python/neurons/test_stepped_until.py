"""Neurons that live in steps: time is cut at whole steps only, and then pieces equal the whole."""

import numpy as np
import pytest

import evsim
from evsim.errors import InvalidArgumentError

WEIGHTS = np.random.default_rng(0).uniform(-0.3, 0.8, (4, 3))


def network(dtype="float64", **options):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(3, 4, weights=WEIGHTS), evsim.SteppedIF(leak=0.1, threshold=0.5, **options))
    return net


@pytest.mark.parametrize("time", [0.5, 2.25, 1e-9, -0.5])
@pytest.mark.parametrize("name", ["until", "start"])
def test_time_is_not_cut_within_a_step(name, time):
    net = network()
    others = {"start": -3.0} if name == "until" else {"until": 9.0}
    with pytest.raises(InvalidArgumentError, match=f"{name} must be a whole number of steps"):
        net.infer([], [], **{name: time}, **others)
    assert net.time is None
    net.add_layer(evsim.Dense(4, 1), evsim.LIF(tau_mem=5.0, tau_syn=2.0))  # one layer on the grid is enough
    with pytest.raises(InvalidArgumentError, match="layer 0"):
        net.infer([], [], **{name: time}, **others)


def test_a_spike_is_not_lost_between_two_pieces():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.SteppedIF(leak=0.1, threshold=0.5))
    first = net.infer([0], [0.0], until=0.0)
    rest = net.infer([], [], until=3.0, reset=False)
    assert [*first.times, *rest.times] == [0.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"leak_mode": "multiplicative"}, {"fire_once": True}], ids=str)
def test_pieces_equal_the_whole_for_every_cut_that_is_accepted(dtype, options):
    rng = np.random.default_rng(1)
    times = np.sort(rng.integers(0, 12, 40)).astype(float)
    indices = rng.integers(0, 3, 40)
    whole = network(dtype, **options).infer(indices, times, until=15.0)
    assert len(whole) > 3
    for stride in (1, 2, 5):
        net = network(dtype, **options)
        cuts = [float(cut) for cut in range(0, 15, stride)] + [15.0]
        found, last = [], -np.inf
        for k, cut in enumerate(cuts):
            now = (times > last) & (times <= cut)
            piece = net.infer(indices[now], times[now], until=cut, reset=k == 0)
            found += list(zip(piece.indices.tolist(), piece.times.tolist(), strict=True))
            last = cut
        assert found == list(zip(whole.indices.tolist(), whole.times.tolist(), strict=True))


def test_other_models_are_cut_anywhere():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.LIF(tau_mem=5.0, tau_syn=2.0))
    net.infer([0], [0.0], until=0.5)
    assert net.time == 0.5
