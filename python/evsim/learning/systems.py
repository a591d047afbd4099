"""Neurons as matrices, for the way back; and from derivatives by matrices to derivatives by parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.modules import only_public
from ..errors import NoSuchParameterError, UnsupportedError
from ..neurons import MultiCompartmentLIF, NeuronModel
from ..neurons.circuit import LinearSystem
from ..neurons.systems import linear_system

__all__: list[str] = []

Floats = npt.NDArray[np.float64]

SIZES = tuple(_core.adjoint_sizes())
"""Numbers of variables for which there is a compiled way back, with the one that stays 1."""


@dataclass(frozen=True)
class Matrices:
    """A neuron's x' = A x, with a last variable that stays 1, and padding; shapes (n, ...), n one or the neurons."""

    flow: Floats
    reset: Floats
    initial: Floats
    threshold: Floats
    refractory: Floats

    @classmethod
    def of(cls, system: LinearSystem) -> Matrices:
        """Put drive and offset into the matrices."""
        n = system.size
        size = next(k for k in SIZES if k > n)
        flow = np.zeros((max(len(system.flow), len(system.drive)), size, size))
        flow[:, :n, :n], flow[:, :n, -1] = system.flow, system.drive
        reset = np.zeros((len(system.offset), size, size))
        reset[:, :n, :n], reset[:, :n, -1], reset[:, -1, -1] = system.reset, system.offset, 1.0
        initial = np.zeros((len(system.initial), size))
        initial[:, :n], initial[:, -1] = system.initial, 1.0
        return cls(flow, reset, initial, system.threshold, system.refractory)


def with_integral(system: LinearSystem) -> LinearSystem:
    """Return the system with one more variable, the integral of its potential."""
    n = system.size
    flow = np.zeros((len(system.flow), n + 1, n + 1))
    flow[:, :n, :n], flow[:, n, :n] = system.flow, system.readout

    def wider(rows: Floats) -> Floats:
        return np.concatenate([rows, np.zeros((*rows.shape[:-1], 1))], axis=-1)

    reset = np.eye(n + 1)
    reset[:n, :n] = system.reset
    return replace(
        system,
        names=(*system.names, "integral"),
        flow=flow,
        drive=wider(system.drive),
        arrivals=tuple(map(wider, system.arrivals)),
        readout=wider(system.readout),
        reset=reset,
        offset=wider(system.offset),
        initial=wider(system.initial),
        held=(*system.held, False),
    )


def core_neurons(system: LinearSystem, n_neurons: int, ports: list[int], shape: Any = None) -> Any:
    """Return the neurons as the core takes them; `ports`: which one each projection to them leads to.

    `shape`: channels, rows and columns, where parameters may be given by channel.
    """
    if system.size >= SIZES[-1]:
        raise UnsupportedError(f"there are gradients of neurons of up to 8 variables, got {system.size}")
    matrices = Matrices.of(system)
    size = matrices.flow.shape[-1]
    held = np.zeros(size, bool)
    held[: system.size] = system.held
    held_flow = np.where(held[:, None], 0.0, matrices.flow)
    readout = np.zeros(size)
    readout[: system.size] = system.readout
    arrivals = np.zeros((len(ports), size))
    for row, port in zip(arrivals, ports, strict=True):
        row[: system.size] = system.arrivals[port]
    held_arrivals = np.zeros_like(arrivals) if system.deaf else np.where(held, 0.0, arrivals)

    def of_neurons(values: Floats) -> Floats:
        if shape is not None and 1 < len(values) == shape[0] != n_neurons:
            values = np.repeat(values, n_neurons // shape[0], axis=0)
        return np.broadcast_to(values, (n_neurons, *values.shape[1:]))

    def flat(values: Floats) -> list[float]:
        numbers: list[float] = np.ravel(values if len(values) == 1 else of_neurons(values)).tolist()
        return numbers

    refractory = of_neurons(system.refractory) if np.any(system.refractory) else np.empty(0)

    return _core.LinearNeurons(
        size,
        system.size,
        flat(matrices.flow),
        flat(held_flow) if len(refractory) else [],
        flat(matrices.reset),
        flat(matrices.initial),
        readout.tolist(),
        refractory.tolist(),
        arrivals.ravel().tolist(),
        held_arrivals.ravel().tolist(),
    )


def parameter_names(neuron: NeuronModel) -> tuple[str, ...]:
    """Return the names of parameters by which there are derivatives, those of adaptations as ``adaptation.0.tau``."""
    names = []
    for item in fields(neuron):
        value = getattr(neuron, item.name)
        if item.name == "adaptation":
            names += [f"adaptation.{k}.{part.name}" for k, one in enumerate(value) for part in fields(one)]
        elif isinstance(value, (float, int, np.ndarray)) and not isinstance(value, bool):
            names.append(item.name)
    return tuple(names)


def changed(neuron: Any, name: str, change: Callable[[Any], Any]) -> NeuronModel:
    """Return the neuron with one parameter changed."""
    if name.startswith("adaptation."):
        _, number, part = name.split(".")
        parts = list(neuron.adaptation)
        one = parts[int(number)]
        parts[int(number)] = replace(one, **{part: change(getattr(one, part))})
        adapted: NeuronModel = replace(neuron, adaptation=tuple(parts))
        return adapted
    changed: NeuronModel = replace(neuron, **{name: change(getattr(neuron, name))})
    return changed


def parameter_value(neuron: Any, name: str) -> Any:
    """Return a parameter by one of :func:`parameter_names`, by which there is a derivative.

    Raises NoSuchParameterError, or UnsupportedError for refractory periods of 0.
    """
    if name not in parameter_names(neuron):
        known = ", ".join(parameter_names(neuron))
        raise NoSuchParameterError(f"{type(neuron).__name__} has the parameters {known}; got {name!r}")
    if name.startswith("adaptation."):
        _, number, part = name.split(".")
        return getattr(neuron.adaptation[int(number)], part)
    value = getattr(neuron, name)
    if name == "refractory" and not np.all(value):
        raise UnsupportedError(f"there are derivatives by refractory periods above 0 only, got {value}")
    if np.ndim(value) > 1 or (isinstance(neuron, MultiCompartmentLIF) and np.ndim(value)):
        kind = type(neuron).__name__
        raise UnsupportedError(f"there are no derivatives by {name} of {kind}, of which each neuron has several")
    return value


def by_parameter(neuron: NeuronModel, name: str, gradients: tuple[Floats, ...], n_neurons: int) -> Any:
    """Return the derivative by a parameter from those by matrices, as the core gives them.

    The matrices are sums of products and quotients of the parameters, of which a central difference, extrapolated
    (Richardson 1911, Phil. Trans. R. Soc. A 210), has some 10 digits.
    """
    value = np.asarray(parameter_value(neuron, name), np.float64)
    by_flow, by_held_flow, by_reset, by_threshold, by_refractory, by_initial = gradients
    held = np.asarray(linear_system(neuron).held)
    size = len(by_initial) // n_neurons
    with_more = Matrices.of(linear_system(neuron)).flow.shape[-1] != size  # with the integral of the potential
    step = 2.0**-16 * np.where(value == 0.0, 1.0, np.abs(value))

    def matrices(change: Callable[[Any], Any]) -> Matrices:
        system = linear_system(changed(neuron, name, change))
        return Matrices.of(with_integral(system) if with_more else system)

    def difference(width: Any) -> list[Floats]:
        """By every matrix, shape (n, ...)."""
        up, down = matrices(lambda old: old + width), matrices(lambda old: old - width)
        out = []
        for item in fields(Matrices):
            a, b = np.broadcast_arrays(getattr(up, item.name), getattr(down, item.name))
            rows = (a - b) / (2.0 * np.reshape(width, (-1, *(1,) * (a.ndim - 1))))
            out.append(rows if len(rows) == 1 else np.repeat(rows, n_neurons // len(rows), axis=0))  # of channels
        return out

    def extrapolated() -> list[Floats]:
        rows = [[d] for d in (difference(step), difference(step / 2), difference(step / 4))]
        one = [(4.0 * b - a) / 3.0 for a, b in zip(rows[0][0], rows[1][0], strict=True)]
        two = [(4.0 * b - a) / 3.0 for a, b in zip(rows[1][0], rows[2][0], strict=True)]
        return [(16.0 * b - a) / 15.0 for a, b in zip(one, two, strict=True)]

    flow, reset, initial, threshold, refractory = extrapolated()
    free = np.ones(size)
    free[: len(held)] = ~held
    by_all_flow = by_flow.reshape(-1, size, size) + by_held_flow.reshape(-1, size, size) * free[:, None]
    by_neuron = (
        np.sum(by_all_flow * flow, axis=(1, 2))
        + np.sum(by_reset.reshape(-1, size, size) * reset, axis=(1, 2))
        + np.sum(by_initial.reshape(-1, size) * initial, axis=1)
        + by_threshold * threshold
        + by_refractory * refractory
    )
    return by_neuron.reshape(value.size, -1).sum(axis=1) if value.ndim else float(np.sum(by_neuron))


__dir__ = only_public(__all__)
