"""Delta modulation against exact fractions, and against what it promises."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from evsim import errors
from evsim.encoders import delta_modulation

eighths = st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=1, max_size=25)
gaps = st.lists(st.integers(0, 16).map(lambda k: k / 4), min_size=25, max_size=25)
thresholds = st.sampled_from([0.125, 0.375, 1.0, 2.5])


def walked(signal, times, threshold):
    """Events of one signal, level by level along its straight lines: (time, rises), exact."""
    reference, theta = Fraction(signal[0]), Fraction(threshold)
    events = []
    for k in range(1, len(signal)):
        y, y_0, t, t_0 = (Fraction(v) for v in (signal[k], signal[k - 1], times[k], times[k - 1]))
        while abs(y - reference) >= theta:
            rises = y > reference
            reference += theta if rises else -theta
            events.append((t_0 + (t - t_0) * (reference - y_0) / (y - y_0), rises))
    return events


def events_of(spikes, signal, n_signals):
    mine = spikes[spikes.indices % n_signals == signal]
    return [(spike.time, spike.index >= n_signals) for spike in mine]


@given(eighths, gaps, thresholds)
def test_events_are_where_the_lines_cross_the_levels(signal, steps, threshold):
    times = np.cumsum(steps[: len(signal)])
    found = events_of(delta_modulation(signal, times, threshold=threshold), 0, 1)
    expected = sorted(walked(signal, times.tolist(), threshold))  # of one instant, OFF first
    assert [rises for _, rises in found] == [rises for _, rises in expected]
    for (time, _), (exact, _) in zip(found, expected, strict=True):
        assert abs(time - float(exact)) <= 1e-14 * (1 + float(exact))


def test_times_of_samples_do_not_pass_this_check():
    """Negative control: an encoder that knows samples only is late by a part of a step."""
    late = walked([0.0, 0.0, 2.5], [0.0, 1.0, 2.0], 1.0)
    assert [float(time) for time, _ in late] == [1.4, 1.8]


@given(eighths, gaps, thresholds)
def test_the_spikes_tell_the_signal_within_a_threshold(signal, steps, threshold):
    times = np.cumsum([step + 0.25 for step in steps[: len(signal)]])
    spikes = delta_modulation(signal, times, threshold=threshold)
    for time, value in zip(times, signal, strict=True):
        so_far = spikes.indices[spikes.times <= time]
        told = signal[0] + threshold * (2 * so_far.sum() - len(so_far))
        assert abs(value - told) < threshold * (1 + 1e-12)


@given(eighths, thresholds)
def test_samples_on_the_line_add_nothing(signal, threshold):
    times = np.arange(float(len(signal)))
    fine = np.arange(4 * (len(signal) - 1) + 1) / 4
    coarse, dense = (
        delta_modulation(values, moments, threshold=threshold)
        for values, moments in ((signal, times), (np.interp(fine, times, signal), fine))
    )
    assert coarse.indices.tolist() == dense.indices.tolist()
    np.testing.assert_allclose(coarse.times, dense.times, rtol=1e-13)


def test_a_mirrored_signal_swaps_the_channels():
    signal = np.cumsum(np.random.default_rng(0).normal(size=200))
    up, down = (delta_modulation(s, np.arange(200.0), threshold=0.3) for s in (signal, -signal))
    assert len(up) > 200
    assert up.indices.tolist() == (1 - down.indices).tolist()
    assert up.times.tolist() == down.times.tolist()


@pytest.mark.parametrize("step", [0.1, 0.3, 1 / 3, 1e-3, 0.7])
def test_a_staircase_of_thresholds_gives_one_event_per_step(step):
    """However the heights are rounded."""
    signal = step * np.concatenate((np.arange(50), np.arange(50)[::-1]))
    spikes = delta_modulation(signal, np.arange(100.0), threshold=step)
    assert spikes.indices.tolist() == [1] * 49 + [0] * 49
    np.testing.assert_allclose(spikes.times, [*range(1, 50), *range(51, 100)], rtol=1e-12)


def test_many_signals_are_as_each_alone():
    rng = np.random.default_rng(1)
    film, times = np.cumsum(rng.normal(size=(60, 3, 4)), axis=0), np.cumsum(rng.uniform(0.1, 1.0, 60))
    spikes = delta_modulation(film, times, threshold=0.5)
    assert spikes.shape == (2, 3, 4)
    assert spikes.is_sorted
    for k in range(12):
        alone = delta_modulation(film.reshape(60, 12)[:, k], times, threshold=0.5)
        assert events_of(spikes, k, 12) == events_of(alone, 0, 1)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 3)])
def test_a_batch_equals_its_signals_one_by_one(shape):
    batch = np.cumsum(np.random.default_rng(2).normal(size=(4, 30, *shape)), axis=1)
    times = np.arange(30.0)
    found = delta_modulation(batch, times, threshold=0.4, shape=shape)
    assert found == [delta_modulation(one, times, threshold=0.4) for one in batch]
    assert all(one.shape == ((2, *shape) if shape else None) for one in found)
    assert found[0] == delta_modulation(batch[0], times, threshold=0.4, shape=shape)


def test_a_jump_makes_all_its_events_at_once():
    spikes = delta_modulation([0.0, 0.0, 2.5, 2.5], [0.0, 1.0, 1.0, 2.0], threshold=1.0)
    assert spikes.times.tolist() == [1.0, 1.0]


def test_what_changes_less_than_the_threshold_is_silent():
    assert len(delta_modulation([0.0, 0.9, -0.9, 0.9], np.arange(4.0), threshold=1.0)) == 0
    assert len(delta_modulation([5.0], [0.0], threshold=1.0)) == 0


def test_memory_does_not_grow_with_what_is_refused():
    tracemalloc.start()
    for signal in ([0.0, 1e300], [-1.7e308, 1.7e308], [0.0, 2.0**30]):
        with pytest.raises(errors.MemoryLimitError, match="larger threshold"):
            delta_modulation(signal, [0.0, 1.0], threshold=1.0)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("signal", "times", "options", "error", "message"),
    [
        ([0.0, 1.0], [0.0], {}, errors.ShapeMismatchError, "1 values for 2"),
        ([0.0, 1.0], [1.0, 0.0], {}, errors.UnsortedSpikesError, r"times\[1\]"),
        ([0.0, 1.0], [0.0, np.nan], {}, errors.NonFiniteError, "times"),
        ([0.0, 1.0], [0.0, 1.0], {"threshold": 0.0}, errors.InvalidArgumentError, "threshold"),
        ([0.0, 1.0], [0.0, 1.0], {"threshold": [1.0, 2.0]}, errors.DTypeError, "threshold"),
        (3.0, [0.0], {}, errors.ShapeMismatchError, "axis of time"),
        ([], [], {}, errors.ShapeMismatchError, "samples"),
        (np.zeros((2, 0)), [0.0, 1.0], {}, errors.ShapeMismatchError, "samples"),
        (np.zeros((2, 1, 1, 1, 1)), [0.0, 1.0], {}, errors.ShapeMismatchError, "shape"),
        (np.zeros((2, 3)), [0.0, 1.0], {"shape": (2,)}, errors.ShapeMismatchError, "shape"),
        (np.zeros((2, 3)), [0.0, 1.0], {"shape": 3}, errors.DTypeError, "shape"),
    ],
)
def test_what_is_no_signal_is_refused(signal, times, options, error, message):
    with pytest.raises(error, match=message):
        delta_modulation(signal, times, **({"threshold": 1.0} | options))
