"""Spikes of leaky integrate-and-fire neurons that constant currents drive, in closed form."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_positive
from ..errors import InvalidArgumentError
from ..spikes import SpikeArray
from .samples import Floats, Samples, Shape, as_duration, as_samples, require_room


def constant_current_lif(
    currents: npt.ArrayLike,
    *,
    until: float,
    tau_mem: float | npt.ArrayLike,
    threshold: float | npt.ArrayLike = 1.0,
    v_rest: float | npt.ArrayLike = 0.0,
    reset: Literal["subtract"] | float | npt.ArrayLike = "subtract",
    v_init: float | npt.ArrayLike | None = None,
    refractory: float = 0.0,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    r"""Spike trains of LIF neurons, each driven by one value as a constant current.

    .. math:: \tau_m \dot V = V_{rest} - V + x, \qquad V \ge \theta: \text{spike}, V \leftarrow V_{reset}

    Parameters
    ----------
    currents : array_like, shape (n_values,), (n, height, width) or (n, c, height, width)
        The currents x, in units of the potential; one sample or a batch, as for :func:`latency`.
    until : float
        End of the trains, in the network's time unit; > 0. Spikes before `until` are returned.
    tau_mem : float or array
        Membrane time constant, > 0. This and the following take one number, or one per value of a sample.
    threshold, v_rest : float or array
        A neuron fires where ``v_rest + x`` lies above the threshold, and is silent otherwise.
    reset : "subtract" or float or array
        Potential after a spike, below the threshold. "subtract", as in :class:`evsim.LIF`, ends at `v_rest`, because
        a neuron fires when its potential is exactly the threshold.
    v_init : float or array, optional
        Potential at time 0, below the threshold; `v_rest` by default.
    refractory : float
        For this long after a spike the potential is held at reset; >= 0, one number.
    shape : tuple of int, optional
        Shape of one sample, as for :func:`latency`.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        Sorted by time, at one time by index. ``shape`` is that of a sample, unless it is flat.

    Raises
    ------
    ShapeMismatchError
        `currents` do not have `shape`, without it have two dimensions, none, or more than four, or parameters per
        value are not as many as the values.
    DTypeError, NonFiniteError
        What should be numbers is not, or not finite.
    InvalidArgumentError
        A parameter outside its domain.
    MemoryLimitError
        More than 2**27 spikes.

    Notes
    -----
    Towards :math:`V_\infty = V_{rest} + x` the potential takes :math:`\tau_m \ln\frac{V_\infty - V_0}{V_\infty -
    \theta}` from :math:`V_0` to the threshold (Lapicque 1907; Gerstner et al. 2014, *Neuronal Dynamics*, section 1.3),
    so spike k comes at that time from `v_init`, plus k times (that time from reset, plus `refractory`): no step, no
    error that grows with time. O(n log n) in the number of spikes.

    With ``v_init=0``, Norse's ``ConstantCurrentLIFEncoder`` tends to this as its steps get shorter.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.constant_current_lif([0.9, 2.0, 3.0], until=20.0, tau_mem=10.0)
    >>> spikes.indices
    array([2, 1, 2, 2, 1, 2], dtype=int32)
    >>> spikes.times.round(4)
    array([ 4.0547,  6.9315,  8.1093, 12.164 , 13.8629, 16.2186])
    """
    read = as_samples(currents, "currents", shape)
    end, pause = as_positive(until, "until"), as_duration(refractory, "refractory")
    first, period = _rhythm(read, tau_mem, threshold, v_rest, reset, v_init, pause)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        expected = np.where(first < end, (end - first) / period, -1.0)
        n_spikes = float(np.sum(expected + 1.0))
    require_room(n_spikes, "choose an earlier until=, smaller currents or a refractory period")
    counts = np.floor(expected).astype(np.int64) + 2  # one more than rounding can have lost
    counts[expected < 0] = 0
    samples, values = np.nonzero(counts)
    repeats = counts[samples, values]
    spike = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    samples, values = np.repeat(samples, repeats), np.repeat(values, repeats)
    times = first[samples, values] + spike * period[samples, values]
    inside = times < end
    return read.spikes(samples[inside], values[inside], times[inside])


def spike_latency_lif(
    currents: npt.ArrayLike,
    *,
    tau_mem: float | npt.ArrayLike,
    threshold: float | npt.ArrayLike = 1.0,
    v_rest: float | npt.ArrayLike = 0.0,
    v_init: float | npt.ArrayLike | None = None,
    until: float | None = None,
    shape: Shape | None = None,
) -> SpikeArray | list[SpikeArray]:
    """First spikes of LIF neurons, each driven by one value as a constant current: the larger, the earlier.

    Parameters
    ----------
    currents, tau_mem, threshold, v_rest, v_init, shape
        As for :func:`constant_current_lif`, whose first spikes these are.
    until : float, optional
        Later spikes are left out; by default none is.

    Returns
    -------
    SpikeArray, or list of n SpikeArray for a batch
        At most one spike of each value, sorted by time, at one time by index.

    Raises
    ------
    ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError
        As for :func:`constant_current_lif`.

    Notes
    -----
    With ``v_init=0``, Norse's ``SpikeLatencyLIFEncoder`` tends to this as its steps get shorter.

    Examples
    --------
    >>> import evsim
    >>> spikes = evsim.encoders.spike_latency_lif([0.9, 2.0, 3.0], tau_mem=10.0)
    >>> spikes.indices, spikes.times.round(4)
    (array([2, 1], dtype=int32), array([4.0547, 6.9315]))
    """
    read = as_samples(currents, "currents", shape)
    end = np.inf if until is None else as_positive(until, "until")
    first, _ = _rhythm(read, tau_mem, threshold, v_rest, "subtract", v_init, 0.0)
    samples, values = np.nonzero(first < end)
    return read.spikes(samples, values, first[samples, values])


def _rhythm(
    read: Samples,
    tau_mem: float | npt.ArrayLike,
    threshold: float | npt.ArrayLike,
    v_rest: float | npt.ArrayLike,
    reset: str | float | npt.ArrayLike,
    v_init: float | npt.ArrayLike | None,
    refractory: float,
) -> tuple[Floats, Floats]:
    """Time of the first spike and from each to the next, of the shape of the values; infinite where there is none."""
    tau, theta, rest = (
        read.parameter(value, name)
        for value, name in ((tau_mem, "tau_mem"), (threshold, "threshold"), (v_rest, "v_rest"))
    )
    if not np.all(tau > 0):
        raise InvalidArgumentError(f"tau_mem must be positive, got {tau_mem!r}")
    if isinstance(reset, str) and reset != "subtract":
        raise InvalidArgumentError(f"reset must be 'subtract' or a value, got {reset!r}")
    after = rest if isinstance(reset, str) else read.parameter(reset, "reset")
    before = rest if v_init is None else read.parameter(v_init, "v_init")
    with np.errstate(over="ignore"):
        to_rise = {"v_init" if v_init is not None else "v_rest": theta - before, "reset": theta - after}
        drive = read.values - (theta - rest)  # V_inf - threshold
    for name, rise in to_rise.items():
        if not np.all((rise > 0) & (rise < np.inf)):
            raise InvalidArgumentError(
                f"threshold must lie above {name}, by a finite number; got threshold {threshold!r} and a distance of "
                f"{rise.min():g}"
            )
    driven = drive > 0
    slope = np.where(driven, drive, 1.0)
    with np.errstate(over="ignore"):
        # log1p(rise / drive) = log((V_inf - V_0) / (V_inf - threshold)), and keeps its digits where the drive is large.
        first, period = (np.where(driven, tau * np.log1p(rise / slope), np.inf) for rise in to_rise.values())
    return first, np.where(driven, period + refractory, np.inf)
