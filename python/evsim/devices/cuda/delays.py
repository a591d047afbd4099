"""Spikes on their way: those of a batch, when they arrive, and which of them within a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InvalidArgumentError, NonFiniteError
from .samples import Batch, batch_of, number


def no_spikes(xp: Any, n_samples: int) -> Batch:
    """Return a batch of samples without spikes."""
    return Batch(xp.empty(0, np.int32), xp.empty(0), np.zeros(n_samples + 1, np.int64))


def arrivals(
    xp: Any, waiting: Batch, sent: Batch, delays: npt.NDArray[np.float64], until: float
) -> tuple[Batch, Batch]:
    """Return what arrives up to and including `until`, and what is on its way then.

    Both are in the order in which the core has them: by time, and of those that arrive together by index.
    """
    if not len(waiting.times) and not np.any(delays):
        return sent, waiting
    by_input = xp.asarray(delays)
    lag = by_input[sent.indices] if len(delays) > 1 else by_input[0]
    samples = xp.concatenate([waiting.sample_numbers(xp), sent.sample_numbers(xp)])
    indices = xp.concatenate([waiting.indices, sent.indices])
    times = xp.concatenate([waiting.times, sent.times + lag])
    if not bool(xp.isfinite(times).all()):
        raise NonFiniteError("a spike would arrive at inf; its time and its delay are too large together")
    order = xp.lexsort(xp.stack([indices.astype(np.float64), times, samples.astype(np.float64)]))
    samples, indices, times = samples[order], indices[order], times[order]
    late = times > until
    now, later = (_batch(xp, samples[part], indices[part], times[part], sent.n_samples) for part in (~late, late))
    return now, later


def pack(xp: Any, in_flight: Batch, s: int) -> dict[str, Any]:
    """Return what is on its way in one sample, as ``_core.Network.snapshot`` does."""
    indices, times = (xp.asnumpy(values) for values in in_flight.sample(s))
    if not len(times):
        return {}
    projections = np.zeros(len(times), np.int32)  # a layer has one
    return {"in_flight_projections": projections, "in_flight_indices": indices, "in_flight_times": times}


def unpack(xp: Any, packed: Sequence[dict[str, Any]], n_inputs: int, time: float | None) -> Batch:
    """Return what was on its way at `time`, one mapping per sample.

    Raises as the checks of input spikes do, and InvalidArgumentError for arrivals before `time`.
    """
    nothing = np.empty(0)
    samples = [
        (
            np.asarray(one.get("in_flight_indices", nothing), np.int32),
            np.asarray(one.get("in_flight_times", nothing), np.float64),
        )
        for one in packed
    ]
    for _, times in samples:
        if time is not None and len(times) and times[0] < time:
            raise InvalidArgumentError(
                f"a spike on its way would arrive at {number(times[0])}, before the time of the network, {number(time)}"
            )
    return batch_of(xp, samples, n_inputs)


def _batch(xp: Any, samples: Any, indices: Any, times: Any, n_samples: int) -> Batch:
    offsets = xp.asnumpy(xp.searchsorted(samples, xp.arange(n_samples + 1))).astype(np.int64)
    return Batch(indices, times, offsets)
