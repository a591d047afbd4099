"""What surrounds the engine: settings, weights, files, tensors and errors of SpikeSEG models."""

import copy
import pickle

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.spikeseg import DecoderConfig, EncoderConfig, LayerConfig, SpikeSEG, SpikeSEGDecoder, SpikeSEGEncoder

LAYERS = {"conv1": LayerConfig(2, 3, 2.0, 0.25), "conv2": LayerConfig(3, 3, 3.0), "conv3": LayerConfig(2, 3, 4.0)}


@pytest.fixture
def x():
    return (np.random.default_rng(3).random((6, 2, 1, 20, 18)) < 0.08).astype(np.float32)


def make_model(**options):
    return SpikeSEG(EncoderConfig(**LAYERS, use_wta=False), seed=4, **options)


@pytest.mark.parametrize(
    "name", ["igarss2023", "DEFAULT", "SpikeSEG", "hulk2022", "Hulk-SMASH", "spikeseg2020", "ebssa"]
)
def test_presets_are_known_in_upper_and_lower_case(name):
    assert EncoderConfig.from_paper(name, n_classes=3).conv3.out_channels == 3


def test_presets_have_the_settings_of_their_papers():
    igarss, spikeseg, ebssa = (EncoderConfig.from_paper(name) for name in ("igarss2023", "spikeseg", "ebssa"))
    assert [igarss.conv1.leak, igarss.conv2.leak, igarss.conv3.leak] == [9.0, 1.0, 0.0]
    assert (igarss.pool1_kernel_size, igarss.pool1_stride) == (2, 2)
    assert (spikeseg.pool1_kernel_size, spikeseg.pool1_stride) == (7, 6)
    assert [layer.leak for layer in (spikeseg.conv1, spikeseg.conv2, spikeseg.conv3)] == [0.0, 0.0, 0.0]
    assert (ebssa.input_channels, ebssa.conv1.threshold, ebssa.conv1.leak) == (2, 0.1, 0.09)
    assert igarss.wta_mode == "both"


def test_wrong_settings_are_refused():
    with pytest.raises(errors.InvalidArgumentError, match="no preset 'nature2099'; there are: default"):
        EncoderConfig.from_paper("nature2099")
    with pytest.raises(errors.InvalidArgumentError, match="n_classes must be from 1"):
        EncoderConfig.from_paper("default", n_classes=0)
    with pytest.raises(errors.InvalidArgumentError, match="leak must be from 0 to the threshold"):
        LayerConfig(1, 3, threshold=1.0, leak=1.5)
    with pytest.raises(errors.InvalidArgumentError, match="wta_mode must be one of"):
        EncoderConfig(wta_mode="loudest")
    with pytest.raises(errors.InvalidArgumentError, match="leak is a fraction"):
        DecoderConfig(leak=2.0)
    with pytest.raises(errors.DTypeError, match="conv2 must be a LayerConfig"):
        EncoderConfig(conv2=5)


def test_first_weights_are_those_of_the_papers_and_seeded():
    weights = SpikeSEGEncoder(seed=1).conv2.weight
    assert weights.mean() == pytest.approx(0.8, abs=0.002)
    assert weights.std() == pytest.approx(0.01, rel=0.1)
    assert np.array_equal(weights, SpikeSEGEncoder(seed=1).conv2.weight)
    assert not np.array_equal(weights, SpikeSEGEncoder(seed=2).conv2.weight)


def test_the_ebssa_preset_has_a_fixed_first_layer():
    model = SpikeSEG.from_paper("ebssa", seed=1)
    assert model.encoder.conv1.frozen
    kernel = model.encoder.conv1.weight
    assert np.array_equal(kernel[1], -kernel[0])
    assert not kernel[0, 1].any()
    assert kernel[0, 0, 2, 2] == 1.0


def test_a_model_comes_back_from_its_file(tmp_path, x):
    model = make_model(decoder_config=DecoderConfig(threshold=0.5))
    model.freeze_layer("conv1")
    model.save(tmp_path / "model.safetensors")
    loaded = SpikeSEG.load(tmp_path / "model.safetensors")
    assert loaded.config == model.config
    assert loaded.decoder_config == model.decoder_config
    assert loaded.encoder.conv1.frozen
    assert not loaded.encoder.conv2.frozen
    assert np.array_equal(loaded.forward(x)[0], model.forward(x)[0])


def test_damaged_model_files_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    make_model().save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:50], b"nonsense" * 100, whole.replace(b"conv1", b"conv9")):
        path.write_bytes(damaged)
        with pytest.raises(errors.FileFormatError, match=r"model\.safetensors"):
            SpikeSEG.load(path)
    with pytest.raises(FileNotFoundError):
        SpikeSEG.load(tmp_path / "nothing.safetensors")


def test_a_state_dict_is_taken_over_whole_or_not_at_all():
    model, other = make_model(), SpikeSEG(EncoderConfig(**LAYERS), seed=9)
    state = other.state_dict()
    model.load_state_dict(state)
    assert np.array_equal(model.encoder.conv3.weight, other.encoder.conv3.weight)
    before = model.state_dict()
    state["conv2.weight"] = np.zeros(3)
    state["conv1.weight"] = np.zeros_like(state["conv1.weight"])
    with pytest.raises(errors.ShapeMismatchError):
        model.load_state_dict(state)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    with pytest.raises(errors.InvalidArgumentError, match=r"missing: \['conv1.weight'\]; unknown: \['bias'\]"):
        model.load_state_dict({"bias": 1, "conv2.weight": 2, "conv3.weight": 3})


def test_copies_and_pickles_give_the_same_spikes(x):
    model = make_model()
    expected = model.forward(x)[0]
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.forward(x)[0], expected)


def test_tied_weights_follow_the_encoder_and_untied_ones_do_not(x):
    for tied in (True, False):
        model = make_model(decoder_config=DecoderConfig(use_tied_weights=tied, use_spiking=False))
        before = model.forward(x)[0]
        model.encoder.conv1.weight[...] *= 2  # a power of two
        output = make_model().encode(x)
        doubled = model.decoder.decode(output)
        expected = make_model(decoder_config=DecoderConfig(use_spiking=False)).decoder.decode(output)
        assert before.any()
        assert np.array_equal(doubled, expected * 2 if tied else expected)


def test_torch_tensors_give_torch_tensors(x):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = make_model()
    saliency, output = model.forward(torch.from_numpy(x))
    assert isinstance(saliency, torch.Tensor)
    assert isinstance(output.layer_spikes["conv1"], torch.Tensor)
    assert np.array_equal(saliency.numpy(), make_model().forward(x)[0])
    model.encoder.conv1.weight = torch.zeros(model.encoder.conv1.weight.shape)
    assert not model.encoder.conv1.weight.any()


def test_wrong_inputs_are_refused_and_change_nothing(x):
    model = make_model()
    encoder = model.encoder
    expected = encoder.forward(x[:3]).classification_spikes
    cases = [
        (np.zeros((4, 4)), errors.ShapeMismatchError, "must have the shape"),
        (np.zeros((2, 1, 3, 20, 18)), errors.ShapeMismatchError, "3 channels, but the encoder takes 1"),
        (np.full((1, 1, 1, 20, 18), np.nan), errors.NonFiniteError, "must be finite"),
        (np.array([["a"]]), errors.DTypeError, "must hold numbers"),
        (evsim.SpikeArray([0], [0.5], shape=(1, 20, 18)), errors.InvalidArgumentError, "bin events first"),
        (evsim.SpikeArray([0], [0.0]), errors.ShapeMismatchError, "need one common shape"),
    ]
    for value, error, message in cases:
        with pytest.raises(error, match=message):
            encoder.forward(value)
    with pytest.raises(errors.InvalidArgumentError, match="layer_thresholds knows conv1, conv2, conv3, got pool1"):
        encoder.forward(x, layer_thresholds={"pool1": 1.0})
    with pytest.raises(errors.ShapeMismatchError, match="one threshold per channel"):
        encoder.forward(x, layer_thresholds={"conv1": [1.0, 2.0, 3.0]})
    with pytest.raises(errors.ShapeMismatchError, match="must have shape"):
        encoder.conv1.weight = np.zeros(3)
    assert np.array_equal(encoder.forward(x[:3]).classification_spikes, expected)


def test_weights_that_are_not_finite_are_refused(x):
    model = make_model()
    with pytest.raises(errors.NonFiniteError, match="weights must be finite"):
        model.encoder.conv2.weight = np.full(model.encoder.conv2.weight.shape, np.inf)
    model.encoder.conv2.weight[0, 0, 0, 0] = np.nan
    with pytest.raises(errors.NonFiniteError, match="conv2 are not all finite"):
        model.forward(x)


def test_a_decoder_refuses_what_does_not_belong_together(x):
    model = make_model()
    output = model.encode(x)
    indices = output.pooling_indices
    spikes = output.classification_spikes
    with pytest.raises(errors.ShapeMismatchError, match="classification_spikes must have the shape"):
        model.decoder.forward(spikes[:, :, :1], *indices)
    with pytest.raises(errors.ShapeMismatchError, match="pool2_indices has 3 steps, but the spikes have 6"):
        model.decoder.forward(spikes, indices.pool1_indices, indices.pool2_indices[:3], *indices[2:])
    with pytest.raises(errors.InvalidArgumentError, match="pool1_indices must be -1 or from 0 to"):
        model.decoder.forward(spikes, indices.pool1_indices + 10_000, *indices[1:])
    with pytest.raises(errors.IndexOutOfRangeError, match="no spike of class 5"):
        model.decoder.decode_single_spike((0, 0), 5, 2, spikes.shape[-2:], *indices)
    with pytest.raises(errors.ShapeMismatchError, match="encoder_weights must have the shape"):
        SpikeSEGDecoder(2, 3, 2, kernel_sizes=(3, 3, 3), encoder_weights=[np.ones((1, 1, 3, 3))] * 3)


def test_only_the_last_layer_is_offered_if_the_others_are_not_to_be_stored(x):
    config = EncoderConfig(**LAYERS, store_all_spikes=False)
    assert list(SpikeSEGEncoder(config, seed=1).forward(x).layer_spikes) == ["conv3"]


def test_layers_are_known_by_name():
    with pytest.raises(errors.InvalidArgumentError, match="no layer 'pool1'; there are: conv1, conv2, conv3"):
        make_model().freeze_layer("pool1")
    with pytest.raises(errors.NotRunError, match="known after forward"):
        make_model().encoder.get_pooling_indices()
    with pytest.raises(errors.InvalidArgumentError, match="runs on the CPU"):
        SpikeSEG(device="cuda")


def test_receptive_fields_are_balanced():
    for kernel in (
        evsim.receptive_fields.difference_of_gaussians(7, 1.0, 2.0),
        evsim.receptive_fields.gabor(9, 45.0, 5.0, 2.0),
    ):
        assert kernel.mean() == pytest.approx(0.0, abs=1e-15)
        assert np.abs(kernel).max() == 1.0
    upright, lying = (evsim.receptive_fields.gabor(9, angle, 5.0, 2.0) for angle in (0.0, 90.0))
    assert np.allclose(upright, lying.T)
    with pytest.raises(errors.InvalidArgumentError, match="two Gaussians are equal"):
        evsim.receptive_fields.difference_of_gaussians(5, 1.0, 1.0)
