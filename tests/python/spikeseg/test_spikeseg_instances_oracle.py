"""Instances of HULK-SMASH: worked by hand, and against brute force over pixels and pairs of spikes."""

from dataclasses import replace

import numpy as np
import pytest
from oracle import spikeseg as oracle, spikeseg_instances as brute
from spikeseg_agreement import build, random_decoding, same

from evsim.spikeseg import (
    Instance,
    SpikeSEGDecoder,
    active_spike_hashes,
    box_iou,
    find_instances,
    hash_similarity,
    smash_score,
    track_instances,
)

PAIRS = (("2/2", "2/2"), ("3/2", "2/2"), ("7/6", "2/2"), ("2/3", "3/2"))
pools = pytest.mark.parametrize("pools", PAIRS, ids="+".join)


# By hand


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ((0, 0, 3, 3), (0, 0, 3, 3), 1.0),
        ((0, 0, 3, 3), (2, 0, 5, 3), 8 / 24),
        ((0, 0, 3, 3), (3, 3, 6, 6), 1 / 31),
        ((0, 0, 3, 3), (4, 0, 7, 3), 0.0),
        ((0, 0, 9, 9), (2, 3, 4, 3), 3 / 100),
        ((5, 5, 5, 5), (5, 5, 5, 5), 1.0),
    ],
    ids=["same", "half shifted", "corner", "beside", "inside", "one pixel"],
)
def test_overlap_of_boxes_counts_pixels_with_both_corners(a, b, iou):
    assert box_iou(a, b) == pytest.approx(iou, rel=1e-15)
    assert box_iou(b, a) == pytest.approx(iou, rel=1e-15)
    assert brute.box_iou(a, b) == pytest.approx(iou, rel=1e-15)


def test_hashes_match_only_where_features_spike_in_the_same_step():
    early = np.array([[1, 0, 0], [1, 0, 0]], bool)
    late = np.array([[0, 1, 0], [0, 1, 0]], bool)
    assert hash_similarity(early, late) == 0.0
    assert hash_similarity(early, early) == 1.0
    assert hash_similarity(early, early | late) == 0.5
    assert hash_similarity(np.zeros((2, 3), bool), np.zeros((2, 3), bool)) == 0.0


def instance(box, ash):
    return Instance(0, (8, 8), np.array([0]), box, np.array(ash, bool), np.zeros((1, 4), int))


def test_score_is_similarity_times_overlap():
    a = instance((0, 0, 3, 3), [[1, 1, 0, 0]])
    b = instance((2, 0, 5, 3), [[0, 1, 1, 0]])
    assert smash_score(a, b) == pytest.approx(1 / 3 * 1 / 3, rel=1e-15)


def relay(n_classes=1):
    """Every spike goes straight through: kernels of one pixel, pools of one cell, thresholds of one spike."""
    one = oracle.Conv(np.ones((1, 1, 1, 1)), 1.0)
    last = oracle.Conv(np.ones((n_classes, 1, 1, 1)), 1.0)
    pool = oracle.Pool(1, 1)
    return oracle.Encoder(one, pool, one, pool, last, None, 2, False)


def found(encoder, x, threshold=0.1, **options):
    made = build(encoder)
    output = made.forward(x)
    return (
        output,
        SpikeSEGDecoder.from_encoder(made),
        find_instances(output, SpikeSEGDecoder.from_encoder(made), threshold=threshold, **options),
    )


def test_a_spike_that_goes_straight_through_is_its_own_instance():
    x = np.zeros((3, 1, 1, 4, 5))
    x[1, 0, 0, 2, 3] = 1
    _, _, (only,) = found(relay(), x)
    assert only.class_id == 0
    assert only.box == (3, 2, 3, 2)
    assert only.pixels.tolist() == [2 * 5 + 3]
    assert only.spikes.tolist() == [[1, 0, 2, 3]]
    assert only.ash.astype(int).tolist() == [[0, 1, 0]] * 3


def test_a_pixel_that_spikes_twice_is_one_instance_if_a_third_of_the_hash_repeats():
    # The second hash holds the first spike's features in conv1 and conv2 too, but not its class: 2 of 3 and 5.
    x = np.zeros((2, 1, 1, 3, 3))
    x[:, 0, 0, 1, 1] = 1
    output, decoder, instances = found(relay(), x, threshold=1 / 3 - 1e-9)
    _, hashes = active_spike_hashes(output, decoder)
    assert hashes.astype(int).tolist() == [[[1, 0]] * 3, [[1, 1], [1, 1], [0, 1]]]
    assert hash_similarity(*hashes) == pytest.approx(2 / 6)
    assert len(instances) == 1
    assert len(found(relay(), x, threshold=1 / 3 + 1e-9)[2]) == 2


def test_the_row_of_a_class_follows_those_of_the_features():
    x = np.ones((1, 1, 1, 1, 1))
    output, decoder, _ = found(relay(n_classes=3), x)
    spikes, hashes = active_spike_hashes(output, decoder)
    assert hashes.shape == (3, 1 + 1 + 3, 1)
    for (_, label, _, _), ash in zip(spikes.tolist(), hashes, strict=True):
        assert np.flatnonzero(ash[:, 0]).tolist() == [0, 1, 2 + label]


def test_classes_share_an_instance_only_if_asked_to():
    x = np.ones((1, 1, 1, 1, 1))
    # Two hashes of three entries with two in common, and one box: 2 / 4.
    assert len(found(relay(n_classes=2), x)[2]) == 2
    (only,) = found(relay(n_classes=2), x, across_classes=True)[2]
    assert only.class_id == 0
    assert len(only.spikes) == 2


def test_neighbours_are_linked_by_a_chain():
    # Spikes of a 3 x 3 last layer between two pixels see both, so that boxes overlap; those at the ends do not.
    encoder = replace(relay(), conv3=oracle.Conv(np.ones((1, 1, 3, 3)), 1.0))
    x = np.zeros((1, 1, 1, 3, 7))
    x[0, 0, 0, 1, [1, 3, 5]] = 1
    _, _, (only,) = found(encoder, x, threshold=0.0)
    assert only.box == (1, 1, 5, 1)
    assert only.pixels.tolist() == [8, 10, 12]
    assert len(only.spikes) == 3 * 7
    x[0, 0, 0, 1, 3] = 0
    _, _, apart = found(encoder, x, threshold=0.0)
    assert [i.box for i in apart] == [(1, 1, 1, 1), (5, 1, 5, 1)]


# Against brute force


@pools
def test_hashes_equal_brute_force(pools):
    rng = np.random.default_rng([1, PAIRS.index(pools)])
    compared = 0
    for _ in range(4):
        case = random_decoding(rng, pools=pools, noise=0.0)
        output, decoder = build(case.encoder).forward(case.input), case.build()
        for sample in range(case.spikes.shape[1]):
            spikes, hashes = active_spike_hashes(output, decoder, sample)
            expected = brute.classification_spikes(case.encoded, sample)
            assert sorted(map(tuple, spikes.tolist())) == expected
            for spike, ash in list(zip(map(tuple, spikes.tolist()), hashes, strict=True))[:40]:
                same(f"hash of {spike}", ash, brute.active_spike_hash(case.encoder, case.encoded, sample, spike))
                compared += 1
    assert compared > 10


@pools
@pytest.mark.parametrize("across_classes", [False, True])
def test_instances_equal_brute_force(pools, across_classes):
    rng = np.random.default_rng([2, PAIRS.index(pools)])
    spikes = several = 0
    for _ in range(4):
        case = random_decoding(rng, pools=pools, noise=0.0, steps=5)
        output, decoder = build(case.encoder).forward(case.input), case.build()
        for sample in range(case.spikes.shape[1]):
            if case.spikes[:, sample].sum() > 80:
                continue
            threshold = float(rng.choice([0.1, 0.25, 0.45]))
            expected, margin = brute.instances(
                case.encoder, case.decoder, case.encoded, case.pooling, sample, threshold, across_classes=across_classes
            )
            if margin < 1e-12:
                continue
            got = find_instances(output, decoder, sample, threshold, across_classes=across_classes)
            assert len(got) == len(expected)
            several += len(got) > 1
            for one, other in zip(got, sorted(expected, key=lambda o: o.spikes[0]), strict=True):
                assert sorted(map(tuple, one.spikes.tolist())) == other.spikes
                assert one.class_id == other.label
                assert one.box == other.box
                same("mask", one.mask, other.mask)
                same("hash", one.ash, other.ash)
                spikes += len(other.spikes)
    assert spikes > 10
    assert several


@pytest.mark.parametrize("max_gap", [0, 2])
@pytest.mark.parametrize("max_distance", [None, 4.0])
def test_tracks_equal_brute_force(max_gap, max_distance):
    rng = np.random.default_rng([3, max_gap])
    longest = 0
    for _ in range(20):
        windows = []
        for _ in range(6):
            seen = []
            for _ in range(int(rng.integers(0, 5))):
                x, y, w, h = (int(n) for n in rng.integers(0, 5, 4))
                seen.append((int(rng.integers(2)), (x, y, x + w, y + h), rng.random((2, 3)) < 0.5))
            windows.append(seen)
        instances = [
            [Instance(c, (10, 10), np.array([0]), box, ash, np.zeros((1, 4), int)) for c, box, ash in seen]
            for seen in windows
        ]
        got = track_instances(instances, 0.3, max_gap=max_gap, max_distance=max_distance)
        expected = brute.tracks(windows, 0.3, max_gap, max_distance)
        places = {id(one): (w, i) for w, window in enumerate(instances) for i, one in enumerate(window)}
        assert [[places[id(one)] for one in track.instances] for track in got] == expected
        longest = max(longest, *map(len, expected))
    assert longest > 2
