"""Training: epochs, validation, early stopping, checkpoints."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_integer, as_positive, as_size
from .._lib.modules import only_public
from ..errors import DTypeError, FileFormatError, InvalidArgumentError, ShapeMismatchError
from ..io.atomic import replacing
from ..network import SpikingNetwork
from .checkpoints import read_checkpoint, write_checkpoint
from .delays import set_delays
from .graphs import projection_keys
from .loss_values import LossValue
from .losses import UserLoss, require_not_negative
from .optimizers import Optimizer
from .tape import record
from .tensorboard import scalars

__all__ = ["Epoch", "Trainer"]

Data = tuple[Sequence[Any] | npt.NDArray[Any], npt.ArrayLike]
"""Samples, and a target for each."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to.

    Attributes
    ----------
    number : int
        Counted from 1.
    loss, accuracy : float
        Over the samples as they were seen; the accuracy is NaN for losses without scores.
    validation_loss, validation_accuracy : float
        After the epoch; NaN without validation.
    lr : float
        Learning rate.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    lr: float


class Trainer:
    """Trains a network by exact gradients of a loss.

    Parameters
    ----------
    net : SpikingNetwork
    loss : Loss or callable
        ``loss(tape, targets)`` returns a :class:`LossValue`; see :mod:`evsim.learning`.
    optimizer : Optimizer
        Made for the same network.
    until : float
        End of the run of every sample.
    batch_size : int
        Samples between two steps.
    schedule : callable, optional
        By what the learning rates of an epoch, counted from 0, are multiplied: ``ExponentialDecay(0.95)``.
    regularizers : sequence of Loss or callable
        Are added to the loss.
    smallest_slope : float
        As of :meth:`Tape.backward`.
    augment : callable, optional
        ``augment(samples, rng)`` is given the samples of each batch and a generator, and returns those to learn from in
        their place: shifted, thinned out, jittered.
    seed : int
        Of the order of samples, and of `augment`.

    Examples
    --------
    A neuron that learns to fire at the wanted time, whatever the input:

    >>> import numpy as np
    >>> import evsim
    >>> from evsim.learning import Adam, FirstSpikeError, Trainer
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> layer = net.add_layer(evsim.Dense(3, 1, weights=[[4.0, 4.0, 4.0]]), neuron, name="out")
    >>> times = np.sort(np.random.default_rng(1).uniform(0.0, 5.0, (50, 3)))
    >>> samples = [evsim.SpikeArray([0, 1, 2], row) for row in times]
    >>> targets = np.array([[sample.times.mean() + 3.0] for sample in samples])
    >>> trainer = Trainer(net, FirstSpikeError("out"), Adam(net, lr=0.1), until=40.0, batch_size=10)
    >>> epochs = trainer.fit((samples, targets), epochs=20)
    >>> epochs[-1].loss < 0.2 * epochs[0].loss
    True
    """

    def __init__(
        self,
        net: SpikingNetwork,
        loss: UserLoss,
        optimizer: Optimizer,
        *,
        until: float,
        batch_size: int = 32,
        schedule: Callable[[int], float] | None = None,
        regularizers: Sequence[UserLoss] = (),
        smallest_slope: float = 0.0,
        augment: Callable[[list[Any], np.random.Generator], Sequence[Any]] | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DTypeError(f"optimizer must be one such as Adam(net), got {optimizer!r}")
        if not isinstance(regularizers, Sequence) or not all(map(callable, (loss, *regularizers))):
            raise DTypeError("losses are called with a tape and targets; regularizers are a sequence of such")
        if not (schedule is None or callable(schedule)):
            raise DTypeError(f"schedule is called with the number of an epoch, got {schedule!r}")
        if not (augment is None or callable(augment)):
            raise DTypeError(f"augment is called with samples and a generator, got {augment!r}")
        if optimizer._net is not net:
            raise InvalidArgumentError("the optimizer was made for another network")
        require_not_negative(smallest_slope, "smallest_slope")
        self.net, self.loss, self.optimizer = net, loss, optimizer
        self.until, self.batch_size = as_positive(until, "until"), as_size(batch_size, "batch_size")
        self.schedule, self.regularizers, self.smallest_slope = schedule, tuple(regularizers), float(smallest_slope)
        self.augment = augment
        if as_integer(seed, "seed") < 0:
            raise InvalidArgumentError(f"seed must not be negative, got {seed}")
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._rates = {"lr": optimizer.lr, "delay_lr": optimizer.delay_lr}
        self.epochs: list[Epoch] = []
        self._best: dict[str, Any] = {}

    def fit(
        self,
        data: Data,
        *,
        epochs: int,
        validation: Data | None = None,
        patience: int | None = None,
        checkpoint: str | PathLike[str] | None = None,
        log: str | PathLike[str] | None = None,
        tensorboard: str | PathLike[str] | None = None,
        progress: bool = False,
    ) -> list[Epoch]:
        """Train until there have been that many epochs.

        Parameters
        ----------
        data : pair of samples and targets
            Samples as :meth:`SpikingNetwork.infer` takes a batch, or as `augment` makes such of them, and a target for
            each, as the loss takes them.
        epochs : int
            How many there are to be in all, with those of a checkpoint.
        validation : pair of samples and targets, optional
            Looked at after every epoch. The weights of the epoch that was best on it (by accuracy, or by the loss where
            there is none) are those that the network ends with.
        patience : int, optional
            Stop after that many epochs in a row that were not better on the validation.
        checkpoint : path, optional
            Where to go on from, if there is such a file, and what is written after every epoch, in one step: a process
            may be killed at any moment. A training that went on is to the bit the one that was never stopped.
        log : path, optional
            A CSV file with a row for each epoch.
        tensorboard : path, optional
            A folder that TensorBoard shows, ``tensorboard --logdir``; needs tensorboardX (extra ``tensorboard``).
        progress : bool
            Show a bar.

        Returns
        -------
        list of Epoch

        Raises
        ------
        ShapeMismatchError, InvalidArgumentError
            There are not as many targets as samples, or nothing to learn from; patience without validation.
        FileFormatError
            The checkpoint is none of this network and optimizer.
        MissingDependencyError
            `tensorboard` without tensorboardX.
        """
        samples, targets = _checked(data, "data")
        held_out = None if validation is None else _checked(validation, "validation")
        if patience is not None and as_size(patience, "patience") and held_out is None:
            raise InvalidArgumentError("patience needs a validation to lose it with")
        as_size(epochs, "epochs")
        if checkpoint is not None:
            self._restore(checkpoint)
        done = len(self.epochs)
        with (
            _bar(progress, epochs * len(samples), done * len(samples)) as advance,
            scalars(tensorboard, done + 1) as write,
        ):
            while len(self.epochs) < epochs and not self._out_of(patience):
                self._epoch(samples, targets, held_out, advance)
                if checkpoint is not None:
                    write_checkpoint(checkpoint, self._state())
                if log is not None:
                    self._write_log(log)
                write(self.epochs[-1])
        if held_out is not None and self._best:
            self._set_weights(self._best)
            self.optimizer.read_delays()
        return list(self.epochs)

    def evaluate(self, data: Data) -> tuple[float, float]:
        """Return the mean loss and the accuracy (NaN without scores) of samples."""
        samples, targets = _checked(data, "data")
        total, right = 0.0, 0.0
        for k in range(0, len(samples), 256):
            chosen = slice(k, k + 256)
            value = self._loss_of(samples[chosen], targets[chosen], ())[1]
            total += float(value.per_sample.sum())
            right += _right(value, targets[chosen])
        return total / len(samples), right / len(samples)

    def predict(self, samples: Sequence[Any], targets: Any = None) -> npt.NDArray[np.intp]:
        """Return the class of each sample by the scores of the loss. Raises InvalidArgumentError where it has none."""
        classes: Any = np.zeros(len(samples), np.intp) if targets is None else targets
        found = []
        for k in range(0, len(samples), 256):
            scores = self._loss_of(samples[k : k + 256], classes[k : k + 256], ())[1].scores
            if scores is None:
                raise InvalidArgumentError("the loss does not classify: it has no scores")
            found.append(scores.argmax(axis=1))
        return np.concatenate(found) if found else np.empty(0, np.intp)

    # One epoch

    def _loss_of(self, samples: Any, targets: Any, regularizers: Sequence[UserLoss]) -> tuple[Any, LossValue]:
        tape = record(self.net, list(samples), until=self.until)
        value = self.loss(tape, targets)
        for regularizer in regularizers:
            value = value + regularizer(tape, targets)
        return tape, value

    def _epoch(self, samples: Any, targets: Any, held_out: Any, advance: Callable[[int], None]) -> None:
        number = len(self.epochs)
        factor = 1.0 if self.schedule is None else float(self.schedule(number))
        if not 0.0 < factor < math.inf:
            raise InvalidArgumentError(f"schedule({number}) must be above 0 and finite, got {factor}")
        for name, rate in self._rates.items():
            if rate is not None:
                setattr(self.optimizer, name, rate * factor)
        order = self._rng.permutation(len(samples))
        total, right = 0.0, 0.0
        for k in range(0, len(order), self.batch_size):
            chosen = order[k : k + self.batch_size]
            some = _chosen(targets, chosen)
            tape, value = self._loss_of(self._augmented([samples[i] for i in chosen]), some, self.regularizers)
            self.optimizer.step(value.backward(tape, smallest_slope=self.smallest_slope))
            total += float(value.per_sample.sum())
            right += _right(value, some)
            advance(len(chosen))
        found = (math.nan, math.nan) if held_out is None else self.evaluate(held_out)
        n = len(samples)
        epoch = Epoch(number + 1, total / n, right / n, *found, self.optimizer.lr)
        if held_out is not None and all(_goodness(epoch) > _goodness(other) for other in self.epochs):
            self._best = self._weights()
        self.epochs.append(epoch)

    def _augmented(self, samples: list[Any]) -> Sequence[Any]:
        if self.augment is None:
            return samples
        found = self.augment(samples, self._rng)
        if not hasattr(found, "__len__"):
            raise DTypeError(f"augment must return a sequence of samples, got {found!r}")
        if len(found) != len(samples):
            raise ShapeMismatchError(f"augment must return a sample for each of {len(samples)}, got {len(found)}")
        return found

    def _out_of(self, patience: int | None) -> bool:
        if patience is None or not self.epochs:
            return False
        goodness = [_goodness(epoch) for epoch in self.epochs]
        return len(goodness) - 1 - int(np.argmax(goodness)) >= patience

    # What is kept

    def _weights(self) -> dict[str, Any]:
        keys = projection_keys(self.net)
        found: dict[str, Any] = {}
        for projection, key in keys.items():
            if projection.connection.learnable:
                found[f"{key}.weights"] = np.array(projection.weights)
                found[f"{key}.delays"] = np.array(projection.delays)
                found[f"{key}.of_synapses"] = np.array(projection._core.delays_by_synapse)
        return found

    def _set_weights(self, values: dict[str, Any]) -> None:
        for projection, key in projection_keys(self.net).items():
            if projection.connection.learnable:
                projection.weights = values[f"{key}.weights"]
                set_delays(projection, key, values[f"{key}.delays"], bool(values[f"{key}.of_synapses"]))

    def _state(self) -> dict[str, Any]:
        return {
            "weights": self._weights(),
            "best": self._best,
            "optimizer": self.optimizer.state_dict(),
            "rng": self._rng.bit_generator.state,
            "rates": self._rates,
            "epochs": [[getattr(epoch, item.name) for item in fields(Epoch)] for epoch in self.epochs],
        }

    def _restore(self, path: str | PathLike[str]) -> None:
        state = read_checkpoint(path, self._state())
        if state is None:
            return
        try:
            epochs = [Epoch(int(number), *map(float, values)) for number, *values in state["epochs"]]
            rates = {name: None if rate is None else float(rate) for name, rate in state["rates"].items()}
            self._rng.bit_generator.state = state["rng"]
            self.optimizer.load_state_dict(state["optimizer"])
        except (InvalidArgumentError, LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"{path}: {error}") from None
        self._set_weights(state["weights"])
        self._best, self._rates, self.epochs = state["best"], rates, epochs

    def _write_log(self, path: str | PathLike[str]) -> None:
        with replacing(path) as temporary, temporary.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(item.name for item in fields(Epoch))
            rows.writerows([getattr(epoch, item.name) for item in fields(Epoch)] for epoch in self.epochs)


def _right(value: LossValue, targets: Any) -> float:
    return math.nan if value.scores is None else float(np.sum(value.scores.argmax(axis=1) == targets))


def _goodness(epoch: Epoch) -> float:
    found = -epoch.validation_loss if math.isnan(epoch.validation_accuracy) else epoch.validation_accuracy
    return -math.inf if math.isnan(found) else found


def _checked(data: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DTypeError(f"{what} must be a pair of samples and targets, got {type(data).__name__}")
    samples, targets = data
    targets = targets if isinstance(targets, list) else np.asarray(targets)
    if not hasattr(samples, "__len__") or len(samples) == 0:
        raise ShapeMismatchError(f"{what} must hold at least one sample")
    if not isinstance(targets, list) and targets.ndim == 0:
        raise ShapeMismatchError(f"{what} must hold a target for each of {len(samples)} samples, got {targets}")
    if len(samples) != len(targets):
        raise ShapeMismatchError(f"{what} must hold a target for each of {len(samples)} samples, got {len(targets)}")
    return samples, targets


def _chosen(targets: Any, which: npt.NDArray[np.intp]) -> Any:
    """Of an array, or of a list of what makes no array, such as trains."""
    return [targets[k] for k in which] if isinstance(targets, list) else targets[which]


@contextmanager
def _bar(shown: bool, total: int, done: int) -> Iterator[Callable[[int], None]]:
    if not shown:
        yield lambda n: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("training"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} samples"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        task = progress.add_task("", total=total, completed=done)
        yield lambda n: progress.update(task, advance=n)


__dir__ = only_public(__all__)
