"""Whatever an argument is: finite weights, or a named error; no warning, no other error."""

import hostile
import numpy as np
import pytest

import evsim
from evsim import receptive_fields

CALLS = {
    receptive_fields.difference_of_gaussians: ([5, 1.0, 2.0], {}),
    receptive_fields.gabor: ([5, 0.0, 5.0, 2.0], {"aspect": 0.5, "phase": 0.0}),
    receptive_fields.spatial_receptive_field: (
        [5],
        {"scale": 1.0, "angle": 0.0, "ratio": 1.0, "x": 0.0, "y": 0.0, "dx": 1, "dy": 1, "domain": 3.0},
    ),
    receptive_fields.spatial_bank: ([[[1.0, 0.0, 1.0, 0.0, 0.0, 1, 0]], 5], {"domain": 3.0}),
    receptive_fields.temporal_receptive_field: (
        [(1, 2, 2), evsim.LI(tau_mem=5.0, tau_syn=2.0), 3],
        {"ratio": 1.4, "weights": 1.0},
    ),
}


def test_every_field_is_here():
    assert set(CALLS) == {getattr(receptive_fields, name) for name in receptive_fields.__all__}


@pytest.mark.parametrize("field", CALLS, ids=lambda field: field.__name__)
def test_hostile_values_are_refused_by_name_or_mean_something(field):
    refused = []
    for what, arguments, options in hostile.one_wrong(*CALLS[field]):
        try:
            made = field(*arguments, **options)
        except evsim.EvsimError as error:
            refused.append(str(error))
            continue
        weights = made if isinstance(made, np.ndarray) else np.asarray(made[0].weights)
        assert np.isfinite(weights).all(), what
    assert len(refused) > 10
    assert all(refused)
