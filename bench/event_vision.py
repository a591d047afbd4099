"""Score event vision on star fields drawn at random, event by event, beside two baselines.

python bench/event_vision.py                 # the table, on the seeds that parameters were chosen on
python bench/event_vision.py --held-out      # on seeds that nothing was chosen on
python bench/event_vision.py --tune          # choose the settings of the baselines
python bench/event_vision.py --smoke         # seconds, to see that everything runs

Recordings are `evsim.datasets.random_star_field(kind, seed=...)`. TUNING are the seeds that defaults of `segment` and
settings of the baselines were chosen on; HELD_OUT were looked at when all was done.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from hough import HoughSettings, satellites
from matplotlib.figure import Figure

import evsim
from evsim.datasets import SATELLITE, StarField, Trajectory, random_star_field
from evsim.events import filters
from evsim.spikeseg import EventScores, Segmentation, score_events, segment

KINDS = ("bright", "faint", "mixed", "slow")
TUNING = range(1000, 1008)
HELD_OUT = range(8000, 8010)
ISOLATED = {"bright": (1, 30_000), "faint": (1, 50_000), "mixed": (1, 20_000), "slow": (1, 50_000)}
HOUGH = {"bright": (8.0, 5.0), "faint": (7.0, 8.0), "mixed": (9.0, 8.0), "slow": (8.0, 5.0)}
NEAR = 1.5
"""Pixels from a satellite at which a track is still on it."""
Bools = npt.NDArray[np.bool_]
Decide = Callable[[evsim.EventArray], Bools]


def isolated(events: evsim.EventArray, radius: int, window: int) -> Bools:
    """Which events the background-activity filter keeps, hot pixels left out first."""
    cold = ~filters.find_hot_pixels(events)[events.y, events.x]
    rest = events.select(cold)
    kept = np.zeros(len(events), bool)
    kept[cold] = np.isin(rest.to_structured(), filters.isolated(rest, radius, window).to_structured())
    return kept


def methods(kind: str) -> dict[str, Decide]:
    """What is compared: the baselines with the settings that `--tune` found best for each kind, and the defaults."""
    votes, apart = HOUGH[kind]
    return {
        "isolated": lambda e: isolated(e, *ISOLATED[kind]),
        "Hough": lambda e: satellites(e, HoughSettings(votes=votes, apart=apart)),
    }


def settings_to_try() -> dict[str, Decide]:
    """The grid that the settings of the baselines are chosen from."""
    grid: dict[str, Decide] = {}
    for radius, window in itertools.product((1, 2), (5_000, 20_000, 50_000, 100_000)):
        grid[f"isolated {radius}, {window}"] = lambda e, r=radius, w=window: isolated(e, r, w)
    for votes, apart in itertools.product((6.0, 7.0, 8.0, 9.0), (5.0, 8.0)):
        chosen = HoughSettings(votes=votes, apart=apart)
        grid[f"Hough {chosen}"] = lambda e, s=chosen: satellites(e, s)
    return grid


def scores_of(decide: Decide, fields: Sequence[StarField]) -> tuple[list[EventScores], float]:
    """Satellites against everything else in each recording, and seconds of computing per second of recording."""
    begin = time.process_time()
    found = [decide(field.events) for field in fields]
    seconds = (time.process_time() - begin) / (sum(field.events.duration for field in fields) * 1e-6)
    pairs = zip(fields, found, strict=True)
    return [score_events(field.labels == SATELLITE, one) for field, one in pairs], seconds


def line(name: str, scores: Sequence[EventScores], seconds: float) -> str:
    """One row of the table: means over recordings, and what is below which no recording falls."""
    parts = []
    for key in ("sensitivity", "specificity", "precision", "informedness"):
        values = np.array([getattr(score, key) for score in scores])
        parts.append(f"{np.nanmean(values):.3f}")
    worst = min(score.informedness for score in scores)
    return f"| {name} | " + " | ".join(parts) + f" | {worst:.3f} | {seconds:.2f} |"


def table(seeds: Any, names: Sequence[str]) -> None:
    """Print scores of all kinds, and where tracks are."""
    print("| method | sensitivity | specificity | precision | informedness | worst recording | s per s |")
    tracks = []
    for kind in KINDS:
        fields = [random_star_field(kind, seed=seed) for seed in seeds]
        for name, decide in methods(kind).items():
            if name in names:
                print(line(f"{kind}: {name}", *scores_of(decide, fields)), flush=True)
        if "segment" in names:
            begin = time.process_time()
            found = [segment(field.events) for field in fields]
            seconds = (time.process_time() - begin) / (sum(field.events.duration for field in fields) * 1e-6)
            pairs = list(zip(fields, found, strict=True))
            scores = [score_events(field.labels == SATELLITE, one.detected()) for field, one in pairs]
            print(line(f"{kind}: segment", scores, seconds), flush=True)
            scores = [score_events(field.labels > 0, one.detected(background=True)) for field, one in pairs]
            print(line(f"{kind}: segment, stars too", scores, seconds), flush=True)
            tracks.append(f"| {kind} | " + " | ".join(track_scores(pairs)) + " |")
    print(
        "\n| tracks | within 1.5 px | mean distance (px) | worst satellite | MOTA | IDF1 | switches |",
        *tracks,
        sep="\n",
    )


def track_scores(pairs: Sequence[tuple[StarField, Segmentation]]) -> list[str]:
    """Of all 50 ms in which a satellite is in the picture: share with a track on it, and the mean distance."""
    shares, distances = [], []
    for field, result in pairs:
        for path in field.trajectories:
            step = max(round(50_000 / field.parameters["trajectory_step"]), 1)
            t, place = path.t[::step] + result.starts[0], np.stack([path.x, path.y], axis=1)[::step]
            off = (
                [np.linalg.norm(track.at(t) - place, axis=1) for track in result.motion.moving] if result.motion else []
            )
            nearest = (
                np.min([np.nan_to_num(one, nan=np.inf) for one in off], axis=0) if off else np.full(len(t), np.inf)
            )
            shares.append(np.mean(nearest < NEAR))
            distances.append(nearest[nearest < 5 * NEAR])
    mean = np.concatenate(distances).mean()
    return [f"{np.mean(shares):.3f}", f"{mean:.2f}", f"{min(shares):.3f}", *clear_mot(pairs)]


def clear_mot(pairs: Sequence[tuple[StarField, Segmentation]]) -> list[str]:
    """MOTA, IDF1 and switches of identity by motmetrics, where it is installed; a match is at most 3 pixels away."""
    try:
        import motmetrics
    except ImportError:
        return ["-", "-", "-"]
    accumulators = []
    for field, result in pairs:
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for t in (result.starts + result.window // 2).tolist():
            truth = [(p.object_id, *_place(p, t - int(result.starts[0]))) for p in field.trajectories]
            truth = [row for row in truth if np.isfinite(row[1])]
            seen = [(k.object_id, *k.at(t).tolist()) for k in result.motion.moving] if result.motion else []
            seen = [row for row in seen if np.isfinite(row[1])]
            a, b = (np.array(rows, float).reshape(-1, 3) for rows in (truth, seen))
            off = np.linalg.norm(a[:, np.newaxis, 1:] - b[:, 1:], axis=2)
            accumulator.update(a[:, 0].astype(int), b[:, 0].astype(int), np.where(off < 2 * NEAR, off, np.nan))
        accumulators.append(accumulator)
    host = motmetrics.metrics.create()
    names = ["mota", "idf1", "num_switches"]
    row = host.compute_many(accumulators, metrics=names, generate_overall=True).loc["OVERALL"]
    return [f"{row['mota']:.3f}", f"{row['idf1']:.3f}", f"{int(row['num_switches'])}"]


def _place(path: Trajectory, t: float) -> tuple[float, float]:
    if not len(path.t) or not path.t[0] <= t <= path.t[-1]:
        return np.nan, np.nan
    return float(np.interp(t, path.t, path.x)), float(np.interp(t, path.t, path.y))


def draw(field: StarField, path: Path, box: tuple[int, int, int, int], mark: str) -> None:
    """Draw all events of a recording, and which are whose: satellites as rings, tracks and their events in colour."""
    events, result = field.events, segment(field.events)
    numbers, figure = result.event_labels().object_id, Figure(figsize=(9.6, 3.9), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    axes[0].plot(events.x, events.y, mark, markersize=1.5, color="#404040")
    axes[0].set_title(f"{len(events):,} events of {events.duration * 1e-6:.0f} s")
    behind = numbers >= len(result.tracks)
    axes[1].plot(events.x[behind], events.y[behind], mark, markersize=1.5, color="#b0b0b0")
    for track in result.tracks:
        own, colour = numbers == track.track_id, f"C{track.track_id}"
        axes[1].plot(events.x[own], events.y[own], mark, markersize=1.5, color=colour)
        axes[1].plot(*track.centroids.T, "-", color=colour, linewidth=1.0)
    for truth in field.trajectories:
        axes[1].plot(
            truth.x[::20], truth.y[::20], "o", color="#202020", markersize=4, markerfacecolor="none", linewidth=0.5
        )
    axes[1].set_title("tracks and their events; grey: stars")
    axes[1].set(xlim=box[::2], ylim=box[3::-2], aspect="equal")
    axes[0].set_aspect("equal")
    figure.savefig(path, dpi=100)


def tune(seeds: Any) -> None:
    """Print the scores of all settings of the baselines."""
    for kind in KINDS:
        fields = [random_star_field(kind, seed=seed) for seed in seeds]
        for name, decide in settings_to_try().items():
            print(line(f"{kind}: {name}", *scores_of(decide, fields)), flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument(
        "-o", "--output", type=Path, help="draw two recordings of TUNING into this folder, and no table"
    )
    parser.add_argument("--methods", default="isolated,Hough,segment", help="which, with commas")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    if options.output is not None:
        draw(random_star_field("faint", seed=1001), options.output / "motion.png", (0, 0, 240, 180), ",")
        draw(random_star_field("slow", seed=1007), options.output / "motion_failure.png", (80, 0, 144, 48), "o")
        return
    seeds = HELD_OUT if options.held_out else TUNING
    if options.tune:
        tune(seeds[:1] if options.smoke else seeds[:2])
    else:
        table(seeds[:1] if options.smoke else seeds, options.methods.split(","))


if __name__ == "__main__":
    main()
