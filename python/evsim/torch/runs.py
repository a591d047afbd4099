"""Runs of a network with values of a module, and the way back through them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..learning import Tape, record
from ..learning.systems import changed, parameter_value
from ..network import SpikingNetwork
from ..probe import Probe
from .outputs import padded
from .places import Place, projections_of, set_delays

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
    """What a run left: the network it ran on, its tape, the numbers found, and where in them each spike lies."""

    net: SpikingNetwork
    tape: Tape
    found: dict[tuple[str, str], Floats]
    places: dict[str, npt.NDArray[np.int64]]
    ends: dict[str, npt.NDArray[np.int64]]
    maximum_times: dict[str, Floats]


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
                    neuron: Any = neurons[place.key]
                    new = np.asarray(value, np.float64)
                    if not np.array_equal(parameter_value(neuron, place.name), new):
                        neurons[place.key] = changed(neuron, place.name, lambda _, new=new: new if new.ndim else float(new))
                        same = False
            if not same:
                self.net = _rebuilt(self.net, dtype, neurons)
            self._put(self.net, values)

    def _put(self, net: SpikingNetwork, values: Values) -> None:
        projections = projections_of(net)
        for place, value in zip(self._places, values, strict=True):
            if place.kind == "weights":
                projections[place.key].weights = value
            elif place.kind == "delays":
                set_delays(projections[place.key], place, value)

    def run(self, values: Values, inputs: Mapping[str, Any], wanted: Wanted) -> Run:
        """Run a batch."""
        with self._lock:
            self.put(values)
            net = self.net
            probes = {name: Probe(name, times) for name, times in wanted.potentials.items()}
            tape = record(net, inputs, until=wanted.until, start=wanted.start, record=list(probes.values()))
            run = Run(net, tape, {}, {}, {}, {})
            for name in wanted.outputs:
                population: Any = net._node_of(name)
                times, run.places[name], run.ends[name] = padded(tape.spikes[name], population.n_neurons)
                run.found[name, "times"] = times
                if name in probes:
                    run.found[name, "potentials"] = probes[name].values
                if name in wanted.readouts:
                    run.found[name, "maximum"] = population.maximum
                    # Where the potential has never risen, its maximum is its first value.
                    begins = np.asarray(tape.starts)[:, None]
                    at = population.maximum_time
                    run.maximum_times[name] = np.where(np.isnan(at), begins, at)
            return run

    def back(
        self, run: Run, values: Values, by: Mapping[tuple[str, str], Floats], wanted: Wanted, **options: Any
    ) -> Any:
        """Return the gradients of a loss from its derivatives `by` what the run found."""
        spikes, potentials = {}, {}
        for name, places in run.places.items():
            if (name, "times") in by:
                spikes[name] = np.split(by[name, "times"].ravel()[places], run.ends[name][:-1])
            at, derivatives = [], []
            if (name, "potentials") in by:
                derivatives.append(by[name, "potentials"])
                at.append(np.broadcast_to(wanted.potentials[name][:, None], derivatives[-1].shape))
            if (name, "maximum") in by:
                derivatives.append(by[name, "maximum"][:, None, :])
                at.append(run.maximum_times[name][:, None, :])
            if derivatives:
                potentials[name] = (np.concatenate(at, axis=1), np.concatenate(derivatives, axis=1))
        with self._lock:
            self._put(run.net, values)
            return run.tape.backward(spikes, potentials=potentials, **options)


def _rebuilt(net: SpikingNetwork, dtype: str, neurons: Mapping[str, Any]) -> SpikingNetwork:
    """The same network in another type, or of other neurons."""
    described = net.to_description()
    described.dtype = dtype
    for name, values in described.arrays.items():
        if name.endswith(".weights"):
            described.arrays[name] = values.astype(dtype)
    return SpikingNetwork.from_description(
        described, neuron_of=neurons.__getitem__, compile_path=net.compile_path
    )


__dir__ = only_public(__all__)
