import pickle

import numpy as np
import pytest
from oracle import events as oracle

import evsim
from evsim import EventArray, errors, filters


def recording(n=600, width=9, height=7, longest=3000, seed=0):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, longest, n))
    x, y, p = rng.integers(0, width, n), rng.integers(0, height, n), rng.integers(0, 2, n)
    return EventArray(t, x, y, p, width=width, height=height)


def rows(events):
    return list(zip(events.t.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist(), strict=True))


def dense(cells, shape):
    grid = np.zeros(shape)
    for cell, value in cells.items():
        grid[cell] = value
    return grid


# Values


def test_columns_have_their_types_and_cannot_be_written():
    events = EventArray([1, 2], [3, 4], [5, 6], [True, False])
    assert [column.dtype for column in (events.t, events.x, events.y, events.p)] == [
        np.int64,
        np.uint16,
        np.uint16,
        np.uint8,
    ]
    for column in (events.t, events.x, events.y, events.p):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


def test_the_arrays_given_are_copied():
    t = np.array([1, 2], dtype=np.int64)
    events = EventArray(t, [0, 0], [0, 0], [0, 1])
    t[0] = -5
    assert events.t.tolist() == [1, 2]


@pytest.mark.parametrize("p", [[0, 1, 1], [-1, 1, 1], [False, True, True], [0.0, 1.0, 1.0]])
def test_polarities_of_all_conventions_are_the_same(p):
    assert EventArray([1, 2, 3], [0, 0, 0], [0, 0, 0], p).p.tolist() == [0, 1, 1]


def test_without_a_size_the_sensor_just_holds_the_events():
    events = EventArray([1, 2], [3, 4], [5, 1], [0, 1])
    assert (events.width, events.height) == (5, 6)
    assert (EventArray([], [], [], []).width, EventArray([], [], [], []).height) == (1, 1)


def test_sorting_is_stable():
    events = EventArray([2, 1, 2, 1], [0, 1, 2, 3], [0] * 4, [1] * 4, sort=True)
    assert events.x.tolist() == [1, 3, 0, 2]


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        (([2, 1], [0, 0], [0, 0], [0, 0]), {}, errors.UnsortedSpikesError, r"t\[1\] = 1 after t\[0\] = 2"),
        (([1], [4], [0], [0]), {"width": 4}, errors.IndexOutOfRangeError, "event 0 is at x = 4, y = 0, outside 4 x 1"),
        (([1], [0], [-1], [0]), {}, errors.IndexOutOfRangeError, "y = -1"),
        (([1, 2], [0, 0], [0, 0], [-1, 0]), {}, errors.InvalidArgumentError, r"-1 and 1, got p\[1\] = 0"),
        (([1], [0], [0], [2]), {}, errors.InvalidArgumentError, r"0 and 1, got p\[0\] = 2"),
        (([1, 2], [0], [0], [0]), {}, errors.ShapeMismatchError, "one length"),
        (([[1]], [0], [0], [0]), {}, errors.ShapeMismatchError, "one dimension"),
        (([0.5], [0], [0], [0]), {}, errors.DTypeError, "whole microseconds"),
        (([1], [0.5], [0], [0]), {}, errors.DTypeError, "x must be whole numbers"),
        (([np.nan], [0], [0], [0]), {}, errors.NonFiniteError, "t must be finite"),
        (([1], ["a"], [0], [0]), {}, errors.DTypeError, "x must be integers"),
        (([1], [True], [0], [0]), {}, errors.DTypeError, "x must be integers"),
        (([2**61], [0], [0], [0]), {}, errors.InvalidArgumentError, r"below 2\*\*61"),
        (([np.uint64(2**64 - 1)], [0], [0], [0]), {}, errors.InvalidArgumentError, r"below 2\*\*61"),
        (([1], [0], [0], [0]), {"width": 70000}, errors.InvalidArgumentError, "at most 65536"),
        (([1], [0], [0], [0]), {"height": 0}, errors.InvalidArgumentError, "height"),
        (([1], [70000], [0], [0]), {}, errors.IndexOutOfRangeError, "x = 70000"),
    ],
)
def test_what_is_no_recording_is_refused(columns, options, error, message):
    with pytest.raises(error, match=message):
        EventArray(*columns, **options)


def test_equality_compares_events_and_sensor():
    events = recording()
    assert events == recording()
    assert events != recording(seed=1)
    assert events != EventArray(events.t, events.x, events.y, events.p, width=99, height=7)
    assert events != "events"
    assert pickle.loads(pickle.dumps(events)) == events


def test_repr_names_what_is_inside():
    assert (
        repr(EventArray([5, 7], [0, 1], [0, 0], [1, 0])) == "EventArray(2 events, 2 x 1 pixels, 5 to 7 us, 1 ON, 1 OFF)"
    )
    assert repr(EventArray([], [], [], [], width=3, height=2)) == "EventArray(empty, 3 x 2 pixels)"


def test_rate_is_events_per_second():
    assert EventArray([0, 10, 2000], [0] * 3, [0] * 3, [0] * 3).rate == 1500
    assert np.isnan(EventArray([3], [0], [0], [0]).rate)
    assert EventArray([], [], [], []).duration == 0


# Parts


def test_slices_count_events():
    events = recording()
    assert rows(events[10:20]) == rows(events)[10:20]
    assert rows(events[-5:]) == rows(events)[-5:]
    assert rows(events[::7]) == rows(events)[::7]


@pytest.mark.parametrize(
    ("key", "error"),
    [(3, errors.DTypeError), ([1], errors.DTypeError), (slice(None, None, -1), errors.InvalidArgumentError)],
)
def test_other_keys_are_refused(key, error):
    with pytest.raises(error):
        recording()[key]
    with pytest.raises(errors.DTypeError, match="time_slice"):
        recording()[0.5:1.5]


@pytest.mark.parametrize(
    ("start", "stop"), [(100, 900), (None, 500), (500, None), (900, 100), (-5, 1e300), (10.5, 19.5)]
)
def test_time_slices_include_start_and_exclude_stop(start, stop):
    events = recording()
    low, high = -np.inf if start is None else start, np.inf if stop is None else stop
    assert rows(events.time_slice(start, stop)) == [row for row in rows(events) if low <= row[0] < high]


def test_time_slices_are_exact_where_floats_are_not():
    events = EventArray([2**60, 2**60 + 1, 2**60 + 2], [0, 0, 0], [0, 0, 0], [1, 1, 1])
    assert events.time_slice(2**60 + 1, 2**60 + 2).t.tolist() == [2**60 + 1]


def test_crops_count_from_their_corner():
    events = recording()
    cropped = events.crop(2, 1, 6, 5)
    assert (cropped.width, cropped.height) == (4, 4)
    assert rows(cropped) == [(t, x - 2, y - 1, p) for t, x, y, p in rows(events) if 2 <= x < 6 and 1 <= y < 5]


@pytest.mark.parametrize("corners", [(2, 1, 2, 5), (-1, 0, 4, 4), (0, 0, 10, 4), (0, 0, 4, 8)])
def test_crops_outside_the_sensor_are_refused(corners):
    with pytest.raises(errors.InvalidArgumentError, match="crop needs"):
        recording().crop(*corners)


@pytest.mark.parametrize("factor", [1, 2, 4, 100, 10**6])
def test_downsampling_keeps_every_event(factor):
    events = recording()
    small = events.downsample(factor)
    assert rows(small) == [(t, x // factor, y // factor, p) for t, x, y, p in rows(events)]
    assert (small.width, small.height) == (-(-9 // factor), -(-7 // factor))


@pytest.mark.parametrize(
    ("mask", "error"), [([True], errors.ShapeMismatchError), (np.zeros(600, int), errors.DTypeError)]
)
def test_masks_must_fit(mask, error):
    with pytest.raises(error, match="mask"):
        recording().select(mask)


# Structured arrays


@pytest.mark.parametrize(
    "names", [("t", "x", "y", "p"), ("x", "y", "ts", "pol"), ("p", "timestamp", "x", "y"), ("y", "x", "t", "on")]
)
def test_structured_arrays_of_all_names_and_orders_are_taken(names):
    events = recording()
    columns = {"x": events.x, "y": events.y} | dict.fromkeys(("t", "ts", "timestamp"), events.t)
    columns |= dict.fromkeys(("p", "pol", "on"), events.p)
    array = np.empty(len(events), dtype=[(name, int) for name in names])
    for name in names:
        array[name] = columns[name]
    assert EventArray.from_structured(array, width=9, height=7) == events


def test_structured_arrays_come_back():
    events = recording()
    assert EventArray.from_structured(events.to_structured(), width=9, height=7) == events


def test_what_is_not_structured_is_refused():
    with pytest.raises(errors.DTypeError, match="fields t, x, y and p"):
        EventArray.from_structured(np.zeros(3))
    with pytest.raises(errors.DTypeError, match="no field for p"):
        EventArray.from_structured(np.zeros(3, dtype=[("x", int), ("y", int), ("t", int)]))


# Spikes


@pytest.mark.parametrize(
    ("polarity", "n_channels", "channel_of"),
    [
        ("channels", 2, lambda p: p),
        ("merge", 1, lambda p: 0),
        ("on", 1, lambda p: 0 if p else None),
        ("off", 1, lambda p: None if p else 0),
    ],
)
def test_spikes_have_the_index_of_their_channel_and_pixel(polarity, n_channels, channel_of):
    events = recording()
    spikes = events.to_spikes(0.5, polarity)
    expected = [((channel_of(p) * 7 + y) * 9 + x, t * 0.5) for t, x, y, p in rows(events) if channel_of(p) is not None]
    assert spikes == evsim.SpikeArray(*zip(*expected, strict=True))
    assert spikes.shape == (n_channels, 7, 9)


def test_spikes_need_a_scale_and_a_polarity_that_exist():
    with pytest.raises(errors.InvalidArgumentError, match="time_scale"):
        recording().to_spikes(0)
    with pytest.raises(errors.InvalidArgumentError, match="polarity"):
        recording().to_spikes(polarity="both")
    with pytest.raises(errors.MemoryLimitError, match="places"):
        EventArray([1], [0], [0], [1], width=65536, height=65536).to_spikes()


# Grids

CHANNELS = {
    "channels": (2, lambda p: p, lambda p: 1),
    "merge": (1, lambda p: 0, lambda p: 1),
    "on": (1, lambda p: 0 if p else None, lambda p: 1),
    "off": (1, lambda p: None if p else 0, lambda p: 1),
    "signed": (1, lambda p: 0, lambda p: 1 if p else -1),
}


@pytest.mark.parametrize("polarity", CHANNELS)
@pytest.mark.parametrize(("start", "stop"), [(None, None), (500, 2000), (-100, 5000)])
def test_grids_count_events_by_step(polarity, start, stop):
    events = recording()
    n_channels, channel_of, value_of = CHANNELS[polarity]
    begin = events.t[0] if start is None else start
    end = events.t[-1] + 1 if stop is None else stop
    inside = [row for row in rows(events) if begin <= row[0] < end]
    for options, n_steps, step_of in (
        ({"dt": 77}, -(-(end - begin) // 77), lambda t: (t - begin) // 77),
        ({"n_bins": 13}, 13, lambda t: (t - begin) * 13 // (end - begin)),
    ):
        grid = events.voxel_grid(**options, polarity=polarity, start=start, stop=stop)
        assert grid.dtype == np.float32
        expected = oracle.counts(inside, n_steps, step_of, channel_of, value_of)
        assert np.array_equal(grid, dense(expected, (n_steps, n_channels, 7, 9)))


@pytest.mark.parametrize("n_bins", [1, 2, 5])
def test_bilinear_grids_follow_their_definition(n_bins):
    events = recording(200)
    expected = dense(oracle.bilinear(rows(events), n_bins, lambda p: p), (n_bins, 2, 7, 9))
    np.testing.assert_allclose(events.voxel_grid(n_bins, mode="bilinear"), expected, atol=1e-5)


def test_bilinear_grids_keep_the_number_of_events():
    events = recording()
    assert events.voxel_grid(6, mode="bilinear").sum() == pytest.approx(len(events), rel=1e-5)


def test_grids_can_be_binary_and_normalised():
    events = recording()
    counts = events.voxel_grid(4)
    assert counts.max() > 1
    assert np.array_equal(events.voxel_grid(4, mode="binary"), counts > 0)
    np.testing.assert_allclose(events.voxel_grid(4, normalize="max"), counts / counts.max(), rtol=1e-6)
    assert events.time_slice(10**6).voxel_grid(2, normalize="max").max() == 0


@pytest.mark.parametrize("polarity", ["channels", "merge", "on", "off"])
@pytest.mark.parametrize("options", [{"dt": 77}, {"n_bins": 13}, {"dt": 50, "start": 500, "stop": 2000}])
def test_binned_spikes_are_the_binary_grid(polarity, options):
    events = recording()
    spikes = events.binned(polarity=polarity, **options)
    grid = events.voxel_grid(polarity=polarity, mode="binary", **options)
    assert np.array_equal(spikes.to_dense(1.0, stop=len(grid)), grid)
    assert len(spikes) == grid.sum()
    order = spikes.times * grid[0].size + spikes.indices
    assert (np.diff(order) > 0).all()


def test_binning_needs_no_memory_for_steps_without_events():
    events = EventArray([0, 10**12], [0, 5], [0, 5], [1, 1], width=1280, height=720)
    assert events.binned(dt=1000, polarity="merge").times.tolist() == [0, 10**9]
    with pytest.raises(errors.MemoryLimitError, match="too large"):
        events.voxel_grid(dt=1000)


def test_bins_are_exact_where_products_do_not_fit_into_64_bits():
    events = EventArray([0, 2**60 - 1, 2**60], [0, 0, 0], [0, 0, 0], [1, 1, 1])
    assert events.binned(4, start=0, stop=2**61 - 1).times.tolist() == [0, 1, 2]


def test_events_without_events_have_empty_grids():
    empty = EventArray([], [], [], [], width=3, height=2)
    assert empty.voxel_grid(2).shape == (2, 2, 2, 3)
    assert empty.voxel_grid(2, mode="bilinear").sum() == 0
    assert len(empty.binned(dt=10)) == 0
    assert empty.to_spikes().shape == (2, 2, 3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_bins": 3, "dt": 5},
        {"n_bins": 0},
        {"dt": -1},
        {"n_bins": 3, "mode": "linear"},
        {"n_bins": 3, "polarity": "both"},
        {"n_bins": 3, "normalize": "mean"},
        {"n_bins": 3, "start": 5, "stop": 5},
        {"dt": 3, "mode": "bilinear"},
        {"n_bins": 3, "mode": "binary", "polarity": "signed"},
    ],
)
def test_grids_refuse_options_outside_their_domain(options):
    with pytest.raises(errors.InvalidArgumentError):
        recording().voxel_grid(**options)


# Filters


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("period", [0, 1, 40, 700, 10**6, 2**62])
def test_the_refractory_filter_is_the_loop(seed, period):
    events = recording(n=[0, 1, 30, 400, 900, 900][seed], width=[9, 9, 1, 3, 9, 2][seed], seed=seed)
    expected = oracle.refractory(rows(events), period)
    assert rows(filters.refractory(events, period)) == [rows(events)[k] for k in expected]


@pytest.mark.parametrize("period", [1, 2**50, 2**56, 2**62])
def test_the_refractory_filter_is_the_loop_for_recordings_of_centuries(period):
    events = recording(n=300, width=3, longest=2**61)
    expected = oracle.refractory(rows(events), period)
    assert rows(filters.refractory(events, period)) == [rows(events)[k] for k in expected]


def test_a_filter_that_forgot_kept_events_would_differ_from_the_loop():
    """The refractory test can fail: comparing with the last event instead of the last kept one is another filter."""
    events = EventArray([0, 6, 12], [0, 0, 0], [0, 0, 0], [1, 1, 1])
    gap = np.append(True, np.diff(events.t) >= 10)
    assert rows(filters.refractory(events, 10)) != rows(events.select(gap))


def test_refractory_chains_of_any_length_are_followed():
    n = 100_000
    events = EventArray(np.arange(n), np.zeros(n, int), np.zeros(n, int), np.ones(n, int))
    assert np.array_equal(filters.refractory(events, 3).t, np.arange(0, n, 3))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("radius", [1, 2, 20])
@pytest.mark.parametrize("window", [0, 15, 200])
def test_the_background_activity_filter_is_the_loop(seed, radius, window):
    width = [9, 40, 1, 25][seed]
    events = recording(n=400, width=width, height=30, longest=[3000, 3000, 3000, 60][seed], seed=seed)
    expected = oracle.isolated(rows(events), radius, window)
    assert rows(filters.isolated(events, radius, window)) == [rows(events)[k] for k in expected]


def test_a_pixel_does_not_vouch_for_itself():
    events = EventArray([0, 1, 2], [5, 5, 5], [5, 5, 5], [1, 0, 1])
    assert len(filters.isolated(events, 1, 1000)) == 0


def test_neighbours_do_not_reach_around_the_edge():
    events = EventArray([0, 1], [9, 0], [0, 1], [1, 1], width=10, height=2)
    assert len(filters.isolated(events, 1, 1000)) == 0


def test_hot_pixels_are_found_among_busy_ones():
    events = recording(n=2000, width=20, height=20)
    hot_t = np.arange(0, 3000, 10)
    both = EventArray(
        np.concatenate([events.t, hot_t]),
        np.concatenate([events.x, np.full(300, 7)]),
        np.concatenate([events.y, np.full(300, 3)]),
        np.concatenate([events.p, np.ones(300, int)]),
        width=20,
        height=20,
        sort=True,
    )
    hot = filters.find_hot_pixels(both)
    assert np.argwhere(hot).tolist() == [[3, 7]]
    assert not ((filters.hot_pixels(both).x == 7) & (filters.hot_pixels(both).y == 3)).any()
    assert filters.hot_pixels(events) == events
    assert filters.hot_pixels(both, mask=hot) == filters.hot_pixels(both)


def test_filters_take_empty_recordings():
    empty = EventArray([], [], [], [], width=3, height=2)
    assert filters.refractory(empty, 10) == filters.isolated(empty) == filters.hot_pixels(empty) == empty


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda e: filters.refractory(e, -1), errors.InvalidArgumentError),
        (lambda e: filters.refractory(e, 0.5), errors.DTypeError),
        (lambda e: filters.isolated(e, 0), errors.InvalidArgumentError),
        (lambda e: filters.isolated(e, 1, -1), errors.InvalidArgumentError),
        (lambda e: filters.hot_pixels(e, 0), errors.InvalidArgumentError),
        (lambda e: filters.hot_pixels(e, mask=np.zeros((2, 2), bool)), errors.DTypeError),
    ],
)
def test_filters_refuse_arguments_outside_their_domain(call, error):
    with pytest.raises(error):
        call(recording())
