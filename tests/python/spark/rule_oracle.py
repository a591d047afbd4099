"""What the rules of evsim.spark make of spikes that are given: sums over all spikes, and an integrator in between.

Nothing is carried from spike to spike but weights and what follows them, so that no trace can be wrong.
"""

import numpy as np
from scipy.integrate import solve_ivp


def trace(spikes, t, tau):
    """Of the spikes before t."""
    before = spikes[spikes < t]
    return np.sum(np.exp(-(t - before) / tau)) / tau


def integrate(slope, value, start, end):
    if end <= start:
        return value

    def rests(t, y):
        return abs(slope(t, y[0])) * (end - start) - 1e-13 * abs(y[0])

    rests.terminal = True
    if rests(start, [value]) <= 0:
        return value
    tolerance = {"rtol": 1e-12, "atol": 1e-13 * max(abs(value), 1e-3)}
    return float(solve_ivp(slope, (start, end), [value], method="DOP853", events=rests, **tolerance).y[0, -1])


def oja_drift(c, k, start, end, posts):
    before = posts[posts <= start]

    def slope(t, k):
        return -c.eta * k * (np.sum(np.exp(-(t - before) / c.post_tau)) / c.post_tau) ** 2

    return integrate(slope, k, start, end)


def zenke_drift(c, k, reference, span):
    w, tau = c.target_weight, c.target_tau

    def slope(t, r):
        return (k - r - c.p * r * (w / 2 - r) * (w - r)) / tau

    return integrate(slope, reference, 0.0, span)


def size(rule, config, k, pres, posts, end, reward=1.0, pick=lambda values: values):
    """Size of a weight at `end` and its reference, from `k` at 0. `pick` chooses what is given by type."""
    c = config
    events = sorted([(t, "pre") for t in pres] + [(t, "post") for t in posts])
    reference, now = k, 0.0
    for t, kind in [*events, (end, None)]:
        if rule == "oja":
            k = oja_drift(c, k, now, t, posts)
        if rule == "zenke":
            reference = zenke_drift(c, k, reference, t - now)
        now = t
        if kind is None:
            break
        x, y, change, largest = trace(pres, t, pick(c.pre_tau)), trace(posts, t, pick(c.post_tau)), 0.0, np.inf
        if rule == "hebbian":
            change = c.eta * reward * (y if kind == "pre" else x)
        elif rule == "oja":
            change = c.eta * y if kind == "pre" else 0.0
        elif rule == "zenke":
            slow = trace(posts, t, c.post_slow_tau)
            consolidation = c.c * (k - reference) * y**3
            change = c.eta * (c.b * y + c.d if kind == "pre" else c.a * slow * x + consolidation)
        else:
            terms = {"pre": (c.q_alpha, c.q_beta, y), "post": (c.q_gamma, c.q_delta, x)}[kind]
            change = c.eta * (reward + c.baseline) * (pick(terms[0]) + pick(terms[1]) * terms[2])
            largest = pick(getattr(c, "max_clip", np.inf))
        k = min(max(k + change, 0.0), largest)
    return k, reference
