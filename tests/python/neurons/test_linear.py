"""Linear neurons from random parts against the 50-digit oracle."""

import numpy as np
import pytest
from agreement import Tally, assert_agreement
from linear_cases import LinearCase, random_case
from machines import DTYPES, Machine

from evsim.neurons import (
    Alpha,
    CurrentAdaptation,
    Delta,
    DoubleExponential,
    Exponential,
    Linear,
    ThresholdAdaptation,
)

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@dtypes
@pytest.mark.parametrize("seed", range(4))
def test_random_parts_are_exact(dtype, seed):
    case = random_case(np.random.default_rng([1, seed]), n_neurons=2, n_events=12)
    assert_agreement(case.check(Machine(dtype)))


def spikes_of(neuron, events, until, **options):
    """(time, weight) or (time, weight, port)."""
    rows = np.array([(*event, 0)[:3] for event in events])
    n_ports = len(neuron.synapses)
    weights = np.tile(rows[:, 1], (n_ports, 1, 1))
    return LinearCase(neuron, weights, np.arange(len(rows)), rows[:, 0], rows[:, 2].astype(int), until)


@dtypes
@pytest.mark.parametrize("distance", [0.0, 1e-15, 1e-13, 1e-10, 1e-7, 1e-5, 1e-3])
def test_time_constants_that_are_nearly_equal(dtype, distance):
    near = 1 + distance
    neuron = Linear(
        synapses=[DoubleExponential(10.0, 10.0 * near), Exponential(10.0 / near)],
        tau_mem=10.0,
        adaptation=[ThresholdAdaptation(10.0 * near**2, 0.3)],
        threshold=0.8,
    )
    case = spikes_of(neuron, [(0.0, 9.0), (1.0, -2.0, 1), (1.0, 4.0), (30.0, 12.0)], 60.0)
    assert_agreement(case.check(Machine(dtype)), spikes=4)


@dtypes
@pytest.mark.parametrize("coupling", [0.3, 0.5625, 0.5625 * (1 + 1e-9), 0.6, 20.0])
def test_from_damped_to_oscillating(dtype, coupling):
    """0.5625 is critical: modes meet, and the potential is no sum of exponentials any more."""
    neuron = Linear(synapses=Exponential(5.0), tau_mem=10.0, adaptation=CurrentAdaptation(40.0, 0.1, coupling))
    case = spikes_of(neuron, [(0.0, 20.0), (50.0, 20.0), (51.0, -30.0), (400.0, 20.0)], 420.0)
    assert_agreement(case.check(Machine(dtype)), spikes=6)


def peak_of_alpha():
    """Highest potential by an Alpha(5) of weight 1 on a membrane of 20, in 50 digits."""
    from oracle.trajectory import MP

    s, m = MP.mpf(5), MP.mpf(20)
    b = 1 / s - 1 / m

    def v(t):
        return MP.e / (s * m) * (t / b * -MP.exp(-t / s) - MP.exp(-t / s) / b**2 + MP.exp(-t / m) / b**2)

    return v(MP.findroot(lambda t: MP.diff(v, t), MP.mpf(12)))


@pytest.mark.parametrize("exponent", range(2, 14))
def test_grazing(exponent):
    top = float(peak_of_alpha())
    for sign in (-1, 1):
        neuron = Linear(synapses=Alpha(5.0), tau_mem=20.0, threshold=top * (1 + sign * 10.0**-exponent))
        case = spikes_of(neuron, [(0.0, 1.0)], 100.0)
        assert len(case.infer(Machine("float64"))[0]) == (1 if sign < 0 else 0)


@dtypes
def test_bursts_and_long_silences(dtype):
    neuron = Linear(
        synapses={"fast": Exponential(0.5), "slow": Alpha(20.0), "jump": Delta()},
        tau_mem=20.0,
        adaptation=[ThresholdAdaptation(1000.0, 0.02), CurrentAdaptation(200.0, 0.05)],
    )
    events = [(0.001 * k, 30.0, k % 2) for k in range(8)] + [
        (500.0, 25.0, 1),
        (500.0, 3.5, 2),
        (2000.0, 0.9, 2),
        (2000.0, 0.4, 2),
    ]
    assert_agreement(spikes_of(neuron, events, 2010.0).check(Machine(dtype)), spikes=20)


@dtypes
def test_what_changes_too_slowly_for_one_step_still_fires(dtype):
    neuron = Linear(synapses=Exponential(1e-6), tau_mem=None, bias=1e-10, v_init=0.5)
    (found,) = spikes_of(neuron, [(0.0, 0.0)], 6e9).infer(Machine(dtype))
    np.testing.assert_allclose(found, [5e9], rtol=1e-12)


def by_euler(neuron, events, until, step):
    """One neuron with exponential synapse and adapting threshold, in steps."""
    (_, synapse), (adaptation,) = neuron.synapses[0], neuron.adaptation
    v = i = h = 0.0
    out, waiting = [], sorted(events)
    for k in range(int(until / step)):
        while waiting and waiting[0][0] <= k * step:
            i += waiting.pop(0)[1]
        v, i, h = (
            v + step * (i - v) / neuron.tau_mem,
            i - step * i / synapse.tau,
            h - step * h / adaptation.tau,
        )
        if v >= neuron.threshold + h:
            out.append((k + 1) * step)
            v, h = 0.0, h + adaptation.jump
    return np.array(out)


@dtypes
def test_the_check_notices_steps(dtype):
    """Negative control: Euler at 0.01 ms."""
    neuron = Linear(synapses=Exponential(5.0), tau_mem=20.0, adaptation=ThresholdAdaptation(50.0, 0.1), threshold=0.5)
    events = [(0.0, 8.0), (7.0, 5.0)]
    case = spikes_of(neuron, events, 40.0)
    assert_agreement(case.check(Machine(dtype)), spikes=3)
    stepped = by_euler(neuron, events, 40.0, 0.01)
    assert len(stepped) == len(case.infer(Machine(dtype))[0])
    assert case.check(Machine(dtype), [stepped]).faults


@pytest.mark.nightly
@dtypes
@pytest.mark.parametrize("part", range(4))
def test_campaign(part, dtype, capsys):
    tally = Tally()
    for seed in range(100):
        tally += random_case(np.random.default_rng([2, part, seed])).check(Machine(dtype))
    with capsys.disabled():
        print(f"\nlinear, part {part}, {dtype}: {tally}")
    assert_agreement(tally, spikes=5000)
    assert tally.cut_short < (0.02 if dtype == "float64" else 0.3) * tally.trials
