import numpy as np
import pytest

from evsim import errors
from evsim.spikeseg import EventScores, Instance, class_iou, detected_events, mask_iou, score_events


def instance(*pixels, shape=(4, 5)):
    flat = np.array(sorted(y * shape[1] + x for x, y in pixels), np.int32)
    return Instance(0, shape, flat, (0, 0, 0, 0), np.ones((3, 1), bool), np.zeros((1, 4), np.int64))


@pytest.mark.parametrize(
    ("mask", "truth", "iou"),
    [([1, 1, 0, 0], [0, 1, 1, 0], 1 / 3), ([1, 1], [1, 1], 1.0), ([1, 0], [0, 1], 0.0), ([0, 0], [0, 1], 0.0)],
)
def test_intersection_over_union_of_masks(mask, truth, iou):
    assert mask_iou(mask, truth) == pytest.approx(iou)
    assert mask_iou(truth, mask) == pytest.approx(iou)


def test_two_empty_masks_have_no_intersection_over_union():
    assert np.isnan(mask_iou([0, 0], [0, 0]))


def test_intersection_over_union_per_class_is_that_of_the_class_masks():
    found, truth = np.random.default_rng(1).integers(-1, 4, (2, 30, 40))
    per_class, mean = class_iou(found, truth, 4)
    expected = [mask_iou(found == k, truth == k) for k in range(4)]
    np.testing.assert_allclose(per_class, expected, rtol=1e-15)
    assert mean == pytest.approx(np.mean(expected))


def test_absent_classes_do_not_lower_the_mean():
    scores = class_iou([0, 0, -1], [0, -1, -1], 3)
    np.testing.assert_array_equal(scores.per_class, [0.5, np.nan, np.nan])
    assert scores.mean == 0.5


def test_a_class_that_is_only_in_the_truth_counts_as_missed():
    assert class_iou([0, -1], [0, 1], 2).mean == 0.5


def test_an_empty_picture_has_no_mean():
    assert np.isnan(class_iou([-1, -1], [-1, -1], 2).mean)


@pytest.mark.parametrize(
    ("found", "truth", "error"),
    [
        ([0, 1], [0], errors.ShapeMismatchError),
        ([0, 2], [0, 1], errors.IndexOutOfRangeError),
        ([0, -2], [0, 1], errors.IndexOutOfRangeError),
        ([0.0, 1.0], [0, 1], errors.DTypeError),
    ],
)
def test_class_maps_that_do_not_fit_are_refused(found, truth, error):
    with pytest.raises(error):
        class_iou(found, truth, 2)


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(errors.ShapeMismatchError, match=r"\(2,\) and \(1,\)"):
        mask_iou([1, 1], [1])


def test_scores_of_events_worked_by_hand():
    scores = score_events(labels=[1, 1, 1, 1, 0, 0, 0, 0, 0, 0], detected=[1, 1, 1, 0, 1, 0, 0, 0, 0, 0])
    assert scores == EventScores(true_positives=3, false_negatives=1, true_negatives=5, false_positives=1)
    assert scores.sensitivity == 0.75
    assert scores.specificity == pytest.approx(5 / 6)
    assert scores.precision == 0.75
    assert scores.informedness == pytest.approx(0.75 + 5 / 6 - 1)


@pytest.mark.parametrize(("detected", "informedness"), [([1, 1, 0, 0], 1.0), ([0, 0, 1, 1], -1.0), ([1, 1, 1, 1], 0.0)])
def test_informedness_runs_from_minus_one_over_chance_to_one(detected, informedness):
    assert score_events([1, 1, 0, 0], detected).informedness == informedness


def test_labels_other_than_zero_are_objects():
    assert score_events([7, 0], [True, False]) == EventScores(1, 0, 1, 0)


def test_what_cannot_be_said_is_nan():
    scores = score_events([0, 0], [0, 0])
    assert np.isnan([scores.sensitivity, scores.informedness, scores.precision]).all()
    assert scores.specificity == 1.0
    assert np.isnan(score_events([], []).specificity)


def test_scores_of_recordings_add_up():
    rng = np.random.default_rng(2)
    labels, detected = rng.random((2, 100)) < 0.4
    parts = score_events(labels[:37], detected[:37]) + score_events(labels[37:], detected[37:])
    assert parts == score_events(labels, detected)


def test_labels_and_decisions_must_fit():
    with pytest.raises(errors.ShapeMismatchError, match="one label"):
        score_events([1, 0], [1])


def test_events_count_in_the_masks_of_their_own_window():
    windows = [[instance((1, 1)), instance((2, 1))], [instance((4, 3))]]
    t, x, y = [0, 5, 9, 10, 19, 5], [1, 2, 4, 4, 1, 0], [1, 1, 3, 3, 1, 0]
    expected = [True, True, False, True, False, False]
    assert detected_events(t, x, y, windows, [0, 10, 20]).tolist() == expected


def test_events_outside_of_all_windows_are_not_detected():
    windows = [[instance((1, 1))]]
    assert detected_events([-1, 0, 9, 10], [1] * 4, [1] * 4, windows, [0, 10]).tolist() == [False, True, True, False]


def test_detection_agrees_with_a_loop_over_masks():
    rng = np.random.default_rng(3)
    windows = [
        [instance(*zip(*rng.integers(0, 4, (2, 5)).tolist(), strict=True)) for _ in range(rng.integers(0, 3))]
        for _ in range(6)
    ]
    windows = [[Instance(0, i.shape, np.unique(i.pixels), i.box, i.ash, i.spikes) for i in w] for w in windows]
    t, x, y = rng.integers(-5, 70, 400), rng.integers(0, 5, 400), rng.integers(0, 4, 400)
    expected = [
        0 <= a < 60 and any(one.mask[c, b] for one in windows[a // 10])
        for a, b, c in zip(t.tolist(), x.tolist(), y.tolist(), strict=True)
    ]
    assert 20 < sum(expected) < 380
    assert detected_events(t, x, y, windows, np.arange(7) * 10).tolist() == expected


def test_columns_of_small_integer_types_do_not_overflow():
    far = instance((299, 299), shape=(300, 300))
    found = detected_events(np.array([1]), np.array([299], np.uint16), np.array([299], np.uint16), [[far]], [0, 2])
    assert found.tolist() == [True]


def test_nothing_is_detected_without_instances():
    assert detected_events([1, 2], [0, 99], [0, 0], [[], []], [0, 1, 2]).tolist() == [False, False]


@pytest.mark.parametrize(
    ("events", "windows", "edges", "error"),
    [
        (([1], [0, 1], [0]), [[]], [0, 1], errors.ShapeMismatchError),
        (([1], [0], [0]), [[]], [0, 1, 2], errors.ShapeMismatchError),
        (([1], [0], [0]), [[], []], [0, 2, 2], errors.UnsortedSpikesError),
        (([1], [5], [0]), [[instance((0, 0))]], [0, 2], errors.IndexOutOfRangeError),
        (([1], [0], [-1]), [[instance((0, 0))]], [0, 2], errors.IndexOutOfRangeError),
        (([1], [0.5], [0]), [[instance((0, 0))]], [0, 2], errors.DTypeError),
        (([1], [0], [0]), [[instance((0, 0)), instance((0, 0), shape=(9, 9))]], [0, 2], errors.ShapeMismatchError),
    ],
)
def test_detection_refuses_what_does_not_fit(events, windows, edges, error):
    with pytest.raises(error):
        detected_events(*events, windows, edges)
