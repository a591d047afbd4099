"""Learning rates over epochs."""

from __future__ import annotations

import numpy as np
import pytest

from evsim import errors
from evsim.learning import CosineDecay, ExponentialDecay


def test_a_cosine_begins_at_one_and_ends_at_the_last():
    rates = np.array([CosineDecay(21, 0.2)(epoch) for epoch in range(30)])
    assert rates[0] == 1.0
    assert rates[10] == pytest.approx(0.6)  # half of the way
    np.testing.assert_allclose(rates[20:], 0.2)
    assert np.all(np.diff(rates[:21]) < 0.0)
    steepest = np.argmin(np.diff(rates))
    assert steepest in (9, 10)
    assert CosineDecay(1)(0) == 1.0


def test_an_exponential_has_one_factor():
    rates = np.array([ExponentialDecay(0.7)(epoch) for epoch in range(10)])
    assert rates[0] == 1.0
    np.testing.assert_allclose(rates[1:] / rates[:-1], 0.7)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: CosineDecay(0), errors.InvalidArgumentError),
        (lambda: CosineDecay(2.5), errors.DTypeError),
        (lambda: CosineDecay(5, 0.0), errors.InvalidArgumentError),
        (lambda: CosineDecay(5, np.nan), errors.NonFiniteError),
        (lambda: ExponentialDecay(1.5), errors.InvalidArgumentError),
        (lambda: ExponentialDecay("x"), errors.DTypeError),
    ],
)
def test_wrong_calls(call, error):
    with pytest.raises(error):
        call()
