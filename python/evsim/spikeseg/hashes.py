"""Active spike hashes: which features were active in the receptive field of a classification spike, and when."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .output import EncoderOutput, Shape

Ints = npt.NDArray[np.int64]


class Window(NamedTuple):
    """How the outputs of a stage see its input: output o sees o * stride - pad to o * stride - pad + kernel - 1."""

    kernel: int
    stride: int
    pad: int

    def outputs(self, low: Ints, high: Ints, size: int) -> tuple[Ints, Ints]:
        """First and last of `size` outputs that see any input from `low` to `high`; last < first: there is none."""
        first = np.maximum(-((self.kernel - 1 - self.pad - low) // self.stride), 0)
        last = np.minimum((high + self.pad) // self.stride, size - 1)
        return first, np.where(low > high, -1, last)


def hash_rows(shapes: dict[str, Shape]) -> int:
    """Number of rows of a hash: the maps of conv1, conv2 and conv3."""
    return shapes["conv1"][0] + shapes["conv2"][0] + shapes["conv3"][0]


def packed_hashes(
    output: EncoderOutput, kernel_sizes: tuple[int, int, int], sample: int, where: Ints
) -> npt.NDArray[np.uint8]:
    """Hashes of classification spikes as bits, shape (n, n_bytes) with a multiple of 8 bytes.

    Bit ``row * n_steps + step``, in the order of :func:`numpy.packbits`. `where` holds (step, class, y, x).
    """
    shapes, n_steps = output.shapes, output.n_steps
    n_bits = hash_rows(shapes) * n_steps
    packed = np.zeros((len(where), -(-n_bits // 64) * 8), np.uint8)
    windows = [Window(size, 1, size // 2) for size in kernel_sizes]
    pools = [Window(kernel, stride, 0) for kernel, stride in output._pooling]
    way = [(pools[1], "pool2"), (windows[2], "conv3")]
    before = 0
    for name, stages in (("conv1", [(pools[0], "pool1"), (windows[1], "conv2"), *way]), ("conv2", way)):
        channels, height, width = shapes[name]
        rows, columns = (np.arange(height), np.arange(height)), (np.arange(width), np.arange(width))
        for window, stage in stages:
            rows = window.outputs(*rows, shapes[stage][1])
            columns = window.outputs(*columns, shapes[stage][2])
        spikes = output._spikes[sample][name]
        _core.mark_active_features(spikes, shapes[name], rows, columns, where, before * n_steps, packed)
        before += channels
    bits = (before + where[:, 1]) * n_steps + where[:, 0]
    packed[np.arange(len(where)), bits >> 3] |= (128 >> (bits & 7)).astype(np.uint8)
    return packed


def unpack(packed: npt.NDArray[np.uint8], n_rows: int, n_steps: int) -> npt.NDArray[np.bool_]:
    """Hashes as a bool array (..., n_rows, n_steps)."""
    bits = np.unpackbits(packed, axis=-1, count=n_rows * n_steps)
    return bits.reshape(*packed.shape[:-1], n_rows, n_steps).astype(bool)


def count_bits(packed: npt.NDArray[np.uint8]) -> Ints:
    """Number of set bits along the last axis, whose length is a multiple of 8."""
    if hasattr(np, "bitwise_count"):
        counts: Ints = np.bitwise_count(packed.view(np.uint64)).sum(axis=-1, dtype=np.int64)
        return counts
    return count_bits_by_table(packed)


def count_bits_by_table(packed: npt.NDArray[np.uint8]) -> Ints:
    """What :func:`count_bits` does, for NumPy before 2.0."""
    counts: Ints = _TABLE[packed.view(np.uint16)].sum(axis=-1, dtype=np.int64)
    return counts


_TABLE = np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8)).reshape(-1, 16).sum(axis=1).astype(np.uint8)
