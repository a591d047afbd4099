"""Layer-by-layer training of a SpikeSEG encoder with STDP."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ..._lib.arrays import as_integer, as_number, as_size
from ...errors import DTypeError, FileFormatError, InvalidArgumentError, ShapeMismatchError
from ..config import CONV_LAYERS, WTA_MODES, require_choice
from ..encoder import SpikeSEGEncoder
from ..layers import ConvLayer, conv_stage
from ..model import SpikeSEG
from .checkpoint import read_checkpoint, write_checkpoint
from .homeostasis import Homeostasis, MapStatistics
from .samples import LowerLayers, ProgressBar, fingerprint
from .stdp import GuetigSTDP, RewardSTDP, SimplifiedSTDP, convergence


@dataclass(frozen=True)
class Stopping:
    """When a layer has learned enough; whatever comes first ends it.

    Parameters
    ----------
    epochs : int
        Passes through the samples.
    convergence : float, optional
        Stop when :func:`evsim.spikeseg.training.convergence` falls below this.
    wins : int, optional
        Stop when `map_share` of the maps have won this often (the reference package has 10).
    map_share : float
    patience : int, optional
        Stop when the convergence has not improved for so many samples.
    check_every : int
        How often, in samples, all this is looked at.

    Examples
    --------
    >>> from evsim.spikeseg.training import Stopping
    >>> Stopping(epochs=3, wins=10).map_share
    0.9
    """

    epochs: int = 1
    convergence: float | None = 0.01
    wins: int | None = None
    map_share: float = 0.9
    patience: int | None = None
    check_every: int = 100

    def __post_init__(self) -> None:
        as_size(self.epochs, "epochs")
        as_size(self.check_every, "check_every")
        if not 0 < as_number(self.map_share, "map_share") <= 1:
            raise InvalidArgumentError(f"map_share must be above 0 and at most 1, got {self.map_share}")

    def reason(self, history: LayerHistory) -> str | None:
        """Why to stop, or None."""
        if self.convergence is not None and history.convergence[-1] < self.convergence:
            return "converged"
        if self.wins is not None and np.mean(np.asarray(history.wins) >= self.wins) >= self.map_share:
            return "wins"
        if self.patience is not None:
            best = int(np.argmin(history.convergence))
            if history.samples[-1] - history.samples[best] >= self.patience:
                return "patience"
        return None


@dataclass
class LayerHistory:
    """What happened while a layer learned.

    Attributes
    ----------
    samples, convergence : list
        Number of samples seen, and the convergence then.
    wins : list of int
        How often each map was a winner.
    thresholds : list of float
        Of each map, as homeostasis left them.
    n_samples : int
        Samples seen.
    accuracy : list of float
        With labels: share of right decisions since the last entry.
    stopped : str
        "converged", "wins", "patience", "epochs", or "" while it goes on.
    """

    samples: list[int] = field(default_factory=list)
    convergence: list[float] = field(default_factory=list)
    wins: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    n_samples: int = 0
    accuracy: list[float] = field(default_factory=list)
    stopped: str = ""


@dataclass
class _Place:
    """Where training stands: what a checkpoint keeps beside the weights."""

    layer: int = 0
    epoch: int = 0
    position: int = 0
    history: dict[str, LayerHistory] = field(default_factory=dict)
    decisions: list[bool] = field(default_factory=list)
    statistics: MapStatistics | None = None


class STDPTrainer:
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
        Which of the spikes of one step comes first: that of the highest membrane before its reset, or that of the
        lowest index.
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
        self._identity: dict[str, Any] = {}
        self.encoder = model.encoder if isinstance(model, SpikeSEG) else model
        if not isinstance(self.encoder, SpikeSEGEncoder):
            raise DTypeError(f"model must be a SpikeSEG or a SpikeSEGEncoder, got {model!r}")
        self.rule = rule if rule is not None else SimplifiedSTDP()
        self.layers = tuple(require_choice(name, CONV_LAYERS, "a layer") for name in layers)
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
        progress: bool | Callable[[str, int, int, float], None] = False,
        checkpoint: str | PathLike[str] | None = None,
        checkpoint_every: int = 1000,
        resume: bool = False,
    ) -> dict[str, LayerHistory]:
        """Train all layers.

        Parameters
        ----------
        samples : sequence of array, tensor or SpikeArray
            Each of shape (channels, height, width) or (n_steps, channels, height, width), or spikes on steps.
        labels : array_like of int, shape (n_samples,), optional
            For RewardSTDP: the classes, from 0 on. Map m stands for class ``m * n_classes // n_maps``.
        progress : bool or callable
            True shows a progress bar; a callable gets (layer, samples seen, samples in all, convergence).
        checkpoint : path, optional
            File that is written every `checkpoint_every` samples and at the end of a layer.
        checkpoint_every : int
        resume : bool
            Go on from `checkpoint` if it exists; the result is that of an uninterrupted run.

        Returns
        -------
        dict of str to LayerHistory

        Raises
        ------
        FileFormatError, InvalidArgumentError
            The checkpoint is damaged or belongs to another training.
        ShapeMismatchError, DTypeError
            Samples or labels do not fit.
        """
        classes = self._checked_labels(samples, labels)
        as_size(checkpoint_every, "checkpoint_every")
        if checkpoint is not None and not Path(checkpoint).parent.is_dir():
            raise FileNotFoundError(f"checkpoint: the folder {Path(checkpoint).parent} does not exist")
        self._identity = self._description(samples, classes)
        place = _Place()
        if resume and checkpoint is not None and Path(checkpoint).exists():
            place = self._restore(checkpoint, len(samples))
        with self._reporter(progress) as report:
            for k in range(place.layer, len(self.layers)):
                name = self.layers[k]
                place.layer = k
                layer: ConvLayer = getattr(self.encoder, name)
                if not layer.frozen and not place.history.get(name, LayerHistory()).stopped:
                    self._train_layer(name, samples, classes, place, report, checkpoint, checkpoint_every)
                place.epoch = place.position = 0
                place.statistics = None
                place.decisions = []
        return place.history

    # One layer

    def _train_layer(
        self,
        name: str,
        samples: Any,
        classes: npt.NDArray[np.int64] | None,
        place: _Place,
        report: Callable[[str, int, int, float], None],
        checkpoint: str | PathLike[str] | None,
        checkpoint_every: int,
    ) -> None:
        layer: ConvLayer = getattr(self.encoder, name)
        inputs = LowerLayers(self.encoder, name, samples, self.n_timesteps)
        step = _TrainingStep(self, name, inputs.shape, classes)
        history = place.history.setdefault(name, LayerHistory())
        if place.statistics is None:
            place.statistics = MapStatistics.of(layer.config.out_channels, layer.config.threshold)
        total = self.stopping.epochs * len(samples)
        try:
            for epoch in range(place.epoch, self.stopping.epochs):
                place.epoch = epoch
                order = self._generator(name, epoch).permutation(len(samples))
                for position in range(place.position, len(samples)):
                    sample = int(order[position])
                    label = None if classes is None else int(classes[sample])
                    step.run(inputs[sample], place, history, label)
                    place.position = position + 1
                    if history.n_samples % self.stopping.check_every == 0 or history.n_samples == total:
                        step.record(place, history)
                        history.stopped = self.stopping.reason(history) or ""
                        report(name, history.n_samples, total, history.convergence[-1])
                    if history.stopped:
                        return
                    if checkpoint is not None and history.n_samples % checkpoint_every == 0:
                        self._save(checkpoint, place, step)
                place.position = 0
            history.stopped = "epochs"
        finally:
            layer.weight = step.stage.weights
            if checkpoint is not None:
                self._save(checkpoint, place, step)

    def _generator(self, name: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, CONV_LAYERS.index(name), number])

    def _checked_labels(self, samples: Any, labels: npt.ArrayLike | None) -> npt.NDArray[np.int64] | None:
        if not hasattr(samples, "__len__") or len(samples) == 0:
            raise ShapeMismatchError("samples must be a sequence that is not empty")
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

    def _reporter(self, progress: bool | Callable[[str, int, int, float], None]) -> Any:
        if callable(progress):
            return nullcontext(progress)
        return ProgressBar() if progress else nullcontext(lambda *_: None)

    def _description(self, samples: Any, classes: npt.NDArray[np.int64] | None) -> dict[str, Any]:
        """What must be the same for a checkpoint to belong to this training."""
        encoder = self.encoder
        frozen = [name for name in CONV_LAYERS if getattr(encoder, name).frozen]
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

    def _save(self, path: str | PathLike[str], place: _Place, step: _TrainingStep) -> None:
        weights = {name: getattr(self.encoder, name).weight for name in CONV_LAYERS}
        weights[self.layers[place.layer]] = step.stage.weights
        write_checkpoint(path, self._identity, place, weights)

    def _restore(self, path: str | PathLike[str], n_samples: int) -> _Place:
        description, state, statistics, weights = read_checkpoint(path)
        known = self._identity
        if description != known:
            found = description if isinstance(description, dict) else {}
            different = [key for key in known if found.get(key) != known[key]]
            raise InvalidArgumentError(f"{path} belongs to another training: {', '.join(different)} differ")
        try:
            place = _Place(state["layer"], state["epoch"], state["position"], {}, state["decisions"], statistics)
            place.history = {name: LayerHistory(**values) for name, values in state["history"].items()}
            self._check_place(place, weights, n_samples)
        except Exception as error:  # a damaged file may hold anything
            raise FileFormatError(f"{path} is not a readable checkpoint: {error!r}") from None
        for name, weight in weights.items():
            getattr(self.encoder, name).weight = weight
        return place

    def _check_place(self, place: _Place, weights: dict[str, npt.NDArray[Any]], n_samples: int) -> None:
        numbers = {"layer": len(self.layers) - 1, "epoch": self.stopping.epochs, "position": n_samples}
        for name, most in numbers.items():
            if not 0 <= as_integer(getattr(place, name), name) <= most:
                raise InvalidArgumentError(f"{name} = {getattr(place, name)}")
        if set(weights) != set(CONV_LAYERS) or not set(place.history) <= set(CONV_LAYERS):
            raise InvalidArgumentError("weights or history of other layers")
        for name, weight in weights.items():
            known = getattr(self.encoder, name).weight
            if weight.shape != known.shape or weight.dtype != known.dtype or not np.all(np.isfinite(weight)):
                raise ShapeMismatchError(f"weights of {name}")
        maps = getattr(self.encoder, self.layers[place.layer]).config.out_channels
        statistics = vars(place.statistics).values() if place.statistics is not None else ()
        if any(values.shape != (maps,) for values in statistics):
            raise ShapeMismatchError("statistics of another number of maps")


class _TrainingStep:
    """One layer in training: its stage, and what a sample does to it."""

    def __init__(
        self, trainer: STDPTrainer, name: str, in_shape: tuple[int, int, int], classes: npt.NDArray[np.int64] | None
    ) -> None:
        self.trainer = trainer
        self.name = name
        self.layer: ConvLayer = getattr(trainer.encoder, name)
        self.n_classes = 0 if classes is None else int(classes.max()) + 1
        radius = trainer.encoder.config.wta_radius
        self.stage = conv_stage(
            self.layer,
            in_shape,
            fire_once=True,
            wta_mode=trainer.wta_mode,
            wta_radius=radius,
            report_membranes=trainer.ties == "potential",
        )
        self.stage.weights[...] = self.layer.weight
        self.network = _core.SteppedNetwork([self.stage])
        self.learner = _core.ConvLearner(self.stage)
        self.since_record: list[bool] = []

    def run(self, inputs: _core.StepSpikes, place: _Place, history: LayerHistory, label: int | None) -> None:
        """Let one sample change the weights."""
        statistics = place.statistics
        assert statistics is not None
        if self.trainer.homeostasis is not None:
            self.stage.set_thresholds(statistics.thresholds.tolist())
        ((stages, _),) = self.network.run([inputs], [], True, False)
        spikes = stages[0]
        most = 1 if label is not None else self.trainer.max_winners
        winners = _core.select_winners(spikes, self.stage.shape, self.trainer.winner_radius, most)
        rule = self._rule(winners, label, place)
        if winners:
            self.learner.learn(inputs, winners, rule.compiled())
        for channel, _, _ in winners:
            statistics.wins[channel] += 1
        history.n_samples += 1
        if self.trainer.homeostasis is not None:
            self._regulate(self.trainer.homeostasis, spikes, statistics, history.n_samples)

    def _rule(self, winners: Any, label: int | None, place: _Place) -> SimplifiedSTDP | GuetigSTDP:
        rule = self.trainer.rule
        if not isinstance(rule, RewardSTDP):
            return rule
        assert label is not None
        right = bool(winners) and winners[0][0] * self.n_classes // self.layer.config.out_channels == label
        share = float(np.mean(place.decisions)) if place.decisions else 0.5
        place.decisions = [*place.decisions, right][-rule.window :]
        self.since_record.append(right)
        return rule.for_decision(right, share)

    def _regulate(self, rule: Homeostasis, spikes: _core.StepSpikes, statistics: MapStatistics, n_samples: int) -> None:
        _, height, width = self.stage.shape
        spiked = np.bincount(np.asarray(spikes.indices) // (height * width), minlength=len(statistics.wins)) > 0
        statistics.seen += 1
        statistics.spiked += spiked
        statistics.thresholds = rule.step(statistics.thresholds, spiked, self.layer.config.threshold)
        dead = np.flatnonzero(statistics.dead(rule))
        if len(dead):
            noise = self.trainer._generator(self.name, 1_000_000 + n_samples)
            weights = self.stage.weights
            changed = weights[dead] + noise.normal(0, rule.noise, weights[dead].shape)
            weights[dead] = np.clip(changed, *self._bounds())
            statistics.seen[dead] = statistics.spiked[dead] = 0

    def _bounds(self) -> tuple[float, float]:
        rule = self.trainer.rule
        chosen = rule.reward if isinstance(rule, RewardSTDP) else rule
        return chosen.w_min, chosen.w_max

    def record(self, place: _Place, history: LayerHistory) -> None:
        """Write down how far it has come."""
        statistics = place.statistics
        assert statistics is not None
        history.samples.append(history.n_samples)
        history.convergence.append(convergence(self.stage.weights, *self._bounds()))
        history.wins = statistics.wins.tolist()
        history.thresholds = statistics.thresholds.tolist()
        if self.since_record:
            history.accuracy.append(float(np.mean(self.since_record)))
            self.since_record.clear()
