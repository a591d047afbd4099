"""Oja's rule, whose weights decay between spikes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .config import ONE_NOT_NEGATIVE, Config, config_class, quantity
from .learning_rules import HebbianRuleConfig, LearningRule


@config_class
class OjaRuleConfig(HebbianRuleConfig):
    """Configuration of :class:`OjaRule`: those of :class:`HebbianRule`, with an `eta` of 0.1."""

    eta: float = quantity(0.1, ONE_NOT_NEGATIVE)


class OjaRule(LearningRule):
    r"""Input spikes after output spikes strengthen a synapse, and all synapses of an active unit decay.

    .. math:: \dot K = \eta\, (\hat y\, x - K \hat y^2)

    The decay is exact: from one spike of the synapse to the next, :math:`K` goes down by the factor
    :math:`e^{-\eta \int \hat y^2}`. ``neuron.synapses.kernel`` is that of the end of the last call, or after a batch
    as of each synapse's last spike. An input spike brings the weight as of the synapse's last spike before it, without
    the decay since then; in Spark likewise that of the step before. `pre_tau` is there as in Spark; the equation has no
    trace of the input.

    Examples
    --------
    >>> from evsim.spark import LIFNeuron, OjaRuleConfig
    >>> rule = OjaRuleConfig(eta=8.0)
    >>> neuron = LIFNeuron(units=1, synapses__kernel=[[5000.0, 100.0]], learning_rule=rule, dtype="float64")
    >>> neuron([0], [1.0], until=21.0)["out_spikes"].times
    array([1.])
    >>> neuron.synapses.kernel.round(1)                  # times e^(-8 / 40 (1 - e^-2))
    array([[4206. ,   84.1]])
    """

    config_class: ClassVar[type[Config]] = OjaRuleConfig
    source: ClassVar[str] = "spark_oja.cpp"

    def parameters(self, reward: float = 1.0) -> dict[str, float]:
        """Return the parameters of the kernel."""
        return {"eta": self.config.eta, "post_tau": self.config.post_tau}

    def remaining(self, network: Any) -> Any:
        """Return what is left now of each weight as of its synapse's last event, as a factor."""
        now = self._traces_now(network)
        if now is None:
            return 1.0
        before = np.asarray(network[0].synaptic_traces, np.float64)[..., 1]
        lost = np.maximum(before**2 - now[:, np.newaxis] ** 2, 0.0)
        return np.exp(-self.config.eta / (2.0 * self.config.post_tau) * lost)

    def settle(self, network: Any) -> None:
        """Let the weights of the layer be those of now."""
        now = self._traces_now(network)
        if now is None:
            return
        layer = network[0]
        layer.weights = np.asarray(layer.weights) * self.remaining(network)
        traces = np.array(layer.synaptic_traces)
        traces[..., 1] = now[:, np.newaxis]
        layer.synaptic_traces = traces

    @staticmethod
    def _traces_now(network: Any) -> npt.NDArray[np.float64] | None:
        """Traces of the output spikes at the end of the last call; None before the first and after a batch."""
        now = network.time
        snapshot = network._core.snapshot() if now is not None else None
        if snapshot is None or snapshot["batch"]:
            return None
        layer = network[0]
        state = snapshot["states"][layer._node][0]
        elapsed = now - np.maximum(state["last_event"], state["post_times"])
        decay = np.exp(-elapsed / layer.kernel_parameters["post_tau"])
        return np.asarray(np.asarray(layer.neuron_traces, np.float64)[:, 0] * decay)
