"""The same numbers as Elephant (https://elephant.readthedocs.io), where both define them alike."""

import numpy as np
import pytest

from evsim import SpikeArray, analysis, io

conversion = pytest.importorskip("elephant.conversion", reason="elephant is not installed")
pytest.importorskip("neo", reason="neo is not installed")
import elephant.spectral  # noqa: E402
import elephant.spike_train_correlation  # noqa: E402
import elephant.statistics  # noqa: E402
import quantities as pq  # noqa: E402

# Elephant's own use of quantities.
pytestmark = pytest.mark.filterwarnings("ignore::quantities.QuantitiesDeprecationWarning")

N, STOP = 8, 2000.0


@pytest.fixture(scope="module")
def spikes():
    """Times in the middle of steps of 1/1024: no spike lies at the edge of a bin, where both may round."""
    rng = np.random.default_rng(12)
    times = (rng.choice(int(STOP) * 1024, 4000, replace=False) + 0.5) / 1024
    made = SpikeArray(rng.integers(0, N, 4000), times)
    made.sort()
    return made


@pytest.fixture(scope="module")
def trains(spikes):
    return io.to_neo(spikes, unit="ms", n_neurons=N, stop=STOP)


@pytest.fixture(scope="module")
def binned(trains):
    return conversion.BinnedSpikeTrain(trains, bin_size=4.0 * pq.ms)


def test_rates(spikes, trains):
    expected = [float(elephant.statistics.mean_firing_rate(one).rescale("1/ms")) for one in trains]
    np.testing.assert_allclose(analysis.rates(spikes, stop=STOP), expected, rtol=1e-12)


def test_population_rate(spikes, binned):
    expected = binned.to_array().sum(axis=0) / N / 4.0
    _, found = analysis.population_rate(spikes, bin_width=4.0, stop=STOP)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_intervals(spikes, trains):
    for found, train in zip(analysis.intervals(spikes, by_neuron=True), trains, strict=True):
        np.testing.assert_allclose(found, elephant.statistics.isi(train).magnitude, rtol=1e-12)


@pytest.mark.parametrize("name", ["cv", "cv2", "lv"])
def test_variation(spikes, trains, name):
    theirs = getattr(elephant.statistics, name)
    ours = getattr(analysis, {"lv": "local_variation"}.get(name, name))
    expected = [theirs(elephant.statistics.isi(train).magnitude) for train in trains]
    np.testing.assert_allclose(ours(spikes), expected, rtol=1e-10)


def test_fano_factor(spikes, trains):
    found = analysis.fano_factor(spikes, window=100.0, stop=STOP)
    for k, train in enumerate(trains):
        windows = [train.time_slice(start * pq.ms, (start + 100.0) * pq.ms) for start in np.arange(0.0, STOP, 100.0)]
        assert found[k] == pytest.approx(elephant.statistics.fanofactor(windows), rel=1e-12)


def test_correlations(spikes, binned):
    expected = elephant.spike_train_correlation.correlation_coefficient(binned)
    found = analysis.correlations(spikes, bin_width=4.0, stop=STOP)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-12)


def test_cross_correlogram():
    """Elephant takes the lag between bins; of spikes at the same place in their bins that is the lag itself."""
    rng = np.random.default_rng(1)
    places = np.concatenate([rng.choice(500, 120, replace=False), rng.choice(500, 90, replace=False)])
    spikes = SpikeArray(np.repeat([0, 1], [120, 90]), places + 0.5)
    first, second = io.to_neo(spikes, unit="ms", stop=500.0)
    histogram, lags = elephant.spike_train_correlation.cross_correlation_histogram(
        conversion.BinnedSpikeTrain(first, bin_size=1.0 * pq.ms),
        conversion.BinnedSpikeTrain(second, bin_size=1.0 * pq.ms),
        window=[-30, 30],
    )
    edges, counts = analysis.cross_correlogram(spikes, reference=0, target=1, bin_width=1.0, max_lag=30.0)
    assert ((edges[1:] + edges[:-1]) / 2).tolist() == lags.tolist()
    assert counts.tolist() == histogram.magnitude.ravel().tolist()


def test_power_spectrum(spikes, binned):
    import neo

    rate = neo.AnalogSignal(binned.to_array().sum(axis=0) / N / 4.0 / pq.ms, sampling_period=4.0 * pq.ms)
    theirs, expected = elephant.spectral.welch_psd(rate, len_segment=100, overlap=0.5)
    frequencies, power = analysis.power_spectrum(spikes, bin_width=4.0, stop=STOP, segment=400.0)
    np.testing.assert_allclose(frequencies, theirs.rescale("1/ms").magnitude, rtol=1e-12)
    np.testing.assert_allclose(power, expected.rescale("1/ms").magnitude.ravel(), rtol=1e-10)
