"""SLAYER's spike response neuron: in continuous time, and on SLAYER's grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._lib.modules import only_public
from ..errors import InvalidArgumentError, UnsupportedError
from .base import NeuronModel, PerNeuron, per_neuron, require_positive, same_length
from .synapses import positive, positive_number

__all__ = ["SRMAlpha"]

_RATES = (1e-18, 1e18)
"""Between these lies 1 over each time constant, as for all linear neurons."""
_RATIO = 1e12
"""At most so far are the two time constants apart: a search in time steps through both."""
_SHORT, _LONGEST = 128, 1024
"""Steps of a kernel on a grid: of the two compiled ones (kernels/evsim/neuron/nonlinear_models.h)."""
_CUTOFF = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class SRMAlpha(NeuronModel):
    r"""Spike response neuron: a potential of alpha kernels, without membrane and without reset.

    .. math::

        u(t) = \sum_{arrivals} w\,\varepsilon\!\left(\frac{t - t_i}{\tau_s}\right)
             - \kappa\,\theta \sum_{own\ spikes} \varepsilon\!\left(\frac{t - t_k}{\tau_r}\right), \qquad
        \varepsilon(x) = x\,e^{1 - x} \text{ for } x > 0

    Where u rises to the threshold :math:`\theta` the neuron fires. It fires again only after u has fallen below
    :math:`\theta`: the refractory kernel begins with 0, so that after a spike u goes on from where it was.

    Parameters
    ----------
    tau_syn : float or array
        Per neuron. Time constant of the synapse, and time from a spike to the peak of its kernel, of height `w`
        (SLAYER's ``tauSr``); > 0.
    tau_refractory : float or array
        Per neuron. That of the refractory kernel (``tauRef``); > 0. With `grid` all neurons of a layer have the same
        time constants.
    threshold : float or array
        Per neuron. :math:`\theta`; > 0.
    refractory_scale : float or array
        Per neuron. :math:`\kappa`, how deep the refractory kernel is, in thresholds (``scaleRef``); >= 0.
    grid : float, optional
        Length of SLAYER's steps (``Ts``), > 0: the neuron then lives in steps, as SLAYER simulates it. In every step
        with :math:`u \ge \theta` it fires, also in steps one after another, and kernels end after their peak where
        they are closer to 0 than 0.01 and `refractory_cutoff`. By default time is continuous and kernels never end.
    refractory_cutoff : float
        With `grid` only. 0.01 as in SLAYER, or 1e-4 as there with ``fullRefKernel=True``; > 0.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError, ShapeMismatchError
        For values outside these domains.
    UnsupportedError
        On a grid, for kernels of more than 1024 steps, and for time constants that differ between neurons.

    Notes
    -----
    Shrestha & Orchard 2018, NeurIPS 31, section 2. In continuous time spikes and re-arming are found exactly, as in
    all linear neurons, by the same search upwards and downwards. On a grid the potentials are those of SLAYER's bins:
    bin t is time t `grid`, where the times of input have to lie (so must ``until`` and ``start`` of
    :meth:`evsim.SpikingNetwork.infer`, which refuses others). Spikes that arrive in one step add up. States are float64
    for networks of either type; SLAYER's are float32. Probes record ``"v"``, which is u, and in continuous time its
    parts ``"psp"`` and ``"refractory"``.

    Examples
    --------
    In continuous time every spike lies exactly on the threshold, on the grid in the first bin at or above it:

    >>> import evsim
    >>> settings = {"tau_syn": 10.0, "tau_refractory": 1.0, "threshold": 10.0}
    >>> for grid in (None, 1.0):
    ...     net = evsim.SpikingNetwork(dtype="float64")
    ...     layer = net.add_layer(evsim.Dense(1, 1, weights=[[14.0]]), evsim.SRMAlpha(**settings, grid=grid))
    ...     net.infer([0], [0.0]).times.round(3)
    array([ 3.869,  7.977, 12.107, 17.233])
    array([ 4.,  9., 14.])

    Neurons of one layer with time constants of their own:

    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.SRMAlpha(tau_syn=[5.0, 10.0], tau_refractory=[1.0, 4.0], threshold=10.0)
    >>> layer = net.add_layer(evsim.Dense(1, 2, weights=[[14.0]] * 2), neuron)
    >>> net.infer([0], [0.0]).times.round(3)
    array([1.935, 3.869, 6.016])
    """

    tau_syn: PerNeuron
    tau_refractory: PerNeuron
    threshold: PerNeuron = 1.0
    refractory_scale: PerNeuron = 2.0
    grid: float | None = None
    refractory_cutoff: float = _CUTOFF

    _shared: ClassVar[tuple[str, ...]] = ("tau_syn", "tau_refractory")
    _time_constants: ClassVar[tuple[str, ...]] = ("tau_syn", "tau_refractory")
    _neuron: ClassVar[tuple[str, ...]] = ("threshold", "refractory_scale")

    def __post_init__(self) -> None:
        object.__setattr__(self, "refractory_cutoff", positive_number(self.refractory_cutoff, "refractory_cutoff"))
        self._take_time_constants()
        require_positive(self, "threshold")
        scale = per_neuron(self.refractory_scale, "refractory_scale")
        if np.any(np.asarray(scale) < 0):
            raise InvalidArgumentError(f"refractory_scale must not be negative, got {self.refractory_scale}")
        object.__setattr__(self, "refractory_scale", scale)
        same_length(self, *self._neuron, *self._time_constants)
        if self.grid is not None:
            object.__setattr__(self, "grid", positive_number(self.grid, "grid"))
            self._grid_kernel()
        elif self.refractory_cutoff != _CUTOFF:
            raise InvalidArgumentError(f"refractory_cutoff needs a grid; got {self.refractory_cutoff} without")

    def _take_time_constants(self) -> None:
        for name in self._time_constants:
            tau = positive(getattr(self, name), name)
            object.__setattr__(self, name, tau)
            rate = 1.0 / np.asarray(tau)
            if not np.all((rate > _RATES[0]) & (rate < _RATES[1])):
                raise InvalidArgumentError(f"{name} is out of range, got {tau}; choose another unit")
        same_length(self, *self._time_constants)
        tau_syn, tau_refractory = map(np.asarray, (self.tau_syn, self.tau_refractory))
        ratio = tau_syn / tau_refractory
        if np.any((ratio < 1.0 / _RATIO) | (ratio > _RATIO)):
            raise InvalidArgumentError(f"tau_syn and tau_refractory are too far apart: {tau_syn}, {tau_refractory}")

    def _grid_kernel(self) -> str:
        """Name of the compiled kernel that holds both kernels of the neuron. Raises UnsupportedError."""
        assert self.grid is not None
        taus = [np.ravel(getattr(self, name)) for name in self._time_constants]
        if self._heterogeneous:
            raise UnsupportedError(
                f"with grid={self.grid} all neurons of a layer have the same time constants, got tau_syn {taus[0]} and "
                f"tau_refractory {taus[1]}; make a layer for each, or leave out grid"
            )
        tau_syn, tau_refractory = (float(tau[0]) for tau in taus)
        depth = float(np.max(np.asarray(self.threshold) * np.asarray(self.refractory_scale)))
        fitting = _SHORT
        for name, tau, height, cutoff in (
            ("tau_syn", tau_syn, 1.0, _CUTOFF),
            ("tau_refractory", tau_refractory, depth, self.refractory_cutoff),
        ):
            if _ends_within(_LONGEST * self.grid / tau, height, cutoff):
                fitting = fitting if _ends_within(_SHORT * self.grid / tau, height, cutoff) else _LONGEST
                continue
            raise UnsupportedError(
                f"{name} = {tau} makes a kernel of more than {_LONGEST} steps of {self.grid}; choose a longer grid"
            )
        return "srm_alpha_grid" if fitting == _SHORT else "srm_alpha_grid_long"

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        if self.grid is not None:
            return self._grid_kernel()
        return "srm_alpha_heterogeneous" if self._heterogeneous else "srm_alpha"

    def kernel_settings(self) -> tuple[str, list[float], list[list[float]]]:
        """Kernel name, shared parameters and per-neuron parameters as the core takes them."""
        name, shared, neuron = super().kernel_settings()
        return name, shared if self.grid is None else [self.grid, *shared, self.refractory_cutoff], neuron

    def check_times(self, layer: str, *, start: float | None, until: float) -> None:
        """Raise InvalidArgumentError if a call begins or ends beside the grid: what lies beyond would be lost."""
        if self.grid is None:
            return
        for name, time in (("start", start), ("until", until)):
            if time is None or not math.isfinite(time / self.grid):
                continue
            if abs(time - round(time / self.grid) * self.grid) > 4 * math.ulp(time):
                raise InvalidArgumentError(
                    f"{name} must be a multiple of {self.grid}, because {layer} (SRMAlpha) lives on that grid; "
                    f"got {time}"
                )


def _ends_within(x: float, height: float, cutoff: float) -> bool:
    """Whether a kernel of this height has ended at `x` time constants."""
    return x > 1.0 and height * x * math.exp(1.0 - x) < cutoff


__dir__ = only_public(__all__)
