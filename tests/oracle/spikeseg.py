"""SpikeSEG's stepped encoder and decoder as plain loops over dense arrays.

Every step visits every neuron, so that nothing depends on which ones are active. Axes are T, B, C, H, W: step, sample,
channel, row, column; a cause or index is `y * W + x` in the plane that a pool reads. `Encoded.threshold_margin` and
`Encoded.winner_margin` say how close a decision was: an implementation that rounds its sums in another order is only
sure to agree where they exceed its rounding errors. With weights, leaks and thresholds on a coarse binary grid the
sums are exact, and equality is due whatever the margins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
CONVOLUTIONS = ("conv1", "conv2", "conv3")
POOLS = ("pool1", "pool2")
STAGES = ("conv1", "pool1", "conv2", "pool2", "conv3")


@dataclass(frozen=True)
class Conv:
    """A layer of neurons: weights (C_out, C_in, k, k), stride 1, padding k // 2, no bias."""

    weight: Array
    threshold: float
    leak: float = 0.0
    leak_mode: str = "subtractive"


@dataclass(frozen=True)
class Pool:
    kernel: int = 2
    stride: int = 2


@dataclass(frozen=True)
class Encoder:
    """Five stages; `wta` is None, "global", "local" or "both"."""

    conv1: Conv
    pool1: Pool
    conv2: Conv
    pool2: Pool
    conv3: Conv
    wta: str | None = None
    wta_radius: int = 2
    fire_once: bool = True
    dtype: Any = np.float64


@dataclass
class LayerState:
    """Potentials and which neurons have fired, both (B, C, H, W)."""

    v: Array
    fired: Array


@dataclass
class Encoded:
    """What happened in one forward pass."""

    spikes: dict[str, Array] = field(default_factory=dict)
    """By stage: bool (T, B, C, H, W)."""
    first: dict[str, Array] = field(default_factory=dict)
    """By stage: first step with a spike (B, C, H, W), -1 for never."""
    membranes: dict[str, Array] = field(default_factory=dict)
    """By convolution: potential at the end of each step (T, B, C, H, W)."""
    causes: dict[str, Array] = field(default_factory=dict)
    """By pool: (T, B, C, h, w), the pixel that caused the pooled spike, -1 where there is none."""
    last_causes: dict[str, Array] = field(default_factory=dict)
    """By pool: (B, C, h, w), the first maximum of each window in the last step, spike or not."""
    pool_input_shapes: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    state: dict[str, LayerState] = field(default_factory=dict)
    threshold_margin: float = np.inf
    """Smallest |V - threshold| of a neuron that was free to fire."""
    winner_margin: float = np.inf
    """Smallest lead of a winner over the next candidate of its map (0: a tie)."""


def convolve(x: Array, weight: Array) -> Array:
    """Cross-correlation of (B, C_in, H, W) with (C_out, C_in, k, k): a sum over the taps of the kernel."""
    n_out, n_in, k, _ = weight.shape
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    height, width = padded.shape[2] - k + 1, padded.shape[3] - k + 1
    out = np.zeros((x.shape[0], n_out, height, width), x.dtype)
    for i in range(n_in):
        for dy in range(k):
            for dx in range(k):
                patch = padded[:, i, dy : dy + height, dx : dx + width]
                out += weight[:, i, dy, dx][None, :, None, None] * patch[:, None]
    return out


def transposed(x: Array, weight: Array) -> Array:
    """Adjoint of `convolve`: (B, C_out, h, w) to (B, C_in, H, W), every value stamps its kernel."""
    _, n_in, k, _ = weight.shape
    p = k // 2
    batch, _, h, w = x.shape
    canvas = np.zeros((batch, n_in, h + k - 1, w + k - 1), x.dtype)
    for b, o, row, column in np.argwhere(x):
        canvas[b, :, row : row + k, column : column + k] += x[b, o, row, column] * weight[o]
    return canvas[:, :, p : p + h + k - 1 - 2 * p, p : p + w + k - 1 - 2 * p]


def pooled_size(size: int, pool: Pool) -> int:
    return (size - pool.kernel) // pool.stride + 1


def pool_step(spikes: Array, pool: Pool) -> tuple[Array, Array]:
    """OR over each window of (B, C, H, W), and the first pixel of the window that spiked (-1: none)."""
    batch, channels, height, width = spikes.shape
    shape = (batch, channels, pooled_size(height, pool), pooled_size(width, pool))
    out, cause = np.zeros(shape, bool), np.full(shape, -1, np.int64)
    rows, columns = np.meshgrid(np.arange(shape[2]), np.arange(shape[3]), indexing="ij")
    for dy in range(pool.kernel):
        for dx in range(pool.kernel):
            y, x = rows * pool.stride + dy, columns * pool.stride + dx
            first = spikes[:, :, y, x] & ~out
            cause[first] = np.broadcast_to(y * width + x, shape)[first]
            out |= first
    return out, cause


def first_maximum(cause: Array, width: int, pool: Pool) -> Array:
    """The indices that a maximum pool of 0 and 1 returns: the cause, or an all-zero window's first pixel."""
    rows, columns = np.meshgrid(np.arange(cause.shape[2]), np.arange(cause.shape[3]), indexing="ij")
    return np.where(cause >= 0, cause, rows * pool.stride * width + columns * pool.stride)


def rank_order(x: Array, n_steps: int) -> Array:
    """One spike per positive entry of (B, C, H, W), the larger the earlier, evenly over (T, B, C, H, W)."""
    out = np.zeros((n_steps, *x.shape), x.dtype)
    for b in range(x.shape[0]):
        values = x[b].ravel().tolist()
        positive = [i for i, value in enumerate(values) if value > 0]
        for rank, i in enumerate(sorted(positive, key=lambda i: (-values[i], i))):
            out[rank * n_steps // len(positive), b].flat[i] = 1
    return out


def steps_of(encoder: Encoder, x: Array, n_steps: int | None) -> Array:
    """The input of each step, (T, B, C, H, W)."""
    x = np.asarray(x, encoder.dtype)
    if x.ndim == 5:
        return x
    n_steps = 1 if n_steps is None else n_steps
    if n_steps > 1 and not encoder.fire_once:
        return rank_order(x, n_steps)
    return np.stack([x] * n_steps)


def inhibit(encoder: Encoder, v: Array, spikes: Array, before: Array) -> float:
    """Winner-take-all among the spikes of one sample (C, H, W), in place; returns the smallest lead of a winner.

    `before` holds the potentials before the reset, by which the winner of a map is found.
    """
    lead = np.inf
    if encoder.wta in ("global", "both"):
        for c in range(len(v)):
            candidates = np.flatnonzero(spikes[c]).tolist()
            if not candidates:
                continue
            ranked = sorted(candidates, key=lambda i: (-before[c].flat[i], i))
            if len(ranked) > 1:
                lead = min(lead, float(before[c].flat[ranked[0]] - before[c].flat[ranked[1]]))
            spikes[c] = False
            spikes[c].flat[ranked[0]] = True
            v[c] = 0
    if encoder.wta in ("local", "both"):
        r = encoder.wta_radius
        for _, y, x in np.argwhere(spikes):
            v[:, max(0, y - r) : y + r + 1, max(0, x - r) : x + r + 1] = 0
    return lead


def neuron_step(
    encoder: Encoder, conv: Conv, state: LayerState, current: Array, threshold: Array, result: Encoded
) -> tuple[Array, Array]:
    """Spikes of one layer in one step (B, C, H, W), and its potentials before the reset; changes the state."""
    dtype = np.dtype(encoder.dtype).type
    if conv.leak_mode == "subtractive":
        state.v = np.maximum(dtype(0), state.v + current - dtype(conv.leak))
    else:
        beta = dtype(1.0 - conv.leak / conv.threshold)
        state.v = np.maximum(dtype(0), beta * state.v + current)
    free = ~state.fired if encoder.fire_once else np.ones_like(state.fired)
    level = threshold[None, :, None, None]
    if free.any():
        result.threshold_margin = min(result.threshold_margin, float(np.abs(state.v - level)[free].min()))
    spikes = free & (state.v >= level)
    before = state.v.copy()
    state.v[spikes] = 0
    for b in range(spikes.shape[0]):
        result.winner_margin = min(result.winner_margin, inhibit(encoder, state.v[b], spikes[b], before[b]))
    state.fired |= spikes
    return spikes, before


def first_steps(spikes: Array) -> Array:
    """First step with a spike: (T, ...) to (...), -1 for never."""
    first = np.full(spikes.shape[1:], -1, np.int64)
    for t in reversed(range(spikes.shape[0])):
        first[spikes[t] != 0] = t
    return first


def encode(
    encoder: Encoder,
    x: Array,
    n_steps: int | None = None,
    state: Mapping[str, LayerState] | None = None,
    layer_thresholds: Mapping[str, Array] | None = None,
) -> Encoded:
    """All five stages, step by step; within a step they follow one another without delay.

    Parameters
    ----------
    encoder
    x : array (B, C, H, W) or (T, B, C, H, W)
        A 4-D input is shown in every one of `n_steps` steps (None: one) or, where neurons may fire more than once
        and there are several steps, coded by rank. A 5-D input is taken as it is; its values weigh the current.
    state
        Where another pass ended (`Encoded.state`); None starts from rest.
    layer_thresholds
        By convolution: threshold of each channel. The leak stays that of the layer's own threshold.
    """
    result = Encoded()
    dtype = encoder.dtype
    state = {name: LayerState(s.v.copy(), s.fired.copy()) for name, s in (state or {}).items()}
    spikes: dict[str, list[Array]] = {name: [] for name in STAGES}
    causes: dict[str, list[Array]] = {name: [] for name in POOLS}
    membranes: dict[str, list[Array]] = {name: [] for name in CONVOLUTIONS}
    for signal in steps_of(encoder, x, n_steps):
        for name in STAGES:
            if name in POOLS:
                pool = getattr(encoder, name)
                result.pool_input_shapes[name] = signal.shape
                out, cause = pool_step(signal != 0, pool)
                causes[name].append(cause)
                result.last_causes[name] = first_maximum(cause, signal.shape[3], pool)
            else:
                conv = getattr(encoder, name)
                current = convolve(signal, conv.weight.astype(dtype))
                if name not in state:
                    state[name] = LayerState(np.zeros_like(current), np.zeros(current.shape, bool))
                threshold = np.full(conv.weight.shape[0], conv.threshold)
                if layer_thresholds and name in layer_thresholds:
                    threshold = np.asarray(layer_thresholds[name], float)
                out, _ = neuron_step(encoder, conv, state[name], current, threshold.astype(dtype), result)
                membranes[name].append(state[name].v.copy())
            spikes[name].append(out)
            signal = out.astype(dtype)
    result.spikes = {name: np.stack(s) for name, s in spikes.items()}
    result.first = {name: first_steps(s) for name, s in result.spikes.items()}
    result.membranes = {name: np.stack(m) for name, m in membranes.items()}
    result.causes = {name: np.stack(c) for name, c in causes.items()}
    result.state = state
    return result


def run_layer(encoder: Encoder, name: str, inputs: Array, thresholds: Array | None = None) -> tuple[Array, Array]:
    """One convolution alone on (T, B, C, H, W): the first spikes (B, C, H, W), and the potentials that led to them."""
    conv = getattr(encoder, name)
    levels = np.full(len(conv.weight), conv.threshold) if thresholds is None else thresholds
    state = None
    spikes, before = [], []
    for x in inputs.astype(encoder.dtype):
        current = convolve(x, conv.weight.astype(encoder.dtype))
        if state is None:
            state = LayerState(np.zeros_like(current), np.zeros(current.shape, bool))
        out, v = neuron_step(encoder, conv, state, current, levels.astype(encoder.dtype), Encoded())
        spikes.append(out)
        before.append(v)
    first = first_steps(np.stack(spikes))
    led = np.take_along_axis(np.stack(before), first.clip(0)[None], axis=0)[0]
    return first, led


@dataclass(frozen=True)
class Decoder:
    """The weights of the encoder's convolutions, turned round; `leak` is a fraction of the threshold."""

    conv1: Array
    conv2: Array
    conv3: Array
    use_spiking: bool = True
    threshold: float = 1.0
    leak: float = 0.0
    use_delay_connections: bool = True
    delay_steps: int = 1
    dtype: Any = np.float64


@dataclass
class DecoderState:
    """Potentials behind the transposed convolutions 3 and 2, earlier inputs (the newest first), and causes so far."""

    v3: Array | None = None
    v2: Array | None = None
    history: list[Array] = field(default_factory=list)
    causes1: list[Array] = field(default_factory=list)
    causes2: list[Array] = field(default_factory=list)
    threshold_margin: float = np.inf


def latest_causes(causes: Sequence[Array]) -> Array:
    """Per cell (B, C, h, w) the cause of its most recent spike, -1 where it has not spiked yet."""
    latest = np.full(causes[0].shape, -1, np.int64)
    for cause in causes:
        latest[cause >= 0] = cause[cause >= 0]
    return latest


def positions_at(indices: Array, step: int | None, earlier: list[Array]) -> Array:
    """Where each cell (B, C, h, w) puts its value in a step (None: after all of them).

    4-D indices hold for all steps; 5-D ones are causes and follow those of earlier passes.
    """
    if indices.ndim == 4:
        return indices
    return latest_causes([*earlier, *(indices if step is None else indices[: step + 1])])


def unpool(x: Array, positions: Array, size: tuple[int, ...]) -> Array:
    """Every value goes to its position in (..., H, W); of values that meet the largest stays.

    A cell without position is mute.
    """
    height, width = size[-2:]
    out = np.zeros((*x.shape[:2], height * width), x.dtype)
    taken = set()
    for b, c, row, column in np.argwhere(x):
        place = b, c, positions[b, c, row, column]
        if place[-1] >= 0:
            out[place] = max(out[place], x[b, c, row, column]) if place in taken else x[b, c, row, column]
            taken.add(place)
    return out.reshape(*x.shape[:2], height, width)


def delayed(decoder: Decoder, x: Array, history: list[Array]) -> Array:
    """x[t] + sum over age of 0.9^age x[t - age]."""
    y = x.copy()
    if decoder.use_delay_connections:
        for age in range(1, decoder.delay_steps + 1):
            if age <= len(history):
                y += np.dtype(decoder.dtype).type(0.9**age) * history[age - 1]
    return y


def spiking_stage(decoder: Decoder, v: Array | None, current: Array, state: DecoderState) -> tuple[Array, Array]:
    """Output and potentials of one decoding stage in one step."""
    dtype = np.dtype(decoder.dtype).type
    if v is None:
        v = np.zeros_like(current)
    if not decoder.use_spiking:
        return current, v
    v = np.maximum(dtype(0), v + current - dtype(decoder.leak * decoder.threshold))
    state.threshold_margin = min(state.threshold_margin, float(np.abs(v - decoder.threshold).min()))
    spikes = v >= dtype(decoder.threshold)
    v[spikes] = 0
    return spikes.astype(dtype), v


def decode(
    decoder: Decoder,
    spikes: Array,
    pool1_indices: Array,
    pool2_indices: Array,
    pool1_output_size: tuple[int, ...],
    pool2_output_size: tuple[int, ...],
    state: DecoderState | None = None,
) -> Array:
    """Saliency (T, B, C_in, H, W) of classification spikes (T, B, n, h, w); 4-D in, 4-D out is a single step.

    A single step looks at the last one of 5-D indices.
    """
    state = DecoderState() if state is None else state
    spikes = np.asarray(spikes, decoder.dtype)
    single = spikes.ndim == 4
    out = []
    for t, x in enumerate(spikes[None] if single else spikes):
        here = None if single else t
        y = delayed(decoder, x, state.history)
        state.history.insert(0, x)
        y = transposed(y, decoder.conv3.astype(decoder.dtype))
        y, state.v3 = spiking_stage(decoder, state.v3, y, state)
        y = unpool(y, positions_at(pool2_indices, here, state.causes2), pool2_output_size)
        y = transposed(y, decoder.conv2.astype(decoder.dtype))
        y, state.v2 = spiking_stage(decoder, state.v2, y, state)
        y = unpool(y, positions_at(pool1_indices, here, state.causes1), pool1_output_size)
        out.append(transposed(y, decoder.conv1.astype(decoder.dtype)))
    for causes, indices in ((state.causes1, pool1_indices), (state.causes2, pool2_indices)):
        causes.extend(indices if indices.ndim == 5 else [])
    return out[0] if single else np.stack(out)


def single_stage(decoder: Decoder, current: Array, hulk: bool) -> Array:
    """Output of one decoding stage from rest."""
    if hulk:
        return (current > 0.5).astype(decoder.dtype)
    return spiking_stage(decoder, None, current, DecoderState())[0]


def decode_single_spike(
    decoder: Decoder,
    location: tuple[int, int],
    class_id: int,
    shape: tuple[int, int, int, int],
    pool1_indices: Array,
    pool2_indices: Array,
    pool1_output_size: tuple[int, ...],
    pool2_output_size: tuple[int, ...],
    *,
    sample: int = 0,
    step: int | None = None,
    hulk: bool = False,
) -> Array:
    """Saliency (B, C_in, H, W) of one spike at `location` = (x, y): no delay, no state.

    With `hulk`, stages pass what exceeds 1/2; else it is what decoding that spike alone gives. `shape` is that of the
    classification layer, (B, n, h, w), of which one sample has the spike; `step` None is the last one of 5-D indices.
    """
    x = np.zeros(shape, decoder.dtype)
    x[sample, class_id, location[1], location[0]] = 1
    y = single_stage(decoder, transposed(x, decoder.conv3.astype(decoder.dtype)), hulk)
    y = unpool(y, positions_at(pool2_indices, step, []), pool2_output_size)
    y = single_stage(decoder, transposed(y, decoder.conv2.astype(decoder.dtype)), hulk)
    y = unpool(y, positions_at(pool1_indices, step, []), pool1_output_size)
    return transposed(y, decoder.conv1.astype(decoder.dtype))
