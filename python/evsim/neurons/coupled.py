"""Linear neurons whose variables act on each other in both directions: resonators and compartments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array
from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .base import PerNeuron, per_neuron, require_not_negative, require_one_length
from .circuit import Circuit, Floats, LinearSystem, rows_of
from .linear import LinearModel
from .named import current
from .synapses import positive

__all__ = ["MultiCompartmentLIF", "ResonateAndFire"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ResonateAndFire(LinearModel):
    r"""A damped oscillation that fires at its threshold, so that input in step with it counts most.

    .. math:: \dot x = -x/\tau - \omega v, \qquad \dot v = \omega x - v/\tau

    A spike of weight `w` makes `x` jump by `w`; the neuron fires when `v` reaches the threshold, and both are set to
    0.

    Parameters
    ----------
    tau : float or array
        Per neuron. Time in which the oscillation falls by a factor of e; > 0.
    omega : float or array
        Per neuron. Angular frequency, in radians per time unit; not 0.
    threshold : float or array
        Per neuron; > 0.

    Notes
    -----
    Izhikevich 2001, Neural Networks 14, eq. 1 to 3, where a spike sets z = x + iv to i; here v would then be at its
    threshold again, and so it is set to 0.

    Examples
    --------
    Two spikes a period apart fire it, half a period apart they cancel:

    >>> import evsim
    >>> def spikes(apart):
    ...     net = evsim.SpikingNetwork(dtype="float64")
    ...     layer = net.add_layer(evsim.Dense(1, 1, weights=[[0.7]]), evsim.ResonateAndFire(tau=50.0, omega=0.5))
    ...     return len(net.infer([0, 0], [0.0, apart]))
    >>> spikes(apart=12.57), spikes(apart=6.28)
    (1, 0)
    """

    tau: PerNeuron
    omega: PerNeuron
    threshold: PerNeuron = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", positive(self.tau, "tau"))
        object.__setattr__(self, "omega", per_neuron(self.omega, "omega"))
        if not np.all(self.omega):
            raise InvalidArgumentError("omega must not be 0")
        object.__setattr__(self, "threshold", per_neuron(self.threshold, "threshold"))
        if np.any(np.asarray(self.threshold) <= 0):
            raise InvalidArgumentError(f"threshold must be positive, got {self.threshold}")

    def system(self) -> LinearSystem:
        """Return the matrices."""
        circuit = Circuit()
        rate = 1.0 / np.asarray(self.tau)
        x, v = circuit.add("x", rate), circuit.add("v", rate)
        circuit.couple(v, x, -np.asarray(self.omega))
        circuit.couple(x, v, self.omega)
        (threshold,) = rows_of(self.threshold)
        nothing = np.zeros((len(threshold), 2))
        return LinearSystem(
            names=("x", "v"),
            flow=circuit.flow(),
            drive=nothing,
            arrivals=(np.array([1.0, 0.0]),),
            readout=np.array([0.0, 1.0]),
            threshold=threshold,
            reset=np.zeros((2, 2)),
            offset=nothing,
            initial=nothing,
            held=(False, False),
            quiet=True,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiCompartmentLIF(LinearModel):
    r"""A leaky integrate-and-fire neuron of several compartments; the first one, the soma, fires and is reset.

    .. math::

        \tau_k \dot V_k = V_{rest} - V_k + I_k + \sum_j G_{kj} (V_j - V_k), \qquad \tau_s \dot I_k = -I_k

    Each compartment is a port: ``port="soma"``, ``"dendrite_1"``, ``"dendrite_2"``, or 0, 1, 2.

    Parameters
    ----------
    tau_mem : array_like, shape (n_compartments,) or (n_neurons, n_compartments)
        Membrane time constants, of all neurons or of each; > 0. With synaptic currents up to 4 compartments, without
        up to 8.
    tau_syn : float or array, or None
        Per neuron. That of the synaptic currents; None for spikes that move the potential of their compartment.
    coupling : array_like, shape (n_compartments, n_compartments) or (n_neurons, n_compartments, n_compartments)
        G, >= 0: how much of the leak of compartment k its coupling to j is, in all neurons or in each. The diagonal
        does not count.
    threshold, v_rest, v_reset : float or array
        Per neuron. `v_reset` is what the soma is set to; by default `v_rest`.
    refractory : float or array
        Per neuron. For this long the soma is held at reset, which the other compartments feel.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains, and shapes that do not fit each other.
    UnsupportedError
        More than 8 variables.

    Notes
    -----
    Norse's ``LIFMC`` in continuous time, with several neurons in a layer: there the compartments are the layer's
    units themselves.

    Examples
    --------
    >>> import evsim
    >>> neuron = evsim.MultiCompartmentLIF(tau_mem=[10.0, 20.0], tau_syn=5.0, coupling=[[0.0, 0.8], [0.4, 0.0]])
    >>> neuron.variables
    ('i_soma', 'i_dendrite_1', 'v_soma', 'v_dendrite_1')
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[30.0]]), neuron, port="dendrite_1")
    >>> net.infer([0], [0.0], until=50.0).times.round(3)
    array([ 6.63 , 10.794, 15.871])

    Neurons of one layer whose dendrites differ:

    >>> neuron = evsim.MultiCompartmentLIF(
    ...     tau_mem=[[10.0, 20.0], [10.0, 5.0]], tau_syn=5.0, coupling=[[0.0, 0.8], [0.4, 0.0]]
    ... )
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 2, weights=[[30.0]] * 2), neuron, port="dendrite_1")
    >>> out = net.infer([0], [0.0], until=50.0)
    >>> [int(np.sum(out.indices == n)) for n in range(2)]
    [3, 6]
    """

    tau_mem: npt.ArrayLike
    tau_syn: PerNeuron | None
    coupling: npt.ArrayLike
    threshold: PerNeuron = 1.0
    v_rest: PerNeuron = 0.0
    v_reset: PerNeuron | None = None
    refractory: PerNeuron = 0.0

    _exponential: ClassVar[bool] = True

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        tau = _numbers(self.tau_mem, "tau_mem", "an array of shape (n_compartments,) or (n_neurons, n_compartments)")
        coupling = _numbers(self.coupling, "coupling", "a square matrix, or one for each neuron")
        n = tau.shape[-1] if tau.ndim else 0
        if tau.ndim not in (1, 2) or coupling.ndim not in (2, 3) or coupling.shape[-2:] != (n, n) or tau.size == 0:
            raise ShapeMismatchError(
                "tau_mem has one value for each of n compartments and coupling shape (n, n), or one row and one matrix "
                f"for each neuron; got shapes {tau.shape} and {coupling.shape}"
            )
        if not np.all(tau > 0):
            raise InvalidArgumentError(f"tau_mem must be positive, got {tau}")
        if not np.all(coupling >= 0):
            raise InvalidArgumentError(f"coupling must not be negative, got {coupling}")
        put("tau_mem", tau)
        put("coupling", coupling)
        if self.tau_syn is not None:
            put("tau_syn", positive(self.tau_syn, "tau_syn"))
        for name in ("threshold", "v_rest"):
            put(name, per_neuron(getattr(self, name), name))
        put("v_reset", self.v_rest if self.v_reset is None else per_neuron(self.v_reset, "v_reset"))
        require_not_negative(self, "refractory")
        require_one_length(self._lengths())
        for name in ("v_rest", "v_reset"):
            if np.any(np.asarray(getattr(self, name)) >= np.asarray(self.threshold)):
                raise InvalidArgumentError(
                    f"threshold must lie above {name} for every neuron; got threshold {self.threshold} and "
                    f"{getattr(self, name)}"
                )
        _ = self._compiled  # what is wrong with the parts together shows here

    def _lengths(self) -> dict[str, int]:
        """For how many neurons there are values of those parameters that are given per neuron."""
        shared = {"tau_mem": 1, "coupling": 2}
        names = ("tau_mem", "tau_syn", "coupling", "threshold", "v_rest", "v_reset", "refractory")
        return {name: len(getattr(self, name)) for name in names if np.ndim(getattr(self, name)) > shared.get(name, 0)}

    @property
    def port_names(self) -> tuple[str, ...]:
        """Names of the compartments."""
        return ("soma", *(f"dendrite_{k}" for k in range(1, np.shape(self.tau_mem)[-1])))

    def system(self) -> LinearSystem:
        """Return the matrices."""
        circuit, names, n = Circuit(), self.port_names, len(self.port_names)
        tau, coupling = np.atleast_2d(self.tau_mem), np.reshape(self.coupling, (-1, n, n))
        synapse = current(self.tau_syn)
        first = 0 if self.tau_syn is None else n
        arrivals = [synapse.build(circuit, f"_{names[k]}", first + k, 1.0 / tau[:, k]) for k in range(n)]
        for k in range(n):
            others = np.sum(coupling[:, k], axis=1) - coupling[:, k, k]
            circuit.add(f"v_{names[k]}", (1.0 + others) / tau[:, k])
        for k in range(n):
            for j in range(n):
                if j != k and np.any(coupling[:, k, j]):
                    circuit.couple(first + j, first + k, coupling[:, k, j] / tau[:, k])
        size = len(circuit.names)
        threshold, v_rest, v_reset = rows_of(self.threshold, self.v_rest, self.v_reset)
        offset, initial = np.zeros((2, len(threshold), size))
        drive = np.zeros((max(len(threshold), len(tau)), size))
        drive[:, first:] = v_rest[:, None] / tau
        initial[:, first:] = v_rest[:, None]
        reset = np.eye(size)
        reset[first, first] = 0.0
        offset[:, first] = v_reset
        soma = np.eye(size)[first]
        vectors = tuple(amount * np.eye(size)[variable] for one in arrivals for variable, amount in one.items())
        return LinearSystem(
            tuple(circuit.names),
            circuit.flow(),
            drive,
            vectors,
            soma,
            threshold,
            reset,
            offset,
            initial,
            tuple(bool(one) for one in soma),
            np.atleast_1d(self.refractory),
            # Passive compartments only even out: after a spike nothing rises above what it was.
            quiet=bool(np.all(v_reset <= v_rest)),
        )


def _numbers(values: Any, name: str, expected: str) -> Floats:
    """Return a read-only array of finite numbers. Raises DTypeError, ShapeMismatchError or NonFiniteError."""
    array: npt.NDArray[Any] = as_array(values, name, expected)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name} must be {expected}, got {values!r}")
    numbers: Floats = np.array(array, np.float64)
    if not np.all(np.isfinite(numbers)):
        raise NonFiniteError(f"{name} must be finite, got {values!r}")
    numbers.flags.writeable = False
    return numbers


__dir__ = only_public(__all__)
