"""Noise currents: jumps against NumPy's Philox, the process against what is known of it, and spikes between jumps
against an oracle that is given the same jumps."""

import copy
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import oracle
import pytest

import evsim
from evsim import errors
from evsim.neurons import Alpha, Delta, Exponential, Linear

TAU = 5.0
QUIET = evsim.LIF(tau_mem=20.0, tau_syn=TAU, threshold=1e9)


def noisy(noise, neuron=QUIET, n=12, dtype="float64", port=None):
    net = evsim.SpikingNetwork(dtype=dtype, seed=4)
    net.add_population(n, neuron, name="a")
    net.add_drive("a", noise, port=port)
    return net


def on_grid(noise, n_jumps, variable="i", **options):
    """A variable of all neurons at the times of the first jumps, and half a step later to catch what rounding does."""
    net = noisy(noise, **options)
    probe = evsim.Probe("a", noise.dt * (np.arange(n_jumps) + 0.5), variable=variable)
    net.infer(until=noise.dt * n_jumps, record=probe)
    return probe.values


def normals(seed, number, sample, neuron, n_jumps):
    """What the jumps of a neuron draw, from NumPy's generator."""
    found = []
    for jump in range(n_jumps):
        # NumPy counts before it draws.
        counter = (jump + (neuron // 4 << 64) + (sample << 128) - 1) % 2**256
        bits = np.random.Philox(key=seed + (0x6472697665000000 + number << 64), counter=counter)
        words = bits.random_raw(4).tolist()
        for_length, for_angle = words[neuron % 4 // 2 * 2 : neuron % 4 // 2 * 2 + 2]
        length = math.sqrt(-2.0 * math.log(((for_length >> 11) + 1) * 2.0**-53))
        angle = 2.0 * math.pi * (for_angle >> 11) * 2.0**-53
        found.append(length * (math.sin(angle) if neuron % 2 else math.cos(angle)))
    return np.array(found)


def sizes(noise, neuron, n_jumps, tau=TAU, number=0, sample=0):
    """The jumps of one neuron."""
    mean, sigma = (float(np.broadcast_to(value, 12)[neuron]) for value in (noise.mean, noise.sigma))
    decay = math.exp(-noise.dt / tau)
    drawn = normals(noise.seed, number, sample, neuron, n_jumps)
    jumps = mean * (1.0 - decay) + sigma * math.sqrt(1.0 - decay**2) * drawn
    jumps[0] = mean + sigma * drawn[0]
    return jumps


@pytest.mark.parametrize("dt", [0.1, 3.0])
def test_jumps_are_those_of_numpys_philox(dt):
    noise = evsim.NoiseDrive(mean=np.linspace(-1.0, 2.0, 12), sigma=np.linspace(0.0, 1.0, 12), dt=dt, seed=77)
    found = on_grid(noise, 60)
    for neuron in range(12):
        current, expected = 0.0, []
        for size in sizes(noise, neuron, 60):
            current += size
            expected.append(current * math.exp(-0.5 * dt / TAU))
            current *= math.exp(-dt / TAU)
        np.testing.assert_allclose(found[:, neuron], expected, rtol=0, atol=1e-13)


def statistics(values, lag, scale):
    """(mean, variance, covariance at a lag) of independent trains in columns, each as standard errors off `scale`."""
    mean, sigma, correlation = scale
    centred = values - mean
    per_train = np.stack([centred.mean(0), (centred**2).mean(0), (centred[lag:] * centred[:-lag]).mean(0)])
    expected = np.array([0.0, sigma**2, sigma**2 * correlation])
    error = per_train.std(axis=1, ddof=1) / math.sqrt(values.shape[1])
    return (per_train.mean(axis=1) - expected) / error


@pytest.mark.parametrize("dt", [0.5, 10.0])
def test_mean_variance_and_autocovariance_are_those_of_an_ornstein_uhlenbeck_process(dt):
    """Of any step, from the beginning on. Five standard errors, taken from independent neurons."""
    noise, lag = evsim.NoiseDrive(mean=1.5, sigma=0.4, dt=dt, seed=3), 2
    net = noisy(noise, n=600)
    probe = evsim.Probe("a", dt * np.arange(100), variable="i")
    net.infer(until=100 * dt, record=probe)
    scale = 1.5, 0.4, math.exp(-lag * dt / TAU)
    assert np.abs(statistics(probe.values, lag, scale)).max() < 5
    first = probe.values[0]
    assert abs(first.mean() - 1.5) < 5 * 0.4 / math.sqrt(600)
    assert abs(first.std() / 0.4 - 1) < 5 / math.sqrt(1200)
    across = np.corrcoef(probe.values[:, :60].T)[np.triu_indices(60, 1)]
    assert abs(across.mean()) < 5 * across.std() / math.sqrt(60)


def test_a_step_of_euler_and_maruyama_would_be_noticed():
    rng, dt, decay = np.random.default_rng(1), 2.0, math.exp(-2.0 / TAU)
    current, values = 1.5 + 0.4 * rng.standard_normal(600), []
    for _ in range(100):
        values.append(current)
        current = current * decay + 1.5 * (1 - decay) + 0.4 * math.sqrt(2 * dt / TAU) * rng.standard_normal(600)
    assert np.abs(statistics(np.array(values), 2, (1.5, 0.4, decay**2))).max() > 20


def test_normals_have_the_moments_and_tails_of_a_normal_distribution():
    noise = evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=1.0, seed=8)
    values = on_grid(noise, 401, "v", neuron=evsim.IAFDelta(threshold=1e9), n=500)
    drawn = np.diff(values, axis=0).ravel()
    n = len(drawn)
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        spread = math.sqrt(math.prod(range(1, 2 * power, 2)) - moment**2)
        assert abs((drawn**power).mean() - moment) < 5 * spread / math.sqrt(n)
    for bound in (1.0, 2.0, 3.0):
        expected = math.erfc(bound / math.sqrt(2))
        assert abs((np.abs(drawn) > bound).mean() - expected) < 5 * math.sqrt(expected / n)


def test_where_weights_move_the_potential_it_is_a_wiener_process_with_drift():
    noise = evsim.NoiseDrive(mean=0.3, sigma=0.5, dt=0.25, seed=5)
    found = on_grid(noise, 50, "v", neuron=evsim.IAFDelta(threshold=1e9))
    assert not found[0].any()
    for neuron in (0, 5, 11):
        steps = 0.3 * 0.25 + 0.5 * math.sqrt(0.25) * normals(5, 0, 0, neuron, 50)[1:]
        np.testing.assert_allclose(found[1:, neuron], np.cumsum(steps), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("refractory", "reset"), [(0.0, "subtract"), (3.0, -0.2)])
def test_spikes_between_jumps_are_exact(refractory, reset):
    noise = evsim.NoiseDrive(mean=1.4, sigma=0.6, dt=0.7, seed=6)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=TAU, threshold=0.9, refractory=refractory, reset=reset)
    spikes = noisy(noise, neuron).infer(until=210.0)
    times = 0.7 * np.arange(300)
    p = oracle.LifParameters(threshold=0.9, refractory=refractory, reset=None if isinstance(reset, str) else reset)
    n_spikes = 0
    for k in (0, 1, 6, 11):
        expected = oracle.lif(oracle.Membrane(20.0, TAU), p, times, sizes(noise, k, 300), until=210.0)
        assert expected.certain_until == math.inf
        own = spikes.times[spikes.indices == k]
        np.testing.assert_allclose(own, [float(spike.time) for spike in expected.spikes], rtol=0, atol=1e-9)
        # They are not at the times of jumps.
        assert np.abs(own / 0.7 - np.round(own / 0.7)).max() > 0.2
        n_spikes += len(own)
    assert n_spikes > 20


def test_an_input_of_weight_0_changes_nothing():
    noise = evsim.NoiseDrive(mean=1.0, sigma=0.6, dt=0.7, seed=6)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=TAU, threshold=0.9, refractory=1.0)
    expected = noisy(noise, neuron).infer(until=200.0)
    net = noisy(noise, neuron)
    net.add_input(1, name="in")
    net.connect("in", "a", evsim.Dense(1, 12, weights=np.zeros((12, 1))))
    times = np.sort(np.random.default_rng(1).uniform(0.0, 200.0, 300))
    found = net.infer(np.zeros(300, int), times, until=200.0, start=0.0)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, rtol=0, atol=1e-9)
    assert len(found) > 20


def busy(n=200, dtype="float32"):
    noise = evsim.NoiseDrive(mean=np.linspace(0.5, 1.2, n), sigma=0.5, dt=0.3, seed=5)
    net = noisy(noise, evsim.LIF(tau_mem=20.0, tau_syn=TAU, threshold=0.9, refractory=2.0), n, dtype)
    net.add_drive("a", evsim.PoissonDrive(rate=0.5, weight=0.1, seed=1))
    net.connect("a", "a", evsim.Sparse.random(n, n, 0.1, seed=2, weights=-0.1), delay=1.7)
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_threads_copies_and_files_change_nothing(dtype, tmp_path):
    whole, before = busy(dtype=dtype).infer(until=150.0), evsim.num_threads()
    assert len(whole) > 200
    try:
        for threads in (1, 3):
            evsim.set_num_threads(threads)
            assert busy(dtype=dtype).infer(until=150.0) == whole
    finally:
        evsim.set_num_threads(before)
    net, parts = busy(dtype=dtype), []
    for end in (0.0, 0.3, 0.31, 40.0, 99.0, 100.0):
        parts += [net.infer(until=end, reset=end == 0.0)]
    evsim.save(net, tmp_path / "net")
    for again in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net):
        rest = again.infer(until=150.0, reset=False)
        np.testing.assert_array_equal(np.concatenate([part.times for part in [*parts, rest]]), whole.times)
    loaded = evsim.load(tmp_path / "net")
    assert loaded.infer(until=150.0) == whole
    assert loaded.drives[0][1].dt == 0.3


SAME_BITS = """
import hashlib
import numpy as np
import evsim
net = evsim.SpikingNetwork(dtype="float64")
net.add_population(50, evsim.IAFDelta(threshold=1.0, reset=0.0), name="clicks")
net.add_drive("clicks", evsim.PoissonDrive(rate=3.0, weight=1.0, seed=1))
net.add_population(50, evsim.IAFDelta(threshold=1e9), name="noisy")
net.add_drive("noisy", evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=0.1, seed=1))
probe = evsim.Probe("noisy", np.arange(100.0))
clicks = net.infer(until=100.0, outputs=["clicks"], record=probe)["clicks"]
print(len(clicks), hashlib.sha256(clicks.times.tobytes() + probe.values.tobytes()).hexdigest())
"""


def test_every_instruction_set_draws_the_same_bits():
    """Sums of jumps round alike everywhere."""
    found = {}
    for isa in ("avx512", "avx2", "baseline"):
        env = {**os.environ, "EVSIM_SIMD": isa}
        text = subprocess.run([sys.executable, "-c", SAME_BITS], env=env, capture_output=True, text=True)
        if text.returncode and "EVSIM_SIMD" in text.stderr:
            continue  # not on this machine
        assert text.returncode == 0, text.stderr
        found[isa] = text.stdout
    assert int(found["baseline"].split()[0]) > 10000
    assert set(found.values()) == {found["baseline"]}


def test_samples_seeds_and_starts():
    net = noisy(evsim.NoiseDrive(mean=1.0, sigma=0.6, dt=0.5, seed=6))
    net.add_input(1, name="in")
    net.connect("in", "a", evsim.Dense(1, 12, weights=np.zeros((12, 1))))
    probe = evsim.Probe("a", [5.0, 50.0], variable="i")
    net.infer([([0], [1.0]), ([0], [1.0])], until=60.0, record=probe)
    first, second = probe.values
    assert not np.isclose(first, second).any()
    drive = net.drives[0][1]
    for sample, value in enumerate((first[0, 3], second[0, 3])):
        jumps = sizes(drive, 3, 11, sample=sample)
        expected = sum(size * math.exp(-(5.0 - 0.5 * k) / TAU) for k, size in enumerate(jumps))
        assert value == pytest.approx(expected, abs=1e-12)
    # It begins where the sample does.
    late = evsim.Probe("a", [-95.0, -50.0], variable="i")
    net.infer([0], [1.0], start=-100.0, until=1.0, record=late)
    np.testing.assert_allclose(late.values, first, rtol=0, atol=1e-12)
    unseeded = [noisy(evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=1.0)) for _ in range(2)]
    assert unseeded[0].drives[0][1].seed == unseeded[1].drives[0][1].seed is not None  # both networks have the seed 4


def test_ports_and_time_constants_of_each_neuron():
    taus = np.linspace(2.0, 13.0, 12)
    cells = Linear(
        synapses={"slow": Exponential(taus), "jump": Delta(), "alpha": Alpha(2.0)}, tau_mem=20.0, threshold=1e9
    )
    noise = evsim.NoiseDrive(mean=1.0, sigma=0.5, dt=0.4, seed=9)
    for port in ("slow", 0):
        found = on_grid(noise, 40, "i_slow", neuron=cells, port=port)
        for neuron in (0, 7):
            jumps = sizes(noise, neuron, 40, taus[neuron])
            expected = sum(size * math.exp(-0.4 * (39.5 - k) / taus[neuron]) for k, size in enumerate(jumps))
            assert found[-1, neuron] == pytest.approx(expected, abs=1e-12)
    assert not on_grid(noise, 40, "v", neuron=cells, port="jump")[0].any()
    with pytest.raises(errors.UnsupportedError, match="'alpha' takes its input by Alpha"):
        noisy(noise, cells, port="alpha")
    with pytest.raises(errors.InvalidArgumentError, match="port"):
        noisy(noise, cells)


@pytest.mark.parametrize(
    ("neuron", "variable"),
    [
        (evsim.LI(tau_mem=20.0, tau_syn=TAU), "i"),
        (evsim.ALIF(tau_mem=20.0, tau_syn=TAU, tau_adaptation=50.0, jump=0.1, threshold=1e9), "i"),
        (evsim.MultiCompartmentLIF(tau_mem=[20.0, 10.0], tau_syn=TAU, coupling=np.zeros((2, 2)), threshold=1e9), None),
        (evsim.ExpLIF(tau_mem=20.0, tau_syn=TAU, v_peak=0.0), "i"),
    ],
    ids=["LI", "ALIF", "compartments", "ExpLIF"],
)
def test_every_model_with_exponential_currents(neuron, variable):
    noise = evsim.NoiseDrive(mean=0.3, sigma=0.2, dt=0.5, seed=9)
    port = "dendrite_1" if variable is None else None
    found = on_grid(noise, 30, variable or "i_dendrite_1", neuron=neuron, port=port)
    expected = sum(size * math.exp(-0.5 * (29.5 - k) / TAU) for k, size in enumerate(sizes(noise, 2, 30)))
    assert found[-1, 2] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    "neuron",
    [
        evsim.COBALIF(),
        evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0),
        evsim.SRMAlpha(tau_syn=10.0, tau_refractory=1.0, threshold=10.0),
        evsim.ResonateAndFire(tau=20.0, omega=0.5),
        evsim.LinearLeakIF(threshold=1.0, leak=0.1),
        evsim.Loihi(),
    ],
    ids=lambda neuron: type(neuron).__name__,
)
def test_other_models_refuse_it(neuron):
    with pytest.raises(errors.UnsupportedError, match="exponential current"):
        noisy(evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=0.1), neuron)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"mean": math.nan}, errors.NonFiniteError, "mean must be finite"),
        ({"mean": "1"}, errors.DTypeError, "mean"),
        ({"mean": [[1.0]]}, errors.ShapeMismatchError, "mean"),
        ({"sigma": -1.0}, errors.InvalidArgumentError, "sigma must not be negative"),
        ({"sigma": [0.1, math.inf]}, errors.NonFiniteError, "sigma"),
        ({"sigma": True}, errors.DTypeError, "sigma"),
        ({"dt": 0.0}, errors.InvalidArgumentError, "dt"),
        ({"dt": -0.1}, errors.InvalidArgumentError, "dt"),
        ({"dt": math.nan}, errors.EvsimError, "dt"),
        ({"dt": math.inf}, errors.EvsimError, "dt"),
        ({"dt": "0.1"}, errors.DTypeError, "dt"),
        ({"seed": -1}, errors.InvalidArgumentError, "seed"),
        ({"seed": 0.5}, errors.DTypeError, "seed"),
    ],
)
def test_wrong_noise(changes, error, said):
    with pytest.raises(error, match=said):
        evsim.NoiseDrive(**{"mean": 0.0, "sigma": 1.0, "dt": 0.1} | changes)


def test_noise_that_does_not_fit_is_refused_and_leaves_nothing():
    net = evsim.SpikingNetwork()
    net.add_population(3, QUIET, name="a")
    net.add_population(3, evsim.ExpLIF(tau_syn=math.inf), name="stays")
    for target, noise, error, said in (
        ("a", evsim.NoiseDrive(mean=[0.0, 1.0], sigma=1.0, dt=0.1), errors.ShapeMismatchError, "mean is of 2 neurons"),
        ("a", evsim.NoiseDrive(mean=0.0, sigma=[1.0] * 4, dt=0.1), errors.ShapeMismatchError, "sigma is of 4 neurons"),
        ("stays", evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=0.1), errors.InvalidArgumentError, "infinite"),
    ):
        with pytest.raises(error, match=said):
            net.add_drive(target, noise)
    assert net.drives == ()
    net.add_drive("a", evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=1e-300))
    with pytest.raises(errors.InvalidArgumentError, match="too high a rate"):
        net.infer(until=1.0)
    with pytest.raises(errors.InvalidArgumentError, match="driven for ever; give until="):
        net.infer()


def test_steps_that_rounding_loses_are_named():
    net = noisy(evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=1e-18), n=1)
    with pytest.raises(errors.InvalidArgumentError, match="too short for times as late"):
        net.infer(start=1e9, until=1e9 + 1e-7)


def test_a_damaged_state_is_refused():
    net = noisy(evsim.NoiseDrive(mean=0.0, sigma=1.0, dt=0.1))
    net.infer(until=5.0)
    uneven = np.full(12, 50)
    uneven[3] = 49
    for name, value, error in (
        ("drive_times", np.full(12, math.inf), errors.NonFiniteError),
        ("drive_times", np.arange(12.0), errors.InvalidArgumentError),
        ("drive_counts", np.full(12, -1), errors.InvalidArgumentError),
        ("drive_counts", uneven, errors.InvalidArgumentError),
    ):
        description = net.to_description(state=True)
        (state,) = description.state["states"]["a"]
        state[name] = value
        with pytest.raises(error):
            evsim.SpikingNetwork.from_description(description)
