"""Optimizers against the algorithms of the papers, written out in float64; and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import SGD, Adam, AdamW, DelayBounds, Gradients, NAdam

LR, DECAY = 0.03, 0.1


def sgd(w, gradients, momentum=0.0, nesterov=False):
    m = np.zeros_like(w)
    for g in gradients:
        g = g + DECAY * w
        m = momentum * m + g
        w = w - LR * (g + momentum * m if nesterov else m)
    return w


def adam(w, gradients, decoupled=False, amsgrad=False, b1=0.9, b2=0.999, eps=1e-8):
    m, v, most = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w - LR * DECAY * w
        else:
            g = g + DECAY * w
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        most = np.maximum(most, v)
        square = (most if amsgrad else v) / (1 - b2**t)
        w = w - LR * (m / (1 - b1**t)) / (np.sqrt(square) + eps)
    return w


def nadam(w, gradients, b1=0.9, b2=0.999, eps=1e-8):
    m, v, product = np.zeros_like(w), np.zeros_like(w), 1.0
    for t, g in enumerate(gradients, 1):
        g = g + DECAY * w
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (0.004 * k)) for k in (t, t + 1))
        product *= mu
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        mean = following * m / (1 - product * following) + (1 - mu) * g / (1 - product)
        w = w - LR * mean / (np.sqrt(v / (1 - b2**t)) + eps)
    return w


CASES = {
    "sgd": (lambda net: SGD(net, LR, weight_decay=DECAY), sgd),
    "momentum": (
        lambda net: SGD(net, LR, momentum=0.8, weight_decay=DECAY),
        lambda w, g: sgd(w, g, momentum=0.8),
    ),
    "nesterov": (
        lambda net: SGD(net, LR, momentum=0.8, nesterov=True, weight_decay=DECAY),
        lambda w, g: sgd(w, g, momentum=0.8, nesterov=True),
    ),
    "adam": (lambda net: Adam(net, LR, weight_decay=DECAY), adam),
    "amsgrad": (
        lambda net: Adam(net, LR, weight_decay=DECAY, amsgrad=True),
        lambda w, g: adam(w, g, amsgrad=True),
    ),
    "adamw": (lambda net: AdamW(net, LR, weight_decay=DECAY), lambda w, g: adam(w, g, decoupled=True)),
    "nadam": (lambda net: NAdam(net, LR, weight_decay=DECAY), nadam),
}
cases = pytest.mark.parametrize("case", CASES)


def networks(dtype):
    """A dense, a sparse and a convolutional projection."""
    net = evsim.SpikingNetwork(dtype=dtype, seed=1)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    net.add_layer(evsim.Dense(7, 37), neuron, name="dense")
    net.add_population(5, neuron, name="b")
    net.connect("dense", "b", evsim.Sparse(37, 5, sources=[0, 3, 36], targets=[1, 1, 4]))
    net.add_input((2, 6, 6), name="image")
    net.add_layer(evsim.Conv2d(3, kernel_size=3), neuron, source="image", name="conv")
    for projection in net.projections:
        projection.weights = np.random.default_rng(2).normal(size=projection.weights.shape)
    return net


def keyed(net):
    return {key: projection for projection, key in evsim.learning.graphs.projection_keys(net).items()}


def random_gradients(net, n):
    """As the way back gives them: laid out in memory as the weights are."""
    rng, out = np.random.default_rng(3), []
    for _ in range(n):
        weights = {}
        for key, projection in keyed(net).items():
            like = projection.weights
            gradient = np.empty_like(like) if like.flags.c_contiguous else np.empty(like.shape[::-1], like.dtype).T
            gradient[...] = rng.normal(size=like.shape)
            weights[key] = gradient
        out.append(Gradients(weights, {}, {}, {}))
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@cases
def test_steps_are_those_of_the_paper(case, dtype):
    make, reference = CASES[case]
    net = networks(dtype)
    optimizer, gradients = make(net), random_gradients(net, 6)
    before = {key: np.array(projection.weights, float) for key, projection in keyed(net).items()}
    for one in gradients:
        optimizer.step(one)
    tolerance = {"float32": 2e-6, "float64": 1e-13}[dtype]
    for key, projection in keyed(net).items():
        expected = reference(before[key], [np.asarray(one.weights[key], float) for one in gradients])
        np.testing.assert_allclose(projection.weights, expected, rtol=tolerance, atol=tolerance)


@cases
def test_a_state_goes_on_to_the_bit(case):
    make, _ = CASES[case]
    net, other = networks("float32"), networks("float32")
    gradients = random_gradients(net, 6)
    optimizer = make(net)
    for one in gradients[:3]:
        optimizer.step(one)
    again = make(other)
    again.load_state_dict(optimizer.state_dict())
    for key, projection in keyed(other).items():
        projection.weights = np.array(keyed(net)[key].weights)
    for one in gradients[3:]:
        optimizer.step(one)
        again.step(one)
    for key, projection in keyed(other).items():
        np.testing.assert_array_equal(projection.weights, keyed(net)[key].weights)


def test_clipping_and_largest_steps():
    net = networks("float64")
    (gradients,) = random_gradients(net, 1)
    before = {key: np.array(projection.weights) for key, projection in keyed(net).items()}
    SGD(net, 1.0, clip=0.5).step(gradients)
    moved = {key: projection.weights - before[key] for key, projection in keyed(net).items()}
    assert math.sqrt(sum(float(np.sum(one**2)) for one in moved.values())) == pytest.approx(0.5)
    for key, one in moved.items():
        cosine = np.sum(one * gradients.weights[key]) / np.linalg.norm(one) / np.linalg.norm(gradients.weights[key])
        assert cosine == pytest.approx(-1.0)
    before = {key: np.array(projection.weights) for key, projection in keyed(net).items()}
    SGD(net, 1.0, max_step=0.01).step(gradients)
    for key, projection in keyed(net).items():
        assert np.abs(projection.weights - before[key]).max() == pytest.approx(0.01)


def test_a_layer_of_one_neuron_is_clipped_as_others_are():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(3, 1, weights=[[9.0, 9.0, 9.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="a")
    tape = evsim.learning.record(net, [0, 1, 2], [0.0, 1.0, 2.0])
    gradients = tape.backward({"a": np.ones(len(tape.spikes["a"]))})
    SGD(net, 1.0, clip=0.5).step(gradients)
    moved = layer.weights - 9.0
    assert np.linalg.norm(moved) == pytest.approx(0.5)
    np.testing.assert_allclose(moved * np.linalg.norm(gradients.weights["a"]), -0.5 * gradients.weights["a"])


def test_only_chosen_projections_learn():
    net = networks("float64")
    before = {key: np.array(projection.weights) for key, projection in keyed(net).items()}
    SGD(net, 0.1, projections=["conv"]).step(random_gradients(net, 1)[0])
    changed = {key for key, projection in keyed(net).items() if not np.array_equal(projection.weights, before[key])}
    assert changed == {"conv"}
    with pytest.raises(errors.InvalidArgumentError, match="'dense -> b'"):
        SGD(net, 0.1, projections=["x"])


def test_gradients_that_are_not_finite_change_nothing():
    net = networks("float64")
    (gradients,) = random_gradients(net, 1)
    gradients.weights["conv"][0, 0, 0, 0] = np.inf
    before = {key: np.array(projection.weights) for key, projection in keyed(net).items()}
    with pytest.raises(errors.NonFiniteError):
        Adam(net).step(gradients)
    for key, projection in keyed(net).items():
        np.testing.assert_array_equal(projection.weights, before[key])


def test_delays_learn_within_their_bounds():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    layer = net.add_layer(evsim.Dense(3, 2), neuron, name="a", delay=[0.0, 1.0, 5.0])
    bounds = DelayBounds(0.0, 5.0)
    optimizer = SGD(net, 0.1, delays=bounds, delay_lr=1.0)
    u = bounds.learned(layer.delays)
    by_delays = np.array([1.0, -2.0, 0.5])
    optimizer.step(Gradients({"a": np.zeros((3, 2)).T}, {"a": by_delays}, {}, {}))
    share = 1.0 / (1.0 + np.exp(-u))
    expected = 5.0 / (1.0 + np.exp(-(u - by_delays * 5.0 * share * (1.0 - share))))
    np.testing.assert_allclose(layer.delays, expected, rtol=1e-12, atol=1e-14)
    for _ in range(20):
        optimizer.step(Gradients({"a": np.zeros((3, 2)).T}, {"a": np.array([1e6, -1e6, 0.0])}, {}, {}))
    assert np.all(layer.delays >= 0.0)
    assert np.all(layer.delays <= 5.0)


def test_a_step_that_fails_changes_nothing():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(3, 2), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="a", delay=1.0)
    optimizer = SGD(net, 0.1, delays=DelayBounds(0.0, 5.0))
    before = (np.array(layer.weights), layer.delays)
    for by_delays, error in ((np.nan, errors.NonFiniteError), (np.ones(3), errors.ShapeMismatchError)):
        with pytest.raises(error):
            optimizer.step(Gradients({"a": np.ones((3, 2)).T}, {"a": by_delays}, {}, {}))
        np.testing.assert_array_equal(layer.weights, before[0])
        assert layer.delays == before[1]
        assert optimizer.n_steps == 0


def test_states_of_other_optimizers_are_refused():
    net = networks("float64")
    states = {}
    for name, (make, _) in CASES.items():
        optimizer = make(net)
        optimizer.step(random_gradients(net, 1)[0])
        states[name] = optimizer.state_dict()
    for state in states.values():
        for other, (make, _) in CASES.items():
            if states[other]["kind"] != state["kind"]:
                with pytest.raises(errors.InvalidArgumentError):
                    make(net).load_state_dict(state)
    with pytest.raises(errors.InvalidArgumentError, match="another network"):
        Adam(networks("float32")).load_state_dict(states["adam"])
    with pytest.raises(errors.InvalidArgumentError, match="other delays"):
        Adam(net, delays=DelayBounds(0.0, 5.0)).load_state_dict(states["adam"])


def test_wrong_arguments():
    net = networks("float32")
    for make in (
        lambda: SGD(net, 0.0),
        lambda: SGD(net, math.inf),
        lambda: SGD(net, 0.1, momentum=1.0),
        lambda: Adam(net, betas=(1.0, 0.9)),
        lambda: Adam(net, eps=0.0),
        lambda: Adam(net, clip=-1.0),
        lambda: DelayBounds(3.0, 2.0),
        lambda: DelayBounds(-1.0, 2.0),
    ):
        with pytest.raises(errors.InvalidArgumentError):
            make()
    optimizer = Adam(net)
    optimizer.step(random_gradients(net, 1)[0])
    with pytest.raises(errors.InvalidArgumentError, match="not of SGD"):
        SGD(net, 0.1).load_state_dict(optimizer.state_dict())
