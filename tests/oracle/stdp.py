"""Spike-timing dependent plasticity of one synapse as explicit sums over spikes, and the same as rules with traces.

The sums take the input spike times `pre` of the synapse and the output spike times `post` of its neuron, both in the
order of time, and count every pair (all-to-all). An input and an output at the same time, by `ties`:

- "output first": the output came before the input, a depressing pair of distance 0;
- "input first": the input came before the output, a potentiating pair of distance 0;
- "none": not a pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from .callbacks import Context, Rule

Ties = Literal["output first", "input first", "none"]
Times = Sequence[float]


def pre_first(t_pre: float, t_post: float, ties: Ties) -> bool:
    return t_pre < t_post or (t_pre == t_post and ties == "input first")


def post_first(t_pre: float, t_post: float, ties: Ties) -> bool:
    return t_post < t_pre or (t_pre == t_post and ties == "output first")


def pair(
    pre: Times,
    post: Times,
    *,
    a_plus: float,
    a_minus: float,
    tau_plus: float,
    tau_minus: float,
    ties: Ties = "output first",
) -> float:
    """Weight change by pairs (Song, Miller & Abbott 2000; Morrison, Diesmann & Gerstner 2008, all-to-all).

    dw = sum_{t_pre < t_post} a_plus exp(-(t_post - t_pre) / tau_plus)
       - sum_{t_post < t_pre} a_minus exp(-(t_pre - t_post) / tau_minus)
    """
    dw = 0.0
    for t_pre in pre:
        for t_post in post:
            if pre_first(t_pre, t_post, ties):
                dw += a_plus * math.exp(-(t_post - t_pre) / tau_plus)
            if post_first(t_pre, t_post, ties):
                dw -= a_minus * math.exp(-(t_pre - t_post) / tau_minus)
    return dw


def triplet(
    pre: Times,
    post: Times,
    *,
    a2_plus: float,
    a2_minus: float,
    a3_plus: float,
    a3_minus: float,
    tau_plus: float,
    tau_minus: float,
    tau_x: float,
    tau_y: float,
    ties: Ties = "output first",
) -> float:
    """Weight change by pairs and triplets (Pfister & Gerstner 2006, full model, all-to-all).

    dw = sum_{post} r1(t_post) [a2_plus + a3_plus o2(t_post)] - sum_{pre} o1(t_pre) [a2_minus + a3_minus r2(t_pre)],
    where r1 and o1 are sums of exp(-t / tau_plus) and exp(-t / tau_minus) over the other side's earlier spikes, and
    r2 (tau_x) and o2 (tau_y) over the earlier spikes of the same side, without the one at hand.
    """
    dw = 0.0
    for k, t_post in enumerate(post):
        for t_pre in pre:
            if pre_first(t_pre, t_post, ties):
                pairing = math.exp(-(t_post - t_pre) / tau_plus)
                dw += a2_plus * pairing
                for earlier in post[:k]:
                    dw += a3_plus * pairing * math.exp(-(t_post - earlier) / tau_y)
    for k, t_pre in enumerate(pre):
        for t_post in post:
            if post_first(t_pre, t_post, ties):
                pairing = math.exp(-(t_pre - t_post) / tau_minus)
                dw -= a2_minus * pairing
                for earlier in pre[:k]:
                    dw -= a3_minus * pairing * math.exp(-(t_pre - earlier) / tau_x)
    return dw


def triplet_minimal(
    pre: Times,
    post: Times,
    *,
    a2_minus: float,
    a3_plus: float,
    tau_plus: float,
    tau_minus: float,
    tau_y: float,
    a2_plus: float = 0.0,
    ties: Ties = "output first",
) -> float:
    """The minimal triplet rule: depression by pairs, potentiation by post-pre-post triplets (Pfister & Gerstner 2006).

    dw = sum_{t_pre < t_post} exp(-(t_post - t_pre) / tau_plus)
           [a2_plus + a3_plus sum_{t' < t_post} exp(-(t_post - t') / tau_y)]
       - a2_minus sum_{t_post < t_pre} exp(-(t_pre - t_post) / tau_minus)

    a2_plus is 0 in their fit to visual cortex, and not in the one to hippocampal cultures.
    """
    dw = 0.0
    for t_pre in pre:
        for k, t_post in enumerate(post):
            if pre_first(t_pre, t_post, ties):
                slow = sum(math.exp(-(t_post - earlier) / tau_y) for earlier in post[:k])
                dw += math.exp(-(t_post - t_pre) / tau_plus) * (a2_plus + a3_plus * slow)
            if post_first(t_pre, t_post, ties):
                dw -= a2_minus * math.exp(-(t_pre - t_post) / tau_minus)
    return dw


def eligibility(pre: Times, post: Times, *, tau: float, ties: Ties = "output first") -> float:
    """Eligibility of R-STDP in EvSpikeSim's demo: the pairs' sum with amplitudes 1, which itself does not decay.

    e = sum_{pairs} sign(t_post - t_pre) exp(-|t_post - t_pre| / tau)
    """
    e = 0.0
    for t_pre in pre:
        for t_post in post:
            if pre_first(t_pre, t_post, ties) or post_first(t_pre, t_post, ties):
                sign = 1.0 if pre_first(t_pre, t_post, ties) else -1.0
                e += sign * math.exp(-abs(t_post - t_pre) / tau)
    return e


def decaying_eligibility(
    pre: Times,
    post: Times,
    end: float,
    *,
    a_plus: float,
    a_minus: float,
    tau_plus: float,
    tau_minus: float,
    tau_c: float,
    ties: Ties = "output first",
) -> float:
    """Eligibility that forgets, at time `end`: c' = -c / tau_c + STDP at every spike (Izhikevich 2007).

    c(end) = sum_{pairs} dw(pair) exp(-(end - t) / tau_c), where t is the later spike of the pair
    """
    c = 0.0
    for t_pre in pre:
        for t_post in post:
            left = math.exp(-(end - max(t_pre, t_post)) / tau_c)
            if pre_first(t_pre, t_post, ties):
                c += left * a_plus * math.exp(-(t_post - t_pre) / tau_plus)
            if post_first(t_pre, t_post, ties):
                c -= left * a_minus * math.exp(-(t_pre - t_post) / tau_minus)
    return c


def per_synapse(
    formula: Callable[[Times, Times, float], float], n_inputs: int, indices: Any, times: Any, outputs: Sequence[Any]
) -> Any:
    """formula(pre, post, end) of every synapse, shape (neurons, inputs); `end` is the neuron's last event, or 0."""
    trains: list[list[float]] = [[] for _ in range(n_inputs)]
    for index, time in zip(indices, times, strict=True):
        trains[int(index)].append(float(time))
    values = np.zeros((len(outputs), n_inputs))
    for n, own in enumerate(outputs):
        post = [float(t) for t in own]
        end = max([*(float(t) for t in times), *post], default=0.0)
        for source, pre in enumerate(trains):
            values[n, source] = formula(pre, post, end)
    return values


class Pair(Rule):
    """`pair` with traces: each side leaves one, which the other side reads."""

    def __init__(self, *, a_plus: float, a_minus: float, tau_plus: float, tau_minus: float) -> None:
        self.a_plus, self.a_minus = a_plus, a_minus
        self.neuron_tau, self.synaptic_tau = [tau_minus], [tau_plus]

    def on_pre_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        synaptic[0] += 1.0
        return weight - self.a_minus * neuron[0]

    def on_post_neuron(self, neuron: list[float], context: Context) -> None:
        neuron[0] += 1.0

    def on_post_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        return weight + self.a_plus * synaptic[0]


class Triplet(Rule):
    """`triplet` with traces: r1, r2 of the synapse; o1, o2 of the neuron, and o2 as it was before the last output."""

    def __init__(self, **p: float) -> None:
        self.p = p
        self.neuron_tau, self.synaptic_tau = [p["tau_minus"], p["tau_y"], math.inf], [p["tau_plus"], p["tau_x"]]

    def on_pre_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        weight -= neuron[0] * (self.p["a2_minus"] + self.p["a3_minus"] * synaptic[1])
        synaptic[0] += 1.0
        synaptic[1] += 1.0
        return weight

    def on_post_neuron(self, neuron: list[float], context: Context) -> None:
        neuron[2] = neuron[1]
        neuron[0] += 1.0
        neuron[1] += 1.0

    def on_post_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        return weight + synaptic[0] * (self.p["a2_plus"] + self.p["a3_plus"] * neuron[2])


class Eligibility(Pair):
    """`Pair` into a second synaptic trace with time constant `tau_c`, which leaves the weight as it is."""

    def __init__(self, *, tau_c: float = math.inf, **pair: float) -> None:
        super().__init__(**pair)
        self.synaptic_tau = [*self.synaptic_tau, tau_c]

    def on_pre_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        synaptic[1] += super().on_pre_synapse(0.0, neuron, synaptic, context)
        return weight

    def on_post_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        synaptic[1] += super().on_post_synapse(0.0, neuron, synaptic, context)
        return weight
