"""Layer-by-layer training of a SpikeSEG encoder with STDP."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._lib.arrays import as_integer, as_size
from ..._lib.set_once import SetOnce
from ...errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ...io.unreadable import reading
from ..config import CONV_LAYERS, WTA_MODES, require_choice
from ..encoder import SpikeSEGEncoder
from ..model import SpikeSEG
from ..stages import ConvStage
from .checkpoint import read_checkpoint, write_checkpoint
from .homeostasis import Homeostasis
from .samples import LowerLayers, ProgressBar, check_samples, fingerprint
from .standing import Standing, check_standing
from .stdp import GuetigSTDP, RewardSTDP, SimplifiedSTDP
from .step import StepSettings, TrainingStep
from .stopping import LayerHistory, Stopping

Report = Callable[[str, int, int, float], None]


@dataclass(frozen=True)
class _Task:
    """What one call of `fit` works on."""

    samples: Any
    classes: npt.NDArray[np.int64] | None
    report: Report
    checkpoint: str | PathLike[str] | None
    checkpoint_every: int
    identity: dict[str, Any]


class STDPTrainer(SetOnce):
    """Trains the convolutions of a SpikeSEG encoder one after the other, without labels, by STDP.

    For each sample the layers below run as they are; the neurons of the layer in training compete (winner-take-all) and
    fire at most once;
    the first spike of each map, one per location, wins; the weights of the winners change by the first spikes in their
    receptive field (Kheradpisheh et al. 2018).

    Parameters
    ----------
    model : SpikeSEG or SpikeSEGEncoder
        Its weights are changed in place; frozen layers are left out.
    rule : SimplifiedSTDP, GuetigSTDP or RewardSTDP
        With RewardSTDP, `fit` needs labels, and only the first winner learns.
    layers : sequence of str
        In the order in which they learn.
    stopping : Stopping
    homeostasis : Homeostasis, optional
        None leaves thresholds alone. The thresholds that it ends with are in the history, for ``layer_thresholds``.
    wta_mode : {"both", "global", "local"}
        Competition of the layer in training, whatever the encoder's own.
    max_winners : int, optional
        Most winners per sample; all by default.
    winner_radius : int
        Winners of different maps lie further apart than this in rows or columns.
    ties : {"potential", "index"}
        Which of the spikes of one step comes first: that of the highest membrane before its reset, relative to the
        threshold of its map where homeostasis adapts it; or that of the lowest index.
    n_timesteps : int, optional
        As in :meth:`SpikeSEGEncoder.forward`, for samples without steps.
    seed : int
        For the order of the samples and the noise; the same seed gives the same weights.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg.training import STDPTrainer
    >>> from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEGEncoder
    >>> config = EncoderConfig(conv1=LayerConfig(2, 3, 1.0), conv2=LayerConfig(4, 3, 2.0), conv3=LayerConfig(2, 3, 2.0))
    >>> encoder = SpikeSEGEncoder(config, seed=1)
    >>> samples = (np.random.default_rng(1).random((20, 5, 1, 12, 12)) < 0.1).astype(np.float32)
    >>> history = STDPTrainer(encoder, layers=("conv2",), seed=1).fit(samples)
    >>> history["conv2"].n_samples, history["conv2"].stopped
    (20, 'epochs')
    """

    __slots__ = (
        "encoder",
        "homeostasis",
        "layers",
        "max_winners",
        "n_timesteps",
        "rule",
        "seed",
        "stopping",
        "ties",
        "winner_radius",
        "wta_mode",
    )

    def __init__(
        self,
        model: SpikeSEG | SpikeSEGEncoder,
        *,
        rule: SimplifiedSTDP | GuetigSTDP | RewardSTDP | None = None,
        layers: Sequence[str] = ("conv2", "conv3"),
        stopping: Stopping | None = None,
        homeostasis: Homeostasis | None = None,
        wta_mode: str = "both",
        max_winners: int | None = None,
        winner_radius: int = 0,
        ties: str = "potential",
        n_timesteps: int | None = None,
        seed: int = 0,
    ) -> None:
        encoder = model.encoder if isinstance(model, SpikeSEG) else model
        if not isinstance(encoder, SpikeSEGEncoder):
            raise DTypeError(f"model must be a SpikeSEG or a SpikeSEGEncoder, got {model!r}")
        self.encoder = encoder
        self.rule = rule if rule is not None else SimplifiedSTDP()
        self.layers = tuple(require_choice(name, CONV_LAYERS, "a layer") for name in layers)
        if len(set(self.layers)) != len(self.layers):
            raise InvalidArgumentError(f"a layer learns once, got layers={self.layers}")
        self.stopping = stopping if stopping is not None else Stopping()
        self.homeostasis = homeostasis
        checks: tuple[tuple[Any, tuple[type, ...], str], ...] = (
            (self.rule, (SimplifiedSTDP, GuetigSTDP, RewardSTDP), "rule"),
            (self.stopping, (Stopping,), "stopping"),
            (homeostasis, (Homeostasis, type(None)), "homeostasis"),
        )
        for value, kinds, what in checks:
            if not isinstance(value, kinds):
                raise DTypeError(f"{what} must be one of {', '.join(kind.__name__ for kind in kinds)}, got {value!r}")
        self.wta_mode = require_choice(wta_mode, WTA_MODES, "wta_mode")
        self.max_winners = 0 if max_winners is None else as_size(max_winners, "max_winners")
        self.winner_radius = as_integer(winner_radius, "winner_radius")
        self.ties = require_choice(ties, ("potential", "index"), "ties")
        self.n_timesteps = n_timesteps
        self.seed = as_integer(seed, "seed")
        if self.winner_radius < 0 or self.seed < 0:
            raise InvalidArgumentError("winner_radius and seed must not be negative")

    def fit(
        self,
        samples: Any,
        labels: npt.ArrayLike | None = None,
        *,
        progress: bool | Report = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int = 1000,
        resume: bool = False,
    ) -> dict[str, LayerHistory]:
        """Train all layers.

        Parameters
        ----------
        samples : sequence of array, tensor or SpikeArray
            Each of shape (channels, height, width) or (n_steps, channels, height, width), or spikes on steps, such as
            ``events.binned(n_bins=10)`` makes of a recording.
        labels : array_like of int, shape (n_samples,), optional
            For RewardSTDP: the classes, from 0 on. Map m stands for class ``m * n_classes // n_maps``.
        progress : bool or callable
            True shows a progress bar; a callable gets (layer, samples seen, samples in all, convergence).
        checkpoint : path, optional
            File that is written every `checkpoint_every` samples, at the end of a layer and on an error or Ctrl-C.
        checkpoint_every : int
        resume : bool
            Go on from `checkpoint`; the result is that of an uninterrupted run, wherever that was interrupted.

        Returns
        -------
        dict of str to LayerHistory

        Raises
        ------
        FileNotFoundError
            There is no checkpoint to go on from, or no folder for it.
        FileFormatError, InvalidArgumentError
            The checkpoint is damaged or belongs to another training.
        ShapeMismatchError, DTypeError
            Samples or labels do not fit.
        """
        check_samples(samples)
        classes = self._checked_labels(samples, labels)
        as_size(checkpoint_every, "checkpoint_every")
        self._check_checkpoint(checkpoint, resume)
        identity = self._description(samples, classes)
        standing = Standing()
        if resume and checkpoint is not None:
            standing = self._restore(checkpoint, identity, len(samples))
        with self._reporter(progress) as report:
            task = _Task(samples, classes, report, checkpoint, checkpoint_every, identity)
            for number in range(standing.layer, len(self.layers)):
                name = self.layers[number]
                begun = standing.layer == number and name in standing.history
                if not self._stage(name).frozen and not (begun and standing.history[name].stopped):
                    standing = self._train_layer(number, standing, task)
        return dict(standing.history)

    # One layer

    def _train_layer(self, number: int, standing: Standing, task: _Task) -> Standing:
        name, n_samples = self.layers[number], len(task.samples)
        stage = self._stage(name)
        inputs = LowerLayers(self.encoder, name, task.samples, self.n_timesteps)
        step = TrainingStep(self.encoder, name, inputs.shape, self._settings(name, task.classes))
        standing = standing.of_layer(number, name, stage.checked_weight(name), stage.config.threshold)
        step.begin(stage.weight)
        total = self.stopping.epochs * n_samples
        try:
            for epoch in range(standing.epoch, self.stopping.epochs):
                if epoch > standing.epoch:
                    standing = replace(standing, epoch=epoch, position=0)
                order = self._generator(name, epoch).permutation(n_samples)
                for position in range(standing.position, n_samples):
                    sample = int(order[position])
                    label = None if task.classes is None else int(task.classes[sample])
                    standing = step.after(standing, inputs[sample], label, position + 1, total)
                    history = standing.history[name]
                    if history.samples[-1:] == [history.n_samples]:
                        task.report(name, history.n_samples, total, history.convergence[-1])
                    if history.stopped:
                        return standing
                    if task.checkpoint is not None and history.n_samples % task.checkpoint_every == 0:
                        self._save(task, standing)
            standing = standing.with_history(name, stopped="epochs")
        finally:  # at whatever point of a sample an interruption comes, `standing` is that of a whole number of samples
            stage.weight = standing.weight
            if task.checkpoint is not None:
                self._save(task, standing)
        return standing

    def _stage(self, name: str) -> ConvStage:
        stage: ConvStage = getattr(self.encoder, name)
        return stage

    def _settings(self, name: str, classes: npt.NDArray[np.int64] | None) -> StepSettings:
        return StepSettings(
            self.rule,
            self.stopping,
            self.homeostasis,
            self.wta_mode,
            self.max_winners,
            self.winner_radius,
            self.ties,
            0 if classes is None else int(classes.max()) + 1,
            lambda n_seen: self._generator(name, 1_000_000 + n_seen),
        )

    def _generator(self, name: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, CONV_LAYERS.index(name), number])

    def _checked_labels(self, samples: Any, labels: npt.ArrayLike | None) -> npt.NDArray[np.int64] | None:
        if isinstance(self.rule, RewardSTDP) != (labels is not None):
            raise InvalidArgumentError("labels are for RewardSTDP, and RewardSTDP needs labels")
        if labels is None:
            return None
        array = np.asarray(labels)
        if array.shape != (len(samples),) or array.dtype.kind not in "iu":
            raise ShapeMismatchError(f"labels must be {len(samples)} integers, got {array.dtype} {array.shape}")
        if array.min() < 0:
            raise InvalidArgumentError("labels must not be negative")
        return array.astype(np.int64)

    # Around it

    def _reporter(self, progress: bool | Report) -> Any:
        if callable(progress):
            return nullcontext(progress)
        return ProgressBar() if progress else nullcontext(lambda *_: None)

    @staticmethod
    def _check_checkpoint(checkpoint: str | PathLike[str] | None, resume: bool) -> None:
        if checkpoint is None:
            if resume:
                raise InvalidArgumentError("resume needs the checkpoint to go on from")
            return
        if not Path(checkpoint).parent.is_dir():
            raise FileNotFoundError(f"checkpoint: the folder {Path(checkpoint).parent} does not exist")
        if resume and not Path(checkpoint).exists():
            raise FileNotFoundError(f"there is no checkpoint {checkpoint} to go on from; begin without resume")

    def _description(self, samples: Any, classes: npt.NDArray[np.int64] | None) -> dict[str, Any]:
        """What must be the same for a checkpoint to belong to this training."""
        encoder = self.encoder
        frozen = [name for name in CONV_LAYERS if self._stage(name).frozen]
        return {
            "config": dataclasses.asdict(encoder.config) | {"wta_layers": list(encoder.config.wta_layers)},
            "dtype": encoder.conv1.weight.dtype.name,
            "frozen": frozen,
            "n_timesteps": self.n_timesteps,
            "samples": fingerprint(encoder, samples, self.n_timesteps),
            "labels": None if classes is None else hashlib.sha256(classes.tobytes()).hexdigest(),
            "layers": list(self.layers),
            "rule": repr(self.rule),
            "stopping": repr(self.stopping),
            "homeostasis": repr(self.homeostasis),
            "wta": [self.wta_mode, self.max_winners, self.winner_radius, self.ties],
            "seed": self.seed,
            "n_samples": len(samples),
        }

    def _save(self, task: _Task, standing: Standing) -> None:
        assert task.checkpoint is not None
        weights = {name: self._stage(name).weight for name in CONV_LAYERS}
        if standing.weight is not None:
            weights[self.layers[standing.layer]] = standing.weight
        write_checkpoint(task.checkpoint, task.identity, standing, weights)

    def _restore(self, path: str | PathLike[str], known: dict[str, Any], n_samples: int) -> Standing:
        description, standing, weights = read_checkpoint(path)
        if description != known:
            found = description if isinstance(description, dict) else {}
            different = [key for key in known if found.get(key) != known[key]]
            raise InvalidArgumentError(f"{path} belongs to another training: {', '.join(different)} differ")
        with reading(path, "checkpoint"):
            n_maps = [self._stage(name).config.out_channels for name in self.layers]
            check_standing(standing, self.layers, self.stopping.epochs, n_samples, n_maps)
            self._check_weights(weights)
        for name, weight in weights.items():
            self._stage(name).weight = weight
        return replace(standing, weight=weights[self.layers[standing.layer]])

    def _check_weights(self, weights: dict[str, npt.NDArray[Any]]) -> None:
        if set(weights) != set(CONV_LAYERS):
            raise InvalidArgumentError(f"there must be weights of {CONV_LAYERS}, got {sorted(weights)}")
        for name, weight in weights.items():
            known = self._stage(name).weight
            if weight.shape != known.shape or weight.dtype != known.dtype or not np.all(np.isfinite(weight)):
                raise ShapeMismatchError(
                    f"weights of {name} must be finite {known.dtype} of shape {known.shape}, got {weight.dtype} "
                    f"{weight.shape}"
                )
