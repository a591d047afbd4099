"""Segment real recordings and synthetic star fields, and score the result.

python bench/segmentation.py                  # the tables
python bench/segmentation.py -o docs/images   # and the pictures
python bench/segmentation.py --smoke          # seconds, to see that everything runs
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy import ndimage  # type: ignore[import-untyped]

import evsim
from evsim.datasets import SATELLITE, StarField, star_field
from evsim.spikeseg import EncoderConfig, LayerConfig, Segmentation, SpikeSEG, mask_iou, score_events, segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "recordings"
TEST_SEEDS = range(200, 210)
AS_DECODED: dict[str, Any] = {"merge_radius": 0, "outlines": False}
Bools = npt.NDArray[np.bool_]


def reference_mask(events: evsim.EventArray) -> Bools:
    """Pixels with events, closed twice by 3 x 3 and with holes filled; the largest connected component."""
    lit = np.zeros((events.height, events.width), bool)
    lit[events.y, events.x] = True
    closed = ndimage.binary_closing(np.pad(lit, 3), np.ones((3, 3)), iterations=2)[3:-3, 3:-3]
    labels, _ = ndimage.label(ndimage.binary_fill_holes(closed), np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def star_model() -> SpikeSEG:
    """Uniform weights with the thresholds and leaks chosen on training seeds; no competition."""
    layers = [LayerConfig(1, *v) for v in ((5, 4.0, 0.5), (5, 2.0, 0.25), (7, 2.0, 0.0))]
    model = SpikeSEG(EncoderConfig(conv1=layers[0], conv2=layers[1], conv3=layers[2], use_wta=False), seed=0)
    for weight in model.get_layer_weights().values():
        weight[...] = 1.0
    return model


def timed(name: str, events: evsim.EventArray) -> Segmentation:
    """Segment a recording with the defaults and print counts and speed."""
    begin = time.perf_counter()
    result = segment(events)
    seconds = time.perf_counter() - begin
    length = (int(events.t[-1]) - int(events.t[0])) * 1e-6
    one = np.mean([len(found) == 1 for found in result.instances])
    lengths = sorted((len(track) for track in result.tracks), reverse=True)[:5]
    print(f"{name}: {result}, one instance in {one:.0%}, longest tracks {lengths}")
    print(f"  {seconds:.2f} s for {length:.3f} s: {length / seconds:.2f} times real time")
    return result


def score_airplane(result: Segmentation) -> None:
    """Print overlap with the reference masks and the distance of centroids; windows below 500 events are left out."""
    iou, largest, distance = [], [], []
    for k, start in enumerate(result.starts.tolist()):
        if result.n_events[k] < 500:
            continue
        truth = reference_mask(result.events.time_slice(start, start + result.window))
        iou.append(mask_iou(result.mask(k), truth))
        if not result.instances[k]:
            largest.append(0.0)
            continue
        best = max(result.instances[k], key=lambda one: len(one.pixels))
        largest.append(mask_iou(best.mask, truth))
        distance.append(np.linalg.norm(np.argwhere(truth).mean(axis=0)[::-1] - best.centroid))
    print(f"  {len(iou)} windows: IoU mean {np.mean(iou):.3f}, least {min(iou):.3f}, largest instance", end=" ")
    print(f"{np.mean(largest):.3f}; centroid off by {np.mean(distance):.1f} pixels")


def kept(events: evsim.EventArray, radius: int, window: int) -> Bools:
    """Which events the background-activity filter keeps."""
    left = evsim.events.filters.isolated(events, radius, window)
    key = [((e.t.astype(np.int64) * events.height + e.y) * events.width + e.x) * 2 + e.p for e in (events, left)]
    return np.asarray(np.isin(key[0], key[1]))


def hough_lines(events: evsim.EventArray, least: int = 200) -> Bools:
    """Events on lines in x-y-t: votes of (x - vx t, y - vy t) in cells of 3 pixels, on a grid of velocities."""
    t = (events.t - events.t[0]) * 1e-6
    detected = np.zeros(len(events), bool)
    for vx in range(-60, 61, 6):
        for vy in range(-60, 61, 6):
            column, row = np.floor((events.x - vx * t) / 3), np.floor((events.y - vy * t) / 3)
            key = ((row + 200) * 1000 + column + 200).astype(np.int64)
            detected |= np.bincount(key)[key] >= least
    return detected


def methods() -> dict[str, Callable[[evsim.EventArray], Bools]]:
    """Return the decisions per event that are compared."""
    return {
        "raw events": lambda e: np.ones(len(e), bool),
        "isolated(1, 50 ms)": lambda e: kept(e, 1, 50_000),
        "Hough, x-y-t, 200 votes": lambda e: hough_lines(e),
        "SpikeSEG, star model": lambda e: segment(e, star_model(), **AS_DECODED, window=1e5, n_steps=5).detected(),
        "SpikeSEG, built-in model": lambda e: segment(
            e, method="spikeseg", **AS_DECODED, window=1e5, n_steps=10
        ).detected(),
        "segment, defaults": lambda e: segment(e).detected(),
        "segment, defaults, background too": lambda e: segment(e).detected(background=True),
    }


def score_stars(seeds: Any) -> None:
    """Print mean and standard deviation over the seeds, for objects against noise and satellites against the rest."""
    fields: list[StarField] = [star_field(seed=seed) for seed in seeds]
    for name, decide in methods().items():
        found = [decide(field.events) for field in fields]
        for what in ("object", "satellite"):
            wanted = [field.labels > 0 if what == "object" else field.labels == SATELLITE for field in fields]
            scores = [score_events(*pair) for pair in zip(wanted, found, strict=True)]
            parts = [[getattr(s, key) for s in scores] for key in ("sensitivity", "specificity", "informedness")]
            print(f"{name} | {what} | " + " | ".join(f"{np.mean(v):.3f} ± {np.std(v):.3f}" for v in parts), flush=True)


def draw(result: Segmentation, folder: Path) -> None:
    """Write the pictures of the airplane."""
    k = len(result.starts) // 4
    figure = Figure(figsize=(6.0, 4.6), layout="constrained")
    start = float(result.starts[k])
    evsim.plot.instances(
        result.events, result.instances[k], start=start, stop=start + result.window, ax=figure.subplots()
    )
    figure.savefig(folder / "airplane_instance.png", dpi=90)
    figure = Figure(figsize=(6.0, 4.6), layout="constrained")
    evsim.plot.trajectories(result.events, result.tracks, ax=figure.add_subplot(projection="3d"), max_events=8000)
    figure.savefig(folder / "airplane_track.png", dpi=90)
    draw_stars(folder)


def draw_stars(folder: Path) -> None:
    """Write the picture of a star field."""
    events = star_field(seed=TEST_SEEDS[0]).events
    result = segment(events, method="spikeseg", **AS_DECODED, window=1e5, n_steps=10)
    k = int(np.argmax([len(found) for found in result.instances]))
    start = int(result.starts[k])
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    evsim.plot.event_frame(events.time_slice(start, start + result.window), ax=left, title="Events of 100 ms")
    options = {"start": float(start), "stop": float(start + result.window), "ax": right, "title": "Instances"}
    evsim.plot.instances(events, result.instances[k], **options)
    figure.savefig(folder / "star_field.png", dpi=80)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="folder for pictures")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    if (DATA / "dvs.es").exists():
        events = evsim.io.read_events(DATA / "dvs.es")
        first = int(events.t[0]) + 20_000
        result = timed(
            "airplane", events.time_slice(first, first + 100_000 if options.smoke else int(events.t[-1]) + 1)
        )
        score_airplane(result)
        if options.output is not None:
            draw(result, options.output)
        if not options.smoke:
            timed("person", evsim.io.read_events(DATA / "sample.aedat4"))
            timed("evt2.raw", evsim.io.read_events(DATA / "evt2.raw"))
    score_stars(TEST_SEEDS[:1] if options.smoke else TEST_SEEDS)


if __name__ == "__main__":
    main()
