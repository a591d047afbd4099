"""What one sample does to a layer in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ..encoder import SpikeSEGEncoder
from ..stages import ConvStage
from .homeostasis import Homeostasis, MapStatistics
from .standing import Standing
from .stdp import GuetigSTDP, RewardSTDP, SimplifiedSTDP, convergence
from .stopping import Stopping


@dataclass(frozen=True)
class StepSettings:
    """How the layer in training competes and learns; see :class:`STDPTrainer`."""

    rule: SimplifiedSTDP | GuetigSTDP | RewardSTDP
    stopping: Stopping
    homeostasis: Homeostasis | None
    wta_mode: str
    max_winners: int
    winner_radius: int
    ties: str
    n_classes: int
    random: Callable[[int], np.random.Generator]
    """Generator of the noise for dead maps, by the number of samples seen."""

    def bounds(self) -> tuple[float, float]:
        """Between which the weights stay."""
        chosen = self.rule.reward if isinstance(self.rule, RewardSTDP) else self.rule
        return chosen.w_min, chosen.w_max


class TrainingStep:
    """One layer in training: from one standing to the next.

    The stage works on weights of its own, which may be ahead of a standing that an interruption has left; each standing
    has its copy.
    """

    def __init__(
        self, encoder: SpikeSEGEncoder, name: str, in_shape: tuple[int, int, int], settings: StepSettings
    ) -> None:
        self._settings = settings
        self._name = name
        layer: ConvStage = getattr(encoder, name)
        self._threshold = layer.config.threshold
        self._n_maps = layer.config.out_channels
        self._stage = layer.compiled(
            in_shape,
            fire_once=True,
            wta_mode=settings.wta_mode,
            wta_radius=encoder.config.wta_radius,
            report_membranes=settings.ties == "potential",
        )
        self._network = _core.SteppedNetwork([self._stage])
        self._learner = _core.ConvLearner(self._stage)

    def begin(self, weight: npt.NDArray[Any]) -> None:
        """Take over the weights of a standing."""
        self._stage.weights[...] = weight

    def after(
        self, standing: Standing, inputs: _core.StepSpikes, label: int | None, position: int, total: int
    ) -> Standing:
        """Standing after one more sample, the `position`-th of its epoch; `total` is that of all epochs."""
        statistics, settings = standing.statistics, self._settings
        assert statistics is not None
        thresholds = statistics.thresholds.tolist() if settings.homeostasis is not None else []
        self._stage.set_thresholds(thresholds)
        ((stages, _),) = self._network.run([inputs], [], True, False)
        spikes = stages[0]
        most = 1 if label is not None else settings.max_winners
        relative = thresholds if settings.ties == "potential" else []
        winners = _core.select_winners(spikes, self._stage.shape, settings.winner_radius, most, relative)
        rule, standing = self._rule(winners, label, standing)
        if winners:
            self._learner.learn(inputs, winners, rule.compiled())
        won = np.bincount([channel for channel, _, _ in winners], minlength=self._n_maps)
        statistics = statistics.with_wins(won)
        n_samples = standing.history[self._name].n_samples + 1
        if settings.homeostasis is not None:
            counted = won > 0 if settings.homeostasis.counts == "winners" else self._spiked(spikes)
            statistics = self._regulated(settings.homeostasis, counted, statistics, n_samples)
        standing = replace(
            standing.with_history(self._name, n_samples=n_samples),
            position=position,
            weight=self._stage.weights.copy(),
            statistics=statistics,
        )
        due = n_samples % settings.stopping.check_every == 0 or n_samples == total
        return self._recorded(standing) if due else standing

    def _rule(
        self, winners: Any, label: int | None, standing: Standing
    ) -> tuple[SimplifiedSTDP | GuetigSTDP, Standing]:
        rule = self._settings.rule
        if not isinstance(rule, RewardSTDP):
            return rule, standing
        assert label is not None
        right = bool(winners) and winners[0][0] * self._settings.n_classes // self._n_maps == label
        share = float(np.mean(standing.decisions)) if standing.decisions else 0.5
        decisions = (*standing.decisions, right)[-rule.window :]
        standing = replace(standing, decisions=decisions, unrecorded=(*standing.unrecorded, right))
        return rule.for_decision(right, share), standing

    def _spiked(self, spikes: _core.StepSpikes) -> npt.NDArray[np.bool_]:
        _, height, width = self._stage.shape
        spiked: npt.NDArray[np.bool_] = (
            np.bincount(np.asarray(spikes.indices) // (height * width), minlength=self._n_maps) > 0
        )
        return spiked

    def _regulated(
        self, rule: Homeostasis, counted: npt.NDArray[np.bool_], statistics: MapStatistics, n_samples: int
    ) -> MapStatistics:
        statistics = statistics.regulated(rule, counted, self._threshold)
        dead = statistics.dead(rule)
        if not len(dead):
            return statistics
        weights = self._stage.weights
        changed = weights[dead] + self._settings.random(n_samples).normal(0, rule.noise, weights[dead].shape)
        weights[dead] = np.clip(changed, *self._settings.bounds())
        return statistics.revived(dead)

    def _recorded(self, standing: Standing) -> Standing:
        """Write down how far the layer has come, and whether that is enough."""
        statistics, history = standing.statistics, standing.history[self._name]
        assert statistics is not None
        share = [float(np.mean(standing.unrecorded))] if standing.unrecorded else []
        standing = standing.with_history(
            self._name,
            samples=[*history.samples, history.n_samples],
            convergence=[*history.convergence, convergence(self._stage.weights, *self._settings.bounds())],
            wins=statistics.wins.tolist(),
            thresholds=statistics.thresholds.tolist(),
            accuracy=[*history.accuracy, *share],
        )
        stopped = self._settings.stopping.reason(standing.history[self._name]) or ""
        return replace(standing.with_history(self._name, stopped=stopped), unrecorded=())
