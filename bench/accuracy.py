"""Train networks with exact gradients to the accuracies that docs/learning.md gives.

python bench/accuracy.py yin-yang --seeds 10 --work FOLDER                   # goes on where it was stopped
python bench/accuracy.py yin-yang --seeds 10 --work FOLDER -o bench/results  # and a file named after the machine
python bench/accuracy.py all --smoke                                         # to see that everything runs

Needs SciPy; MNIST and N-MNIST are looked for in the folder that bench/accuracy_tasks.py names.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_tasks import DATA, TASKS
from rich.console import Console
from rich.table import Table
from run import machine, write

import evsim
from evsim.io.atomic import replacing


def trained(name: str, seed: int, work: Path, smoke: bool) -> dict[str, Any]:
    """Train one network, or read what an earlier call has found."""
    done, log = work / f"{name}-{seed}.json", work / f"{name}-{seed}.csv"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    task = TASKS[name](seed)
    epochs = 1 if smoke else task.epochs
    few = slice(0, 60 if smoke else None)
    train, validation, test = ((part[0][few], part[1][few]) for part in (task.train, task.validation, task.test))
    start = time.process_time()
    history = task.trainer.fit(
        train, epochs=epochs, validation=validation, checkpoint=work / f"{name}-{seed}.npz", log=log
    )
    row = {
        "task": name,
        "seed": seed,
        "epochs": len(history),
        "validation": max(epoch.validation_accuracy for epoch in history),
        "test": task.trainer.evaluate(test)[1],
        "last epoch's training": history[-1].accuracy,
        "CPU seconds of this call": time.process_time() - start,
    }
    with replacing(done) as temporary:
        temporary.write_text(json.dumps(row))
    return row


def main() -> None:
    """Train and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=[*TASKS, "all"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, help="folder of checkpoints")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--smoke", action="store_true")
    arguments = parser.parse_args()
    evsim.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary) if arguments.work is None else arguments.work
        work.mkdir(parents=True, exist_ok=True)
        names = list(TASKS) if arguments.task == "all" else [arguments.task]
        if not DATA.exists():
            names = [name for name in names if name.startswith("yin-yang")]
        rows = [trained(name, seed, work, arguments.smoke) for name in names for seed in range(arguments.seeds)]
    table = Table("task", "seeds", "validation %", "test %", "deviation")
    for name in names:
        of = [row for row in rows if row["task"] == name]
        best, test = (100.0 * np.array([row[part] for row in of]) for part in ("validation", "test"))
        spread = f"{test.std(ddof=1):.2f}" if len(of) > 1 else ""
        table.add_row(name, str(len(of)), f"{best.mean():.2f}", f"{test.mean():.2f}", spread)
    Console().print(table)
    if arguments.output:
        write({"machine": machine(), "rows": rows}, arguments.output, f"accuracy-{arguments.task}-")


if __name__ == "__main__":
    main()
