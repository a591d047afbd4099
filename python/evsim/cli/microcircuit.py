"""The cortical microcircuit of Potjans & Diesmann, which ``evsim simulate`` runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_positive
from ..connections import Sparse
from ..drives import PoissonDrive
from ..errors import InvalidArgumentError
from ..neurons import LIF
from .networks import Circuit, empty_network

Floats = npt.NDArray[np.float64]

NAMES = ("L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
EXTERNAL = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
"""External synapses of a neuron."""
RATES = np.array([0.971, 2.868, 4.746, 5.396, 8.142, 9.078, 0.991, 7.523])
"""Hz; means at full scale, which the mean input that a smaller network lacks follows from."""
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
"""That a pair has a synapse: by target, then source."""

TAU_MEM, TAU_SYN, REST, THRESHOLD, REFRACTORY = 10.0, 0.5, -65.0, -50.0, 2.0
WEIGHT = 87.8 * TAU_MEM / 250.0
"""mV: 87.8 pA times the resistance of a membrane, tau_mem / 250 pF."""
INHIBITION, SPREAD = -4.0, 0.1
DELAYS, DELAY_SPREAD, SHORTEST = (1.5, 0.75), 0.5, 0.1
"""ms; means of excitation and inhibition, standard deviation in units of the mean, and where both are cut."""
BACKGROUND = 0.008
"""Arrivals in a ms at each external synapse."""


def potjans_diesmann(scale: float = 0.1, *, seed: int = 1, dtype: str = "float32", comm: Any | None = None) -> Circuit:
    r"""Four layers of cortex below a square millimetre, each with an excitatory and an inhibitory population.

    Parameters
    ----------
    scale : float
        At 1, the most, there are 77,169 neurons and 299 million synapses. Below, numbers of neurons and in-degrees,
        external ones too, are multiplied by `scale`, so that the number of synapses falls with its square. Weights are
        divided by the square root of `scale`, which keeps the variance of the input, and a constant current makes up
        for the mean input that is lost by it. Correlations grow as the network gets smaller.
    seed : int
        For synapses, weights, delays, first potentials and drive.
    dtype : str
        float32 or float64.
    comm : mpi4py communicator, optional
        Of processes that share the neurons.

    Raises
    ------
    InvalidArgumentError
        A scale outside 0 to 1, or that leaves a population without neurons.

    Notes
    -----
    Potjans & Diesmann 2014, "The cell-type specific cortical microcircuit: relating structure and activity in a
    full-scale spiking network model", Cerebral Cortex 24(3), 785; downscaled after van Albada, Helias & Diesmann 2015,
    "Scalability of asynchronous networks is limited by one-to-one mapping between effective connectivity and
    correlations", PLoS Comput. Biol. 11(9). :func:`synapse_numbers` has the numbers of synapses. Weights are normal,
    10 % wide, and twice as large from L4E to L2/3E; delays are normal, half as wide as their mean, and drawn again
    below 0.1 ms; on no grid. With weights :math:`w` and rates :math:`\nu`, the constant current is

    .. math:: (1 - \sqrt{scale}) \, \tau_s \Big(\sum_j K_j w_j \nu_j + K_{ext} w_{ext} \nu_{ext}\Big).

    Potentials begin normally around -58 mV, 10 mV wide, and below the threshold. Times are milliseconds, potentials
    and, multiplied by the membrane's resistance, currents mV.

    Examples
    --------
    >>> circuit = potjans_diesmann(0.02)
    >>> circuit.groups["L4E"], circuit.n_neurons
    (438, 1544)
    """
    scale = as_positive(scale, "scale")
    if scale > 1:
        raise InvalidArgumentError(f"scale must be at most 1, the full network, got {scale}")
    sizes = np.rint(SIZES * scale).astype(int)
    if sizes.min() < 1:
        raise InvalidArgumentError(f"a scale of {scale} leaves {NAMES[int(sizes.argmin())]} without neurons")
    n = int(sizes.sum())
    rng = np.random.default_rng(seed)
    net = empty_network(dtype, seed, comm)
    cells = LIF(
        tau_mem=TAU_MEM,
        tau_syn=TAU_SYN,
        v_rest=REST,
        threshold=THRESHOLD,
        reset=REST,
        refractory=REFRACTORY,
        bias=np.repeat(_lost_input(scale), sizes),
        v_init=_normal(rng, -58.0, 10.0, n, most=THRESHOLD - 1e-3),
    )
    net.add_population(n, cells, name="cells")
    sources, targets, weights, delays = _draw(sizes, scale, rng)
    net.connect("cells", "cells", Sparse(n, n, sources, targets, weights=weights), delay=delays)
    rates = np.repeat(EXTERNAL * scale * BACKGROUND, sizes)
    drive = PoissonDrive(rate=rates, weight=WEIGHT / np.sqrt(scale), seed=int(rng.integers(2**63)))
    net.add_drive("cells", drive)
    return Circuit(net, dict(zip(NAMES, sizes.tolist(), strict=True)))


def synapse_numbers(scale: float) -> npt.NDArray[np.int64]:
    r"""Return the numbers of synapses between populations, shape (8 targets, 8 sources).

    :math:`K = \ln(1 - C) / \ln(1 - 1 / (N_{pre} N_{post}))` synapses, drawn with replacement, give a pair one or more
    with the probability `C` (Potjans & Diesmann 2014, eq. 1). Both the neurons that have them and those of each are
    `scale` times as many.

    Examples
    --------
    >>> int(synapse_numbers(1.0).sum()), int(synapse_numbers(0.1).sum())
    (298880970, 2988807)
    """
    pairs = np.outer(SIZES, SIZES).astype(float)
    numbers: Floats = np.log1p(-PROBABILITIES) / np.log1p(-1.0 / pairs) * scale**2
    return np.rint(numbers).astype(np.int64)


def _mean_weights() -> Floats:
    """Mean weight by target and source, at full scale, in mV."""
    weights = np.tile(np.array([WEIGHT, INHIBITION * WEIGHT]), (len(SIZES), 4))
    weights[0, 2] *= 2.0
    return weights


def _lost_input(scale: float) -> Floats:
    """Mean input of a neuron of each population that smaller in-degrees take away, in mV."""
    degrees = synapse_numbers(1.0) / SIZES[:, np.newaxis]
    recurrent = (degrees * _mean_weights()) @ (RATES * 1e-3)
    lost: Floats = (1.0 - np.sqrt(scale)) * TAU_SYN * (recurrent + EXTERNAL * WEIGHT * BACKGROUND)
    return lost


def _draw(sizes: npt.NDArray[Any], scale: float, rng: np.random.Generator) -> tuple[npt.NDArray[Any], ...]:
    """Return source, target, weight and delay of every synapse."""
    numbers, means = synapse_numbers(scale), _mean_weights() / np.sqrt(scale)
    first, total = np.cumsum(sizes) - sizes, int(numbers.sum())
    sources, targets = np.empty(total, np.int32), np.empty(total, np.int32)
    weights, delays = np.empty(total, np.float32), np.empty(total)
    start = 0
    for post, pre in zip(*np.nonzero(numbers), strict=True):
        count, mean = int(numbers[post, pre]), means[post, pre]
        part = slice(start, start + count)
        delay = DELAYS[pre % 2]
        sources[part] = rng.integers(first[pre], first[pre] + sizes[pre], count)
        targets[part] = rng.integers(first[post], first[post] + sizes[post], count)
        weights[part] = rng.normal(mean, SPREAD * abs(mean), count)
        delays[part] = _normal(rng, delay, DELAY_SPREAD * delay, count, least=SHORTEST)
        start += count
    return sources, targets, weights, delays


def _normal(
    rng: np.random.Generator, mean: float, deviation: float, n: int, *, least: float = -np.inf, most: float = np.inf
) -> Floats:
    """Draw normal numbers, anew where they lie outside of `least` to `most`."""
    values = rng.normal(mean, deviation, n)
    while len(outside := np.flatnonzero((values < least) | (values > most))):
        values[outside] = rng.normal(mean, deviation, len(outside))
    return values
