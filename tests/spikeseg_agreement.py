"""Random SpikeSEG configurations, and evsim's encoder and decoder beside the oracle's.

Weights, leaks, thresholds and input values lie on a coarse binary grid unless a case says otherwise. All sums are then
exact in either precision, so that the two must agree in every spike, index and potential. Other cases are drawn until
no potential comes closer to its threshold, and no winner to its rival, than rounding could matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from oracle import spikeseg as oracle
from places import DATA

from evsim import spikeseg

Array = np.ndarray[Any, Any]
GRID = 1 / 64
WTA = (None, "global", "local", "both")
POOLS = {"2/2": oracle.Pool(2, 2), "3/2": oracle.Pool(3, 2), "7/6": oracle.Pool(7, 6), "2/3": oracle.Pool(2, 3)}
PAIRS = (("2/2", "2/2"), ("3/2", "2/2"), ("2/2", "3/2"), ("7/6", "2/2"), ("3/2", "3/2"), ("2/3", "2/2"))
"""Kernel and stride of both pools."""
MARGIN = {"float32": 2e-4, "float64": 1e-9}
"""What a potential may differ by where sums are rounded: about 100 roundings of the largest potentials."""

RECORDINGS = DATA / "nmnist_small.npz"


@dataclass(frozen=True)
class Case:
    """One forward pass: the network, what it sees, and whether its arithmetic is exact."""

    encoder: oracle.Encoder
    x: Array
    n_steps: int | None = None
    layer_thresholds: dict[str, Array] | None = None
    exact: bool = True

    @cached_property
    def expected(self) -> oracle.Encoded:
        """What the oracle says."""
        return oracle.encode(self.encoder, self.x, self.n_steps, layer_thresholds=self.layer_thresholds)

    def is_well_posed(self, dtype: str) -> bool:
        """Whether no decision is closer than rounding in `dtype` (and then the oracle's in float64) could matter."""
        if self.exact:
            return True
        return min(self.expected.threshold_margin, self.expected.winner_margin) > MARGIN[dtype]


def on_grid(rng: np.random.Generator, low: float, high: float, size: Any = None) -> Any:
    return rng.integers(round(low / GRID), round(high / GRID) + 1, size) * GRID


def random_conv(
    rng: np.random.Generator, n_out: int, n_in: int, *, leak_mode: str, exact: bool, drive: float, kernel: int | None
) -> oracle.Conv:
    """A layer that, with `drive` of its input pixels active, reaches its threshold every now and then."""
    k = int(rng.choice([1, 3, 5])) if kernel is None else kernel
    shape = (n_out, n_in, k, k)
    weight = on_grid(rng, -0.25, 0.75, shape) if exact else rng.normal(0.25, 0.3, shape)
    typical = 0.25 * drive * n_in * k * k
    threshold = max(4 * GRID, float(on_grid(rng, 0.5 * typical, 3 * typical + 0.25)))
    if leak_mode == "subtractive":
        leak = float(on_grid(rng, 0, min(threshold, typical))) if rng.random() < 0.8 else 0.0
    else:
        leak = threshold * float(rng.choice([0.0, 0.25, 0.5, 1.0]) if exact else rng.uniform(0, 1))
    if not exact:
        threshold *= float(rng.uniform(0.9, 1.0))
        leak = min(leak * float(rng.uniform(0.9, 1.0)), threshold)
    return oracle.Conv(weight, threshold, leak, leak_mode)


def random_encoder(
    rng: np.random.Generator,
    *,
    n_in: int = 1,
    leak_mode: str = "subtractive",
    wta: str | None = None,
    fire_once: bool = True,
    pools: tuple[str, str] = ("2/2", "2/2"),
    exact: bool = True,
    rate: float = 0.2,
    kernels: tuple[int | None, int | None, int | None] = (None, None, None),
) -> oracle.Encoder:
    c1, c2, n = (int(c) for c in rng.integers(1, 6, 3))
    sparse = 0.04 if wta in ("global", "both") else 0.2
    conv = [
        random_conv(rng, a, b, leak_mode=leak_mode, exact=exact, drive=drive, kernel=kernel)
        for a, b, drive, kernel in zip((c1, c2, n), (n_in, c1, c2), (rate, sparse, sparse), kernels, strict=True)
    ]
    radius = int(rng.integers(1, 4))
    return oracle.Encoder(conv[0], POOLS[pools[0]], conv[1], POOLS[pools[1]], conv[2], wta, radius, fire_once)


def random_size(rng: np.random.Generator, pools: tuple[str, str]) -> tuple[int, int]:
    """Height and width for which the second pool has a cell or a few."""
    smallest = (POOLS[pools[1]].kernel - 1) * POOLS[pools[0]].stride + POOLS[pools[0]].kernel
    return tuple(int(n) for n in rng.integers(max(8, smallest), max(8, smallest) + 9, 2))  # type: ignore[return-value]


def random_case(
    rng: np.random.Generator,
    *,
    dtype: str = "float64",
    steps: int | None = None,
    kind: str = "spikes",
    pools: tuple[str, str] = ("2/2", "2/2"),
    leak_mode: str = "subtractive",
    exact: bool = True,
    thresholds: bool = False,
    **options: Any,
) -> Case:
    """A case of `kind` "spikes" (T, B, C, H, W), "values" (the same with weights), or "image" (B, C, H, W)."""
    while True:
        n_in = int(rng.integers(1, 4))
        rate = float(rng.choice([0.05, 0.15, 0.3]))
        encoder = random_encoder(rng, n_in=n_in, leak_mode=leak_mode, pools=pools, exact=exact, rate=rate, **options)
        # An exponential leak by quarters needs two more bits in every step.
        longest = 50 if leak_mode == "subtractive" or not exact else 5 if dtype == "float32" else 16
        n = int(rng.integers(1, 13)) if steps is None else steps
        n = min(n, longest)
        shape = (int(rng.integers(1, 4)), n_in, *random_size(rng, pools))
        values = on_grid(rng, -0.5, 2.0, shape if kind == "image" else (n, *shape)) * (1 if exact else 0.997)
        active = rng.random(values.shape) < rate
        x = np.where(active, 1.0 if kind == "spikes" else values, 0.0)
        case = Case(encoder, x, n if kind == "image" else None, exact=exact)
        if thresholds:
            case = replace(case, layer_thresholds=random_thresholds(rng, encoder, exact))
        # Most cases get through to the last stage; a silent one has potentials to compare.
        if case.is_well_posed(dtype) and (case.expected.spikes["conv3"].any() or rng.random() < 0.1):
            return case


def random_thresholds(rng: np.random.Generator, encoder: oracle.Encoder, exact: bool) -> dict[str, Array]:
    out = {}
    for name in oracle.CONVOLUTIONS:
        conv = getattr(encoder, name)
        factor = on_grid(rng, 0.5, 1.5, len(conv.weight))
        level = conv.threshold * factor
        out[name] = np.ceil(level / GRID) * GRID if exact else level
    return {name: out[name] for name in rng.permutation(oracle.CONVOLUTIONS)[: int(rng.integers(1, 4))]}


# evsim beside the oracle


def config_of(encoder: oracle.Encoder, index_mode: str = "per_spike") -> spikeseg.EncoderConfig:
    def layer(conv: oracle.Conv) -> spikeseg.LayerConfig:
        return spikeseg.LayerConfig(
            out_channels=conv.weight.shape[0],
            kernel_size=conv.weight.shape[2],
            threshold=conv.threshold,
            leak=conv.leak,
            leak_mode=conv.leak_mode,
        )

    return spikeseg.EncoderConfig(
        input_channels=encoder.conv1.weight.shape[1],
        conv1=layer(encoder.conv1),
        conv2=layer(encoder.conv2),
        conv3=layer(encoder.conv3),
        pool1_kernel_size=encoder.pool1.kernel,
        pool1_stride=encoder.pool1.stride,
        pool2_kernel_size=encoder.pool2.kernel,
        pool2_stride=encoder.pool2.stride,
        use_wta=encoder.wta is not None,
        wta_mode=encoder.wta or "both",
        wta_radius=encoder.wta_radius,
        fire_once=encoder.fire_once,
        index_mode=index_mode,
        store_all_spikes=True,
        store_membranes=True,
    )


def build(encoder: oracle.Encoder, dtype: str = "float64", index_mode: str = "per_spike") -> spikeseg.SpikeSEGEncoder:
    """evsim's encoder with the configuration and the weights of the oracle's."""
    return with_weights(spikeseg.SpikeSEGEncoder(config_of(encoder, index_mode), dtype=dtype), encoder)


def with_weights(made: spikeseg.SpikeSEGEncoder, encoder: oracle.Encoder) -> spikeseg.SpikeSEGEncoder:
    for name in oracle.CONVOLUTIONS:
        layer = getattr(made, name)
        layer.weight = getattr(encoder, name).weight.astype(layer.weight.dtype)
    return made


def same(name: str, got: Array, expected: Array) -> None:
    got = np.asarray(got)
    assert got.shape == expected.shape, f"{name} has shape {got.shape} instead of {expected.shape}"
    wrong = np.argwhere(got != expected)
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        raise AssertionError(
            f"{name} differs in {len(wrong)} of {expected.size} places, first at {where}: "
            f"{got[where]} instead of {expected[where]}"
        )


def compare_output(
    got: spikeseg.EncoderOutput, expected: oracle.Encoded, *, index_mode: str = "per_spike", tolerance: float = 0.0
) -> Counter[str]:
    """Equality of everything an encoder gives; returns how many spikes of each stage were compared."""
    assert set(got.layer_spikes) == set(oracle.STAGES)
    for name in oracle.STAGES:
        same(f"spikes of {name}", got.layer_spikes[name], expected.spikes[name])
        same(f"spike times of {name}", got.layer_spike_times[name], expected.first[name])
    same("classification spikes", got.classification_spikes, expected.spikes["conv3"])
    indices = expected.causes if index_mode == "per_spike" else expected.last_causes
    for name in oracle.POOLS:
        same(f"indices of {name}", getattr(got.pooling_indices, f"{name}_indices"), indices[name])
        size = tuple(getattr(got.pooling_indices, f"{name}_output_size"))
        assert size == expected.pool_input_shapes[name], f"{name} reads {size}"
    for name in oracle.CONVOLUTIONS:
        membrane = np.asarray(got.layer_membranes[name])
        if tolerance:
            np.testing.assert_allclose(membrane, expected.membranes[name], rtol=0, atol=tolerance, err_msg=name)
        else:
            same(f"membranes of {name}", membrane, expected.membranes[name])
    assert got.has_spikes is bool(expected.spikes["conv3"].any())
    assert got.n_classification_spikes == expected.spikes["conv3"].sum()
    return Counter({name: int(expected.spikes[name].sum()) for name in oracle.STAGES})


def compare(
    case: Case, dtype: str = "float64", index_mode: str = "per_spike", expected: oracle.Encoded | None = None
) -> Counter[str]:
    """One case through evsim and the oracle; `expected` replaces what the oracle says."""
    made = build(case.encoder, dtype, index_mode)
    got = made.forward(case.x.astype(dtype), case.n_steps, layer_thresholds=case.layer_thresholds)
    tolerance = 0.0 if case.exact else MARGIN[dtype] / 2
    return compare_output(got, expected or case.expected, index_mode=index_mode, tolerance=tolerance)


def compare_many(
    draw: Callable[[], Case], n: int, dtype: str = "float64", index_mode: str = "per_spike"
) -> Counter[str]:
    """`n` cases; at least one spike at every stage must have been among them."""
    total: Counter[str] = sum((compare(draw(), dtype, index_mode) for _ in range(n)), Counter())
    assert all(total[name] > 0 for name in oracle.STAGES), f"nothing was tested: {total}"
    return total


@dataclass(frozen=True)
class Decoding:
    """Classification spikes, and the indices of the encoder that unpooling follows."""

    encoder: oracle.Encoder
    decoder: oracle.Decoder
    spikes: Array
    encoded: oracle.Encoded
    input: Array
    index_mode: str = "per_spike"
    exact: bool = True

    @property
    def pooling(self) -> tuple[Any, ...]:
        """Indices of both pools and the sizes that they refer to."""
        indices = self.encoded.causes if self.index_mode == "per_spike" else self.encoded.last_causes
        return (*(indices[p] for p in oracle.POOLS), *(self.encoded.pool_input_shapes[p] for p in oracle.POOLS))

    def pooling_of(self, steps: slice) -> tuple[Any, ...]:
        """The same for some of the steps, as another pass of the encoder gives them."""
        return (*(self.encoded.causes[p][steps] for p in oracle.POOLS), *self.pooling[2:])

    @cached_property
    def expected(self) -> Array:
        """What the oracle says."""
        return oracle.decode(self.decoder, self.spikes, *self.pooling)

    def is_well_posed(self, dtype: str) -> bool:
        state = oracle.DecoderState()
        oracle.decode(self.decoder, self.spikes, *self.pooling, state)
        return self.exact or state.threshold_margin > MARGIN[dtype]

    def build(self, dtype: str = "float64") -> spikeseg.SpikeSEGDecoder:
        d = self.decoder
        config = spikeseg.DecoderConfig(
            use_tied_weights=True,
            use_spiking=d.use_spiking,
            threshold=d.threshold,
            leak=d.leak,
            use_delay_connections=d.use_delay_connections,
            delay_steps=d.delay_steps,
        )
        return spikeseg.SpikeSEGDecoder.from_encoder(build(self.encoder, dtype, self.index_mode), config)


def random_decoding(
    rng: np.random.Generator,
    *,
    dtype: str = "float64",
    index_mode: str = "per_spike",
    spiking: bool = True,
    delay_steps: int = 0,
    pools: tuple[str, str] = ("2/2", "2/2"),
    steps: int | None = None,
    noise: float = 0.1,
) -> Decoding:
    """What an encoder said, and some more classification spikes. Delays weigh by 0.9 and are not exact."""
    exact = delay_steps == 0
    while True:
        case = random_case(rng, pools=pools, steps=steps, fire_once=False)
        encoded = case.expected
        real = encoded.spikes["conv3"]
        spikes = (real | (rng.random(real.shape) < noise)).astype(float)
        threshold, leak = float(rng.integers(1, 5)) / 4, float(rng.choice([0.0, 0.25, 0.5]))
        decoder = oracle.Decoder(
            *(getattr(case.encoder, name).weight for name in oracle.CONVOLUTIONS),
            use_spiking=spiking,
            threshold=threshold,
            leak=leak,
            use_delay_connections=delay_steps > 0,
            delay_steps=max(1, delay_steps),
        )
        made = Decoding(case.encoder, decoder, spikes, encoded, case.x, index_mode, exact)
        if made.is_well_posed(dtype) and made.expected.any():
            return made


def compare_saliency(got: Array, expected: Array, exact: bool, dtype: str) -> None:
    if exact:
        same("saliency", got, expected)
    else:
        assert np.shape(got) == expected.shape
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(got, expected, rtol=0, atol=MARGIN[dtype] / 2 * scale)


# Real recordings


def binned(ids: list[int], n_bins: int, duration: float = 300e3) -> Array:
    """N-MNIST recordings as (T, B, 2, 34, 34): whether a pixel of a polarity had an event in a bin (times in us)."""
    if not RECORDINGS.exists():
        pytest.skip(f"{RECORDINGS} is not here")
    out = np.zeros((n_bins, len(ids), 2, 34, 34))
    with np.load(RECORDINGS) as archive:
        offsets = archive["test_offsets"]
        x, y, p, t = (archive[f"test_{name}"].astype(np.int64) for name in "xypt")
    for b, i in enumerate(ids):
        part = slice(offsets[i], offsets[i + 1])
        step = (t[part] * n_bins // round(duration)).clip(max=n_bins - 1)
        out[step, b, p[part], y[part], x[part]] = 1
    return out


def difference_of_gaussians(size: int = 5, narrow: float = 1.0, wide: float = 2.0) -> Array:
    """Centre-surround kernel (size, size) that sums to zero."""
    r = np.arange(size) - size // 2
    square = r[:, None] ** 2 + r[None, :] ** 2
    bells = [np.exp(-square / (2 * s * s)) for s in (narrow, wide)]
    return bells[0] / bells[0].sum() - bells[1] / bells[1].sum()
