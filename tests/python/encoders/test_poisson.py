"""What a Poisson train depends on, and on nothing else: its rate, the seed, its place and its sample."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.encoders import poisson, poisson_processes, poisson_step, signed_poisson

RATES = np.random.default_rng(0).gamma(0.5, 1.0, (4, 3, 5))


def train(spikes, index):
    return spikes.times[spikes.indices == index].tolist()


def by_numpy(rate, until, seed, value, sample, refractory=0.0, step=0):
    """The documented formula, number by number, from NumPy's own generator."""
    source = np.random.Philox(key=seed, counter=[0, step, value, sample])
    total, times = 0.0, []
    while True:
        total -= math.log1p(-((source.random_raw() >> 11) * 2.0**-53))
        time = total / rate + len(times) * refractory
        if time >= until:
            return times
        times.append(time)


@pytest.mark.parametrize("refractory", [0.0, 0.4])
@pytest.mark.parametrize("seed", [0, 7, 2**64, 2**128 - 1])
def test_the_documented_formula(seed, refractory):
    batch = poisson(RATES, until=30.0, seed=seed, refractory=refractory)
    n = 0
    for sample, spikes in enumerate(batch):
        for value, rate in enumerate(RATES[sample].ravel()):
            expected = by_numpy(rate, 30.0, seed, value, sample, refractory)
            np.testing.assert_allclose(train(spikes, value), expected, rtol=1e-13)
            n += len(expected)
    assert n == sum(map(len, batch)) > 500


def test_a_value_does_not_know_its_neighbours():
    image = RATES[0].ravel()
    spikes = poisson(image, until=50.0, seed=3)
    for value in range(image.size):
        alone = np.zeros(200)
        alone[value] = image[value]
        assert train(poisson(alone, until=50.0, seed=3), value) == train(spikes, value)
        alone[:] = 9.0
        alone[value] = image[value]
        assert train(poisson(alone, until=50.0, seed=3), value) == train(spikes, value)


def test_a_sample_is_the_same_in_every_batch():
    whole = poisson(RATES, until=20.0, seed=3)
    order = [2, 0, 3]
    assert poisson(RATES[order], until=20.0, seed=3, samples=order) == [whole[k] for k in order]
    assert poisson(RATES[1], until=20.0, seed=3, samples=1, shape=(3, 5)) == whole[1]
    assert poisson(RATES[0], until=20.0, seed=3, shape=(3, 5)) == whole[0]
    far = poisson(RATES[:1], until=20.0, seed=3, samples=[2**63 - 1])[0]
    assert far != whole[0]
    assert len(far) > 10


def test_shapes_do_not_matter():
    flat = poisson(RATES.reshape(4, 15), until=20.0, seed=3, shape=(15,))
    assert flat == poisson(RATES, until=20.0, seed=3)


@pytest.mark.parametrize("draws", [4, 12, 1000])
def test_the_size_of_pieces_does_not_matter(monkeypatch, draws):
    expected = poisson(RATES, until=60.0, seed=4, refractory=0.1)
    monkeypatch.setattr(poisson_processes, "_DRAWS_AT_ONCE", draws)
    assert poisson(RATES, until=60.0, seed=4, refractory=0.1) == expected


def test_threads_do_not_matter():
    before = evsim.num_threads()
    expected = [poisson(RATES, until=60.0, seed=k) for k in range(8)]
    try:
        for n in (1, 2):
            evsim.set_num_threads(n)
            with ThreadPoolExecutor(4) as pool:
                found = list(pool.map(lambda seed: poisson(RATES, until=60.0, seed=seed), range(8)))
            assert found == expected
    finally:
        evsim.set_num_threads(before)


def test_a_shorter_train_is_the_beginning_of_a_longer_one():
    short, long = (poisson(RATES[0], until=end, seed=5, shape=(3, 5)) for end in (7.0, 70.0))
    assert short == long.time_slice(0.0, 7.0)
    assert 0 < len(short) < len(long)


def test_twice_the_rate_is_the_same_train_twice_as_fast():
    slow = poisson(RATES[0], until=30.0, seed=5, shape=(3, 5))
    fast = poisson(2 * RATES[0], until=15.0, seed=5, shape=(3, 5))
    assert slow.indices.tolist() == fast.indices.tolist()
    assert slow.times.tolist() == (2 * fast.times).tolist()


def test_without_a_seed_the_shared_generator_gives_one():
    evsim.random.set_seed(11)
    first, second = poisson([1.0], until=50.0), poisson([1.0], until=50.0)
    evsim.random.set_seed(11)
    assert poisson([1.0], until=50.0) == first != second


def test_step_0_is_the_process_and_the_others_are_their_own():
    steps = [poisson_step(RATES, dt=5.0, step=k, seed=6) for k in range(3)]
    assert steps[0] == poisson(RATES, until=5.0, seed=6)
    for value, rate in enumerate(RATES[2].ravel()):
        expected = [10.0 + t for t in by_numpy(rate, 5.0, 6, value, 2, step=2)]
        np.testing.assert_allclose(train(steps[2][2], value), expected, rtol=1e-13)


@pytest.mark.parametrize("dt", [0.1, 1 / 3, 1e-3, 7.0])
def test_every_spike_lies_in_its_step(dt):
    """Also where its sum with the beginning of the step rounds up to the end."""
    for step in (0, 1, 12345, 2**40 + 1):
        spikes = poisson_step(np.full(50, 10.0 / dt), dt=dt, step=step, seed=1)
        assert len(spikes) > 300
        assert spikes.times.min() >= step * dt
        assert spikes.times.max() < (step + 1) * dt


def test_steps_feed_a_network_as_a_stream():
    net = evsim.SpikingNetwork(seed=1, dtype="float64")
    net.add_layer(evsim.Dense(15, 4), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.3))
    rates = RATES[0].ravel()
    steps = [poisson_step(rates, dt=0.1, step=k, seed=2) for k in range(300)]
    whole = net.infer(evsim.SpikeArray().merge(*steps), until=30.0)
    pieces = [net.infer(s, until=(k + 1) * 0.1, reset=k == 0) for k, s in enumerate(steps)]
    assert evsim.SpikeArray().merge(*pieces) == whole.time_slice(stop=300 * 0.1)
    assert len(whole) > 10


def test_signs_go_into_channels_and_times_stay():
    rates = RATES * np.random.default_rng(1).choice([-1.0, 1.0, 0.0], RATES.shape)
    batch = signed_poisson(rates, until=20.0, seed=3, refractory=0.2)
    plain = poisson(np.abs(rates), until=20.0, seed=3, refractory=0.2)
    for one, same, signs in zip(batch, plain, rates, strict=True):
        assert one.shape == (2, 3, 5)
        channel, y, x = one.coordinates()
        np.testing.assert_array_equal(channel, signs[y, x] > 0)
        assert one.times.tolist() == same.times.tolist()
        assert (one.indices % 15).tolist() == same.indices.tolist()


def test_silent_and_very_slow_values():
    assert len(poisson(np.zeros(5), until=1e300, seed=1)) == 0
    assert len(poisson([5e-324, 1e-310, 0.0], until=1.0, seed=1)) == 0


@pytest.mark.parametrize(
    ("rates", "options"), [([1e300], {}), ([1.7e308] * 3, {}), (np.full(1000, 1e6), {}), ([1.0], {"until": 1e300})]
)
def test_more_spikes_than_fit_are_refused_before_they_are_made(rates, options):
    with pytest.raises(errors.MemoryLimitError, match="shorter window"):
        poisson(rates, **({"until": 10.0, "seed": 1} | options))


def test_dead_time_bounds_the_number_of_spikes():
    spikes = poisson([1e9], until=10.0, seed=1, refractory=1.0)
    assert len(spikes) == 10
    np.testing.assert_allclose(spikes.times, np.arange(10.0), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"until": 0.0}, errors.InvalidArgumentError, "until"),
        ({"until": np.inf}, errors.NonFiniteError, "until"),
        ({"seed": -1}, errors.InvalidArgumentError, "seed"),
        ({"seed": 2**128}, errors.InvalidArgumentError, "seed"),
        ({"seed": 1.5}, errors.DTypeError, "seed"),
        ({"refractory": -0.1}, errors.InvalidArgumentError, "refractory"),
        ({"samples": -1}, errors.InvalidArgumentError, "samples"),
        ({"samples": 2**63}, errors.InvalidArgumentError, "samples"),
        ({"samples": 1.0}, errors.DTypeError, "samples"),
        ({"samples": [0]}, errors.ShapeMismatchError, "samples"),
    ],
)
def test_parameters_outside_their_domain_are_refused(options, error, name):
    for encoder in (poisson, signed_poisson):
        with pytest.raises(error, match=name):
            encoder([1.0], **({"until": 10.0, "seed": 1} | options))


def test_negative_rates_need_the_signed_encoder():
    for encode in (lambda r: poisson(r, until=1.0), lambda r: poisson_step(r, dt=1.0)):
        with pytest.raises(errors.InvalidArgumentError, match="signed_poisson"):
            encode([1.0, -0.5])


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"dt": 0.0}, errors.InvalidArgumentError, "dt"),
        ({"step": -1}, errors.InvalidArgumentError, "step"),
        ({"step": 0.5}, errors.DTypeError, "step"),
        ({"step": 2**63}, errors.InvalidArgumentError, "step"),
        ({"step": 2**62, "dt": 1.0}, errors.InvalidArgumentError, "one time"),
        ({"step": 10, "dt": 1e308}, errors.InvalidArgumentError, "one time"),
    ],
)
def test_steps_outside_their_domain_are_refused(options, error, name):
    with pytest.raises(error, match=name):
        poisson_step([1e-310], **({"dt": 1.0, "seed": 1} | options))
