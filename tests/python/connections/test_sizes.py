"""Shapes whose sizes as products do not fit into 32 bits, and large strides: judged before anything is allocated."""

import time

import numpy as np
import pytest

import evsim
from evsim.errors import EvsimError, MemoryLimitError

BIG = 2**30


def add(connection):
    net = evsim.SpikingNetwork()
    without = isinstance(connection, evsim.Pool2d) and connection.mode != "sum"
    return net, net.add_layer(connection, None if without else evsim.IAFDelta())


@pytest.mark.parametrize(
    "connection",
    [
        evsim.Pool2d((2, 1), (1, 1), in_shape=(1, 65538, 65536)),
        evsim.Pool2d(2, in_shape=(1, 65536, 65536)),
        evsim.Pool2d(1, 1, in_shape=(BIG, BIG, BIG)),
        evsim.Pool2d((2, 1), (1, 1), "sum", in_shape=(1, 65538, 65536)),
        evsim.Conv2d(1, 1, in_shape=(1, 65538, 65536)),
        evsim.Conv2d(2**16 + 2, 1, in_shape=(1, 256, 256)),
        evsim.Conv2d(BIG, 1, in_shape=(1, BIG, BIG)),
        evsim.Conv2d(1, 3, in_shape=(1, 8, 8), padding=BIG, stride=BIG),
        evsim.Conv2d(1, 3, in_shape=(1, 8, 8), dilation=BIG, padding=BIG),
        evsim.Conv2d(1, (BIG, 4), in_shape=(1, 1, 1), padding=BIG // 2),
        evsim.ConvTranspose2d(1, 1, in_shape=(1, 2**16, 1), stride=2**16, padding=BIG),
        evsim.ConvTranspose2d(1, 3, in_shape=(1, 2, 2), stride=BIG),
    ],
    ids=repr,
)
def test_sizes_beyond_what_indices_can_name_are_refused_at_once(connection):
    begin = time.perf_counter()
    with pytest.raises(EvsimError) as caught:
        add(connection)
    assert isinstance(caught.value, MemoryLimitError), caught.value
    assert time.perf_counter() - begin < 1.0


def test_products_that_wrap_to_something_small_are_seen():
    # 65538 * 65536 is 131072 modulo 2**32.
    with pytest.raises(MemoryLimitError, match="1 x 65538 x 65536"):
        add(evsim.Pool2d((2, 1), (1, 1), in_shape=(1, 65538, 65536)))


@pytest.mark.parametrize(("stride", "padding"), [(8000, 7999), (BIG, 0), (9, 4), (100_000, 3)])
def test_a_large_stride_costs_no_more_than_the_kernel(stride, padding):
    begin = time.perf_counter()
    net, layer = add(
        evsim.Conv2d(1, 1, in_shape=(1, 5, 5), stride=stride, padding=padding, weights=np.ones((1, 1, 1, 1)))
    )
    spikes = net.infer(np.arange(25), np.zeros(25))
    assert time.perf_counter() - begin < 1.0
    reached = [k for k in range(5) if (k + padding) % stride == 0]
    assert len(spikes) == len(reached) ** 2
    assert layer.n_neurons >= len(spikes)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_phases_without_weights_reach_nobody(kernel, stride, dilation):
    size, padding = 9, 2
    rng = np.random.default_rng([kernel, stride, dilation])
    weights = rng.uniform(0.1, 1.0, (1, 1, kernel, kernel))
    if dilation * (kernel - 1) + 1 > size + 2 * padding:
        pytest.skip("the kernel does not fit")
    connection = evsim.Conv2d(
        1, kernel, in_shape=(1, size, size), stride=stride, padding=padding, dilation=dilation, weights=weights
    )
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(connection, evsim.IAFDelta(threshold=1e9))
    probe = evsim.Probe(0, [1.0])
    for y, x in ((0, 0), (4, 5), (8, 8), (3, 7)):
        net.infer([y * size + x], [0.5], record=probe)
        _, height, width = layer.shape
        expected = np.zeros((height, width))
        for i in range(height):
            for j in range(width):
                for a in range(kernel):
                    for b in range(kernel):
                        hit = (i * stride + a * dilation - padding, j * stride + b * dilation - padding) == (y, x)
                        expected[i, j] += weights[0, 0, a, b] * hit
        assert np.array_equal(probe.values[0].reshape(height, width), expected)
