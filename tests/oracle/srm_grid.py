"""SLAYER's spike response layer as its page and papers define it: whole arrays over all bins, bin after bin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def kernel(tau: float, height: float, step: float, cutoff: float, n_bins: int) -> list[float]:
    """An alpha kernel, sampled until it has come too close to 0 after its peak; no longer than the sample."""
    taps: list[float] = []
    for j in range(n_bins):
        t = j * step
        value = height * t / tau * math.exp(1 - t / tau)
        if abs(value) < cutoff and t > tau:
            break
        taps.append(value)
    return taps


def slayer_layer(
    weights: Any,
    counts: Any,
    *,
    step: float,
    tau_syn: float,
    tau_refractory: float,
    threshold: Any,
    scale: Any,
    refractory_cutoff: float = 0.01,
) -> tuple[Any, Any]:
    """(spikes, potentials), each (neurons, bins), of input counts (inputs, bins)."""
    n_bins = counts.shape[1]
    eps = kernel(tau_syn, 1.0, step, 0.01, n_bins)
    u = np.array([np.convolve(row, eps)[:n_bins] for row in weights @ counts])
    spikes = np.zeros(u.shape, bool)
    for n, row in enumerate(u):
        nu = kernel(tau_refractory, -scale[n] * threshold[n], step, refractory_cutoff, n_bins)
        for t in range(n_bins):
            if row[t] >= threshold[n]:
                spikes[n, t] = True
                reach = min(len(nu), n_bins - t)
                row[t : t + reach] += nu[:reach]
    return spikes, u


__all__ = ["kernel", "slayer_layer"]
