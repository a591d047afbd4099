"""What users give to infer, as the samples that the core takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import _core
from .devices import Backend
from .errors import DTypeError, IndexOutOfRangeError, InvalidArgumentError, ShapeMismatchError
from .nodes import Input

Spikes = Any
"""Of one sample and input: indices and times, or what `Backend.spikes_of` makes of an array of spikes."""


def samples_of(inputs: Sequence[Input], given: Any, times: Any, backend: Backend) -> tuple[list[list[Spikes]], bool]:
    """Spikes [sample][input], and whether `given` is a batch."""
    if len(inputs) == 1 and times is None and isinstance(given, backend.spike_arrays):
        return [[backend.spikes_of(given)]], False
    if given is None and times is None and not inputs:
        given = {}  # neurons that fire by themselves
    if not isinstance(given, Mapping):
        if len(inputs) > 1:
            names = ", ".join(repr(one.name) for one in inputs)
            raise InvalidArgumentError(
                f"the network has {len(inputs)} inputs: {names}; give infer({{{inputs[0].name!r}: ..., ...}})"
            )
        samples, batch = _of_one_input(given, times, backend)
        return [[sample] for sample in samples], batch
    if times is not None:
        raise InvalidArgumentError("a mapping of inputs brings its own times; give {name: (indices, times)}")
    return _of_mapping(inputs, given, backend)


def _of_mapping(inputs: Sequence[Input], given: Mapping[Any, Any], backend: Backend) -> tuple[list[list[Spikes]], bool]:
    by_name: dict[str, tuple[list[Spikes], bool]] = {}
    for key, value in given.items():
        name = key.name if isinstance(key, Input) and any(key is one for one in inputs) else key
        if not any(name == one.name for one in inputs):
            known = ", ".join(repr(one.name) for one in inputs) or "none"
            raise IndexOutOfRangeError(f"the network has no input {name!r}; it has: {known}")
        if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], backend.spike_arrays):
            by_name[name] = _of_one_input(value[0], value[1], backend)
        else:
            by_name[name] = _of_one_input(value, None, backend)
    sizes = {name: len(samples) for name, (samples, batch) in by_name.items() if batch}
    if sizes and (len(sizes) < len(by_name) or len(set(sizes.values())) > 1):
        described = {name: sizes.get(name, "one sample") for name in by_name}
        raise ShapeMismatchError(f"all inputs need the same number of samples, got {described}")
    n_samples = next(iter(sizes.values())) if sizes else 1
    nothing = (backend.as_indices([]), backend.as_times([]))
    rows = [[by_name[one.name][0][s] if one.name in by_name else nothing for one in inputs] for s in range(n_samples)]
    return rows, bool(sizes)


def _of_one_input(given: Any, times: Any, backend: Backend) -> tuple[list[Spikes], bool]:
    if isinstance(given, backend.spike_arrays):
        if times is not None:
            raise InvalidArgumentError("a SpikeArray brings its own times; give infer(spikes) or infer(indices, times)")
        return [backend.spikes_of(given)], False
    if times is not None:
        return [_pair(given, times, backend)], False
    samples = []
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise DTypeError(
            "infer takes a SpikeArray, or indices and times, or a list of samples; got " + type(given).__name__
        )
    for k, sample in enumerate(given):
        if isinstance(sample, backend.spike_arrays):
            samples.append(backend.spikes_of(sample))
        elif isinstance(sample, (tuple, list)) and len(sample) == 2:
            samples.append(_pair(sample[0], sample[1], backend))
        else:
            raise DTypeError(
                f"sample {k} of the batch must be a SpikeArray or a pair (indices, times), got {sample!r}; "
                "for one sample give infer(indices, times)"
            )
    return samples, True


def _pair(indices: Any, times: Any, backend: Backend) -> tuple[Any, Any]:
    """Indices and times as the core takes them, in the order of time."""
    indices, times = backend.as_indices(indices), backend.as_times(times)
    on_host = isinstance(times, np.ndarray)
    falls = _core.falls(times) if on_host else (times[1:] < times[:-1]).any()
    if falls and len(indices) == len(times):
        order = times.argsort(kind="stable") if on_host else times.argsort()
        return indices[order], times[order]
    return indices, times
