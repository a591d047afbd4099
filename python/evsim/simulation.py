"""Going on from where a network stands: a long run in pieces, with a progress bar."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import _core
from ._lib.arrays import as_float
from ._lib.modules import only_public
from .distribution import told
from .errors import InvalidArgumentError
from .inputs import samples_of
from .nodes import Population
from .probe import Probe, Recording, probes_of
from .shorthands import LayerShorthands
from .spikes import SpikeArray

__all__ = ["Simulation"]

_FIRST = 1.0 / 128.0
"""Part of the whole that is run first, to see how long that takes."""
_PIECE, _PATIENCE = 0.5, 1.0
"""Seconds that a piece should take, and after which a bar is shown."""


class Simulation(LayerShorthands):
    """The part of :class:`SpikingNetwork` that goes on in time."""

    __slots__ = ()

    infer: Any
    time: Any
    _recorded: Any

    @told
    def simulate(
        self,
        until: float,
        inputs: Any = None,
        *,
        record_spikes: Sequence[Population | str] | None = None,
        record: Probe | Sequence[Probe] = (),
        progress: bool | None = None,
    ) -> Any:
        """Go on from where the network stands, up to `until`.

        Parameters
        ----------
        until : float
            Up to which time; finite, and not before :attr:`time`.
        inputs : SpikeArray, (indices, times) or mapping, optional
            Spikes of one sample from here to `until`; with several inputs a mapping, as :meth:`infer` takes it.
        record_spikes : sequence of Population or str, optional
            Whose spikes to return, in place of those of the last layer.
        record : Probe or sequence of Probe
            What to record from here to `until`; see :class:`Probe`.
        progress : bool, optional
            Whether to show a progress bar in runs of more than a second. Default: if standard error is a terminal.

        Returns
        -------
        SpikeArray, or a dict of them by name with `record_spikes`
            Spikes since :attr:`time` and before `until`.

        Raises
        ------
        InvalidArgumentError
            `until` lies before the time of the network or is not finite, `inputs` is a batch, or a probe asks for a
            time outside.
        IndexOutOfRangeError, UnsortedSpikesError, NonFiniteError, DTypeError
            Probes of neurons that are not there, or whose times are not in order.
        StreamError
            Input before the time of the network.

        Notes
        -----
        The same to the last bit as ``infer(inputs, until=until, reset=False)``; what probes see of neurons with
        sparse synapses, delays of synapses or a drive is the same up to rounding. It runs in pieces that take half a
        second each; Ctrl-C, or an error, leaves the network as of the last one, which :attr:`time` tells, and the
        probes as they were.

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork()
        >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[9.0]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
        >>> net.simulate(10.0, ([0], [2.0])).times.round(3)
        array([4.724, 8.628])
        >>> net.simulate(20.0, ([0], [11.0])).times.round(3)
        array([11.951, 13.972, 16.551])
        >>> net.time
        20.0
        """
        end = as_float(until, "until")
        if not math.isfinite(end):
            raise InvalidArgumentError(f"until must be finite, got {until!r}; infer runs until nothing more can happen")
        given, times = inputs if isinstance(inputs, tuple) and len(inputs) == 2 else (inputs, None)
        samples, batch = samples_of(self._inputs, {} if given is None else given, times, self._backend)
        if batch:
            raise InvalidArgumentError("simulate goes on with one sample; give a batch to infer(..., reset=False)")
        wanted = [self.output_layer] if record_spikes is None else self._wanted(record_spikes)
        trains = [one if isinstance(one, tuple) else (one.indices, one.times) for one in samples[0]]
        for one, (indices, times) in zip(self._inputs, trains, strict=True):
            if self.device == "cpu":  # elsewhere there is one piece, which checks it
                _core.check_spikes(indices, times, one.n_neurons, "input")
        probes = probes_of(record)
        if probes:
            self._check_probes(probes, end)
        recording = Recording(probes)
        fresh, found = self.time is None, []
        first = [0.0, end, *(float(times[0]) for _, times in trains if len(times)), *recording.first()]
        begin = min(first) if self.time is None else self.time
        for piece in self._agreed(piece_ends(begin, end, bar=progress), end) if self.device == "cpu" else [end]:
            here = [int(times.searchsorted(piece, side="right")) for _, times in trains]
            piece_of = {
                one.name: (indices[:n], times[:n])
                for one, (indices, times), n in zip(self._inputs, trains, here, strict=True)
            }
            start = begin if fresh else None
            options = {"until": piece, "start": start, "reset": fresh, "outputs": wanted}
            with recording.until(piece, last=piece == end) as parts:
                found.append(self.infer(piece_of, **options, record=parts))
            trains = [(indices[n:], times[n:]) for (indices, times), n in zip(trains, here, strict=True)]
            fresh = False
        recording.finish()
        spikes = {one.name: joined([part[one.name] for part in found]) for one in wanted}
        return spikes if record_spikes is not None else spikes[wanted[0].name]

    def _check_probes(self, probes: Sequence[Probe], end: float) -> None:
        """Raise what is wrong with the probes of the whole run before anything is simulated."""
        requests = []
        for probe in probes:
            population = self._recorded(probe.layer)
            requests.append((self._populations.index(population), *probe.request(population)[1:]))
        nodes = [(one.name, one.n_neurons, None) for one in self._populations]
        _core.plan_call(nodes, self.time, 1, [math.inf], end, None, False, requests)


def joined(parts: Sequence[Any]) -> Any:
    """Return the spikes of pieces, each after the one before, as one array."""
    if len(parts) == 1:
        return parts[0]
    return SpikeArray(np.concatenate([one.indices for one in parts]), np.concatenate([one.times for one in parts]))


def piece_ends(begin: float, until: float, *, bar: bool | None) -> Iterator[float]:
    """Yield the end of one piece after the other; each is to be run before the next is asked for.

    `bar`: whether to show how far it is; None: if standard error is a terminal.
    """
    shown = sys.stderr.isatty() if bar is None else bar
    started, now, length = time.perf_counter(), begin, (until - begin) * _FIRST
    with _Bar(begin, until) as progress:
        while True:
            end = min(now + length, until) if now + length > now else until
            before = time.perf_counter()
            yield end
            after = time.perf_counter()
            if end >= until:
                return
            # A piece that was too short to be measured says little about the next one.
            length = (end - now) * min(8.0, max(0.125, _PIECE / max(after - before, 1e-9)))
            now = end
            if shown and after - started > _PATIENCE:
                progress.show(now)


class _Bar:
    """Appears when it is first shown."""

    def __init__(self, begin: float, until: float) -> None:
        self._begin, self._until = begin, until
        self._progress: Any = None

    def __enter__(self) -> _Bar:
        return self

    def show(self, now: float) -> None:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            columns = (BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True))
            self._progress.start()
            self._task = self._progress.add_task("", total=self._until - self._begin, text="")
        text = f"{now:.6g} of {self._until:.6g}"
        self._progress.update(self._task, completed=now - self._begin, text=text)

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()


__dir__ = only_public(__all__)
