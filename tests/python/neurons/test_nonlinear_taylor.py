"""The oracle of non-linear neurons against a Taylor integrator of another house, heyoka, where that is installed."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("heyoka", reason="heyoka is not installed")

import heyoka
from nonlinear_campaign import RANDOM, grazing, one
from oracle import nonlinear_lanes
from oracle.nonlinear import EQUATIONS, equations_of

MODELS = list(EQUATIONS)
SPIKES = 3


def taylor_integrator(model, neuron):
    """All parameters are left open; it stops where the potential comes to the peak from below."""
    names = [name for name, value in vars(neuron).items() if value is not None]
    eq = EQUATIONS[model](SimpleNamespace(**{name: heyoka.par[k] for k, name in enumerate(names)}))
    variables = heyoka.make_vars("v", *(f"x{k}" for k in range(1, len(eq.initial))))
    peak = heyoka.t_event(variables[0] - eq.peak, direction=heyoka.event_direction.positive)
    system = list(zip(variables, eq.slope(0.0, list(variables)), strict=True))
    start = np.zeros(len(variables))
    return names, heyoka.taylor_adaptive(system, start, tol=1e-16, high_accuracy=True, t_events=[peak])


def spikes_of(names, integrator, neuron, weight, until):
    eq = equations_of(neuron)
    integrator.pars[: len(names)] = [getattr(neuron, name) for name in names][: len(integrator.pars)]
    x, now, spikes = eq.receive(list(eq.initial), weight), 0.0, []
    while len(spikes) < SPIKES:
        integrator.time = 0.0
        integrator.state[:] = x
        integrator.reset_cooldowns()
        integrator.propagate_until(until - now)
        if integrator.time >= until - now:
            break
        now += integrator.time
        spikes.append(now)
        x = eq.fire(integrator.state.tolist())
    return spikes


@pytest.mark.parametrize("graze", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_two_methods_give_the_same_spikes(model, graze, monkeypatch, capsys):
    monkeypatch.setattr("oracle.nonlinear._exp", heyoka.exp)
    rng = np.random.default_rng([9, MODELS.index(model)])
    trials = RANDOM[model](rng, 100)
    names, integrator = taylor_integrator(model, trials.neuron)
    monkeypatch.undo()
    if graze:
        trials = grazing(rng, trials)
    expected = nonlinear_lanes.simulate(trials.neuron, trials.weights, trials.until, SPIKES, tight=1e-14)
    worst = n = differ = 0
    for k in np.flatnonzero(~expected.undecided):
        found = spikes_of(names, integrator, one(trials.neuron, k), trials.weights[k], trials.until)
        wanted = expected.spikes[k, : expected.counts[k]]
        if len(found) != len(wanted):
            differ += 1
            continue
        sensitivity = np.maximum(1.0, np.maximum.accumulate(expected.errors[k, : len(wanted)]))
        off = np.abs(np.array(found) - wanted) / sensitivity
        worst, n = max(worst, off.max(initial=0.0)), n + len(found)
    with capsys.disabled():
        print(f"\n{model}, grazing {graze}: {n} spikes, largest difference {worst:.1e}, {differ} neurons differ")
    assert n > 30
    assert differ == 0
    assert worst < 1e-9
