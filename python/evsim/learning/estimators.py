"""Classifier and regressor as scikit-learn has them, trained by exact gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_positive, as_size
from .._lib.modules import only_public
from .._lib.optional import require
from ..errors import DTypeError, InvalidArgumentError
from ..neurons import LIF
from .feedforward import feedforward
from .latency_codes import Blur, LatencyCode
from .optimizers import AdamW
from .readout_losses import ReadoutCrossEntropy, ReadoutError, ReadoutLoss
from .schedules import CosineDecay
from .tape import record
from .trainer import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError:
    require("sklearn", "scikit-learn", "learning", "an estimator of evsim.learning")
    raise

__all__ = ["SpikingClassifier", "SpikingRegressor"]

Floats = npt.NDArray[np.float64]

_SMALLEST_SLOPE = 0.05
_BATCH = 256


class _SpikingEstimator(BaseEstimator):
    """What classifier and regressor share: the code, the network and its training."""

    code_: LatencyCode

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] | int = (400,),
        *,
        window: float = 20.0,
        until: float = 30.0,
        tau_mem: float = 20.0,
        tau_syn: float = 5.0,
        learning_rate_init: float = 0.01,
        weight_decay: float = 0.0,
        noise: float = 0.15,
        batch_size: int = 32,
        max_iter: int = 40,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.window = window
        self.until = until
        self.tau_mem = tau_mem
        self.tau_syn = tau_syn
        self.learning_rate_init = learning_rate_init
        self.weight_decay = weight_decay
        self.noise = noise
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _loss(self) -> ReadoutLoss:
        raise NotImplementedError

    def _train(self, features: Floats, targets: Any, n_outputs: int, strata: Any) -> None:
        hidden = self._hidden()
        if as_positive(self.until, "until") < as_positive(self.window, "window"):
            raise InvalidArgumentError(f"until must be at least window, {self.window}, got {self.until}")
        as_size(self.max_iter, "max_iter")
        as_size(self.n_iter_no_change, "n_iter_no_change")
        neuron = LIF(tau_mem=as_positive(self.tau_mem, "tau_mem"), tau_syn=as_positive(self.tau_syn, "tau_syn"))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        train, held_out = np.arange(len(features)), None
        if self.early_stopping:
            train, held_out = self._split(len(features), strata, seed)
        sizes = [2 * features.shape[1] + 1, *hidden, n_outputs]
        if self.warm_start and self._goes_on(sizes, neuron):
            self.code_ = LatencyCode(self.code_.lowest, self.code_.highest, self.window)
        else:
            self.code_ = LatencyCode.of(features[train], self.window)
            n_active = float(np.mean([len(one) for one in self.code_.encode(features[train])]))
            self.network_ = feedforward(sizes, n_active, neuron, readout=True, seed=seed)
        trainer = Trainer(
            self.network_,
            self._loss(),
            AdamW(self.network_, lr=self.learning_rate_init, weight_decay=self.weight_decay),
            until=self.until,
            batch_size=min(as_size(self.batch_size, "batch_size"), len(train)),
            schedule=CosineDecay(self.max_iter),
            smallest_slope=_SMALLEST_SLOPE,
            augment=Blur(self.code_, self.noise),
            seed=seed,
        )
        validation = None if held_out is None else (self.code_.encode(features[held_out]), targets[held_out])
        self.epochs_ = trainer.fit(
            (features[train], targets[train]),
            epochs=self.max_iter,
            validation=validation,
            patience=None if held_out is None else self.n_iter_no_change,
            progress=bool(self.verbose),
        )
        self.n_iter_ = len(self.epochs_)
        self.loss_curve_ = [epoch.loss for epoch in self.epochs_]

    def _hidden(self) -> list[int]:
        given = self.hidden_layer_sizes
        if isinstance(given, str) or not isinstance(given, (Sequence, np.ndarray, int, np.integer)):
            raise DTypeError(f"hidden_layer_sizes must be an integer or a sequence of them, got {given!r}")
        sizes: Any = [given] if isinstance(given, (int, np.integer)) else given
        return [as_size(one, "hidden_layer_sizes") for one in sizes]

    def _goes_on(self, sizes: list[int], neuron: LIF) -> bool:
        """Whether there is a network, of these sizes and neurons."""
        net = getattr(self, "network_", None)
        if net is None or [net.n_inputs, *(layer.n_neurons for layer in net)] != sizes:
            return False
        last = net[len(net) - 1].neuron
        return bool(last.tau_mem == neuron.tau_mem and last.tau_syn == neuron.tau_syn)

    def _split(self, n: int, strata: Any, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        if not 0.0 < as_number(self.validation_fraction, "validation_fraction") < 1.0:
            raise InvalidArgumentError(f"validation_fraction must be in (0, 1), got {self.validation_fraction}")
        train, held_out = train_test_split(
            np.arange(n), test_size=self.validation_fraction, random_state=seed, stratify=strata
        )
        return train, held_out

    def _potentials(self, X: Any) -> Floats:  # noqa: N803
        """What the loss sees of the readout, shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        features = validate_data(self, X, reset=False, dtype=np.float64)
        samples, loss = self.code_.encode(features), self._loss()
        parts = []
        for k in range(0, len(samples), _BATCH):
            tape = record(self.network_, samples[k : k + _BATCH], until=self.until)
            parts.append(loss.scaled_potentials(tape))
        return np.concatenate(parts)


class SpikingClassifier(ClassifierMixin, _SpikingEstimator):
    """A spiking network as a classifier of scikit-learn, trained by exact gradients.

    Features become spikes by a :class:`LatencyCode` between the lowest and the highest values that `fit` sees. Layers
    of LIF neurons follow, and a readout of LI neurons, of which the one with the highest mean potential says the class.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, or int
        Neurons of each hidden layer.
    window : float
        Time within which a sample's spikes arrive, as of :class:`LatencyCode`.
    until : float
        End of the run of a sample; >= `window`.
    tau_mem, tau_syn : float
        Of the neurons, in the unit of `window`.
    learning_rate_init : float
        Of :class:`AdamW`; falls along a half cosine until the last epoch.
    weight_decay : float
    noise : float
        Of features, anew in every epoch, as a share of their span; against learning by heart.
    batch_size, max_iter : int
        Samples between two steps, and epochs.
    early_stopping : bool
        Hold out `validation_fraction` of the samples, stop after `n_iter_no_change` epochs without improvement on them,
        and keep the weights of the best epoch.
    validation_fraction : float
    n_iter_no_change : int
    warm_start : bool
        Go on from the weights of the last `fit`, if sizes, neurons and classes are the same; features keep their old
        spans.
    random_state : int, RandomState or None
        With an int, results are the same to the bit, for any number of threads.
    verbose : bool
        Show a bar.

    Attributes
    ----------
    classes_ : ndarray
    network_ : SpikingNetwork
        Can be saved with :func:`evsim.save`; takes the spikes of ``code_``.
    code_ : LatencyCode
    epochs_ : list of Epoch
    n_iter_ : int
    loss_curve_ : list of float
    n_features_in_, feature_names_in_
        As scikit-learn has them.

    Raises
    ------
    InvalidArgumentError, DTypeError
        By `fit`, where a parameter is outside its domain.
    ValueError
        As all estimators of scikit-learn raise: of data that is no finite numbers, or of another number of features.

    Notes
    -----
    Needs scikit-learn (extra ``learning``). Losses are :class:`ReadoutCrossEntropy` and its kin; for others, delays and
    other neurons there is :class:`Trainer`. Parameters have the names of scikit-learn's MLPClassifier. Time grows with
    samples, epochs and spikes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from evsim.learning import SpikingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SpikingClassifier(50, noise=0.05, random_state=0).fit(X[::2], y[::2])
    >>> classifier.score(X[1::2], y[1::2]) > 0.9
    True
    >>> classifier.predict_proba(X[:3]).shape, classifier.network_
    ((3, 3), SpikingNetwork(9 -> 50 LIF -> 3 LI, float32))
    """

    def fit(self, X: Any, y: Any) -> SpikingClassifier:  # noqa: N803
        """Train from the beginning.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,)
            Classes, of any type.
        """
        features, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        classes, targets = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise InvalidArgumentError("there must be samples of at least two classes, got one class")
        if not np.array_equal(classes, getattr(self, "classes_", classes)):
            self.__dict__.pop("network_", None)  # its outputs mean other classes
        self.classes_ = classes
        self._train(features, targets, len(self.classes_), targets)
        return self

    def decision_function(self, X: Any) -> Floats:  # noqa: N803
        """Return potentials, shape (n_samples, n_classes); of two classes the second less the first, (n_samples,)."""
        scores = self._potentials(X)
        if scores.shape[1] != 2:
            return scores
        second: Floats = scores[:, 1] - scores[:, 0]
        return second

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the probability of each class, shape (n_samples, n_classes)."""
        scores = self._potentials(X)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        probability: Floats = powers / powers.sum(axis=1, keepdims=True)
        return probability

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """Return the class of each sample, shape (n_samples,)."""
        scores = self._potentials(X)
        found: npt.NDArray[Any] = self.classes_[scores.argmax(axis=1)]
        return found

    def _loss(self) -> ReadoutLoss:
        return ReadoutCrossEntropy("out", "mean", scale=5.0)


class SpikingRegressor(RegressorMixin, _SpikingEstimator):
    """A spiking network as a regressor of scikit-learn, trained by exact gradients.

    As :class:`SpikingClassifier`, but the mean potentials of the readout are numbers: targets, less their mean, in
    units of their standard deviation.

    Parameters
    ----------
    hidden_layer_sizes, window, until, tau_mem, tau_syn, learning_rate_init, weight_decay, noise, batch_size, max_iter
        As of :class:`SpikingClassifier`.
    early_stopping, validation_fraction, n_iter_no_change, warm_start, random_state, verbose
        As of :class:`SpikingClassifier`.

    Attributes
    ----------
    network_, code_, epochs_, n_iter_, loss_curve_
        As of :class:`SpikingClassifier`.

    Raises
    ------
    InvalidArgumentError, DTypeError, ValueError
        As of :class:`SpikingClassifier`.

    Notes
    -----
    Needs scikit-learn (extra ``learning``). The loss is :class:`ReadoutError`.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.learning import SpikingRegressor
    >>> X = np.random.default_rng(1).uniform(size=(400, 2))
    >>> y = np.sin(3.0 * X[:, 0]) + X[:, 1] ** 2
    >>> regressor = SpikingRegressor(50, noise=0.02, random_state=0).fit(X[:300], y[:300])
    >>> regressor.score(X[300:], y[300:]) > 0.9
    True
    """

    def fit(self, X: Any, y: Any) -> SpikingRegressor:  # noqa: N803
        """Train from the beginning.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
        y : array_like, shape (n_samples,) or (n_samples, n_targets)
        """
        features, numbers = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        numbers = np.asarray(numbers, np.float64)
        self._flat = numbers.ndim == 1
        rows = numbers.reshape(len(numbers), -1)
        with np.errstate(over="ignore"):
            self._middle, spread = rows.mean(axis=0), rows.std(axis=0)
        if not np.all(np.isfinite(self._middle + spread)):
            raise InvalidArgumentError("targets are too large for their mean and standard deviation")
        self._spread = np.where(spread > 0.0, spread, 1.0)
        self._train(features, (rows - self._middle) / self._spread, rows.shape[1], None)
        return self

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Return numbers, of the shape of the targets of `fit`."""
        found: Floats = self._potentials(X) * self._spread + self._middle
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _loss(self) -> ReadoutLoss:
        return ReadoutError("out", "mean", scale=5.0)


__dir__ = only_public(__all__)
