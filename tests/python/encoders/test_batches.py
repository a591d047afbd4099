"""What all encoders share: shapes, batches, order, and refusal of what holds no plain numbers."""

import numpy as np
import pytest

from evsim import SpikeArray, encoders, errors

ENCODERS = {
    "latency": lambda v, **o: encoders.latency(v, threshold=0.1, **o),
    "log_latency": lambda v, **o: encoders.log_latency(v, threshold=0.1, **o),
    "rank_order": lambda v, **o: encoders.rank_order(np.round(v, 1), **o),
    "constant_current_lif": lambda v, **o: encoders.constant_current_lif(3 * v, until=30.0, tau_mem=10.0, **o),
    "spike_latency_lif": lambda v, **o: encoders.spike_latency_lif(3 * v, tau_mem=10.0, **o),
    "poisson": lambda v, **o: encoders.poisson(v / 5, until=30.0, seed=1, **o),
    "poisson_step": lambda v, **o: encoders.poisson_step(v, dt=2.0, step=3, seed=1, **o),
}
TWO_CHANNELS = {"signed_poisson": lambda v, **o: encoders.signed_poisson(v - 0.5, until=30.0, seed=1, **o)}
RANDOM = {"poisson", "poisson_step", "signed_poisson"}
every = pytest.mark.parametrize("name", [*ENCODERS, *TWO_CHANNELS])
encode_by = ENCODERS | TWO_CHANNELS


def images(seed, *shape):
    return np.random.default_rng(seed).random(shape)


def one_of(name, values, k, shape):
    options = {"samples": k} if name in RANDOM else {}
    return encode_by[name](values, shape=shape, **options)


@every
@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 4)])
def test_a_batch_equals_its_samples_one_by_one(name, shape):
    values = images(1, 5, *shape)
    batch = encode_by[name](values)
    assert [len(spikes) > 5 for spikes in batch] == [True] * 5
    assert batch == [one_of(name, one, k, shape) for k, one in enumerate(values)]
    expected = (2, *shape) if name in TWO_CHANNELS else shape
    assert all(spikes.shape == expected for spikes in batch)


@every
def test_flat_samples_and_shaped_ones_are_the_same(name):
    values = images(2, 3, 12)
    batch = encode_by[name](values, shape=(12,))
    assert batch == encode_by[name](values.reshape(3, 3, 4))
    assert batch == encode_by[name](values, shape=(3, 2, 2))
    assert batch == [one_of(name, one, k, None) for k, one in enumerate(values)]
    assert all(spikes.shape == ((2, 12) if name in TWO_CHANNELS else None) for spikes in batch)


@every
def test_spikes_are_sorted_by_time_and_then_by_index(name):
    for spikes in encode_by[name](images(3, 3, 5, 5)):
        order = np.lexsort((spikes.indices, spikes.times))
        assert order.tolist() == list(range(len(spikes)))


@every
def test_nothing_gives_nothing(name):
    quiet = np.full((2, 3, 3), 0.5) if name in TWO_CHANNELS else np.zeros((2, 3, 3))
    assert encode_by[name](quiet) == [SpikeArray(), SpikeArray()]
    assert encode_by[name](np.zeros((0, 3, 3))) == []


def test_spikes_have_the_shape_that_an_image_layer_wants():
    import evsim

    film = np.cumsum(images(4, 30, 6, 7) - 0.5, axis=0)
    times = np.arange(30.0)
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Conv2d(3, 3, in_shape=(2, 6, 7)), evsim.LIFDelta(tau_mem=20.0))
    for spikes in (
        encoders.delta_modulation(film, times, threshold=0.3),
        encoders.signed_poisson(film[-1], until=10.0, seed=1, shape=(6, 7)),
    ):
        assert spikes.shape == (2, 6, 7)
        net.infer(spikes)


RAW = {
    "latency": lambda v: encoders.latency(v),
    "log_latency": lambda v: encoders.log_latency(v),
    "rank_order": lambda v: encoders.rank_order(v),
    "constant_current_lif": lambda v: encoders.constant_current_lif(v, until=3.0, tau_mem=10.0),
    "its time constants": lambda v: encoders.constant_current_lif([1.0, 2.0, 3.0], until=3.0, tau_mem=v),
    "spike_latency_lif": lambda v: encoders.spike_latency_lif(v, tau_mem=10.0),
    "poisson": lambda v: encoders.poisson(v, until=3.0, seed=1),
    "poisson_step": lambda v: encoders.poisson_step(v, dt=3.0, seed=1),
    "signed_poisson": lambda v: encoders.signed_poisson(v, until=3.0, seed=1),
    "population": lambda v: encoders.population(v, 3, scale=1.0),
    "centres": lambda v: encoders.population([1.0], 3, centres=v, sigma=1.0),
    "widths": lambda v: encoders.population([1.0], 3, sigma=v),
    "signal": lambda v: encoders.delta_modulation(v, [0.0, 1.0, 2.0], threshold=1.0),
    "times of a signal": lambda v: encoders.delta_modulation([0.0, 1.0, 2.0], v, threshold=1.0),
    "samples": lambda v: encoders.poisson(np.ones((3, 2, 2)), until=3.0, seed=1, samples=v),
}
STRANGE = {
    "masked": np.ma.array([0, 1, 2], mask=[0, 1, 0]),
    "complex": np.array([0, 1, 2], complex),
    "dates": np.array(["2020", "2021", "2022"], "M8[Y]"),
    "objects": np.array([0, 1, None], object),
    "text": np.array(["0", "1", "2"]),
    "structured": np.array([(0, 0.0)] * 3, [("index", "i4"), ("time", "f8")]),
    "ragged": [[0], [1, 2], [3]],
    "a dict": {0: 1},
    "NaN": [0.0, np.nan, 1.0],
    "infinity": [0.0, np.inf, 1.0],
    "None": None,
}


OPTIONAL = {"samples", "centres", "widths"}


@pytest.mark.parametrize(("place", "kind"), [(p, k) for p in RAW for k in STRANGE if k != "None" or p not in OPTIONAL])
def test_what_holds_no_plain_numbers_is_a_named_error(place, kind):
    with pytest.raises(errors.EvsimError):
        RAW[place](STRANGE[kind])


@pytest.mark.parametrize("name", [*ENCODERS, *TWO_CHANNELS])
@pytest.mark.parametrize(
    ("given", "shape"), [((4, 6), None), ((), None), ((2, 2, 2, 2, 2), None), ((3, 0, 2), None), ((5, 4), (4, 5))]
)
def test_shapes_that_do_not_fit_are_named(name, given, shape):
    with pytest.raises(errors.ShapeMismatchError, match=r"shape|must have"):
        encode_by[name](np.full(given, 0.5), shape=shape)
