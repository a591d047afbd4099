"""Recorded potentials and readouts against the 50-digit oracle."""

import math

import numpy as np
import pytest
from agreement import END, MODELS, RATIOS, case_of, random_delta, random_lif, random_readout
from machines import DTYPES, on_host, one_of_equals, one_thread
from potentials import check_probes, expected_readout

import evsim

ratios = pytest.mark.parametrize("ratio", RATIOS)


def layers_and_times(model, dtype):
    """Four random layers, and when to look at them."""
    rng = np.random.default_rng([12, DTYPES.index(dtype)])
    found = []
    for _ in range(4):
        case = (
            random_lif(rng, n_neurons=6) if model == "LIF" else random_delta(rng, n_neurons=6, leak=model == "LIFDelta")
        )
        end = case.until or case.times[-1] + 3 * case.tau
        times = np.sort(np.concatenate([rng.uniform(case.start, end, 12), case.times[case.times <= end][:6]]))
        found.append((case, times[:8] if model == "LIF" and dtype == "float32" else times))
    return found


@pytest.mark.parametrize("refractory", [0.0, 0.7], ids=["free", "refractory"])
@pytest.mark.parametrize("name", MODELS)
def test_recorded_values_of_every_model_are_exact(machine, name, refractory):
    case = case_of(name, refractory)
    times = np.sort(np.concatenate([np.linspace(0.0, END, 7), case.times[::6]]))
    assert check_probes(case, machine, times, 10) > 80


@one_thread
@pytest.mark.parametrize("model", ["LIF", "LIFDelta", "IAFDelta"])
def test_recorded_values_are_exact(machine, model):
    assert sum(check_probes(case, machine, times) for case, times in layers_and_times(model, machine.dtype)) > 150


@ratios
def test_readout_values_are_exact(machine, ratio):
    rng = np.random.default_rng([13, RATIOS.index(ratio)])
    case = random_readout(rng, ratio)
    times = np.sort(np.concatenate([rng.uniform(0, case.until, 10), case.times[:5]]))
    assert check_probes(case, machine, times) == 2 * 12 * 15


@ratios
def test_readout_maxima_are_exact(machine, ratio):
    """The value to rounding; the time to 1e-5 tau only, because a maximum is flat: dt = sqrt(2 dV / |V''|)."""
    rng = np.random.default_rng([14, RATIOS.index(ratio)])
    for _ in range(4):
        case = random_readout(rng, ratio)
        net = case.network(machine)
        net.infer([(case.indices, case.times)] * machine.copies(case.work), until=case.until)
        maximum, maximum_time = (one_of_equals(values) for values in (net[0].maximum, net[0].maximum_time))
        for n in range(len(case.weights)):
            best = expected_readout(case, n, machine.dtype)[1]
            assert abs(maximum[n] - float(best.value)) <= best.uncertainty + 4 * np.spacing(float(best.value) or 1)
            if best.time == case.start:
                assert np.isnan(maximum_time[n])
            else:
                close = 3e-2 if machine.dtype == "float32" else 1e-5
                assert abs(maximum_time[n] - float(best.time)) <= close * case.tau


@one_thread
def test_a_readout_that_rises_to_rest_for_ever_has_its_rest_as_maximum(machine):
    net = machine.network()
    layer = net.add_layer(evsim.Dense(1, 1), evsim.LI(tau_mem=2.0, tau_syn=1.0, bias=1.5, v_init=0.0))
    net.infer([], [])
    assert on_host(layer.maximum).tolist() == [1.5]
    assert on_host(layer.maximum_time).tolist() == [math.inf]
