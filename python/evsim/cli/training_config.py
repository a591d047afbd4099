"""What ``evsim train`` is told: sections of a YAML or JSON file, checked field by field."""

from __future__ import annotations

import reprlib
from typing import Any

from .._lib.arrays import as_size
from ..errors import InvalidArgumentError
from ..learning import CosineDecay, ExponentialDecay
from ..spark.config import (
    ONE_NOT_NEGATIVE,
    ONE_POSITIVE,
    Config,
    Domain,
    as_seed,
    as_text,
    config_class,
    other,
    part,
    quantity,
)

SHARE = Domain("from 0 to below 1", lambda x: (x >= 0) & (x < 1), arrays=False)


class _Section(Config):
    """Fields that errors name as the file does."""

    section = ""

    def _path(self, name: str) -> str:
        return f"{self.section}.{name}" if self.section else name


def _or_none(convert: Any) -> Any:
    return lambda value, name: None if value is None else convert(value, name)


def _positive(value: Any, name: str) -> float:
    number: float = ONE_POSITIVE.convert(value, name, "")
    return number


def _sizes(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)):
        raise InvalidArgumentError(f"{name} must be a list of sizes of 1 or more, got {reprlib.repr(value)}")
    return tuple(as_size(one, name) for one in value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{name} must be text, got {reprlib.repr(value)}")
    return value


@config_class
class TrainingDataConfig(_Section):
    """Where samples come from, and how they become spikes.

    Attributes
    ----------
    file : str
        "digits" (scikit-learn's), an .npz with the arrays X and y, or a .csv whose last column is y.
    test, validation : float
        Shares of the samples that are only tested with, and that the best epoch is chosen by.
    window, noise : float
        As of LatencyCode, and of SpikingClassifier.
    """

    section = "data"
    file: str = other("digits", _text)
    test: float = quantity(0.2, SHARE)
    validation: float = quantity(0.1, SHARE)
    window: float = quantity(20.0, ONE_POSITIVE)
    noise: float = quantity(0.15, ONE_NOT_NEGATIVE)


@config_class
class TrainingNetworkConfig(_Section):
    """Layers of LIF neurons one after the other; the last one, of LIF or LI neurons, follows from data and loss."""

    section = "network"
    hidden: tuple[int, ...] = other((400,), _sizes)
    tau_mem: float = quantity(20.0, ONE_POSITIVE)
    tau_syn: float = quantity(5.0, ONE_POSITIVE)
    threshold: float = quantity(1.0, ONE_POSITIVE)
    refractory: float = quantity(0.0, ONE_NOT_NEGATIVE)
    until: float = quantity(30.0, ONE_POSITIVE)


@config_class
class TrainingLossConfig(_Section):
    """What is to become small.

    Attributes
    ----------
    kind : str
        "cross-entropy" of a readout, "first-spike" (TimeToFirstSpike), or "squared-error" of a readout, for numbers.
    at, scale
        Of a readout: "mean" or "maximum", and by which it is multiplied.
    tau, early, early_tau, revive
        As of TimeToFirstSpike.
    """

    section = "loss"
    kind: str = other("cross-entropy", as_text("cross-entropy", "first-spike", "squared-error"))
    at: str = other("mean", as_text("mean", "maximum"))
    scale: float = quantity(5.0, ONE_POSITIVE)
    tau: float = quantity(1.0, ONE_POSITIVE)
    early: float = quantity(0.0, ONE_NOT_NEGATIVE)
    early_tau: float | None = other(None, _or_none(_positive))
    revive: float = quantity(10.0, ONE_NOT_NEGATIVE)


@config_class
class TrainingOptimizerConfig(_Section):
    """How weights change; fields as of evsim.learning's optimizers, `smallest_slope` as of Tape.backward."""

    section = "optimizer"
    kind: str = other("adamw", as_text("sgd", "adam", "adamw", "nadam"))
    lr: float = quantity(0.01, ONE_POSITIVE)
    weight_decay: float = quantity(0.0, ONE_NOT_NEGATIVE)
    clip: float | None = other(None, _or_none(_positive))
    max_step: float | None = other(None, _or_none(_positive))
    smallest_slope: float = quantity(0.05, ONE_NOT_NEGATIVE)


@config_class
class TrainingScheduleConfig(_Section):
    """How the learning rate falls.

    Attributes
    ----------
    kind : str
        "cosine" from the rate to `factor` times it at the last epoch, "exponential" by `factor` in every epoch, or
        "constant".
    factor : float
    """

    section = "schedule"
    kind: str = other("cosine", as_text("cosine", "exponential", "constant"))
    factor: float = quantity(0.01, Domain("above 0 and at most 1", lambda x: (x > 0) & (x <= 1), arrays=False))


@config_class
class TrainingConfig(_Section):
    """All of it.

    Attributes
    ----------
    epochs, batch_size : int
    patience : int or None
        Stop after that many epochs without improvement on the validation samples.
    seed : int
        Of the split, weights, order and noise.
    output : str
        Folder of what is written.
    """

    data: TrainingDataConfig = part(TrainingDataConfig, lambda: TrainingDataConfig)
    network: TrainingNetworkConfig = part(TrainingNetworkConfig, lambda: TrainingNetworkConfig)
    loss: TrainingLossConfig = part(TrainingLossConfig, lambda: TrainingLossConfig)
    optimizer: TrainingOptimizerConfig = part(TrainingOptimizerConfig, lambda: TrainingOptimizerConfig)
    schedule: TrainingScheduleConfig = part(TrainingScheduleConfig, lambda: TrainingScheduleConfig)
    epochs: int = other(40, as_size)
    batch_size: int = other(32, as_size)
    patience: int | None = other(None, _or_none(as_size))
    seed: int = other(0, as_seed)
    output: str = other("trained", _text)

    def _check(self) -> None:
        if self.network.until < self.data.window:
            raise InvalidArgumentError(
                f"network.until must be at least data.window, {self.data.window:g}, got {self.network.until:g}"
            )
        if self.patience is not None and not self.data.validation:
            raise InvalidArgumentError("patience needs data.validation above 0, got 0")
        if self.schedule.kind == "exponential" and not (self.schedule.factor ** (self.epochs - 1)):
            raise InvalidArgumentError(
                f"schedule.factor, {self.schedule.factor:g}, brings the rate to 0 within {self.epochs} epochs"
            )
        if self.seed is None:
            raise InvalidArgumentError("seed must be an integer >= 0, got None")

    def rate(self, epoch: int) -> float:
        """Return the factor of the learning rate in an epoch, counted from 0."""
        factor = self.schedule.factor
        if self.schedule.kind == "constant":
            return 1.0
        if self.schedule.kind == "exponential":
            return ExponentialDecay(factor)(epoch)
        return CosineDecay(self.epochs, factor)(epoch)
