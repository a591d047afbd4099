"""Whatever an argument is: spikes with finite times, or a named error; no warning, no other error, no endless call."""

import hostile
import numpy as np
import pytest

import evsim
from evsim import encoders

CALLS = {
    encoders.latency: ([[0.5, 1.0, 0.2]], {"shape": (3,), "t_max": 20.0, "threshold": 0.1}),
    encoders.log_latency: ([[0.5, 1.0, 0.2]], {"shape": (3,), "tau": 20.0, "threshold": 0.1}),
    encoders.rank_order: ([[0.5, 1.0, 0.2]], {"shape": (3,), "interval": 1.0, "threshold": 0.1}),
    encoders.constant_current_lif: (
        [[1.5, 2.0, 0.5]],
        {
            "until": 20.0,
            "tau_mem": 3.0,
            "threshold": 1.0,
            "v_rest": 0.0,
            "reset": 0.0,
            "v_init": 0.0,
            "refractory": 0.1,
            "shape": (3,),
        },
    ),
    encoders.spike_latency_lif: ([[1.5, 2.0, 0.5]], {"tau_mem": 3.0, "threshold": 1.0, "until": 20.0, "shape": (3,)}),
    encoders.poisson: ([[1.5, 2.0]], {"until": 5.0, "seed": 1, "samples": 0, "refractory": 0.1, "shape": (2,)}),
    encoders.signed_poisson: ([[1.5, -2.0]], {"until": 5.0, "seed": 1, "samples": 0, "refractory": 0.1}),
    encoders.poisson_step: ([[1.5, 2.0]], {"dt": 5.0, "step": 3, "seed": 1, "samples": 0, "shape": (2,)}),
    encoders.population: ([[1.5, 2.0], 3], {"scale": 1.0, "centres": [0.0, 1.0, 2.0], "sigma": 1.0, "axis": 0}),
    encoders.delta_modulation: ([[0.0, 1.5, 0.5], [0.0, 1.0, 2.0]], {"threshold": 0.5, "shape": ()}),
    encoders.spike_latency: ([evsim.SpikeArray([0, 0], [1.0, 2.0])], {}),
    encoders.boxes: ([evsim.SpikeArray([0, 0], [1.0, 2.0]), 3], {"width": 4.0}),
}


def test_every_encoder_is_here():
    assert set(CALLS) == {getattr(encoders, name) for name in encoders.__all__}


@pytest.mark.parametrize("encode", CALLS, ids=lambda encode: encode.__name__)
def test_hostile_values_are_refused_by_name_or_mean_something(encode):
    refused = []
    for what, arguments, options in hostile.one_wrong(*CALLS[encode]):
        try:
            made = encode(*arguments, **options)
        except evsim.EvsimError as error:
            refused.append(str(error))
            continue
        for part in made if isinstance(made, list) else [made]:
            numbers = part.times if isinstance(part, evsim.SpikeArray) else part
            assert np.isfinite(numbers).all(), what
    assert len(refused) > 10
    assert all(refused)
