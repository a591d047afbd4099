"""Classifier and regressor behave as scikit-learn's own do, and learn."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import errors

pytest.importorskip("sklearn", reason="estimators need scikit-learn")

from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from evsim.learning import SpikingClassifier, SpikingRegressor

SMALL = {"hidden_layer_sizes": 20, "max_iter": 15, "noise": 0.02, "random_state": 0}


@parametrize_with_checks(
    [kind(20, max_iter=25, learning_rate_init=0.03, noise=0.0) for kind in (SpikingClassifier, SpikingRegressor)]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_the_same_random_state_gives_the_same_bits_for_any_threads(iris):
    x, y = iris
    before, found = evsim.num_threads(), []
    for threads in (1, 2):
        evsim.set_num_threads(threads)
        found.append(SpikingClassifier(**SMALL).fit(x, y).predict_proba(x))
    evsim.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_another_random_state_gives_another_network(iris):
    x, y = iris
    one, other = (SpikingClassifier(20, max_iter=1, random_state=k).fit(x, y).predict_proba(x) for k in (0, 1))
    assert not np.array_equal(one, other)


def test_classes_may_be_words_and_probabilities_add_up(iris):
    x, y = iris
    words = np.array(["setosa", "versicolor", "virginica"])[y]
    classifier = SpikingClassifier(30, noise=0.02, random_state=0).fit(x[::2], words[::2])
    probability = classifier.predict_proba(x[1::2])
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    np.testing.assert_array_equal(classifier.classes_[probability.argmax(axis=1)], classifier.predict(x[1::2]))
    assert classifier.score(x[1::2], words[1::2]) > 0.9


def test_digits_are_told_apart():
    x, y = load_digits(n_class=4, return_X_y=True)
    assert SpikingClassifier(40, max_iter=20, random_state=0).fit(x[::2], y[::2]).score(x[1::2], y[1::2]) > 0.9


def test_a_curved_function_is_learned_where_a_line_cannot():
    x = np.random.default_rng(2).uniform(size=(300, 2))
    y = np.abs(x[:, 0] - 0.5) + x[:, 1] ** 2
    regressor = SpikingRegressor(50, noise=0.02, random_state=0).fit(x[:200], y[:200])
    assert regressor.score(x[200:], y[200:]) > LinearRegression().fit(x[:200], y[:200]).score(x[200:], y[200:])


def test_targets_beyond_all_measure_are_refused():
    x = np.random.default_rng(2).uniform(size=(20, 2))
    with pytest.raises(errors.InvalidArgumentError, match="too large"):
        SpikingRegressor(**SMALL).fit(x, 1e200 * x[:, 0])


def test_several_targets_come_back_in_their_shape():
    x = np.random.default_rng(2).uniform(size=(60, 3))
    regressor = SpikingRegressor(**SMALL).fit(x, x[:, :2] * [1.0, 100.0])
    assert regressor.predict(x[:7]).shape == (7, 2)


def test_the_network_that_is_left_gives_the_same_answers_alone(iris):
    x, y = iris
    classifier = SpikingClassifier(**SMALL).fit(x, y)
    tape = evsim.learning.record(classifier.network_, classifier.code_.encode(x), until=classifier.until)
    np.testing.assert_array_equal(tape.remembered("out", "mean").argmax(axis=1), classifier.predict(x))


def test_a_copy_by_pickle_predicts_the_same(iris):
    x, y = iris
    classifier = SpikingClassifier(**SMALL).fit(x, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(x), classifier.predict_proba(x))


def test_a_grid_is_searched_through_a_pipeline(iris):
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), SpikingClassifier(max_iter=5, random_state=0))
    search = GridSearchCV(pipeline, {"spikingclassifier__hidden_layer_sizes": [(5,), (20, 10)]}, cv=2).fit(x, y)
    assert search.best_params_["spikingclassifier__hidden_layer_sizes"] in [(5,), (20, 10)]
    assert clone(search.best_estimator_[-1]).get_params() == search.best_estimator_[-1].get_params()


def test_early_stopping_keeps_the_best_epoch(iris):
    x, y = iris
    options = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3}
    classifier = SpikingClassifier(20, max_iter=200, random_state=0, **options).fit(x, y)
    found = [epoch.validation_accuracy for epoch in classifier.epochs_]
    assert classifier.n_iter_ == len(found) < 200
    assert np.argmax(found) == len(found) - 4


def test_a_warm_start_goes_on_from_the_last_weights(iris):
    x, y = iris
    classifier = SpikingClassifier(20, max_iter=15, random_state=0, warm_start=True).fit(x, y)
    before = classifier.epochs_
    classifier.set_params(max_iter=1).fit(x, y)
    assert classifier.epochs_[0].loss < before[0].loss


def test_a_warm_start_takes_new_times_and_begins_anew_with_other_neurons(iris):
    x, y = iris
    classifier = SpikingClassifier(5, max_iter=1, random_state=0, warm_start=True).fit(x, y)
    network = classifier.network_
    classifier.set_params(window=10.0).fit(x, y)
    assert classifier.network_ is network
    assert classifier.code_.window == 10.0
    classifier.set_params(tau_mem=7.0).fit(x, y)
    assert classifier.network_[0].neuron.tau_mem == 7.0
    network = classifier.network_
    classifier.fit(x, np.array(["c", "b", "a"])[y])
    assert classifier.network_ is not network


@pytest.mark.parametrize("sizes", [None, "ab", 50.0, [5.0], {}, True])
def test_sizes_that_are_none(iris, sizes):
    with pytest.raises(errors.DTypeError, match="hidden_layer_sizes"):
        SpikingClassifier(sizes).fit(*iris)


def test_a_code_does_not_change():
    code = evsim.learning.LatencyCode([0.0], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        code.lowest[0] = 5.0


@pytest.mark.parametrize("lowest", ["x", [1j], {}, [[0.0], [1.0, 2.0]]])
def test_codes_of_what_is_no_number(lowest):
    with pytest.raises(errors.EvsimError, match="features"):
        evsim.learning.LatencyCode(lowest, [1.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes"),
        ({"window": -1.0}, "window"),
        ({"until": 5.0}, "until must be at least window, 20"),
        ({"tau_mem": 0.0}, "tau_mem"),
        ({"learning_rate_init": 0.0}, "lr must be above 0"),
        ({"noise": -0.1}, "noise"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_iter": 0}, "max_iter"),
        ({"early_stopping": True, "validation_fraction": 1.0}, r"validation_fraction must be in \(0, 1\)"),
    ],
)
def test_parameters_that_mean_nothing_are_named(iris, options, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        SpikingClassifier(**options).fit(*iris)


def test_one_class_is_refused(iris):
    with pytest.raises(errors.InvalidArgumentError, match="two classes"):
        SpikingClassifier().fit(iris[0], np.zeros(len(iris[0]), int))


def test_without_scikit_learn_only_estimators_are_missing():
    program = """
import sys
sys.modules["sklearn"] = None
import evsim
evsim.learning.Trainer
try:
    evsim.learning.SpikingClassifier
except evsim.errors.MissingDependencyError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "evsim[learning]" in result.stdout
