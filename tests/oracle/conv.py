"""Convolutions as what they are: a matrix from every input to every neuron, filled by plain loops; and pooling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Of a convolution. Pairs are (rows, columns)."""

    in_shape: tuple[int, int, int]
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    transposed: bool = False
    output_padding: tuple[int, int] = (0, 0)

    @property
    def out_shape(self) -> tuple[int, int, int]:
        sizes = []
        for k in (0, 1):
            size, reach = self.in_shape[1 + k], self.dilation[k] * (self.kernel[k] - 1) + 1
            if self.transposed:
                sizes.append((size - 1) * self.stride[k] - 2 * self.padding[k] + reach + self.output_padding[k])
            else:
                sizes.append(len(range(0, size + 2 * self.padding[k] - reach + 1, self.stride[k])))
        return self.out_channels, sizes[0], sizes[1]

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        inputs, outputs = self.in_shape[0], self.out_channels
        if self.transposed:
            return inputs, outputs // self.groups, *self.kernel
        return outputs, inputs // self.groups, *self.kernel

    def matrix(self, weights: Any) -> tuple[Any, Any]:
        """Weights of shape (n_neurons, n_inputs), and whether an input reaches a neuron at all."""
        (inputs, height, width), (outputs, out_height, out_width) = self.in_shape, self.out_shape
        matrix = np.zeros((outputs, out_height, out_width, inputs, height, width))
        reached = np.zeros(matrix.shape, bool)
        # y and x are those of the side that the kernel slides over, Y and X those of the positions it takes.
        for o in range(outputs):
            for c in range(inputs):
                if o // (outputs // self.groups) != c // (inputs // self.groups):
                    continue
                for position_y in range(height if self.transposed else out_height):
                    for position_x in range(width if self.transposed else out_width):
                        for ky in range(self.kernel[0]):
                            for kx in range(self.kernel[1]):
                                y = position_y * self.stride[0] + ky * self.dilation[0] - self.padding[0]
                                x = position_x * self.stride[1] + kx * self.dilation[1] - self.padding[1]
                                if self.transposed:
                                    if 0 <= y < out_height and 0 <= x < out_width:
                                        place = o, y, x, c, position_y, position_x
                                        matrix[place] += weights[c, o % (outputs // self.groups), ky, kx]
                                        reached[place] = True
                                elif 0 <= y < height and 0 <= x < width:
                                    place = o, position_y, position_x, c, y, x
                                    matrix[place] += weights[o, c % (inputs // self.groups), ky, kx]
                                    reached[place] = True
        shape = outputs * out_height * out_width, inputs * height * width
        return matrix.reshape(shape), reached.reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Window:
    """Of pooling."""

    in_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)

    @property
    def cells(self) -> list[tuple[int, list[int]]]:
        """(cell, indices of its inputs in order) for all cells."""
        channels, height, width = self.in_shape
        tops = range(-self.padding[0], height + self.padding[0] - self.kernel[0] + 1, self.stride[0])
        lefts = range(-self.padding[1], width + self.padding[1] - self.kernel[1] + 1, self.stride[1])
        windows = []
        for c in range(channels):
            for top in tops:
                for left in lefts:
                    inside = [
                        (c * height + y) * width + x
                        for y in range(max(top, 0), min(top + self.kernel[0], height))
                        for x in range(max(left, 0), min(left + self.kernel[1], width))
                    ]
                    windows.append(inside)
        return list(enumerate(windows))


def pooled(
    window: Window, indices: Sequence[int], times: Sequence[float], *, first: bool
) -> list[tuple[float, int, int]]:
    """(time, cell, cause) of every pooled spike, in order: for each cell all that arrives in its window."""
    out = []
    for cell, inside in window.cells:
        arriving: dict[float, list[int]] = {}
        for index, time in zip(indices, times, strict=True):
            if index in inside:
                arriving.setdefault(float(time), []).append(int(index))
        spikes = [(time, cell, min(causes)) for time, causes in sorted(arriving.items())]
        out += spikes[:1] if first else spikes
    return sorted(set(out))


def unpooled(
    pool: Iterable[tuple[float, int, int]], indices: Sequence[int], times: Sequence[float]
) -> list[tuple[float, int]]:
    """(time, input) of every spike that finds its way back; cells that name one input at one time give one."""
    spikes = list(pool)
    out = []
    for cell, time in zip(indices, times, strict=True):
        before = [(t, cause) for t, c, cause in spikes if c == cell and t <= time]
        if before:
            out.append((float(time), max(before)[1]))
    return sorted(out)
