import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, errors

figure = pytest.importorskip("matplotlib.figure")
from evsim import plot  # noqa: E402


@pytest.fixture
def ax():
    return figure.Figure().subplots()


@pytest.fixture
def recorded():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 2, weights=[[6.0], [1.0]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
    probe = evsim.Probe(0, np.linspace(0.0, 50.0, 501))
    return probe, net.infer([0], [5.0], record=probe)


def test_raster_puts_every_spike_at_its_time_and_neuron(ax):
    plot.raster(SpikeArray([2, 0], [0.5, 1.5]), ax=ax, time_unit="ms")
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[0.5, 2], [1.5, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "neuron")


@pytest.mark.parametrize(("n", "rasterised"), [(6_000, False), (60_000, True)])
def test_large_rasters_are_rasterised(ax, n, rasterised):
    plot.raster(SpikeArray(np.arange(n) % 100, np.arange(n) * 0.1), ax=ax)
    assert ax.collections[0].get_rasterized() == rasterised
    assert len(ax.collections[0].get_offsets()) == n


def test_raster_makes_room_for_neurons_that_did_not_fire(ax):
    plot.raster(SpikeArray([3], [1.0]), ax=ax, n_neurons=10)
    assert ax.get_ylim() == (-0.6, 9.6)


def test_raster_of_nothing_is_empty_axes(ax):
    assert plot.raster(SpikeArray(), ax=ax) is ax


def test_raster_colours_each_neuron(ax):
    plot.raster(SpikeArray([1, 0], [1.0, 2.0]), ax=ax, color=["red", "blue"])
    np.testing.assert_array_equal(ax.collections[0].get_edgecolors()[:, :3], [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize(
    ("options", "message"), [({"n_neurons": 2}, "neuron 4 fired"), ({"color": ["red"] * 4}, "4 colours")]
)
def test_raster_refuses_too_few_neurons(ax, options, message):
    with pytest.raises(errors.ShapeMismatchError, match=message):
        plot.raster(SpikeArray([4], [1.0]), ax=ax, **options)


def test_raster_refuses_what_is_no_spike_array(ax):
    with pytest.raises(errors.DTypeError, match="SpikeArray, got list"):
        plot.raster([1, 2], ax=ax)


def test_membrane_draws_traces_threshold_and_spikes(ax, recorded):
    probe, spikes = recorded
    assert len(spikes)
    plot.membrane(probe, threshold=1.0, spikes=spikes, ax=ax)
    first, marks, second, threshold = ax.lines
    np.testing.assert_array_equal(second.get_ydata(), probe.values[:, 1])
    np.testing.assert_array_equal(marks.get_xdata(), spikes.times)
    np.testing.assert_array_equal(threshold.get_ydata(), [1.0, 1.0])
    assert first.get_ydata().max() == 1.0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["neuron 0", "neuron 1"]


def test_a_trace_reaches_the_threshold_before_its_reset(ax):
    plot.membrane([0.0, 1.0, 2.0], [0.0, 0.0, 0.5], threshold=1.0, spikes=SpikeArray([0], [1.0]), ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 0], [1, 1], [1, 0], [2, 0.5]])


def test_membrane_takes_the_neurons_of_the_probe(ax, recorded):
    probe, spikes = recorded
    plot.membrane(probe.times, probe.values[:, 1], neurons=[1], spikes=spikes, labels=["x"], ax=ax)
    assert [line.get_label() for line in ax.lines] == ["x"]  # neuron 1 fired nothing


def test_membrane_draws_a_threshold_per_neuron(ax, recorded):
    plot.membrane(recorded[0], threshold=[1.0, 2.0], labels=(), ax=ax)
    assert [line.get_ydata()[0] for line in ax.lines[2:]] == [1.0, 2.0]
    assert ax.get_legend() is None


def test_membrane_asks_for_one_sample_of_a_batch(ax):
    net = evsim.SpikingNetwork(seed=0)
    net.add_layer(evsim.Dense(1, 2), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
    probe = evsim.Probe(0, [1.0])
    net.infer([SpikeArray(), SpikeArray()], record=probe)
    with pytest.raises(errors.ShapeMismatchError, match="batch of 2"):
        plot.membrane(probe, ax=ax)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.0, 1.0], [1.0]), {}, "2 times"),
        (([0.0], [1.0]), {"labels": ["a", "b"]}, "2 labels"),
        (([0.0], [1.0]), {"threshold": [1.0, 2.0]}, "threshold"),
        (([0.0], [1.0]), {"neurons": [1, 2]}, "2 neurons"),
        (([0.0],), {}, "times and values"),
    ],
)
def test_membrane_refuses_what_does_not_fit(ax, arguments, options, message):
    with pytest.raises(errors.EvsimError, match=message):
        plot.membrane(*arguments, ax=ax, **options)


def test_weights_are_centred_at_zero(ax):
    plot.weights([[1.0, -3.0]], ax=ax)
    assert ax.images[0].get_clim() == (-3.0, 3.0)
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1.0, -3.0]])
    assert len(ax.figure.axes) == 2


def test_weights_of_a_layer_become_images(ax):
    layer = evsim.SpikingNetwork().add_layer(evsim.Dense(6, 3), evsim.LIF(tau_mem=2.0, tau_syn=1.0))
    plot.weights(layer, shape=(2, 3), n_columns=2, ax=ax, colorbar=False)
    picture = ax.images[0].get_array()
    assert picture.shape == (5, 7)
    np.testing.assert_array_equal(picture[:2, 4:], layer.weights[1].reshape(2, 3))
    np.testing.assert_array_equal(picture[3:, :3], layer.weights[2].reshape(2, 3))
    assert picture.mask[2].all()


def test_weights_of_zero_can_be_drawn(ax):
    plot.weights(np.zeros((2, 2)), ax=ax)
    assert ax.images[0].get_clim() == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("matrix", "options", "message"),
    [
        ([1.0], {}, "n_neurons, n_inputs"),
        (np.ones((2, 6)), {"shape": (2, 2)}, "6 inputs"),
        (np.ones((2, 6)), {"limit": 0.0}, "limit"),
        (np.ones((2, 6)), {"shape": (2, 3), "n_columns": 0}, "n_columns"),
    ],
)
def test_weights_refuse_what_does_not_fit(ax, matrix, options, message):
    with pytest.raises(errors.EvsimError, match=message):
        plot.weights(matrix, ax=ax, **options)


def test_a_picture_is_written(ax, recorded, tmp_path):
    plot.membrane(recorded[0], threshold=1.0, spikes=recorded[1], ax=ax)
    ax.figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_importing_the_module_loads_no_matplotlib():
    code = "import sys, evsim.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[plot\]"):
        plot.raster(SpikeArray())


def test_without_axes_a_new_figure_is_made():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_backend()
    pyplot.switch_backend("agg")
    try:
        ax = plot.raster(SpikeArray([0], [1.0]))
        assert ax.figure.number in pyplot.get_fignums()
        pyplot.close(ax.figure)
    finally:
        pyplot.switch_backend(before)
