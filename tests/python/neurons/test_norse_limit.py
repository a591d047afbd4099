"""Norse, which goes in steps by Euler's method, comes to evsim's spike times with the first power of the step.

Skipped where Norse is not installed: `python -m pip install --no-deps norse nir nirtorch` beside PyTorch.
"""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("norse.torch", reason="Norse is not installed")

import torch
from norse.torch import functional

import evsim

UNTIL = 0.2  # seconds
GRID = 1e-3  # of inputs: a multiple of every step
STEPS = [GRID / 2**k for k in range(3, 8)]
N_NEURONS, N_INPUTS = 50, 60


@dataclasses.dataclass
class Case:
    """A neuron of evsim and Norse's: step function, parameters, state at the beginning, what a spike of 1 is in a step.

    `weight` has the mean and spread of weights, `pace` is evsim's time in Norse's.
    """

    neuron: evsim.neurons.NeuronModel
    step: object
    parameters: object
    state: object
    weight: tuple[float, float]
    pace: float = 1.0
    charge: object = lambda dt: 1.0


def numbers(cls, **values):
    """Parameters in double: as they come they are rounded to float32."""
    return cls(**{name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()})


def at_rest(cls, **values):
    """The state at the beginning, 0 but for some values."""
    return cls(**{f: torch.full((N_NEURONS,), values.get(f, 0.0), dtype=torch.float64) for f in cls._fields})


def cases():
    membrane = {"tau_mem": 0.01, "tau_syn": 0.005, "v_rest": 0.0}
    rates = {"tau_mem_inv": 100.0, "tau_syn_inv": 200.0, "v_leak": 0.0, "v_th": 1.0, "v_reset": 0.0}
    upswing = {"v_t": 1.0, "v_peak": 1.0, "v_reset": 0.0, "delta_t": 0.5, "tau_syn": 0.005}  # Norse: v_peak is V_T
    tonic = evsim.Izhikevich.preset("tonic_spiking")
    quadratic = {"a": tonic.a, "b": tonic.b, "c": tonic.c, "d": tonic.d, "v_th": 30.0, "tau_inv": 1000.0}
    return {
        "LIF": Case(
            evsim.LIF(**membrane, threshold=1.0, reset=0.0),
            functional.lif.lif_feed_forward_step,
            numbers(functional.lif.LIFParameters, **rates),
            at_rest(functional.lif.LIFFeedForwardState),
            (0.6, 0.6),
        ),
        "LSNN": Case(
            evsim.ALIF(**membrane, threshold=1.0, reset=0.0, tau_adaptation=0.1, jump=0.2),
            functional.lsnn.lsnn_feed_forward_step,
            numbers(functional.lsnn.LSNNParameters, **rates, tau_adapt_inv=10.0, beta=0.2),
            at_rest(functional.lsnn.LSNNFeedForwardState, b=1.0),
            (0.8, 0.8),
        ),
        "LIFEx": Case(
            evsim.ExpLIF(**upswing, tau_mem=0.01, v_rest=0.0),
            functional.lif_ex.lif_ex_feed_forward_step,
            numbers(functional.lif_ex.LIFExParameters, **rates, delta_T=0.5),
            at_rest(functional.lif_ex.LIFExFeedForwardState),
            (0.3, 0.4),
        ),
        "LIFAdEx": Case(
            evsim.AdEx(**upswing, capacitance=0.01, g_leak=1.0, v_rest=0.0, a=1.0, b=0.2, tau_w=0.1),
            functional.lif_adex.lif_adex_feed_forward_step,
            numbers(
                functional.lif_adex.LIFAdExParameters, **rates, delta_T=0.5, adaptation_current=1.0,
                adaptation_spike=0.2, tau_ada_inv=10.0,
            ),
            at_rest(functional.lif_adex.LIFAdExFeedForwardState),
            (0.6, 0.6),
        ),
        # Norse's input is a current for one step; its time constant of 1 is 1 / tau_inv.
        "Izhikevich": Case(
            dataclasses.replace(tonic, v_init=-70.0, u_init=-14.0, bias=6.0),
            functional.izhikevich.izhikevich_feed_forward_step,
            numbers(functional.izhikevich.IzhikevichParameters, **quadratic, bias=146.0, sq=0.04, mn=5.0),
            at_rest(functional.izhikevich.IzhikevichState, v=-70.0, u=-14.0),
            (1.0, 4.0),
            pace=1000.0,
            charge=lambda dt: 1.0 / (1000.0 * dt),
        ),
    }  # fmt: skip


MODELS = ("LIF", "LSNN", "LIFEx", "LIFAdEx", "Izhikevich")


def random_input(case):
    """Times in seconds and weights, the same for every step."""
    rng = np.random.default_rng(12)
    slots = np.sort(rng.choice(round(UNTIL / GRID) - 1, N_INPUTS, replace=False)) + 1
    return slots * GRID, rng.normal(*case.weight, (N_NEURONS, N_INPUTS))


def exact(case, times, weights, **changes):
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = dataclasses.replace(case.neuron, **changes)
    net.add_layer(evsim.Dense(N_INPUTS, N_NEURONS, weights=weights), neuron)
    out = net.infer(np.arange(N_INPUTS), times * case.pace, until=UNTIL * case.pace)
    return [out.times[out.indices == k] / case.pace for k in range(N_NEURONS)]


@torch.no_grad()
def stepped(case, dt, times, weights):
    """Norse's spikes, at the end of the steps that bring them."""
    n_steps = round(UNTIL / dt)
    arrivals = {round(time / dt): torch.tensor(w) * case.charge(dt) for time, w in zip(times, weights.T, strict=True)}
    nothing, state, steps, neurons = torch.zeros(N_NEURONS, dtype=torch.float64), case.state, [], []
    for n in range(n_steps):
        fired, state = case.step(arrivals.get(n, nothing), state, case.parameters, dt)
        for k in fired.nonzero().flatten().tolist():
            steps.append(n)
            neurons.append(k)
    found = (np.array(steps) + 1) * dt
    return [found[np.array(neurons) == k] for k in range(N_NEURONS)]


def errors_of(trains, expected):
    """Median error of spikes at every step, of the neurons that have as many at all of them, and how many those are."""
    alike = [k for k in range(N_NEURONS) if len({len(t[k]) for t in [expected, *trains]}) == 1]
    joined = [np.concatenate([train[k] for k in alike]) for train in [expected, *trains]]
    return [float(np.median(np.abs(found - joined[0]))) for found in joined[1:]], len(alike)


@pytest.mark.parametrize("model", MODELS)
def test_spike_times_converge_to_evsim_with_the_first_power_of_the_step(model, capsys):
    case = cases()[model]
    times, weights = random_input(case)
    expected = exact(case, times, weights)
    trains = [stepped(case, dt, times, weights) for dt in STEPS]
    errors, n_alike = errors_of(trains, expected)
    order = np.polyfit(np.log(STEPS), np.log(errors), 1)[0]
    n = sum(map(len, expected))
    with capsys.disabled():
        print(f"\n{model}: {n} spikes, order {order:.2f}, errors {errors[0]:.1e} to {errors[-1]:.1e}, that is "
              f"{errors[-1] / STEPS[-1]:.2f} steps; {n_alike} of {N_NEURONS} neurons have as many spikes")  # fmt: skip
    assert n > 100
    assert n_alike >= 0.8 * N_NEURONS
    assert sum(map(len, trains[-1])) == pytest.approx(n, rel=0.02)
    assert 0.85 < order < 1.15
    assert errors[-1] < 8 * STEPS[-1]


@pytest.mark.parametrize("model", MODELS)
def test_the_check_notices_a_parameter_that_is_off_by_a_hundredth(model):
    """Negative control."""
    case = cases()[model]
    times, weights = random_input(case)
    change = {"a": 0.0202} if model == "Izhikevich" else {"tau_syn": 0.00505}
    trains = [stepped(case, dt, times, weights) for dt in STEPS[-2:]]
    errors, _ = errors_of(trains, exact(case, times, weights, **change))
    assert errors[1] > 0.7 * errors[0]
