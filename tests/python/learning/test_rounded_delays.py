"""Delays on a grid: what is rounded, by how much, and that shapes and kinds of delays stay."""

from __future__ import annotations

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import round_delays

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)


def network():
    rng = np.random.default_rng(1)
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(3, 4), LIF, name="one", delay=1.3)
    net.add_layer(evsim.Dense(4, 3), LIF, name="inputs", delay=rng.uniform(0.0, 9.0, 4))
    net.add_layer(evsim.Dense(3, 2), LIF, name="synapses", delay=rng.uniform(0.0, 9.0, (2, 3)))
    net.connect("synapses", "one", evsim.Sparse(2, 4, [0, 1, 1], [0, 1, 3]), delay=rng.uniform(0.1, 9.0, 3))
    return net


def test_delays_lie_on_the_grid_and_as_near_as_can_be():
    net = network()
    before = [np.array(one.delays) for one in net.projections]
    changes = round_delays(net, 0.25)
    assert list(changes) == ["one", "inputs", "synapses", "synapses -> one"]
    for projection, old, change in zip(net.projections, before, changes.values(), strict=True):
        now = np.array(projection.delays)
        assert now.shape == old.shape
        np.testing.assert_array_equal(now / 0.25, np.rint(now / 0.25))
        assert np.max(np.abs(now - old)) == change <= 0.125
    assert round_delays(net, 0.25) == dict.fromkeys(changes, 0.0)


def test_steps_are_bounded():
    net = network()
    round_delays(net, 1.0, least=2, most=5)
    for projection in net.projections:
        assert np.min(projection.delays) >= 2.0
        assert np.max(projection.delays) <= 5.0


def test_only_what_is_named():
    net = network()
    assert list(round_delays(net, 1.0, projections=["synapses"])) == ["synapses"]
    assert net["one"].delays == 1.3


def test_networks_that_round_run_and_resume():
    """A synapse's delay is still its own, though all may have become equal."""
    net = network()
    round_delays(net, 100.0, least=1, most=1, projections=["synapses"])
    assert np.shape(net["synapses"].delays) == (2, 3)
    net.infer([0, 1, 2], [1.0, 2.0, 3.0], until=20.0)


def test_a_projection_that_is_named_twice_is_told_once_by_its_whole_change():
    one, other = (round_delays(network(), 1.0, projections=names) for names in (["synapses"], ["synapses"] * 2))
    assert one == other
    assert one["synapses"] > 0.0


def test_where_one_projection_cannot_be_rounded_none_is():
    net = network()
    before = [np.array(one.delays) for one in net.projections]
    for step, least in ((1e-310, 0), (1e308, 5)):
        with pytest.raises(errors.InvalidArgumentError, match="no finite numbers of steps"):
            round_delays(net, step, least=least)
        for one, delays in zip(net.projections, before, strict=True):
            np.testing.assert_array_equal(one.delays, delays)


def test_what_is_no_grid():
    net = network()
    for names in ("synapses", 3):
        with pytest.raises(errors.DTypeError, match="sequence of names"):
            round_delays(net, 1.0, projections=names)
    for step, options in ((0.0, {}), (-1.0, {}), (1.0, {"least": -1}), (1.0, {"least": 3, "most": 2})):
        with pytest.raises(errors.InvalidArgumentError):
            round_delays(net, step, **options)
    with pytest.raises(errors.InvalidArgumentError, match="no projection 'nowhere'"):
        round_delays(net, 1.0, projections=["nowhere"])
