"""The work of ``evsim train``: a network from a configuration, trained by exact gradients."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import FileFormatError, InvalidArgumentError
from ..io.atomic import replacing
from ..learning import (
    SGD,
    Adam,
    AdamW,
    Epoch,
    LatencyCode,
    Loss,
    NAdam,
    Optimizer,
    ReadoutCrossEntropy,
    ReadoutError,
    TimeToFirstSpike,
    Trainer,
)
from ..learning.feedforward import feedforward
from ..learning.latency_codes import Blur
from ..neurons import LIF
from .training_config import TrainingConfig
from .training_data import read_table, split

_OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW, "nadam": NAdam}
_MAY_CHANGE = ("epochs", "patience", "output")


@dataclass(frozen=True)
class Task:
    """Samples of a configuration as spikes.

    Attributes
    ----------
    code : LatencyCode
    train : pair of features and targets
    validation, test : pair of samples and targets
        May be empty.
    classes : list, or None
        What the classes are called; None for numbers.
    middle, spread : float
        What a readout's 0 and 1 stand for, where targets are numbers.
    """

    code: LatencyCode
    train: tuple[npt.NDArray[np.float64], npt.NDArray[Any]]
    validation: tuple[list[Any], npt.NDArray[Any]]
    test: tuple[list[Any], npt.NDArray[Any]]
    classes: list[Any] | None
    middle: float = 0.0
    spread: float = 1.0

    @property
    def n_outputs(self) -> int:
        """Neurons of the last layer."""
        return 1 if self.classes is None else len(self.classes)


@dataclass(frozen=True)
class Files:
    """What a training leaves in its folder."""

    network: Path
    code: Path
    log: Path
    checkpoint: Path
    config: Path
    picture: Path

    @classmethod
    def of(cls, folder: Path) -> Files:
        """Return the files of a folder."""
        names = "network.safetensors", "code.json", "log.csv", "checkpoint.npz", "config.json", "curves.png"
        return cls(*(folder / name for name in names))


@dataclass(frozen=True)
class Result:
    """What came of a training.

    Attributes
    ----------
    loss, accuracy : float
        Of the test samples, or, where there are none, of the validation or the training samples; the accuracy is NaN
        for numbers.
    of : str
        Of which samples.
    """

    trainer: Trainer
    epochs: list[Epoch]
    loss: float
    accuracy: float
    of: str


def task_of(config: TrainingConfig, folder: Path) -> Task:
    """Read the samples, divide them and make spikes of them; files are seen from `folder`.

    Raises
    ------
    FileFormatError, InvalidArgumentError
        The file, or its targets, do not fit the configuration.
    """
    features, raw = read_table(config.data.file, folder)
    classes, middle, spread = None, 0.0, 1.0
    targets: npt.NDArray[Any]
    if config.loss.kind == "squared-error":
        if raw.dtype.kind not in "biuf" or not np.all(np.isfinite(raw)):
            raise FileFormatError("data.file: the loss squared-error needs targets that are finite numbers")
        targets = raw.astype(np.float64)
    else:
        names, targets = np.unique(raw, return_inverse=True)
        if len(names) < 2:
            raise FileFormatError(f"data.file: there must be samples of two classes, got {len(names)}")
        if raw.dtype.kind == "f" and not np.all(np.isfinite(raw) & (raw == np.round(raw))):
            raise InvalidArgumentError("loss.kind must be 'squared-error' where targets are no classes but numbers")
        classes = names.tolist()
    strata = None if classes is None else targets
    rest, test = split(strata, len(features), config.data.test, config.seed)
    of_rest = None if strata is None else strata[rest]
    train, validation = split(of_rest, len(rest), config.data.validation, config.seed + 1)
    train, validation = rest[train], rest[validation]
    if not len(train):
        raise InvalidArgumentError("data.test and data.validation leave no sample to train with")
    if config.patience is not None and not len(validation):
        raise InvalidArgumentError(f"patience needs samples, but data.validation, {config.data.validation}, is of none")
    if classes is None:
        with np.errstate(over="ignore"):
            middle, spread = float(targets[train].mean()), float(targets[train].std()) or 1.0
        if not math.isfinite(middle + spread):
            raise FileFormatError("data.file: targets are too large for their mean and standard deviation")
        targets = (targets - middle) / spread
    code = LatencyCode.of(features[train], config.data.window)
    to_validate, to_test = ((code.encode(features[part]), targets[part]) for part in (validation, test))
    return Task(code, (features[train], targets[train]), to_validate, to_test, classes, middle, spread)


def trainer_of(config: TrainingConfig, task: Task) -> Trainer:
    """Return a network of the configuration in its trainer."""
    wanted = config.network
    neuron = LIF(
        tau_mem=wanted.tau_mem, tau_syn=wanted.tau_syn, threshold=wanted.threshold, refractory=wanted.refractory
    )
    sizes = [task.code.n_inputs, *wanted.hidden, task.n_outputs]
    n_active = float(np.mean([len(sample) for sample in task.code.encode(task.train[0])]))
    readout = config.loss.kind != "first-spike"
    net = feedforward(sizes, n_active, neuron, readout=readout, seed=config.seed)
    how = config.optimizer
    optimizer = _OPTIMIZERS[how.kind](
        net, lr=how.lr, weight_decay=how.weight_decay, clip=how.clip, max_step=how.max_step
    )
    return Trainer(
        net,
        _loss_of(config),
        optimizer,
        until=wanted.until,
        batch_size=config.batch_size,
        schedule=config.rate,
        smallest_slope=how.smallest_slope,
        augment=Blur(task.code, config.data.noise),
        seed=config.seed,
    )


def _loss_of(config: TrainingConfig) -> Loss:
    loss = config.loss
    if loss.kind == "first-spike":
        return TimeToFirstSpike("out", loss.tau, loss.early, loss.early_tau, loss.revive)
    kind = ReadoutCrossEntropy if loss.kind == "cross-entropy" else ReadoutError
    return kind("out", loss.at, loss.scale)  # type: ignore[arg-type]


def train(config: TrainingConfig, task: Task, folder: Path, *, progress: bool = False) -> Result:
    """Train, or go on from the checkpoint in `folder`, and write network, code, log and checkpoint there.

    Raises
    ------
    FileFormatError
        The folder holds a training with other settings or other samples.
    OSError
        A file cannot be written.
    """
    files = Files.of(folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings, code = config.to_dict(), _code_of(config, task)
    _refuse_other_settings(settings, code, files)
    _write_json(files.config, settings)
    _write_json(files.code, code)
    trainer = trainer_of(config, task)
    epochs = trainer.fit(
        task.train,
        epochs=config.epochs,
        validation=task.validation if len(task.validation[0]) else None,
        patience=config.patience,
        checkpoint=files.checkpoint,
        log=files.log,
        progress=progress,
    )
    trainer.net.save(files.network)
    features, targets = task.train
    parts = ("test", task.test), ("validation", task.validation), ("training", (task.code.encode(features), targets))
    of, data = next((name, part) for name, part in parts if len(part[0]))
    loss, accuracy = trainer.evaluate(data)
    return Result(trainer, epochs, loss, accuracy, of)


def _code_of(config: TrainingConfig, task: Task) -> dict[str, Any]:
    """What one must know to give the network features and to read its answers."""
    return {
        "lowest": task.code.lowest.tolist(),
        "highest": task.code.highest.tolist(),
        "window": task.code.window,
        "until": config.network.until,
        "classes": task.classes,
        "middle": task.middle,
        "spread": task.spread,
        "samples": _digest(task),
    }


def _digest(task: Task) -> str:
    """What tells these samples from others."""
    found = hashlib.sha256(task.train[0].tobytes())
    for sample in task.validation[0]:
        found.update(sample.indices.tobytes() + sample.times.tobytes())
    for targets in (task.train[1], task.validation[1]):
        found.update(targets.tobytes())
    return found.hexdigest()


def _refuse_other_settings(settings: dict[str, Any], code: dict[str, Any], files: Files) -> None:
    if not files.checkpoint.exists():
        return
    instead = "choose another output, or remove it to begin anew"
    old, new = (dict(_flat(one)) for one in (_read_json(files.config), json.loads(json.dumps(settings))))
    for name, value in new.items():
        if old and name not in _MAY_CHANGE and old.get(name) != value:
            raise FileFormatError(
                f"{files.checkpoint} is of a training with {name} = {old.get(name)!r}, not {value!r}; {instead}"
            )
    if _read_json(files.code).get("samples", code["samples"]) != code["samples"]:
        raise FileFormatError(
            f"{files.checkpoint} is of a training with other samples than {settings['data']['file']} holds; {instead}"
        )


def _read_json(path: Path) -> dict[str, Any]:
    """Return what a file of these holds, nothing where there is none."""
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: no JSON: {error}") from None
    if not isinstance(values, dict):
        raise FileFormatError(f"{path} is not what a training writes; remove it")
    return values


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, value)]
    return found


def _write_json(path: Path, values: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
