import importlib.util
import itertools
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from evsim import SpikeArray, errors
from evsim.spikeseg import EncoderConfig, Instance, LayerConfig, SpikeSEG, Track

figure = pytest.importorskip("matplotlib.figure")
colors = pytest.importorskip("matplotlib.colors")
image_files = pytest.importorskip("PIL.Image")
from evsim import plot  # noqa: E402
from evsim.plot import frames, maps, video  # noqa: E402

BLUE, ORANGE = (colors.to_rgb(plot.COLORS[k]) for k in (0, 1))


@pytest.fixture
def ax():
    return figure.Figure().subplots()


@pytest.fixture
def solid():
    return figure.Figure().add_subplot(projection="3d")


def camera(t, x, y, p, width=6, height=4):
    """What an event array offers."""
    return SimpleNamespace(
        t=np.array(t, np.int64),
        x=np.array(x, np.uint16),
        y=np.array(y, np.uint16),
        p=np.array(p, np.uint8),
        width=width,
        height=height,
    )


def instance(box=(1, 1, 3, 2), class_id=0, shape=(4, 6)):
    x0, y0, x1, y1 = box
    y, x = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
    pixels = (y * shape[1] + x).ravel().astype(np.int32)
    return Instance(class_id, shape, pixels, box, np.ones((3, 1), bool), np.zeros((1, 4), np.int64))


def track(track_id=0, windows=(0, 1), times=(0.0, 1000.0)):
    return Track(track_id, 0, list(windows), list(times), [instance((k, 0, k + 1, 1)) for k in range(len(windows))])


def drawn(axes):
    """Draw all of a figure, as saving it would."""
    axes.figure.canvas.draw()
    return axes


EVENTS = camera([0, 1000, 2000, 3000], [0, 1, 1, 5], [0, 1, 1, 3], [1, 0, 1, 0])


# Frames of events


def test_a_frame_has_the_shape_of_the_sensor_and_equal_pixels(ax):
    drawn(plot.event_frame(EVENTS, ax=ax))
    assert ax.images[0].get_array().shape == (4, 6, 3)
    assert ax.get_aspect() == 1.0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (pixels)", "y (pixels)")
    assert ax.get_ylim() == (3.5, -0.5)


def test_polarities_have_the_colours_of_the_legend(ax):
    plot.event_frame(EVENTS, ax=ax, limit=1)
    image = ax.images[0].get_array()
    blend = (1 - frames._FAINTEST) + frames._FAINTEST * np.array([BLUE, ORANGE])
    np.testing.assert_allclose(image[0, 0], blend[0])
    np.testing.assert_allclose(image[3, 5], blend[1])
    np.testing.assert_array_equal(image[2, 2], 1.0)
    handles = ax.get_legend().legend_handles
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ON", "OFF"]
    np.testing.assert_allclose([handle.get_facecolor()[:3] for handle in handles], [BLUE, ORANGE])


def test_a_pixel_of_both_polarities_has_the_mix_in_full_strength(ax):
    plot.event_frame(EVENTS, ax=ax, limit=2)
    np.testing.assert_allclose(ax.images[0].get_array()[1, 1], np.mean([BLUE, ORANGE], axis=0))


def test_the_title_counts_the_events_shown(ax):
    plot.event_frame(EVENTS, ax=ax, start=1000, stop=3000)
    assert ax.get_title() == "2 events, 1 to 2 ms"


def test_times_far_from_zero_count_from_the_first_event(ax, solid):
    epoch = 1_605_537_493_718_345
    events = camera(EVENTS.t + epoch, EVENTS.x, EVENTS.y, EVENTS.p)
    plot.event_frame(events, ax=ax, start=epoch + 1000)
    assert ax.get_title() == "3 events, 1 to 3 ms after the first event"
    plot.trajectories(events, [track(times=(epoch, epoch + 1000))], ax=solid)
    assert solid.get_xlabel() == "time after the first event (ms)"
    assert solid.lines[0].get_data_3d()[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("time", "span", "text"),
    [
        (500_000.0, 20.0, "500,000"),
        (1.25, 0.5, "1.25"),
        (1234.5678, 10.0, "1,234.57"),
        (0.0, 0.0, "0"),
        (100, 1e5, "100"),
    ],
)
def test_times_have_the_decimals_that_matter(time, span, text):
    assert frames.decimals(time, span) == text


def test_labels_stay_within_the_picture(ax):
    drawn(plot.instances(EVENTS, [instance((0, 0, 5, 3)), instance((1, 0, 2, 1))], ax=ax))
    frame = ax.get_window_extent()
    assert all(frame.y0 < text.get_window_extent().y0 < frame.y1 for text in ax.texts)


def test_spikes_are_drawn_by_their_shape(ax):
    spikes = SpikeArray([2 * 6 + 3 + 24, 0], [5.0, 4.0], shape=(2, 4, 6))
    plot.event_frame(spikes, ax=ax, time_unit="steps", limit=1)
    image = ax.images[0].get_array()
    assert image[2, 3, 2] > image[2, 3, 0]  # channel 1 is ON, blue
    assert image[0, 0, 0] > image[0, 0, 2]
    assert ax.get_title() == "2 events, 4 to 5 steps"


def test_spikes_without_polarities_have_one_colour_and_no_legend(ax):
    plot.event_frame(SpikeArray([7], [0.0], shape=(4, 6)), ax=ax)
    assert ax.get_legend() is None
    assert np.ptp(ax.images[0].get_array()[1, 1]) == 0


def test_a_dark_ground_is_dark(ax):
    plot.event_frame(EVENTS, ax=ax, dark=True)
    assert ax.images[0].get_array()[2, 2].max() < 0.1


def test_no_events_are_an_empty_frame(ax):
    drawn(plot.event_frame(camera([], [], [], []), ax=ax))
    assert ax.get_title() == "0 events"
    assert ax.images[0].get_array().min() == 1.0


def test_columns_sort_by_time_and_keep_width_and_height_apart():
    columns = frames.columns_of(camera([2, 1], [5, 0], [0, 3], [1, 0]))
    assert columns.t.tolist() == [1, 2]
    assert columns.x.tolist() == [0, 5]
    assert columns.counts().shape == (2, 4, 6)
    assert columns.counts()[0, 3, 0] == columns.counts()[1, 0, 5] == 1


@pytest.mark.parametrize(
    ("events", "options", "error", "message"),
    [
        ([1, 2], {}, errors.DTypeError, "SpikeArray, got list"),
        (SpikeArray([1], [0.0]), {}, errors.ShapeMismatchError, "got None"),
        (SpikeArray([1], [0.0], shape=(3, 4, 6)), {}, errors.ShapeMismatchError, r"\(3, 4, 6\)"),
        (EVENTS, {"limit": 0}, errors.InvalidArgumentError, "limit"),
    ],
)
def test_frames_refuse_what_cannot_be_drawn(ax, events, options, error, message):
    with pytest.raises(error, match=message):
        plot.event_frame(events, ax=ax, **options)


# Maps and kernels


@pytest.fixture(scope="module")
def output():
    layers = {name: LayerConfig(3, 1, 1.0) for name in ("conv1", "conv2", "conv3")}
    model = SpikeSEG(EncoderConfig(**layers, use_wta=False, fire_once=False))
    for weight in model.get_layer_weights().values():
        weight[...] = 1
    model.encoder.conv1.weight[2] = 0
    x = np.zeros((4, 1, 1, 8, 12))
    x[1, 0, 0, 2, 3] = x[3, 0, 0, 2, 3] = x[3, 0, 0, 7, 11] = 1
    return model.encode(x)


def test_maps_show_the_first_step_and_leave_silent_neurons_grey(ax, output):
    drawn(plot.feature_maps(output, "conv1", n_columns=3, ax=ax))
    picture = ax.images[-1].get_array()
    assert picture.shape == (8, 3 * 12 + 2)
    assert (picture[2, 3], picture[7, 11], picture[2, 13 + 3]) == (1, 3, 1)
    assert picture.count() == 4
    np.testing.assert_allclose(ax.images[0].get_array()[0, 0], colors.to_rgba(maps._BLANK))
    assert ax.get_title() == "conv1: 3 maps of 8 x 12\n6 spikes in 4 steps"
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]
    assert [axes.get_ylabel() for axes in ax.figure.axes[1:]] == ["step of the first spike"]


def test_maps_show_counts_of_chosen_maps(ax, output):
    drawn(plot.feature_maps(output, "conv1", show="count", maps=[1], ax=ax))
    picture = ax.images[-1].get_array()
    assert (picture[2, 3], picture[7, 11]) == (2, 1)
    assert [text.get_text() for text in ax.texts] == ["1"]


def test_silent_maps_can_be_drawn(ax, output):
    drawn(plot.feature_maps(output, "conv1", maps=[2], show="count", ax=ax))
    assert ax.images[-1].get_array().count() == 0


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("conv9", {}, "no stage"),
        ("conv1", {"show": "rate"}, "show must be"),
        ("conv1", {"maps": [3]}, "from 0 to 2"),
        ("conv1", {"maps": []}, "from 0 to 2"),
        ("conv1", {"n_columns": 0}, "n_columns"),
    ],
)
def test_maps_refuse_what_is_not_there(ax, output, stage, options, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        plot.feature_maps(output, stage, ax=ax, **options)


def test_kernels_of_both_signs_are_centred_and_of_one_sign_start_at_zero(ax):
    plot.kernels([[[[1.0, -3.0]]]], ax=ax)
    assert ax.images[-1].get_clim() == (-3.0, 3.0)
    other = plot.kernels([[[[1.0, 3.0]]]], ax=figure.Figure().subplots())
    assert other.images[-1].get_clim() == (0.0, 3.0)


def test_kernels_lie_in_rows_with_their_channels_below_each_other(ax):
    weight = np.arange(1.0, 2 * 2 * 3 * 3 + 1).reshape(2, 2, 3, 3)
    drawn(plot.kernels(weight, n_columns=2, ax=ax))
    picture = ax.images[-1].get_array()
    np.testing.assert_array_equal(picture[:3, :3], weight[0, 0])
    np.testing.assert_array_equal(picture[4:7, :3], weight[0, 1])
    np.testing.assert_array_equal(picture[4:7, -3:], weight[1, 1])
    assert picture.mask[3].all()
    assert ax.get_title() == "2 kernels of 3 x 3"


def loops_through(weight, first, kernel, stride):
    """Every path from a pixel over conv1 and a place of a pooling window to a kernel's weight, added up."""
    n, n_maps, rows, columns = weight.shape
    _, n_inputs, a, b = first.shape
    height, width = (rows - 1) * stride + kernel + a - 1, (columns - 1) * stride + kernel + b - 1
    seen = np.zeros((n, n_inputs, height, width))
    for o, m, r, c in np.ndindex(n, n_maps, rows, columns):
        for i, j in np.ndindex(kernel, kernel):
            y, x = r * stride + i, c * stride + j
            seen[o, :, y : y + a, x : x + b] += weight[o, m, r, c] * first[m] / kernel**2
    return seen


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (7, 6), (1, 2), (2, 1)])
def test_kernels_in_pixels_are_sums_over_all_paths(kernel, stride):
    rng = np.random.default_rng(kernel)
    weight, first = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=(3, 2, 5, 3))
    np.testing.assert_allclose(
        maps._carried(weight, first, kernel, stride), loops_through(weight, first, kernel, stride), atol=1e-12
    )


def test_kernels_of_conv3_are_carried_through_both_convolutions(ax):
    plot.kernels(np.ones((1, 3, 7, 7)), through=[(np.ones((3, 2, 5, 5)), 2, 2), (np.ones((2, 1, 5, 5)), 2, 2)], ax=ax)
    # (7 - 1) 2 + 2 + 5 - 1 = 18 pixels of pool1, and (18 - 1) 2 + 2 + 5 - 1 = 40 of the input
    assert ax.images[-1].get_array().shape == (40, 40)


@pytest.mark.parametrize(
    ("weight", "options", "message"),
    [
        (np.ones((2, 3)), {}, "out, in, rows, columns"),
        (np.ones((2, 3, 5, 5)), {"through": [(np.ones((2, 1, 5, 5)), 2, 2)]}, "3 input channels"),
        (np.ones((2, 3, 5, 5)), {"limit": -1.0}, "limit"),
        (np.ones((2, 3, 5, 5)), {"n_columns": 0}, "n_columns"),
        (np.ones((2, 3, 5, 5)), {"through": [(np.ones((3, 1, 5, 5)), 0, 2)]}, "pool_kernel_size"),
    ],
)
def test_kernels_refuse_what_does_not_fit(ax, weight, options, message):
    with pytest.raises(errors.EvsimError, match=message):
        plot.kernels(weight, ax=ax, **options)


# Saliency, instances, trajectories


def test_saliency_is_summed_and_clear_where_it_is_not_positive(ax):
    values = np.zeros((3, 2, 4, 6))
    values[0, 0, 1, 1] = values[2, 1, 1, 1] = 2.0
    values[1, 0, 3, 3] = -5.0
    drawn(plot.saliency(EVENTS, values, ax=ax))
    picture = ax.images[1].get_array()
    assert picture.count() == 1
    assert picture[1, 1] == 4.0
    assert (ax.images[1].get_alpha() > 0).sum() == 1
    assert [axes.get_ylabel() for axes in ax.figure.axes[1:]] == ["saliency"]


def test_saliency_of_nothing_can_be_drawn(ax):
    drawn(plot.saliency(EVENTS, np.zeros((4, 6)), ax=ax))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.ones((6, 4)), {}, r"\(4, 6\) pixels, the saliency map \(6, 4\)"),
        (np.ones(4), {}, "height, width"),
        (np.ones((4, 6)), {"limit": 0.0}, "limit"),
    ],
)
def test_saliency_refuses_what_does_not_fit(ax, values, options, message):
    with pytest.raises(errors.EvsimError, match=message):
        plot.saliency(EVENTS, values, ax=ax, **options)


def test_boxes_enclose_the_pixels_of_both_corners(ax):
    drawn(plot.instances(EVENTS, [instance((1, 1, 3, 2))], ax=ax))
    (box,) = ax.patches
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((0.5, 0.5), 3, 2)
    tint = ax.images[1]
    assert tuple(tint.get_extent()) == (0.5, 3.5, 2.5, 0.5)
    assert (np.asarray(tint.get_array())[..., 3] > 0).all()
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.5, 5.5), (3.5, -0.5))


@pytest.mark.parametrize(
    ("found", "options", "labels"),
    [
        ([instance(), instance()], {}, ["#0", "#1"]),
        ([instance(), instance(class_id=1)], {}, ["#0 class 0", "#1 class 1"]),
        ([instance(class_id=1)], {"class_names": ["a", "b"], "ids": [7]}, ["#7 b"]),
        ([], {}, []),
    ],
)
def test_instances_are_labelled(ax, found, options, labels):
    drawn(plot.instances(EVENTS, found, ax=ax, **options))
    assert [text.get_text() for text in ax.texts] == labels


def test_labels_at_one_corner_are_stacked(ax):
    drawn(plot.instances(EVENTS, [instance(), instance()], ax=ax))
    first, second = (text.get_window_extent() for text in ax.texts)
    assert not first.overlaps(second)


def test_the_title_counts_the_instances(ax):
    plot.instances(EVENTS, [instance()], ax=ax)
    assert ax.get_title() == "1 instance\n4 events, 0 to 3 ms"


@pytest.mark.parametrize(
    ("found", "options", "message"),
    [
        ([instance(shape=(6, 6))], {}, r"\(4, 6\) pixels, an instance \(6, 6\)"),
        ([instance()], {"ids": [1, 2]}, "2 ids for 1 instances"),
        ([instance(class_id=2)], {"class_names": ["a"]}, "1 names"),
    ],
)
def test_instances_that_do_not_fit_are_refused(ax, found, options, message):
    with pytest.raises(errors.ShapeMismatchError, match=message):
        plot.instances(EVENTS, found, ax=ax, **options)
    assert not ax.images


def test_tracks_are_lines_through_time(solid):
    drawn(plot.trajectories(EVENTS, [track()], ax=solid))
    np.testing.assert_allclose(np.array(solid.lines[0].get_data_3d()), [[0, 1], [0.5, 1.5], [0.5, 0.5]])
    assert (solid.get_xlabel(), solid.get_ylabel(), solid.get_zlabel()) == ("time (ms)", "x (pixels)", "y (pixels)")
    assert solid.get_zlim() == (4, 0)
    assert [text.get_text() for text in solid.get_legend().get_texts()] == ["track 0 (class 0)"]


def test_many_events_are_thinned_out_evenly(solid):
    n = 1000
    events = camera(np.arange(n), np.zeros(n), np.zeros(n), np.zeros(n))
    plot.trajectories(events, [], ax=solid, max_events=11)
    times = solid.collections[0]._offsets3d[0]
    assert len(times) == 11
    np.testing.assert_allclose(np.diff(times), 0.0999, atol=2e-3)


def test_flat_axes_are_refused(ax):
    with pytest.raises(errors.InvalidArgumentError, match="projection='3d'"):
        plot.trajectories(None, [track()], ax=ax)


# Films


def gif_frames(path):
    with image_files.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            yield np.asarray(film.convert("RGB")).astype(int)


SMALL = {"size": 2.0, "dpi": 60}


def test_a_film_has_a_frame_per_stretch_of_time(tmp_path):
    calls = []
    path = plot.animation(tmp_path / "a.gif", EVENTS, 1000, progress=lambda *done: calls.append(done), **SMALL)
    pictures = list(gif_frames(path))
    assert len(pictures) == 4
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(np.any(a != b) for a, b in itertools.pairwise(pictures))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("start", "stop", "n"), [(0, 2000, 2), (0, 2001, 3), (500, None, 3), (-1000, 1000, 2)])
def test_start_and_stop_choose_the_frames(start, stop, n):
    columns = frames.columns_of(EVENTS).between(start, stop)
    film = video._Frames(columns, 1000, start, stop)
    assert len(film) == n
    assert sum(len(film[k].t) for k in range(n)) == len(columns.t)


def test_tracks_and_their_windows_give_the_same_film(tmp_path):
    tracks = [track(0, (0, 1)), track(1, (1,))]
    windows = [[tracks[0].instances[0]], [tracks[0].instances[1], tracks[1].instances[0]]]
    by_track = plot.animation(tmp_path / "a.gif", EVENTS, 1000, tracks=tracks, **SMALL)
    by_window = plot.animation(tmp_path / "b.gif", EVENTS, 1000, instances=windows, **SMALL)
    plain = plot.animation(tmp_path / "c.gif", EVENTS, 1000, **SMALL)
    assert by_track.read_bytes() == by_window.read_bytes()
    a, b = list(gif_frames(by_track)), list(gif_frames(plain))
    assert np.any(a[1] != b[1])


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("a.avi", {}, errors.InvalidArgumentError, r"\.gif or \.mp4, got 'a\.avi'"),
        ("a.gif", {"frame_time": 0}, errors.InvalidArgumentError, "frame_time"),
        ("a.gif", {"frame_time": 0.01}, errors.InvalidArgumentError, "10000 frames"),
        ("a.gif", {"fps": -1}, errors.InvalidArgumentError, "fps"),
        ("a.gif", {"start": 10, "stop": 10}, errors.InvalidArgumentError, "frames"),
        ("a.gif", {"instances": [], "tracks": []}, errors.InvalidArgumentError, "either"),
        ("a.gif", {"instances": [[]] * 5}, errors.ShapeMismatchError, "5 windows, but there are 4 frames"),
    ],
)
def test_films_refuse_what_cannot_be_filmed(tmp_path, name, options, error, message):
    with pytest.raises(error, match=message):
        plot.animation(tmp_path / name, EVENTS, **{"frame_time": 1000, **options})
    assert not list(tmp_path.iterdir())


def test_a_film_that_is_broken_off_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot.animation(path, EVENTS, 1000, progress=stop, **SMALL)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_without_ffmpeg_the_extra_is_named(tmp_path, monkeypatch):
    writer = pytest.importorskip("matplotlib.animation").FFMpegWriter
    monkeypatch.setattr(writer, "isAvailable", classmethod(lambda cls: False))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[video\]"):
        plot.animation(tmp_path / "a.mp4", EVENTS, 1000)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="imageio-ffmpeg is not installed")
def test_an_mp4_is_written(tmp_path):
    path = plot.animation(tmp_path / "a.mp4", EVENTS, 1000, **SMALL)
    assert path.read_bytes()[4:8] == b"ftyp"


# The module


def test_all_names_are_offered_without_matplotlib_being_loaded():
    code = "import sys; from evsim.plot import *; animation, kernels; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_colours_of_the_segmentation_are_hexadecimal():
    np.testing.assert_allclose(frames.rgb("#0072B2"), colors.to_rgb("#0072B2"))
