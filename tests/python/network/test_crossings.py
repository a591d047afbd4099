"""Single crossings against the 50-digit oracle: near-grazing ones, and inputs, releases and thresholds at one time."""

import math

import numpy as np
import oracle
import pytest
from agreement import RATIOS, Case, assert_agreement, peak, random_lif, single
from machines import Machine, one_thread
from potentials import check_probes

import evsim

ratios = pytest.mark.parametrize("ratio", RATIOS)


# Near-grazing crossings


@ratios
@pytest.mark.parametrize("above", [1e-3, 1e-6, 1e-9, 1e-11])
def test_a_potential_that_peaks_just_above_the_threshold_fires_and_just_below_does_not(ratio, above):
    tau_mem, tau_syn = 3.0, 3.0 / ratio
    height = oracle.MP.mpf(1) / single_peak(tau_mem, tau_syn)
    fires = single(tau_mem, tau_syn, [(0.5, float(height * (1 + above)))])
    silent = single(tau_mem, tau_syn, [(0.5, float(height * (1 - above)))])
    expected = fires.expected(0, "float64")
    assert expected.certain_until == silent.expected(0, "float64").certain_until == np.inf
    assert len(expected.spikes) == 1
    assert_agreement(fires.check(Machine("float64")))
    assert silent.infer(Machine("float64"))[0].size == 0


def single_peak(tau_mem, tau_syn):
    """Height of the potential after one input of weight 1, in 50 digits."""
    membrane = oracle.Membrane(tau_mem, tau_syn)
    turn = membrane.extremum(oracle.MP.zero, oracle.MP.one)
    return membrane.flow(oracle.MP.zero, oracle.MP.one, turn)[0]


@one_thread
def test_a_potential_that_just_touches_the_threshold_fires(machine):
    """w (x - x^2) with w = 4 has the maximum 1 at x = 1/2, all of which computers represent."""
    case = single(2.0, 1.0, [(0.0, 4.0)])
    assert case.infer(machine)[0].tolist() == pytest.approx([2 * math.log(2)], rel=1e-15)


@one_thread
@ratios
def test_a_peak_above_the_threshold_is_found_when_the_next_input_comes_right_after_it(machine, ratio):
    """The crossing and the fall back below the threshold lie in one gap, however long or short."""
    tau_mem, tau_syn = 3.0, 3.0 / ratio
    weight = float(oracle.MP.mpf(1 + 1e-4) / single_peak(tau_mem, tau_syn))
    rise = float(oracle.Membrane(tau_mem, tau_syn).extremum(oracle.MP.zero, oracle.MP.one))
    for end in (1.02, 1.1, 2.0, 1e3):
        for next_weight in (-2.0 * weight, 0.0):
            case = single(tau_mem, tau_syn, [(0.0, weight), (rise * end, next_weight)])
            assert_agreement(case.check(machine))


# Crossings and inputs at one time


@one_thread
@ratios
@pytest.mark.parametrize("moved", [-1e-6, -1e-9, 0.0, 1e-9, 1e-6])
@pytest.mark.parametrize("weight", [-50.0, 0.0, 50.0])
def test_an_input_at_the_time_of_a_crossing_loses_no_spike(machine, ratio, moved, weight):
    """At exactly that time (`moved` = 0) an inhibitory input may come a rounding error before or after the crossing."""
    tau_mem, tau_syn = 3.0, 3.0 / ratio
    first = [(0.1, 1.7 / peak(ratio))]
    crossing = single(tau_mem, tau_syn, first).infer(machine)[0][0]
    later = [(crossing + 20.0, 3.0 / peak(ratio) + (60.0 if weight < 0 else 0.0))]
    case = single(tau_mem, tau_syn, [*first, (crossing * (1 + moved), weight / peak(ratio) / 5), *later])
    tally = case.check(machine)
    assert not tally.faults, tally.faults[0]
    assert case.infer(machine)[0][-1] > later[0][0], "the neuron is mute"


@one_thread
@ratios
def test_inputs_of_weight_zero_change_nothing(machine, ratio):
    """Also at the very times at which neurons fire."""
    rng = np.random.default_rng([6, RATIOS.index(ratio)])
    spikes = 0
    for _ in range(3):
        case = random_lif(rng, n_neurons=12, ratio=ratio, drive=False)
        case.weights[:, -1] = 0.0
        plain = case.infer(machine)
        extra = np.concatenate([*plain, *(np.nextafter(times, np.inf) for times in plain), case.times])
        extra = extra[extra < (case.until or np.inf)]
        times = np.concatenate([case.times, extra])
        order = np.argsort(times, kind="stable")
        indices = np.concatenate([case.indices, np.full(len(extra), case.weights.shape[1] - 1)])
        found = Case(case.neuron, case.weights, indices[order], times[order], case.until).infer(machine)
        assert [len(t) for t in found] == [len(t) for t in plain]
        if machine.dtype == "float64":
            assert_agreement(case.check(machine, found), spikes=0)
        else:
            np.testing.assert_allclose(np.concatenate(found), np.concatenate(plain), atol=1e-3 * case.tau)
        spikes += sum(len(t) for t in plain)
    assert spikes >= 10


@one_thread
def test_simultaneous_inputs_are_one_input(machine):
    """Arrivals of one instant are applied together before the threshold is looked at, for every model."""
    together, apart = [0.5, 0.5, 0.5], [2.0, -1.75, 0.5]
    for neuron in (
        evsim.LIF(tau_mem=2.0, tau_syn=1.0, threshold=0.1),
        evsim.LIFDelta(tau_mem=2.0),
        evsim.IAFDelta(),
        evsim.LIFDelta(tau_mem=2.0, refractory=1.0),
        evsim.IAFDelta(reset=-1.0),
    ):
        summed = Case(neuron, np.array([[sum(apart)]]), [0], [0.5], None).infer(machine)[0]
        split = Case(neuron, np.array([apart]), [0, 1, 2], together, None).infer(machine)[0]
        assert split.tolist() == summed.tolist()


@one_thread
def test_delta_neurons_fire_at_the_very_time_of_the_input(machine):
    rng = np.random.default_rng(7)
    times = np.sort(rng.uniform(0, 50, 200))
    for neuron in (evsim.LIFDelta(tau_mem=5.0), evsim.IAFDelta()):
        case = Case(neuron, rng.uniform(0, 1, (30, 200)), np.arange(200), times, None)
        spikes = np.concatenate(case.infer(machine))
        assert spikes.size > 100
        assert np.isin(spikes, times).all()


@one_thread
@pytest.mark.parametrize("leak", [True, False])
def test_delta_neurons_that_stay_above_threshold_fire_again_at_once(machine, leak):
    neuron = evsim.LIFDelta(tau_mem=5.0) if leak else evsim.IAFDelta()
    case = Case(neuron, np.array([[3.5], [1.0], [0.99]]), [0], [2.0], None)
    assert [t.tolist() for t in case.infer(machine)] == [[2.0, 2.0, 2.0], [2.0], []]


# Refractory periods


@one_thread
@pytest.mark.parametrize("leak", [True, False])
def test_input_during_the_refractory_period_is_lost_and_input_at_its_end_is_not(machine, leak):
    neuron = evsim.LIFDelta(tau_mem=4.0, refractory=2.0) if leak else evsim.IAFDelta(refractory=2.0)
    case = Case(neuron, np.array([[1.0, 1.25]]), [0, 1, 1], [1.0, 2.75, 3.0], None)
    assert case.infer(machine)[0].tolist() == [1.0, 3.0]


@one_thread
@pytest.mark.parametrize(("weight", "expected"), [(0.0, [0.0, 2.0, 4.0]), (-3.0, [0.0]), (1.0, [0.0, 2.0, 4.0, 6.0])])
def test_input_at_the_end_of_the_refractory_period_comes_before_the_threshold_is_looked_at(machine, weight, expected):
    """Subtraction leaves 2.0 after the first spike, so the neuron is above its threshold when it is released."""
    case = Case(evsim.IAFDelta(refractory=2.0), np.array([[3.0, weight]]), [0, 1], [0.0, 2.0], None)
    assert case.infer(machine)[0].tolist() == expected


@one_thread
@ratios
def test_a_neuron_released_between_two_inputs_integrates_from_then_on(machine, ratio):
    """The release lies within a gap in which the neuron does not fire."""
    tau_syn = 3.0 / ratio
    weight = 1.3 / peak(ratio)
    crossing = single(3.0, tau_syn, [(0.0, weight)]).infer(Machine("float64"))[0][0]
    inputs = [
        (0.0, weight),
        (crossing + 0.5, weight / 8),
        (crossing + 1.5, weight / 8),
        (crossing + 1.6, weight),
    ]
    case = single(3.0, tau_syn, inputs, refractory=1.0)
    assert_agreement(case.check(machine), spikes=1)
    probes = crossing + np.array([0.2, 0.9, 1.2, 1.55, 1.65])
    check_probes(case, machine, probes)
