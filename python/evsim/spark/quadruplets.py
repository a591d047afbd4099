"""Rules of four terms: spikes of either side, alone and with the trace of the other."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import ShapeMismatchError
from .config import NUMBER, ONE_NOT_NEGATIVE, ONE_POSITIVE, Config, Domain, config_class, other, quantity
from .learning_rules import LearningRule, LearningRuleConfig, Mask

TYPES = ("ee", "ei", "ie", "ii")
"""Types of synapses, each named by its unit and then its input: excitatory or inhibitory."""


def _of_types(domain: Domain, unit: str = "") -> Callable[[Any, str], tuple[float, ...]]:
    """Return a check of one number for each type of synapse, or one for all."""

    def convert(value: Any, name: str) -> tuple[float, ...]:
        values = list(value) if isinstance(value, (list, tuple)) else [value] * len(TYPES)
        if isinstance(value, np.ndarray) and value.shape == (len(TYPES),):
            values = list(value)
        if len(values) != len(TYPES):
            one = f"{name} must be one number or four, for {', '.join(TYPES).upper()} (unit, then input)"
            raise ShapeMismatchError(f"{one}, got {reprlib.repr(value)}")
        return tuple(domain.convert(each, f"{name}[{k}]", unit) for k, each in enumerate(values))

    return convert


@config_class
class QuadrupletRuleConfig(LearningRuleConfig):
    """Configuration of :class:`QuadrupletRule`.

    `pre_tau`, `post_tau` (ms), `q_alpha`, `q_beta`, `q_gamma`, `q_delta`, `eta` and `baseline`.
    """

    pre_tau: float = quantity(10.0, ONE_POSITIVE, "ms")
    post_tau: float = quantity(10.0, ONE_POSITIVE, "ms")
    q_alpha: float = quantity(1.0, NUMBER)
    q_beta: float = quantity(1.0, NUMBER)
    q_gamma: float = quantity(1.0, NUMBER)
    q_delta: float = quantity(1.0, NUMBER)
    eta: float = quantity(0.1, ONE_NOT_NEGATIVE)
    baseline: float = quantity(0.1, NUMBER)


@config_class
class QuadrupletRuleTensorConfig(LearningRuleConfig):
    """Configuration of :class:`QuadrupletRuleTensor`.

    As :class:`QuadrupletRuleConfig`, with one number or four, for EE, EI, IE and II, of all but `eta` and `baseline`;
    and `max_clip` (pA), likewise.
    """

    pre_tau: tuple[float, ...] = other((10.0,) * 4, _of_types(ONE_POSITIVE, "ms"))
    post_tau: tuple[float, ...] = other((10.0,) * 4, _of_types(ONE_POSITIVE, "ms"))
    q_alpha: tuple[float, ...] = other((1.0,) * 4, _of_types(NUMBER))
    q_beta: tuple[float, ...] = other((1.0,) * 4, _of_types(NUMBER))
    q_gamma: tuple[float, ...] = other((1.0,) * 4, _of_types(NUMBER))
    q_delta: tuple[float, ...] = other((1.0,) * 4, _of_types(NUMBER))
    max_clip: tuple[float, ...] = other((20.0,) * 4, _of_types(ONE_NOT_NEGATIVE, "pA"))
    eta: float = quantity(0.1, ONE_NOT_NEGATIVE)
    baseline: float = quantity(0.0, NUMBER)


class QuadrupletRule(LearningRule):
    r"""Every spike changes a synapse, by itself and by the trace of the other side, as far as a reward says.

    .. math:: \dot K = \eta\, (m + m_0)\, (\alpha\, x + \beta\, \hat y\, x + \gamma\, y + \delta\, y\, \hat x),
       \qquad K \ge 0

    with the reward :math:`m`, constant during a call: ``neuron(spikes, reward=0.5)``, and `baseline` :math:`m_0`, 0.1
    as in Spark. Spark's class cannot be built: it calls the rate `gamma` and then reads `eta`.

    Examples
    --------
    >>> from evsim.spark import LIFNeuron, QuadrupletRuleConfig
    >>> rule = QuadrupletRuleConfig(eta=2.0, q_gamma=0.0)
    >>> neuron = LIFNeuron(units=1, synapses__kernel=[[5000.0, 10.0]], learning_rule=rule)
    >>> spikes = neuron([1, 0], [1.0, 1.0], reward=0.9)  # alpha; delta at once where they have fired before the unit
    >>> neuron.synapses.kernel.round(3)
    array([[5002.2,   12.2]])
    """

    config_class: ClassVar[type[Config]] = QuadrupletRuleConfig
    source: ClassVar[str] = "spark_quadruplet.cpp"
    takes_reward: ClassVar[bool] = True

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel: what a spike changes by, alone and times a trace that jumps by 1."""
        one = self.config
        rate = one.eta * (reward + one.baseline)
        return {
            "alpha": rate * one.q_alpha,
            "beta": rate * one.q_beta / one.post_tau,
            "gamma": rate * one.q_gamma,
            "delta": rate * one.q_delta / one.pre_tau,
            "pre_tau": one.pre_tau,
            "post_tau": one.post_tau,
        }


class QuadrupletRuleTensor(LearningRule):
    """:class:`QuadrupletRule` with parameters by type of synapse, and weights of at most `max_clip`.

    Types are EE, EI, IE and II in this order, each named by the unit and then the input: EI are the synapses from
    inhibitory inputs onto excitatory units. As in Spark's class, which cannot be built either (it takes masks of
    inhibition from what has none), no 0.1 is added to the reward: `baseline` is 0.

    Examples
    --------
    >>> from evsim.spark import LIFNeuron, QuadrupletRuleTensorConfig
    >>> rule = QuadrupletRuleTensorConfig(eta=1.0, q_alpha=[1.0, 2.0, 0.0, 0.0], max_clip=5.0)
    >>> neuron = LIFNeuron(units=1, inhibitory_rate=0.0, synapses__kernel=[[3.0, 2.0]], learning_rule=rule)
    >>> neuron.build(2, inhibitory=[False, True])
    >>> spikes = neuron([0, 1, 1], [1.0, 2.0, 3.0], reward=1.0)
    >>> neuron.synapses.kernel
    array([[4., 5.]])
    """

    config_class: ClassVar[type[Config]] = QuadrupletRuleTensorConfig
    source: ClassVar[str] = "spark_quadruplet_tensor.cpp"
    takes_reward: ClassVar[bool] = True

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel, for each type: see :meth:`QuadrupletRule.parameters`."""
        one = self.config
        rate = one.eta * (reward + one.baseline)
        values: dict[str, float] = {}
        for k, of_type in enumerate(TYPES):
            values |= {
                f"alpha_{of_type}": rate * one.q_alpha[k],
                f"beta_{of_type}": rate * one.q_beta[k] / one.post_tau[k],
                f"gamma_{of_type}": rate * one.q_gamma[k],
                f"delta_{of_type}": rate * one.q_delta[k] / one.pre_tau[k],
                f"max_clip_{of_type}": one.max_clip[k],
                f"pre_tau_{of_type}": one.pre_tau[k],
                f"post_tau_{of_type}": one.post_tau[k],
            }
        return values

    def types(self, units: Mask, inputs: Mask) -> npt.NDArray[np.float64]:
        """Return the types of synapses, of shape (n_units, n_inputs), from what is inhibitory."""
        return 2.0 * units[:, np.newaxis] + 1.0 * inputs
