"""Settings and calls that nobody means well: refused by name, or harmless, and nothing half-changed."""

import json
import threading

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.spikeseg import (
    ContinuousEncoder,
    EncoderConfig,
    LayerConfig,
    SpikeSEG,
    SpikeSEGDecoder,
    SpikeSEGEncoder,
    segment,
)
from evsim.spikeseg.training import STDPTrainer, Stopping


def config(threshold=2.0, **options):
    layers = {f"conv{k}": LayerConfig(2, 3, threshold) for k in (1, 2, 3)}
    return EncoderConfig(**{**layers, "use_wta": False, **options})


def noise(steps=4, samples=1, size=16, seed=1):
    return (np.random.default_rng(seed).random((steps, samples, 1, size, size)) < 0.3).astype(np.float32)


def test_huge_strides_and_radii_are_as_good_as_any_beyond_the_image():
    with pytest.raises(errors.InvalidArgumentError, match="pool2_stride must be at most"):
        config(pool2_stride=2**31 - 1)
    with pytest.raises(errors.InvalidArgumentError, match="wta_radius must be at most"):
        config(wta_radius=2**31 - 1)
    x = noise(size=64)
    far = SpikeSEGEncoder(config(pool2_stride=2**30), seed=1).forward(x)
    assert far.shapes["pool2"][1:] == (1, 1)
    options = {"use_wta": True, "wta_mode": "local", "fire_once": False}
    outputs = [SpikeSEGEncoder(config(6.0, wta_radius=radius, **options), seed=1).forward(x) for radius in (100, 2**30)]
    assert outputs[0].spikes("conv1") == outputs[1].spikes("conv1")
    assert len(outputs[0].spikes("conv1")) > 0


def test_a_stage_of_the_core_takes_any_stride():
    stage = evsim._core.PoolStage((1, 8, 8), (2, 2), (2**31 - 1, 2**31 - 1))
    spikes = evsim._core.StepSpikes(np.array([0, 2]), np.array([0, 63], np.int32))
    (((out,), _),) = evsim._core.SteppedNetwork([stage]).run([spikes], [], True, False)
    assert out.indices.tolist() == [0]


def test_a_stride_beyond_the_input_costs_nothing():
    net = evsim.SpikingNetwork(seed=1)
    layer = net.add_conv_layer(
        1, 3, evsim.IAFDelta(), in_shape=(1, 8, 8), stride=100_000, weights=np.ones((1, 1, 3, 3))
    )
    assert layer.shape == (1, 1, 1)
    assert len(net.infer([0, 18, 63], [0.0, 1.0, 2.0])) == 2  # pixels (0, 0) and (2, 2), not (7, 7)


def test_threads_that_share_an_encoder_do_not_see_each_other():
    encoder, x = SpikeSEGEncoder(config(), seed=1), noise(size=24)
    thresholds = ({"conv1": [1.0, 1.5]}, {"conv1": [3.0, 2.5]})
    expected = [encoder.forward(x, layer_thresholds=t).spikes("conv1") for t in thresholds]
    wrong = []

    def work(number):
        for k in range(40):
            which = (number + k) % 2
            size = noise(size=20 + number) if k % 7 == 0 else None
            if size is not None:
                encoder.forward(size)
            elif encoder.forward(x, layer_thresholds=thresholds[which]).spikes("conv1") != expected[which]:
                wrong.append((number, k))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert expected[0] != expected[1]
    assert not wrong


@pytest.mark.parametrize("leak", [0.0, 0.5])
def test_a_lowered_threshold_lets_neurons_fire_without_input(leak):
    layers = {f"conv{k}": LayerConfig(1, 3, 100.0, leak) for k in (1, 2, 3)}
    encoder = SpikeSEGEncoder(EncoderConfig(**layers, use_wta=False, fire_once=False), seed=1)
    encoder.conv1.weight = np.ones((1, 1, 3, 3))
    x = np.zeros((1, 1, 1, 9, 9))
    x[..., 3:6, 3:6] = 1  # nine at the centre
    encoder.forward(x)
    nothing = np.zeros_like(x)
    assert len(encoder.forward(nothing, reset_state=False).spikes("conv1")) == 0
    lowered = encoder.forward(nothing, reset_state=False, layer_thresholds={"conv1": 7.4})
    assert lowered.spikes("conv1").indices.tolist() == [40]  # 9, less three leaks at most


def test_a_failed_call_leaves_a_stream_as_it_was():
    encoder, other = SpikeSEGEncoder(config(), seed=1), SpikeSEGEncoder(config(), seed=1)
    for one in (encoder, other):
        one.forward(noise())
    with pytest.raises(errors.InvalidArgumentError, match="thresholds must be positive"):
        encoder.forward(noise(size=20), layer_thresholds={"conv1": -1.0})
    with pytest.raises(errors.NonFiniteError):
        encoder.forward(noise(size=20) * np.nan)
    goes_on = [one.forward(noise(seed=2), reset_state=False).spikes("conv2") for one in (encoder, other)]
    assert goes_on[0] == goes_on[1]


def test_decoding_single_spikes_of_other_images_does_not_touch_a_stream():
    models = [SpikeSEG(config(), seed=1) for _ in range(2)]
    output = models[0].encode(noise(size=24))
    for model in models:
        model.decoder.decode(output)
    for size in (16, 18, 20, 22, 26, 28):
        models[0].decoder.unravel(models[0].encode(noise(size=size)))
    after = [model.decoder.decode(output, reset_state=False) for model in models]
    assert after[0].any()
    assert np.array_equal(after[0], after[1])


def test_images_of_small_integers_and_booleans_are_coded_by_rank():
    encoder = SpikeSEGEncoder(config(fire_once=False), seed=1)
    image = np.random.default_rng(2).integers(0, 256, (1, 1, 12, 12)).astype(np.uint8)
    image[image < 100] = 0
    outputs = [encoder.forward(one, n_timesteps=5).spikes("conv1") for one in (image, image.astype(np.float64))]
    assert outputs[0] == outputs[1]
    assert encoder.forward(image > 0, n_timesteps=5).n_steps == 5
    with pytest.raises(errors.NonFiniteError):
        encoder.forward(np.full((1, 1, 12, 12), np.nan), n_timesteps=5)


def test_weights_must_be_finite_in_their_own_type():
    encoder = SpikeSEGEncoder(config(), seed=1)
    before = encoder.conv1.weight.copy()
    with pytest.raises(errors.NonFiniteError, match="finite as float32"):
        encoder.conv1.weight = np.full(before.shape, 1e300)
    assert np.array_equal(encoder.conv1.weight, before)
    decoder = SpikeSEGDecoder(1, 1, 1, kernel_sizes=(3, 3, 3), encoder_weights=[np.full((1, 1, 3, 3), np.nan)] * 3)
    indices = np.zeros((1, 1, 2, 2), np.int64)
    with pytest.raises(errors.NonFiniteError, match="conv3 are not all finite"):
        decoder.forward(np.ones((1, 1, 2, 2)), np.zeros((1, 1, 4, 4), np.int64), indices, (1, 1, 8, 8), (1, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: SpikeSEG("igarss2023"), errors.DTypeError),
        (lambda: SpikeSEG(config(), {"leak": 0}), errors.DTypeError),
        (lambda: SpikeSEGEncoder(seed=-1), errors.InvalidArgumentError),
        (lambda: SpikeSEGEncoder(dtype="foo"), errors.InvalidArgumentError),
        (lambda: SpikeSEG.from_config(kernel_sizes=(5, 5)), errors.ShapeMismatchError),
        (lambda: config(wta_layers=None), errors.DTypeError),
        (lambda: config(wta_radius=1.5), errors.DTypeError),
        (lambda: config(fire_once="no"), errors.DTypeError),
        (lambda: SpikeSEGEncoder(config()).forward([[1, 2], [3]]), errors.DTypeError),
        (lambda: SpikeSEGEncoder(config()).forward(noise(), layer_thresholds=[1, 2]), errors.DTypeError),
        (lambda: SpikeSEGEncoder(config()).forward(noise(), layer_thresholds={"conv1": "a"}), errors.DTypeError),
        (
            lambda: SpikeSEGEncoder(config()).forward(evsim.SpikeArray([1], [1e300], shape=(1, 8, 8))),
            errors.InvalidArgumentError,
        ),
        (lambda: SpikeSEGEncoder(config()).forward(noise()).spikes("conv1", 3), errors.IndexOutOfRangeError),
        (lambda: segment([1, 2, 3]), errors.DTypeError),
        (lambda: ContinuousEncoder(SpikeSEGEncoder(config()), (1, 16, 16), np.inf), errors.NonFiniteError),
        (lambda: STDPTrainer(SpikeSEGEncoder(config()), homeostasis=True), errors.DTypeError),
        (lambda: STDPTrainer(SpikeSEGEncoder(config()), rule="kheradpisheh2018"), errors.DTypeError),
    ],
)
def test_mistakes_have_names(call, error):
    with pytest.raises(error):
        call()


def tampered(path, change):
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["evsim.training"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    change(header, arrays)
    from safetensors.numpy import save_file

    save_file(arrays, path, metadata={"evsim.training": json.dumps(header)})


@pytest.mark.parametrize(
    "change",
    [
        lambda header, arrays: header["state"].update(layer="a"),
        lambda header, arrays: header["state"].update(layer=5),
        lambda header, arrays: header["state"].update(layer=-1),
        lambda header, arrays: header["state"].update(position=-1),
        lambda header, arrays: header["state"].update(epoch=-1),
        lambda header, arrays: header["state"].update(history=[]),
        lambda header, arrays: header["state"]["history"].update(conv2={"unknown": 1}),
        lambda header, arrays: arrays.update({"weights.config": np.zeros(1, np.float32)}),
        lambda header, arrays: arrays.update({"weights.conv3": np.full((2, 2, 3, 3), np.nan, np.float32)}),
    ],
)
def test_a_tampered_checkpoint_is_refused_and_changes_nothing(tmp_path, change):
    path = tmp_path / "run.safetensors"

    def trainer(encoder):
        return STDPTrainer(encoder, stopping=Stopping(epochs=1, check_every=5))

    samples = np.concatenate([noise(seed=k) for k in range(10)], axis=1).swapaxes(0, 1)
    trainer(SpikeSEGEncoder(config(), seed=1)).fit(samples, checkpoint=path)
    tampered(path, change)
    encoder = SpikeSEGEncoder(config(), seed=2)
    before = [layer.weight.copy() for layer in (encoder.conv1, encoder.conv2, encoder.conv3)]
    with pytest.raises(errors.FileFormatError, match="not a readable checkpoint"):
        trainer(encoder).fit(samples, checkpoint=path, resume=True)
    assert all(
        np.array_equal(a, layer.weight)
        for a, layer in zip(before, (encoder.conv1, encoder.conv2, encoder.conv3), strict=True)
    )


def test_a_checkpoint_belongs_to_its_settings_and_samples(tmp_path):
    path = tmp_path / "run.safetensors"
    samples = np.concatenate([noise(seed=k) for k in range(6)], axis=1).swapaxes(0, 1)
    STDPTrainer(SpikeSEGEncoder(config(), seed=1)).fit(samples, checkpoint=path)
    other = SpikeSEGEncoder(config(9.0), seed=1, dtype="float64")
    with pytest.raises(errors.InvalidArgumentError, match="config, dtype, samples differ"):
        STDPTrainer(other).fit(samples[:, :, :, ::-1], checkpoint=path, resume=True)


def test_a_long_gap_in_time_is_no_reason_to_wait(tmp_path):
    from typer.testing import CliRunner

    from evsim.cli import main as cli

    events = evsim.EventArray([0, 5, 10**15], [1, 2, 3], [1, 2, 3], [0, 1, 0], width=20, height=20)
    evsim.io.write_events(events, tmp_path / "gap.npz")
    arguments = ["train-stdp", str(tmp_path / "gap.npz"), "-o", str(tmp_path / "m.safetensors"), "--layers", "conv2"]
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    with pytest.raises(errors.InvalidArgumentError, match="windows are too many"):
        segment(events)
