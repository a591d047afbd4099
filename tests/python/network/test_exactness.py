"""Random networks against the 50-digit oracle, on all machines: types, threads, devices.

What counts as agreement is in :func:`agreement.compare`: 1e-12 membrane time constants in float64 mode and 1e-5 in
float32 mode, wherever the crossing itself is defined that well. One crossing at a time: test_crossings.py and
test_extremes.py; recorded potentials: test_potentials.py.
"""

import numpy as np
import pytest
from agreement import END, MODELS, RATIOS, Case, Tally, assert_agreement, case_of, per_neuron, random_delta, random_lif
from machines import DTYPES, on_host, one_of_equals

import evsim


def cases(kind, n, **options):
    """`n` random layers, the same for all machines."""
    rng = np.random.default_rng([RATIOS.index(options["ratio"]) if "ratio" in options else 99, n])
    return [(random_lif if kind == "LIF" else random_delta)(rng, **options) for _ in range(n)]


@pytest.mark.parametrize("ratio", RATIOS)
def test_lif_spike_times_are_exact(machine, ratio):
    layers = cases("LIF", 2, n_neurons=24, ratio=ratio)
    assert_agreement(sum((case.check(machine) for case in layers), Tally()), spikes=10)


@pytest.mark.parametrize("leak", [True, False])
def test_delta_spike_times_are_exact(machine, leak):
    layers = cases("delta", 5, leak=leak)
    assert_agreement(sum((case.check(machine) for case in layers), Tally()), spikes=200)


def one_layer(reset, refractory, bias):
    rng = np.random.default_rng(2)
    neuron = evsim.LIF(
        tau_mem=3.0,
        tau_syn=0.8,
        reset=reset,
        refractory=refractory,
        bias=bias,
        v_rest=0.1,
        v_init=-0.2,
        i_init=0.5,
    )
    return Case(neuron, rng.uniform(-2, 6, (24, 15)), np.arange(15), np.sort(rng.uniform(0, 6, 15)), 9.0)


@pytest.mark.parametrize("refractory", [0.0, 0.4])
@pytest.mark.parametrize("reset", ["subtract", -0.5])
@pytest.mark.parametrize("bias", [0.0, 1.3])
def test_lif_spike_times_are_exact_for_every_reset_and_drive(machine, refractory, reset, bias):
    assert_agreement(one_layer(reset, refractory, bias).check(machine), spikes=50)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(8))
def test_campaign_of_more_than_100_000_neuron_trials(machine, part, record_property, capsys):
    """8 parts of 6,500 trials of either type. Rounding may decide in a few, not in so many that little is tested."""
    rng = np.random.default_rng([4, part, DTYPES.index(machine.dtype)])
    tally = Tally()
    for _ in range(90):
        tally += random_lif(rng).check(machine)
    for _ in range(46):
        tally += random_delta(rng).check(machine)
    with capsys.disabled():
        print(f"\npart {part}, {machine}: {tally}")
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    assert tally.cut_short < (0.002 if machine.dtype == "float64" else 0.06) * tally.trials
    assert tally.well_conditioned > 0.5 * tally.spikes
    record_property("neuron_trials", tally.trials)
    record_property("spikes", tally.spikes)
    assert tally.trials > 6_500


# Every shipped model that fires at exact times, and what is left of its state from call to call

models = pytest.mark.parametrize("name", MODELS)
periods = pytest.mark.parametrize("refractory", [0.0, 0.7], ids=["free", "refractory"])


@periods
@models
def test_pieces_of_a_stream_are_exact(machine, name, refractory):
    """Cut at an input and at a spike."""
    case = case_of(name, refractory)
    whole = case.infer(machine)[:10]
    spike = np.sort(np.concatenate(whole))[20]
    found = case.infer(machine, cuts=sorted([case.times[25], spike]))[:10]
    assert [times.tolist() for times in found] == [times.tolist() for times in whole]
    assert_agreement(case.check(machine, found), spikes=25)


@periods
@models
def test_samples_of_a_batch_are_exact(machine, name, refractory):
    """Long, short and empty ones beside each other."""
    lengths = (36, 0, 1, 20)
    samples = [case_of(name, refractory, seed, n) for seed, n in enumerate(lengths)]
    batch = [(case.indices, case.times) for case in samples]
    copies = machine.copies(sum(case.work for case in samples))
    found = samples[0].network(machine).infer(batch * copies, until=END)
    tally = Tally()
    for k, case in enumerate(samples):
        tally += case.check(machine, per_neuron(one_of_equals(found[k :: len(samples)]), 10))
    assert_agreement(tally, spikes=40)


@periods
@models
def test_layers_pass_on_exact_times(machine, name, refractory):
    """Both layers against the oracle, the second one with the spikes that the first one gave."""
    first = case_of(name, refractory)
    weights = np.random.default_rng(15).uniform(-0.4, 1.0, (6, 80)) / (1 if isinstance(first.neuron, evsim.LIF) else 3)
    net = first.network(machine)
    net.add_layer(evsim.Dense(80, 6, weights=weights), first.neuron)
    net.infer([(first.indices, first.times)] * machine.copies(first.work), until=END)
    hidden, output = (one_of_equals(layer.post_spikes) for layer in net)
    second = Case(first.neuron, weights, hidden.indices, hidden.times, END)
    assert_agreement(first.check(machine, per_neuron(hidden, 10)), spikes=20)
    assert_agreement(second.check(machine, per_neuron(output, 6)), spikes=1)


def test_a_call_of_one_sample_is_that_sample_of_a_batch(machine):
    case = case_of("LIF, ratio 2", 0.7)
    net = case.network(machine)
    alone = on_host(net.infer(case.indices, case.times, until=END))
    assert on_host(net.infer([(case.indices, case.times)] * 3, until=END)[2]) == alone
    assert on_host(net[0].post_spikes[1]) == alone
