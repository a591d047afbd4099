"""Networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from . import random
from ._lib.arrays import as_float, as_size
from ._lib.modules import only_public
from ._lib.paths import as_path
from .description import NetworkDescription, describe, kernel_keys, rebuild
from .devices import find_backend
from .errors import InvalidArgumentError, ShapeMismatchError
from .inputs import samples_of
from .kernels import Kernel
from .neurons import MODELS, NeuronModel
from .nodes import Population
from .probe import Probe, probes_of
from .simulation import Simulation
from .spikes import SpikeArray

__all__ = ["SpikingNetwork"]


class SpikingNetwork(Simulation):
    """Populations of spiking neurons and the projections between them, simulated event by event with exact spike times.

    Parameters
    ----------
    compile_path : path, optional
        Folder for kernels compiled at run time, in place of the user's cache folder.
    dtype : {"float32", "float64"}
        Type of weights and neuron state. Times are always float64.
    seed : int, optional
        For the initialisers of this network; without it they draw from :mod:`evsim.random`.
    device : {"cpu", "cuda"}
        Where it runs; "cuda" is an NVIDIA GPU, through CuPy.
    max_spikes_per_instant : int
        A neuron that fires more often than this at one instant raises RunawaySpikingError.

    Notes
    -----
    Networks pickle and deep-copy, with weights and carried state. Calls from several threads run one after the other;
    a call releases the GIL, uses :func:`evsim.num_threads` threads and can be stopped with Ctrl-C. The result does not
    depend on the number of threads.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> hidden = net.add_layer(evsim.Dense(10, 20), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    >>> out = net.add_layer(evsim.Dense(20, 3), evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5))
    >>> len(net), net.output_layer is out
    (2, True)
    >>> net
    SpikingNetwork(10 -> 20 LIF -> 3 LIF, float32)
    >>> print(net.summary())
    SpikingNetwork(10 -> 20 LIF -> 3 LIF, float32)
    layer  connection     neurons  shape  weights   memory
    0      Dense(10, 20)  LIF      20     200       800 B
    1      Dense(20, 3)   LIF      3      60        240 B
    total                          23     260       1.04 kB
    """

    __slots__ = ()

    def __init__(
        self,
        compile_path: str | PathLike[str] | None = None,
        *,
        dtype: npt.DTypeLike = "float32",
        seed: int | None = None,
        device: str = "cpu",
        max_spikes_per_instant: int = 1000,
    ) -> None:
        super().__init__()
        try:
            name = np.dtype(dtype).name if dtype is not None else "None"
        except (TypeError, ValueError):
            name = str(dtype)
        if name not in ("float32", "float64"):
            raise InvalidArgumentError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
        self._backend = find_backend(device)
        self._dtype = str(name)
        self._device = device
        self._rng = None if seed is None else random.from_seed(seed)
        self._max_spikes_per_instant = as_size(max_spikes_per_instant, "max_spikes_per_instant")
        self._core = self._backend.network(self._max_spikes_per_instant)
        if compile_path is not None:
            as_path(compile_path, "compile_path")
        self._compile_path = compile_path

    # Running

    @overload
    def infer(
        self,
        inputs: SpikeArray,
        times: None = None,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> SpikeArray: ...
    @overload
    def infer(
        self,
        inputs: npt.ArrayLike,
        times: npt.ArrayLike,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> SpikeArray: ...
    @overload
    def infer(
        self,
        inputs: Sequence[SpikeArray | tuple[npt.ArrayLike, npt.ArrayLike]],
        times: None = None,
        *,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> list[SpikeArray]: ...
    @overload
    def infer(
        self,
        inputs: Mapping[Any, Any] | None = None,
        times: None = None,
        *,
        outputs: Sequence[Population | str] | None = None,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> Any: ...
    @overload
    def infer(
        self,
        inputs: Any,
        times: Any = None,
        *,
        outputs: Sequence[Population | str],
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> dict[str, Any]: ...
    def infer(
        self,
        inputs: Any = None,
        times: Any = None,
        *,
        indices: Any = None,
        outputs: Sequence[Population | str] | None = None,
        until: float | None = None,
        start: float | None = None,
        reset: bool = True,
        record: Probe | Sequence[Probe] = (),
    ) -> Any:
        """Run spikes through the network.

        Parameters
        ----------
        inputs : SpikeArray, or array_like of int, or a sequence of SpikeArray or (indices, times), or a mapping
            One sample as a sorted array, or its indices (with `times`), or a batch. With several inputs a mapping of
            their names (or themselves) to one of these; an input that is left out gets no spikes.
        times : array_like of float, shape (n,), optional
            Times that go with indices, in any order; those of one time keep theirs.
        indices : array_like of int, shape (n,), optional
            In place of `inputs`: ``infer(indices=..., times=...)``.
        outputs : sequence of Population or str, optional
            Whose spikes to return, in place of those of the last layer.
        until : float, optional
            End of the simulated time. Spikes before `until` are returned, inputs up to and including it delivered.
            Without it, the network runs until nothing more can happen.
        start : float, optional
            Beginning of the simulated time, which matters for neurons that start away from rest. Default: 0, or the
            first input or record time if that is earlier.
        reset : bool
            False goes on where the last call stopped, at its `until`. Feeding a recording in pieces, each with
            ``until=`` its end, equals feeding it whole, to the last bit.
        record : Probe or sequence of Probe
            What to record; see :class:`Probe`.

        Returns
        -------
        SpikeArray or list of SpikeArray, or a dict of them
            Output of the last layer, sorted by (time, index); a list for a batch. With `outputs`, a dict by name.

        Raises
        ------
        EmptyNetworkError
            The network has no layers.
        UnsortedSpikesError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError, DTypeError
            The input is not a spike train for this network, or a SpikeArray is not sorted.
        StreamError
            With ``reset=False``: input before the time already simulated.
        RunawaySpikingError
            A neuron fires without end at one instant.

        Notes
        -----
        Cost: n_spikes * n_neurons synaptic events per layer; a call that continues a stream starts from the last input
        spike, so neurons that fire by themselves cost least in long pieces. After an error the network is as it was
        before the call. A spike at exactly `until` is returned if an input at `until` completes the interval.

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork()
        >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 5.0]]), evsim.LIF(tau_mem=20.0, tau_syn=10.0))
        >>> net.infer([0, 1], [0.0, 2.0]).times.round(4)
        array([ 3.4736,  6.7215, 11.9116])
        """
        try:
            if indices is not None:
                inputs, times = _of_keywords(inputs, indices, times)
            samples, batch = samples_of(self._inputs, inputs, times, self._backend)
            probes = probes_of(record)
            end = math.inf if until is None else as_float(until, "until")
            begin = None if start is None else as_float(start, "start")
            for population in self._populations:
                if population.neuron is not None:
                    population.neuron.check_times(population.name, start=begin, until=end)
            wanted = [self.output_layer] if outputs is None else self._wanted(outputs)
            requests = [probe.request(self._recorded(probe.layer)) for probe in probes] if probes else []
        except BaseException as error:
            if self._ranks is not None:
                self._ranks._fail(error)
            raise
        spikes, recorded = self._core.infer(
            samples, end, begin, bool(reset), batch, [population._node for population in wanted], requests
        )
        for probe, values in zip(probes, recorded, strict=True):
            probe._values = values if batch else values[0]
        if outputs is None:
            found = wanted[0]._wrap(spikes[0])
            return found if batch else found[0]
        all_found = [population._wrap(cores) for population, cores in zip(wanted, spikes, strict=True)]
        return {one.name: found if batch else found[0] for one, found in zip(wanted, all_found, strict=True)}

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run spikes through the network: :meth:`infer`."""
        return self.infer(*args, **options)

    def _recorded(self, layer: Any) -> Population:
        node = self[layer] if not isinstance(layer, (str, Population)) else self._node_of(layer)
        if not isinstance(node, Population):
            raise InvalidArgumentError("an input has no variables to record")
        return node

    def reset(self) -> None:
        """Forget spikes and carried state; keep the weights."""
        self._core.reset()

    @property
    def time(self) -> float | None:
        """Time up to which the last call simulated (infinity without ``until=``); None before the first call."""
        time: float | None = self._core.time
        return time

    # Keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Write weights and neuron parameters to a file; see :func:`evsim.save`."""
        from .io.network_files import write_network

        write_network(self.to_description(), path)

    def to_description(self, *, state: bool = False) -> NetworkDescription:
        """Return the network as plain values and named arrays.

        Parameters
        ----------
        state : bool
            With what a stream carries.

        Returns
        -------
        NetworkDescription

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> layer = net.add_fc_layer(4, 2, tau_s=0.1, threshold=0.2)
        >>> description = net.to_description()
        >>> [node["name"] for node in description.nodes], list(description.arrays)
        (['input 0', 'layer 0'], ['layer 0.weights'])
        """
        return describe(self, state=state)

    @classmethod
    def from_description(
        cls,
        description: NetworkDescription,
        *,
        kernel_of: Callable[[str], Kernel | None] = lambda name: None,
        neuron_of: Callable[[str], NeuronModel | None] | None = None,
        models: Mapping[str, type[NeuronModel]] = MODELS,
        compile_path: str | PathLike[str] | None = None,
    ) -> SpikingNetwork:
        """Make the network that :meth:`to_description` described.

        Parameters
        ----------
        description : NetworkDescription
        kernel_of : callable, optional
            The kernel of a layer or population, by its name, that was described with one, or by "source -> target"
            where several projections to it have one; None does without.
        neuron_of : callable, optional
            The neurons of a node by its name, in place of those that are described.
        models : mapping of str to type, optional
            Neuron models by name.
        compile_path : path, optional
            As of :class:`SpikingNetwork`.

        Returns
        -------
        SpikingNetwork

        Raises
        ------
        FileFormatError, InvalidArgumentError, ShapeMismatchError, ...
            The description says nothing that makes sense.
        """
        net = cls(
            compile_path,
            dtype=description.dtype,
            device=description.device,
            max_spikes_per_instant=description.max_spikes_per_instant,
        )
        rebuild(net, description, kernel_of, neuron_of, dict(models))
        return net

    def __getstate__(self) -> dict[str, Any]:
        kernels = {key: projection.kernel for projection, key in kernel_keys(self).items()}
        return {
            "description": self.to_description(state=True),
            "neurons": {population.name: population.neuron for population in self._populations},
            "kernels": kernels,
            "rng": self._rng,
            "compile_path": self.compile_path,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        description = state["description"]
        SpikingNetwork.__init__(
            self,
            state["compile_path"],
            dtype=description.dtype,
            device=description.device,
            max_spikes_per_instant=description.max_spikes_per_instant,
        )
        rebuild(self, description, state["kernels"].__getitem__, state["neurons"].__getitem__, {})
        self._rng = state["rng"]


def _of_keywords(inputs: Any, indices: Any, times: Any) -> tuple[Any, Any]:
    if inputs is not None:
        raise InvalidArgumentError("give inputs or indices, not both")
    if times is None:
        raise ShapeMismatchError("give times with indices")
    return indices, times


__dir__ = only_public(__all__)
