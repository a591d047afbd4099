"""Recordings to masks, instances and tracks."""

import json

import numpy as np
import pytest

import evsim
from evsim.datasets import NOISE, SATELLITE, random_star_field
from evsim.errors import InvalidArgumentError, ShapeMismatchError
from evsim.spikeseg import EncoderConfig, Instance, LayerConfig, SpikeSEG, merge_near, score_events, segment


def seen(x, y=0, class_id=0):
    pixels = np.array([y * 20 + x])
    return Instance(class_id, (20, 20), pixels, (x, y, x, y), np.ones((3, 1), bool), np.array([[0, class_id, y, x]]))


def blocks(corners, silent=(), n=6000):
    """Squares of 8 pixels that move right at 0.5 pixels per millisecond for 100 ms, seeded."""
    rng = np.random.default_rng(3)
    parts = []
    for x0, y0 in corners:
        t = np.sort(rng.integers(0, 100_000, n))
        parts.append((t, t // 2000 + x0 + rng.integers(0, 8, n), y0 + rng.integers(0, 8, n), rng.random(n) < 0.5))
    t, x, y, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(t, kind="stable")
    order = order[~np.isin((t[order] - t.min()) // 20_000, silent)]
    return evsim.EventArray(t[order], x[order], y[order], p[order], width=96, height=96)


def test_two_objects_give_two_tracks_over_all_windows():
    result = segment(blocks([(8, 12), (8, 70)]), two_channels(1))
    assert sorted(len(track) for track in result.tracks if len(track) > 1) == [5, 5]


def test_the_track_moves_as_the_object():
    (track,) = segment(blocks([(8, 40)])).tracks
    middle = 8 + 3.5 + np.array(track.times) / 2000
    assert np.all(np.abs(track.centroids[:, 0] - middle) < 4)


def test_an_empty_window_has_no_instance_and_does_not_end_the_track():
    result = segment(blocks([(8, 40)], silent=[2]))
    assert (result.n_events[2], result.instances[2]) == (0, [])
    assert result.tracks[0].windows == [0, 1, 3, 4]


def test_the_same_recording_gives_the_same_masks():
    first, second = (segment(blocks([(8, 40)])) for _ in range(2))
    assert all(np.array_equal(first.mask(k), second.mask(k)) for k in range(5))


def test_detected_events_are_those_in_the_mask_of_their_window():
    result = segment(blocks([(8, 40)]))
    e = result.events
    number = (e.t - result.starts[0]) // result.window
    masks = np.stack([result.mask(k) for k in range(len(result.starts))])
    assert result.detected().any()
    assert np.array_equal(result.detected(), masks[number, e.y, e.x])


def test_saved_files_hold_masks_and_instances(tmp_path):
    result = segment(blocks([(8, 40)]))
    description, masks = result.save(tmp_path / "out")
    with np.load(masks) as data:
        assert np.array_equal(data["labels"] > 0, np.stack([result.mask(k) for k in range(5)]))
        assert np.array_equal(data["starts"], result.starts)
    contents = json.loads(description.read_text(encoding="utf-8"))
    assert [w["events"] for w in contents["windows"]] == result.n_events
    assert contents["windows"][1]["instances"][0]["box"] == list(result.instances[1][0].box)
    assert contents["tracks"][0]["centroids"] == result.tracks[0].centroids.tolist()


def two_channels(channels):
    layers = [LayerConfig(1, *v) for v in ((5, 4.0, 2.0), (5, 3.0, 0.5), (7, 5.0, 0.0))]
    config = EncoderConfig(input_channels=channels, conv1=layers[0], conv2=layers[1], conv3=layers[2], use_wta=False)
    model = SpikeSEG(config, seed=0)
    for weight in model.get_layer_weights().values():
        weight[...] = 1.0
    return model


def test_a_model_of_two_channels_ignores_what_it_has_no_weights_for():
    model = two_channels(2)
    model.get_layer_weights()["conv1"][:, 0] = 0.0
    events = blocks([(8, 40)])
    lone = [
        evsim.EventArray(events.t, events.x, events.y, np.full(len(events), on), width=96, height=96) for on in (0, 1)
    ]
    assert sorted(sum(segment(e, model).n_spikes) > 0 for e in lone) == [False, True]


def test_a_model_of_three_channels_is_refused():
    with pytest.raises(ShapeMismatchError, match="takes 3"):
        segment(blocks([(8, 40)]), two_channels(3))


@pytest.mark.parametrize("option", [{"window": 0.5}, {"merge_radius": -1}, {"window": 1.0, "n_steps": 0}])
def test_options_outside_their_domain_are_refused(option):
    with pytest.raises(InvalidArgumentError):
        segment(blocks([(8, 40)]), **option)


def test_a_recording_without_events_is_refused():
    with pytest.raises(InvalidArgumentError, match="no events"):
        segment(blocks([(8, 40)], silent=range(5)))


def test_progress_counts_windows():
    calls = []
    segment(blocks([(8, 40)]), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(k, 5) for k in range(1, 6)]


def test_chains_of_near_instances_become_one_in_whatever_order():
    for order in ((2, 5, 8), (2, 8, 5), (8, 2, 5)):
        (one,) = merge_near([seen(x) for x in order], 3)
        assert (one.box, one.pixels.tolist()) == ((2, 0, 8, 0), [2, 5, 8])


def test_instances_just_out_of_reach_stay_apart():
    assert len(merge_near([seen(2), seen(5)], 2)) == 2
    assert len(merge_near([seen(2, 1), seen(2, 9)], 7)) == 2


def test_classes_are_never_merged():
    assert len(merge_near([seen(2), seen(3, class_id=1)], 10)) == 2


def test_nothing_merges_to_nothing():
    assert merge_near([], 3) == []


def test_points_of_light_are_found_by_their_motion_and_patches_are_not():
    field = random_star_field("bright", seed=21)
    result = segment(field.events)
    assert result.settings["method"] == "motion"
    assert result.settings["window"] == result.window == 50_000
    assert segment(blocks([(8, 40)])).settings["method"] == "spikeseg"
    assert segment(field.events, method="spikeseg").motion is None


def test_detected_events_are_those_of_satellites_and_with_the_background_those_of_stars_too():
    field = random_star_field("bright", seed=22, star_velocity=(10.0, 6.0))
    result = segment(field.events)
    alone, both = result.detected(), result.detected(background=True)
    assert score_events(field.labels == SATELLITE, alone).informedness > 0.95
    assert score_events(field.labels != NOISE, both).informedness > 0.9
    assert not (alone & ~both).any()


def test_tracks_of_motion_are_smooth_and_lie_on_the_trajectories():
    field = random_star_field("mixed", seed=23)
    result = segment(field.events)
    assert len(result.tracks) == len(field.trajectories)
    for track in result.tracks:
        step = np.hypot(*np.diff(track.centroids, axis=0).T) / np.diff(track.times)
        off = [
            np.hypot(
                np.interp(track.times, path.t, path.x) - track.centroids[:, 0],
                np.interp(track.times, path.t, path.y) - track.centroids[:, 1],
            ).mean()
            for path in field.trajectories
        ]
        speed = np.hypot(*field.trajectories[int(np.argmin(off))].velocity)
        assert min(off) < 1.0
        assert step.max() * 1e6 < speed + 20


def test_event_labels_name_the_track_of_each_event():
    for result in (segment(blocks([(8, 40)])), segment(random_star_field("bright", seed=21).events)):
        labels = result.event_labels()
        assert len(labels.object_id) == len(labels.class_id) == len(labels.confidence) == len(result.events)
        assert np.array_equal(result.detected(), (labels.object_id >= 0) & (labels.class_id >= 0))
        assert (labels.class_id[labels.object_id < 0] == -1).all()
        assert labels.object_id.max() >= len(result.tracks) - 1


def test_saved_files_hold_what_each_event_belongs_to(tmp_path):
    result = segment(random_star_field("bright", seed=21).events)
    description, masks = result.save(tmp_path / "out")
    with np.load(masks) as data:
        assert np.array_equal(data["object_id"], result.event_labels().object_id)
    assert json.loads(description.read_text(encoding="utf-8"))["settings"] == json.loads(json.dumps(result.settings))


def test_methods_that_do_not_go_together_are_refused():
    with pytest.raises(InvalidArgumentError, match="auto, motion or spikeseg"):
        segment(blocks([(8, 40)]), method="stars")
    with pytest.raises(InvalidArgumentError, match="model is for"):
        segment(blocks([(8, 40)]), two_channels(1), method="motion")
