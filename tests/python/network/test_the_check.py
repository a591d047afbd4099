"""The check against the oracle itself: it notices what is wrong, and what it asks is right."""

import time

import numpy as np
import oracle
import pytest
from agreement import TOLERANCE, assert_agreement, compare, random_lif
from machines import DTYPES, Machine, one_of_equals

import evsim


def test_the_check_notices_sampled_late_and_missing_spikes():
    """Negative control: what a clock-driven, a coarse or a leaky implementation would return must not pass."""
    case = random_lif(np.random.default_rng(5), ratio=2.0, drive=False)
    found = case.infer(Machine("float64"))
    assert_agreement(case.check(Machine("float64"), found), spikes=40)
    step = 0.1 * case.tau
    first = next(n for n, times in enumerate(found) if len(times))

    def changed(change):
        return case.check(Machine("float64"), [change(n, times) for n, times in enumerate(found)])

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


def test_compare_takes_only_as_many_spikes_as_there_are():
    expected = oracle.Trajectory(spikes=[oracle.Certain(oracle.MP.mpf(1), 0.0)])
    assert not compare(np.array([1.0]), expected, 1.0, "float64").faults
    assert compare(np.array([]), expected, 1.0, "float64").faults
    assert compare(np.array([1.0, 2.0]), expected, 1.0, "float64").faults
    assert compare(np.array([1.0 + 2 * TOLERANCE["float64"]]), expected, 1.0, "float64").faults


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_machine_of_two_threads_starts_the_second_one(dtype):
    """Which costs processor time that the calling thread does not spend."""
    case, machine = random_lif(np.random.default_rng(6), n_neurons=24, ratio=2.0), Machine(dtype, "cpu", 2)
    batch = [(case.indices, case.times)] * machine.copies(case.work)
    net = case.network(machine)
    elsewhere = []
    for threads in (1, 2):
        with Machine(dtype, "cpu", threads).in_use():
            begin = time.process_time() - time.thread_time()
            net.infer(batch, until=case.until)
            elsewhere.append(time.process_time() - time.thread_time() - begin)
    assert elsewhere[1] > 10 * max(elsewhere[0], 1e-5)


def test_equal_samples_with_different_results_are_noticed():
    same, other = (evsim.SpikeArray([0], [time]) for time in (1.0, 1.5))
    assert one_of_equals([same, same]) == same
    with pytest.raises(AssertionError, match="equal samples"):
        one_of_equals([same, same, other])
