"""A network of SteppedIF neurons begins and ends at whole steps: pieces equal the whole for every end it accepts."""

import numpy as np
import pytest

import evsim


def network(device="cpu", dtype="float32"):
    net = evsim.SpikingNetwork(dtype=dtype, device=device)
    net.add_layer(evsim.Dense(3, 4, weights=np.arange(12).reshape(4, 3) / 16), evsim.SteppedIF(leak=0.1, threshold=0.5))
    return net


@pytest.mark.parametrize("options", [{"until": 0.5}, {"until": np.nextafter(3.0, 4.0)}, {"until": 4.0, "start": -0.25}])
def test_a_call_that_begins_or_ends_within_a_step_is_refused(options):
    net = network()
    with pytest.raises(evsim.errors.InvalidArgumentError, match="whole"):
        net.infer([0], [0.0], **options)
    assert net.time is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_of_whole_steps_equal_the_whole(dtype):
    rng = np.random.default_rng(0)
    times, indices = np.sort(rng.integers(0, 40, 200)).astype(float), rng.integers(0, 3, 200)
    net = network(dtype=dtype)
    whole = net.infer(indices, times, until=50.0)
    assert len(whole) > 20
    found = []
    for k, (first, last) in enumerate([(0, 1), (1, 2), (2, 17), (17, 18), (18, 50)]):
        inside = (times >= first) & (times < last)
        found.append(net.infer(indices[inside], times[inside], until=float(last), reset=k == 0))
    assert np.concatenate([piece.times for piece in found]).tolist() == whole.times.tolist()
    assert len(net.infer([], [], until=np.inf, reset=False)) == 0
