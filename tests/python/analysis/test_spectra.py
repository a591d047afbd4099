"""Spectra against Fourier sums by hand, and processes whose spectrum is known."""

import math
import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis, errors


def test_without_scipy_the_error_names_the_extra():
    source = """
import sys
sys.modules["scipy"] = sys.modules["scipy.signal"] = None
import evsim
print(evsim.analysis.rates([0], [0.0], stop=1.0))
try:
    evsim.analysis.power_spectrum([0], [0.0], bin_width=1.0, stop=100.0)
except evsim.errors.MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[1.]",
        "power_spectrum needs SciPy: python -m pip install 'evsim[analysis]'",
    ]


class TestPowerSpectrum:
    @pytest.fixture(autouse=True)
    def _with_scipy(self):
        pytest.importorskip("scipy", reason="power_spectrum needs SciPy")

    def test_it_is_the_mean_periodogram_of_segments_under_a_hann_window(self):
        rng = np.random.default_rng(0)
        spikes = SpikeArray(rng.integers(0, 5, 2000), rng.uniform(0.0, 64.0, 2000))
        frequencies, power = analysis.power_spectrum(spikes, bin_width=0.5, stop=64.0, segment=16.0)
        counts = [0] * 128
        for spike in spikes:
            counts[int(spike.time / 0.5)] += 1
        rate = np.array(counts) / 5 / 0.5
        window = [math.sin(math.pi * k / 32) ** 2 for k in range(32)]
        sums = []
        for start in range(0, 128 - 31, 16):
            part = rate[start : start + 32]
            part = (part - part.mean()) * window
            phases = np.exp(-2j * np.pi * np.outer(np.arange(17), np.arange(32)) / 32)
            sums.append(np.abs(phases @ part) ** 2)
        density = np.mean(sums, axis=0) * 0.5 / np.sum(np.square(window))
        density[1:-1] *= 2  # the negative frequencies
        np.testing.assert_allclose(frequencies, np.arange(17) / 16.0, rtol=1e-15)
        np.testing.assert_allclose(power, density, rtol=1e-11, atol=1e-14)

    def test_poisson_trains_have_a_flat_spectrum(self):
        n, rate = 50, 0.1
        spikes = evsim.encoders.poisson(np.full(n, rate), until=50_000.0, seed=1)
        _, power = analysis.power_spectrum(spikes, bin_width=1.0, stop=50_000.0, segment=200.0)
        inner = power[2:-1]
        # Of 499 segments each goes with its two neighbours by (sum w_k w_{k+L/2} / sum w_k^2)^2 = 1/36 (Welch 1967)
        error = math.sqrt((1 + 2 / 36) / 499)
        assert inner.mean() == pytest.approx(2 * rate / n, rel=4 * error / math.sqrt(len(inner) / 2))
        assert abs(inner / inner.mean() - 1).max() < 5 * error

    @pytest.mark.parametrize("frequency", [0.02, 0.05, 0.08])
    def test_an_oscillation_has_its_peak_at_its_frequency(self, frequency):
        rng = np.random.default_rng(6)
        times = rng.uniform(0.0, 5000.0, 60_000)
        kept = rng.random(times.size) < 0.5 + 0.4 * np.cos(2 * np.pi * frequency * times)
        spikes = SpikeArray(rng.integers(0, 100, int(kept.sum())), times[kept])
        frequencies, power = analysis.power_spectrum(spikes, bin_width=1.0, stop=5000.0, segment=500.0)
        assert frequencies[np.argmax(power)] == pytest.approx(frequency, abs=1e-12)

    def test_it_integrates_to_the_variance_of_the_rate(self):
        rng = np.random.default_rng(2)
        spikes = SpikeArray(rng.integers(0, 10, 50_000), rng.uniform(0.0, 10_000.0, 50_000))
        _, rate = analysis.population_rate(spikes, bin_width=2.0, stop=10_000.0)
        frequencies, power = analysis.power_spectrum(spikes, bin_width=2.0, stop=10_000.0)
        assert power.sum() * frequencies[1] == pytest.approx(rate.var(), rel=0.05)

    def test_eight_segments_by_default(self):
        frequencies, _ = analysis.power_spectrum([0], [0.0], bin_width=1.0, stop=450.0)
        assert frequencies[1] == pytest.approx(1 / 100, rel=1e-15)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"segment": 1.0}, "segment = 1.0 of 1 bins"),
            ({"segment": 101.0}, "at most all 100"),
            ({"segment": 0.0}, "segment must be positive"),
            ({"stop": 8.0}, "eight segments"),
            ({"stop": 0.0}, "stop must lie after"),
        ],
    )
    def test_what_has_no_spectrum_is_refused_by_name(self, options, message):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            analysis.power_spectrum([0], [0.0], **{"bin_width": 1.0, "stop": 100.0} | options)
