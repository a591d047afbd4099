"""Where a loss looks at potentials, and its derivatives there, on their way to the core."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..errors import DTypeError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError

__all__: list[str] = []

Floats = npt.NDArray[np.float64]
Triple: TypeAlias = tuple[npt.NDArray[np.int32], Floats, Floats]
"""Of one sample: neurons, times at which a loss looks at their potential, and its derivatives by that; all (n,)."""

NOTHING: Triple = (np.empty(0, np.int32), np.empty(0), np.empty(0))


class Looks(NamedTuple):
    """Of all samples, in any order; all (n,)."""

    samples: npt.NDArray[np.intp]
    neurons: npt.NDArray[Any]
    times: Floats
    derivatives: Floats


class Looked(NamedTuple):
    """Whose potentials are looked at."""

    name: str
    n_samples: int
    n_neurons: int
    batch: bool


NO_SEEDS: tuple[Any, ...] = ([], np.empty(0, np.int32), np.empty(0), np.empty(0), np.empty(0, np.int32))


def as_seeds(looks: list[tuple[Looks, int, bool]], n_samples: int, size: int) -> tuple[Any, ...]:
    """Return looks as the core takes them, sample by sample.

    Each with the variable of `size` that it looks at, and whether it moves with an arrival that ends a rise.
    """
    samples = np.concatenate([look.samples for look, _, _ in looks])
    order = np.argsort(samples, kind="stable")
    rows = np.zeros((len(samples), size))
    first = 0
    for look, variable, _ in looks:
        rows[first : first + len(look.samples), variable] = look.derivatives
        first += len(look.samples)
    moving = np.concatenate([np.full(len(look.samples), moves, np.int32) for look, _, moves in looks])
    neurons = np.concatenate([look.neurons for look, _, _ in looks]).astype(np.int32)
    times = np.concatenate([look.times for look, _, _ in looks])
    counts = np.bincount(samples, minlength=n_samples).tolist()
    return counts, neurons[order], times[order], rows[order].ravel(), moving[order]


def looks_everywhere(times: Floats, derivatives: Floats) -> Looks:
    """Return looks at all that have a derivative: shapes (n_samples, ..., n_neurons)."""
    places = np.nonzero(derivatives)
    return Looks(places[0], places[-1], times[places], derivatives[places])


def looks_at_maxima(times: Floats, starts: Floats, derivatives: Floats) -> tuple[Looks, Looks]:
    """Return looks at maxima, and at what never rose above what it began with: before all that arrives."""
    risen = np.isfinite(times)
    began = np.broadcast_to(np.nextafter(starts, -np.inf)[:, None], times.shape)
    at = np.where(risen, times, 0.0)
    of_risen = looks_everywhere(at, np.where(risen, derivatives, 0.0))
    return of_risen, looks_everywhere(began, np.where(risen, 0.0, derivatives))


def looks_of(place: Looked, given: Any) -> Looks:
    """Return what a loss says of potentials: a pair (times, derivatives), or a triple for each sample."""
    if isinstance(given, list):
        return _of_triples(place, given)
    if not isinstance(given, tuple) or len(given) != 2:
        raise DTypeError(f"{place.name}: give a pair (times, derivatives), got {type(given).__name__}")
    derivatives = numbers(given[1], f"the derivatives of {place.name}")
    at = np.asarray(given[0], np.float64)
    ends = (place.n_samples, place.n_neurons) if place.batch else (place.n_neurons,)
    several = at.ndim == len(ends) + 1 and (*at.shape[: len(ends) - 1], at.shape[-1]) == ends
    if at.shape != derivatives.shape or not (at.shape == ends or several):
        raise ShapeMismatchError(
            f"{place.name}: times and derivatives of shape {ends}, or with times before the neurons; got "
            f"{at.shape} and {derivatives.shape}"
        )
    if np.any(~np.isfinite(at) & (derivatives != 0.0)):
        raise NonFiniteError(f"{place.name}: times at which a loss looks at potentials must be finite")
    shape = (place.n_samples, *at.shape[1:]) if place.batch else (1, *at.shape)
    return looks_everywhere(at.reshape(shape), derivatives.reshape(shape))


def _of_triples(place: Looked, given: list[Any]) -> Looks:
    if len(given) != place.n_samples:
        raise ShapeMismatchError(f"{place.name}: one triple for each of {place.n_samples} samples, got {len(given)}")
    for sample in given:
        shapes = [np.shape(part) for part in sample] if isinstance(sample, tuple) else []
        if len(shapes) != 3 or shapes[0] != shapes[1] or shapes[1] != shapes[2] or len(shapes[0]) != 1:
            raise ShapeMismatchError(
                f"{place.name}: neurons, times and derivatives of one length for each sample, got {shapes or sample!r}"
            )
    neurons = np.concatenate([np.empty(0, np.int32), *(sample[0] for sample in given)])
    if np.any(neurons < 0) or np.any(neurons >= place.n_neurons):
        raise IndexOutOfRangeError(
            f"{place.name} has {place.n_neurons} neurons, got {neurons.min()} to {neurons.max()}"
        )
    times = numbers(np.concatenate([np.empty(0), *(sample[1] for sample in given)]), f"the times of {place.name}")
    derivatives = np.concatenate([np.empty(0), *(sample[2] for sample in given)])
    samples = np.repeat(np.arange(len(given)), [len(sample[0]) for sample in given])
    return Looks(samples, neurons, times, numbers(derivatives, f"the derivatives of {place.name}"))


def numbers(values: Any, what: str) -> Floats:
    """Return finite numbers. Raises DTypeError or NonFiniteError."""
    try:
        found = np.ascontiguousarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{what} must be numbers: {error}") from None
    if not np.all(np.isfinite(found)):
        raise NonFiniteError(f"{what} must be finite")
    return found


__dir__ = only_public(__all__)
