"""Runs that can be gone back through: spikes, and the derivatives of a loss by everything that led to them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.modules import only_public
from ..connections import Unpool2d
from ..errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    NoSuchParameterError,
    ShapeMismatchError,
    UnsupportedError,
)
from ..inputs import samples_of
from ..layer import Layer
from ..network import SpikingNetwork
from ..neurons.circuit import LinearSystem
from ..nodes import Input, Population
from ..probe import Probe
from ..projection import Projection
from ..spikes import SpikeArray
from .systems import SIZES, by_parameter, core_neurons, linear_system, parameter_value, port_number, with_integral

__all__ = ["Gradients", "Tape", "record"]

Floats = npt.NDArray[np.float64]
Seeds: TypeAlias = tuple[npt.NDArray[np.int32], Floats, Floats]
"""Neurons of a sample, times at which a loss looks at their potential, and its derivatives by that; all (n,)."""


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
        drives. Any connections, delays and cycles with a delay.
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
        self._core, self._edges = _adjoint(net, self._nodes)
        given, self._batch = samples_of(net._inputs, inputs, times, net._backend)
        populations = list(net.populations)
        found = net.infer(inputs, times, outputs=populations, until=until, start=start, record=record)
        self.until = math.inf if until is None else float(until)
        n_samples = len(given)
        self._spikes: dict[str, list[SpikeArray]] = {}
        for k, one in enumerate(net._inputs):
            self._spikes[one.name] = [_as_spikes(sample[k]) for sample in given]
        for population in net.populations:
            spikes = found[population.name]
            self._spikes[population.name] = spikes if self._batch else [spikes]
        self._causes: dict[str, list[npt.NDArray[np.int32]]] = {}
        for node in self._nodes:
            if isinstance(node, Population) and node.neuron is None:
                causes: Any = node.causes  # type: ignore[attr-defined]
                self._causes[node.name] = causes if self._batch else [causes]
        self._remembered: dict[tuple[str, str], Floats] = {
            (population.name, kind): population._core.remembered(kind)[0]
            for population in net.populations
            if population.neuron is not None and not population.neuron.spikes
            for kind in ("maximum", "maximum_time", "mean")
        }
        firsts = [[s.times[0] for s in self._of(k) if len(s)] for k in range(n_samples)]
        self._starts = [float(start) if start is not None else min([0.0, *first]) for first in firsts]

    def _of(self, sample: int) -> list[SpikeArray]:
        return [self._spikes[node.name][sample] for node in self._nodes if isinstance(node, Input)]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._starts)

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

    def first_spikes(self, name: str) -> tuple[Floats, npt.NDArray[np.intp]]:
        """Return when each neuron first fires, infinity where it does not; and which of the spikes that is, or -1.

        Both of shape (n_samples, n_neurons).
        """
        trains = self.trains(name)
        times = np.full((len(trains), self.n_neurons(name)), np.inf)
        places = np.full(times.shape, -1, np.intp)
        for s, train in enumerate(trains):
            indices = train.indices[::-1]  # of those that are assigned to one place the last one stays
            times[s, indices] = train.times[::-1]
            places[s, indices] = np.arange(len(train))[::-1]
        return times, places

    def remembered(self, name: str, kind: str) -> Floats:
        """Return "maximum", "maximum_time" or "mean" of a readout, shape (n_samples, n_neurons)."""
        key = (self._node(name).name, kind)
        if key not in self._remembered:
            raise NoSuchParameterError(f"{key[0]} has no {kind}; readouts (LI) have a maximum, maximum_time and mean")
        return self._remembered[key]

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
        The weights must still be those of the run. Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 1 to 5, for any
        linear neuron: see the page on gradients, which also says where these derivatives do not see: spikes that appear
        or vanish. Cost: some 100 ns for each synaptic event; by parameters, two to three times that.
        """
        by_spikes = self._by_spikes(spikes or {})
        seeds = self._seeds(potentials or {}, self._of_readouts(maxima or {}, "maximum"), self._means(means or {}))
        wanted = self._parameters(parameters or {})
        if not 0.0 <= smallest_slope < math.inf:
            raise InvalidArgumentError(f"smallest_slope must be at least 0 and finite, got {smallest_slope}")
        samples = [
            (
                self._starts[s],
                self.until,
                [
                    _core.NodeOfRun(
                        self._spikes[node.name][s]._core,
                        self._causes[node.name][s] if node.name in self._causes else None,
                        by_spikes[node.name][s] if node.name in by_spikes else None,
                        *seeds.get(node.name, _NO_SEEDS)[s if node.name in seeds else 0],
                    )
                    for node in self._nodes
                ],
            )
            for s in range(len(self))
        ]
        core = self._core if not means else _adjoint(self._net, self._nodes, frozenset(map(self._name, means)))[0]
        found = core.backward(samples, [node.name in wanted for node in self._nodes], smallest_slope)
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
            if projection._core.delays_by_synapse:
                delays[key] = np.ascontiguousarray(projection.connection.of_synapses(values))
            else:
                delays[key] = float(values[0]) if np.ndim(projection.delays) == 0 else values
        times = {
            node.name: [sample[k] for sample in found["spikes"]] if self._batch else found["spikes"][0][k]
            for k, node in enumerate(self._nodes)
        }
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

    def _by_spikes(self, given: Mapping[Any, Any]) -> dict[str, list[Floats]]:
        out = {}
        for key, values in given.items():
            node = self._node(key)
            rows = list(values) if self._batch else [values]
            if len(rows) != len(self):
                raise ShapeMismatchError(f"{node.name}: one array for each of {len(self)} samples, got {len(rows)}")
            out[node.name] = [_numbers(row, f"the derivatives of {node.name}") for row in rows]
            for s, row in enumerate(out[node.name]):
                n = len(self._spikes[node.name][s])
                if row.shape != (n,):
                    raise ShapeMismatchError(
                        f"{node.name}: one derivative for each of {n} spikes of sample {s}, got shape {row.shape}"
                    )
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
            derivatives = _numbers(values, f"the derivatives of {node.name}")
            if derivatives.shape != shape:
                raise ShapeMismatchError(f"{node.name}: derivatives of shape {shape}, got {derivatives.shape}")
            out[node.name] = derivatives.reshape(len(self), -1)
        return out

    def _means(self, given: Mapping[Any, npt.ArrayLike]) -> dict[str, Floats]:
        if given and not math.isfinite(self.until):
            raise InvalidArgumentError("a mean over time needs its end; give record(..., until=...)")
        spans = np.array([self.until - start for start in self._starts])
        return {name: rows / spans[:, None] for name, rows in self._of_readouts(given, "mean").items()}

    def _seeds(
        self, given: Mapping[Any, Any], maxima: Mapping[str, Floats], means: Mapping[str, Floats]
    ) -> dict[str, list[Any]]:
        out: dict[str, list[Any]] = {}
        for name in [*dict.fromkeys([*map(self._name, given), *maxima, *means])]:
            node = self._node(name)
            if getattr(node, "neuron", None) is None:
                raise InvalidArgumentError(f"{name} has no neurons and so no potentials")
            system = _system(node, integral=name in means)
            size = next(k for k in SIZES if k > system.size)
            v = system.names.index("v") if "v" in system.names else int(np.argmax(system.readout))
            looks = self._looks(node, given[name]) if name in given else [_NO_LOOKS] * len(self)
            out[name] = [_seed_arrays(look, v, size) for look in looks]
            for s, seeds in enumerate(out[name]):
                if name in maxima:
                    at = self._remembered[name, "maximum_time"][s]
                    for risen in (True, False):  # or at most what they began with, before all that arrives
                        chosen = np.flatnonzero(np.isfinite(at) == risen).astype(np.int32)
                        began = np.full(len(chosen), np.nextafter(self._starts[s], -np.inf))
                        look = (chosen, at[chosen] if risen else began, maxima[name][s, chosen])
                        seeds = _joined(seeds, _seed_arrays(look, v, size, moving=risen))
                if name in means:
                    everyone = np.arange(node.n_neurons, dtype=np.int32)
                    look = (everyone, np.full(node.n_neurons, self.until), means[name][s])
                    seeds = _joined(seeds, _seed_arrays(look, system.names.index("integral"), size))
                out[name][s] = seeds
        return out

    def _looks(self, node: Any, given: Any) -> list[Seeds]:
        """What a loss says of the potentials of a population, per sample."""
        if isinstance(given, list):
            return self._triples(node, given)
        if not isinstance(given, tuple) or len(given) != 2:
            raise DTypeError(f"{node.name}: give a pair (times, derivatives), got {type(given).__name__}")
        derivatives = _numbers(given[1], f"the derivatives of {node.name}")
        at = np.asarray(given[0], np.float64)
        ends = (len(self), node.n_neurons) if self._batch else (node.n_neurons,)
        several = at.ndim == len(ends) + 1 and (*at.shape[: len(ends) - 1], at.shape[-1]) == ends
        if at.shape != derivatives.shape or not (at.shape == ends or several):
            raise ShapeMismatchError(
                f"{node.name}: times and derivatives of shape {ends}, or with times before the neurons; got "
                f"{at.shape} and {derivatives.shape}"
            )
        at = at.reshape(len(self), -1, node.n_neurons)
        derivatives = derivatives.reshape(at.shape)
        if np.any(~np.isfinite(at) & (derivatives != 0.0)):
            raise NonFiniteError(f"{node.name}: times at which a loss looks at potentials must be finite")
        out = []
        for times, values in zip(at, derivatives, strict=True):
            places, neurons = np.nonzero(values)
            out.append((neurons.astype(np.int32), times[places, neurons], values[places, neurons]))
        return out

    def _triples(self, node: Any, given: list[Any]) -> list[Seeds]:
        if len(given) != len(self):
            raise ShapeMismatchError(f"{node.name}: one triple for each of {len(self)} samples, got {len(given)}")
        out = []
        for sample in given:
            neurons = np.ascontiguousarray(sample[0], np.int32)
            times = _numbers(sample[1], f"the times of {node.name}")
            derivatives = _numbers(sample[2], f"the derivatives of {node.name}")
            if not neurons.shape == times.shape == derivatives.shape or neurons.ndim != 1:
                raise ShapeMismatchError(
                    f"{node.name}: neurons, times and derivatives of one length, got {neurons.shape}, {times.shape} "
                    f"and {derivatives.shape}"
                )
            out.append((neurons, times, derivatives))
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


@dataclass(frozen=True)
class Gradients:
    """The derivatives of a loss, summed over samples. Made by :meth:`Tape.backward`.

    Attributes
    ----------
    weights : dict of str to ndarray of float64
        By layer; or, of projections that are not of layers, by "source -> target". In the shape of
        :attr:`Projection.weights`; of pooling too, though that cannot be changed.
    delays : dict of str to float or ndarray of float64
        Likewise, in the shape of :attr:`Projection.delays`.
    times : dict of str to ndarray of float64, shape (n_spikes,), or list of them
        By input and population: by the time of each spike. Of a population it is what a spike does to all that comes
        after it, given all else that happened by then.
    parameters : dict of str to dict of str to float or ndarray of float64
        By population and the name of the parameter: a number where the parameter is one, else one per neuron.
    """

    weights: dict[str, Any]
    delays: dict[str, Any]
    times: dict[str, Any]
    parameters: dict[str, dict[str, Any]]


_NO_LOOKS: Seeds = (np.empty(0, np.int32), np.empty(0), np.empty(0))
_NO_SEEDS = [(*_NO_LOOKS, np.empty(0, np.int32))]


def _seed_arrays(look: Seeds, variable: int, size: int, moving: bool = False) -> tuple[npt.NDArray[Any], ...]:
    """Derivatives by one of the variables as those by all."""
    neurons, times, derivatives = look
    rows = np.zeros((len(neurons), size))
    rows[:, variable] = derivatives
    return neurons, times, rows.ravel(), np.full(len(neurons), moving, np.int32)


def _joined(seeds: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.concatenate(pair) for pair in zip(seeds, more, strict=True))


def _numbers(values: npt.ArrayLike, what: str) -> Floats:
    try:
        found = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{what} must be numbers: {error}") from None
    if not np.all(np.isfinite(found)):
        raise NonFiniteError(f"{what} must be finite")
    return found


def _as_spikes(given: Any) -> SpikeArray:
    if isinstance(given, tuple):
        return SpikeArray(*given)
    found = SpikeArray()
    found._core = given
    return found


def require_differentiable(net: Any) -> None:
    """Raise DTypeError or UnsupportedError unless a tape can be made of `net`."""
    if not isinstance(net, SpikingNetwork):
        raise DTypeError(f"a tape is made of a SpikingNetwork, got {type(net).__name__}")
    net._require_whole("derive")
    if net.device != "cpu":
        raise UnsupportedError("gradients are computed on the CPU; make the network with device='cpu'")
    if net.drives:
        raise UnsupportedError("what external drives bring is not on the tape; give their spikes as inputs")
    for projection in net.projections:
        if projection.kernel is not None:
            raise UnsupportedError(
                f"the projection to {projection.target.name} changes by its kernel; gradients need weights that stay"
            )


def projection_keys(net: SpikingNetwork) -> dict[Projection, str]:
    """Return what the projections of a network are called: by their layer, or "source -> target"."""
    keys: dict[Projection, str] = {}
    for population in net.populations:
        own = getattr(population, "projection", None)
        if own is not None:
            keys[own] = population.name
    for projection in net.projections:
        if projection in keys:
            continue
        pair = f"{projection.source.name} -> {projection.target.name}"
        same = sum(key == pair or key.startswith(pair + " ") for key in keys.values())
        keys[projection] = f"{pair} {same}" if same else pair
    return keys


def _system(node: Any, integral: bool) -> LinearSystem:
    """The matrices of a population; `integral`: with one more variable, the integral of the potential."""
    system = linear_system(node.neuron)
    return with_integral(system) if integral else system


def _adjoint(
    net: SpikingNetwork, nodes: list[Any], integrals: frozenset[str] = frozenset()
) -> tuple[Any, list[Projection | None]]:
    """The graph as the core takes it, and the projection of each of its edges."""
    edges: list[tuple[int, int, Any]] = []
    of_edges: list[Projection | None] = []
    ports: dict[int, list[int]] = {}
    for projection in net.projections:
        edges.append((projection.source._node, projection.target._node, projection._core))
        of_edges.append(projection)
        ports.setdefault(projection.target._node, []).append(port_number(projection.target.neuron, projection._port))
    described = []
    for node in nodes:
        neurons = None
        if isinstance(node, Population) and node.neuron is not None:
            system = _system(node, node.name in integrals)
            neurons = core_neurons(system, node.n_neurons, ports.get(node._node, []), node.shape)
        elif isinstance(node, Layer):
            if isinstance(node.connection, Unpool2d):
                raise UnsupportedError("there are no gradients through Unpool2d")
            edges.append((node.source._node, node._node, None))
            of_edges.append(None)
        described.append((node.name, node.n_neurons, neurons))
    return _core.Adjoint(described, edges), of_edges


__dir__ = only_public(__all__)
