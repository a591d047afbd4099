"""SpikeSEG's decoder against plain loops over every step, cell and tap; equality as `spikeseg_agreement` has it."""

from dataclasses import replace

import numpy as np
import pytest
from oracle import spikeseg as oracle
from spikeseg_agreement import GRID, PAIRS, build, compare_saliency, random_decoding, same

from evsim.spikeseg import DecoderConfig, SpikeSEGDecoder

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
index_modes = pytest.mark.parametrize("index_mode", ["per_spike", "last_step"])


@dtypes
@index_modes
@pytest.mark.parametrize("pools", PAIRS, ids="+".join)
def test_saliency_without_delays_equals_the_oracle(dtype, index_mode, pools):
    rng = np.random.default_rng([20, PAIRS.index(pools)])
    for spiking in (True, False):
        case = random_decoding(rng, dtype=dtype, index_mode=index_mode, pools=pools, spiking=spiking)
        got = case.build(dtype).forward(case.spikes.astype(dtype), *case.pooling)
        compare_saliency(got, case.expected, case.exact, dtype)


@dtypes
@index_modes
@pytest.mark.parametrize("spiking", [True, False])
@pytest.mark.parametrize("delay_steps", [1, 3])
def test_saliency_with_delays_equals_the_oracle(dtype, index_mode, spiking, delay_steps):
    rng = np.random.default_rng([21, delay_steps])
    for _ in range(2):
        case = random_decoding(rng, dtype=dtype, index_mode=index_mode, spiking=spiking, delay_steps=delay_steps)
        got = case.build(dtype).forward(case.spikes.astype(dtype), *case.pooling)
        compare_saliency(got, case.expected, case.exact, dtype)


@index_modes
def test_saliency_of_a_single_step_equals_the_oracle(index_mode):
    rng = np.random.default_rng(22)
    for _ in range(4):
        case = random_decoding(rng, index_mode=index_mode)
        single = replace(case, spikes=(rng.random(case.spikes.shape[1:]) < 0.3).astype(float))
        compare_saliency(single.build().forward(single.spikes, *single.pooling), single.expected, True, "float64")


def test_a_decoder_forgets_when_it_is_reset():
    case = random_decoding(np.random.default_rng(23), delay_steps=2, steps=6)
    decoder = case.build()
    decoder.forward(case.spikes, *case.pooling)
    decoder.reset_state()
    compare_saliency(decoder.forward(case.spikes, *case.pooling), case.expected, False, "float64")


@index_modes
def test_saliency_of_a_changed_weight_differs(index_mode):
    case = random_decoding(np.random.default_rng(24), index_mode=index_mode, spiking=False)
    changed = case.decoder.conv1.copy()
    changed.flat[changed.size // 2] += GRID
    other = replace(case, decoder=replace(case.decoder, conv1=changed))
    got = case.build().forward(case.spikes, *case.pooling)
    with pytest.raises(AssertionError, match="saliency"):
        compare_saliency(got, other.expected, True, "float64")


@index_modes
@pytest.mark.parametrize("pools", PAIRS, ids="+".join)
def test_single_spikes_are_decoded_like_the_oracle(index_mode, pools):
    rng = np.random.default_rng([25, PAIRS.index(pools)])
    reached = 0
    for i in range(30):
        if i % 5 == 0:
            case = random_decoding(rng, index_mode=index_mode, pools=pools, spiking=i % 10 == 0)
            decoder = case.build()
        steps, batch, n, h, w = case.spikes.shape
        where, label, sample = (int(rng.integers(w)), int(rng.integers(h))), int(rng.integers(n)), i % batch
        step = None if i % 3 == 0 else int(rng.integers(steps))
        expected = oracle.decode_single_spike(
            case.decoder, where, label, (batch, n, h, w), *case.pooling, sample=sample, step=step
        )
        got = decoder.decode_single_spike(where, label, batch, (h, w), *case.pooling, batch_index=sample, step=step)
        compare_saliency(got, expected, case.exact, "float64")
        reached += bool(expected.any())
    assert reached


def test_decoding_a_single_spike_leaves_the_carried_state_alone():
    rng = np.random.default_rng(26)
    case = random_decoding(rng, delay_steps=2, steps=6)
    _, batch, _, h, w = case.spikes.shape
    decoder = case.build()
    decoder.forward(case.spikes[:3], *case.pooling_of(slice(3)))
    decoder.decode_single_spike((0, 0), 0, batch, (h, w), *case.pooling)
    state = oracle.DecoderState()
    oracle.decode(case.decoder, case.spikes[:3], *case.pooling_of(slice(3)), state)
    rest = case.pooling_of(slice(3, None))
    got = decoder.forward(case.spikes[3:], *rest, reset_state=False)
    compare_saliency(got, oracle.decode(case.decoder, case.spikes[3:], *rest, state), False, "float64")


@pytest.mark.parametrize("delay_steps", [0, 1, 3])
def test_carried_decoder_state_equals_the_oracle(delay_steps):
    rng = np.random.default_rng([27, delay_steps])
    for _ in range(2):
        case = random_decoding(rng, delay_steps=delay_steps, steps=8)
        decoder, state = case.build(), oracle.DecoderState()
        passes = []
        for part in (slice(1), slice(1, 4), slice(4, 5), slice(5, 8)):
            pooling = case.pooling_of(part)
            got = decoder.forward(case.spikes[part], *pooling, reset_state=part.start is None)
            expected = oracle.decode(case.decoder, case.spikes[part], *pooling, state)
            compare_saliency(got, expected, case.exact, "float64")
            passes.append(expected)
        compare_saliency(np.concatenate(passes), case.expected, True, "float64")


@index_modes
@pytest.mark.parametrize("pools", PAIRS, ids="+".join)
def test_output_of_an_encoder_is_decoded_like_its_arrays(index_mode, pools):
    rng = np.random.default_rng([28, PAIRS.index(pools)])
    case = random_decoding(rng, index_mode=index_mode, pools=pools, steps=6, noise=0.0)
    output = build(case.encoder, "float64", index_mode).forward(case.input)
    compare_saliency(case.build().decode(output), case.expected, True, "float64")


@index_modes
@pytest.mark.parametrize("pools", PAIRS, ids="+".join)
def test_unravelled_spikes_are_those_decoded_one_by_one(index_mode, pools):
    rng = np.random.default_rng([29, PAIRS.index(pools)])
    case = random_decoding(rng, index_mode=index_mode, pools=pools, steps=6, noise=0.0)
    output = build(case.encoder, "float64", index_mode).forward(case.input)
    shape = case.spikes.shape[1:]
    for sample in range(shape[0]):
        spikes, pixels = case.build().unravel(output, sample)
        assert sorted(map(tuple, spikes.tolist())) == list(map(tuple, np.argwhere(case.spikes[:, sample]).tolist()))
        for (t, label, y, x), touched in zip(spikes.tolist(), pixels, strict=True):
            expected = oracle.decode_single_spike(
                case.decoder, (x, y), label, shape, *case.pooling, sample=sample, step=t, hulk=True
            )[sample]
            got = np.zeros(expected.size)
            np.add.at(got, touched.indices, touched.values)
            same(f"pixels of {(t, label, y, x)}", got.reshape(expected.shape), expected)


def pooled_twice(size, where):
    """Pooling indices of two cells side by side that both name pixel `where` of a plane of `size` x `size`."""
    return np.full((1, 1, 1, 2), where), (1, 1, size, size)


@pytest.mark.parametrize("spiking", [True, False])
def test_cells_of_overlapping_windows_give_one_spike_back_once(spiking):
    """Two cells in a row saw the spike of one pixel: whatever comes back through both of them is that one spike."""
    one = np.ones((1, 1, 1, 1), np.float32)
    decoder = SpikeSEGDecoder(
        1, 1, 1, kernel_sizes=(1, 1, 1), config=DecoderConfig(use_spiking=spiking), encoder_weights=[one] * 3
    )
    indices2, size2 = np.array([[[[0, 1]]]]), (1, 1, 1, 2)
    indices1, size1 = pooled_twice(3, 4)
    saliency = decoder.forward(np.ones((1, 1, 1, 2)), indices1, indices2, size1, size2)
    np.testing.assert_array_equal(saliency[0, 0], [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_of_values_that_meet_the_largest_comes_back():
    one = np.ones((1, 1, 1, 1), np.float32)
    decoder = SpikeSEGDecoder(
        1, 1, 1, kernel_sizes=(1, 1, 1), config=DecoderConfig(use_spiking=False), encoder_weights=[one] * 3
    )
    indices2, size2 = np.array([[[[0, 1]]]]), (1, 1, 1, 2)
    saliency = decoder.forward(np.array([[[[0.25, 0.75]]]]), *[pooled_twice(2, 3)[0], indices2, (1, 1, 2, 2), size2])
    np.testing.assert_array_equal(saliency[0, 0], [[0, 0], [0, 0.75]])


def one_by_one(weight, **options):
    config = DecoderConfig(**options)
    weights = [np.full((1, 1, 1, 1), weight, np.float32)] * 3
    return SpikeSEGDecoder(1, 1, 1, kernel_sizes=(1, 1, 1), config=config, encoder_weights=weights)


@pytest.mark.parametrize(
    "options",
    [
        {"use_spiking": False},
        {"use_spiking": True, "threshold": 0.3},
        {"use_spiking": True, "threshold": 0.4, "leak": 0.1},
        {"use_spiking": True},
        {"use_spiking": False, "delay_steps": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("weight", [0.4, 0.6, 1.5])
def test_a_spike_alone_is_decoded_as_forward_decodes_it(options, weight):
    decoder = one_by_one(weight, **options)
    indices = np.zeros((1, 1, 1, 1), int), np.zeros((1, 1, 1, 1), int), (1, 1, 1, 1), (1, 1, 1, 1)
    expected = decoder.forward(np.ones((1, 1, 1, 1)), *indices)
    np.testing.assert_array_equal(decoder.decode_single_spike((0, 0), 0, 1, (1, 1), *indices), expected)


def test_analog_weights_of_a_spike_alone_multiply():
    indices = np.zeros((1, 1, 1, 1), int), np.zeros((1, 1, 1, 1), int), (1, 1, 1, 1), (1, 1, 1, 1)
    weights = [np.full((1, 1, 1, 1), value) for value in (0.4, 1.0, 1.0)]
    config = DecoderConfig(use_spiking=False)
    decoder = SpikeSEGDecoder(1, 1, 1, kernel_sizes=(1, 1, 1), config=config, encoder_weights=weights)
    assert decoder.decode_single_spike((0, 0), 0, 1, (1, 1), *indices).item() == 0.4
