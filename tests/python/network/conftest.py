"""A network to make mistakes with."""

import pickle

import pytest
from small_networks import GOOD, state, two_layers


@pytest.fixture
def net():
    return two_layers()


@pytest.fixture
def unchanged(net):
    """Asserts after the test that the network is as it was before, and goes on with its stream."""
    twin = pickle.loads(pickle.dumps(net))
    net.infer(*GOOD, until=3.0)
    twin.infer(*GOOD, until=3.0)
    before = state(net)
    yield
    assert state(net) == before
    rest = ([1, 2], [3.5, 3.5])
    assert net.infer(*rest, reset=False) == twin.infer(*rest, reset=False)
    assert net.infer(*GOOD) == twin.infer(*GOOD)
    assert len(net.infer(*GOOD)) > 0
