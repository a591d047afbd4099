"""Networks whose neurons several ranks share: the same bits as one process, and what goes wrong goes wrong on all.

The ranks are threads here, which talk through arrays; `test_mpi` has them be processes.
"""

import copy
import pickle

import numpy as np
import pytest
from rank_networks import NETWORKS, hash_of, made, train
from rank_threads import on_ranks

import evsim
from evsim import errors

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5)
SIZES = (1, 2, 3, 4)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_any_number_of_ranks_gives_the_bits_of_one_process(name, size):
    assert on_ranks(size, lambda comm: hash_of(name, comm)) == [hash_of(name)] * size


@pytest.mark.parametrize("seed", range(24))
def test_random_graphs_give_the_bits_of_one_process(seed):
    size = SIZES[1 + seed % 3]
    assert on_ranks(size, lambda comm: hash_of(str(seed), comm)) == [hash_of(str(seed))] * size


@pytest.mark.parametrize("threads", [1, 2])
def test_ranks_and_threads_together_move_no_bit(threads):
    before = evsim.num_threads()
    evsim.set_num_threads(threads)
    try:
        assert on_ranks(2, lambda comm: hash_of("loop", comm)) == [hash_of("loop")] * 2
    finally:
        evsim.set_num_threads(before)


def test_more_spikes_than_one_message_holds():
    def run(comm=None):
        net = made(comm)
        net.add_layer(evsim.Dense(1, 3000, weights=np.full((3000, 1), 9.0)), LIF)
        return net.infer([0], [0.0])

    expected = run()
    assert len(expected) >= 3000
    assert on_ranks(3, run) == [expected] * 3


def test_a_batch_is_exchanged_sample_by_sample():
    def run(comm=None):
        net = made(comm, seed=1)
        net.add_layer(evsim.Dense(5, 33), LIF, name="a")
        net.connect("a", "a", evsim.Dense(33, 33), delay=2.0)
        net.add_drive("a", evsim.PoissonDrive(rate=0.2, weight=0.5, seed=3))
        probe = evsim.Probe("a", [5.0, 9.0], neurons=[32, 0, 16])
        out = net.infer([train(k, 5, 20 * k, 20.0) for k in range(3)], until=20.0, record=probe)
        return [spikes.times.tolist() for spikes in out], probe.values.tolist(), net["a"].n_spikes.tolist()

    assert on_ranks(2, run) == [run()] * 2


# What a rank has


def test_the_parts_of_a_rule_are_the_whole():
    def part(comm=None):
        net = made(comm, seed=1)
        net.add_input(50, name="in")
        net.add_population(40, LIF, name="a")
        drawn = net.connect("in", "a", evsim.Sparse.fixed_in_degree(50, 40, 9, seed=3, weights=0.5, inhibitory=0.4))
        given = net.connect("a", "a", evsim.Sparse.random(40, 40, 0.5, seed=1), delay=np.linspace(1.0, 2.0, 40))
        return [(p.connection.sources, p.connection.targets, p.weights.copy()) for p in (drawn, given)]

    whole, parts = part(), on_ranks(3, part)
    for k in range(2):
        joined = [np.concatenate(arrays) for arrays in zip(*(one[k] for one in parts), strict=True)]
        order = np.lexsort((joined[1], joined[0]))
        assert all(np.array_equal(a[order], b) for a, b in zip(joined, whole[k], strict=True))
    assert [len(one[0][0]) for one in parts] == [117, 117, 126]  # of 13, 13 and 14 neurons


def test_it_is_enough_to_give_the_synapses_of_the_own_neurons():
    rng, n = np.random.default_rng(2), 30
    ends, weights, delays = rng.integers(0, n, (2, 400)), rng.uniform(-0.3, 0.5, 400), rng.uniform(0.5, 3.0, 400)

    def run(comm=None):
        net = made(comm, seed=1)
        net.add_input(n, name="in")
        net.add_population(n, LIF, name="a")
        net.connect("in", "a", evsim.Sparse.one_to_one(n, weights=2.0))
        own = range(n) if comm is None else net.ranks.own(n)
        here = np.isin(ends[1], own)
        net.connect("a", "a", evsim.Sparse(n, n, *ends[:, here], weights=weights[here]), delay=delays[here])
        return net.infer(train(3, n, 50, 20.0), until=40.0)

    expected = run()
    assert len(expected) > 30
    assert on_ranks(3, run) == [expected] * 3


def test_only_the_synapses_of_the_own_neurons_are_drawn():
    n = 10**6  # with 10^9 synapses
    net = evsim.SpikingNetwork(seed=1)
    ranks = net.distribute(evsim.DryRun(rank=700, size=1000))
    net.add_population(n, LIF, name="a")
    projection = net.connect("a", "a", evsim.Sparse.fixed_in_degree(n, n, 1000, seed=3, weights=0.1), delay=1.0)
    assert projection.weights.shape == (10**6,)
    assert ranks.own(n) == range(700_000, 701_000)
    targets = projection.connection.targets
    assert (targets.min(), targets.max()) == (700_000, 700_999)


@pytest.mark.parametrize("weights", [0.4, None])
def test_delays_of_a_rule_go_with_its_synapses(weights):
    delays = np.random.default_rng(1).uniform(0.5, 4.0, 30 * 6)

    def run(comm=None):
        net = made(comm, seed=1)
        net.add_input(30, name="in")
        net.add_population(30, LIF, name="a")
        net.connect("in", "a", evsim.Sparse.one_to_one(30, weights=2.0), delay=np.linspace(0.0, 1.0, 30))
        net.connect("a", "a", evsim.Sparse.fixed_in_degree(30, 30, 6, seed=5, weights=weights), delay=delays)
        return net.infer(train(3, 30, 50, 20.0), until=40.0)

    expected = run()
    assert len(expected) > 15
    assert on_ranks(3, run) == [expected] * 3


def test_a_rule_draws_what_it_always_did_when_it_is_asked():
    rule = evsim.Sparse.fixed_in_degree(30, 20, 4, seed=1, weights=0.5, inhibitory=0.5)
    again = pickle.loads(pickle.dumps(copy.deepcopy(rule)))
    assert np.array_equal(rule.weights, np.where(rule.sources < 15, 0.5, -0.5))
    assert np.array_equal(again.weights, rule.weights)
    assert np.array_equal(again.targets, rule.targets)
    assert rule.n_synapses == 80


def test_dense_weights_are_those_of_the_own_neurons_and_can_be_changed():
    weights = np.arange(30.0).reshape(10, 3)

    def run(comm=None):
        net = made(comm)
        layer = net.add_layer(evsim.Dense(3, 10, weights=weights), LIF)
        own = slice(None) if net.ranks is None else slice(*np.array(net.ranks.own(10))[[0, -1]] + [0, 1])
        assert np.array_equal(layer.weights, weights[own].astype(np.float32))
        layer.weights = layer.weights / 10
        return net.infer([0, 1, 2], [0.0, 1.0, 2.0])

    assert on_ranks(3, run) == [run()] * 3


# What goes wrong


def loop(comm, weights, **options):
    net = made(comm, seed=1, **options)
    net.add_input(1, name="in")
    net.add_population(4, LIF, name="a")
    net.connect("in", "a", evsim.Dense(1, 4, weights=np.reshape(weights, (4, 1))))
    net.connect("a", "a", evsim.Dense(4, 4, weights=np.full((4, 4), 0.01)), delay=1.0)
    return net


def test_an_error_of_one_rank_is_an_error_of_all_and_changes_nothing():
    def run(comm):
        net = loop(comm, [1.0, 1.0, 1.0, 1.0])
        before = net.infer([0], [0.0], until=10.0)
        if net.ranks.rank == 1:
            net.projections[0].weights[1] = np.inf
        caught = None
        try:
            net.infer([0], [1.0], until=20.0)
        except errors.EvsimError as error:
            caught = error
        after = net["a"].post_spikes, net.time
        if net.ranks.rank == 1:
            net.projections[0].weights[1] = 1.0
        return caught, after == (before, 10.0), net.infer([0], [0.0], until=10.0) == before

    found = on_ranks(2, run)
    assert [one[1:] for one in found] == [(True, True)] * 2
    assert isinstance(found[1][0], errors.NonFiniteError)
    assert "neuron 3" in str(found[1][0])  # its number in the population
    assert isinstance(found[0][0], errors.RankFailedError)
    assert "rank 1 of 2 failed: NonFiniteError: " in str(found[0][0])


def test_an_error_before_the_core_is_called_reaches_the_others():
    def run(comm):
        net = loop(comm, [1.0] * 4)
        net.infer([0], [0.0], until=None if net.ranks.rank == 2 else "ten")

    found = on_ranks(3, run)
    assert [type(one).__name__ for one in found] == ["DTypeError", "DTypeError", "RankFailedError"]
    found = on_ranks(2, lambda comm: loop(comm, [1.0] * 4).infer([0], [0.0] if comm.Get_rank() else None))
    assert isinstance(found[1], errors.RankFailedError)
    assert "rank 0 of 2 failed: DTypeError" in str(found[1])


def test_what_goes_wrong_before_and_between_the_pieces_of_a_simulation_reaches_the_others():
    def early(comm):
        net = loop(comm, [1.0] * 4)
        net.simulate(5.0, ([0], [3.0 if net.ranks.rank else np.nan]))

    def between(comm):
        net = loop(comm, [1.0] * 4)
        if net.ranks.rank == 0:
            net.projections[0].weights[0] = np.nan
        net.simulate(5.0, ([0], [3.0]))

    for run in (early, between):
        first, second = on_ranks(2, run)
        assert isinstance(first, errors.NonFiniteError)
        assert isinstance(second, errors.RankFailedError)
        assert "rank 0 of 2 failed: NonFiniteError" in str(second)


def test_populations_that_lie_whole_and_differ_are_found_out():
    def run(comm):
        net = made(comm, seed=1)
        net.add_layer(evsim.Dense(1, 1, weights=[[5.0]]), LIF)
        net[0].weights = 5.0 + np.full((1, 1), comm.Get_rank())
        net.infer([0], [0.0])

    for error in on_ranks(2, run):
        assert isinstance(error, errors.RankFailedError), error
        assert "that lie whole on all ranks fired otherwise" in str(error)


DIFFERENCES = {
    "inputs": (lambda comm: loop(comm, [1.0] * 4).infer([0], [comm.Get_rank()], until=9.0), "other inputs"),
    "ends": (lambda comm: loop(comm, [1.0] * 4).infer([0], [0.0], until=9.0 + comm.Get_rank()), "other inputs"),
    "models": (lambda comm: loop(comm, [1.0] * 4, dtype=f"float{32 + 32 * comm.Get_rank()}").infer([0], [0.0]), ""),
    "calls": (lambda comm: _mixed(loop(comm, [1.0] * 4)), "do not do the same"),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_ranks_that_differ_are_told_so(what):
    run, message = DIFFERENCES[what]
    for error in on_ranks(2, run):
        assert isinstance(error, errors.RankFailedError), error
        assert message in str(error)


def _mixed(net):
    return net.ranks.gather(b"") if net.ranks.rank else net.infer([0], [0.0], until=5.0)


@pytest.mark.parametrize("what", ["rule", "size", "drive", "parameter"])
def test_networks_that_differ_are_told_so(what):
    def run(comm):
        net, rank = made(comm, seed=1), comm.Get_rank()
        neuron = evsim.LIF(tau_mem=20.0 + (what == "parameter") * rank, tau_syn=5.0)
        net.add_population(20 + (what == "size") * rank, neuron, name="a")
        net.add_drive("a", evsim.PoissonDrive(rate=1.0, weight=1.0, seed=(what == "drive") * rank))
        n = net["a"].n_neurons
        rule = evsim.Sparse.fixed_in_degree(n, n, 3, seed=(what == "rule") * rank, weights=0.1)
        net.connect("a", "a", rule, delay=1.0)
        net.infer(until=5.0)

    for error in on_ranks(2, run):
        assert isinstance(error, errors.RankFailedError), error
        assert "rank 1 has built another network than rank 0" in str(error)


def test_a_cycle_without_delay_on_one_rank_is_an_error_on_all():
    def run(comm):
        net = made(comm, seed=1)
        net.add_layer(evsim.Dense(1, 4), LIF, name="a")
        net.connect("a", "a", evsim.Sparse(4, 4, [0, 1, 2], [1, 2, 3]), delay=[1.0, 1.0, 0.0])
        net.infer([0], [0.0], until=5.0)

    for error in on_ranks(2, run):
        assert isinstance(error, errors.UnsupportedError), error
        assert "layer 'a' lies on a cycle without any delay" in str(error)


def test_what_cannot_be_distributed_has_a_name():
    net = evsim.SpikingNetwork(seed=1)
    with pytest.raises(errors.DTypeError, match=r"evsim\[mpi\]"):
        net.distribute("world")
    net.distribute(evsim.DryRun(size=2))
    with pytest.raises(errors.InvalidArgumentError, match="already"):
        net.distribute(evsim.DryRun(size=2))
    net.add_layer(evsim.Dense(3, 4), LIF, name="a")
    net.add_population((1, 2, 2), LIF, name="image")
    net.add_input((1, 2, 2), name="in")
    for connection, kernel in ((evsim.Conv2d(1, 1), None), (evsim.Dense(4, 4), evsim.rules.pair_stdp())):
        with pytest.raises(errors.UnsupportedError, match="the ranks share the neurons of image"):
            net.connect("in", "image", connection, kernel=kernel)
    for keep in (pickle.dumps, copy.deepcopy, evsim.SpikingNetwork.to_description):
        with pytest.raises(errors.UnsupportedError, match="not kept"):
            keep(net)
    built = evsim.SpikingNetwork(seed=1)
    built.add_input(3)
    with pytest.raises(errors.InvalidArgumentError, match="before adding"):
        built.distribute(evsim.DryRun(size=2))
    with pytest.raises(errors.InvalidArgumentError, match="rank 2 of 2"):
        evsim.DryRun(rank=2, size=2)
    with pytest.raises(errors.ShapeMismatchError, match="one for each of 6"):
        net.add_population(6, evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=[1.0, 2.0]))


def test_a_dry_run_records_no_potentials_of_neurons_that_are_not_there():
    net = evsim.SpikingNetwork(seed=1)
    net.distribute(evsim.DryRun(size=2))
    net.add_layer(evsim.Dense(3, 4), LIF, name="a")
    with pytest.raises(errors.UnsupportedError, match="dry run"):
        net.infer([0], [0.0], record=evsim.Probe("a", [1.0]))
