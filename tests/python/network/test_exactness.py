"""Spike times, potentials and maxima against the 50-digit oracle.

What counts as agreement is in :func:`agreement.compare`: 1e-12 membrane time constants in float64 mode and 1e-5 in
float32 mode, wherever the crossing itself is defined that well.
"""

import math

import numpy as np
import oracle
import pytest
from agreement import (
    RATIOS,
    TOLERANCE,
    UNIT,
    Case,
    Tally,
    compare,
    peak,
    per_neuron,
    random_delta,
    random_lif,
)

import evsim

DTYPES = ("float32", "float64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)
ratios = pytest.mark.parametrize("ratio", RATIOS)


def assert_agreement(tally: Tally, *, spikes: int = 1) -> None:
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    assert tally.spikes >= spikes, f"nothing was tested: {tally}"


def single(tau_mem, tau_syn, events, *, until=None, **parameters):
    """One LIF neuron whose input arrives as (time, weight)."""
    neuron = evsim.LIF(tau_mem=tau_mem, tau_syn=tau_syn, **parameters)
    times, weights = np.array(events, dtype=float).reshape(-1, 2).T
    order = np.argsort(times, kind="stable")
    return Case(neuron, weights[order][None, :], np.arange(len(times)), times[order], until)


# Random parameters and spike trains


@dtypes
@ratios
def test_lif_spike_times_are_exact(dtype, ratio):
    rng = np.random.default_rng([1, DTYPES.index(dtype), RATIOS.index(ratio)])
    tally = sum((random_lif(rng, n_neurons=24, ratio=ratio).check(dtype) for _ in range(3)), Tally())
    assert_agreement(tally, spikes=20)


@dtypes
@pytest.mark.parametrize("refractory", [0.0, 0.4])
@pytest.mark.parametrize("reset", ["subtract", -0.5])
@pytest.mark.parametrize("bias", [0.0, 1.3])
def test_lif_spike_times_are_exact_for_every_reset_and_drive(dtype, refractory, reset, bias):
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
    case = Case(neuron, rng.uniform(-2, 6, (24, 15)), np.arange(15), np.sort(rng.uniform(0, 6, 15)), 9.0)
    assert_agreement(case.check(dtype), spikes=50)


@dtypes
@pytest.mark.parametrize("leak", [True, False])
def test_delta_spike_times_are_exact(dtype, leak):
    rng = np.random.default_rng([3, DTYPES.index(dtype), leak])
    tally = sum((random_delta(rng, leak=leak).check(dtype) for _ in range(12)), Tally())
    assert_agreement(tally, spikes=500)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(8))
def test_campaign_of_more_than_100_000_neuron_trials(part, record_property, capsys):
    """8 parts of 13,000 trials. Rounding may decide in a few of them, but not in so many that little is tested."""
    total = Tally()
    for dtype in DTYPES:
        rng = np.random.default_rng([4, part, DTYPES.index(dtype)])
        tally = Tally()
        for _ in range(90):
            tally += random_lif(rng).check(dtype)
        for _ in range(46):
            tally += random_delta(rng).check(dtype)
        with capsys.disabled():
            print(f"\npart {part}, {dtype}: {tally}")
        assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
        assert tally.cut_short < (0.002 if dtype == "float64" else 0.06) * tally.trials
        assert tally.well_conditioned > 0.5 * tally.spikes
        total += tally
    record_property("neuron_trials", total.trials)
    record_property("spikes", total.spikes)
    assert total.trials > 13_000


# The check itself


def test_the_check_notices_sampled_late_and_missing_spikes():
    """Negative control: what a clock-driven, a coarse or a leaky implementation would return must not pass."""
    case = random_lif(np.random.default_rng(5), ratio=2.0, drive=False)
    found = case.infer("float64")
    assert_agreement(case.check("float64", found), spikes=40)
    step = 0.1 * case.tau
    first = next(n for n, times in enumerate(found) if len(times))

    def changed(change):
        return case.check("float64", [change(n, times) for n, times in enumerate(found)])

    assert changed(lambda n, times: np.ceil(times / step) * step).faults
    assert changed(lambda n, times: times.astype(np.float32).astype(float)).faults
    assert changed(lambda n, times: times + (2e-12 * case.tau if n == first else 0.0)).faults
    assert changed(lambda n, times: times[1:] if n == first else times).faults
    assert changed(lambda n, times: np.append(times, 1e9) if n == first else times).faults


def test_the_oracle_obeys_the_differential_equation():
    """Central differences of its trajectory, in 50 digits."""
    membrane = oracle.Membrane(3.0, 0.8)
    p = oracle.LifParameters(threshold=1e9, v_rest=0.5, bias=-0.25, v_init=0.75, i_init=2.0)
    out = oracle.lif(membrane, p, [1.0], [3.0], until=5.0)
    h = oracle.MP.mpf("1e-15")
    for t in (0.3, 0.7, 1.5, 4.0):
        t = oracle.MP.mpf(t)
        before, now, after = (out.at(x) for x in (t - h, t, t + h))
        v_slope, i_slope = ((after[k] - before[k]) / (2 * h) for k in (0, 1))
        assert abs(membrane.tau_mem * v_slope - (p.v_rest - now[0] + now[1] + p.bias)) < 1e-25
        assert abs(membrane.tau_syn * i_slope + now[1]) < 1e-25
    assert out.at(0.0)[:2] == (0.75, 2.0)
    assert out.at(1.0)[1] == out.segments[0].value(oracle.MP.one)[1] + 3


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
    assert_agreement(fires.check("float64"))
    assert silent.infer("float64")[0].size == 0


def single_peak(tau_mem, tau_syn):
    """Height of the potential after one input of weight 1, in 50 digits."""
    membrane = oracle.Membrane(tau_mem, tau_syn)
    turn = membrane.extremum(oracle.MP.zero, oracle.MP.one)
    return membrane.flow(oracle.MP.zero, oracle.MP.one, turn)[0]


@dtypes
def test_a_potential_that_just_touches_the_threshold_fires(dtype):
    """w (x - x^2) with w = 4 has the maximum 1 at x = 1/2, all of which computers represent."""
    case = single(2.0, 1.0, [(0.0, 4.0)])
    assert case.infer(dtype)[0].tolist() == pytest.approx([2 * math.log(2)], rel=1e-15)


@dtypes
@ratios
def test_a_peak_above_the_threshold_is_found_when_the_next_input_comes_right_after_it(dtype, ratio):
    """The crossing and the fall back below the threshold lie in one gap, however long or short."""
    tau_mem, tau_syn = 3.0, 3.0 / ratio
    weight = float(oracle.MP.mpf(1 + 1e-4) / single_peak(tau_mem, tau_syn))
    rise = float(oracle.Membrane(tau_mem, tau_syn).extremum(oracle.MP.zero, oracle.MP.one))
    for end in (1.02, 1.1, 2.0, 1e3):
        for next_weight in (-2.0 * weight, 0.0):
            case = single(tau_mem, tau_syn, [(0.0, weight), (rise * end, next_weight)])
            assert_agreement(case.check(dtype))


# Crossings and inputs at one time


@dtypes
@ratios
@pytest.mark.parametrize("moved", [-1e-6, -1e-9, 0.0, 1e-9, 1e-6])
@pytest.mark.parametrize("weight", [-50.0, 0.0, 50.0])
def test_an_input_at_the_time_of_a_crossing_loses_no_spike(dtype, ratio, moved, weight):
    """At exactly that time (`moved` = 0) an inhibitory input may come a rounding error before or after the crossing."""
    tau_mem, tau_syn = 3.0, 3.0 / ratio
    first = [(0.1, 1.7 / peak(ratio))]
    crossing = single(tau_mem, tau_syn, first).infer(dtype)[0][0]
    later = [(crossing + 20.0, 3.0 / peak(ratio) + (60.0 if weight < 0 else 0.0))]
    case = single(tau_mem, tau_syn, [*first, (crossing * (1 + moved), weight / peak(ratio) / 5), *later])
    tally = case.check(dtype)
    assert not tally.faults, tally.faults[0]
    assert case.infer(dtype)[0][-1] > later[0][0], "the neuron is mute"


@dtypes
@ratios
def test_inputs_of_weight_zero_change_nothing(dtype, ratio):
    """Also at the very times at which neurons fire."""
    rng = np.random.default_rng([6, RATIOS.index(ratio)])
    spikes = 0
    for _ in range(3):
        case = random_lif(rng, n_neurons=12, ratio=ratio, drive=False)
        case.weights[:, -1] = 0.0
        plain = case.infer(dtype)
        extra = np.concatenate([*plain, *(np.nextafter(times, np.inf) for times in plain), case.times])
        extra = extra[extra < (case.until or np.inf)]
        times = np.concatenate([case.times, extra])
        order = np.argsort(times, kind="stable")
        indices = np.concatenate([case.indices, np.full(len(extra), case.weights.shape[1] - 1)])
        found = Case(case.neuron, case.weights, indices[order], times[order], case.until).infer(dtype)
        assert [len(t) for t in found] == [len(t) for t in plain]
        if dtype == "float64":
            assert_agreement(case.check(dtype, found), spikes=0)
        else:
            np.testing.assert_allclose(np.concatenate(found), np.concatenate(plain), atol=1e-3 * case.tau)
        spikes += sum(len(t) for t in plain)
    assert spikes >= 10


@dtypes
def test_simultaneous_inputs_are_one_input(dtype):
    """Arrivals of one instant are applied together before the threshold is looked at, for every model."""
    together, apart = [0.5, 0.5, 0.5], [2.0, -1.75, 0.5]
    for neuron in (
        evsim.LIF(tau_mem=2.0, tau_syn=1.0, threshold=0.1),
        evsim.LIFDelta(tau_mem=2.0),
        evsim.IAFDelta(),
        evsim.LIFDelta(tau_mem=2.0, refractory=1.0),
        evsim.IAFDelta(reset=-1.0),
    ):
        summed = Case(neuron, np.array([[sum(apart)]]), [0], [0.5], None).infer(dtype)[0]
        split = Case(neuron, np.array([apart]), [0, 1, 2], together, None).infer(dtype)[0]
        assert split.tolist() == summed.tolist()


@dtypes
def test_delta_neurons_fire_at_the_very_time_of_the_input(dtype):
    rng = np.random.default_rng(7)
    times = np.sort(rng.uniform(0, 50, 200))
    for neuron in (evsim.LIFDelta(tau_mem=5.0), evsim.IAFDelta()):
        case = Case(neuron, rng.uniform(0, 1, (30, 200)), np.arange(200), times, None)
        spikes = np.concatenate(case.infer(dtype))
        assert spikes.size > 100
        assert np.isin(spikes, times).all()


@dtypes
@pytest.mark.parametrize("leak", [True, False])
def test_delta_neurons_that_stay_above_threshold_fire_again_at_once(dtype, leak):
    neuron = evsim.LIFDelta(tau_mem=5.0) if leak else evsim.IAFDelta()
    case = Case(neuron, np.array([[3.5], [1.0], [0.99]]), [0], [2.0], None)
    assert [t.tolist() for t in case.infer(dtype)] == [[2.0, 2.0, 2.0], [2.0], []]


# Refractory periods


@dtypes
@pytest.mark.parametrize("leak", [True, False])
def test_input_during_the_refractory_period_is_lost_and_input_at_its_end_is_not(dtype, leak):
    neuron = evsim.LIFDelta(tau_mem=4.0, refractory=2.0) if leak else evsim.IAFDelta(refractory=2.0)
    case = Case(neuron, np.array([[1.0, 1.25]]), [0, 1, 1], [1.0, 2.75, 3.0], None)
    assert case.infer(dtype)[0].tolist() == [1.0, 3.0]


@dtypes
@pytest.mark.parametrize(("weight", "expected"), [(0.0, [0.0, 2.0, 4.0]), (-3.0, [0.0]), (1.0, [0.0, 2.0, 4.0, 6.0])])
def test_input_at_the_end_of_the_refractory_period_comes_before_the_threshold_is_looked_at(dtype, weight, expected):
    """Subtraction leaves 2.0 after the first spike, so the neuron is above its threshold when it is released."""
    case = Case(evsim.IAFDelta(refractory=2.0), np.array([[3.0, weight]]), [0, 1], [0.0, 2.0], None)
    assert case.infer(dtype)[0].tolist() == expected


@dtypes
@ratios
def test_a_neuron_released_between_two_inputs_integrates_from_then_on(dtype, ratio):
    """The release lies within a gap in which the neuron does not fire."""
    tau_syn = 3.0 / ratio
    weight = 1.3 / peak(ratio)
    crossing = single(3.0, tau_syn, [(0.0, weight)]).infer("float64")[0][0]
    inputs = [
        (0.0, weight),
        (crossing + 0.5, weight / 8),
        (crossing + 1.5, weight / 8),
        (crossing + 1.6, weight),
    ]
    case = single(3.0, tau_syn, inputs, refractory=1.0)
    assert_agreement(case.check(dtype), spikes=1)
    probes = crossing + np.array([0.2, 0.9, 1.2, 1.55, 1.65])
    check_probes(case, dtype, probes)


# Bursts, silence, extremes


@dtypes
@ratios
def test_bursts_between_two_inputs_are_complete(dtype, ratio):
    case = single(3.0, 3.0 / ratio, [(0.0, 60.0 / peak(ratio)), (2.0, 1.0), (5.0, 1.0)])
    assert_agreement(case.check(dtype), spikes=10)


@dtypes
@ratios
def test_spikes_after_the_last_input_are_found(dtype, ratio):
    case = single(3.0, 3.0 / ratio, [(0.0, 1.02 / peak(ratio))])
    assert case.infer(dtype)[0][0] > 0.0
    assert_agreement(case.check(dtype))


@dtypes
@ratios
@pytest.mark.parametrize("gap", [1e2, 1e4, 1e9])
def test_long_silence_between_inputs_leaves_nothing_behind(dtype, ratio, gap):
    tau = 3.0
    weight = 1.5 / peak(ratio)
    case = single(tau, tau / ratio, [(0.0, weight), (gap * tau, weight), (2 * gap * tau, weight)])
    assert_agreement(case.check(dtype), spikes=3)


@dtypes
@ratios
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_weights_and_thresholds_of_any_size(dtype, ratio, scale):
    rng = np.random.default_rng(8)
    times = np.sort(rng.uniform(0, 6, 12))
    weights = scale * rng.uniform(-0.4, 1.0, (8, 12)) / peak(ratio)
    case = Case(evsim.LIF(tau_mem=3.0, tau_syn=3.0 / ratio, threshold=scale), weights, np.arange(12), times, None)
    assert_agreement(case.check(dtype), spikes=3)


@dtypes
def test_huge_weights_among_tiny_ones(dtype):
    rng = np.random.default_rng(9)
    weights = rng.choice([1e-12, -1e-12, 1.5, 500.0, -800.0], (6, 20))
    case = Case(evsim.LIF(tau_mem=2.0, tau_syn=1.0), weights, np.arange(20), np.sort(rng.uniform(0, 20, 20)), None)
    assert_agreement(case.check(dtype), spikes=100)


@dtypes
@pytest.mark.parametrize("tau", [1e-9, 1e-3, 1e3, 1e9])
def test_time_constants_of_any_size(dtype, tau):
    rng = np.random.default_rng(10)
    times = np.sort(rng.uniform(0, 3 * tau, 12))
    case = Case(evsim.LIF(tau_mem=tau, tau_syn=tau / 3), rng.uniform(-3, 9, (16, 12)), np.arange(12), times, None)
    assert_agreement(case.check(dtype), spikes=16)


@dtypes
def test_times_far_from_zero_cost_no_digits(dtype):
    rng = np.random.default_rng(11)
    times = 3e6 + np.sort(rng.uniform(0, 10, 20))
    case = Case(evsim.LIF(tau_mem=3.0, tau_syn=1.0), rng.uniform(-1, 5, (16, 20)), np.arange(20), times, None)
    assert_agreement(case.check(dtype), spikes=16)


@dtypes
def test_constant_drive_fires_without_input(dtype):
    """V = drive (1 - e^{-t/tau}): the intervals are tau ln(drive / (drive - 1))."""
    case = Case(evsim.LIF(tau_mem=4.0, tau_syn=1.0, bias=1.25), np.zeros((1, 1)), [], [], 60.0)
    found = case.infer(dtype)[0]
    period = 4.0 * math.log(1.25 / 0.25)
    np.testing.assert_allclose(found, period * np.arange(1, len(found) + 1), rtol=1e-14)
    assert len(found) == int(60.0 / period)


def test_evspikesims_neuron_is_the_lif_with_tau_twice_tau_s():
    """u(t) = sum w (e^{-t/tau} - e^{-t/tau_s}) - threshold sum e^{-(t - t_spike)/tau}, tau = 2 tau_s."""
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_fc_layer(1, 1, tau_s=0.5, threshold=0.4)
    layer.weights[...] = 3.0
    times = net.infer([0], [0.0]).times

    def potential(t):
        rise = 3.0 * (np.exp(-t) - np.exp(-t / 0.5))
        return rise - 0.4 * sum(np.exp(-(t - s)) for s in times if s < t)

    # Its own formula, evaluated at the spikes.
    assert len(times) > 1
    np.testing.assert_allclose([potential(t) for t in times], 0.4, rtol=1e-12)


# Potentials and readouts


def check_probes(case, dtype, times):
    """v and i of every neuron at every time, within what rounding explains; not at a spike, where v jumps."""
    n_neurons = len(case.weights)
    variables = ("v", "i") if isinstance(case.neuron, (evsim.LIF, evsim.LI)) else ("v",)
    probes = [evsim.Probe(0, times=times, variable=name) for name in variables]
    case.network(dtype).infer(case.indices, case.times, until=case.until, record=probes)
    compared = 0
    for n in range(n_neurons):
        trajectory = (
            expected_readout(case, n, dtype)[0] if isinstance(case.neuron, evsim.LI) else case.expected(n, dtype)
        )
        for k, t in enumerate(times):
            if t >= trajectory.certain_until or any(abs(s.time - t) < 1e-4 * case.tau for s in trajectory.spikes):
                continue
            exact = trajectory.at(t)
            for m, probe in enumerate(probes):
                error = float(abs(oracle.MP.mpf(probe.values[k, n]) - exact[m]))
                assert error <= exact[m + 2] + 1e-300, f"{variables[m]} of neuron {n} at {t} is off by {error}"
                compared += 1
    return compared


def expected_readout(case, n, dtype):
    neuron = case.neuron
    p = oracle.ReadoutParameters(**{name: case.parameter(name, n) for name in ("v_rest", "bias", "v_init", "i_init")})
    row = case.rounded_weights(dtype)[n][case.indices]
    membrane = oracle.Membrane(neuron.tau_mem, neuron.tau_syn)
    return oracle.readout(membrane, p, case.times, row, start=case.start, until=case.until, unit=UNIT[dtype])


@dtypes
@pytest.mark.parametrize("model", ["LIF", "LIFDelta", "IAFDelta"])
def test_recorded_values_are_exact(dtype, model):
    rng = np.random.default_rng([12, DTYPES.index(dtype)])
    compared = 0
    for _ in range(6):
        case = (
            random_lif(rng, n_neurons=6) if model == "LIF" else random_delta(rng, n_neurons=6, leak=model == "LIFDelta")
        )
        end = case.until or case.times[-1] + 3 * case.tau
        times = np.sort(np.concatenate([rng.uniform(case.start, end, 12), case.times[case.times <= end][:6]]))
        if isinstance(case.neuron, evsim.LIF) and dtype == "float32":
            times = times[:8]
        compared += check_probes(case, dtype, times)
    assert compared > 200


def random_readout(rng, ratio, n_neurons=12, n_events=15):
    tau_mem = 10 ** rng.uniform(-1, 1)
    neuron = evsim.LI(
        tau_mem=tau_mem,
        tau_syn=tau_mem / ratio,
        v_rest=rng.uniform(-2, 2, n_neurons),
        bias=rng.uniform(-2, 2, n_neurons),
        v_init=rng.uniform(-2, 2, n_neurons),
        i_init=rng.uniform(-2, 2, n_neurons),
    )
    times = np.cumsum(rng.exponential(tau_mem / 2, n_events) * (rng.random(n_events) > 0.2))
    weights = rng.uniform(-1, 1, (n_neurons, n_events)) / peak(ratio) * 2
    return Case(neuron, weights, np.arange(n_events), times, times[-1] + rng.uniform(0, 5) * tau_mem)


@dtypes
@ratios
def test_readout_values_are_exact(dtype, ratio):
    rng = np.random.default_rng([13, RATIOS.index(ratio)])
    case = random_readout(rng, ratio)
    times = np.sort(np.concatenate([rng.uniform(0, case.until, 10), case.times[:5]]))
    assert check_probes(case, dtype, times) == 2 * 12 * 15


@dtypes
@ratios
def test_readout_maxima_are_exact(dtype, ratio):
    """The value to rounding; the time to 1e-5 tau only, because a maximum is flat: dt = sqrt(2 dV / |V''|)."""
    rng = np.random.default_rng([14, RATIOS.index(ratio)])
    for _ in range(4):
        case = random_readout(rng, ratio)
        net = case.network(dtype)
        net.infer(case.indices, case.times, until=case.until)
        for n in range(len(case.weights)):
            best = expected_readout(case, n, dtype)[1]
            assert abs(net[0].maximum[n] - float(best.value)) <= best.uncertainty + 4 * np.spacing(
                float(best.value) or 1
            )
            if best.time == case.start:
                assert np.isnan(net[0].maximum_time[n])
            else:
                close = 3e-2 if dtype == "float32" else 1e-5
                assert abs(net[0].maximum_time[n] - float(best.time)) <= close * case.tau


def test_a_readout_that_rises_to_rest_for_ever_has_its_rest_as_maximum():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(1, 1), evsim.LI(tau_mem=2.0, tau_syn=1.0, bias=1.5, v_init=0.0))
    net.infer([], [])
    assert layer.maximum.tolist() == [1.5]
    assert layer.maximum_time.tolist() == [math.inf]


@dtypes
def test_layers_pass_on_exact_times(dtype):
    """Second layer against the oracle, fed with the spikes of the first."""
    rng = np.random.default_rng(15)
    net = evsim.SpikingNetwork(dtype=dtype)
    hidden = net.add_layer(
        evsim.Dense(10, 20, weights=rng.uniform(-1, 5, (20, 10))), evsim.LIF(tau_mem=4.0, tau_syn=1.0)
    )
    neuron = evsim.LIF(tau_mem=4.0, tau_syn=4.0)
    net.add_layer(evsim.Dense(20, 8, weights=rng.uniform(-1, 2, (8, 20))), neuron)
    out = net.infer(rng.integers(0, 10, 30), np.sort(rng.uniform(0, 10, 30)))
    inner = hidden.post_spikes
    case = Case(neuron, np.array(net[1].weights, dtype=float), inner.indices, inner.times, None)
    assert_agreement(case.check(dtype, per_neuron(out, 8)), spikes=8)


def test_compare_takes_only_as_many_spikes_as_there_are():
    expected = oracle.Trajectory(spikes=[oracle.Certain(oracle.MP.mpf(1), 0.0)])
    assert not compare(np.array([1.0]), expected, 1.0, "float64").faults
    assert compare(np.array([]), expected, 1.0, "float64").faults
    assert compare(np.array([1.0, 2.0]), expected, 1.0, "float64").faults
    assert compare(np.array([1.0 + 2 * TOLERANCE["float64"]]), expected, 1.0, "float64").faults
