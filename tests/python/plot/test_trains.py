"""Pictures of activity, intervals and spectra: what is drawn is what evsim.analysis says, with its labels."""

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis, errors

figure = pytest.importorskip("matplotlib.figure")
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402

from evsim import plot  # noqa: E402


@pytest.fixture
def ax():
    return figure.Figure().subplots()


@pytest.fixture
def pair():
    return figure.Figure().subplots(2, 1, sharex=True)


@pytest.fixture(scope="module")
def spikes():
    return evsim.encoders.poisson(np.full(20, 0.1), until=500.0, seed=4)


@pytest.mark.parametrize("n", [4_000, 20_000, 100_000])
def test_every_spike_of_a_raster_is_seen(n):
    rng = np.random.default_rng(0)
    lone = np.linspace(10.0, 990.0, 60)
    neurons, times = rng.integers(0, 200, n - 60), rng.uniform(0.0, 1000.0, n - 60)
    lonely = rng.integers(250, 380, 60)
    picture = figure.Figure(dpi=100)
    canvas = FigureCanvasAgg(picture)
    ax = plot.raster(
        SpikeArray(np.append(neurons, lonely), np.append(times, lone)), ax=picture.subplots(), n_neurons=400
    )
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].mean(axis=2)
    for x, y in ax.transData.transform(np.column_stack([lone, lonely])):
        row, column = int(len(pixels) - y), int(x)
        assert pixels[row - 1 : row + 2, column - 1 : column + 2].min() < 128, "a lone spike is fainter than half grey"


def test_the_raster_lies_above_the_rate_of_the_same_window(pair, spikes):
    above, below = plot.raster_with_rate(
        spikes, bin_width=5.0, start=100.0, stop=400.0, n_neurons=30, axes=pair, time_unit="ms"
    )
    assert (above, below) == tuple(pair)
    shown = above.collections[0].get_offsets()
    inside = spikes.time_slice(100.0, 400.0)
    np.testing.assert_array_equal(shown, np.column_stack([inside.times, inside.indices]))
    edges, rates = analysis.population_rate(spikes, bin_width=5.0, start=100.0, stop=400.0, n_neurons=30)
    drawn = below.patches[0].get_data()
    np.testing.assert_array_equal(drawn.edges, edges)
    np.testing.assert_allclose(drawn.values, rates * 1000.0, rtol=1e-15)
    assert above.get_xlim() == below.get_xlim() == (100.0, 400.0)
    assert above.get_ylim() == (-0.6, 29.6)
    assert below.get_ylim()[0] == 0.0
    assert [above.get_xlabel(), above.get_ylabel()] == ["", "neuron"]
    assert [below.get_xlabel(), below.get_ylabel()] == ["time (ms)", "rate (Hz)"]


@pytest.mark.parametrize(
    ("unit", "label", "scale"),
    [(None, "rate", 1), ("s", "rate (Hz)", 1), ("us", "rate (Hz)", 1e6), ("steps", "rate (1/steps)", 1)],
)
def test_rates_have_the_unit_that_the_time_has(pair, spikes, unit, label, scale):
    _, below = plot.raster_with_rate(spikes, bin_width=5.0, stop=500.0, axes=pair, time_unit=unit)
    assert below.get_ylabel() == label
    assert below.patches[0].get_data().values.mean() == pytest.approx(len(spikes) / 20 / 500.0 * scale, rel=1e-12)


def test_pictures_make_their_own_figures(spikes):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    above, below = plot.raster_with_rate(spikes, bin_width=5.0, stop=500.0)
    assert above.figure is below.figure
    assert above.get_position().y0 > below.get_position().y0
    others = plot.intervals(spikes).figure, plot.raster(spikes).figure
    for one in (above.figure, *others):
        one.canvas.draw()
        pyplot.close(one)


@pytest.mark.parametrize("log", [False, True])
def test_a_histogram_has_every_interval_and_the_mean_variation(ax, spikes, log):
    plot.intervals(spikes, n_bins=17, log=log, ax=ax, time_unit="ms")
    gaps = analysis.intervals(spikes)
    drawn = ax.patches[0].get_data()
    assert len(drawn.values) == 17
    assert drawn.values.sum() == len(gaps)
    for low, high, n in zip(drawn.edges[:-2], drawn.edges[1:-1], drawn.values, strict=False):
        assert n == sum(low <= gap < high for gap in gaps)
    assert ax.get_title() == f"{len(gaps):,} intervals, CV {np.nanmean(analysis.cv(spikes)):.2f}"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale()) == (
        "interval (ms)",
        "intervals",
        "log" if log else "linear",
    )


def test_intervals_of_a_window(ax):
    plot.intervals(SpikeArray([0] * 5, [0.0, 1.0, 2.0, 4.0, 9.0]), start=1.0, stop=9.0, ax=ax)
    assert ax.get_title() == "2 intervals, CV 0.33"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    ("times", "title"), [([], "0 intervals"), ([1.0, 3.0], "1 interval"), ([0.0, 2.0, 4.0], "2 intervals, CV 0.00")]
)
def test_few_intervals_can_be_drawn(ax, times, title, log):
    plot.intervals(SpikeArray([0] * len(times), times), log=log, ax=ax)
    ax.figure.canvas.draw()
    assert ax.get_title() == title
    assert ax.patches[0].get_data().values.sum() == max(len(times) - 1, 0)


@pytest.mark.parametrize(("unit", "scale"), [(None, 1.0), ("ms", 1e3)])
def test_a_spectrum_is_drawn_without_its_zero(ax, spikes, unit, scale):
    pytest.importorskip("scipy", reason="power_spectrum needs SciPy")
    plot.spectrum(spikes, bin_width=2.0, stop=500.0, segment=100.0, ax=ax, time_unit=unit)
    frequencies, power = analysis.power_spectrum(spikes, bin_width=2.0, stop=500.0, segment=100.0)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, frequencies[1:] * scale, rtol=1e-15)
    np.testing.assert_allclose(y, power[1:] * scale, rtol=1e-15)
    assert ax.get_yscale() == "log"
    after = " (Hz)" if unit else ""
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"frequency{after}", f"power density{after}")


SPIKES = SpikeArray([0, 0], [1.0, 1.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda ax: plot.raster_with_rate([0], bin_width=1.0, stop=2.0), errors.DTypeError, "got list"),
        (lambda ax: plot.intervals([0], ax=ax), errors.DTypeError, "got list"),
        (lambda ax: plot.spectrum([0], bin_width=1.0, stop=2.0, ax=ax), errors.DTypeError, "got list"),
        (
            lambda ax: plot.raster_with_rate(SPIKES, bin_width=1.0, stop=2.0, axes=ax),
            errors.ShapeMismatchError,
            "axes must be two",
        ),
        (lambda ax: plot.raster_with_rate(SPIKES, bin_width=9.0, stop=2.0), errors.InvalidArgumentError, "bin_width"),
        (lambda ax: plot.intervals(SPIKES, log=True, ax=ax), errors.InvalidArgumentError, "an interval is 0"),
        (lambda ax: plot.intervals(SPIKES, n_bins=10_001, ax=ax), errors.InvalidArgumentError, "n_bins"),
        (lambda ax: plot.intervals(SPIKES, n_bins=0, ax=ax), errors.InvalidArgumentError, "n_bins"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(ax, call, error, message):
    with pytest.raises(error, match=message):
        call(ax)
