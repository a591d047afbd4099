"""Features that STDP learns on MNIST, and a linear classifier on them (after Kheradpisheh et al. 2018).

Differences of Gaussians -> rank-order code -> one convolution that learns by STDP -> pooled spikes -> linear SVM.
The cost of the SVM is chosen on the last sixth of the training digits.

    python bench/stdp_mnist.py [--data FOLDER] [--train 60000] [--test 10000] [--seed 1] [--smoke] [-o PICTURE]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from stdp_readout import LinearReadout, draw_fields, learned_encoder, region_shares

import evsim


def contrasts(images: np.ndarray, smallest: float = 0.06) -> np.ndarray:
    """ON and OFF parts of images, shape (n, 28, 28), filtered by a difference of Gaussians, without the smallest."""
    kernel = evsim.receptive_fields.difference_of_gaussians(7, 1.0, 2.0)
    kernel *= 2 / np.abs(kernel).sum()
    padded = np.pad(images.astype(np.float32) / 255, ((0, 0), (3, 3), (3, 3)))
    filtered = np.zeros(images.shape, np.float32)
    for row, column in np.ndindex(kernel.shape):
        part = padded[:, row : row + images.shape[1], column : column + images.shape[2]]
        filtered += np.float32(kernel[row, column]) * part
    both = np.stack([np.maximum(filtered, 0), np.maximum(-filtered, 0)], axis=1)
    both[both < smallest] = 0
    return both


def main() -> None:
    """Learn, choose, test, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--train", type=int, default=60000, help="digits to train with")
    parser.add_argument("--test", type=int, default=10000, help="digits to test with")
    parser.add_argument("--stdp", type=int, default=20000, help="of these, digits that STDP sees")
    parser.add_argument("--maps", type=int, default=50)
    parser.add_argument("--regions", type=int, default=5, help="rows and columns of regions of a map")
    parser.add_argument("--threshold", type=float, default=15.0, help="of conv1 while it learns")
    parser.add_argument("--readout-threshold", type=float, default=15.0, help="of conv1 for the features")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--smoke", action="store_true", help="a small run of seconds")
    parser.add_argument("-o", "--picture", type=Path, help="draw the learned receptive fields")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.train, arguments.test, arguments.stdp = 1200, 200, 600
    evsim.set_num_threads(1)
    with np.load(arguments.data / "mnist.npz") as data:
        order = np.random.default_rng(arguments.seed).permutation(len(data["x_train"]))[: arguments.train]
        train, labels = contrasts(data["x_train"][order]), data["y_train"][order]
        test, test_labels = contrasts(data["x_test"][: arguments.test]), data["y_test"][: arguments.test]

    start = time.perf_counter()
    encoder, history = learned_encoder(train[: arguments.stdp], arguments.maps, arguments.threshold, arguments.seed)
    seconds = time.perf_counter() - start
    print(f"STDP: {history.n_samples} digits, {seconds:.0f} s, convergence {history.convergence[-1]:.4f}", flush=True)
    if arguments.picture:
        draw_fields(encoder.conv1.weight, arguments.picture, "receptive fields that STDP learned on MNIST")

    start = time.perf_counter()
    features = region_shares(encoder, train, arguments.regions, arguments.readout_threshold)
    test_features = region_shares(encoder, test, arguments.regions, arguments.readout_threshold)
    milliseconds = (time.perf_counter() - start) / (len(train) + len(test)) * 1e3
    print(f"features: {features.shape[1]} a digit, {milliseconds:.2f} ms each", flush=True)

    known = len(train) - len(train) // 6
    scores = {}
    for cost in (1.0, 3.0):
        readout = LinearReadout(cost, 100).fit(features[:known], labels[:known])
        scores[cost] = readout.accuracy(features[known:], labels[known:])
        print(f"cost {cost:g}: {scores[cost]:.2%} of {len(train) - known} held-out training digits", flush=True)
    best = max(scores, key=scores.__getitem__)
    readout = LinearReadout(best, 150).fit(features, labels)
    accuracy = readout.accuracy(test_features, test_labels)
    print(f"test, cost {best:g}, seed {arguments.seed}: {accuracy:.2%} of {len(test)} digits")


if __name__ == "__main__":
    main()
