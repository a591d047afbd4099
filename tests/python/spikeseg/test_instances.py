import json

import numpy as np
import pytest
from oracle import instances as oracle

from evsim import errors, spikeseg
from evsim.spikeseg import EncoderConfig, Instance, LayerConfig, SpikeSEG, find_instances, grouping, hashes, instances


def network(channels=(1, 1, 1), kernels=(1, 1, 1), thresholds=(1.0, 1.0, 1.0), inputs=1, **options):
    """A model whose weights are 1, without competition."""
    layers = [LayerConfig(*values) for values in zip(channels, kernels, thresholds, strict=True)]
    names = ("conv1", "conv2", "conv3")
    options = {"use_wta": False, **options}
    model = SpikeSEG(EncoderConfig(input_channels=inputs, **dict(zip(names, layers, strict=True)), **options))
    for weight in model.get_layer_weights().values():
        weight[...] = 1
    return model


def movie(n_steps, height, width, *lit, channels=1):
    """Steps with the pixels (step, y, x) or (step, y, x, channel) lit."""
    x = np.zeros((n_steps, 1, channels, height, width), np.float32)
    for step, row, column, *channel in lit:
        x[step, 0, channel[0] if channel else 0, row, column] = 1
    return x


def found(model, x, **options):
    output = model.encode(x)
    return find_instances(output, model.decoder, **options)


def set_entries(ash):
    return {(int(row), int(step)) for row, step in np.argwhere(ash)}


def instance(box=(0, 0, 0, 0), entries=((0, 0),), class_id=0, shape=(20, 20), rows=8):
    x0, y0, x1, y1 = box
    y, x = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
    ash = np.zeros((rows, 4), bool)
    for entry in entries:
        ash[entry] = True
    pixels = (y * shape[1] + x).ravel().astype(np.int32)
    return Instance(class_id, shape, pixels, box, ash, np.array([[0, class_id, y0, x0]]))


# Worked by hand: kernels of one pixel and two poolings of 2 x 2, so a pixel (y, x) ends in conv3 at (y // 4, x // 4)


def test_two_separated_pixels_are_two_instances():
    first, second = found(network(), movie(1, 12, 12, (0, 1, 2), (0, 9, 8)))
    assert (first.box, second.box) == ((2, 1, 2, 1), (8, 9, 8, 9))
    assert first.spikes.tolist() == [[0, 0, 0, 0]]
    assert second.spikes.tolist() == [[0, 0, 2, 2]]


def test_spikes_of_one_pixel_at_two_steps_are_one_instance():
    model = network(fire_once=False)
    (one,) = found(model, movie(2, 4, 4, (0, 1, 2), (1, 1, 2)))
    assert one.steps.tolist() == [0, 1]
    assert one.pixels.tolist() == [6]
    assert set_entries(one.ash) == {(row, step) for row in range(3) for step in range(2)}


@pytest.mark.parametrize(("threshold", "n"), [(0.33, 1), (0.34, 2)])
def test_the_score_of_two_steps_is_a_third(threshold, n):
    # hashes {conv1, conv2, class at 0} and {conv1, conv2 at 0 and 1, class at 1}: 2 of 6 entries are shared
    model = network(fire_once=False)
    assert len(found(model, movie(2, 4, 4, (0, 1, 2), (1, 1, 2)), threshold=threshold)) == n


def test_features_are_hashed_at_their_own_steps_and_classes_after_them():
    model = network(channels=(2, 2, 2), kernels=(1, 1, 3), thresholds=(1.0, 1.0, 2.0))
    weights = model.get_layer_weights()
    weights["conv1"][1] = weights["conv2"][0] = weights["conv2"][1, 1] = weights["conv3"][0] = 0
    output = model.encode(movie(4, 4, 12, (0, 0, 1), (2, 0, 9)))
    spikes, ashes = spikeseg.active_spike_hashes(output, model.decoder)
    assert spikes.tolist() == [[2, 1, 0, 1]]
    assert ashes.shape == (1, 6, 4)
    assert set_entries(ashes[0]) == {(0, 0), (0, 2), (3, 0), (3, 2), (5, 2)}


def test_features_after_the_classification_spike_are_not_hashed():
    model = network()
    _, ashes = spikeseg.active_spike_hashes(model.encode(movie(3, 4, 4, (1, 0, 0), (2, 3, 3))), model.decoder)
    assert set_entries(ashes[0]) == {(0, 1), (1, 1), (2, 1)}


def test_features_next_to_the_receptive_field_are_not_hashed():
    model = network()
    spikes, ashes = spikeseg.active_spike_hashes(model.encode(movie(2, 4, 8, (0, 0, 4), (1, 0, 3))), model.decoder)
    assert spikes[:, 3].tolist() == [1, 0]
    assert [set_entries(ash) for ash in ashes] == [{(0, 0), (1, 0), (2, 0)}, {(0, 1), (1, 1), (2, 1)}]


def test_features_between_the_windows_of_a_pooling_are_not_hashed():
    model = network(pool1_kernel_size=2, pool1_stride=4, pool2_kernel_size=1, pool2_stride=1)
    _, ashes = spikeseg.active_spike_hashes(model.encode(movie(2, 8, 8, (0, 2, 2), (1, 0, 0))), model.decoder)
    assert set_entries(ashes[0]) == {(0, 1), (1, 1), (2, 1)}


@pytest.mark.parametrize(("across_classes", "classes"), [(False, [0, 1]), (True, [0])])
def test_classes_stay_apart_unless_asked(across_classes, classes):
    model = network(channels=(1, 1, 2))
    made = found(model, movie(1, 4, 4, (0, 0, 0)), across_classes=across_classes)
    assert [one.class_id for one in made] == classes
    assert {tuple(spike) for one in made for spike in one.spikes.tolist()} == {(0, 0, 0, 0), (0, 1, 0, 0)}


def test_an_instance_of_several_classes_has_that_of_most_spikes():
    model = network(channels=(1, 1, 2), fire_once=False)
    model.get_layer_weights()["conv3"][0] = 0.5625  # class 0 needs two steps
    (one,) = found(model, movie(2, 4, 4, (0, 0, 0), (1, 0, 0)), across_classes=True)
    assert one.spikes[:, 1].tolist() == [1, 0, 1]
    assert one.class_id == 1


@pytest.mark.parametrize(("off_weight", "n"), [(-0.5, 1), (-1.0, 0), (-2.0, 0)])
def test_a_pixel_counts_if_its_channels_sum_to_more_than_zero(off_weight, n):
    model = network(inputs=2)
    model.get_layer_weights()["conv1"][0, 1] = off_weight
    assert len(found(model, movie(1, 4, 4, (0, 0, 0, 0), channels=2))) == n


def test_the_box_has_both_corners():
    model = network(kernels=(3, 1, 1), thresholds=(1.0, 1.0, 1.0))
    (one,) = found(model, movie(1, 12, 12, (0, 5, 6)))
    assert len(one.spikes) == 1
    # conv1 spikes at rows 4 to 6 and columns 5 to 7; of each cell of pool1 the first, and of pool2's the first again
    assert one.box == (4, 3, 6, 5)
    assert one.mask[3:6, 4:7].all()
    assert len(one.pixels) == 9
    assert one.centroid == (5.0, 4.0)


# Against loops

CONFIGS = [
    {"channels": (2, 3, 2), "kernels": (3, 3, 3), "thresholds": (1.4, 2.0, 3.5)},
    {"channels": (1, 2, 1), "kernels": (5, 1, 3), "thresholds": (2.0, 0.9, 1.5), "inputs": 2},
    {"channels": (2, 2, 1), "kernels": (3, 3, 5), "thresholds": (1.4, 2.0, 4.0), "pool1_kernel_size": 3},
    {"channels": (2, 2, 2), "kernels": (3, 3, 3), "thresholds": (1.4, 1.0, 1.0), "pool2_kernel_size": 1},
    {"channels": (1, 2, 1), "kernels": (3, 3, 3), "thresholds": (1.4, 1.0, 2.0), "fire_once": False},
    {"channels": (1, 2, 1), "kernels": (3, 4, 2), "thresholds": (1.4, 1.5, 1.2)},
]


def random_output(options, seed, n_samples=1):
    rng = np.random.default_rng(seed)
    model = network(**options)
    for weight in model.get_layer_weights().values():
        weight[...] = rng.integers(20, 65, weight.shape) / 64
    n_inputs = options.get("inputs", 1)
    x = (rng.random((4, n_samples, n_inputs, 22, 25)) < 0.03).astype(np.float32)
    return model, model.encode(x)


@pytest.mark.parametrize("options", CONFIGS)
@pytest.mark.parametrize("across_classes", [False, True])
def test_instances_agree_with_loops(options, across_classes):
    model, output = random_output(options, seed=3)
    expected = oracle.instances(output, model.decoder, model.config, 0, 0.3, across_classes)
    made = find_instances(output, model.decoder, threshold=0.3, across_classes=across_classes)
    assert len(expected) > 1
    assert any(len(spikes) > 1 for spikes, *_ in expected)
    assert [
        (
            {tuple(spike) for spike in one.spikes.tolist()},
            {(int(y), int(x)) for y, x in np.argwhere(one.mask)},
            one.box,
            set_entries(one.ash),
        )
        for one in made
    ] == expected


@pytest.mark.parametrize("options", CONFIGS)
def test_hashes_agree_with_loops(options):
    model, output = random_output(options, seed=4)
    spikes, ashes = spikeseg.active_spike_hashes(output, model.decoder)
    expected = [oracle.active_hash(spike, output, model.config, 0) for spike in spikes.tolist()]
    assert len(expected) > 4
    assert [set_entries(ash) for ash in ashes] == expected


def test_scores_agree_with_loops():
    model, output = random_output(CONFIGS[0], seed=5)
    made = find_instances(output, model.decoder, threshold=1.0)
    assert len(made) > 5
    for a in made[:12]:
        for b in made[:12]:
            expected = oracle.score(set_entries(a.ash), set_entries(b.ash), a.box, b.box)
            assert spikeseg.smash_score(a, b) == pytest.approx(expected, rel=1e-15)


def test_results_do_not_depend_on_the_size_of_blocks(monkeypatch):
    model, output = random_output(CONFIGS[0], seed=6)
    expected = [one.to_dict() for one in find_instances(output, model.decoder)]
    monkeypatch.setattr(instances, "_SPIKES", 2)
    monkeypatch.setattr(grouping, "_PAIRS", 3)
    assert [one.to_dict() for one in find_instances(output, model.decoder)] == expected


def test_samples_of_a_batch_are_independent():
    model, _ = random_output(CONFIGS[0], seed=7)
    x = (np.random.default_rng(7).random((4, 2, 1, 22, 25)) < 0.03).astype(np.float32)
    output = model.encode(x)
    for sample in range(2):
        alone = model.encode(x[:, sample : sample + 1])
        expected = [one.to_dict() for one in find_instances(alone, model.decoder)]
        assert expected
        assert [one.to_dict() for one in find_instances(output, model.decoder, sample)] == expected


def test_shifting_the_input_by_a_cell_of_conv3_shifts_all_boxes():
    model = network(channels=(2, 2, 1), kernels=(3, 3, 3), thresholds=(2.0, 2.0, 3.0))
    rng = np.random.default_rng(8)
    x = np.zeros((3, 1, 1, 64, 64), np.float32)
    x[:, :, :, 24:36, 24:36] = rng.random((3, 1, 1, 12, 12)) < 0.2
    here, there = found(model, x), found(model, np.roll(x, (4, 8), axis=(3, 4)))
    assert here
    assert [np.add(one.box, (8, 4, 8, 4)).tolist() for one in here] == [list(one.box) for one in there]


# Groups


def packed(rows):
    return np.packbits(np.atleast_2d(rows).astype(bool), axis=1)


def groups_of(boxes, threshold, bits=None, classes=None):
    n = len(boxes)
    bits = np.ones((n, 64)) if bits is None else bits
    kinds = np.zeros(n, np.int64) if classes is None else np.array(classes)
    return grouping.group(np.array(boxes), packed(bits), kinds, threshold).tolist()


@pytest.mark.parametrize(("threshold", "labels"), [(0.3, [0, 0, 0]), (0.34, [0, 1, 2])])
def test_chains_belong_together(threshold, labels):
    # neighbours share a third of their pixels, the ends nothing
    assert groups_of([(0, 0, 9, 0), (5, 0, 14, 0), (10, 0, 19, 0)], threshold) == labels


@pytest.mark.parametrize(("threshold", "labels"), [(0.25, [0, 1]), (0.2499, [0, 0])])
def test_a_score_equal_to_the_threshold_does_not_link(threshold, labels):
    bits = np.ones((2, 64))
    bits[1, 32:] = 0  # half of the entries, and half of the pixels
    assert groups_of([(0, 0, 3, 0), (2, 0, 3, 0)], threshold, bits) == labels


def test_boxes_that_share_columns_but_no_rows_are_apart():
    assert groups_of([(0, 0, 9, 3), (0, 4, 9, 7)], 0.0) == [0, 1]


def test_a_long_shuffled_chain_is_one_group():
    order = np.random.default_rng(1).permutation(3000)
    boxes = np.stack([order, np.zeros_like(order), order + 1, np.zeros_like(order)], axis=1)
    assert set(groups_of(boxes, 0.3)) == {0}


def test_groups_agree_with_a_walk_through_all_pairs():
    rng = np.random.default_rng(2)
    corner = rng.integers(0, 60, (120, 2))
    boxes = np.concatenate([corner, corner + rng.integers(0, 12, (120, 2))], axis=1)
    bits, classes = rng.random((120, 64)) < 0.7, rng.integers(0, 2, 120)
    entries = [{(0, int(k)) for k in np.flatnonzero(row)} for row in bits]
    scores = [[oracle.score(entries[a], entries[b], boxes[a], boxes[b]) for b in range(120)] for a in range(120)]
    expected = oracle.groups(scores, classes.tolist(), 0.15)
    labels = groups_of(boxes, 0.15, bits, classes)
    assert 1 < len(expected) < 120
    assert {frozenset(np.flatnonzero(np.array(labels) == k).tolist()) for k in labels} == set(map(frozenset, expected))
    assert [min(members) for members in expected] == sorted(set(labels))


@pytest.mark.parametrize("seed", range(5))
def test_merging_finds_the_components_of_a_random_graph(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 200, (2, 160))
    labels = np.arange(200)
    grouping.merge(labels, a[:60], b[:60])
    grouping.merge(labels, a[60:], b[60:])
    linked = np.eye(200)
    linked[a, b] = linked[b, a] = 1
    expected = oracle.groups(linked, [0] * 200, 0.5)
    assert labels.tolist() == [min(next(m for m in expected if k in m)) for k in range(200)]


@pytest.mark.parametrize("count", [hashes.count_bits, hashes.count_bits_by_table])
def test_bits_are_counted(count):
    bits = np.random.default_rng(0).integers(0, 256, (7, 16), dtype=np.uint8)
    assert count(bits).tolist() == [sum(int(byte).bit_count() for byte in row) for row in bits]


@pytest.mark.parametrize(
    ("first", "second", "iou"),
    [
        ((0, 0, 3, 3), (0, 0, 3, 3), 1.0),
        ((0, 0, 3, 3), (3, 3, 4, 4), 1 / 19),
        ((0, 0, 3, 3), (4, 0, 7, 3), 0.0),
        ((0, 0, 9, 9), (2, 2, 3, 3), 0.04),
        ((5, 5, 5, 5), (5, 5, 5, 5), 1.0),
    ],
)
def test_intersection_over_union_of_boxes(first, second, iou):
    assert spikeseg.box_iou(first, second) == pytest.approx(iou)


# Edges, errors, files


def test_no_spikes_are_no_instances():
    model = network()
    output = model.encode(movie(2, 8, 8))
    assert find_instances(output, model.decoder) == []
    spikes, ashes = spikeseg.active_spike_hashes(output, model.decoder)
    assert spikes.shape == (0, 4)
    assert ashes.shape == (0, 3, 2)


def test_one_spike_is_one_instance():
    (one,) = found(network(), movie(1, 4, 4, (0, 3, 3)))
    assert (one.box, one.class_id, len(one.spikes)) == ((3, 3, 3, 3), 0, 1)


def test_spikes_need_not_be_stored():
    stored, lean = network(), network(store_all_spikes=False)
    x = movie(1, 12, 12, (0, 1, 2), (0, 9, 8))
    assert [one.to_dict() for one in found(lean, x)] == [one.to_dict() for one in found(stored, x)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample": 1}, errors.IndexOutOfRangeError, "no sample 1"),
        ({"sample": -1}, errors.IndexOutOfRangeError, "no sample -1"),
        ({"threshold": 1.5}, errors.InvalidArgumentError, "from 0 to 1"),
        ({"threshold": -0.1}, errors.InvalidArgumentError, "from 0 to 1"),
    ],
)
def test_options_out_of_range_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        found(network(), movie(1, 4, 4, (0, 0, 0)), **options)


def test_the_decoder_of_another_network_is_refused():
    output = network().encode(movie(1, 4, 4, (0, 0, 0)))
    with pytest.raises(errors.ShapeMismatchError, match=r"\[1, 1, 1, 1\] channels .* \[1, 1, 1, 2\]"):
        find_instances(output, network(channels=(1, 1, 2)).decoder)


def test_instances_pass_through_json_and_npz(tmp_path):
    one = instance(box=(2, 3, 5, 4), entries=((1, 2), (7, 3)), class_id=1)
    np.savez(tmp_path / "one.npz", **one.to_dict(arrays=True))
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        copies = [Instance.from_dict(json.loads(json.dumps(one.to_dict()))), Instance.from_dict(file)]
    for copy in copies:
        assert copy.to_dict() == one.to_dict()
        assert copy.mask.sum() == 8
        assert copy.ash.dtype == bool


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"box": [1, 2]}, "not the contents"),
        ({"pixels": [400]}, "at most 399"),
        ({"pixels": [3, 3]}, "must increase"),
        ({"pixels": []}, "shapes"),
        ({"spikes": [[1, 2]]}, "shapes"),
        ({"class_id": None}, "not the contents"),
    ],
)
def test_damaged_contents_are_refused(change, message):
    with pytest.raises(errors.FileFormatError, match=message):
        Instance.from_dict({**instance().to_dict(), **change})


def test_hashes_of_different_shapes_cannot_be_compared():
    with pytest.raises(errors.ShapeMismatchError, match="one shape"):
        spikeseg.hash_similarity(np.ones((2, 3)), np.ones((3, 2)))


# Tracks

A, B = ((0, 0), (1, 0), (2, 1), (3, 2)), ((4, 0), (5, 0), (6, 1), (7, 2))


def tracked(windows, **options):
    return [track.windows for track in spikeseg.track_instances(windows, **options)]


def test_objects_are_told_apart_by_their_hashes_where_they_cross():
    windows = [
        [instance((0, 0, 1, 1), A), instance((10, 0, 11, 1), B)],
        [instance((4, 0, 5, 1), B), instance((6, 0, 7, 1), A)],
    ]
    first, second = spikeseg.track_instances(windows)
    assert first.boxes.tolist() == [[0, 0, 1, 1], [6, 0, 7, 1]]
    assert second.centroids.tolist() == [[10.5, 0.5], [4.5, 0.5]]
    assert (first.track_id, second.track_id) == (0, 1)


def test_the_best_pair_is_linked_first():
    # the first track shares 3 of 4 entries with the new instance, the second all
    windows = [[instance(entries=A[:3]), instance(entries=A)], [instance(entries=A)]]
    assert tracked(windows) == [[0], [0, 1]]


def test_ties_go_to_the_nearer_pair_then_to_the_older_track():
    near = [[instance((0, 0, 0, 0)), instance((9, 0, 9, 0))], [instance((8, 0, 8, 0))]]
    assert tracked(near) == [[0], [0, 1]]
    equal = [[instance((0, 0, 0, 0)), instance((8, 0, 8, 0))], [instance((4, 0, 4, 0))]]
    assert tracked(equal) == [[0, 1], [0]]


def test_an_equal_index_is_not_above_the_threshold():
    windows = [[instance(entries=A[:2])], [instance(entries=A)]]
    assert tracked(windows, threshold=0.49) == [[0, 1]]
    assert tracked(windows, threshold=0.5) == [[0], [1]]


def test_classes_are_not_mixed():
    assert tracked([[instance(class_id=0)], [instance(class_id=1)]]) == [[0], [1]]


@pytest.mark.parametrize(("max_gap", "expected"), [(0, [[0], [3]]), (1, [[0], [3]]), (2, [[0, 3]])])
def test_gaps_up_to_the_limit_are_bridged(max_gap, expected):
    assert tracked([[instance()], [], [], [instance()]], max_gap=max_gap) == expected


@pytest.mark.parametrize(("moved", "expected"), [(6, [[0, 2]]), (7, [[0], [2]])])
def test_the_allowed_distance_grows_with_the_gap(moved, expected):
    windows = [[instance((0, 0, 0, 0))], [], [instance((moved, 0, moved, 0))]]
    assert tracked(windows, max_gap=1, max_distance=3.0) == expected


def test_tracks_carry_times_and_pass_through_json():
    (track,) = spikeseg.track_instances([[instance()], [instance()]], times=[5.0, 7.5])
    assert track.times == [5.0, 7.5]
    assert json.loads(json.dumps(track.to_dict()))["windows"] == [0, 1]
    assert len(track) == 2


def test_no_windows_are_no_tracks():
    assert tracked([]) == tracked([[], []]) == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"times": [0.0]}, errors.ShapeMismatchError, "1 times for 2 windows"),
        ({"threshold": 2.0}, errors.InvalidArgumentError, "threshold"),
        ({"max_gap": -1}, errors.InvalidArgumentError, "max_gap"),
        ({"max_distance": -1.0}, errors.InvalidArgumentError, "max_distance"),
    ],
)
def test_tracking_refuses_what_does_not_fit(options, error, message):
    with pytest.raises(error, match=message):
        spikeseg.track_instances([[instance()], [instance()]], **options)


def test_windows_of_different_lengths_cannot_be_tracked():
    with pytest.raises(errors.ShapeMismatchError, match="one shape"):
        spikeseg.track_instances([[instance(rows=8)], [instance(rows=9)]])
