"""Instances: classification spikes unravelled to pixels, and grouped to objects (HULK-SMASH)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_number
from ..errors import FileFormatError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError
from .decoder import SpikeSEGDecoder
from .grouping import Ints, box_iou, group
from .hashes import hash_rows, packed_hashes, unpack
from .output import EncoderOutput, Shape

_SPIKES = 1024
"""Spikes whose pixels are gathered at a time."""


@dataclass(frozen=True, eq=False)
class Instance:
    """One object: its class, its pixels and the classification spikes that belong to it.

    Attributes
    ----------
    class_id : int
        Map of conv3.
    shape : tuple of int
        (height, width) of the input.
    pixels : ndarray of int32, shape (n_pixels,)
        ``y * width + x`` of the object's pixels, in increasing order.
    box : tuple of int
        (x0, y0, x1, y1) of the pixels, both corners included.
    ash : ndarray of bool, shape (n_rows, n_steps)
        Active spike hash, see :func:`active_spike_hashes`; of several spikes all that are set in any.
    spikes : ndarray of int64, shape (n_spikes, 4)
        (step, class, y, x) of the classification spikes in conv3, in order of time.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import Instance
    >>> instance = Instance(0, (2, 3), np.array([1, 4, 5]), (1, 0, 2, 1), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> instance
    Instance(class 0, 3 pixels, box (1, 0, 2, 1), 1 spike)
    >>> instance.mask.astype(int)
    array([[0, 1, 0],
           [0, 1, 1]])
    """

    class_id: int
    shape: tuple[int, int]
    pixels: npt.NDArray[np.int32]
    box: tuple[int, int, int, int]
    ash: npt.NDArray[np.bool_]
    spikes: Ints

    @property
    def steps(self) -> Ints:
        """Step of each classification spike."""
        return self.spikes[:, 0]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Pixels as an array of shape (height, width)."""
        mask = np.zeros(self.shape, bool)
        mask.flat[self.pixels] = True
        return mask

    @property
    def centroid(self) -> tuple[float, float]:
        """Mean (x, y) of the pixels."""
        y, x = np.divmod(self.pixels, self.shape[1])
        return float(x.mean()), float(y.mean())

    def to_dict(self, arrays: bool = False) -> dict[str, Any]:
        """Contents under the names of the attributes, for a file.

        Parameters
        ----------
        arrays : bool
            False: numbers and lists, for JSON. True: arrays, for ``numpy.savez``.

        Examples
        --------
        >>> import json, numpy as np
        >>> from evsim.spikeseg import Instance
        >>> instance = Instance(0, (1, 2), np.array([1]), (1, 0, 1, 0), np.ones((1, 2), bool), np.zeros((1, 4), int))
        >>> Instance.from_dict(json.loads(json.dumps(instance.to_dict()))).box
        (1, 0, 1, 0)
        """
        values = {name: np.asarray(getattr(self, name)) for name in self.__dataclass_fields__}
        values["ash"] = values["ash"].astype(np.uint8)
        return values if arrays else {name: value.tolist() for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Instance:
        """Make an instance from what :meth:`to_dict` gave.

        Raises
        ------
        FileFormatError
            Something is missing or does not fit together.
        """
        try:
            height, width = (int(size) for size in values["shape"])
            x0, y0, x1, y1 = (int(corner) for corner in values["box"])
            pixels = np.array(values["pixels"], np.int32)
            ash = np.array(values["ash"], bool)
            spikes = np.array(values["spikes"], np.int64)
            class_id = int(values["class_id"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FileFormatError(f"these are not the contents of an instance: {error!r}") from None
        if pixels.ndim != 1 or not pixels.size or ash.ndim != 2 or spikes.ndim != 2 or spikes.shape[1] != 4:
            raise FileFormatError(
                f"pixels, ash and spikes of an instance have the shapes (n,), (rows, steps) and (n, 4), got "
                f"{pixels.shape}, {ash.shape} and {spikes.shape}"
            )
        if pixels.min() < 0 or pixels.max() >= height * width or np.any(np.diff(pixels) <= 0):
            raise FileFormatError(f"pixels must increase from 0 or more to at most {height * width - 1}")
        return cls(class_id, (height, width), pixels, (x0, y0, x1, y1), ash, spikes)

    def __repr__(self) -> str:
        n = len(self.spikes)
        return f"Instance(class {self.class_id}, {len(self.pixels)} pixels, box {self.box}, {n} spike{'s' * (n != 1)})"


def find_instances(
    output: EncoderOutput,
    decoder: SpikeSEGDecoder,
    sample: int = 0,
    threshold: float = 0.1,
    *,
    across_classes: bool = False,
) -> list[Instance]:
    """Group the classification spikes of a sample into objects.

    Each classification spike is unravelled alone (HULK): its mask are the pixels whose sum over the input channels is
    positive. Spikes whose SMASH score exceeds the threshold belong together, and so does what chains of such pairs
    link. An instance has the pixels of all of its spikes.

    Parameters
    ----------
    output : EncoderOutput
    decoder : SpikeSEGDecoder
        Of the encoder that made `output`.
    sample : int
    threshold : float
        Of the SMASH score, see :func:`smash_score`; 0 to 1.
    across_classes : bool
        Whether spikes of different classes may belong to one object, whose class is then that of most of its spikes,
        at a tie the lowest.

    Returns
    -------
    list of Instance
        In order of their first spikes. A spike that unravels to no pixel is left out.

    Raises
    ------
    IndexOutOfRangeError
        There is no such sample.
    ShapeMismatchError
        The decoder is of another network.
    InvalidArgumentError
        `threshold` is not from 0 to 1.

    Notes
    -----
    Kirkland et al., Unsupervised spiking instance segmentation on event data using STDP features, IEEE Transactions on
    Computers 71(11), 2022. Cost: the pixels of each spike, and for n spikes at most n (n - 1) / 2 comparisons of boxes;
    hashes are compared only where boxes overlap enough and the spikes are not linked yet.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEG, find_instances
    >>> layers = {"conv1": LayerConfig(2, 3, 3.0), "conv2": LayerConfig(3, 3, 5.0), "conv3": LayerConfig(1, 3, 8.0)}
    >>> model = SpikeSEG(EncoderConfig(**layers, use_wta=False), seed=1)
    >>> picture = np.zeros((1, 1, 40, 40))
    >>> picture[0, 0, 4:12, 4:12] = picture[0, 0, 24:36, 26:36] = 1
    >>> for instance in find_instances(model.encode(picture), model.decoder):
    ...     print(instance)
    Instance(class 0, 81 pixels, box (3, 3, 11, 11), 4 spikes)
    Instance(class 0, 143 pixels, box (25, 23, 35, 35), 9 spikes)
    """
    if not 0 <= as_number(threshold, "threshold") <= 1:
        raise InvalidArgumentError(f"threshold must be from 0 to 1, got {threshold}")
    where, pixels = _unravelled(output, decoder, sample)
    begin, flat, boxes, some = _masks(pixels, output.input_shape)
    where = where[some]
    hashes = packed_hashes(output, _kernel_sizes(decoder), sample, where)
    labels = group(boxes, hashes, where[:, 1], threshold, across_classes)

    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    if not starts.size:
        return []
    begin, flat = _reordered(begin, flat, order)
    ends = [*starts[1:].tolist(), len(order)]
    united = unpack(np.bitwise_or.reduceat(hashes[order], starts), hash_rows(output.shapes), output.n_steps)
    shape = (output.input_shape[1], output.input_shape[2])
    instances = []
    for ash, start, end in zip(united, starts.tolist(), ends, strict=True):
        members = order[start:end]
        x0, y0 = boxes[members, :2].min(axis=0).tolist()
        x1, y1 = boxes[members, 2:].max(axis=0).tolist()
        box = (x0, y0, x1, y1)
        class_id = int(np.bincount(where[members, 1]).argmax())
        union = _union(flat[begin[start] : begin[end]], box, shape[1])
        instances.append(Instance(class_id, shape, union, box, ash.copy(), where[members]))
    return instances


def active_spike_hashes(
    output: EncoderOutput, decoder: SpikeSEGDecoder, sample: int = 0
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Hash of every classification spike: which features were active in its receptive field, and in which steps.

    Parameters
    ----------
    output : EncoderOutput
    decoder : SpikeSEGDecoder
        Of the encoder that made `output`.
    sample : int

    Returns
    -------
    spikes : ndarray of int64, shape (n, 4)
        (step, class, y, x) of each spike in conv3, in order of time.
    hashes : ndarray of bool, shape (n, n_rows, n_steps)
        Rows are the maps of conv1, then those of conv2, then the classes. An entry of conv1 or conv2 is set if the map
        has a spike, in that step, within what the classification spike sees of it, padding left out, and not after it.
        Of the classes, the spike's own is set at its own step.

    Raises
    ------
    IndexOutOfRangeError
        There is no such sample.
    ShapeMismatchError
        The decoder is of another network.

    Notes
    -----
    Active spike hashing (Kirkland et al. 2022) with the features at their own steps. The cost is that of the spikes of
    conv1 and conv2, and of one map of conv3's size per feature and step.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import EncoderConfig, LayerConfig, SpikeSEG, active_spike_hashes
    >>> layers = {"conv1": LayerConfig(2, 3, 3.0), "conv2": LayerConfig(3, 3, 5.0), "conv3": LayerConfig(1, 3, 8.0)}
    >>> model = SpikeSEG(EncoderConfig(**layers, use_wta=False), seed=1)
    >>> spikes, hashes = active_spike_hashes(model.encode(np.ones((1, 1, 16, 16))), model.decoder)
    >>> hashes[0, :, 0].astype(int)
    array([1, 1, 1, 1, 1, 1])
    """
    where, _ = _unravelled(output, decoder, sample, with_pixels=False)
    packed = packed_hashes(output, _kernel_sizes(decoder), sample, where)
    return where, unpack(packed, hash_rows(output.shapes), output.n_steps)


def hash_similarity(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Jaccard index of two hashes: entries set in both, over entries set in either (Jaccard 1912).

    Parameters
    ----------
    first, second : array_like of bool, shape (n_rows, n_steps)

    Returns
    -------
    float
        0 to 1; 0 if nothing is set.

    Raises
    ------
    ShapeMismatchError
        The hashes differ in shape.

    Examples
    --------
    >>> from evsim.spikeseg import hash_similarity
    >>> hash_similarity([[1, 1, 0]], [[0, 1, 1]])
    0.3333333333333333
    """
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    if a.shape != b.shape:
        raise ShapeMismatchError(f"hashes of one network and number of steps have one shape, got {a.shape}, {b.shape}")
    either = int(np.count_nonzero(a | b))
    return int(np.count_nonzero(a & b)) / either if either else 0.0


def smash_score(first: Instance, second: Instance) -> float:
    """Similarity of two instances: Jaccard index of their hashes, times the IoU of their boxes.

    Kirkland et al. 2022; see :func:`hash_similarity` and :func:`box_iou`.

    Parameters
    ----------
    first, second : Instance

    Returns
    -------
    float
        0 to 1.

    Raises
    ------
    ShapeMismatchError
        The hashes differ in shape.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spikeseg import Instance, smash_score
    >>> one = Instance(0, (1, 2), np.array([0, 1]), (0, 0, 1, 0), np.array([[True, True]]), np.zeros((1, 4), int))
    >>> other = Instance(0, (1, 2), np.array([1]), (1, 0, 1, 0), np.array([[True, False]]), np.zeros((1, 4), int))
    >>> smash_score(one, other)
    0.25
    """
    return hash_similarity(first.ash, second.ash) * float(box_iou(first.box, second.box))


def _kernel_sizes(decoder: SpikeSEGDecoder) -> tuple[int, int, int]:
    first, second, third = (weight.shape[2] for weight in decoder.weights)
    return first, second, third


def _unravelled(
    output: EncoderOutput, decoder: SpikeSEGDecoder, sample: int, with_pixels: bool = True
) -> tuple[Ints, list[_core.StepSpikes]]:
    if not 0 <= sample < output.n_samples:
        raise IndexOutOfRangeError(f"there is no sample {sample}; there are {output.n_samples}")
    counts = [output.input_shape[0], *(output.shapes[name][0] for name in ("conv1", "conv2", "conv3"))]
    expected = [decoder.weights[0].shape[1], *(len(weight) for weight in decoder.weights)]
    if counts != expected:
        raise ShapeMismatchError(f"the output has {counts} channels from input to conv3, the decoder {expected}")
    if with_pixels:
        return decoder.unravel(output, sample)
    spikes = output.spikes("conv3", sample)
    places = np.unravel_index(spikes.indices, output.shapes["conv3"])
    return np.stack([spikes.times.astype(np.int64), *places], axis=1).astype(np.int64), []


def _masks(pixels: Sequence[_core.StepSpikes], shape: Shape) -> tuple[Ints, npt.NDArray[np.int32], Ints, Ints]:
    """Masks of the spikes that have pixels: where each begins, all pixels, boxes, and which spikes these are."""
    parts = [_block_of_masks(pixels[k : k + _SPIKES], shape) for k in range(0, len(pixels), _SPIKES)]
    counts = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    flat = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
    some = np.flatnonzero(counts)
    begin = np.concatenate([[0], np.cumsum(counts[some])])
    if not some.size:
        return begin, flat, np.zeros((0, 4), np.int64), some
    y, x = np.divmod(flat, shape[2])
    corners = [edge.reduceat(values, begin[:-1]) for edge in (np.minimum, np.maximum) for values in (x, y)]
    return begin, flat, np.stack(corners, axis=1).astype(np.int64), some


def _block_of_masks(pixels: Sequence[_core.StepSpikes], shape: Shape) -> tuple[Ints, npt.NDArray[np.int32]]:
    """Number of pixels of each spike's mask, and all pixels; values are summed within each spike's bounding box."""
    lengths = np.array([len(spikes) for spikes in pixels])
    indices = np.concatenate([spikes.indices for spikes in pixels])
    values = np.concatenate([spikes.values for spikes in pixels])
    place = indices.astype(np.int64) % (shape[1] * shape[2])
    counts = np.zeros(len(pixels), np.int64)
    if not place.size:
        return counts, np.zeros(0, np.int32)
    some = np.flatnonzero(lengths)
    lengths = lengths[some]
    begin = np.cumsum(lengths) - lengths
    y, x = np.divmod(place, shape[2])
    top, left = np.minimum.reduceat(y, begin), np.minimum.reduceat(x, begin)
    widths = np.maximum.reduceat(x, begin) - left + 1
    areas = (np.maximum.reduceat(y, begin) - top + 1) * widths
    base = np.cumsum(areas) - areas
    spike = np.repeat(np.arange(len(some)), lengths)
    cell = base[spike] + (y - top[spike]) * widths[spike] + x - left[spike]
    lit = np.flatnonzero(np.bincount(cell, weights=values) > 0)
    owner = np.searchsorted(base, lit, side="right") - 1
    rows, columns = np.divmod(lit - base[owner], widths[owner])
    counts[some] = np.bincount(owner, minlength=len(some))
    return counts, ((rows + top[owner]) * shape[2] + columns + left[owner]).astype(np.int32)


def _reordered(begin: Ints, flat: npt.NDArray[np.int32], order: Ints) -> tuple[Ints, npt.NDArray[np.int32]]:
    lengths = np.diff(begin)[order]
    after = np.concatenate([[0], np.cumsum(lengths)])
    return after, flat[np.repeat(begin[order] - after[:-1], lengths) + np.arange(after[-1])]


def _union(pixels: npt.NDArray[np.int32], box: tuple[int, int, int, int], width: int) -> npt.NDArray[np.int32]:
    """Each pixel once, in increasing order."""
    x0, y0, x1, y1 = box
    lit = np.zeros((y1 - y0 + 1, x1 - x0 + 1), bool)
    y, x = np.divmod(pixels, width)
    lit[y - y0, x - x0] = True
    rows, columns = np.nonzero(lit)
    union: npt.NDArray[np.int32] = ((rows + y0) * width + columns + x0).astype(np.int32)
    return union
