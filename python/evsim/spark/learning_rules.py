"""Learning rules: how spikes change the weights, which stay >= 0."""

from __future__ import annotations

from typing import ClassVar

from ..errors import UnsupportedError
from ..kernels import Kernel
from ..rules import pair_stdp, triplet_stdp
from .config import NUMBER, ONE_NOT_NEGATIVE, ONE_POSITIVE, Config, config_class, quantity
from .parts import Part


@config_class
class LearningRuleConfig(Config):
    """Base class of the configurations of learning rules."""


@config_class
class HebbianRuleConfig(LearningRuleConfig):
    """Configuration of :class:`HebbianRule`: `pre_tau`, `post_tau` (ms), and `eta`."""

    pre_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    post_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    eta: float = quantity(0.01, ONE_NOT_NEGATIVE)


@config_class
class ThreeFactorHebbianRuleConfig(LearningRuleConfig):
    """Configuration of :class:`ThreeFactorHebbianRule`: `pre_tau`, `post_tau` (ms), and `eta`."""

    pre_tau: float = quantity(10.0, ONE_POSITIVE, "ms")
    post_tau: float = quantity(10.0, ONE_POSITIVE, "ms")
    eta: float = quantity(0.1, ONE_NOT_NEGATIVE)


@config_class
class OjaRuleConfig(HebbianRuleConfig):
    """Configuration of :class:`OjaRule`: those of :class:`HebbianRule`, with an `eta` of 0.1."""

    eta: float = quantity(0.1, ONE_NOT_NEGATIVE)


@config_class
class ZenkeRuleConfig(LearningRuleConfig):
    """Configuration of :class:`ZenkeRule`: `pre_tau`, `post_tau`, `post_slow_tau` (ms), `eta`, `a` to `d`."""

    pre_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    post_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    post_slow_tau: float = quantity(100.0, ONE_POSITIVE, "ms")
    eta: float = quantity(0.01, ONE_NOT_NEGATIVE)
    a: float = quantity(1.0, NUMBER)
    b: float = quantity(-1.0, NUMBER)
    c: float = quantity(-1.0, NUMBER)
    d: float = quantity(1.0, NUMBER)


class LearningRule(Part):
    """Base class of all learning rules.

    Traces of spikes jump by 1 / tau, so that they are rates, and decay with tau. Rules are run exactly, spike by spike:
    a product with a spike train is a change at each of its spikes, which is Spark's change of a step of 1 ms.
    """

    config_class: ClassVar[type[Config]] = LearningRuleConfig

    def kernel(self) -> Kernel:
        """Return the rule as ``add_layer(kernel=...)`` takes it.

        Raises
        ------
        UnsupportedError
            evsim has no such rule.
        """
        raise NotImplementedError


class HebbianRule(LearningRule):
    r"""Spikes of both sides that lie close together strengthen a synapse, whichever comes first.

    .. math:: \dot K = \eta\, (\hat y\, x + y\, \hat x), \qquad K \ge 0

    with the spike trains :math:`x` of the input and :math:`y` of the unit, and their traces.
    :func:`evsim.rules.pair_stdp` with two amplitudes > 0.

    Examples
    --------
    >>> from evsim.spark import HebbianRule
    >>> HebbianRule(eta=0.1, pre_tau=10.0).kernel().parameters["a_plus"]
    0.01
    """

    config_class: ClassVar[type[Config]] = HebbianRuleConfig

    def kernel(self) -> Kernel:
        """Return the rule as ``add_layer(kernel=...)`` takes it."""
        return pair_stdp(w_min=0.0).with_parameters(self.parameters())

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the pair rule."""
        one = self.config
        return {
            "a_plus": reward * one.eta / one.pre_tau,
            "a_minus": -reward * one.eta / one.post_tau,
            "tau_plus": one.pre_tau,
            "tau_minus": one.post_tau,
        }


class ThreeFactorHebbianRule(HebbianRule):
    """:class:`HebbianRule` times the reward, which is constant during a call: ``neuron(spikes, reward=0.5)``.

    Spark adds 0.1 to the reward; here no reward means no change.

    Examples
    --------
    >>> from evsim.spark import ThreeFactorHebbianRule
    >>> ThreeFactorHebbianRule().parameters(reward=-1.0)["a_plus"]
    -0.01
    """

    config_class: ClassVar[type[Config]] = ThreeFactorHebbianRuleConfig


class OjaRule(LearningRule):
    r"""Oja's rule, :math:`\dot K = \eta\, (\hat y\, x - K \hat y^2)`: its configuration only, evsim cannot run it yet.

    Examples
    --------
    >>> from evsim.spark import OjaRule
    >>> OjaRule().kernel()
    Traceback (most recent call last):
    ...
    evsim.errors.UnsupportedError: OjaRule: its weights decay between spikes, and evsim's rules change them at spikes
    """

    config_class: ClassVar[type[Config]] = OjaRuleConfig

    def kernel(self) -> Kernel:
        """Raise UnsupportedError."""
        raise UnsupportedError("OjaRule: its weights decay between spikes, and evsim's rules change them at spikes")


class ZenkeRule(LearningRule):
    r"""The part of Zenke's rule that is made of pairs and triplets of spikes.

    .. math:: \dot K = \eta\, (a\, y\, \hat y_{slow}\, \hat x + b\, \hat y\, x), \qquad K \ge 0

    :func:`evsim.rules.triplet_stdp`. The terms of `c` (consolidation) and `d` (growth at every input) are not there:
    give ``c=0, d=0``. Spark's trace holds the spike of the step itself; here :math:`\hat y_{slow}` is that just before.

    Examples
    --------
    >>> from evsim.spark import ZenkeRule
    >>> ZenkeRule(c=0.0, d=0.0).kernel().parameters["a2_minus"]
    0.0005
    """

    config_class: ClassVar[type[Config]] = ZenkeRuleConfig

    def kernel(self) -> Kernel:
        """Return the rule as ``add_layer(kernel=...)`` takes it. Raises UnsupportedError unless `c` and `d` are 0."""
        one = self.config
        if one.c != 0 or one.d != 0:
            raise UnsupportedError(
                "ZenkeRule: consolidation (c) and growth at every input (d) are not there, evsim's rule has pairs and "
                f"triplets; give c=0 and d=0, got c={one.c:g} and d={one.d:g}"
            )
        return triplet_stdp(
            a2_plus=0.0,
            a3_plus=one.eta * one.a / (one.pre_tau * one.post_slow_tau),
            a2_minus=-one.eta * one.b / one.post_tau,
            a3_minus=0.0,
            tau_plus=one.pre_tau,
            tau_x=one.pre_tau,
            tau_minus=one.post_tau,
            tau_y=one.post_slow_tau,
            w_min=0.0,
        )
