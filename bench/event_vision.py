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
from typing import Any

import numpy as np
import numpy.typing as npt
from hough import HoughSettings, satellites

import evsim
from evsim.datasets import SATELLITE, StarField, random_star_field
from evsim.events import filters
from evsim.spikeseg import EventScores, score_events, segment

KINDS = ("bright", "faint", "mixed", "slow")
TUNING = range(1000, 1008)
HELD_OUT = range(7000, 7020)
Bools = npt.NDArray[np.bool_]
Decide = Callable[[evsim.EventArray], Bools]


def isolated(events: evsim.EventArray, radius: int, window: int) -> Bools:
    """Which events the background-activity filter keeps, hot pixels left out first."""
    cold = ~filters.find_hot_pixels(events)[events.y, events.x]
    rest = events.select(cold)
    kept = np.zeros(len(events), bool)
    kept[cold] = np.isin(rest.to_structured(), filters.isolated(rest, radius, window).to_structured())
    return kept


def methods() -> dict[str, Decide]:
    """What is compared: the baselines with the settings that `--tune` found best."""
    return {
        "isolated": lambda e: isolated(e, 1, 50_000),
        "Hough": lambda e: satellites(e, HoughSettings()),
        "segment": lambda e: segment(e).detected(),
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
    begin = time.perf_counter()
    found = [decide(field.events) for field in fields]
    seconds = (time.perf_counter() - begin) / (sum(field.events.duration for field in fields) * 1e-6)
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


def table(chosen: dict[str, Decide], seeds: Any) -> None:
    """Print scores of all kinds."""
    print("| method | sensitivity | specificity | precision | informedness | worst recording | s per s |")
    for kind in KINDS:
        fields = [random_star_field(kind, seed=seed) for seed in seeds]
        for name, decide in chosen.items():
            print(line(f"{kind}: {name}", *scores_of(decide, fields)), flush=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    evsim.set_num_threads(1)
    seeds = HELD_OUT if options.held_out else TUNING
    n_seeds = 1 if options.smoke else 2 if options.tune else len(seeds)
    table(settings_to_try() if options.tune else methods(), seeds[:n_seeds])


if __name__ == "__main__":
    main()
