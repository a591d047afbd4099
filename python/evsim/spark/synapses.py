"""Synapses: what the current of a spike looks like."""

from __future__ import annotations

import dataclasses
import reprlib
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array
from ..errors import DTypeError, EmptyNetworkError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .config import (
    FRACTION,
    ONE_POSITIVE,
    POSITIVE,
    Config,
    config_class,
    quantity,
)
from .initializers import InitializerConfig, SparseUniformInitializerConfig
from .parts import Part

Term = tuple[float, Any]


@dataclasses.dataclass(frozen=True)
class Drive:
    """What a spike of weight 1 pA brings: a charge at once, or a sum of exponentials.

    Attributes
    ----------
    pulse : float or None
        The charge, in pA ms.
    terms : tuple of (float, float or array)
        Otherwise, currents in pA as (height, time constant in ms).
    """

    pulse: float | None = None
    terms: tuple[Term, ...] = ()


def as_kernel(values: Any, name: str) -> npt.NDArray[np.float64]:
    """Return weights, one row for each unit, all >= 0."""
    wanted = f"{name} must be weights >= 0 (pA) of shape (n_units, n_inputs), or how they are drawn"
    array: Any = as_array(values, name).copy()
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{wanted}, got {reprlib.repr(values)}")
    if array.ndim != 2:
        raise ShapeMismatchError(f"{wanted}, got shape {array.shape}")
    array = array.astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{wanted}, got values that are not finite")
    if np.any(array < 0):
        raise InvalidArgumentError(
            f"{wanted}, got {array.min():g}; what makes a spike inhibitory is its source (inhibitory_rate)"
        )
    kernel: npt.NDArray[np.float64] = array
    kernel.flags.writeable = False
    return kernel


def _kernel() -> Any:
    metadata = {
        "kind": lambda: InitializerConfig,
        "default": SparseUniformInitializerConfig,
        "optional": False,
        "convert": as_kernel,
    }
    return dataclasses.field(default_factory=SparseUniformInitializerConfig, metadata=metadata)


@config_class
class SynapsesConfig(Config):
    """Base class of the configurations of synapses; `kernel` holds the weights or says how they are drawn."""

    kernel: Any = _kernel()


@config_class
class LinearSynapsesConfig(SynapsesConfig):
    """Configuration of :class:`LinearSynapses`: `kernel` (pA), and `pulse`, how long its current flows (ms)."""

    pulse: float = quantity(1.0, ONE_POSITIVE, "ms")


@config_class
class TracedSynapsesConfig(SynapsesConfig):
    """Configuration of :class:`TracedSynapses`: `kernel` (pA), `tau` (ms), `scale`."""

    tau: float = quantity(5.0, POSITIVE, "ms")
    scale: float = quantity(1.0, ONE_POSITIVE)


@config_class
class RDTracedSynapsesConfig(SynapsesConfig):
    """Configuration of :class:`RDTracedSynapses`: `kernel` (pA), `tau_rise` and `tau_decay` (ms)."""

    tau_rise: float = quantity(1.0, ONE_POSITIVE, "ms")
    tau_decay: float = quantity(5.0, ONE_POSITIVE, "ms")


@config_class
class RFSTracedSynapsesConfig(SynapsesConfig):
    """Configuration of :class:`RFSTracedSynapses`: `kernel` (pA), `alpha`, three time constants (ms)."""

    alpha: float = quantity(0.8, FRACTION)
    tau_rise: float = quantity(1.0, ONE_POSITIVE, "ms")
    tau_fast_decay: float = quantity(5.0, ONE_POSITIVE, "ms")
    tau_slow_decay: float = quantity(50.0, ONE_POSITIVE, "ms")


class Synapses(Part):
    """Base class of all synapses."""

    config_class: ClassVar[type[Config]] = SynapsesConfig

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self._network: Any = None
        self._signs: Any = None
        self._rule: Any = None

    def drive(self) -> Drive:
        """Return what a spike brings."""
        raise NotImplementedError

    @property
    def kernel(self) -> npt.NDArray[np.float64]:
        """Weights in pA, all >= 0, of shape (n_units, n_inputs), at the end of the last call; a copy.

        Assign to change them.

        Raises
        ------
        EmptyNetworkError
            The neuron is not built yet.
        """
        if self._network is None:
            raise EmptyNetworkError("the synapses have no weights before the neuron is built: build(n_inputs)")
        weights: npt.NDArray[np.float64] = np.asarray(self._network[0].weights, np.float64) * self._signs
        if self._rule is not None:
            weights = weights * self._rule.remaining(self._network)
        return weights + 0.0

    @kernel.setter
    def kernel(self, values: npt.ArrayLike) -> None:
        shape = self.kernel.shape
        kernel = as_kernel(values, "kernel")
        if kernel.shape != shape:
            raise ShapeMismatchError(f"kernel must have shape {shape}, got {kernel.shape}")
        if self._rule is not None:
            self._rule.settle(self._network)
        self._network[0].weights = kernel * self._signs

    def connect(self, network: Any, signs: npt.NDArray[np.float64], rule: Any = None) -> None:
        """Let the weights be those of the layer of a network, whose inputs have these signs and which may learn."""
        self._network, self._signs, self._rule = network, signs, rule


class LinearSynapses(Synapses):
    """The charge of a spike arrives at once: `kernel` times `pulse`, in pA ms.

    In Spark the current of a spike flows for one step. Here it is a jump of the potential by as much as a current of
    `kernel` for the short time `pulse` (1 ms, Spark's own step) makes: ``kernel * pulse * resistance / potential_tau``.

    Examples
    --------
    >>> from evsim.spark import LinearSynapses
    >>> LinearSynapses(pulse=0.5).drive()
    Drive(pulse=0.5, terms=())
    """

    config_class: ClassVar[type[Config]] = LinearSynapsesConfig

    def drive(self) -> Drive:
        """Return what a spike brings."""
        return Drive(pulse=self.config.pulse)


class TracedSynapses(Synapses):
    r"""A current that jumps by `kernel` times `scale` and decays: :math:`\tau \dot I = -I`.

    Examples
    --------
    >>> from evsim.spark import TracedSynapses
    >>> TracedSynapses(tau=2.0).drive().terms
    ((1.0, 2.0),)
    """

    config_class: ClassVar[type[Config]] = TracedSynapsesConfig

    def drive(self) -> Drive:
        """Return what a spike brings."""
        return Drive(terms=((self.config.scale, self.config.tau),))


class RDTracedSynapses(Synapses):
    r"""A current that rises and decays.

    .. math:: I = K (e^{-t/\tau_d} - e^{-t/\tau}), \qquad 1/\tau = 1/\tau_r + 1/\tau_d

    Examples
    --------
    >>> from evsim.spark import RDTracedSynapses
    >>> RDTracedSynapses(tau_rise=1.0, tau_decay=4.0).drive().terms
    ((1.0, 4.0), (-1.0, 0.8))
    """

    config_class: ClassVar[type[Config]] = RDTracedSynapsesConfig

    def drive(self) -> Drive:
        """Return what a spike brings."""
        return Drive(terms=_rise_decay(1.0, self.config.tau_rise, self.config.tau_decay))


class RFSTracedSynapses(Synapses):
    """A fast and a slow current, of weights `alpha` and 1 - `alpha`, each as :class:`RDTracedSynapses`.

    Examples
    --------
    >>> from evsim.spark import RFSTracedSynapses
    >>> len(RFSTracedSynapses().drive().terms)
    4
    """

    config_class: ClassVar[type[Config]] = RFSTracedSynapsesConfig

    def drive(self) -> Drive:
        """Return what a spike brings."""
        one = self.config
        fast = _rise_decay(one.alpha, one.tau_rise, one.tau_fast_decay) if one.alpha > 0 else ()
        slow = _rise_decay(1.0 - one.alpha, one.tau_rise, one.tau_slow_decay) if one.alpha < 1 else ()
        return Drive(terms=fast + slow)


def _rise_decay(height: float, tau_rise: float, tau_decay: float) -> tuple[Term, ...]:
    return (height, tau_decay), (-height, tau_rise * tau_decay / (tau_rise + tau_decay))
