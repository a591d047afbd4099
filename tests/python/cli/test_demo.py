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
def net(digits):
    return demo.template_network(digits[0])


@pytest.fixture(scope="module")
def result(net, digits):
    return demo.recognise(net, digits[1], repeats=1)


def test_templates_recognise_digits_they_have_not_seen(result):
    assert result.accuracy > 0.94


def test_training_and_test_share_no_image(digits):
    train, test = digits
    assert len(train) + len(test) == 1797
    rows = np.concatenate([part.images.reshape(-1, 64) for part in digits])
    assert len(np.unique(rows, axis=0)) == 1797


def test_the_same_seed_gives_the_same_network_and_predictions(digits, net, result):
    again = demo.template_network(demo.load_digits(0)[0])
    np.testing.assert_array_equal(again[0].weights, net[0].weights)
    np.testing.assert_array_equal(demo.recognise(again, digits[1], repeats=1).predicted, result.predicted)


def test_another_seed_splits_otherwise(digits):
    assert not np.array_equal(demo.load_digits(1)[1].labels, digits[1].labels)


def test_predictions_are_first_output_spikes_and_counts_are_sums(net, digits, result):
    inputs = evsim.encoders.latency(digits[1].images, t_max=demo.T_MAX)
    outputs = net.infer(inputs)
    expected = [int(s.indices[0]) if len(s) else -1 for s in outputs]
    np.testing.assert_array_equal(result.predicted, expected)
    assert result.spikes == (sum(map(len, inputs)), net[0].n_spikes.sum(), sum(map(len, outputs)))
    assert result.synaptic_events == result.spikes[0] * 100 + result.spikes[1] * 10
    assert result.predicted[result.example] == digits[1].labels[result.example]


def test_silence_and_ties_decide_nothing():
    spikes = [evsim.SpikeArray(), evsim.SpikeArray([1, 2], [0.5, 0.5]), evsim.SpikeArray([1, 1], [0.5, 0.5])]
    assert demo.first_spikes(spikes).tolist() == [-1, -1, 1]


def test_every_template_fires_at_most_once(net, digits):
    net.infer(evsim.encoders.latency(digits[1].images[:50], t_max=demo.T_MAX))
    assert all(len(np.unique(s.indices)) == len(s) for s in net[0].post_spikes)


def test_files_can_be_used_again(net, digits, result, tmp_path):
    pytest.importorskip("matplotlib")
    image, label = digits[1].images[result.example], int(digits[1].labels[result.example])
    files = demo.write_files(net, image, label, tmp_path / "deep" / "folder")
    assert files.picture.read_bytes().startswith(b"\x89PNG")
    spikes = evsim.load(files.network).infer(read_spikes(files.recording))
    assert spikes.indices[0] == label
    assert len(list(files.network.parent.iterdir())) == 3


def test_the_picture_shows_the_spikes_and_marks_the_decision(net, digits, result):
    pytest.importorskip("matplotlib")
    image, label = digits[1].images[result.example], int(digits[1].labels[result.example])
    figure = demo.figure(net, image, label)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    first = net.infer(evsim.encoders.latency(image, shape=image.shape, t_max=demo.T_MAX))[0]
    assert f"Output spikes: the first, at {first.time:.2f} ms, says {label}" in titles


def test_a_silent_image_can_be_drawn(net):
    pytest.importorskip("matplotlib")
    titles = [ax.get_title(loc="left") for ax in demo.figure(net, np.zeros((8, 8)), 3).axes]
    assert "Output spikes: all silent" in titles


@pytest.mark.parametrize(("templates", "message"), [(0, "templates"), (500, "only .* images")])
def test_numbers_of_templates_that_cannot_be_are_refused(digits, templates, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        demo.template_network(digits[0], templates)


def test_a_negative_seed_is_refused():
    with pytest.raises(errors.InvalidArgumentError, match="seed"):
        demo.load_digits(-1)


def test_nothing_to_recognise_is_an_error(net):
    nothing = demo.Digits(np.zeros((0, 8, 8)), np.zeros(0, np.int64))
    with pytest.raises(errors.ShapeMismatchError, match="no images"):
        demo.recognise(net, nothing)
