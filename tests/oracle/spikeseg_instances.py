"""What SpikeSEG's classification spikes see, and which of them are one object, by brute force over pixels and pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .spikeseg import Decoder, Encoded, Encoder, Pool, decode_single_spike

Array = np.ndarray[Any, Any]
Box = tuple[int, int, int, int]


def seen_through_conv(seen: Array, kernel: int) -> Array:
    """Which pixels of a convolution's input (H, W) reach any of the marked outputs (H', W')."""
    height, width = (n + kernel - 1 - 2 * (kernel // 2) for n in seen.shape)
    out = np.zeros((height, width), bool)
    for y, x in np.argwhere(seen):
        for dy in range(kernel):
            for dx in range(kernel):
                row, column = y + dy - kernel // 2, x + dx - kernel // 2
                if 0 <= row < height and 0 <= column < width:
                    out[row, column] = True
    return out


def seen_through_pool(seen: Array, pool: Pool, shape: tuple[int, int]) -> Array:
    """Which pixels of a pool's input lie in the windows of the marked cells."""
    out = np.zeros(shape, bool)
    for y, x in np.argwhere(seen):
        for dy in range(pool.kernel):
            for dx in range(pool.kernel):
                out[y * pool.stride + dy, x * pool.stride + dx] = True
    return out


def classification_spikes(encoded: Encoded, sample: int) -> list[tuple[int, int, int, int]]:
    """(step, class, y, x) of each, in order."""
    return [tuple(spike) for spike in np.argwhere(encoded.spikes["conv3"][:, sample]).tolist()]


def active_spike_hash(encoder: Encoder, encoded: Encoded, sample: int, spike: tuple[int, int, int, int]) -> Array:
    """Hash (c1 + c2 + n, T): features with a spike in the receptive field, at its own step, up to the spike's own."""
    step, label, y, x = spike
    own = np.zeros(encoded.spikes["conv3"].shape[3:], bool)
    own[y, x] = True
    pooled2 = seen_through_conv(own, encoder.conv3.weight.shape[2])
    in_conv2 = seen_through_pool(pooled2, encoder.pool2, encoded.spikes["conv2"].shape[3:])
    pooled1 = seen_through_conv(in_conv2, encoder.conv2.weight.shape[2])
    in_conv1 = seen_through_pool(pooled1, encoder.pool1, encoded.spikes["conv1"].shape[3:])
    blocks = []
    for name, seen in (("conv1", in_conv1), ("conv2", in_conv2)):
        spikes = encoded.spikes[name][:, sample]
        steps, channels = spikes.shape[:2]
        rows = np.zeros((channels, steps), bool)
        for c in range(channels):
            for t in range(step + 1):
                rows[c, t] = spikes[t, c][seen].any()
        blocks.append(rows)
    classes = np.zeros((encoded.spikes["conv3"].shape[2], len(encoded.spikes["conv3"])), bool)
    classes[label, step] = True
    return np.concatenate([*blocks, classes])


def box_of(mask: Array) -> Box:
    """(x0, y0, x1, y1) of the marked pixels, corners included."""
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


def pixels_of(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box[0], box[2] + 1) for y in range(box[1], box[3] + 1)}


def box_iou(a: Box, b: Box) -> float:
    """Common pixels over all pixels, counted one by one."""
    return len(pixels_of(a) & pixels_of(b)) / len(pixels_of(a) | pixels_of(b))


def jaccard(a: Array, b: Array) -> float:
    """Entries set in both over entries set in either; 0 if there are none."""
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 0.0


@dataclass
class Object:
    """Classification spikes that belong together."""

    label: int
    spikes: list[tuple[int, int, int, int]]
    mask: Array
    box: Box
    ash: Array


def instances(
    encoder: Encoder,
    decoder: Decoder,
    encoded: Encoded,
    pooling: tuple[Any, ...],
    sample: int,
    threshold: float,
    *,
    across_classes: bool = False,
) -> tuple[list[Object], float]:
    """Objects in order of their first spikes, and how close the nearest score is to the threshold."""
    single = []
    for spike in classification_spikes(encoded, sample):
        step, label, y, x = spike
        shape = encoded.spikes["conv3"].shape[1:]
        saliency = decode_single_spike(decoder, (x, y), label, shape, *pooling, sample=sample, step=step, hulk=True)
        mask = saliency[sample].sum(axis=0) > 0
        if mask.any():
            ash = active_spike_hash(encoder, encoded, sample, spike)
            single.append(Object(label, [spike], mask, box_of(mask), ash))
    margin = np.inf
    linked = [[False] * len(single) for _ in single]
    for i, a in enumerate(single):
        for j, b in enumerate(single):
            if i != j and (across_classes or a.label == b.label):
                score = jaccard(a.ash, b.ash) * box_iou(a.box, b.box)
                margin = min(margin, abs(score - threshold))
                linked[i][j] = score > threshold
    objects, free = [], set(range(len(single)))
    while free:
        members, frontier = set(), {min(free)}
        while frontier:
            members |= frontier
            frontier = {j for i in frontier for j in free if linked[i][j]} - members
        free -= members
        parts = [single[i] for i in sorted(members)]
        labels = [part.label for part in parts]
        mask = np.any([part.mask for part in parts], axis=0)
        objects.append(
            Object(
                min(set(labels), key=lambda label: (-labels.count(label), label)),
                [part.spikes[0] for part in parts],
                mask,
                box_of(mask),
                np.any([part.ash for part in parts], axis=0),
            )
        )
    return objects, margin


def tracks(
    windows: list[list[tuple[int, Box, Array]]], threshold: float, max_gap: int, max_distance: float | None
) -> list[list[tuple[int, int]]]:
    """Tracks as lists of (window, number in it) of instances (class, box, hash): always the best pair that is left."""

    def centre(box: Box) -> tuple[float, float]:
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

    made: list[list[tuple[int, int]]] = []
    for w, window in enumerate(windows):
        free, idle = set(range(len(window))), set(range(len(made)))
        while True:
            best = None
            for k in sorted(idle):
                last_w, last_i = made[k][-1]
                label, box, ash = windows[last_w][last_i]
                for i in sorted(free):
                    (x0, y0), (x1, y1) = centre(box), centre(window[i][1])
                    distance = float(np.hypot(x1 - x0, y1 - y0))
                    if w - last_w > max_gap + 1 or window[i][0] != label:
                        continue
                    if max_distance is not None and distance > max_distance * (w - last_w):
                        continue
                    score = jaccard(ash, window[i][2])
                    if score > threshold and (best is None or (-score, distance, k, i) < best):
                        best = (-score, distance, k, i)
            if best is None:
                break
            made[best[2]].append((w, best[3]))
            idle.remove(best[2])
            free.remove(best[3])
        made += [[(w, i)] for i in sorted(free)]
    return made
