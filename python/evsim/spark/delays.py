"""Delays: how long spikes travel."""

from __future__ import annotations

import reprlib
from typing import Any, ClassVar

import numpy as np

from .._lib.arrays import as_array
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from .config import ONE_POSITIVE, Config, config_class, other, quantity
from .parts import Part


def _as_delays(value: Any, name: str) -> Any:
    if value is None:
        return None
    array: Any = as_array(value, name).copy()
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} must be times (ms) or None, got {reprlib.repr(value)}")
    array = array.astype(np.float64)
    if array.ndim == 0:
        return float(array)
    array.flags.writeable = False
    return array


@config_class
class DelaysConfig(Config):
    """Base class of the configurations of delays."""

    max_delay: float = quantity(8.0, ONE_POSITIVE, "ms")
    delays: Any = other(None, _as_delays)

    def _check(self) -> None:
        values = np.asarray(0.0 if self.delays is None else self.delays)
        wrong = values[~((values >= 0) & (values <= self.max_delay))].ravel()
        if wrong.size:
            raise InvalidArgumentError(
                f"{self._path('delays')} must be from 0 to max_delay, {self.max_delay:g} (ms), got {wrong[0]:g}"
            )


@config_class
class NDelaysConfig(DelaysConfig):
    """Configuration of :class:`NDelays`: `max_delay`, and `delays`, one or one for each input (ms); None draws them."""


@config_class
class N2NDelaysConfig(DelaysConfig):
    """Configuration of :class:`N2NDelays`: `max_delay`, and `delays` (ms); None draws them."""


class Delays(Part):
    """Base class of delays."""

    config_class: ClassVar[type[Config]] = DelaysConfig

    def shape(self, n_units: int, n_inputs: int) -> tuple[int, ...]:
        """Return the shape of the delays."""
        raise NotImplementedError

    def draw(self, n_units: int, n_inputs: int, rng: np.random.Generator) -> Any:
        """Return the delays in ms: one, or an array."""
        shape, delays = self.shape(n_units, n_inputs), self.config.delays
        if delays is None:
            return rng.uniform(0.0, self.config.max_delay, shape)
        if np.ndim(delays) and np.shape(delays) != shape:
            raise ShapeMismatchError(
                f"{type(self.config).__name__}.delays must be one or have shape {shape}, got {np.shape(delays)}"
            )
        return delays


class NDelays(Delays):
    """One delay for each input: uniform from 0 to `max_delay`, unless they are given.

    Delays are times. In Spark they are numbers of steps, of which the largest wraps around to 0; here it does not.

    Examples
    --------
    >>> from evsim.spark import NDelays
    >>> NDelays(delays=[0.0, 1.5]).config.delays
    array([0. , 1.5])
    """

    config_class: ClassVar[type[Config]] = NDelaysConfig

    def shape(self, n_units: int, n_inputs: int) -> tuple[int, ...]:
        """Return the shape of the delays."""
        return (n_inputs,)


class N2NDelays(Delays):
    """One delay for each connection, of shape (n_units, n_inputs); otherwise as :class:`NDelays`.

    With a learning rule, a neuron of several units whose delays differ between them raises UnsupportedError when it is
    built.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spark import N2NDelays
    >>> N2NDelays(max_delay=4.0).draw(2, 3, np.random.default_rng(1)).shape
    (2, 3)
    """

    config_class: ClassVar[type[Config]] = N2NDelaysConfig

    def shape(self, n_units: int, n_inputs: int) -> tuple[int, ...]:
        """Return the shape of the delays."""
        return (n_units, n_inputs)
