"""Losses at the ends of what they take: scores far apart, and values that are none."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.learning import (
    FiringRate,
    FirstSpikeError,
    ReadoutCrossEntropy,
    ReadoutError,
    SpikeCountCrossEntropy,
    SpikeCountError,
    TimeToFirstSpike,
    VanRossum,
    record,
)

CONSTANTS = {"tau_mem": 20.0, "tau_syn": 5.0}


def run(neuron):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 2, weights=[[40.0], [7.0]]), neuron, name="out")
    return record(net, [evsim.SpikeArray([0], [1.0])], until=50.0)


def in_many_digits(scores, right):
    """-log of the probability of a class, with powers that neither overflow nor vanish."""
    with localcontext() as context:
        context.prec = 60
        powers = [Decimal(float(one)).exp() for one in scores]
        return float(-(powers[right] / sum(powers)).ln())


@pytest.mark.parametrize("tau", [3.0, 0.1, 0.003])
def test_first_spikes_far_apart(tau):
    tape = run(evsim.LIF(**CONSTANTS))
    times = [train.times[0] for train in (tape.spikes["out"][0][tape.spikes["out"][0].indices == k] for k in (0, 1))]
    value = TimeToFirstSpike("out", tau=tau)(tape, [1]).value
    assert value == pytest.approx(in_many_digits([-t / tau for t in times], 1), rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 10.0, 1000.0])
@pytest.mark.parametrize("right", [0, 1])
def test_numbers_of_spikes_far_apart(scale, right):
    tape = run(evsim.LIF(**CONSTANTS))
    counts = np.bincount(tape.spikes["out"][0].indices, minlength=2)
    value = SpikeCountCrossEntropy("out", scale=scale)(tape, [right]).value
    assert value == pytest.approx(in_many_digits(scale * counts, right), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("scale", [0.1, 10.0, 1000.0])
def test_potentials_far_apart(scale):
    tape = run(evsim.LI(**CONSTANTS))
    (maxima,) = tape.remembered("out", "maximum")
    value = ReadoutCrossEntropy("out", scale=scale)(tape, [1]).value
    assert value == pytest.approx(in_many_digits(scale * maxima, 1), rel=1e-12)


NO_NUMBERS = {"text": "x", "list": [1.0], "complex": 1j, "array": np.ones(2), "NaN": np.nan, "object": object()}
FIELDS = {
    "TimeToFirstSpike.tau": lambda v: TimeToFirstSpike("out", tau=v),
    "TimeToFirstSpike.early": lambda v: TimeToFirstSpike("out", early=v),
    "TimeToFirstSpike.early_tau": lambda v: TimeToFirstSpike("out", early_tau=v),
    "TimeToFirstSpike.revive": lambda v: TimeToFirstSpike("out", revive=v),
    "FirstSpikeError.revive": lambda v: FirstSpikeError("out", revive=v),
    "VanRossum.tau": lambda v: VanRossum("out", v),
    "FiringRate.low": lambda v: FiringRate("out", low=v),
    "FiringRate.high": lambda v: FiringRate("out", high=v),
    "FiringRate.strength": lambda v: FiringRate("out", strength=v),
    "SpikeCountError.right": lambda v: SpikeCountError("out", right=v, wrong=0.0),
    "SpikeCountError.between": lambda v: SpikeCountError("out", between=v),
    "SpikeCountError.between[0]": lambda v: SpikeCountError("out", between=(v, 3.0)),
    "SpikeCountCrossEntropy.scale": lambda v: SpikeCountCrossEntropy("out", scale=v),
    "ReadoutCrossEntropy.at": lambda v: ReadoutCrossEntropy("out", at=v),
    "ReadoutCrossEntropy.scale": lambda v: ReadoutCrossEntropy("out", scale=v),
    "ReadoutError.reduction": lambda v: ReadoutError("out", reduction=v),
}


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("field", FIELDS)
def test_fields_that_are_no_numbers_are_refused_by_name(field, value):
    with pytest.raises(errors.EvsimError, match=field.partition(".")[2].partition("[")[0]):
        FIELDS[field](NO_NUMBERS[value])


@pytest.mark.parametrize("targets", [["a"], [[1j, 2.0]], [[1.0], [1.0, 2.0]], [[np.nan, 1.0]]])
def test_targets_of_readouts_that_are_no_numbers(targets):
    with pytest.raises(errors.EvsimError, match="targets"):
        ReadoutError("out")(run(evsim.LI(**CONSTANTS)), targets)
