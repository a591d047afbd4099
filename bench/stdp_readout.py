"""What the benchmarks of STDP features share: learning, features of spikes, a linear classifier, a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize

from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEGEncoder, latency_code
from evsim.spikeseg.training import LayerHistory, SimplifiedSTDP, STDPTrainer, Stopping

N_STEPS = 15
SILENT = LayerConfig(1, 1, 1e9)


class Coded:
    """Rank-order coded contrasts, shape (n, channels, height, width), each made when it is asked for."""

    def __init__(self, contrasts: np.ndarray) -> None:
        self.contrasts = contrasts

    def __len__(self) -> int:
        return len(self.contrasts)

    def __getitem__(self, number: int) -> np.ndarray:
        return latency_code(self.contrasts[number : number + 1], N_STEPS)[:, 0]


def learned_encoder(
    contrasts: np.ndarray, n_maps: int, threshold: float, seed: int, epochs: int = 1, rate: float = 1.0
) -> tuple[SpikeSEGEncoder, LayerHistory]:
    """Encoder whose conv1 has learned by STDP, at `rate` times the paper's rates; the layers above stay silent."""
    conv1 = LayerConfig(n_maps, 5, threshold)
    config = EncoderConfig(contrasts.shape[1], conv1, SILENT, SILENT, use_wta=False)
    encoder = SpikeSEGEncoder(config, seed=seed)
    first = np.random.default_rng(seed).normal(0.8, 0.05, encoder.conv1.weight.shape)
    encoder.conv1.weight = np.clip(first, 0, 1)
    rule = SimplifiedSTDP.from_paper("kheradpisheh2018").scaled(rate)
    stopping = Stopping(epochs=epochs, convergence=0.01)
    trainer = STDPTrainer(encoder, rule=rule, layers=("conv1",), winner_radius=2, stopping=stopping, seed=seed)
    return encoder, trainer.fit(Coded(contrasts))["conv1"]


def region_shares(
    encoder: SpikeSEGEncoder, contrasts: np.ndarray, n_regions: int, threshold: float, batch: int = 500
) -> np.ndarray:
    """Share of the cells of pool1 that spiked in each of n x n regions of each map, shape (n, maps * regions)."""
    features = []
    for begin in range(0, len(contrasts), batch):
        coded = latency_code(contrasts[begin : begin + batch], N_STEPS)
        output = encoder.forward(coded, layer_thresholds={"conv1": threshold})
        spiked = (output.layer_spike_times["pool1"] >= 0).astype(np.float32)
        edges = [np.linspace(0, size, n_regions + 1).round().astype(int)[:-1] for size in spiked.shape[2:]]
        sums = np.add.reduceat(np.add.reduceat(spiked, edges[0], axis=2), edges[1], axis=3)
        sizes = [np.diff([*edge, size]) for edge, size in zip(edges, spiked.shape[2:], strict=True)]
        features.append((sums / np.outer(*sizes)).astype(np.float32).reshape(len(sums), -1))
    return np.concatenate(features)


class LinearReadout:
    """Linear support vector machine: one class against the rest, squared hinge loss, by L-BFGS on all data at once.

    The objective is that of scikit-learn's LinearSVC. Features are scaled to mean 0 and a sum of variances near 1.
    """

    def __init__(self, cost: float = 3.0, iterations: int = 300) -> None:
        self.cost, self.iterations = cost, iterations

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = ((features - self.mean) / self.scale).astype(np.float32)
        return scaled

    def fit(self, features: np.ndarray, labels: np.ndarray) -> LinearReadout:
        """Learn from features, shape (n, features), and labels 0 to 9."""
        self.mean, variance = features.mean(axis=0), features.var(axis=0)
        self.scale = np.sqrt((variance + 0.01 * variance.mean()) * features.shape[1])
        x = self._scaled(features)
        sign = np.where(labels[:, np.newaxis] == np.arange(10), 1, -1).astype(np.float32)
        size = x.shape[1] * 10

        def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
            weights, bias = values[:size].reshape(-1, 10).astype(np.float32), values[size:].astype(np.float32)
            short = np.maximum(1 - sign * (x @ weights + bias), 0)
            slope = -2 * self.cost * sign * short
            value = 0.5 * np.square(weights, dtype=np.float64).sum() + self.cost * np.square(short, dtype=float).sum()
            return value, np.concatenate([(weights + x.T @ slope).ravel(), slope.sum(axis=0)]).astype(np.float64)

        options = {"maxiter": self.iterations, "maxcor": 20}
        found = minimize(loss, np.zeros(size + 10), jac=True, method="L-BFGS-B", options=options).x
        self.weights, self.bias = found[:size].reshape(-1, 10), found[size:]
        return self

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Share of samples that are recognised."""
        scores = self._scaled(features) @ self.weights + self.bias
        return float(np.mean(scores.argmax(axis=1) == labels))


def draw_fields(weight: np.ndarray, path: Path, title: str) -> None:
    """Draw the first channel of each map (red) against the second (blue)."""
    figure = Figure(figsize=(7.0, 0.75 * -(-len(weight) // 10) + 0.4), layout="constrained")
    for axes, field in zip(figure.subplots(-(-len(weight) // 10), 10).flat, weight, strict=False):
        axes.imshow(field[0] - field[1], cmap="RdBu_r", vmin=-1, vmax=1)
        axes.set(xticks=[], yticks=[])
    figure.suptitle(title, fontsize=9)
    figure.savefig(path, dpi=90)
