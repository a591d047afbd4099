"""External drive: Poisson processes against what is known of them, and against the same arrivals given as spikes."""

import copy
import math
import pickle

import numpy as np
import pytest
from machines import on_cpu

import evsim
from evsim import errors

N, END = 40, 150.0
SILENT = evsim.LIFDelta(tau_mem=20.0, threshold=1e12)


def driven(drive, neuron=SILENT, n=N, dtype="float64", port=None, **options):
    net = evsim.SpikingNetwork(dtype=dtype, seed=4, **options)
    net.add_population(n, neuron, name="a")
    net.add_drive("a", drive, port=port)
    return net


def clicks(drive, n=N, until=END, parts=1, threads=None):
    """Every arrival of a drive whose weight makes each a spike."""
    net = driven(drive, evsim.IAFDelta(threshold=1.0, reset=0.0), n)
    found = [net.infer(until=until * (k + 1) / parts, reset=k == 0) for k in range(parts)]
    return [np.concatenate([piece.times[piece.indices == neuron] for piece in found]) for neuron in range(n)]


def same(one, other):
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def philox_intervals(seed, number, sample, neuron, n):
    """The drive's intervals from NumPy's generator."""
    key = (seed, 0x6472697665000000 + number)
    words = []
    for block in range(-(-n // 4)):
        # NumPy counts before it draws.
        counter = (block + (neuron << 64) + (sample << 128) - 1) % 2**256
        bits = np.random.Philox(key=key[0] + (key[1] << 64), counter=counter)
        words.extend(bits.random_raw(4).tolist())
    return [-math.log(((word >> 11) + 1) * 2.0**-53) for word in words[:n]]


@pytest.mark.parametrize("neuron", [0, 3, 39])
def test_intervals_are_those_of_numpys_philox(neuron):
    found = clicks(evsim.PoissonDrive(rate=0.8, weight=1.0, seed=77))[neuron]
    assert len(found) > 50
    time, expected = 0.0, []
    for interval in philox_intervals(77, 0, 0, neuron, len(found)):
        time += interval / 0.8
        expected.append(time)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_counts_and_intervals_are_those_of_a_poisson_process():
    """Five standard errors; and a clock of the same rate fails."""
    n, rate, until = 400, 2.0, 200.0
    found = clicks(evsim.PoissonDrive(rate=rate, weight=1.0, seed=2), n, until)
    counts = np.array([len(times) for times in found])
    expected = rate * until
    assert abs(counts.mean() - expected) < 5 * math.sqrt(expected / n)
    # The variance of a sample of n Poisson counts has a standard error of about m sqrt((2 + 1 / m) / n).
    assert abs(counts.var() - expected) < 5 * expected * math.sqrt((2 + 1 / expected) / n)
    intervals = np.concatenate([np.diff(times) for times in found])
    assert abs(intervals.mean() - 1 / rate) < 5 / rate / math.sqrt(len(intervals))
    assert abs(np.mean(intervals < math.log(2) / rate) - 0.5) < 5 * 0.5 / math.sqrt(len(intervals))
    pairs = np.concatenate([np.diff(times)[:-1] * np.diff(times)[1:] for times in found])
    assert abs(pairs.mean() * rate**2 - 1) < 5 * math.sqrt(3 / len(pairs)) * 1.5
    clock = np.arange(1, int(expected) + 1) / rate
    assert abs(np.mean(np.diff(clock) < math.log(2) / rate) - 0.5) > 0.4
    between = np.corrcoef(np.array([np.histogram(times, 50, (0, until))[0] for times in found[:40]]))
    assert abs(between[np.triu_indices(40, 1)].mean()) < 5 / math.sqrt(50 * 780)


def test_a_rate_that_changes_follows_its_integral():
    times, rate = [10.0, 40.0, 90.0], [3.0, 0.0, 0.5]
    found = np.concatenate(clicks(evsim.PoissonDrive(rate=rate, weight=1.0, times=times, seed=9), 300))
    edges, n = [0.0, 10.0, 40.0, 90.0, END], 300
    counts = np.histogram(found, edges)[0]
    expected = n * np.array([0.0, 90.0, 0.0, 30.0])
    assert counts[0] == counts[2] == 0
    assert np.all(np.abs(counts - expected) <= 5 * np.sqrt(expected))
    # Within a piece the process is even.
    inside = found[(found > 10.0) & (found < 40.0)]
    assert abs(inside.mean() - 25.0) < 5 * 30 / math.sqrt(12 * len(inside))


def test_rates_and_weights_of_each_neuron_and_sources_together():
    rates = np.linspace(0.0, 4.0, N)
    counts = [len(times) for times in clicks(evsim.PoissonDrive(rate=rates, weight=1.0, seed=1))]
    assert counts[0] == 0
    assert np.all(np.abs(counts - rates * END) <= 5 * np.sqrt(rates * END))
    assert same(
        clicks(evsim.PoissonDrive(rate=0.25, weight=1.0, n_sources=8, seed=1)),
        clicks(evsim.PoissonDrive(rate=2.0, weight=1.0, seed=1)),
    )
    weights = np.arange(N, dtype=float)
    net = driven(evsim.PoissonDrive(rate=1.0, weight=weights, seed=3), evsim.IAFDelta(threshold=1e12))
    probe = evsim.Probe("a", [END])
    net.infer(until=END, record=probe)
    counts = [len(times) for times in clicks(evsim.PoissonDrive(rate=1.0, weight=1.0, seed=3))]
    np.testing.assert_allclose(probe.values.ravel(), weights * counts)


@on_cpu
def test_the_same_arrivals_given_as_spikes_do_the_same(machine):
    """A driven network against one that hears the drive's own arrivals from an input."""
    drive = evsim.PoissonDrive(rate=0.7, weight=1.0, seed=6)
    arrivals = clicks(drive)
    indices = np.repeat(np.arange(N), [len(times) for times in arrivals])
    times = np.concatenate(arrivals)
    order = np.lexsort((indices, times))
    given = evsim.SpikeArray(indices[order], times[order])
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=2.0)
    back = evsim.Sparse.random(N, N, 0.2, seed=8, weights=-0.1)
    delay = np.random.default_rng(1).uniform(1.0, 3.0, back.n_synapses)
    one = driven(evsim.PoissonDrive(rate=0.7, weight=0.3, seed=6), neuron, dtype=machine.dtype)
    one.connect("a", "a", back, delay=delay)
    other = machine.network()
    other.add_layer(evsim.Sparse.one_to_one(N, weights=0.3), neuron, name="a")
    other.connect("a", "a", back, delay=delay)
    expected = other.infer(given, until=END)
    found = one.infer(until=END, outputs=["a"])["a"]
    assert len(expected) > 100
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.times, expected.times)


def test_pieces_threads_copies_and_files_change_nothing(tmp_path):
    drive = evsim.PoissonDrive(rate=[[0.5], [3.0]], weight=1.0, times=[0.0, 70.0], seed=5)
    n, before = 200, evsim.num_threads()
    drive = evsim.PoissonDrive(rate=np.repeat(drive.rate, n, axis=1), weight=1.0, times=[0.0, 70.0], seed=5)
    whole = clicks(drive, n)
    assert same(clicks(drive, n, parts=13), whole)
    try:
        evsim.set_num_threads(1)
        assert same(clicks(drive, n), whole)
        evsim.set_num_threads(3)
        assert same(clicks(drive, n), whole)
    finally:
        evsim.set_num_threads(before)
    net = driven(drive, evsim.IAFDelta(threshold=1.0, reset=0.0), n)
    evsim.save(net, tmp_path / "net")
    first = net.infer(until=60.0)
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net):
        rest = again.infer(until=END, reset=False)
        times = np.concatenate([first.times, rest.times])
        np.testing.assert_array_equal(np.sort(times), np.sort(np.concatenate(whole)))
    loaded = evsim.load(tmp_path / "net").infer(until=END)
    np.testing.assert_array_equal(loaded.times, np.sort(np.concatenate(whole)))


@pytest.mark.parametrize("noise", [False, True])
def test_many_spikes_on_their_way_to_driven_neurons_lose_no_arrival(noise):
    """More than are sorted at once, which are put on their way at times before those of the drive."""
    n, spikes = 300, []
    for connected in (False, True):
        net = driven(evsim.PoissonDrive(rate=3.0, weight=1.0, seed=5), evsim.IAFDelta(threshold=2.0, reset=0.0), n)
        if noise:
            net.add_drive("a", evsim.NoiseDrive(mean=0.0, sigma=0.1, dt=0.1, seed=5))
        if connected:
            back = evsim.Sparse.random(n, n, 1.0, seed=1, weights=0.0)
            net.connect("a", "a", back, delay=np.random.default_rng(1).uniform(1.0, 2.0, back.n_synapses))
        spikes.append(net.infer(until=20.0))
    assert len(spikes[0]) > 0.4 * 3.0 * n * 20.0
    np.testing.assert_array_equal(spikes[1].indices, spikes[0].indices)
    np.testing.assert_array_equal(spikes[1].times, spikes[0].times)


def test_samples_of_a_batch_and_drives_of_a_network_are_independent():
    net = driven(evsim.PoissonDrive(rate=1.0, weight=1.0, seed=5), evsim.IAFDelta(threshold=1.0, reset=0.0))
    source = net.add_input(1, name="in")
    net.connect(source, "a", evsim.Sparse(1, N, [0], [0], weights=0.0))
    first, second = net.infer([([0], [1.0]), ([0], [1.0])], until=END)
    assert first == net.infer([0], [1.0], until=END)
    assert not np.isin(first.times, second.times).any()
    net.add_drive("a", evsim.PoissonDrive(rate=1.0, weight=1.0, seed=5))
    both = net.infer([0], [1.0], until=END)
    assert np.isin(first.times, both.times).all()
    assert abs(len(both) - 2 * N * END) < 5 * math.sqrt(2 * N * END)


def test_a_seed_is_drawn_once_and_kept():
    nets = [driven(evsim.PoissonDrive(rate=1.0, weight=1.0), evsim.IAFDelta(threshold=1.0)) for _ in range(2)]
    ((population, drive, port),) = nets[0].drives
    assert (population.name, port) == ("a", 0)
    assert drive.seed is not None
    assert nets[0].infer(until=50.0) == nets[1].infer(until=50.0)  # both networks have the seed 4
    assert pickle.loads(pickle.dumps(nets[0])).drives[0][1].seed == drive.seed


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"rate": -1.0, "weight": 1.0}, errors.InvalidArgumentError, "rate must not be negative"),
        ({"rate": math.nan, "weight": 1.0}, errors.NonFiniteError, "rate must be finite"),
        ({"rate": 1.0, "weight": math.inf}, errors.NonFiniteError, "weight must be finite"),
        ({"rate": "1", "weight": 1.0}, errors.DTypeError, "rate"),
        ({"rate": True, "weight": 1.0}, errors.DTypeError, "rate"),
        ({"rate": 1.0, "weight": [[1.0]]}, errors.ShapeMismatchError, "weight"),
        ({"rate": [[1.0]], "weight": 1.0}, errors.ShapeMismatchError, "times="),
        ({"rate": [1.0, 2.0], "weight": 1.0, "times": [0.0]}, errors.ShapeMismatchError, "n_times = 1"),
        ({"rate": [1.0, 2.0], "weight": 1.0, "times": [1.0, 1.0]}, errors.InvalidArgumentError, "ascend"),
        ({"rate": 1.0, "weight": 1.0, "times": []}, errors.InvalidArgumentError, "at least one"),
        ({"rate": 1.0, "weight": 1.0, "n_sources": 0}, errors.InvalidArgumentError, "n_sources"),
        ({"rate": 1.0, "weight": 1.0, "n_sources": 1.5}, errors.DTypeError, "n_sources"),
        ({"rate": 1.0, "weight": 1.0, "seed": -1}, errors.InvalidArgumentError, "seed"),
        ({"rate": 1.0, "weight": 1.0, "seed": 2**64}, errors.InvalidArgumentError, "seed"),
    ],
)
def test_wrong_drives(arguments, error, said):
    with pytest.raises(error, match=said):
        evsim.PoissonDrive(**arguments)


def test_drives_that_do_not_fit_are_refused_and_leave_nothing():
    net = evsim.SpikingNetwork()
    pixels = net.add_input((1, 5, 5))
    net.add_layer(evsim.Conv2d(1, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0), source=pixels, name="image")
    net.add_population(3, SILENT, name="a")
    drive = evsim.PoissonDrive(rate=1.0, weight=1.0)
    for arguments, error, said in (
        (("b", drive), errors.IndexOutOfRangeError, "no 'b'"),
        (("a", 1.0), errors.DTypeError, "PoissonDrive"),
        (("a", evsim.PoissonDrive(rate=[1.0, 2.0], weight=1.0)), errors.ShapeMismatchError, "rate is of 2 neurons"),
        (("a", evsim.PoissonDrive(rate=1.0, weight=[1.0] * 4)), errors.ShapeMismatchError, "weight is of 4 neurons"),
        (("a", evsim.PoissonDrive(rate=1e308, weight=1.0, n_sources=100)), errors.NonFiniteError, "finite together"),
        ((net.inputs[0], drive), errors.InvalidArgumentError, "no neurons"),
    ):
        with pytest.raises(error, match=said):
            net.add_drive(*arguments)
    with pytest.raises(errors.InvalidArgumentError, match="port"):
        net.add_drive("a", drive, port=1)
    assert net.drives == ()
    net.infer([0], [0.0])
    net.add_drive("a", drive)
    with pytest.raises(errors.InvalidArgumentError, match="driven for ever; give until="):
        net.infer([0], [0.0])
    net.infer([0], [0.0], until=10.0)


def test_driven_neurons_take_a_convolution():
    """Before the drive or after it, as the same weights one by one."""
    ones = np.zeros((9, 5, 5))
    for n in range(9):
        ones[n, n // 3 : n // 3 + 3, n % 3 : n % 3 + 3] = 0.4
    matrix = evsim.Sparse.from_matrix(ones.reshape(9, 25))
    image = evsim.Conv2d(1, 3, in_shape=(1, 5, 5), weights=np.full((1, 1, 3, 3), 0.4))
    found = []
    for connection, drive_first in ((image, True), (image, False), (matrix, True)):
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_input((1, 5, 5), name="in")
        net.add_population((1, 3, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.4), name="a")
        if drive_first:
            net.add_drive("a", evsim.PoissonDrive(rate=1.0, weight=0.5, seed=2))
        net.connect("in", "a", connection)
        if not drive_first:
            net.add_drive("a", evsim.PoissonDrive(rate=1.0, weight=0.5, seed=2))
        found.append(net.infer(np.arange(25), np.arange(25.0), until=40.0))
    assert len(found[0]) > 50
    for other in found[1:]:
        np.testing.assert_array_equal(other.indices, found[0].indices)
        np.testing.assert_allclose(other.times, found[0].times, rtol=0.0, atol=1e-9)


def test_a_damaged_state_is_refused():
    net = driven(evsim.PoissonDrive(rate=1.0, weight=1.0))
    net.infer(until=5.0)
    for name, value, error in (
        ("drive_times", np.zeros(N - 1), errors.ShapeMismatchError),
        ("drive_times", np.full(N, math.nan), errors.NonFiniteError),
        ("drive_counts", np.zeros(N, np.int64), errors.InvalidArgumentError),
    ):
        description = net.to_description(state=True)
        (state,) = description.state["states"]["a"]
        state[name] = value
        with pytest.raises(error):
            evsim.SpikingNetwork.from_description(description)


def test_a_rate_without_end_is_named_and_does_not_hang():
    net = driven(evsim.PoissonDrive(rate=1e300, weight=1.0), n=1)
    with pytest.raises(errors.InvalidArgumentError, match="too high a rate"):
        net.infer(until=1.0)
