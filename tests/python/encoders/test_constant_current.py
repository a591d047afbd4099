"""Spike trains of constant currents against 50 digits, and against the engine."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import evsim
from evsim import errors
from evsim.encoders import constant_current_lif, spike_latency_lif

MP = mpmath.mp.clone()
MP.dps = 50


def oracle(x, until, tau_mem, threshold=1.0, v_rest=0.0, reset=None, v_init=None, refractory=0.0):
    """Spike times of one neuron: V = V_inf + (V_0 - V_inf) exp(-t / tau), solved for each spike after the other."""
    x, tau, theta, rest = (MP.mpf(v) for v in (x, tau_mem, threshold, v_rest))
    v_inf = rest + x
    if v_inf <= theta:
        return []
    v = rest if v_init is None else MP.mpf(v_init)
    now, times = MP.zero, []
    while True:
        now += tau * MP.log((v_inf - v) / (v_inf - theta))
        if now >= until:
            return times
        times.append(now)
        now += MP.mpf(refractory)
        v = rest if reset is None else MP.mpf(reset)


def disagreement(times, expected, tau):
    """Largest error in units of what rounding makes of a sum of so many terms; infinite if spikes differ in number."""
    if len(times) != len(expected):
        return np.inf
    errors_ = [float(abs(MP.mpf(t) - e) / (abs(e) + tau)) for t, e in zip(times.tolist(), expected, strict=True)]
    return max(errors_, default=0.0)


def random_case(rng):
    threshold = rng.uniform(0.5, 2.0)
    options = {
        "until": 40.0,
        "tau_mem": 10 ** rng.uniform(0.0, 2.0),
        "threshold": threshold,
        "reset": threshold - 10 ** rng.uniform(-2.0, 0.5),
        "v_init": threshold - 10 ** rng.uniform(-2.0, 0.5),
        "refractory": rng.choice([0.0, 0.1, 3.0]),
    }
    excess = 10 ** rng.uniform(-12.0, 2.0, 6) * rng.choice([1.0, 1.0, -1.0], 6)
    return threshold * (1 + excess), options


def test_spike_times_agree_with_50_digits():
    rng = np.random.default_rng(1)
    spikes, silent = 0, 0
    for _ in range(60):
        currents, options = random_case(rng)
        found = constant_current_lif(currents, **options)
        for k, x in enumerate(currents):
            times, expected = found.times[found.indices == k], oracle(x, **options)
            assert disagreement(times, expected, options["tau_mem"]) < 1e-14, (x, options)
            spikes, silent = spikes + len(times), silent + (len(times) == 0)
    assert spikes > 3000
    assert silent > 60


def test_steps_do_not_pass_this_check():
    """Negative control: forward Euler, as clock-driven encoders do it, at a step of a thousandth of tau."""
    tau, step, v, times = 10.0, 0.01, 0.0, []
    for k in range(4000):
        v += step / tau * (1.7 - v)
        if v > 1.0:
            times.append((k + 1) * step)
            v = 0.0
    expected = oracle(1.7, until=40.0, tau_mem=tau)
    assert len(times) == len(expected)
    assert 1e-6 < disagreement(np.array(times), expected, tau) < 1e-2


@pytest.mark.parametrize("reset", ["subtract", -0.7])
@pytest.mark.parametrize("refractory", [0.0, 1.5])
def test_the_engine_says_the_same(reset, refractory):
    """A neuron with a bias and no input is this encoder's."""
    rng = np.random.default_rng(2)
    currents = rng.uniform(0.2, 4.0, 20)
    options = {
        "tau_mem": 12.0,
        "threshold": 1.2,
        "v_rest": 0.3,
        "v_init": -0.4,
        "reset": reset,
        "refractory": refractory,
    }
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 20, weights=np.zeros((20, 1))), evsim.LIFDelta(bias=currents, **options))
    expected = net.infer([], [], until=60.0)
    found = constant_current_lif(currents, until=60.0, **options)
    assert found.indices.tolist() == expected.indices.tolist()
    assert len(found) > 50
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-12)


def test_parameters_may_differ_between_values():
    currents = np.random.default_rng(3).uniform(1.0, 3.0, (2, 4))
    each = {"tau_mem": [5.0, 10.0, 20.0, 1.0], "threshold": [0.5, 1.0, 2.0, 1.0], "reset": [0.0, -1.0, 0.5, 0.9]}
    batch = constant_current_lif(currents, until=30.0, v_rest=0.1, shape=(4,), **each)
    for sample, spikes in zip(currents, batch, strict=True):
        for k, x in enumerate(sample):
            own = {name: values[k] for name, values in each.items()}
            alone = constant_current_lif([x], until=30.0, v_rest=0.1, **own)
            assert spikes.times[spikes.indices == k].tolist() == alone.times.tolist()


def test_parameters_take_the_shape_of_a_sample():
    tau = np.array([[5.0, 10.0], [20.0, 1.0]])
    image = np.full((2, 2), 2.0)
    shaped = constant_current_lif(image, until=9.0, tau_mem=tau, shape=(2, 2))
    assert shaped == constant_current_lif(image.ravel(), until=9.0, tau_mem=tau.ravel())


@given(x=st.floats(1.0001, 1e3), until=st.floats(0.1, 50.0), more=st.floats(1.0, 2.0))
@settings(max_examples=60)
def test_a_shorter_train_is_the_beginning_of_a_longer_one(x, until, more):
    short, long = (constant_current_lif([x], until=end, tau_mem=20.0).times for end in (until, until * more))
    assert short.tolist() == long[long < until].tolist()


def test_a_current_that_just_reaches_the_threshold_never_fires():
    assert len(constant_current_lif([1.0, np.nextafter(1.0, 0.0)], until=1e6, tau_mem=10.0)) == 0
    first = spike_latency_lif([np.nextafter(1.0, 2.0)], tau_mem=10.0)
    assert first.times.tolist() == [pytest.approx(10.0 * 52 * np.log(2.0), rel=1e-14)]


def test_the_end_is_half_open():
    time = spike_latency_lif([2.0], tau_mem=10.0).times[0]
    assert len(spike_latency_lif([2.0], tau_mem=10.0, until=time)) == 0
    assert len(spike_latency_lif([2.0], tau_mem=10.0, until=np.nextafter(time, 99.0))) == 1
    assert len(constant_current_lif([2.0], tau_mem=10.0, until=time)) == 0
    assert len(constant_current_lif([2.0], tau_mem=10.0, until=np.nextafter(time, 99.0))) == 1


@pytest.mark.parametrize("currents", [[1e300], [1.7e308] * 2, np.full((3, 2, 2), 1e13)])
def test_more_spikes_than_fit_are_refused_before_they_are_made(currents):
    with pytest.raises(errors.MemoryLimitError, match="earlier until="):
        constant_current_lif(currents, until=10.0, tau_mem=10.0)


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"until": 0.0}, errors.InvalidArgumentError, "until"),
        ({"until": np.inf}, errors.NonFiniteError, "until"),
        ({"tau_mem": 0.0}, errors.InvalidArgumentError, "tau_mem"),
        ({"tau_mem": [1.0, -1.0]}, errors.InvalidArgumentError, "tau_mem"),
        ({"tau_mem": [1.0, 1.0, 1.0]}, errors.ShapeMismatchError, "tau_mem"),
        ({"tau_mem": "10"}, errors.DTypeError, "tau_mem"),
        ({"tau_mem": np.nan}, errors.NonFiniteError, "tau_mem"),
        ({"threshold": 0.0}, errors.InvalidArgumentError, "above v_rest"),
        ({"v_init": 1.0}, errors.InvalidArgumentError, "above v_init"),
        ({"reset": 1.0}, errors.InvalidArgumentError, "above reset"),
        ({"reset": "zero"}, errors.InvalidArgumentError, "reset"),
        ({"threshold": 1.7e308, "v_init": -1.7e308}, errors.InvalidArgumentError, "finite"),
        ({"refractory": -1.0}, errors.InvalidArgumentError, "refractory"),
        ({"refractory": [1.0, 2.0]}, errors.DTypeError, "refractory"),
    ],
)
def test_parameters_outside_their_domain_are_refused(options, error, name):
    with pytest.raises(error, match=name):
        constant_current_lif([1.5, 2.0], **({"until": 10.0, "tau_mem": 10.0} | options))
