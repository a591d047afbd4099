"""Masks that follow the events, where outlines are known."""

import numpy as np
import pytest
from scipy import ndimage

import evsim
from evsim.spikeseg import Instance, mask_iou, segment
from evsim.spikeseg.moving import is_extended, patch_share, patch_window
from evsim.spikeseg.outlines import _filled, sharpened


def instance(mask, class_id=0):
    y, x = np.nonzero(mask)
    pixels = np.flatnonzero(mask).astype(np.int32)
    return Instance(
        class_id, mask.shape, pixels, (x.min(), y.min(), x.max(), y.max()), np.ones((1, 1), bool), np.zeros((1, 4), int)
    )


def events_at(mask):
    y, x = np.nonzero(mask)
    return evsim.EventArray(np.arange(len(x)), x, y, np.ones(len(x)), width=mask.shape[1], height=mask.shape[0])


def disc(shape, x, y, radius):
    row, column = np.mgrid[: shape[0], : shape[1]]
    return (column - x) ** 2 + (row - y) ** 2 <= radius**2


def test_a_ring_becomes_a_disc_however_blurred_the_mask_was():
    whole = disc((60, 80), 40, 30, 14)
    ring = whole & ~disc((60, 80), 40, 30, 12)
    blurred = ndimage.binary_dilation(ring, iterations=4)
    (found,) = sharpened([instance(blurred)], events_at(ring))
    assert mask_iou(found.mask, whole) == 1.0


def test_parts_that_no_feature_saw_are_taken_from_next_to_the_mask_only():
    bar, far = np.zeros((40, 100), bool), np.zeros((40, 100), bool)
    bar[18:22, 10:40] = far[18:22, 70:90] = True
    seen = np.zeros_like(bar)
    seen[18:22, 15:30] = True
    (found,) = sharpened([instance(seen)], events_at(bar | far))
    assert np.array_equal(found.mask, bar)
    assert found.box == (10, 18, 39, 21)


def test_lone_events_are_left_out():
    whole = disc((60, 80), 40, 30, 10)
    noise = np.zeros_like(whole)
    noise[10, ::7] = noise[50, ::7] = True
    (found,) = sharpened([instance(whole)], events_at(whole | noise))
    assert np.array_equal(found.mask, whole)


def test_between_two_objects_a_pixel_goes_to_the_nearer_mask():
    bar = np.zeros((20, 60), bool)
    bar[8:12, 5:55] = True
    left, right = np.zeros_like(bar), np.zeros_like(bar)
    left[8:12, 5:25], right[8:12, 35:55] = True, True
    first, second = (one.mask for one in sharpened([instance(left), instance(right)], events_at(bar)))
    assert not (first & second).any()
    assert np.array_equal(first | second, bar)
    assert first[:, :28].sum() == bar[:, :28].sum()
    over = [one.mask for one in sharpened([instance(left, 0), instance(right, 1)], events_at(bar))]
    assert (over[0] & over[1]).any()


def test_a_mask_without_events_around_it_stays():
    mask = disc((30, 30), 15, 15, 4)
    nothing = evsim.EventArray([0], [0], [0], [1], width=30, height=30)
    (found,) = sharpened([instance(mask)], nothing)
    assert np.array_equal(found.mask, mask)


@pytest.mark.parametrize("seed", range(5))
def test_holes_are_filled_as_scipy_fills_them(seed):
    rng = np.random.default_rng(seed)
    solid = ndimage.binary_dilation(rng.random((50, 50)) < 0.04, iterations=3)
    spiral = ndimage.binary_dilation(rng.random((50, 50)) < 0.3)
    for mask in (solid, spiral):
        assert np.array_equal(_filled(mask), ndimage.binary_fill_holes(mask))


def test_windows_grow_where_events_are_sparse():
    rng = np.random.default_rng(1)
    lengths = []
    for n in (20_000, 1_400):
        t = np.sort(rng.integers(0, 400_000, n))
        x, y = t // 20_000 + 10 + rng.integers(0, 9, n), 20 + rng.integers(0, 9, n)
        events = evsim.EventArray(t, x, y, np.ones(n), width=64, height=48)
        assert is_extended(events)
        lengths.append(patch_window(events))
        assert patch_share(events, lengths[-1] * 1e-6) >= 0.5
        assert segment(events).window == lengths[-1]
    assert lengths[0] == 20_000 < lengths[1]
