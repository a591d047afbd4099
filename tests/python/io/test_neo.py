"""Spikes to and from trains of neo."""

import subprocess
import sys

import numpy as np
import pytest

import evsim
from evsim import SpikeArray, errors, io


@pytest.mark.parametrize("call", ["to_neo(evsim.SpikeArray([0], [0.0]), stop=1.0)", "from_neo([])"])
def test_without_neo_the_error_names_the_extra(call):
    source = f"""
import sys
sys.modules["neo"] = None
import evsim
try:
    evsim.io.{call}
except evsim.errors.MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    name = call.partition("(")[0]
    assert done.stdout == f"evsim.io.{name} needs neo: python -m pip install 'evsim[neo]'\n"


class TestWithNeo:
    @pytest.fixture(autouse=True)
    def neo(self):
        return pytest.importorskip("neo", reason="neo is not installed")

    @pytest.fixture
    def some(self):
        rng = np.random.default_rng(0)
        spikes = SpikeArray(rng.integers(0, 6, 300), rng.uniform(5.0, 90.0, 300))
        spikes.sort()
        return spikes

    def test_there_is_a_sorted_train_for_every_neuron(self, some, neo):
        trains = io.to_neo(some, n_neurons=8, stop=100.0)
        assert [type(train) for train in trains] == [neo.SpikeTrain] * 8
        for k, train in enumerate(trains):
            assert train.magnitude.tolist() == sorted(spike.time for spike in some if spike.index == k)

    def test_trains_have_the_window_and_the_unit(self, some):
        for train in io.to_neo(some, start=5.0, stop=90.5, unit="us"):
            assert (str(train.units.dimensionality), float(train.t_start), float(train.t_stop)) == ("us", 5.0, 90.5)

    def test_a_shape_says_how_many_trains_there_are(self):
        assert len(io.to_neo(SpikeArray([1], [0.5], shape=(2, 3)), stop=1.0)) == 6

    def test_spikes_at_the_ends_of_the_window_stay(self):
        (train,) = io.to_neo(SpikeArray([0, 0], [2.0, 7.1]), start=2.0, stop=7.1, unit="s")
        assert train.magnitude.tolist() == [2.0, 7.1]

    def test_no_spikes_are_no_trains_or_empty_ones(self):
        assert io.to_neo(SpikeArray(), stop=1.0) == []
        assert [len(train) for train in io.to_neo(SpikeArray(), n_neurons=2, stop=1.0)] == [0, 0]
        assert io.from_neo([]).is_empty()

    def test_there_and_back_is_the_same(self, some):
        assert io.from_neo(io.to_neo(some, stop=100.0)) == some

    def test_there_and_back_is_the_same_with_shapes_and_other_units(self):
        spikes = SpikeArray([5, 0], [0.25, 0.5], shape=(2, 3))
        back = io.from_neo(io.to_neo(spikes, unit="s", stop=1.0), unit="s", shape=(2, 3))
        assert (back, back.shape) == (spikes, (2, 3))

    @pytest.mark.parametrize(
        ("given", "wanted", "factor"), [("s", "ms", 1e3), ("ms", "s", 1e-3), ("us", "ms", 1e-3), ("minute", "s", 60.0)]
    )
    def test_units_are_converted(self, neo, given, wanted, factor):
        train = neo.SpikeTrain([1.5, 4.0], t_stop=9.0, units=given)
        np.testing.assert_allclose(io.from_neo([train], unit=wanted).times, [1.5 * factor, 4.0 * factor], rtol=1e-15)

    def test_trains_of_different_units_come_together(self, neo):
        trains = [neo.SpikeTrain([0.002], t_stop=1.0, units="s"), neo.SpikeTrain([1.0, 3.0], t_stop=9.0, units="ms")]
        spikes = io.from_neo(trains)
        assert spikes.indices.tolist() == [1, 0, 1]
        np.testing.assert_allclose(spikes.times, [1.0, 2.0, 3.0], rtol=1e-15)

    def test_times_count_from_zero_and_not_from_the_start_of_the_train(self, neo):
        train = neo.SpikeTrain([12.0, 15.0], t_start=10.0, t_stop=20.0, units="ms")
        assert io.from_neo([train]).times.tolist() == [12.0, 15.0]

    def test_the_trains_of_a_segment_are_read(self, neo):
        segment = neo.Segment()
        segment.spiketrains.append(neo.SpikeTrain([1.0], t_stop=2.0, units="ms"))
        assert io.from_neo(segment.spiketrains) == SpikeArray([0], [1.0])

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: io.to_neo([0, 1], stop=1.0), errors.DTypeError, "got list"),
            (
                lambda: io.to_neo(SpikeArray([0, 0, 0], [0.5, 3.0, 4.0]), stop=1.0),
                errors.InvalidArgumentError,
                r"2 of 3 spikes lie outside start = 0.0 to stop = 1.0, the first at 3.0",
            ),
            (lambda: io.to_neo(SpikeArray(), start=2.0, stop=1.0), errors.InvalidArgumentError, "stop must not lie"),
            (lambda: io.to_neo(SpikeArray([3], [0.5]), n_neurons=2, stop=1.0), errors.ShapeMismatchError, "neuron 3"),
            (lambda: io.to_neo(SpikeArray(), stop=1.0, unit="mV"), errors.InvalidArgumentError, "got 'mV'"),
            (lambda: io.to_neo(SpikeArray(), stop=1.0, unit="steps"), errors.InvalidArgumentError, "got 'steps'"),
            (lambda: io.to_neo(SpikeArray(), stop=1.0, unit=None), errors.InvalidArgumentError, "got None"),
            (lambda: io.to_neo(SpikeArray(), stop=np.nan), errors.NonFiniteError, "stop"),
            (lambda: io.from_neo([[1.0]]), errors.DTypeError, "train 0 must be a neo.SpikeTrain, got list"),
            (lambda: io.from_neo(5), errors.DTypeError, "got int"),
            (lambda: io.from_neo([], unit="m"), errors.InvalidArgumentError, "got 'm'"),
            (
                lambda: io.from_neo(io.to_neo(SpikeArray([0], [0.0]), stop=1.0), shape=(2,)),
                errors.ShapeMismatchError,
                "2 places, but there are 1 trains",
            ),
        ],
    )
    def test_what_cannot_be_converted_is_refused_by_name(self, call, error, message):
        with pytest.raises(error, match=message):
            call()

    def test_elephants_kind_of_trains_keep_exact_times(self, some):
        trains = io.to_neo(some, stop=100.0)
        assert np.concatenate([train.magnitude for train in trains]).dtype == np.float64
        assert evsim.analysis.rates(io.from_neo(trains), stop=100.0).tolist() == [len(train) / 100 for train in trains]
