"""Learning rules: how spikes change the weights, which stay >= 0."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import UnsupportedError
from ..kernels import Kernel, shipped
from .config import NUMBER, ONE_NOT_NEGATIVE, ONE_POSITIVE, Config, config_class, quantity
from .parts import Part

Mask = npt.NDArray[np.bool_]


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
class ZenkeRuleConfig(LearningRuleConfig):
    """Configuration of :class:`ZenkeRule`.

    `pre_tau`, `post_tau`, `post_slow_tau`, `target_tau` (ms), `eta`, `a` to `d`, `p` and `target_weight` (pA).
    """

    pre_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    post_tau: float = quantity(20.0, ONE_POSITIVE, "ms")
    post_slow_tau: float = quantity(100.0, ONE_POSITIVE, "ms")
    target_tau: float = quantity(20_000.0, ONE_POSITIVE, "ms")
    eta: float = quantity(0.01, ONE_NOT_NEGATIVE)
    a: float = quantity(1.0, NUMBER)
    b: float = quantity(-1.0, NUMBER)
    c: float = quantity(-1.0, NUMBER)
    d: float = quantity(1.0, NUMBER)
    p: float = quantity(20.0, ONE_NOT_NEGATIVE)
    target_weight: float = quantity(0.5, ONE_POSITIVE, "pA")


class LearningRule(Part):
    """Base class of all learning rules.

    Traces of spikes jump by 1 / tau, so that they are rates, and decay with tau. Rules are run exactly, spike by spike:
    a product with a spike train is a change at each of its spikes, which is Spark's change of a step of 1 ms. Traces
    are those just before the spike; Spark's hold the spike of the step itself.

    A rule learns how large weights are. Which of them are inhibitory is known from the beginning and stays so.
    """

    config_class: ClassVar[type[Config]] = LearningRuleConfig
    source: ClassVar[str] = ""
    """Name of the kernel that evsim ships; the first trace of its synapses says of which type they are."""
    takes_reward: ClassVar[bool] = False
    """Whether a call gives a reward."""

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel, with a reward for rules that take one."""
        raise NotImplementedError

    def kernel(self) -> Kernel:
        """Return the rule as ``add_layer(kernel=...)`` takes it."""
        return Kernel(shipped(self.source), parameters=self.parameters())

    def types(self, units: Mask, inputs: Mask) -> npt.NDArray[np.float64]:
        """Return the types of synapses, of shape (n_units, n_inputs) or one that becomes it, from what is inhibitory.

        0 is the type that needs no mark.
        """
        return np.where(inputs, 1.0, 0.0)[np.newaxis, :]

    def begin(self, layer: Any, units: Mask, inputs: Mask) -> None:
        """Mark the synapses of a layer before its first call. `units` and `inputs` say which are inhibitory.

        Raises
        ------
        UnsupportedError
            The rule, one of your own, does not know inhibitory inputs.
        """
        types = self.types(units, inputs)
        if not types.any():
            return
        if not self.source:
            raise UnsupportedError(
                f"{type(self).__name__} with inhibitory inputs: its kernel does not tell them from others; let inputs "
                "be excitatory (inhibitory_rate=0 of their source) or take one of evsim's rules"
            )
        traces = np.zeros(layer.synaptic_traces.shape[-3:])
        traces[..., 0] = types
        layer.synaptic_traces = traces

    def remaining(self, network: Any) -> Any:
        """Return what is left now of each weight as of its synapse's last event, as a factor: 1 but for OjaRule."""
        return 1.0

    def settle(self, network: Any) -> None:
        """Let the weights of the layer be those of now."""


class HebbianRule(LearningRule):
    r"""Spikes of both sides that lie close together strengthen a synapse, whichever comes first.

    .. math:: \dot K = \eta\, (\hat y\, x + y\, \hat x), \qquad K \ge 0

    with the spike trains :math:`x` of the input and :math:`y` of the unit, and their traces.

    Examples
    --------
    >>> from evsim.spark import HebbianRule
    >>> HebbianRule(eta=0.1, pre_tau=10.0).kernel().parameters["delta"]
    0.01
    """

    config_class: ClassVar[type[Config]] = HebbianRuleConfig
    source: ClassVar[str] = "spark_quadruplet.cpp"

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel: what a spike changes by, times a trace that jumps by 1."""
        one = self.config
        return {
            "beta": reward * one.eta / one.post_tau,
            "delta": reward * one.eta / one.pre_tau,
            "pre_tau": one.pre_tau,
            "post_tau": one.post_tau,
        }


class ThreeFactorHebbianRule(HebbianRule):
    """:class:`HebbianRule` times the reward, which is constant during a call: ``neuron(spikes, reward=0.5)``.

    Spark adds 0.1 to the reward; here no reward means no change.

    Examples
    --------
    >>> from evsim.spark import ThreeFactorHebbianRule
    >>> ThreeFactorHebbianRule().parameters(reward=-1.0)["delta"]
    -0.01
    """

    config_class: ClassVar[type[Config]] = ThreeFactorHebbianRuleConfig
    takes_reward: ClassVar[bool] = True


class ZenkeRule(LearningRule):
    r"""Triplets and pairs of spikes, consolidation towards a slow reference, and growth at every input.

    .. math::

       \dot K = \eta\, (a\, y\, \hat y_{slow}\, \hat x + b\, \hat y\, x
       + c\, (K - \tilde K)\, \hat y^3 y + d\, x), \qquad K \ge 0

       \tau_{\tilde K} \dot{\tilde K} = K - \tilde K - p\, \tilde K\, (\tfrac{w}{2} - \tilde K)(w - \tilde K)

    with :math:`w` = `target_weight` and :math:`\tau_{\tilde K}` = `target_tau`. With `p` = 0 the reference just follows
    the weight; otherwise weights near 0 and near :math:`w` are the ones that last. It begins as the weight (in Spark as
    0, so that the first spikes pull all weights there) and is moved on exactly, from event to event.

    Zenke, Agnes & Gerstner 2015, Nat. Commun. 6, eqs. of their Methods.

    Examples
    --------
    >>> from evsim.spark import LIFNeuron, ZenkeRuleConfig
    >>> rule = ZenkeRuleConfig(a=0.0, b=0.0, c=0.0, d=2.0, eta=1.5)
    >>> neuron = LIFNeuron(units=1, synapses__kernel=[[10.0, 20.0]], learning_rule=rule)
    >>> spikes = neuron([0, 0, 1], [1.0, 2.0, 3.0])
    >>> neuron.synapses.kernel
    array([[16., 23.]])
    """

    config_class: ClassVar[type[Config]] = ZenkeRuleConfig
    source: ClassVar[str] = "spark_zenke.cpp"

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel, which are the fields of the configuration."""
        return {name: value for name, value in self.config.to_dict().items() if name != "type"}
