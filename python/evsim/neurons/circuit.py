"""A neuron's variables and how they act on each other, x' = A x + b, on the way to the core's matrices."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.modules import only_public
from ..errors import InvalidArgumentError, ShapeMismatchError, UnsupportedError

__all__: list[str] = []

Floats: TypeAlias = npt.NDArray[np.float64]
Arrival: TypeAlias = dict[int, float]
"""What a spike of weight 1 adds to which variable."""


def _sizes(suffix: str) -> tuple[int, ...]:
    names = (re.fullmatch(rf"linear_(\d){suffix}", name) for name in _core.model_names())
    return tuple(sorted(int(name[1]) for name in names if name))


SIZES = {"": _sizes(""), "_heterogeneous": _sizes("_heterogeneous")}
"""Numbers of variables for which there is a compiled kernel, by what its name ends in: 8, and smaller ones, which are
faster. Neurons that share their A, and neurons that do not."""

_UNBOUNDED = 1e37
"""More than any variable grows by. In float32 twice as much is still finite: times a variable that is 0 it gives 0."""

_RATES = (1e-18, 1e18)
"""Between these lies the fastest rate of a neuron: its 16th power is a float64 number."""


@dataclass
class Circuit:
    """Variables, their decay, and what one does to another; grows part by part."""

    names: list[str] = field(default_factory=list)
    decay: list[Any] = field(default_factory=list)
    links: list[tuple[int, int, Any]] = field(default_factory=list)

    def add(self, name: str, decay: Any) -> int:
        """Add a variable that decays at this rate, one for all neurons or one for each; return its number."""
        if name in self.names:
            raise InvalidArgumentError(f"there are two variables {name!r}; give ports other names")
        self.names.append(name)
        self.decay.append(decay)
        return len(self.names) - 1

    def couple(self, source: int, target: int, rate: Any) -> None:
        """Let `source` act on `target`: ``target' += rate * source``; one rate for all neurons or one for each."""
        self.links.append((source, target, rate))

    def flow(self) -> Floats:
        """Return A, one for all neurons or one for each: shape (n, N, N)."""
        n = len(self.names)
        rates = rows_of(*self.decay, *(rate for _, _, rate in self.links))
        a = np.zeros((len(rates[0]), n, n))
        for k, decay in enumerate(rates[:n]):
            a[:, k, k] = -decay
        for (source, target, _), rate in zip(self.links, rates[n:], strict=True):
            a[:, target, source] += rate
        return a


@dataclass(frozen=True)
class LinearSystem:
    """A neuron whose state follows x' = A x + b between events and fires where c x reaches its threshold.

    Arrays of shape (n, ...) have one row for all neurons or one for each.
    """

    names: tuple[str, ...]
    flow: Floats
    """A, shape (n, N, N)."""
    drive: Floats
    """b, shape (n, N)."""
    arrivals: tuple[Floats, ...]
    """What a spike of weight 1 adds, for every port, shape (N,)."""
    readout: Floats
    """c, shape (N,)."""
    threshold: Floats
    """Shape (n,)."""
    reset: Floats
    """R of x <- R x + r, shape (N, N)."""
    offset: Floats
    """r, shape (n, N)."""
    initial: Floats
    """Shape (n, N)."""
    held: tuple[bool, ...]
    """Which variables stay as they are while the neuron is refractory."""
    refractory: Floats = field(default_factory=lambda: np.zeros(1))
    """Shape (n,)."""
    deaf: bool = False
    """Whether input is lost meanwhile."""
    quiet: bool = False
    """Whether a neuron that rests below its threshold falls silent without input."""

    @property
    def size(self) -> int:
        """Number of variables."""
        return len(self.names)

    @property
    def n_neurons(self) -> int:
        """For how many neurons there are parameters; 1 if all have the same."""
        return max(len(self.threshold), len(self.flow), len(self.refractory))

    def kernel(self) -> CompiledSystem:
        """Return the numbers that the compiled kernel takes."""
        grown = self._with_constant() if self._needs_constant() else self
        basis, inverse, ports = grown._basis()
        n = grown.size
        grown._check_rates()
        flow = inverse @ grown.flow @ basis
        # What cancels in the change of basis leaves nothing behind.
        flow[np.abs(flow) <= 4 * n * np.finfo(float).eps * (np.abs(inverse) @ np.abs(grown.flow) @ np.abs(basis))] = 0.0
        if np.all(flow == flow[0]):
            flow = flow[:1]
        suffix = "_heterogeneous" if len(flow) > 1 else ""
        compiled = next((size for size in SIZES[suffix] if size >= n), None)
        if compiled is None:
            raise UnsupportedError(
                f"a neuron of {n} variables ({', '.join(grown.names)}); the kernels take up to {SIZES[suffix][-1]}"
            )
        rest = grown._rest(flow, grown.drive @ inverse.T)
        reset, readout = inverse @ grown.reset @ basis, grown.readout @ basis
        after_reset = rest @ reset.T + grown.offset @ inverse.T - rest
        held = np.asarray(grown.held, float)
        others = flow[:, held == 0][:, :, held == 1]
        own = np.concatenate([_padded(flow, compiled), _padded(_ceiling(flow, readout), compiled)], axis=1)
        shared: list[Any] = [
            *(own if len(own) == 1 else []),
            *(_padded(matrix[None], compiled)[0] for matrix in (reset, basis, readout, held)),
            [
                float(any(readout[p] != 0.0 for p in ports)),
                float(bool(np.any(self.refractory)) and bool(np.any(others))),
                float(self.deaf),
                float(self.quiet),
            ],
        ]
        columns = [
            grown.threshold - rest @ readout,
            *(_padded(rows, compiled).T for rows in (after_reset, grown.initial @ inverse.T - rest, rest)),
            self.refractory[None],
            *([own.T] if len(own) > 1 else []),
        ]
        per_neuron = [np.atleast_1d(columns[0]).tolist()]
        for block in columns[1:]:
            per_neuron += [np.atleast_1d(column).tolist() for column in block]
        return CompiledSystem(f"linear_{compiled}{suffix}", np.concatenate(shared).tolist(), per_neuron, ports)

    def _check_rates(self) -> None:
        fastest = float(np.max(np.abs(self.flow)))
        if fastest and not _RATES[0] < fastest < _RATES[1]:
            raise InvalidArgumentError(
                f"the fastest rate of a neuron (one over a time constant, or a coupling) must lie between "
                f"{_RATES[0]:g} and {_RATES[1]:g}, got {fastest:g}; choose another unit of time"
            )

    def _needs_constant(self) -> bool:
        """Whether a constant drive finds no rest, because what it drives does not leak."""
        return bool(np.any(self.drive)) and bool(np.any(np.linalg.matrix_rank(self.flow) < self.size))

    def _with_constant(self) -> LinearSystem:
        """The same with the drive as a variable that stays 1."""
        n = self.size
        flow = np.zeros((max(len(self.flow), len(self.drive)), n + 1, n + 1))
        flow[:, :n, :n], flow[:, :n, n] = self.flow, self.drive
        reset = np.eye(n + 1)
        reset[:n, :n] = self.reset

        def wider(rows: Floats, last: float) -> Floats:
            return np.concatenate([rows, np.full((*rows.shape[:-1], 1), last)], axis=-1)

        return LinearSystem(
            (*self.names, "drive"),
            flow,
            np.zeros((1, n + 1)),
            tuple(wider(arrival, 0.0) for arrival in self.arrivals),
            wider(self.readout, 0.0),
            self.threshold,
            reset,
            wider(self.offset, 0.0),
            wider(self.initial, 1.0),
            (*self.held, False),
            self.refractory,
            self.deaf,
            False,
        )

    def _basis(self) -> tuple[Floats, Floats, tuple[int, ...]]:
        """T and its inverse, x = T z, in which every port adds to one variable; and to which."""
        basis, inverse = np.eye(self.size), np.eye(self.size)
        ports: list[int] = []
        for arrival in self.arrivals:
            reached = np.flatnonzero(arrival)
            known = [k for k in range(len(ports)) if np.array_equal(self.arrivals[k], arrival)]
            if known:
                ports.append(ports[known[0]])
                continue
            lead = int(reached[0]) if len(reached) else 0
            if len(reached) == 0:
                raise InvalidArgumentError("a synapse of factor 0 does nothing")
            if len(reached) > 1 and any(self.held[k] for k in reached):
                raise InvalidArgumentError("a Delta synapse cannot be part of a sum; give it a port of its own")
            basis[:, lead] = arrival
            inverse[:, lead] = -arrival / arrival[lead]
            inverse[lead, lead] = 1.0 / arrival[lead]
            ports.append(lead)
        return basis, inverse, tuple(ports)

    def _rest(self, flow: Floats, drive: Floats) -> Floats:
        if not np.any(drive):
            return np.zeros_like(drive)
        if len(flow) == 1:
            return np.asarray(np.linalg.solve(flow[0], -drive.T).T, np.float64)
        each = np.broadcast_to(drive, flow.shape[:2])
        return np.asarray(np.linalg.solve(flow, -each[..., None])[..., 0], np.float64)


@dataclass(frozen=True)
class CompiledSystem:
    """What the core takes: kernel, shared and per-neuron parameters, and the variable at which each port arrives."""

    kernel: str
    shared: list[float]
    per_neuron: list[list[float]]
    ports: tuple[int, ...]


def _padded(values: Floats, size: int) -> Floats:
    """Vectors or matrices of N, shape (n, N) or (n, N, N), padded to `size` and each in a row."""
    out = np.zeros((len(values), *(size,) * (values.ndim - 1)))
    out[tuple(slice(n) for n in values.shape)] = values
    return out.reshape(len(values), -1)


def _ceiling(flow: Floats, readout: Floats) -> Floats:
    """Return u, shape (n, N), with ``c e^{A t} x <= u |x|`` for all t >= 0. Raises InvalidArgumentError where x may
    grow for ever.
    """
    if np.any(np.diagonal(flow, axis1=1, axis2=2) > 0):
        raise InvalidArgumentError("a variable of a neuron must not grow by itself")
    order = _order(np.any(flow != 0, axis=0))
    if order is not None:
        return _ceiling_in_order(flow, readout, order)
    return np.stack([_ceiling_of_cycles(one, readout) for one in flow])


def _ceiling_in_order(flow: Floats, readout: Floats, order: list[int]) -> Floats:
    """|e^{A t}| <= e^{M t}, with the signs of all couplings positive; u M <= 0 and u >= |c| are enough."""
    ceiling = np.tile(np.abs(readout), (len(flow), 1))
    for j in reversed(order):
        out = np.zeros(len(flow))
        for i in range(len(readout)):
            if i != j:
                out = out + ceiling[:, i] * np.abs(flow[:, i, j])
        falls, reached = flow[:, j, j] < 0, out > 0
        steady = np.divide(out, -flow[:, j, j], where=falls, out=np.full(len(flow), _UNBOUNDED)) * (1 + 1e-12)
        ceiling[:, j] = np.where(reached, np.maximum(ceiling[:, j], steady), ceiling[:, j])
    limited: Floats = np.minimum(ceiling, _UNBOUNDED)
    return limited


def _order(acts: npt.NDArray[np.bool_]) -> list[int] | None:
    """Variables such that each acts on later ones only; None if there is no such order."""
    left, order = set(range(len(acts))), []
    while left:
        free = [j for j in left if not any(acts[j, i] for i in left if i != j)]
        if not free:
            return None
        order += free
        left -= set(free)
    return order


def _ceiling_of_cycles(flow: Floats, readout: Floats) -> Floats:
    """By an energy x P x that does not grow (P from the eigenvectors), which bounds every readout."""
    if (order := _order(flow != 0)) is not None:
        only: Floats = _ceiling_in_order(flow[None], readout, order)[0]
        return only
    values, vectors = np.linalg.eig(flow)
    scale = float(np.max(np.abs(flow)))
    if np.any(values.real > 1e-12 * scale):
        raise InvalidArgumentError(
            "the variables of the neuron act on each other so that they grow without bound (at a rate of "
            f"{values.real.max():g})"
        )
    if np.linalg.cond(vectors) < 1e8:
        inverse = np.linalg.inv(vectors)
        energy = (inverse.conj().T @ inverse).real
    elif np.all(values.real < -1e-6 * scale):
        energy = _lyapunov(flow)
    else:
        return np.full(len(flow), _UNBOUNDED)
    reach = float(readout @ np.linalg.solve(energy, readout))
    ceiling: Floats = np.sqrt(reach * np.diag(energy)) * (1 + 1e-6)
    return np.minimum(ceiling, _UNBOUNDED)


def _lyapunov(flow: Floats) -> Floats:
    """Return P with A' P + P A = -1, by which x P x only falls: also where modes meet (critical damping)."""
    n, one = len(flow), np.eye(len(flow))
    energy = np.linalg.solve(np.kron(one, flow.T) + np.kron(flow.T, one), -one.ravel()).reshape(n, n)
    symmetric: Floats = (energy + energy.T) / 2
    return symmetric


def rows_of(*values: Any) -> list[Floats]:
    """Parameters, each one value or one per neuron, as arrays of one length."""
    lengths = {np.size(value) for value in values if np.ndim(value)}
    if len(lengths - {1}) > 1 or 0 in lengths:
        raise ShapeMismatchError(f"parameters per neuron must have one length, above 0, got {sorted(lengths)}")
    length = max({1, *lengths})
    return [np.broadcast_to(np.asarray(value, np.float64), length).copy() for value in values]


__dir__ = only_public(__all__)
