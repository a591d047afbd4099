import csv
import math
from dataclasses import fields

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import Epoch

figure = pytest.importorskip("matplotlib.figure")
from evsim import plot  # noqa: E402

EPOCHS = [
    Epoch(1, 2.0, 0.4, 2.1, 0.3, 0.01),
    Epoch(2, 1.0, 0.7, 1.2, 0.8, 0.01),
    Epoch(3, 0.5, 0.9, 1.4, 0.7, 0.01),
]


@pytest.fixture
def ax():
    return figure.Figure().subplots()


def test_curves_are_those_of_the_epochs():
    loss, accuracy = plot.learning_curves(EPOCHS, axes=figure.Figure().subplots(1, 2))
    np.testing.assert_array_equal(loss.lines[0].get_xydata(), [[1, 2.0], [2, 1.0], [3, 0.5]])
    np.testing.assert_allclose(accuracy.lines[1].get_ydata(), [30.0, 80.0, 70.0])
    assert accuracy.lines[2].get_xydata().tolist() == [[2.0, 80.0]]
    assert loss.lines[2].get_xydata().tolist() == [[2.0, 1.2]]
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy (%)")


def test_curves_of_a_log_are_those_of_its_epochs(tmp_path):
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(item.name for item in fields(Epoch))
        rows.writerows([getattr(one, item.name) for item in fields(Epoch)] for one in EPOCHS)
    mine = plot.learning_curves(path, axes=figure.Figure().subplots(1, 2))
    for a, b in zip(mine, plot.learning_curves(EPOCHS, axes=figure.Figure().subplots(1, 2)), strict=True):
        for one, other in zip(a.lines, b.lines, strict=True):
            np.testing.assert_array_equal(one.get_xydata(), other.get_xydata())
    path.write_text("epoch,loss\n1,2\n")
    with pytest.raises(errors.FileFormatError, match="no log of a training"):
        plot.learning_curves(path)


def test_losses_without_scores_and_runs_without_validation_have_fewer_curves(ax):
    nan = math.nan
    (only,) = plot.learning_curves([Epoch(1, 2.0, nan, nan, nan, 0.1)], axes=[ax])
    assert [line.get_label() for line in only.lines] == ["training"]
    with pytest.raises(errors.InvalidArgumentError, match="no epochs"):
        plot.learning_curves([])
    with pytest.raises(errors.InvalidArgumentError, match="2 curves"):
        plot.learning_curves(EPOCHS, axes=[ax])


def test_a_confusion_matrix_counts(ax):
    rng = np.random.default_rng(1)
    labels, found = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    plot.confusion_matrix(labels, found, ax=ax)
    for text in ax.texts:
        column, row = text.get_position()
        assert int(text.get_text()) == np.sum((labels == row) & (found == column))
    shares = ax.images[0].get_array()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert ax.get_title() == f"{100 * np.mean(labels == found):.1f} % right"


def test_classes_that_never_came_have_a_row_of_their_own(ax):
    plot.confusion_matrix([0, 2], [0, 0], names=["a", "b", "c"], ax=ax)
    assert ax.images[0].get_array().shape == (3, 3)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]


def test_what_makes_no_confusion_matrix(ax):
    for labels, found, error in (
        ([0, 1], [0], errors.ShapeMismatchError),
        ([], [], errors.ShapeMismatchError),
        ([0.5], [0.5], errors.DTypeError),
        ([-1], [0], errors.InvalidArgumentError),
    ):
        with pytest.raises(error):
            plot.confusion_matrix(labels, found, ax=ax)
    with pytest.raises(errors.ShapeMismatchError, match="1 names"):
        plot.confusion_matrix([0, 1], [0, 1], names=["a"], ax=ax)


@pytest.mark.parametrize("names", [[3, 4], np.array([3, 4]), np.array(["a", "b"]), (True, False)], ids=str)
def test_names_are_whatever_classes_a_classifier_has(ax, names):
    plot.confusion_matrix([0, 1], [0, 0], names=names, ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(name) for name in names]


@pytest.mark.parametrize("labels", [[10**9], np.array([2**64 - 1], np.uint64), [[0], [0, 1]], ["a"]], ids=str)
def test_what_are_no_classes(ax, labels):
    with pytest.raises(errors.EvsimError, match="labels"):
        plot.confusion_matrix(labels, [0], ax=ax)


@pytest.mark.parametrize("values", ["x", None, 1j, {}, [np.nan], [np.inf, 1.0], [[1.0], [1.0, 2.0]]], ids=str)
@pytest.mark.parametrize("matrix", [True, False])
def test_what_are_no_delays(ax, values, matrix):
    with pytest.raises(errors.EvsimError, match="delays"):
        plot.delays(values, matrix=matrix, ax=ax)


def test_what_are_no_epochs_or_no_log(tmp_path):
    with pytest.raises(errors.DTypeError, match="what Trainer"):
        plot.learning_curves([1, 2], axes=figure.Figure().subplots(1, 2))
    (tmp_path / "log.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(errors.FileFormatError, match="no log"):
        plot.learning_curves(tmp_path / "log.csv")


def test_axes_may_be_one_or_in_rows():
    epochs = [evsim.learning.Epoch(1, 0.9, np.nan, np.nan, np.nan, 0.1)]
    alone = figure.Figure().subplots()
    assert plot.learning_curves(epochs, axes=alone) == (alone,)
    rows = figure.Figure().subplots(1, 2, squeeze=False)
    assert plot.learning_curves(EPOCHS, axes=rows) == tuple(rows[0])


def test_delays_of_layers_are_counted(ax):
    net = evsim.SpikingNetwork()
    layer = net.add_layer(
        evsim.Dense(2, 2), evsim.LIF(tau_mem=20.0, tau_syn=5.0), delay=np.array([[1.0, 2.0], [2.0, 9.0]])
    )
    plot.delays(layer, ax=ax, n_bins=8, time_unit="ms")
    assert [bar.get_height() for bar in ax.patches] == [1, 2, 0, 0, 0, 0, 0, 1]
    assert ax.get_xlabel() == "delay (ms)"


def test_delays_before_and_after_share_their_bins():
    for before, now in (([1.0, 2.0], [3.0, 5.0]), ([[1.0], [2.0]], [[3.0], [5.0]])):
        ax = plot.delays(now, before=before, ax=figure.Figure().subplots(), n_bins=4)
        assert [bar.get_height() for bar in ax.patches[:4]] == [1, 1, 0, 0]
        assert ax.patches[0].get_x() == 1.0


def test_a_matrix_of_delays_shows_them_or_their_change():
    now, before = np.array([[1.0, 4.0], [0.0, 2.0]]), np.full((2, 2), 2.0)
    shown = plot.delays(now, matrix=True, ax=figure.Figure().subplots()).images[0]
    np.testing.assert_array_equal(shown.get_array(), now)
    assert shown.get_clim() == (0.0, 4.0)
    change = plot.delays(now, before=before, matrix=True, ax=figure.Figure().subplots()).images[0]
    np.testing.assert_array_equal(change.get_array(), now - before)
    assert change.get_clim() == (-2.0, 2.0)


def test_delays_that_do_not_fit(ax):
    with pytest.raises(errors.ShapeMismatchError, match="one shape"):
        plot.delays([1.0, 2.0], before=[1.0], ax=ax)
    with pytest.raises(errors.ShapeMismatchError, match="n_neurons, n_inputs"):
        plot.delays([1.0, 2.0], matrix=True, ax=ax)
    with pytest.raises(errors.InvalidArgumentError, match="n_bins"):
        plot.delays([1.0], n_bins=0, ax=ax)
    with pytest.raises(errors.DTypeError, match="n_bins"):
        plot.delays([1.0], n_bins=2.5, ax=ax)
