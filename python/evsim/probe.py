"""Recording of state variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib.arrays import as_indices, as_times
from ._lib.modules import only_public
from .errors import DTypeError, NotRunError

__all__ = ["Probe"]


class _WithWeakReferences:
    __slots__ = ("__weakref__",)


@dataclass(eq=False, slots=True)
class Probe(_WithWeakReferences):
    """A variable of chosen neurons at chosen times, exact, not sampled in steps.

    Pass it to :meth:`SpikingNetwork.infer` or ``simulate`` in ``record=``; afterwards :attr:`values` holds what was
    asked for. At a time where something jumps, the value after the jump is recorded.

    Parameters
    ----------
    layer : int, str or Population
        The layer, its name or its index; negative counts from the end.
    times : array_like of float, shape (n_times,)
        When; ascending, within the simulated time (its end included).
    neurons : array_like of int, shape (n_recorded,), optional
        Which neurons; all by default.
    variable : str
        ``"v"`` (membrane potential) or, where the model has one, ``"i"`` (synaptic current).

    Attributes
    ----------
    values : ndarray of float64, shape (n_times, n_recorded)
        Set by the call; (n_samples, n_times, n_recorded) after a batch.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.LI(tau_mem=20.0, tau_syn=10.0))
    >>> probe = evsim.Probe(0, times=[0.0, 10.0, 20.0])
    >>> spikes = net.infer([0], [0.0], record=probe)
    >>> probe.values.round(4)
    array([[0.    ],
           [0.2387],
           [0.2325]])
    """

    layer: Any
    times: npt.ArrayLike
    neurons: npt.ArrayLike | None = None
    variable: str = "v"
    _values: npt.NDArray[np.float64] | None = field(default=None, init=False, repr=False)

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """What was recorded."""
        if self._values is None:
            raise NotRunError("this probe has not been passed to infer(record=...) yet")
        return self._values

    def request(self, population: Any) -> tuple[int, int, list[int], list[float]]:
        """What the core needs to know to record from `population`."""
        if not isinstance(self.variable, str):
            raise DTypeError(f"variable must be a name such as 'v', got {self.variable!r}")
        neurons = np.arange(population.n_neurons) if self.neurons is None else as_indices(self.neurons, "neurons")
        neuron = population.neuron
        observable = population._core.observable(neuron.observable(self.variable) if neuron else self.variable)
        return population._node, observable, neurons.tolist(), as_times(self.times, "times").tolist()


def probes_of(record: Any) -> Sequence[Probe]:
    """Return one probe or several as a sequence. Raises DTypeError."""
    if isinstance(record, tuple) and not record:
        return record
    probes = [record] if isinstance(record, Probe) else record
    if not isinstance(probes, Sequence) or not all(isinstance(probe, Probe) for probe in probes):
        raise DTypeError(f"record must be a Probe or a sequence of them, got {record!r}")
    return probes


class Recording:
    """Values of probes from runs that go on from one another."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = probes
        self._times = [as_times(probe.times, "times") for probe in probes]
        self._found: list[list[npt.NDArray[np.float64]]] = [[] for _ in probes]

    def first(self) -> list[float]:
        """Return the first time of each probe that has times."""
        return [float(times[0]) for times in self._times if len(times)]

    @contextmanager
    def until(self, end: float, *, last: bool) -> Iterator[list[Probe]]:
        """Give the probes of a run up to `end`, and take their values when it is done."""
        parts: list[tuple[int, Probe]] = []
        for k, times in enumerate(self._times):
            n = int(times.searchsorted(end, side="right"))
            if n or last:  # of a probe without times at least the shape
                parts.append((k, replace(self._probes[k], times=times[:n])))
                self._times[k] = times[n:]
        yield [part for _, part in parts]
        for k, part in parts:
            self._found[k].append(part.values)

    def finish(self) -> None:
        """Give the probes what was recorded."""
        for probe, found in zip(self._probes, self._found, strict=True):
            probe._values = np.concatenate(found)


__dir__ = only_public(__all__)
