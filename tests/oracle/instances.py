"""Instances by plain loops over pixels, spikes and pairs, from the dense arrays an encoder and decoder offer."""

import numpy as np

from evsim.spikeseg import DecoderConfig, SpikeSEGDecoder


def seen_by(y, x, config, shapes):
    """Positions (y, x) of conv2 and of conv1 that position (y, x) of conv3 sees, by following every single link."""

    def inputs_of_conv(positions, kernel, shape):
        pad = kernel // 2
        return {
            (row - pad + i, column - pad + j)
            for row, column in positions
            for i in range(kernel)
            for j in range(kernel)
            if 0 <= row - pad + i < shape[1] and 0 <= column - pad + j < shape[2]
        }

    def inputs_of_pool(positions, kernel, stride):
        return {
            (row * stride + i, column * stride + j)
            for row, column in positions
            for i in range(kernel)
            for j in range(kernel)
        }

    pool2 = inputs_of_conv({(y, x)}, config.conv3.kernel_size, shapes["pool2"])
    conv2 = inputs_of_pool(pool2, config.pool2_kernel_size, config.pool2_stride)
    pool1 = inputs_of_conv(conv2, config.conv2.kernel_size, shapes["pool1"])
    return conv2, inputs_of_pool(pool1, config.pool1_kernel_size, config.pool1_stride)


def active_hash(spike, output, config, sample):
    """Hash of one classification spike, as a set of (row, step)."""
    step, class_id, y, x = spike
    conv2, conv1 = seen_by(y, x, config, output.shapes)
    hashed = set()
    row = 0
    for name, seen in (("conv1", conv1), ("conv2", conv2)):
        spikes = output.layer_spikes[name][:, sample]
        for t, feature, a, b in zip(*np.nonzero(spikes), strict=True):
            if (a, b) in seen and t <= step:
                hashed.add((row + int(feature), int(t)))
        row += spikes.shape[1]
    hashed.add((row + class_id, step))
    return hashed


def _maps(decoder):
    first, second, third = decoder.weights
    return len(third), len(second), len(first), first.shape[1]


def _kernels(decoder):
    return tuple(weight.shape[-1] for weight in decoder.weights)


def mask_of(spike, output, decoder, sample):
    """Pixels (y, x) of one classification spike."""
    step, class_id, y, x = spike
    indices = output.pooling_indices
    above_half = DecoderConfig(threshold=float(np.nextafter(decoder.weights[0].dtype.type(0.5), 1)))
    hulk = SpikeSEGDecoder(
        *_maps(decoder), kernel_sizes=_kernels(decoder), config=above_half, encoder_weights=decoder.weights
    )
    saliency = hulk.decode_single_spike(
        (x, y), class_id, output.n_samples, output.shapes["conv3"][1:], *indices, batch_index=sample, step=step
    )[sample]
    _, height, width = saliency.shape
    return {(a, b) for a in range(height) for b in range(width) if sum(float(v) for v in saliency[:, a, b]) > 0}


def box_of(mask):
    rows, columns = [y for y, _ in mask], [x for _, x in mask]
    return min(columns), min(rows), max(columns), max(rows)


def box_pixels(box):
    return {(y, x) for y in range(box[1], box[3] + 1) for x in range(box[0], box[2] + 1)}


def jaccard(a, b):
    return len(a & b) / len(a | b)


def score(hash_a, hash_b, box_a, box_b):
    return jaccard(hash_a, hash_b) * jaccard(box_pixels(box_a), box_pixels(box_b))


def groups(scores, kinds, threshold):
    """Sets of members that are linked, by walking from each that has not been reached."""
    n = len(kinds)
    found, reached = [], set()
    for start in range(n):
        if start in reached:
            continue
        members, frontier = {start}, [start]
        while frontier:
            a = frontier.pop()
            for b in range(n):
                if b not in members and kinds[a] == kinds[b] and scores[a][b] > threshold:
                    members.add(b)
                    frontier.append(b)
        reached |= members
        found.append(members)
    return found


def instances(output, decoder, config, sample, threshold, across_classes=False):
    """Of each instance: (spikes, pixels, box, hash) as sets and tuples, in order of the first spike."""
    spikes = [tuple(spike.tolist()) for spike in np.argwhere(output.classification_spikes[:, sample])]
    masks = [mask_of(spike, output, decoder, sample) for spike in spikes]
    kept = [k for k in range(len(spikes)) if masks[k]]
    spikes, masks = [spikes[k] for k in kept], [masks[k] for k in kept]
    hashes = [active_hash(spike, output, config, sample) for spike in spikes]
    boxes = [box_of(mask) for mask in masks]
    scores = [
        [score(a, b, box_a, box_b) for b, box_b in zip(hashes, boxes, strict=True)]
        for a, box_a in zip(hashes, boxes, strict=True)
    ]
    kinds = [0 if across_classes else spike[1] for spike in spikes]
    made = []
    for members in groups(scores, kinds, threshold):
        pixels = set().union(*(masks[k] for k in members))
        made.append(
            (
                {spikes[k] for k in members},
                pixels,
                box_of(pixels),
                set().union(*(hashes[k] for k in members)),
            )
        )
    return made
