"""Runs that can be gone back through: spikes, and the derivatives of a loss by everything that led to them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.modules import only_public
from ..errors import InvalidArgumentError, NoSuchParameterError, ShapeMismatchError
from ..inputs import samples_of
from ..network import SpikingNetwork
from ..nodes import Population
from ..probe import Probe, probes_of
from ..spikes import SpikeArray
from .gradients import Gradients, SpikeGradients
from .graphs import adjoint_of, projection_keys, require_differentiable, system_of
from .looks import NO_SEEDS, Looked, as_seeds, looks_at_maxima, looks_everywhere, looks_of, numbers
from .runs import as_spikes, one_at_a_time
from .systems import SIZES, by_parameter, parameter_value

__all__ = ["Tape", "record"]

Floats = npt.NDArray[np.float64]


def record(
    net: SpikingNetwork,
    inputs: Any = None,
    times: Any = None,
    *,
    until: float | None = None,
    start: float | None = None,
    record: Probe | Sequence[Probe] = (),
) -> Tape:
    """Run a network from the beginning and keep what the way back needs.

    Parameters
    ----------
    net : SpikingNetwork
        Of linear neurons (LIF, LIFDelta, IAFDelta, LI, Linear and its kin), on the CPU, without plasticity rules and
        drives. Any connections and delays; within cycles every projection needs one.
    inputs, times, until, start, record
        As of :meth:`SpikingNetwork.infer`.

    Returns
    -------
    Tape

    Raises
    ------
    UnsupportedError
        The network has parts that have no exact gradients.

    Notes
    -----
    Costs what :meth:`SpikingNetwork.infer` costs. A tape keeps the spikes, and nothing between them.

    Examples
    --------
    How the time of an output spike depends on the weight and the time of its input:

    >>> import evsim
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[12.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    >>> tape = evsim.learning.record(net, [0], [1.0])
    >>> tape.spikes["out"].times.round(3)
    array([3.179, 7.551])
    >>> gradients = tape.backward({"out": [1.0, 0.0]})
    >>> gradients.weights["out"].round(4), gradients.times["input 0"].round(4)
    (array([[-0.2465]]), array([1.]))
    """
    return Tape(net, inputs, times, until, start, record)


class Tape:
    """A run of a network, to go back through. Made by :func:`record`.

    Attributes
    ----------
    spikes : dict of str to SpikeArray or list of SpikeArray
        Of every input and population by name; lists after a batch.
    until : float
        End of the run.
    starts : ndarray of float64, shape (n_samples,)
        Beginning of the run of each sample.
    """

    def __init__(
        self,
        net: SpikingNetwork,
        inputs: Any,
        times: Any,
        until: float | None,
        start: float | None,
        record: Probe | Sequence[Probe] = (),
    ) -> None:
        require_differentiable(net)
        self._nodes: list[Any] = sorted(net._nodes.values(), key=lambda node: node._node)
        self._keys = projection_keys(net)
        self._net = net
        given, self._batch = samples_of(net._inputs, inputs, times, net._backend)
        populations = list(net.populations)
        with one_at_a_time(net):  # what readouts and relays remember is that of the last call
            self._core, self._edges = adjoint_of(net, self._nodes)
            found = net.infer(inputs, times, outputs=populations, until=until, start=start, record=record)
            self._causes = self._causes_of_relays()
            self._remembered: dict[tuple[str, str], Floats] = {
                (population.name, kind): population._core.remembered(kind)[0]
                for population in populations
                if population.neuron is not None and not population.neuron.spikes
                for kind in ("maximum", "maximum_time", "mean")
            }
        self._of_synapses = [one is not None and bool(one._core.delays_by_synapse) for one in self._edges]
        self.until, self._start = math.inf if until is None else float(until), start
        n_samples = len(given)
        self._spikes: dict[str, list[SpikeArray]] = {}
        for k, one in enumerate(net._inputs):
            self._spikes[one.name] = [as_spikes(sample[k]) for sample in given]
        for population in net.populations:
            spikes = found[population.name]
            self._spikes[population.name] = spikes if self._batch else [spikes]
        self._cores = {name: [train._core for train in trains] for name, trains in self._spikes.items()}
        self.starts = np.zeros(n_samples) if start is None else np.full(n_samples, float(start))
        if start is None:
            for one in net._inputs:
                firsts = [train.times[0] if len(train) else 0.0 for train in self._spikes[one.name]]
                self.starts = np.minimum(self.starts, firsts)
            for probe in probes_of(record):
                self.starts = np.minimum(self.starts, np.min(probe.times, initial=0.0))
        self._rows: dict[str, tuple[npt.NDArray[np.int32], Floats, npt.NDArray[np.intp]]] = {}

    def _causes_of_relays(self) -> dict[str, npt.NDArray[np.int32]]:
        out = {}
        for node in self._nodes:
            if isinstance(node, Population) and node.neuron is None:
                causes: Any = node.causes  # type: ignore[attr-defined]
                rows = causes if self._batch else [causes]
                out[node.name] = np.concatenate([np.empty(0, np.int32), *rows])
        return out

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.starts)

    @property
    def spikes(self) -> dict[str, Any]:
        """Spikes of every input and population by name; lists of them after a batch."""
        return {name: spikes if self._batch else spikes[0] for name, spikes in self._spikes.items()}

    def trains(self, name: str) -> list[SpikeArray]:
        """Return the spikes of an input or population, one array per sample, of a single sample too."""
        return self._spikes[self._node(name).name]

    def n_neurons(self, name: str) -> int:
        """Return the number of neurons of a population, or of inputs."""
        return int(self._node(name).n_neurons)

    def in_a_row(self, name: str) -> tuple[npt.NDArray[np.int32], Floats, npt.NDArray[np.intp]]:
        """Return indices, times and the numbers of the samples of all spikes of a node, one sample after the other."""
        name = self._name(name)
        if name not in self._rows:
            trains = self._spikes[name]
            samples = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
            indices = np.concatenate([train.indices for train in trains]) if trains else np.empty(0, np.int32)
            times = np.concatenate([train.times for train in trains]) if trains else np.empty(0)
            self._rows[name] = indices, times, samples
        return self._rows[name]

    def first_spikes(self, name: str) -> tuple[Floats, npt.NDArray[np.intp]]:
        """Return when each neuron first fires, infinity where it does not; and which of all spikes that is, or -1.

        Spikes are counted as :meth:`in_a_row` has them.

        Both of shape (n_samples, n_neurons).
        """
        indices, spike_times, samples = self.in_a_row(name)
        times = np.full((len(self), self.n_neurons(name)), np.inf)
        places = np.full(times.shape, -1, np.intp)
        cells, firsts = np.unique(samples * times.shape[1] + indices, return_index=True)
        times.flat[cells] = spike_times[firsts]
        places.flat[cells] = firsts
        return times, places

    def remembered(self, name: str, kind: str) -> Floats:
        """Return "maximum", "maximum_time" or "mean" of a readout, shape (n_samples, n_neurons)."""
        key = (self._node(name).name, kind)
        if key not in self._remembered:
            raise NoSuchParameterError(f"{key[0]} has no {kind}; readouts (LI) have a maximum, maximum_time and mean")
        return self._remembered[key]

    def potentials(
        self,
        name: str,
        times: npt.ArrayLike,
        samples: Sequence[int] | npt.NDArray[np.intp] | None = None,
        neurons: npt.ArrayLike | None = None,
    ) -> Floats:
        """Return the potentials of a population at some times, of chosen samples and neurons or of all.

        Of shape (n_samples, n_times, n_neurons). Runs the network once more, with weights that must still be those of
        the run, and looks some 50 ns at each potential. Times ascend.
        """
        chosen = range(len(self)) if samples is None else samples
        inputs = {one.name: [self._spikes[one.name][s] for s in chosen] for one in self._net._inputs}
        until, probe = self.until if math.isfinite(self.until) else None, Probe(self._name(name), times, neurons)
        with one_at_a_time(self._net):
            self._net.infer(inputs, until=until, start=self._start, record=probe)
        return probe.values if probe.values.ndim == 3 else probe.values[None]

    def backward(
        self,
        spikes: Mapping[Any, Any] | None = None,
        *,
        potentials: Mapping[Any, Any] | None = None,
        maxima: Mapping[Any, npt.ArrayLike] | None = None,
        means: Mapping[Any, npt.ArrayLike] | None = None,
        parameters: Mapping[Any, str | Sequence[str]] | None = None,
        smallest_slope: float = 0.0,
    ) -> Gradients:
        """Return the derivatives of a loss, summed over samples, from those by spike times and potentials.

        Parameters
        ----------
        spikes : mapping of population or name to array_like, shape (n_spikes,)
            The derivative of the loss by the time of each spike of a population, in the order of :attr:`spikes`; a list
            of arrays, one per sample, after a batch.
        potentials : mapping of population or name to (times, derivatives) or a list of triples, optional
            Times at which a loss looks at the potential of a population, and its derivative by the potential then. Two
            arrays of shape (n_neurons,) or (n_times, n_neurons), with the samples in front after a batch; derivatives
            that are 0 count for nothing, whatever the time. Or for every sample a triple of arrays (neurons, times,
            derivatives), each of shape (n,). The times are taken as fixed.
        maxima : mapping of population or name to array_like, shape (n_neurons,), optional
            The derivative by the highest potential of a readout, :attr:`Population.maximum`; with the samples in front
            after a batch. Where it is reached when a spike arrives and ends a rise, it moves with that spike.
        means : mapping of population or name to array_like, shape (n_neurons,), optional
            The derivative by the mean potential of a readout, :attr:`Population.mean`; with the samples in front after
            a batch. Needs ``until=``.
        parameters : mapping of population or name to str or sequence of str, optional
            By which parameters of its neurons to derive, such as ``"tau_mem"``, ``"threshold"``, ``"bias"``, or of an
            adaptation ``"adaptation.0.tau"``.
        smallest_slope : float
            Potentials are taken to cross the threshold at least as steeply as this (per unit of time): exact gradients
            grow without bound as a crossing comes to graze.

        Returns
        -------
        Gradients

        Raises
        ------
        ShapeMismatchError, NonFiniteError, DTypeError, NoSuchParameterError, InvalidArgumentError

        Notes
        -----
        The weights must still be those of the run. Its start is taken as fixed, also where an input before 0 makes it.
        Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 1 to 5, for any linear neuron: see the page on gradients, which
        also says where these derivatives do not see: spikes that appear or vanish. Cost: dense layers a few
        tenths of a nanosecond for each synaptic event and 0.2 us for each spike; others some 150 ns for each synaptic
        event, by parameters 400.
        """
        by_spikes = self._by_spikes(spikes or {})
        seeds = self._seeds(potentials or {}, self._of_readouts(maxima or {}, "maximum"), self._means(means or {}))
        wanted = self._parameters(parameters or {})
        if not 0.0 <= smallest_slope < math.inf:
            raise InvalidArgumentError(f"smallest_slope must be at least 0 and finite, got {smallest_slope}")
        nodes = [
            _core.NodeOfRun(
                self._cores[node.name],
                self._causes.get(node.name),
                by_spikes.get(node.name),
                *seeds.get(node.name, NO_SEEDS),
            )
            for node in self._nodes
        ]
        if means and len(self._net._nodes) != len(self._nodes):
            raise InvalidArgumentError("the network has grown since the run; record it anew")
        core = self._core if not means else adjoint_of(self._net, self._nodes, frozenset(map(self._name, means)))[0]
        chosen = [node.name in wanted for node in self._nodes]
        found = core.backward(nodes, self.starts, self.until, chosen, smallest_slope)
        return self._gradients(found, wanted)

    def _gradients(self, found: dict[str, Any], wanted: dict[str, tuple[str, ...]]) -> Gradients:
        weights: dict[str, Any] = {}
        delays: dict[str, Any] = {}
        for k, projection in enumerate(self._edges):
            if projection is None:
                continue
            key = self._keys[projection]
            weights[key] = found["weights"][k]
            values = found["delays"][k]
            if self._of_synapses[k]:
                delays[key] = np.ascontiguousarray(projection.connection.of_synapses(values))
            else:
                delays[key] = float(values[0]) if len(values) == 1 else values
        rows = {node.name: found["spikes"][k] for k, node in enumerate(self._nodes)}
        times = SpikeGradients(rows, self._spikes, self._batch)
        by_name: dict[str, dict[str, Any]] = {}
        for k, node in enumerate(self._nodes):
            for name in wanted.get(node.name, ()):
                value = by_parameter(node.neuron, name, found["parameters"][k], node.n_neurons)
                by_name.setdefault(node.name, {})[name] = value
        return Gradients(weights, delays, times, by_name)

    def _node(self, key: Any) -> Any:
        for node in self._nodes:
            if key is node or key == node.name:
                return node
        names = ", ".join(repr(node.name) for node in self._nodes)
        raise InvalidArgumentError(f"the network has no population {key!r}; it has: {names}")

    def _by_spikes(self, given: Mapping[Any, Any]) -> dict[str, Floats]:
        """Derivatives by spike times, one sample after the other."""
        out = {}
        for key, values in given.items():
            name, what = self._name(key), f"the derivatives of {self._name(key)}"
            counts = [len(train) for train in self._spikes[name]]
            if isinstance(values, np.ndarray) and values.shape == (sum(counts),):
                out[name] = numbers(values, what)
                continue
            rows = list(values) if self._batch else [values]
            if len(rows) != len(self):
                raise ShapeMismatchError(f"{name}: one array for each of {len(self)} samples, got {len(rows)}")
            for s, (row, n) in enumerate(zip(rows, counts, strict=True)):
                if np.shape(row) != (n,):
                    raise ShapeMismatchError(
                        f"{name}: one derivative for each of {n} spikes of sample {s}, got shape {np.shape(row)}"
                    )
            out[name] = numbers(np.concatenate(rows) if rows else np.empty(0), what)
        return out

    def _name(self, key: Any) -> str:
        name: str = self._node(key).name
        return name

    def _of_readouts(self, given: Mapping[Any, npt.ArrayLike], kind: str) -> dict[str, Floats]:
        out = {}
        for key, values in given.items():
            node = self._node(key)
            if (node.name, kind) not in self._remembered:
                raise NoSuchParameterError(f"{node.name} has no {kind} of its potential; readouts (LI) have")
            shape = (len(self), node.n_neurons) if self._batch else (node.n_neurons,)
            derivatives = numbers(values, f"the derivatives of {node.name}")
            if derivatives.shape != shape:
                raise ShapeMismatchError(f"{node.name}: derivatives of shape {shape}, got {derivatives.shape}")
            out[node.name] = derivatives.reshape(len(self), -1)
        return out

    def _means(self, given: Mapping[Any, npt.ArrayLike]) -> dict[str, Floats]:
        if given and not math.isfinite(self.until):
            raise InvalidArgumentError("a mean over time needs its end; give record(..., until=...)")
        spans = self.until - self.starts
        return {name: rows / spans[:, None] for name, rows in self._of_readouts(given, "mean").items()}

    def _seeds(
        self, given: Mapping[Any, Any], maxima: Mapping[str, Floats], means: Mapping[str, Floats]
    ) -> dict[str, tuple[Any, ...]]:
        """Where a loss looks at states, as the core takes it."""
        out: dict[str, tuple[Any, ...]] = {}
        n_samples = len(self)
        for name in [*dict.fromkeys([*map(self._name, given), *maxima, *means])]:
            node = self._node(name)
            if getattr(node, "neuron", None) is None:
                raise InvalidArgumentError(f"{name} has no neurons and so no potentials")
            system = system_of(node, integral=name in means)
            v = system.names.index("v") if "v" in system.names else int(np.argmax(system.readout))
            looks = []
            if name in given:
                place = Looked(name, n_samples, node.n_neurons, self._batch)
                look = looks_of(place, given[name])
                if np.any(look.times > self.until) or np.any(look.times < self.starts[look.samples]):
                    raise InvalidArgumentError(
                        f"{name}: a loss looks at times within the run, which ends at {self.until}"
                    )
                looks.append((look, v, False))
            if name in maxima:
                risen, others = looks_at_maxima(self._remembered[name, "maximum_time"], self.starts, maxima[name])
                looks += [(risen, v, True), (others, v, False)]
            if name in means:
                at_end = looks_everywhere(np.full((n_samples, node.n_neurons), self.until), means[name])
                looks.append((at_end, system.names.index("integral"), False))
            out[name] = as_seeds(looks, n_samples, next(k for k in SIZES if k > system.size))
        return out

    def _parameters(self, given: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
        out = {}
        for key, names in given.items():
            node = self._node(key)
            if getattr(node, "neuron", None) is None:
                raise NoSuchParameterError(f"{node.name} has no neurons and so no parameters")
            out[node.name] = (names,) if isinstance(names, str) else tuple(names)
            for name in out[node.name]:
                parameter_value(node.neuron, name)
        return out


__dir__ = only_public(__all__)
