"""Whether layers fire: too little to be heard, or too much to say anything."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from .._lib.modules import only_public
from ..errors import ActivityWarning, DTypeError, InvalidArgumentError, ShapeMismatchError, UnsupportedError
from ..network import SpikingNetwork
from ..neurons.systems import linear_system
from ..nodes import Population
from ..spikes import SpikeArray

__all__ = ["Activity", "check_activity", "tune_activity"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 256
"""Samples of a run: spikes of more need not be in memory at a time."""


@dataclass(frozen=True, eq=False)
class Activity:
    """How much a layer fires. Made by :func:`check_activity`.

    Attributes
    ----------
    spikes : ndarray of float64, shape (n_neurons,)
        Of each neuron, its number of spikes in a sample, on average.
    silent, saturated : float
        Fractions of neurons: those that fire in no sample, and those that fire too much.
    """

    spikes: Floats
    silent: float
    saturated: float

    def __repr__(self) -> str:
        return (
            f"Activity({self.spikes.mean():.3g} spikes per neuron, {100 * self.silent:.0f} % silent, "
            f"{100 * self.saturated:.0f} % saturated)"
        )


def check_activity(
    net: SpikingNetwork,
    samples: Sequence[Any],
    *,
    until: float,
    most: float | None = None,
    tolerated: float = 0.75,
) -> dict[str, Activity]:
    """Run a network and say how much its layers fire, with a warning for those that are silent or saturated.

    Parameters
    ----------
    net : SpikingNetwork
        Of any neurons; readouts, which never fire, and pooling are left out.
    samples : sequence
        As :meth:`SpikingNetwork.infer` takes a batch of networks with one input.
    until : float
        End of the run of every sample, which begins at 0.
    most : float, optional
        More spikes than that per sample are too many for a neuron. By default as many as its shortest time constant
        fits into the run: potentials then follow the rate of their input, and single spikes say nothing. Neurons that
        are not linear have no default and never count as saturated.
    tolerated : float
        A fraction, between 0 and 1; more neurons than that in silence, or saturated, are worth a warning.

    Returns
    -------
    dict of str to Activity
        By the name of the layer, in the order of the network.

    Warns
    -----
    ActivityWarning
        For every layer that is silent or saturated, with what to change.

    Raises
    ------
    ShapeMismatchError, InvalidArgumentError, NonFiniteError, DTypeError
        There are no samples; an option outside its domain.

    Examples
    --------
    >>> import numpy as np
    >>> import evsim
    >>> from evsim.initializers import FluctuationInitializer
    >>> from evsim.learning import check_activity
    >>> rng, neuron = np.random.default_rng(1), evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> samples = [evsim.SpikeArray(rng.permutation(100), np.sort(rng.uniform(0.0, 20.0, 100))) for _ in range(50)]
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> first = FluctuationInitializer(neuron, rate=1 / 20)
    >>> layer = net.add_layer(evsim.Dense(100, 200, first), neuron, name="hidden")
    >>> second = FluctuationInitializer(neuron, first.output_rate)
    >>> layer = net.add_layer(evsim.Dense(200, 10, second), neuron, name="out")
    >>> check_activity(net, samples, until=50.0)["hidden"]
    Activity(0.0... spikes per neuron, 6... % silent, 0 % saturated)
    """
    if not 0.0 < as_number(until, "until") < math.inf:
        raise InvalidArgumentError(f"until must be above 0 and finite, got {until}")
    if not 0.0 <= as_number(tolerated, "tolerated") <= 1.0:
        raise InvalidArgumentError(f"tolerated must be between 0 and 1, got {tolerated}")
    if most is not None and not as_number(most, "most") > 0.0:
        raise InvalidArgumentError(f"most must be above 0, got {most}")
    layers = [one for one in net.populations if one.neuron is not None and one.neuron.spikes]
    rates = _spikes(net, samples, layers, until)
    found = {}
    for layer in layers:
        spikes = rates[layer.name]
        limit = _limit(layer, until) if most is None else most
        found[layer.name] = Activity(spikes, float(np.mean(spikes == 0.0)), float(np.mean(spikes > limit)))
    for layer in layers:
        for problem in _problems(layer, found, net, until, tolerated):
            warnings.warn(ActivityWarning(problem), stacklevel=2)
    return found


def tune_activity(
    net: SpikingNetwork, samples: Sequence[Any], *, until: float, spikes: float = 1.0, tolerance: float = 0.1
) -> dict[str, float]:
    """Scale the weights into each layer, from the first to the last, until it fires as much as is wanted.

    Parameters
    ----------
    net : SpikingNetwork
        Its weights are changed. Layers whose weights do not learn, readouts and pooling stay as they are.
    samples : sequence
        As :meth:`SpikingNetwork.infer` takes a batch of networks with one input.
    until : float
        End of the run of every sample, which begins at 0.
    spikes : float
        How many a neuron is to fire in a sample, on average over the layer.
    tolerance : float
        How far it may be from that, as a fraction; within (0, 1).

    Returns
    -------
    dict of str to float
        By layer, what its weights were multiplied by. A layer that fires too little, or too much, with weights a
        thousand times as large, or as small, gets those that came closest.

    Raises
    ------
    ShapeMismatchError, InvalidArgumentError, NonFiniteError, DTypeError
        There are no samples; an option outside its domain.

    Notes
    -----
    Layer by layer as in Mishkin & Matas 2016, "All you need is a good init", algorithm 1, with numbers of spikes in
    place of variances, by bisection. Costs up to 20 runs for each layer. Where projections lead back, the layers before
    change again: call it twice, and look at :func:`check_activity`.

    Examples
    --------
    >>> import numpy as np
    >>> import evsim
    >>> from evsim.initializers import NormalInitializer
    >>> from evsim.learning import check_activity, tune_activity
    >>> rng, neuron = np.random.default_rng(1), evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> samples = [evsim.SpikeArray(rng.permutation(100), np.sort(rng.uniform(0.0, 20.0, 100))) for _ in range(50)]
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> layer = net.add_layer(evsim.Dense(100, 200, NormalInitializer(0.0, 0.1)), neuron, name="hidden")
    >>> factor = tune_activity(net, samples, until=50.0, spikes=1.0)["hidden"]
    >>> round(check_activity(net, samples, until=50.0)["hidden"].spikes.mean())
    1
    """
    wanted = as_number(spikes, "spikes")
    if not 0.0 < wanted < math.inf:
        raise InvalidArgumentError(f"spikes must be above 0 and finite, got {spikes}")
    if not 0.0 < as_number(tolerance, "tolerance") < 1.0:
        raise InvalidArgumentError(f"tolerance must be between 0 and 1, got {tolerance}")
    factors = {}
    for layer in net.populations:
        into = [one for one in net.projections if one.target is layer and one.connection.learnable]
        if into and layer.neuron is not None and layer.neuron.spikes:
            weights = [np.array(one.weights) for one in into]

            def fires(log_factor: float, into: Any = into, weights: Any = weights, layer: Any = layer) -> float:
                for one, values in zip(into, weights, strict=True):
                    one.weights = values * values.dtype.type(math.exp(log_factor))
                return float(_spikes(net, samples, [layer], until)[layer.name].mean())

            try:
                factors[layer.name] = math.exp(_bisected(fires, wanted, tolerance))
            except BaseException:  # also when interrupted: no layer is left with a factor that was only tried
                for one, values in zip(into, weights, strict=True):
                    one.weights = values
                raise
    return factors


def _bisected(fires: Callable[[float], float], wanted: float, tolerance: float) -> float:
    """Where a function that rises comes to what is wanted; it is called with the result last."""
    low, high, x = -math.log(1000.0), math.log(1000.0), 0.0
    tried: list[tuple[float, float]] = []
    for _ in range(20):
        found = fires(x)
        tried.append((abs(found - wanted), x))
        if tried[-1][0] <= tolerance * wanted:
            return x
        low, high = (x, high) if found < wanted else (low, x)
        x = 0.5 * (low + high)
    best = min(tried)[1]
    fires(best)
    return best


def _spikes(net: SpikingNetwork, samples: Sequence[Any], layers: list[Population], until: float) -> dict[str, Floats]:
    """Numbers of spikes of each neuron in a sample, on average."""
    if isinstance(samples, (Mapping, SpikeArray)) or not hasattr(samples, "__getitem__"):
        raise DTypeError(f"samples must be a sequence of them, got {type(samples).__name__}")
    if len(samples) == 0:
        raise ShapeMismatchError("there must be at least one sample")
    totals = {layer.name: np.zeros(layer.n_neurons) for layer in layers}
    for k in range(0, len(samples), _AT_ONCE):
        found = net.infer(list(samples[k : k + _AT_ONCE]), outputs=layers, until=until)
        for name, total in totals.items():
            for train in found[name]:
                total += np.bincount(train.indices, minlength=len(total))
    return {name: total / len(samples) for name, total in totals.items()}


def _limit(layer: Population, until: float) -> Floats:
    """How many of its shortest time constants fit into the run, for each neuron or for all; infinity if unknown."""
    try:
        flow = linear_system(layer.neuron).flow if layer.neuron is not None else np.zeros((1, 1, 1))
    except UnsupportedError:
        flow = np.zeros((1, 1, 1))
    rates = np.abs(np.linalg.eigvals(flow)).max(axis=1)
    limits = np.where(rates > 0.0, until * rates, math.inf)
    return limits if len(limits) == 1 else np.repeat(limits, layer.n_neurons // len(limits))


def _problems(
    layer: Population, found: dict[str, Activity], net: SpikingNetwork, until: float, tolerated: float
) -> Iterator[str]:
    """What is wrong with a layer, and what to change."""
    mine = found[layer.name]
    sources = [one.source.name for one in net.projections if one.target is layer and one.source is not layer]
    measured = [found[name].spikes.mean() / until for name in sources if name in found]
    rate = f"{np.mean(measured):.3g}" if measured and np.mean(measured) > 0.0 else "..."
    means = f"FluctuationInitializer(neuron, rate={rate}) draws such, tune_activity scales those that there are"
    if mine.silent > tolerated:
        told = f"layer {layer.name!r} is silent: {100 * mine.silent:.0f} % of its neurons fire in no sample"
        dead = [name for name in sources if name in found and found[name].silent > tolerated]
        if dead:
            yield f"{told}, as does its source {dead[0]!r}: begin with that"
        else:
            yield f"{told}; it needs larger weights: {means}"
    if mine.saturated > tolerated:
        told = f"layer {layer.name!r} is saturated: {100 * mine.saturated:.0f} % of its neurons fire too often"
        full = [name for name in sources if name in found and found[name].saturated > tolerated]
        if full:
            yield f"{told}, as do those of its source {full[0]!r}: begin with that"
        else:
            yield f"{told}, {mine.spikes.mean():.3g} times a sample on average; it needs smaller weights: {means}"


__dir__ = only_public(__all__)
