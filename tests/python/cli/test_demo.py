import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.cli import demo
from evsim.io import read_spikes

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def digits():
    return demo.load_digits()


@pytest.fixture(scope="module")
def learned(digits):
    return demo.learn(*digits, hidden_layer_sizes=50, max_iter=8)


def test_digits_are_recognised_that_were_not_learned_from(learned):
    assert learned.accuracy > 0.85


def test_training_and_test_share_no_image_and_have_all_digits_alike(digits):
    train, test = digits
    assert len(train) + len(test) == 1797
    assert len(np.unique(np.concatenate([part.images for part in digits]), axis=0)) == 1797
    np.testing.assert_allclose(np.bincount(test.labels) / np.bincount(train.labels), 0.25, atol=0.02)


def test_the_same_seed_gives_the_same_predictions(digits, learned):
    again = demo.learn(*digits, hidden_layer_sizes=50, max_iter=8)
    np.testing.assert_array_equal(again.predicted, learned.predicted)


def test_another_seed_splits_otherwise(digits):
    assert not np.array_equal(demo.load_digits(1)[1].images, digits[1].images)


def test_there_is_an_example_of_each_digit(digits, learned):
    assert digits[1].labels[demo.examples(learned, digits[1])].tolist() == list(range(10))


def test_files_can_be_used_again(digits, learned, tmp_path):
    pytest.importorskip("matplotlib")
    files = demo.write_files(learned, digits[1], tmp_path / "deep" / "folder")
    assert files.picture.read_bytes().startswith(b"\x89PNG")
    net = evsim.load(files.network)
    tape = evsim.learning.record(net, read_spikes(files.recording), until=learned.classifier.until)
    expected = learned.predicted[demo.examples(learned, digits[1])[3]]
    assert tape.remembered("out", "mean").argmax() == expected
    assert len(list(files.network.parent.iterdir())) == 3


def test_the_picture_holds_all_spikes_and_every_curve(digits, learned):
    pytest.importorskip("matplotlib")
    from evsim.cli.demo_figure import draw

    shown = demo.examples(learned, digits[1])
    figure = draw(learned.classifier, digits[1].images[shown])
    axes = np.array(figure.axes).reshape(4, 10)
    inputs = learned.classifier.code_.encode(digits[1].images[shown])
    assert [ax.get_title() for ax in axes[0]] == [f"says {digit}" for digit in learned.predicted[shown]]
    for k in range(10):
        assert sum(len(marks.get_offsets()) for marks in axes[1, k].collections) == len(inputs[k])
        assert len(axes[3, k].lines) == 10
        low, high = axes[3, k].get_ylim()
        assert all(low < line.get_ydata().min() and line.get_ydata().max() < high for line in axes[3, k].lines)


def test_a_negative_seed_is_refused():
    with pytest.raises(errors.InvalidArgumentError, match="seed"):
        demo.load_digits(-1)
