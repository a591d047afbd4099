"""Measure what evsim demo reaches on scikit-learn's digits: ten splits, each learned and tested anew.

python bench/digits.py                    # the table
python bench/digits.py -o bench/results   # and a file named after the machine and the date
python bench/digits.py --smoke            # to see that everything runs

Beside it scikit-learn's MLPClassifier and SVC with their defaults, on the same splits.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim
from evsim.cli import demo

NAMES = ("evsim", "multilayer perceptron", "support vector machine")


def one_split(seed: int, **options: Any) -> dict[str, Any]:
    """Accuracies of a split, and seconds of training: by the clock, and of all processors."""
    train, test = demo.load_digits(seed)
    start, before = time.perf_counter(), time.process_time()
    learned = demo.learn(train, test, seed, **options)
    seconds, of_processors = time.perf_counter() - start, time.process_time() - before
    return {
        "split": seed,
        "evsim": learned.accuracy,
        **demo.rivals(train, test, seed),
        "seconds": seconds,
        "processor seconds": of_processors,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    small: dict[str, Any] = {"hidden_layer_sizes": 20, "max_iter": 1} if options.smoke else {}
    rows = [one_split(seed, **small) for seed in range(1 if options.smoke else 10)]
    table = Table("split", *NAMES, "seconds", "processor seconds")
    for row in rows:
        table.add_row(
            str(row["split"]),
            *(f"{row[name]:.2%}" for name in NAMES),
            f"{row['seconds']:.1f}",
            f"{row['processor seconds']:.1f}",
        )
    means = [f"{np.mean([row[name] for row in rows]):.2%}" for name in NAMES]
    table.add_row("mean", *means, "", "")
    Console().print(table)
    print(f"{evsim.num_threads()} threads; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if options.output is not None:
        write({"machine": machine(), "load": os.getloadavg(), "splits": rows}, options.output, "digits-")


if __name__ == "__main__":
    main()
