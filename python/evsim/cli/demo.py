"""The work of ``evsim demo``: a network learns handwritten digits by exact gradients, and is tested on others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.optional import require
from ..errors import InvalidArgumentError
from .training_data import digits, split

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Digits:
    """Images of handwritten digits.

    Attributes
    ----------
    images : ndarray, shape (n, 64)
        Brightness of 8 x 8 pixels, from 0 to 16.
    labels : ndarray of int, shape (n,)
        Digits 0 to 9.
    """

    images: Floats
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def load_digits(seed: int = 0) -> tuple[Digits, Digits]:
    """Scikit-learn's 1,797 handwritten digits, shuffled and split.

    Parameters
    ----------
    seed : int
        Of the split.

    Returns
    -------
    train, test : Digits
        Four fifths and one fifth of every digit.

    Raises
    ------
    MissingDependencyError
        Without scikit-learn.

    Examples
    --------
    >>> train, test = load_digits()
    >>> len(train), len(test), train.images.shape[1:]
    (1438, 359, (64,))
    """
    if seed < 0:
        raise InvalidArgumentError(f"seed must not be negative, got {seed}")
    images, labels = digits()
    train, test = (
        Digits(images[part], labels[part].astype(np.int64)) for part in split(labels, len(labels), 0.2, seed)
    )
    return train, test


@dataclass(frozen=True)
class Learned:
    """What came of learning and of the test.

    Attributes
    ----------
    classifier : SpikingClassifier
    predicted : ndarray of int, shape (n_test,)
    accuracy : float
        Share of the test digits that were recognised.
    seconds : float
        Of training.
    spikes : tuple of float
        Input and hidden spikes of a test digit, in the mean.
    """

    classifier: Any
    predicted: npt.NDArray[np.int64]
    accuracy: float
    seconds: float
    spikes: tuple[float, float]


def learn(train: Digits, test: Digits, seed: int = 0, **options: Any) -> Learned:
    """Train a SpikingClassifier, with its defaults but for `options`, and test it.

    Examples
    --------
    >>> train, test = load_digits()
    >>> learn(train, test, hidden_layer_sizes=50, max_iter=8).accuracy > 0.8
    True
    """
    from ..learning import SpikingClassifier

    start = time.perf_counter()
    classifier = SpikingClassifier(random_state=seed, **options).fit(train.images, train.labels)
    seconds = time.perf_counter() - start
    predicted = classifier.predict(test.images)
    inputs = classifier.code_.encode(test.images)
    net = classifier.network_
    net.infer(inputs, until=classifier.until)
    spikes = sum(map(len, inputs)) / len(test), float(net[0].n_spikes.sum()) / len(test)
    return Learned(classifier, predicted, float(np.mean(predicted == test.labels)), seconds, spikes)


def rivals(train: Digits, test: Digits, seed: int = 0) -> dict[str, float]:
    """Return the accuracies of scikit-learn's own classifiers with their defaults."""
    svm = require("sklearn.svm", "scikit-learn", "demo", "the demo").SVC()
    networks = require("sklearn.neural_network", "scikit-learn", "demo", "the demo")
    perceptron = networks.MLPClassifier(random_state=seed)
    pairs = (("multilayer perceptron", perceptron), ("support vector machine", svm))
    return {name: float(one.fit(train.images, train.labels).score(test.images, test.labels)) for name, one in pairs}


def examples(learned: Learned, test: Digits) -> npt.NDArray[np.intp]:
    """Return where the first test image of each digit is that was recognised, or the first one at all; shape (10,)."""
    right = learned.predicted == test.labels
    found = [np.flatnonzero((test.labels == digit) & right) for digit in range(10)]
    anyhow = [np.flatnonzero(test.labels == digit) for digit in range(10)]
    return np.array([(a if len(a) else b)[0] for a, b in zip(found, anyhow, strict=True)])


@dataclass(frozen=True)
class Files:
    """What the demo leaves in its folder: the network, one digit as a recording, and a picture of ten."""

    network: Path
    recording: Path
    picture: Path


def write_files(learned: Learned, test: Digits, folder: Path) -> Files:
    """Write the network, the recording and the picture; make the folder if need be.

    Raises
    ------
    MissingDependencyError
        Without matplotlib or safetensors.
    OSError
        A file cannot be written.
    """
    from ..io import write_spikes
    from ..io.atomic import replacing
    from .demo_figure import draw

    files = Files(folder / "network.safetensors", folder / "digit.npz", folder / "digits.png")
    shown = examples(learned, test)
    picture = draw(learned.classifier, test.images[shown])
    folder.mkdir(parents=True, exist_ok=True)
    learned.classifier.network_.save(files.network)
    write_spikes(learned.classifier.code_.encode(test.images[shown[3:4]])[0], files.recording)
    with replacing(files.picture) as temporary:
        picture.savefig(temporary, dpi=130)
    return files
