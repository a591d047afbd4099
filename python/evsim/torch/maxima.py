"""Maxima of readouts that lie where a spike arrives, and move with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..learning import Gradients, Tape
from ..learning.tape import projection_keys
from ..network import SpikingNetwork
from ..probe import Probe
from ..projection import Projection
from ..spikes import SpikeArray

__all__: list[str] = []

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Kink:
    """The maximum of `neuron` in `sample` lies where `spike` of the source arrives; `place`: of the delay."""

    sample: int
    neuron: int
    spike: int
    source: str
    key: str
    place: Any


@dataclass(frozen=True)
class Maxima:
    """Highest potentials of a readout after a run, and when: NaN where the potential has never risen."""

    name: str
    heights: Floats
    at: Floats

    @classmethod
    def of(cls, readout: Any) -> Maxima:
        """Return those of the last run."""
        return cls(readout.name, readout.maximum, readout.maximum_time)

    def looked_at(self, starts: list[float]) -> Floats:
        """Return when potentials are looked at: the first value before anything arrives."""
        return np.where(np.isnan(self.at), np.nextafter(starts, -np.inf)[:, None], self.at)


@dataclass
class Moved:
    """What a loss of maxima derives by the times of spikes, by population and sample, and by delays."""

    spikes: dict[str, list[Floats]] = field(default_factory=dict)
    delays: list[tuple[str, Any, float]] = field(default_factory=list)

    def add_delays(self, gradients: Gradients) -> None:
        """Add what is derived by delays."""
        for key, place, by_time in self.delays:
            if place:
                gradients.delays[key][place] += by_time
            else:
                gradients.delays[key] += by_time


def moved_maxima(
    net: SpikingNetwork, tape: Tape, inputs: Mapping[str, Any], maxima: Maxima, by: Floats, options: Mapping[str, Any]
) -> Moved:
    """Return what the way back leaves out, which takes the time T of a maximum as fixed: V' dT, V' that after T.

    It is 0 where the curve is smooth, and at the ends of the run, which stay. Where a current that arrives turns a rise
    into a fall, T is the time of arrival. `by`: the derivatives by the maxima. Cost: a run, to look at currents at T.
    """
    kinks = list(_kinks(net, tape, maxima.name, np.where(by != 0.0, maxima.at, np.nan)))
    moved = Moved()
    if not kinks:
        return moved
    readout: Any = net._node_of(maxima.name)
    neuron = readout.neuron
    rest, tau = (np.broadcast_to(value, readout.n_neurons) for value in (neuron.v_rest + neuron.bias, neuron.tau_mem))
    times = np.unique([maxima.at[one.sample, one.neuron] for one in kinks])
    probe = Probe(maxima.name, times, variable="i")
    net.infer(inputs, record=probe, **options)
    for one in kinks:
        s, n = one.sample, one.neuron
        current = probe.values[s, np.searchsorted(times, maxima.at[s, n]), n]
        by_time = by[s, n] * (rest[n] + current - maxima.heights[s, n]) / tau[n]
        if one.source not in moved.spikes:
            moved.spikes[one.source] = [np.zeros(len(spikes)) for spikes in tape.spikes[one.source]]
        moved.spikes[one.source][s][one.spike] += by_time
        moved.delays.append((one.key, one.place, by_time))
    return moved


def _kinks(net: SpikingNetwork, tape: Tape, name: str, at: Floats) -> Iterator[_Kink]:
    incoming = [(key, one) for one, key in projection_keys(net).items() if one.target.name == name]
    for sample, neuron in np.argwhere(np.isfinite(at)):
        for key, projection in incoming:
            source = projection.source.name
            times, places = _arrivals(projection, tape.spikes[source][sample], neuron)
            hits = np.flatnonzero(times == at[sample, neuron])
            if len(hits):  # of several that arrive together any: there is no derivative by one of them
                place = tuple(int(np.broadcast_to(part, len(times))[hits[0]]) for part in places)
                yield _Kink(int(sample), int(neuron), int(hits[0]), source, key, place)
                break


def _arrivals(projection: Projection, spikes: SpikeArray, neuron: int) -> tuple[Floats, tuple[Any, ...]]:
    """When the spikes arrive at a neuron, NaN where they do not; and where in the delays that of each lies."""
    delays, connection = np.asarray(projection.delays), projection.connection
    sent = spikes.indices
    synapses: Any = None
    places: tuple[Any, ...] = ()
    if hasattr(connection, "sources"):
        own: Any = connection
        synapses = np.full(projection.n_inputs, -1)
        mine = np.flatnonzero(own.targets == neuron)
        synapses[own.sources[mine]] = mine
    if delays.ndim == 0:
        times = spikes.times + delays
    elif not projection._core.delays_by_synapse:
        times, places = spikes.times + delays[sent], (sent,)
    elif synapses is not None:
        times, places = spikes.times + delays[synapses[sent]], (synapses[sent],)
    else:
        times, places = spikes.times + delays[neuron, sent], (neuron, sent)
    return (times if synapses is None else np.where(synapses[sent] < 0, np.nan, times)), places


__dir__ = only_public(__all__)
