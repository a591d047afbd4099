"""Batches whose samples several ranks share, and dry runs of ranks that are not there."""

import numpy as np
import pytest
from rank_networks import train
from rank_threads import on_ranks

import evsim
from evsim import errors

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.3)


def classifier(**options):
    net = evsim.SpikingNetwork(seed=1, **options)
    net.add_layer(evsim.Dense(12, 20), LIF, name="hidden")
    net.add_layer(evsim.Dense(20, 4), LIF, name="out")
    return net


def samples(n):
    return [train(k, 12, 30 + 5 * k, 20.0) for k in range(n)]


@pytest.mark.parametrize("n", [0, 1, 2, 7])
@pytest.mark.parametrize("size", [1, 3])
def test_all_ranks_get_what_one_process_does(n, size):
    def run(comm=None):
        net, probe = classifier(), evsim.Probe("hidden", [3.0, 9.0], neurons=[1, 19])
        options = {"until": 25.0, "record": [probe], "outputs": ["hidden", "out"]}
        found = (
            net.infer(samples(n), **options) if comm is None else evsim.infer_on_ranks(net, samples(n), comm, **options)
        )
        return found, probe.values.tolist()

    assert on_ranks(size, run) == [run()] * size


def test_streams_go_on_and_inputs_have_names():
    def run(comm=None):
        net, found = classifier(), []
        for k in range(2):
            batch = {"input 0": [evsim.SpikeArray(one.indices, one.times + 25.0 * k) for one in samples(5)]}
            options = {"until": 25.0 * (k + 1), "reset": k == 0}
            found.append(
                net.infer(batch, **options) if comm is None else evsim.infer_on_ranks(net, batch, comm, **options)
            )
        return found

    assert on_ranks(2, run) == [run()] * 2


def test_an_error_of_one_rank_is_one_of_all():
    def run(comm):
        batch = samples(4)
        batch[3] = evsim.SpikeArray([99], [0.0])
        evsim.infer_on_ranks(classifier(), batch, comm)

    first, second = on_ranks(2, run)
    assert isinstance(second, errors.IndexOutOfRangeError)
    assert isinstance(first, errors.RankFailedError)
    assert "rank 1 of 2 failed: IndexOutOfRangeError" in str(first)


def test_what_cannot_be_shared_has_a_name():
    def caught(change):
        def run(comm):
            net, given = change(classifier(), comm)
            evsim.infer_on_ranks(net, given, comm)

        return on_ranks(2, run)

    def driven(net, comm):
        net.add_drive("out", evsim.PoissonDrive(rate=1.0, weight=1.0))
        return net, samples(2)

    def learning(net, comm):
        net.add_layer(evsim.Dense(4, 2), LIF, kernel=evsim.rules.pair_stdp())
        return net, samples(2)

    for change, error in (
        (driven, errors.UnsupportedError),
        (learning, errors.UnsupportedError),
        (lambda net, comm: (net, samples(2 + comm.Get_rank())), errors.ShapeMismatchError),
        (lambda net, comm: (net, samples(1)[0]), errors.InvalidArgumentError),
        (lambda net, comm: ("net", samples(2)), errors.DTypeError),
    ):
        for found in caught(change):
            assert isinstance(found, (error, errors.RankFailedError)), found
        assert any(isinstance(found, error) for found in caught(change))


# Dry runs


def build(comm):
    net = evsim.SpikingNetwork(seed=1)
    net.distribute(comm)
    net.add_population(1000, evsim.LIFDelta(tau_mem=10.0, bias=1.5, v_init=np.linspace(0.0, 0.9, 1000)), name="a")
    net.connect("a", "a", evsim.Sparse.fixed_in_degree(1000, 1000, 30, seed=3, weights=0.01), delay=2.0)
    net.connect("a", "a", evsim.Sparse(1000, 1000, [0, 1, 2], [3, 3, 999], weights=0.0), delay=[2.0, 3.0, 4.0])
    return net


def test_a_dry_run_tells_what_the_ranks_have():
    report = evsim.dry_run(build, 10)
    assert [load.rank for load in report.loads] == [0, 5, 9]
    assert [load.neurons for load in report.loads] == [100] * 3
    assert [load.synapses for load in report.loads] == [3002, 3000, 3001]
    assert report.loads[0].synapse_bytes == 3002 * (4 + 4) + 2 * 8 * 1001 + (1 + 2) * 8  # inputs, delays
    assert report.balance == pytest.approx(3002 / 3001)
    assert "3 of 10 ranks, balance 1" in str(report)


def test_a_dry_run_runs_as_if_all_ranks_were_alike():
    whole = evsim.dry_run(build, 2, ranks=[1], until=20.0).loads[0]
    part = evsim.dry_run(build, 4, ranks=[1], until=20.0).loads[0]
    assert whole.exchanges == part.exchanges == 10 + 2  # windows, and the beginning and the end of the call
    assert 0 < part.spikes < whole.spikes
    assert part.bytes_sent > 12 * part.spikes


def test_a_dry_run_exchanges_what_a_run_does():
    def run(comm):
        net = build(comm)
        net.infer(until=20.0)
        return net.ranks.n_exchanges

    assert on_ranks(2, run) == [evsim.dry_run(build, 2, ranks=[0], until=20.0).loads[0].exchanges + 1] * 2  # the seeds


def test_mistakes_have_a_name():
    with pytest.raises(errors.InvalidArgumentError, match="rank 4 of 4"):
        evsim.dry_run(build, 4, ranks=[4])
    with pytest.raises(errors.InvalidArgumentError, match="at least one"):
        evsim.dry_run(build, 4, ranks=[])
    with pytest.raises(errors.DTypeError, match="must return"):
        evsim.dry_run(lambda comm: None, 4)
    with pytest.raises(errors.InvalidArgumentError, match=r"net\.distribute"):
        evsim.dry_run(lambda comm: evsim.SpikingNetwork(), 4)


@pytest.mark.parametrize("build", [None, 3, lambda comm: None])
def test_a_dry_run_of_no_network(build):
    with pytest.raises(errors.DTypeError, match="build must"):
        evsim.dry_run(build, 4)
