"""Containers that carry more than numbers: nothing they say is lost in silence."""

import numpy as np
import pytest

import evsim
from evsim.errors import DTypeError, EvsimError

MASKED = np.ma.array([0, 1, 2], mask=[0, 1, 0])
MASKED_FLOATS = MASKED.astype(float)
LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)


def net():
    made = evsim.SpikingNetwork(seed=0)
    made.add_layer(evsim.Dense(3, 3), LIF)
    return made


PLACES = {
    "indices": lambda v: evsim.SpikeArray(v, [0.0, 1.0, 2.0]),
    "times": lambda v: evsim.SpikeArray([0, 1, 2], v),
    "add": lambda v: evsim.SpikeArray().add(v, [0.0, 1.0, 2.0]),
    "positions": lambda v: evsim.SpikeArray([0, 1, 2], [0.0, 1.0, 2.0])[v],
    "infer's indices": lambda v: net().infer(v, [0.0, 1.0, 2.0]),
    "infer's times": lambda v: net().infer([0, 1, 2], v),
    "a sample of a batch": lambda v: net().infer([([0, 1, 2], v)]),
    "first weights": lambda v: evsim.SpikingNetwork().add_layer(evsim.Dense(3, 1, weights=v.reshape(1, 3)), LIF),
    "weights": lambda v: setattr(net()[0], "weights", np.ma.array([v, v, v])),
    "thresholds": lambda v: evsim.IAFDelta(threshold=v + 1.0),
    "probed times": lambda v: net().infer([0], [0.0], record=evsim.Probe(0, v)),
    "probed neurons": lambda v: net().infer([0], [0.0], record=evsim.Probe(0, [0.0], v)),
    "dense spikes": lambda v: evsim.SpikeArray.from_dense(np.ma.array([v, v])),
    "pixels": lambda v: evsim.encoders.latency(v / 2.0),
}


@pytest.mark.parametrize("place", PLACES)
def test_masked_values_are_an_error_that_says_so(place):
    with pytest.raises(DTypeError, match="masked"):
        PLACES[place](MASKED)


@pytest.mark.parametrize("place", PLACES)
def test_masked_arrays_without_masked_values_are_arrays(place):
    PLACES[place](np.ma.array([0, 1, 2], mask=False))


@pytest.mark.parametrize("values", [[0, np.ma.masked, 2], (np.ma.masked, 1, 2)])
def test_masked_values_in_lists_are_found(values):
    with pytest.raises(DTypeError, match="1 masked value,"):
        evsim.SpikeArray(values, [0.0, 1.0, 2.0])


def test_a_masked_number_is_no_number():
    with pytest.raises(DTypeError, match="tau_mem has 1 masked"):
        evsim.LIF(tau_mem=np.ma.masked, tau_syn=1.0)


STRANGE = {
    "complex": np.array([0, 1, 2], complex),
    "dates": np.array(["2020", "2021", "2022"], "M8[Y]"),
    "durations": np.array([0, 1, 2], "m8[s]"),
    "objects": np.array([0, 1, None], object),
    "text": np.array(["0", "1", "2"]),
    "structured": np.array([(0, 0.0)] * 3, [("index", "i4"), ("time", "f8")]),
    "ragged": [[0], [1, 2], [3]],
    "a dict": {0: 1},
    "a set": {0, 1, 2},
}


@pytest.mark.parametrize("place", [p for p in PLACES if p not in ("first weights", "thresholds", "weights", "pixels")])
@pytest.mark.parametrize("kind", STRANGE)
def test_what_holds_no_plain_numbers_is_a_named_error(place, kind):
    if place == "dense spikes" and kind in ("objects", "text", "structured", "ragged"):
        pytest.skip("NumPy itself does not stack them")
    with pytest.raises(EvsimError):
        PLACES[place](STRANGE[kind])


def test_arrays_that_refuse_to_be_read_are_a_named_error():
    class OnAnotherDevice:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("call .cpu() first")

    for place in ("indices", "times", "infer's times", "probed times"):
        with pytest.raises(DTypeError, match=r"\.cpu\(\)"):
            PLACES[place](OnAnotherDevice())


def test_pandas_columns():
    pandas = pytest.importorskip("pandas")
    assert evsim.SpikeArray(pandas.Series([0, 1]), pandas.Series([0.5, 1.0])) == evsim.SpikeArray([0, 1], [0.5, 1.0])
    with pytest.raises(EvsimError, match="finite"):
        evsim.SpikeArray([0, 1], pandas.Series([0.5, None]))
    with pytest.raises(EvsimError):
        evsim.SpikeArray(pandas.Series([0, None], dtype="Int64"), [0.5, 1.0])
