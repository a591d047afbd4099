"""Runs of a network with values of a module, and the way back through them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..learning import Gradients, Tape, record
from ..learning.delays import set_delays
from ..learning.systems import changed, parameter_value
from ..network import SpikingNetwork
from ..probe import Probe
from .outputs import padded
from .places import Place, projections_of

__all__: list[str] = []

Floats = npt.NDArray[np.float64]
Values = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True)
class Wanted:
    """Whose spikes a run returns, at which times it looks at potentials, and until when it goes."""

    outputs: tuple[str, ...]
    readouts: tuple[str, ...]
    potentials: Mapping[str, Floats]
    until: float | None
    start: float | None


@dataclass
class Run:
    """What a run left: its network and tape, the numbers found, and where in them each spike lies."""

    net: SpikingNetwork
    tape: Tape
    found: dict[tuple[str, str], Floats] = field(default_factory=dict)
    places: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    ends: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)


class Runner:
    """A network that is given its weights, delays and parameters of neurons anew for each run, and for each way back.

    Calls from several threads run one after the other.
    """

    def __init__(self, net: SpikingNetwork, places: Sequence[Place]) -> None:
        self.net = net
        self._places = tuple(places)
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Runner, (self.net, self._places)

    def put(self, values: Values) -> None:
        """Give the network these values; another one takes its place where type or neurons are others."""
        with self._lock:
            dtype = str(values[0].dtype) if len(values) else self.net.dtype
            neurons = {one.name: one.neuron for one in self.net.populations}
            same = dtype == self.net.dtype
            for place, value in zip(self._places, values, strict=True):
                if place.kind == "neurons":
                    neurons[place.key], kept = _with_value(neurons[place.key], place.name, value)
                    same = same and kept
            if not same:
                self.net = _rebuilt(self.net, dtype, neurons)
            self._put(self.net, values)

    def _put(self, net: SpikingNetwork, values: Values) -> None:
        projections = projections_of(net)
        for place, value in zip(self._places, values, strict=True):
            if place.kind == "weights":
                projections[place.key].weights = value
            elif place.kind == "delays":
                set_delays(projections[place.key], place.key, value, place.by_synapse)

    def run(self, values: Values, inputs: Mapping[str, Any], wanted: Wanted) -> Run:
        """Run a batch."""
        with self._lock:
            self.put(values)
            net = self.net
            probes = {name: Probe(name, times) for name, times in wanted.potentials.items()}
            tape = record(net, inputs, until=wanted.until, start=wanted.start, record=list(probes.values()))
            run = Run(net, tape)
            for name in wanted.outputs:
                population: Any = net._node_of(name)
                times, run.places[name], run.ends[name] = padded(tape.spikes[name], population.n_neurons)
                run.found[name, "times"] = times
                if name in probes:
                    run.found[name, "potentials"] = probes[name].values
                if name in wanted.readouts:
                    for kind in ("maximum", "mean"):
                        run.found[name, kind] = tape.remembered(name, kind).copy()  # users may write to it
            return run

    def back(
        self, run: Run, values: Values, by: Mapping[tuple[str, str], Floats], wanted: Wanted, **options: Any
    ) -> Gradients:
        """Return the gradients of a loss from its derivatives `by` what the run found."""
        spikes = {
            name: np.split(by[name, "times"].ravel()[places], run.ends[name][:-1])
            for name, places in run.places.items()
            if (name, "times") in by
        }
        potentials = {
            name: (np.broadcast_to(wanted.potentials[name][:, None], one.shape), one)
            for (name, kind), one in by.items()
            if kind == "potentials"
        }
        maxima, means = (
            {name: one for (name, kind), one in by.items() if kind == what} for what in ("maximum", "mean")
        )
        with self._lock:
            self._put(run.net, values)
            return run.tape.backward(spikes, potentials=potentials, maxima=maxima, means=means, **options)


def _with_value(neuron: Any, name: str, value: npt.NDArray[Any]) -> tuple[Any, bool]:
    """The neurons with a parameter of this value, and whether they have it already."""
    new: Any = np.asarray(value, np.float64) if value.ndim else float(value)
    if np.array_equal(parameter_value(neuron, name), new):
        return neuron, True
    return changed(neuron, name, lambda _: new), False


def _rebuilt(net: SpikingNetwork, dtype: str, neurons: Mapping[str, Any]) -> SpikingNetwork:
    """The same network in another type, or of other neurons."""
    described = net.to_description()
    described.dtype = dtype
    for name, values in described.arrays.items():
        if name.endswith(".weights"):
            described.arrays[name] = values.astype(dtype)
    return SpikingNetwork.from_description(described, neuron_of=neurons.__getitem__, compile_path=net.compile_path)


__dir__ = only_public(__all__)
