"""Exponential, quadratic, Izhikevich's and conductance-based neurons: spike times against an integrator of its own."""

import dataclasses
import math
import os

import numpy as np
import pytest

pytest.importorskip("scipy")

from nonlinear_campaign import MODELS, RANDOM, Tally, campaign, compare, infer, long_campaign, one
from oracle import nonlinear_lanes
from oracle.nonlinear import euler, simulate

import evsim
from evsim.errors import InvalidArgumentError, KernelError, NonFiniteError, RunawaySpikingError

models = pytest.mark.parametrize("model", MODELS)
SELF_EXCITED = {
    "Izhikevich": evsim.Izhikevich.preset("tonic_bursting", bias=10.0, tau_syn=5.0),
    "AdEx": evsim.AdEx.preset("regular_bursting", bias=210.0),
    "ExpLIF": evsim.ExpLIF(bias=16.0),
    "QIF": evsim.QIF(bias=5.0),
    "COBALIF": evsim.COBALIF(bias=110.0),
    "ExpLIF with a moving peak": evsim.ExpLIF(bias=16.0, v_peak=-50.0, peak_jump=3.0, tau_peak=15.0),
}
WEIGHTS = {
    "Izhikevich": 6.0,
    "AdEx": 200.0,
    "ExpLIF": 10.0,
    "QIF": 8.0,
    "COBALIF": 5.0,
    "ExpLIF with a moving peak": 10.0,
}


def random_input(rng, model, n=60, until=200.0):
    """Times, some of them equal, and weights that float32 holds."""
    times = np.sort(np.round(rng.uniform(0.0, until, n), 1))
    weights = rng.normal(0.3 * WEIGHTS[model], WEIGHTS[model], n).astype(np.float32)
    return times, weights


def spikes_of(neuron, times, weights, until, dtype="float64", **options):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(len(times), 1, weights=[weights]), neuron)
    return net.infer(np.arange(len(times)), times, until=until, **options).times


@models
def test_random_neurons_spike_when_the_oracle_says(model):
    tally = campaign([1, MODELS.index(model)], model, 120)
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    assert tally.spikes > 30
    assert tally.undecided < 0.1 * tally.neurons
    assert tally.sensitive < 0.1 * tally.spikes


@pytest.mark.nightly
@models
@pytest.mark.parametrize("refractory", [0.0, 0.5, 5.0])
def test_campaign(refractory, model, capsys):
    """As many intervals as EVSIM_NONLINEAR_INTERVALS says, half of them without a refractory period."""
    wanted = int(os.environ.get("EVSIM_NONLINEAR_INTERVALS", "20000"))
    tally = long_campaign(
        [2, int(10 * refractory), MODELS.index(model)], model, wanted // (4 if refractory else 2), refractory
    )
    with capsys.disabled():
        print(f"\n{model}, refractory {refractory}: {tally}")
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    assert tally.undecided < 0.1 * tally.neurons
    assert tally.sensitive < 0.1 * tally.spikes


@pytest.mark.parametrize("refractory", [0.0, 5.0])
@models
def test_neurons_side_by_side_do_what_each_does_alone(model, refractory):
    """The oracle of many neurons against that of one, which has its steps and its events from scipy."""
    trials = RANDOM[model](np.random.default_rng(8), 12)
    neuron = dataclasses.replace(trials.neuron, refractory=refractory)
    many = nonlinear_lanes.simulate(neuron, trials.weights, trials.until, 3)
    for k, weight in enumerate(trials.weights.tolist()):
        alone = simulate(one(neuron, k), [0.0], [weight], trials.until, 3)
        assert many.intervals[k] == alone.intervals
        np.testing.assert_allclose(many.spikes[k, : many.counts[k]], alone.spikes, rtol=0.0, atol=1e-8)


@models
def test_the_check_notices_steps_of_a_hundredth(model):
    """Negative control."""
    rng = np.random.default_rng(3)
    trials = RANDOM[model](rng, 40)
    stepped = [
        np.array(euler(one(trials.neuron, k), [0.0], [trials.weights[k]], trials.until)[:3])
        for k in range(len(trials.weights))
    ]
    assert len(compare(trials, stepped, Tally()).faults) > 10


@models
def test_the_check_notices_a_loose_tolerance(model):
    """Negative control."""
    rng = np.random.default_rng(4)
    trials = RANDOM[model](rng, 40)
    loose = dataclasses.replace(trials, neuron=dataclasses.replace(trials.neuron, tolerance=1e-3))
    assert compare(trials, infer(loose), Tally()).faults


@models
def test_errors_follow_the_tolerance(model):
    rng = np.random.default_rng(5)
    times, weights = random_input(rng, model)
    neuron = SELF_EXCITED[model]
    best = spikes_of(dataclasses.replace(neuron, tolerance=1e-14), times, weights, 250.0)
    errors = []
    for tolerance in (1e-3, 1e-6, 1e-9):
        found = spikes_of(dataclasses.replace(neuron, tolerance=tolerance), times, weights, 250.0)
        assert len(found) == len(best)
        errors.append(np.abs(found - best)[:3].max())
    assert errors[0] >= errors[1] >= errors[2]
    assert errors[2] < 1e-8


@models
def test_many_inputs_and_spikes(model):
    rng = np.random.default_rng(6)
    times, weights = random_input(rng, model)
    expected = simulate(SELF_EXCITED[model], times, weights.astype(float), 220.0)
    found = spikes_of(SELF_EXCITED[model], times, weights, 220.0)
    assert len(expected.spikes) > 3
    if not expected.undecided:
        assert len(found) == len(expected.spikes)
    n = len(expected.spikes)
    np.testing.assert_allclose(found[:n], expected.spikes, rtol=0.0, atol=1e-5)


@models
def test_a_jump_of_the_potential(model):
    if model == "COBALIF":
        pytest.skip("its inputs are conductances")
    rng = np.random.default_rng(7)
    neuron = dataclasses.replace(SELF_EXCITED[model], tau_syn=None)
    times = np.sort(rng.uniform(0.0, 100.0, 30))
    weights = rng.normal(2.0, 3.0, 30).astype(np.float32)
    expected = simulate(neuron, times, weights.astype(float), 120.0)
    found = spikes_of(neuron, times, weights, 120.0)
    assert len(expected.spikes) > 2
    np.testing.assert_allclose(found, expected.spikes, rtol=0.0, atol=1e-5)


@models
def test_an_input_that_jumps_over_the_peak_fires_at_its_time(model):
    if model == "COBALIF":
        pytest.skip("its inputs are conductances")
    neuron = dataclasses.replace(SELF_EXCITED[model], tau_syn=None, bias=0.0)
    found = spikes_of(neuron, [3.0], [500.0], 4.0)
    assert found.tolist() == [3.0]


# Long silences


QUIET = {
    "Izhikevich": evsim.Izhikevich(tau_syn=5.0),
    "AdEx": evsim.AdEx(),
    "ExpLIF": evsim.ExpLIF(),
    "QIF": evsim.QIF(),
    "COBALIF": evsim.COBALIF(),
    "ExpLIF with a moving peak": evsim.ExpLIF(v_peak=-45.0, peak_jump=3.0, tau_peak=15.0),
}
STRONG = {
    "Izhikevich": 15.0,
    "AdEx": 5000.0,
    "ExpLIF": 100.0,
    "QIF": 40.0,
    "COBALIF": 12.0,
    "ExpLIF with a moving peak": 100.0,
}


@models
@pytest.mark.parametrize("silence", [1e3, 1e6, 1e12])
def test_a_neuron_comes_to_rest_in_a_long_silence(model, silence):
    found = spikes_of(QUIET[model], [0.0, silence, 2 * silence], [STRONG[model]] * 3, 2 * silence + 100.0)
    second = found[(found >= silence) & (found < 2 * silence)] - silence
    third = found[found >= 2 * silence] - 2 * silence
    assert 0 < len(second) == len(third) < 10
    adapted = 1e-3 if model == "AdEx" and silence == 1e3 else 0.0  # e^{-1000/144} of the adaptation is left
    np.testing.assert_allclose(second, third, rtol=0.0, atol=max(adapted, 1e-7, 4e-16 * silence))


@models
def test_silence_does_not_cost_by_its_length(model):
    """1e15 time units would take hours in steps; a run that ends has found the rest."""
    assert len(spikes_of(QUIET[model], [0.0], [STRONG[model]], 1e15)) < 10


@pytest.mark.parametrize("model", ["ExpLIF", "QIF", "COBALIF", "ExpLIF with a moving peak"])
def test_without_an_end_where_every_neuron_falls_silent(model):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[STRONG[model]]]), QUIET[model])
    assert net.infer([0], [0.0]).times.tolist() == spikes_of(QUIET[model], [0.0], [STRONG[model]], 1e4).tolist()


@pytest.mark.parametrize(
    "neuron",
    [
        evsim.Izhikevich(), evsim.AdEx(), evsim.ExpLIF(bias=16.0), evsim.ExpLIF(v_reset=-40.0), evsim.QIF(bias=5.0),
        evsim.ExpLIF(bias=16.0, peak_jump=1.0), evsim.ExpLIF(peak_jump=-1.0),
        evsim.QIF(v_reset=-49.0), evsim.COBALIF(bias=110.0), evsim.COBALIF(bias=100.0),
    ],
)  # fmt: skip
def test_what_may_fire_for_ever_needs_an_end(neuron):
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 1), neuron)
    with pytest.raises(InvalidArgumentError, match="until"):
        net.infer([0], [0.0])


def test_a_passage_close_to_a_saddle_takes_as_long_as_it_takes():
    """With hardly more than the least current, a QIF spike takes pi / sqrt(gain bias) time constants."""
    excess, far = 1e-10, 1e6
    neuron = evsim.QIF(v_rest=-0.5, v_c=0.5, gain=1.0, tau_mem=1.0, bias=0.25 + excess, v_reset=-far, v_peak=far)
    times = spikes_of(neuron, [0.0], [0.0], 1.2e6)
    rate = math.sqrt(0.25 + excess - 0.25)
    assert len(times) == 3
    np.testing.assert_allclose(np.diff(times), 2 * math.atan(far / rate) / rate, rtol=1e-6)


# What goes wrong


@models
@pytest.mark.parametrize("weight", [1e30, -1e30, 1e150, -1e150])
def test_inputs_out_of_all_bounds_end_in_a_named_error_or_a_result(model, weight):
    for neuron in (QUIET[model], *([dataclasses.replace(QUIET[model], tau_syn=None)] if model != "COBALIF" else [])):
        try:
            found = spikes_of(neuron, [1.0, 2.0], [weight, 1.0], 10.0)
        except (NonFiniteError, KernelError, RunawaySpikingError):
            continue
        assert np.all(np.isfinite(found))
