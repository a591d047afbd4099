"""Titles and labels of pictures that stand beside each other."""

import numpy as np
import pytest

import evsim
from evsim.spikeseg import Instance, track_instances

pytest.importorskip("matplotlib")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import evsim.plot


@pytest.mark.parametrize("size", [(7.0, 3.0), (9.0, 3.0), (10.0, 6.0)])
def test_titles_of_two_event_frames_side_by_side_are_whole(size):
    rng = np.random.default_rng(0)
    t = 10**12 + np.sort(rng.integers(0, 20_000, 130_000))
    events = evsim.EventArray(
        t, rng.integers(0, 640, t.size), rng.integers(0, 480, t.size), t % 2, width=640, height=480
    )
    figure = Figure(figsize=size, layout="constrained")
    for ax in figure.subplots(1, 2):
        evsim.plot.event_frame(events, ax=ax)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [ax.title.get_window_extent(canvas.get_renderer()) for ax in figure.axes]
    assert all("after the first event" in ax.get_title() for ax in figure.axes)
    for box in boxes:
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert box.y1 <= figure.bbox.height
    assert boxes[0].x1 < boxes[1].x0


def test_labels_of_near_objects_do_not_cover_each_other():
    def seen(x, y, width=12, height=12):
        pixels = np.array([y * 128 + x])
        box = (x, y, x + width, y + height)
        return Instance(0, (128, 128), pixels, box, np.ones((3, 1), bool), np.zeros((1, 4), int))

    found = [seen(40, 40), seen(41, 42), seen(42, 39), seen(44, 60), seen(0, 0), seen(115, 115)]
    ax = evsim.plot.instances(np.zeros((128, 128)), found, ax=Figure(figsize=(5, 5)).subplots())
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in ax.texts]
    for k, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:k])


def test_an_object_has_one_colour_in_windows_films_and_tracks():
    seen = [Instance(0, (4, 4), np.array([5]), (1, 1, 1, 1), np.ones((3, 1), bool), np.zeros((1, 4), int))] * 2
    tracks = track_instances([seen, seen], across_classes=True)
    light, dark = (
        evsim.plot.instances(np.eye(4), seen, ids=[0, 1], dark=d, ax=Figure().subplots()) for d in (False, True)
    )
    solid = evsim.plot.trajectories(None, tracks, ax=Figure().add_subplot(projection="3d"))
    for k in range(2):
        colours = {to_hex(ax.patches[k].get_edgecolor()) for ax in (light, dark)} | {to_hex(solid.lines[k].get_color())}
        assert len(colours) == 1
        assert solid.texts[k].get_text().strip() == light.texts[k].get_text() == dark.texts[k].get_text() == f"#{k}"
