"""Batches that several processes share: each runs some of the samples through a network of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, ShapeMismatchError, UnsupportedError
from .network import SpikingNetwork
from .probe import Probe
from .ranks import Ranks
from .spikes import SpikeArray

__all__ = ["infer_on_ranks"]


def infer_on_ranks(net: SpikingNetwork, inputs: Any, comm: Any, **options: Any) -> Any:
    r"""Run a batch on several processes, each of which has the whole network and takes its share of the samples.

    Parameters
    ----------
    net : SpikingNetwork
        The same on every process: built alike with the same seed, or loaded from one file.
    inputs : sequence of samples, or mapping of inputs to such sequences
        The whole batch, as :meth:`SpikingNetwork.infer` takes it; the same on every process.
    comm : mpi4py communicator
        Of processes that all call this.
    **options
        As of :meth:`SpikingNetwork.infer`.

    Returns
    -------
    list of SpikeArray, or a dict of them
        Of all samples, on every process, as :meth:`SpikingNetwork.infer` returns them. Probes have the values of all
        samples too.

    Raises
    ------
    UnsupportedError
        The network is distributed, has drives, which draw for each sample of a batch, or has kernels, which may learn.
    ShapeMismatchError
        The processes were given batches of different lengths.
    RankFailedError
        Another process raised an exception.

    Notes
    -----
    Process r of s takes the samples from :math:`\lfloor n r / s \rfloor` on. What the network itself keeps, such as
    :attr:`Population.post_spikes` and what a stream carries, is that of these samples alone: ``reset=False`` goes on
    with as many samples as before. Results are exchanged once.

    Examples
    --------
    On ``mpiexec -n 4 python -m mpi4py script.py``, each process gets all results::

        from mpi4py import MPI
        spikes = evsim.infer_on_ranks(net, samples, MPI.COMM_WORLD, until=100.0)
    """
    ranks = Ranks(comm)
    try:
        if ranks.is_dry:
            raise DTypeError("comm must be a communicator: samples are not shared with ranks that are not there")
        _check(net)
        n, share = _share(inputs, ranks)
        probes = options.get("record", ())
        probes = [probes] if isinstance(probes, Probe) else list(probes)
        found = net.infer(share, **options)
        by_name = found if isinstance(found, dict) else {"": found}
        message = _packed(n, by_name, probes)
    except BaseException as error:
        ranks._fail(error)
        raise
    messages = [_Message(one) for one in ranks.gather(message)]
    lengths = [int(one.take(np.int64, 1)[0]) for one in messages]
    if len(set(lengths)) > 1:
        raise ShapeMismatchError(f"the processes were given batches of {sorted(set(lengths))} samples")
    for name in by_name:
        shape = net[name].shape if name else net.output_layer.shape
        by_name[name] = [spikes for one in messages for spikes in one.spikes(shape)]
    for probe in probes:
        probe._values = np.concatenate([one.values() for one in messages])
    return by_name if isinstance(found, dict) else by_name[""]


def _check(net: Any) -> None:
    if not isinstance(net, SpikingNetwork):
        raise DTypeError(f"net must be a SpikingNetwork, got {net!r}")
    if net.ranks is not None:
        raise UnsupportedError("ranks share the neurons of this network already; its infer takes batches")
    if net.drives:
        raise UnsupportedError(
            "a driven network draws by the number of the sample, which each process would count anew"
        )
    if any(projection.kernel is not None for projection in net.projections):
        raise UnsupportedError("networks with kernels do not share batches: what each process learns would differ")


def _share(inputs: Any, ranks: Ranks) -> tuple[int, Any]:
    """Number of samples, and those of this process."""
    batches = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    if not batches or not all(isinstance(one, Sequence) and not isinstance(one, (str, bytes)) for one in batches):
        raise InvalidArgumentError("give a batch: a list of samples, or a mapping of inputs to lists of samples")
    n = len(batches[0])
    own = ranks.own(n)
    if isinstance(inputs, Mapping):
        if any(len(one) != n for one in batches):
            raise ShapeMismatchError(f"all inputs need the same number of samples, got {[len(b) for b in batches]}")
        return n, {name: batch[own.start : own.stop] for name, batch in inputs.items()}
    return n, inputs[own.start : own.stop]


def _packed(n: int, found: Mapping[str, Sequence[SpikeArray]], probes: Sequence[Probe]) -> bytes:
    parts = [np.int64(n).tobytes()]
    for spikes in found.values():
        parts.append(np.array([len(spikes), *map(len, spikes)], np.int64).tobytes())
        for one in spikes:
            parts += [np.asarray(one.times, np.float64).tobytes(), np.asarray(one.indices, np.int32).tobytes()]
    for probe in probes:
        parts += [np.array(probe.values.shape, np.int64).tobytes(), probe.values.tobytes()]
    return b"".join(parts)


class _Message:
    """What a process said, read in the order in which it was written."""

    def __init__(self, message: bytes) -> None:
        self._message, self._at = message, 0

    def take(self, dtype: Any, n: int) -> Any:
        values = np.frombuffer(self._message, dtype, n, self._at)
        self._at += values.nbytes
        return values

    def spikes(self, shape: Any) -> list[SpikeArray]:
        lengths = self.take(np.int64, int(self.take(np.int64, 1)[0]))
        found = []
        for n in lengths.tolist():
            times = self.take(np.float64, n)
            found.append(SpikeArray(self.take(np.int32, n), times, shape=shape))
        return found

    def values(self) -> Any:
        shape = self.take(np.int64, 3)
        return self.take(np.float64, int(np.prod(shape))).reshape(shape)


__dir__ = only_public(__all__)
