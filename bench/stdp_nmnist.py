"""Features that STDP learns on N-MNIST recordings, and a linear classifier on them.

Each recording is six images of event counts, two polarities in each of the three saccades. Their ON-centre contrasts
are rank-order coded, and one convolution learns by STDP. Hyper-parameters are chosen by 5-fold cross-validation on the
training recordings; 1-NN and logistic regression on raw counts are computed for comparison.

    python bench/stdp_nmnist.py [--data FOLDER] [--train 1000] [--test 100] [--seeds 5] [--seed 1] [--smoke] [-o FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.ndimage import correlate
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from stdp_readout import LinearReadout, draw_fields, learned_encoder, region_shares

import evsim

SACCADE_US = 105_000


def event_counts(data: Mapping[str, np.ndarray], part: str, most: int) -> np.ndarray:
    """Events of each saccade, polarity and pixel, shape (n, 3, 2, 34, 34)."""
    offsets = data[f"{part}_offsets"][: most + 1].astype(int)
    x, y, p, t = (data[f"{part}_{name}"][: offsets[-1]] for name in "xypt")
    counts = np.zeros((len(offsets) - 1, 3, 2, 34, 34), np.float32)
    sample = np.repeat(np.arange(len(counts)), np.diff(offsets))
    np.add.at(counts, (sample, np.minimum(t // SACCADE_US, 2), p, y, x), 1)
    return counts


def contrasts(counts: np.ndarray) -> np.ndarray:
    """ON-centre contrasts of all six images, those below half of the mean of a positive one dropped."""
    kernel = evsim.receptive_fields.difference_of_gaussians(7, 1.0, 2.0)
    images = counts.reshape(len(counts), 6, 34, 34)
    filtered = correlate(images, kernel[np.newaxis, np.newaxis].astype(np.float32), mode="constant")
    positive = np.maximum(filtered, 0)
    means = positive.sum(axis=(1, 2, 3)) / np.maximum((positive > 0).sum(axis=(1, 2, 3)), 1)
    positive[positive < 0.5 * means[:, np.newaxis, np.newaxis, np.newaxis]] = 0
    return positive


def cross_validated(features: np.ndarray, labels: np.ndarray, cost: float) -> float:
    """Mean accuracy of five folds."""
    folds = np.random.default_rng(0).permutation(len(labels)) % 5
    scores = []
    for fold in range(5):
        known = folds != fold
        readout = LinearReadout(cost, 150).fit(features[known], labels[known])
        scores.append(readout.accuracy(features[~known], labels[~known]))
    return float(np.mean(scores))


def main() -> None:
    """Compute the baselines, then learn with every seed, choose, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--train", type=int, default=1000, help="recordings to train with")
    parser.add_argument("--test", type=int, default=100, help="recordings to test with")
    parser.add_argument("--maps", type=int, default=30)
    parser.add_argument("--regions", type=int, default=6, help="rows and columns of regions of a map")
    parser.add_argument("--seeds", type=int, default=5, help="how many, counted from --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a small run of seconds")
    parser.add_argument("-o", "--picture", type=Path, help="draw the receptive fields that the first seed learned")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.train, arguments.test, arguments.seeds = 200, 50, 1
    evsim.set_num_threads(1)
    with np.load(arguments.data / "nmnist_small.npz") as data:
        counts, test_counts = (event_counts(data, "train", arguments.train), event_counts(data, "test", arguments.test))
        labels = data["train_labels"][: arguments.train].astype(int)
        test_labels = data["test_labels"][: arguments.test].astype(int)

    raw, test_raw = (array.sum(axis=1).reshape(len(array), -1) for array in (counts, test_counts))
    nearest = KNeighborsClassifier(1).fit(raw, labels).score(test_raw, test_labels)
    logistic = LogisticRegression(max_iter=1000).fit(raw / raw.max(), labels).score(test_raw / raw.max(), test_labels)
    print(f"raw counts: 1-NN {nearest:.2f}, logistic regression {logistic:.2f}", flush=True)

    train, test = contrasts(counts), contrasts(test_counts)
    validated, tested = [], []
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        encoder, history = learned_encoder(train, arguments.maps, 15.0, seed, epochs=5, rate=5.0)
        if arguments.picture and seed == arguments.seed:
            weight = encoder.conv1.weight.reshape(arguments.maps, 3, 2, 5, 5).mean(axis=1)
            draw_fields(weight[:, ::-1], arguments.picture, "receptive fields that STDP learned on N-MNIST")
        choices = {}
        for threshold in (15.0, 19.0):
            features = region_shares(encoder, train, arguments.regions, threshold)
            for cost in (0.3, 1.0):
                choices[threshold, cost] = cross_validated(features, labels, cost)
        threshold, cost = max(choices, key=choices.__getitem__)
        readout = LinearReadout(cost, 150).fit(region_shares(encoder, train, arguments.regions, threshold), labels)
        accuracy = readout.accuracy(region_shares(encoder, test, arguments.regions, threshold), test_labels)
        validated.append(choices[threshold, cost])
        tested.append(accuracy)
        print(
            f"seed {seed}: {history.n_samples} samples, convergence {history.convergence[-1]:.4f}; chosen threshold "
            f"{threshold:g}, cost {cost:g}: 5-fold {validated[-1]:.3f}, test {accuracy:.2f}",
            flush=True,
        )
    for name, values in (("5-fold", validated), ("test", tested)):
        print(f"{name}: {np.mean(values):.3f}, standard deviation {np.std(values):.3f} over {len(values)} seeds")


if __name__ == "__main__":
    main()
