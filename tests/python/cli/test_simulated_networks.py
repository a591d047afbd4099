"""Published networks, against what their papers say about them, and the commands that run them."""

import math
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import evsim
from evsim.cli import main as cli
from evsim.cli.microcircuit import NAMES, PROBABILITIES, SIZES, potjans_diesmann, synapse_numbers
from evsim.cli.networks import brunel, vogels_abbott
from evsim.io import read_spikes

pytest.importorskip("matplotlib")
EXTERNAL = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
PUBLISHED_RATES = np.array([0.86, 2.80, 4.45, 5.93, 7.59, 8.64, 1.09, 7.88])


@pytest.fixture
def run(monkeypatch):
    threads = evsim.num_threads()
    for console in (cli.console, cli.errors):
        monkeypatch.setattr(console, "_width", 200)
    yield lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in ("simulate", *arguments)])
    evsim.set_num_threads(threads)


def synapses_of(circuit):
    (projection,) = circuit.network.projections
    connection = projection.connection
    return connection.sources, connection.targets, np.asarray(projection.weights), np.asarray(projection.delays)


def rates_of_groups(circuit, until, skip):
    spikes = circuit.network.infer(until=until).time_slice(skip, until)
    counts = np.bincount(spikes.indices, minlength=circuit.n_neurons)
    sizes = np.array(list(circuit.groups.values()))
    return np.add.reduceat(counts, np.cumsum(sizes) - sizes) / sizes / (until - skip) * 1e3


def mean_field_rate(g, eta):
    """Rate in Hz that the diffusion approximation predicts (Brunel 2000, eqs. 4, 5 and 21), found by bisection."""
    tau, threshold, refractory, jump, excitatory, inhibitory = 20.0, 20.0, 2.0, 0.2, 400, 100
    external = eta * threshold / (jump * tau)

    def response(rate):
        mean = tau * jump * (excitatory * rate + external - g * inhibitory * rate)
        spread = jump * math.sqrt(tau * (excitatory * rate + external + g * g * inhibitory * rate))
        u = np.linspace(-mean / spread, (threshold - mean) / spread, 2001)
        values = np.array([math.exp(x * x) * math.erfc(-x) for x in u.tolist()])
        integral = (u[1] - u[0]) * (values[1:] + values[:-1]).sum() / 2
        return 1 / (refractory + tau * math.sqrt(math.pi) * integral)

    low, high = 1e-4, 0.4
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if response(middle) > middle else (low, middle)
    return low * 1e3


def test_neurons_of_brunel_have_the_degrees_and_weights_of_their_scale():
    circuit = brunel(0.1, g=4.5)
    sources, targets, weights, delays = synapses_of(circuit)
    excites = sources < 400
    assert circuit.groups == {"excitatory": 400, "inhibitory": 100}
    assert circuit.n_synapses == len(sources) == 500 * (40 + 10)
    assert np.all(np.bincount(targets[excites]) == 40)
    assert np.all(np.bincount(targets[~excites]) == 10)
    np.testing.assert_allclose(weights, np.where(excites, 2.0, -9.0), rtol=1e-7)
    assert np.all(delays == 1.5)


@pytest.mark.parametrize(("g", "eta"), [(5.0, 2.0), (6.0, 3.0)])
def test_the_rate_of_brunel_is_that_of_mean_field_theory(g, eta):
    """Good to some percent, as a jump is a hundredth of the threshold, and spike trains are no Poisson processes."""
    rates = rates_of_groups(brunel(g=g, eta=eta), 150.0, 50.0)
    np.testing.assert_allclose(rates, mean_field_rate(g, eta), rtol=0.05)


def test_half_the_threshold_rate_leaves_brunel_almost_silent():
    assert rates_of_groups(brunel(eta=0.5), 100.0, 20.0).max() < 0.2


@pytest.mark.parametrize("scale", [0.25, 1.0])
def test_neurons_of_vogels_abbott_hear_80_others_at_every_scale(scale):
    circuit = vogels_abbott(scale)
    n = circuit.n_neurons
    expected, deviation = n * 80, math.sqrt(n * 80 * (1 - 80 / n))
    assert n == 4000 * scale
    assert abs(circuit.n_synapses - expected) < 5 * deviation
    sources = [projection.connection.sources for projection in circuit.network.projections]
    assert sources[0].max() < 0.8 * n <= sources[1].min()


def test_vogels_abbott_keeps_itself_busy_at_its_published_rate():
    """5.7 Hz of 4000 neurons, in Brian2 and NEST likewise; over 200 ms they vary by some tenths of it."""
    np.testing.assert_allclose(rates_of_groups(vogels_abbott(), 250.0, 50.0), 5.7, rtol=0.2)


def test_numbers_of_synapses_give_pairs_the_published_probabilities():
    pairs = np.outer(SIZES, SIZES)
    numbers = synapse_numbers(1.0)
    at_least_one = -np.expm1(numbers * np.log1p(-1 / pairs))
    np.testing.assert_allclose(at_least_one, PROBABILITIES, atol=1 / pairs.min())
    assert 2.98e8 < numbers.sum() < 3.0e8


def test_the_microcircuit_has_these_synapses_between_its_populations():
    circuit = potjans_diesmann(0.05)
    sources, targets, weights, delays = synapses_of(circuit)
    ends = np.cumsum(list(circuit.groups.values()))
    pair = 8 * np.searchsorted(ends, targets, "right") + np.searchsorted(ends, sources, "right")
    counts = np.bincount(pair, minlength=64).reshape(8, 8)
    assert list(circuit.groups) == list(NAMES)
    np.testing.assert_array_equal(counts, synapse_numbers(0.05))

    means = np.bincount(pair, weights, minlength=64).reshape(8, 8) / np.maximum(counts, 1)
    expected = np.tile([3.512, -4 * 3.512], (8, 4)) / math.sqrt(0.05)
    expected[0, 2] *= 2
    many = counts > 1000
    np.testing.assert_allclose(means[many], expected[many], rtol=0.5 / math.sqrt(1000))  # 5 times 10 % / sqrt(n)
    assert delays.min() >= 0.1
    inhibits = np.searchsorted(ends, sources, "right") % 2 == 1
    # A normal distribution that is cut at `cut` deviations below its mean, 1/2 of it, rises by 1/2 of the mean times
    # pdf(cut) / (1 - cdf(cut)).
    for mean, chosen in ((1.5, ~inhibits), (0.75, inhibits)):
        cut = (0.1 - mean) / (mean / 2)
        hazard = math.exp(-cut * cut / 2) / math.sqrt(2 * math.pi) / (math.erfc(cut / math.sqrt(2)) / 2)
        np.testing.assert_allclose(delays[chosen].mean(), mean * (1 + hazard / 2), rtol=0.01)


def test_a_smaller_microcircuit_has_the_mean_input_of_the_full_one():
    scale, tau_syn, background = 0.05, 0.5, 0.008
    circuit = potjans_diesmann(scale)
    sources, targets, weights, _ = synapses_of(circuit)
    sizes = np.array(list(circuit.groups.values()))
    first = np.cumsum(sizes) - sizes
    rates = np.array([0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523]) * 1e-3
    rate = np.repeat(rates, sizes)
    inputs = np.bincount(targets, weights * rate[sources] * tau_syn, minlength=circuit.n_neurons)
    inputs += np.repeat(EXTERNAL, sizes) * scale * 3.512 / math.sqrt(scale) * background * tau_syn
    inputs += circuit.network["cells"].neuron.bias
    full = np.tile([3.512, -4 * 3.512], (8, 4))
    full[0, 2] *= 2
    degrees = np.log(1 - PROBABILITIES) / np.log(1 - 1 / np.outer(SIZES, SIZES)) / SIZES[:, None]
    expected = tau_syn * (degrees * full @ rates + EXTERNAL * 3.512 * background)
    np.testing.assert_allclose(np.add.reduceat(inputs, first) / sizes, expected, rtol=0.02)


def test_rates_of_the_microcircuit_are_of_the_order_of_the_published_ones():
    rates = rates_of_groups(potjans_diesmann(0.05), 250.0, 50.0)
    assert np.all(rates > PUBLISHED_RATES / 2)
    assert np.all(rates < PUBLISHED_RATES * 2)


@pytest.mark.parametrize(
    ("name", "scale", "build"),
    [("brunel", 0.1, brunel), ("vogels-abbott", 0.1, vogels_abbott), ("potjans-diesmann", 0.01, potjans_diesmann)],
)
def test_the_same_seed_gives_the_same_spikes_with_any_threads(name, scale, build, run, tmp_path):
    found = []
    for threads, seed in ((1, 7), (3, 7), (1, 8)):
        out = tmp_path / f"{threads}-{seed}"
        options = "--scale", scale, "--until", 60, "--seed", seed, "--threads", threads, "--out", out
        result = run(name, *options)
        assert result.exit_code == 0, result.output
        found.append(read_spikes(out / "spikes.npz"))
        assert (out / "raster.png").read_bytes().startswith(b"\x89PNG")
    assert len(found[0]) > 20
    assert found[0] == found[1] == build(scale, seed=7).network.infer(until=60.0)
    assert found[0] != found[2]


def test_the_tables_say_what_was_simulated(run, tmp_path):
    result = run("brunel", "--scale", 0.1, "--until", 200, "--skip", 50, "--dtype", "float64", "--out", tmp_path)
    spikes = read_spikes(tmp_path / "spikes.npz")
    late = spikes.times >= 50.0
    inhibitory = spikes.indices >= 400
    words = [
        *("25,000", "float64", "200 ms", f"{len(spikes):,}", "from 50 to 200 ms"),
        f"{np.count_nonzero(late & inhibitory):,}",
        f"{np.count_nonzero(late) / 500 / 0.15:.2f} Hz",
        f"{np.count_nonzero(late & ~inhibitory) / 400 / 0.15:.2f} Hz",
    ]
    assert result.exit_code == 0, result.output
    for word in words:
        assert word in result.stdout


def test_a_silent_network_has_no_variation(run, tmp_path):
    result = run("brunel", "--scale", 0.1, "--eta", 0.01, "--until", 20, "--skip", 10, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "0.00 Hz" in result.stdout
    assert "nan" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["brunel", "--scale", "nan"], "scale must be finite"),
        (["brunel", "--scale", "-1"], "scale must be positive"),
        (["brunel", "--scale", "0.001"], "at least 0.01"),
        (["brunel", "--g", "-1"], "g must be >= 0"),
        (["brunel", "--eta", "0"], "eta must be positive"),
        (["brunel", "--eta", "1e9"], "eta must be at most 1000"),
        (["brunel", "--until", "0"], "--until must be"),
        (["brunel", "--until", "inf"], "--until must be"),
        (["brunel", "--until", "4"], "simulate longer"),
        (["brunel", "--skip", "1000"], "--skip must be from 0 to below 1000 ms"),
        (["vogels-abbott", "--scale", "0.001"], "at least 0.02"),
        (["brunel", "--scale", "1000"], "smaller --scale"),
        (["potjans-diesmann", "--scale", "1.5"], "at most 1"),
        (["potjans-diesmann", "--scale", "1e-5"], "leaves L2/3E without neurons"),
    ],
)
def test_bad_options_end_in_one_line(arguments, word, run, tmp_path):
    result = run(*arguments, "--out", tmp_path)
    assert result.exit_code == 1, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stderr.startswith("Error: ")
    assert word in result.stderr


def test_the_folder_may_not_be_a_file(run, tmp_path):
    (tmp_path / "file").touch()
    result = run("brunel", "--out", tmp_path / "file")
    assert result.exit_code == 1
    assert "is a file; --out needs a folder" in result.stderr


def test_without_matplotlib_nothing_is_simulated(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("brunel", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "evsim[plot]" in result.stderr
    assert not (tmp_path / "out").exists()


def test_processes_without_mpi4py_are_told_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    result = run("brunel", "--scale", 0.1, "--until", 20, "--skip", 10, "--out", tmp_path)
    assert result.exit_code == 1
    assert "evsim[mpi]" in result.stderr
