"""STDP of SpikeSEG's layers against plain loops over winners and taps.

Weights and rates on a binary grid make one or two samples exact; other rates agree to rounding.
"""

from dataclasses import replace

import numpy as np
import pytest
from oracle import spikeseg as oracle, spikeseg_stdp as stdp
from spikeseg_agreement import GRID, WTA, build, random_case, same

from evsim.spikeseg.training import (
    GuetigSTDP,
    Homeostasis,
    RewardSTDP,
    SimplifiedSTDP,
    STDPTrainer,
    Stopping,
    convergence,
)

ENDLESS = {"convergence": None, "wins": None, "patience": None}
layers = pytest.mark.parametrize("layer", oracle.CONVOLUTIONS)
ties = pytest.mark.parametrize("ties", ["index", "potential"])


def learning_case(rng, layer):
    """One sample, weights from 0 to 1, and a layer that spikes."""
    while True:
        wta = WTA[int(rng.integers(len(WTA)))]
        case = random_case(rng, wta=wta, fire_once=bool(rng.integers(2)), steps=int(rng.integers(4, 12)))
        encoder = case.encoder
        for name in oracle.CONVOLUTIONS:
            conv = getattr(encoder, name)
            encoder = replace(encoder, **{name: replace(conv, weight=np.abs(conv.weight))})
        case = replace(case, encoder=encoder, x=case.x[:, :1])
        first = case.expected.first[layer]
        if len(np.unique(first[0].max(axis=(1, 2)))) > 1 or (first >= 0).sum() > 3:
            return case


def inputs_of(case, layer):
    """Input spikes (T, 1, C, H, W) of a layer."""
    before = {"conv1": None, "conv2": "pool1", "conv3": "pool2"}[layer]
    return case.x if before is None else case.expected.spikes[before]


def winning(case, layer, wta, tie, thresholds=None, **limits):
    """First input spikes of a layer, its winners, and whether its maps spiked; neurons that learn fire once."""
    inputs = inputs_of(case, layer)
    first, before = oracle.run_layer(replace(case.encoder, wta=wta, fire_once=True), layer, inputs, thresholds)
    chosen = stdp.winners(first[0], before[0] if tie == "potential" else None, **limits)
    return oracle.first_steps(inputs)[0], chosen, (first[0] >= 0).any(axis=(1, 2))


def learn(case, layer, rule, epochs=1, **options):
    """Weights after training on one sample, and the history."""
    made = build(case.encoder)
    trainer = STDPTrainer(made, rule=rule, layers=(layer,), stopping=Stopping(epochs=epochs, **ENDLESS), **options)
    history = trainer.fit([case.x[:, 0]])
    for name in set(oracle.CONVOLUTIONS) - {layer}:
        same(f"weights of {name}", getattr(made, name).weight, getattr(case.encoder, name).weight)
    return np.array(getattr(made, layer).weight), history[layer]


def weight_of(case, layer):
    return getattr(case.encoder, layer).weight


@layers
@ties
@pytest.mark.parametrize("wta", ["global", "local", "both"])
@pytest.mark.parametrize("stabilizer", ["multiplicative", "additive"])
def test_order_changes_the_winners_weights_like_the_oracle(layer, ties, wta, stabilizer):
    rng = np.random.default_rng([1, oracle.CONVOLUTIONS.index(layer)])
    rule = SimplifiedSTDP(1 / 32, 1 / 64, stabilizer)
    changed = 0
    for _ in range(3):
        case = learning_case(rng, layer)
        pre, chosen, _ = winning(case, layer, wta, ties)
        weight = weight_of(case, layer)
        expected = stdp.simplified(weight, pre, chosen, 1 / 32, 1 / 64, multiplicative=stabilizer == "multiplicative")
        got, history = learn(case, layer, rule, wta_mode=wta, ties=ties)
        same("weights", got, expected)
        assert history.wins == [sum(w.map == m for w in chosen) for m in range(len(weight))]
        changed += int((got != weight).sum())
    assert changed


@layers
def test_a_second_epoch_starts_from_the_weights_of_the_first(layer):
    rng = np.random.default_rng([2, oracle.CONVOLUTIONS.index(layer)])
    for _ in range(4):
        case = learning_case(rng, layer)
        again = case
        for _ in range(2):
            pre, chosen, _ = winning(again, layer, "both", "index")
            weight = stdp.simplified(weight_of(again, layer), pre, chosen, 1 / 32, 1 / 64)
            conv = replace(getattr(again.encoder, layer), weight=weight)
            again = replace(again, encoder=replace(again.encoder, **{layer: conv}))
        got, _ = learn(case, layer, SimplifiedSTDP(1 / 32, 1 / 64), epochs=2, wta_mode="both", ties="index")
        same("weights", got, weight)


@pytest.mark.parametrize(("paper", "rates"), [("kheradpisheh2018", (0.004, 0.003)), ("igarss2023", (0.04, 0.03))])
def test_published_rates_equal_the_oracle(paper, rates):
    rng = np.random.default_rng(3)
    case = learning_case(rng, "conv2")
    pre, chosen, _ = winning(case, "conv2", "both", "index")
    got, _ = learn(case, "conv2", SimplifiedSTDP.from_paper(paper), wta_mode="both", ties="index")
    np.testing.assert_allclose(got, stdp.simplified(weight_of(case, "conv2"), pre, chosen, *rates), rtol=0, atol=1e-15)


@layers
def test_bounds_hold(layer):
    rng = np.random.default_rng([4, oracle.CONVOLUTIONS.index(layer)])
    case = learning_case(rng, layer)
    pre, chosen, _ = winning(case, layer, "both", "index")
    for multiplicative, stabilizer in ((True, "multiplicative"), (False, "additive")):
        rule = SimplifiedSTDP(0.5, 0.5, stabilizer, w_min=0.25, w_max=0.5)
        got, _ = learn(case, layer, rule, wta_mode="both", ties="index")
        expected = stdp.simplified(
            weight_of(case, layer), pre, chosen, 0.5, 0.5, multiplicative=multiplicative, bounds=(0.25, 0.5)
        )
        same("weights", got, expected)


@layers
@pytest.mark.parametrize("mu", [0.0, 1.0, 0.3])
def test_pairs_change_the_winners_weights_like_the_oracle(layer, mu):
    rng = np.random.default_rng([5, oracle.CONVOLUTIONS.index(layer)])
    settings = {"alpha": 1.1, "mu_plus": mu, "mu_minus": mu / 2, "tau_plus": 3.0, "tau_minus": 5.0}
    for _ in range(3):
        case = learning_case(rng, layer)
        pre, chosen, _ = winning(case, layer, "both", "index")
        expected = stdp.pair(weight_of(case, layer), pre, chosen, rate=0.05, **settings)
        got, _ = learn(case, layer, GuetigSTDP(0.05, **settings), wta_mode="both", ties="index")
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


@ties
@pytest.mark.parametrize("limits", [{"limit": 1}, {"limit": 2}, {"radius": 1}, {"radius": 3}], ids=str)
def test_limits_of_winners_equal_the_oracle(ties, limits):
    rng = np.random.default_rng(6)
    options = {{"limit": "max_winners", "radius": "winner_radius"}[key]: value for key, value in limits.items()}
    fewer = 0
    for _ in range(8):
        case = learning_case(rng, "conv1")
        pre, chosen, _ = winning(case, "conv1", "local", ties, **limits)
        fewer += len(winning(case, "conv1", "local", ties)[1]) - len(chosen)
        expected = stdp.simplified(weight_of(case, "conv1"), pre, chosen, 1 / 32, 1 / 64)
        got, _ = learn(case, "conv1", SimplifiedSTDP(1 / 32, 1 / 64), wta_mode="local", ties=ties, **options)
        same("weights", got, expected)
    assert fewer


def test_another_rate_is_found():
    case = learning_case(np.random.default_rng(7), "conv1")
    pre, chosen, _ = winning(case, "conv1", "local", "index")
    weight = weight_of(case, "conv1")
    got, _ = learn(case, "conv1", SimplifiedSTDP(1 / 32, 1 / 64, "additive"), wta_mode="local", ties="index")
    same("weights", got, stdp.simplified(weight, pre, chosen, 1 / 32, 1 / 64, multiplicative=False))
    with pytest.raises(AssertionError, match="weights"):
        same("weights", got, stdp.simplified(weight, pre, chosen, 1 / 64, 1 / 64, multiplicative=False))


# Rules by hand: w = 1/2, so that w (1 - w) = 1/4


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (SimplifiedSTDP(0.04, 0.03), [0.01, 0.01, -0.0075, -0.0075]),
        (SimplifiedSTDP(0.04, 0.03, "additive"), [0.04, 0.04, -0.03, -0.03]),
        (GuetigSTDP(0.01, tau_plus=2.0, tau_minus=2.0), [0.01 * np.exp(-1), 0.01, -0.01 * np.exp(-0.5), 0.0]),
        (GuetigSTDP(0.01, 2.0, 1.0, 1.0, 2.0, 2.0), [0.005 * np.exp(-1), 0.005, -0.01 * np.exp(-0.5), 0.0]),
    ],
    ids=["order", "order, additive", "pairs, additive", "pairs, multiplicative"],
)
def test_changes_by_hand(rule, changes):
    got = rule.change([0.5] * 4, t_pre=[2, 4, 5, -1], t_post=4)
    np.testing.assert_allclose(got, changes, rtol=1e-14, atol=0)


@pytest.mark.parametrize(("right", "rates"), [(True, (0.001, -0.00075)), (False, (-0.003, 0.000375))])
def test_rewards_weigh_by_the_share_of_wrong_decisions_and_punishments_by_that_of_right_ones(right, rates):
    rule = RewardSTDP().for_decision(right, share_right=0.75)
    np.testing.assert_allclose(rule.change([0.5, 0.5], t_pre=[1, 9], t_post=4), rates, rtol=1e-14, atol=0)


def test_convergence_equals_the_oracle():
    rng = np.random.default_rng(8)
    for shape in ((3, 2, 5, 5), (1, 1, 1, 1)):
        weight = rng.random(shape)
        assert convergence(weight) == pytest.approx(stdp.convergence(weight), rel=1e-14)


def test_one_winner_gains_the_increment_and_then_decays():
    np.testing.assert_allclose(Homeostasis(rest=0.1).step([0.1], [True]), [0.1 + 0.02 * np.exp(-1 / 500)], rtol=1e-15)


def test_thresholds_adapt_like_the_oracle():
    rng = np.random.default_rng(9)
    rule = Homeostasis(rest=0.1)
    got = expected = np.array([0.1, 0.5, 9.995, 10.0, 0.05])
    for _ in range(50):
        spiked = rng.random(5) < 0.6
        got, expected = rule.step(got, spiked), stdp.adapted_thresholds(expected, spiked)
        np.testing.assert_allclose(got, expected, rtol=1e-14)
    assert got.max() <= 10


@layers
@pytest.mark.parametrize("counts", ["winners", "spikes"])
def test_thresholds_of_a_trained_layer_follow_its_winners_or_its_spikes(layer, counts):
    rng = np.random.default_rng([10, oracle.CONVOLUTIONS.index(layer)])
    case = learning_case(rng, layer)
    conv = getattr(case.encoder, layer)
    # Rates of zero keep the weights on the grid; an increment between two grid points keeps sums off the thresholds.
    rule = Homeostasis(increment=GRID * 0.7, tau=40.0, counts=counts)
    got, history = learn(
        case, layer, SimplifiedSTDP(0.0, 0.0), epochs=6, wta_mode="both", ties="index", homeostasis=rule
    )
    levels = np.full(len(conv.weight), conv.threshold)
    for _ in range(6):
        _, chosen, spiked = winning(case, layer, "both", "index", levels)
        won = np.isin(np.arange(len(levels)), [winner.map for winner in chosen])
        counted = won if counts == "winners" else spiked
        levels = stdp.adapted_thresholds(levels, counted, step=GRID * 0.7, tau=40.0, rest=conv.threshold)
    np.testing.assert_allclose(history.thresholds, levels, rtol=1e-14)
    same("weights", got, conv.weight)
