"""Values that no argument should have."""

import hostile
import numpy as np
import pytest

import evsim
from evsim import SpikeArray, analysis

pytest.importorskip("scipy", reason="power_spectrum needs SciPy")

SPIKES = [np.array([0, 1, 0, 1, 0]), np.array([1.0, 2.0, 3.0, 5.0, 7.5])]
WINDOW = {"start": 0.0, "stop": 40.0, "n_neurons": 3}
CALLS = {
    analysis.rates: WINDOW,
    analysis.population_rate: WINDOW | {"bin_width": 2.0},
    analysis.fano_factor: WINDOW | {"window": 2.0},
    analysis.intervals: WINDOW,
    analysis.cv: WINDOW,
    analysis.cv2: WINDOW,
    analysis.local_variation: WINDOW,
    analysis.correlations: WINDOW | {"bin_width": 2.0, "sample": 2, "seed": 1},
    analysis.cross_correlogram: {"reference": 0, "target": 1, "bin_width": 1.0, "max_lag": 3.0, "start": 0.0},
    analysis.power_spectrum: WINDOW | {"bin_width": 2.0, "segment": 8.0},
}


def refusal(measure, arguments, options):
    """What a named error says, if there is one."""
    try:
        measure(*arguments, **options)
    except evsim.EvsimError as error:
        return str(error)
    return None


@pytest.mark.parametrize("measure", CALLS, ids=lambda measure: measure.__name__)
def test_hostile_values_are_refused_by_name_or_mean_something(measure):
    wrong = hostile.one_wrong(SPIKES, CALLS[measure])
    refused = [refusal(measure, arguments, options) for _, arguments, options in wrong]
    assert sum(bool(message) for message in refused) > 10
    assert "" not in refused


@pytest.mark.parametrize("measure", CALLS, ids=lambda measure: measure.__name__)
def test_an_array_of_spikes_is_as_good_as_indices_and_times(measure):
    first, second = (measure(*given, **CALLS[measure]) for given in ([SpikeArray(*SPIKES)], SPIKES))
    if isinstance(first, analysis.Correlations):
        first, second = ((one.neurons, one.matrix) for one in (first, second))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
