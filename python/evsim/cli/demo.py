"""The work of ``evsim demo``: digits recognised by a network whose weights are written down, not learned.

Images are latency-coded: a bright pixel fires early. Hidden neurons are templates, several for each digit;
output neurons add up the evidence of their digit's templates and inhibit the others; the first output spike
decides.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import encoders
from .._lib.arrays import as_size
from .._lib.optional import require
from ..connections import Dense
from ..errors import InvalidArgumentError, ShapeMismatchError
from ..network import SpikingNetwork
from ..neurons import LI, LIF
from ..probe import Probe
from ..spikes import SpikeArray

Floats = npt.NDArray[np.float64]

T_MAX = 10.0
"""Milliseconds in which an image arrives."""

HIDDEN = LIF(tau_mem=50.0, tau_syn=25.0, refractory=200.0)
"""Slow neurons, which add up an image; the refractory period lets each template fire once."""

OUTPUT = LIF(tau_mem=10.0, tau_syn=2.0)
"""Fast neurons, which see who fires together."""

EXCITATION, INHIBITION = 12.0, -6.0
"""Weights from a template to the output of its own digit, and to the others."""

_SHRINKAGE = 1.0
_SILENT_FRACTION = 0.05


@dataclass(frozen=True)
class Digits:
    """Images of handwritten digits.

    Attributes
    ----------
    images : ndarray, shape (n, 8, 8)
        Brightness from 0 to 1.
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
        Of the shuffling.

    Returns
    -------
    train, test : Digits
        Two thirds and one third.

    Raises
    ------
    MissingDependencyError
        Without scikit-learn.

    Notes
    -----
    UCI ML repository, "Optical Recognition of Handwritten Digits", 1998; the part that is its test set.

    Examples
    --------
    >>> train, test = load_digits()
    >>> len(train), len(test), train.images.shape[1:]
    (1198, 599, (8, 8))
    """
    if seed < 0:
        raise InvalidArgumentError(f"seed must not be negative, got {seed}")
    datasets = require("sklearn.datasets", "scikit-learn", "demo", "the demo")
    data = datasets.load_digits()
    order = np.random.default_rng(seed).permutation(len(data.target))
    n_train = 2 * len(order) // 3
    parts = order[:n_train], order[n_train:]
    train, test = (Digits(data.images[part] / 16.0, data.target[part].astype(np.int64)) for part in parts)
    return train, test


def template_network(train: Digits, templates: int = 10) -> SpikingNetwork:
    """Build a network of templates in closed form: means and one covariance, no learning.

    Parameters
    ----------
    train : Digits
        What the templates are means of.
    templates : int
        Templates per digit.

    Returns
    -------
    SpikingNetwork
        64 inputs, 10 * `templates` hidden neurons (those of digit 0 first), 10 outputs.

    Notes
    -----
    Let f be what an image leaves on a membrane at `T_MAX`, one number per pixel. Each digit's images are
    divided among a few far-apart ones, and the mean of each group is a template m. With the pooled covariance
    S of the images around their templates, Fisher's linear discriminant says how likely a template is: ``w .
    f - w . (m + mean) / 2`` with ``w = S^-1 (m - mean)``. The first term is the potential of a neuron with
    the weights w, so the second goes into its threshold; dividing by the threshold makes it 1 for all.

    Examples
    --------
    >>> train, test = load_digits()
    >>> template_network(train, templates=3)
    SpikingNetwork(64 -> 30 LIF -> 10 LIF, float32)
    """
    n_templates = as_size(templates, "templates")
    features = _features(train)
    means, own = _group_means(features, train.labels, n_templates)
    spread = features - means[own]
    covariance = spread.T @ spread / len(features)
    covariance += _SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    mean = features.mean(axis=0)
    weights = np.linalg.solve(covariance, (means - mean).T).T

    offsets = (weights * (means + mean)).sum(axis=1) / 2
    evidence = features @ weights.T - offsets
    digits = np.repeat(np.arange(10), n_templates)
    best = np.where(digits == train.labels[:, np.newaxis], evidence, -np.inf).max(axis=1)
    thresholds = offsets + np.quantile(best, _SILENT_FRACTION)
    if thresholds.min() <= 0:
        raise InvalidArgumentError(f"{n_templates} templates per digit do not describe these images; try 10")

    net = SpikingNetwork()
    net.add_layer(Dense(weights.shape[1], len(weights), weights=weights / thresholds[:, np.newaxis]), HIDDEN)
    votes = np.where(digits == np.arange(10)[:, np.newaxis], EXCITATION, INHIBITION)
    net.add_layer(Dense(len(weights), 10, weights=votes), OUTPUT)
    return net


def _features(digits: Digits) -> Floats:
    """Potential that every pixel's spike leaves at T_MAX on a membrane like that of the hidden neurons."""
    n_pixels = digits.images[0].size
    net = SpikingNetwork(dtype="float64")
    net.add_layer(
        Dense(n_pixels, n_pixels, weights=np.eye(n_pixels)),
        LI(tau_mem=HIDDEN.tau_mem, tau_syn=HIDDEN.tau_syn),
    )
    probe = Probe(0, times=[T_MAX])
    net.infer(_encode(digits), until=T_MAX, record=probe)
    return probe.values[:, 0]


def _encode(digits: Digits) -> list[SpikeArray]:
    spikes = encoders.latency(digits.images, t_max=T_MAX)
    assert isinstance(spikes, list)
    return spikes


def _group_means(
    features: Floats, labels: npt.NDArray[np.int64], n_groups: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Means of `n_groups` groups of every digit's images, and which group each image is in.

    Groups form around far-apart images: first the one nearest to the mean, then always the one farthest from
    all chosen.
    """
    means, own = [], np.empty(len(labels), dtype=np.int64)
    for digit in range(10):
        images = features[labels == digit]
        if len(images) < n_groups:
            raise InvalidArgumentError(f"{n_groups} templates per digit, but only {len(images)} images of a {digit}")
        distances = np.empty((n_groups, len(images)))
        centre = int(((images - images.mean(axis=0)) ** 2).sum(axis=1).argmin())
        for k in range(n_groups):
            distances[k] = ((images - images[centre]) ** 2).sum(axis=1)
            centre = int(distances[: k + 1].min(axis=0).argmax())
        group = distances.argmin(axis=0)
        means += [images[group == k].mean(axis=0) for k in range(n_groups)]
        own[labels == digit] = digit * n_groups + group
    return np.array(means), own


def first_spikes(outputs: Sequence[SpikeArray]) -> npt.NDArray[np.int64]:
    """Which neuron fired first in each sample: shape (n_samples,), -1 for silence or a tie.

    Examples
    --------
    >>> import evsim
    >>> early, tie = evsim.SpikeArray([3, 1], [0.5, 0.7]), evsim.SpikeArray([3, 1], [0.5, 0.5])
    >>> first_spikes([early, tie, evsim.SpikeArray()])
    array([ 3, -1, -1])
    """

    def first(spikes: SpikeArray) -> int:
        indices, times = spikes.indices, spikes.times
        if not len(spikes) or np.any(indices[times == times[0]] != indices[0]):
            return -1
        return int(indices[0])

    return np.array([first(spikes) for spikes in outputs], dtype=np.int64)


@dataclass(frozen=True)
class Recognition:
    """What came out of a test split.

    Attributes
    ----------
    predicted : ndarray of int, shape (n,)
        Digits; -1 where no output fired, or two at once.
    accuracy : float
        Share of digits recognised.
    spikes : tuple of int
        Spikes of the inputs and of each layer, all samples together.
    synaptic_events : int
        Spikes times the synapses that each of them reached.
    seconds : float
        Duration of one batch call of ``infer``, median of several.
    example : int
        Position of the first digit that was recognised.
    """

    predicted: npt.NDArray[np.int64]
    accuracy: float
    spikes: tuple[int, ...]
    synaptic_events: int
    seconds: float
    example: int


def recognise(net: SpikingNetwork, test: Digits, repeats: int = 7) -> Recognition:
    """Run all images through the network in one batch call.

    Parameters
    ----------
    net : SpikingNetwork
        64 inputs, 10 outputs.
    test : Digits
    repeats : int
        How often to repeat the call for the median of its duration.

    Examples
    --------
    >>> train, test = load_digits()
    >>> recognise(template_network(train), test, repeats=1).accuracy > 0.9
    True
    """
    if not len(test):
        raise ShapeMismatchError("there are no images to recognise")
    inputs = _encode(test)
    durations = []
    for _ in range(as_size(repeats, "repeats")):
        start = time.perf_counter()
        outputs = net.infer(inputs)
        durations.append(time.perf_counter() - start)
    predicted = first_spikes(outputs)
    right = predicted == test.labels
    spikes = [sum(map(len, inputs)), *(int(layer.n_spikes.sum()) for layer in net)]
    return Recognition(
        predicted=predicted,
        accuracy=float(right.mean()),
        spikes=tuple(spikes),
        synaptic_events=sum(n * layer.n_neurons for n, layer in zip(spikes, net, strict=False)),
        seconds=float(np.median(durations)),
        example=int(right.argmax()),
    )


@dataclass(frozen=True)
class Files:
    """What the demo leaves in its folder: the network, one digit as a recording, and its picture."""

    network: Path
    recording: Path
    picture: Path


def write_files(net: SpikingNetwork, image: Floats, label: int, folder: Path) -> Files:
    """Write the network, the recording and the picture of one digit; make the folder if need be.

    Raises
    ------
    MissingDependencyError
        Without matplotlib or safetensors.
    OSError
        A file cannot be written.
    """
    from ..io import write_spikes
    from ..io.atomic import replacing

    files = Files(folder / "template.safetensors", folder / "digit.npz", folder / "digit.png")
    picture = figure(net, image, label)
    folder.mkdir(parents=True, exist_ok=True)
    net.save(files.network)
    write_spikes(_spikes_of(image), files.recording)
    with replacing(files.picture) as temporary:
        picture.savefig(temporary, dpi=160)
    return files


def _spikes_of(image: Floats) -> SpikeArray:
    spikes = encoders.latency(image, shape=image.shape, t_max=T_MAX)
    assert isinstance(spikes, SpikeArray)
    return spikes


def figure(net: SpikingNetwork, image: Floats, label: int) -> Any:
    """Make a picture of one digit on its way through the network; a matplotlib Figure.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    from .demo_figure import draw

    return draw(net, image, label, _spikes_of(image), until=1.6 * T_MAX)
