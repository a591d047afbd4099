"""Non-linear neurons in other simulators: heyoka's compiled Taylor integrator with events, and Brian2 in C++.

Both are optional: python -m pip install heyoka brian2 "numpy<2.4", best into an environment of their own.
"""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Array = Any
Trains = list[Array]
"""The spike times of every neuron."""

CURRENT = {"current": "-current / tau_syn"}
EQUATIONS = {
    "Izhikevich": {
        "v": "square * v * v + linear * v + constant - u + current + bias",
        "u": "a * (b * (v - v_u) - u_leak * u)",
    },
    "AdEx": {
        "v": "(g_leak * (v_rest - v + delta_t * exp((v - v_t) / delta_t)) - w + current + bias) / capacitance",
        "w": "(a * (v - v_rest) - w) / tau_w",
    },
    "ExpLIF": {"v": "(v_rest - v + delta_t * exp((v - v_t) / delta_t) + current + bias) / tau_mem"},
    "QIF": {"v": "(gain * (v - v_rest) * (v - v_c) + current + bias) / tau_mem"},
}
RESETS = {"Izhikevich": "v = c; u += d", "AdEx": "v = v_reset; w += b", "ExpLIF": "v = v_reset", "QIF": "v = v_reset"}


@dataclass
class Problem:
    """Neurons of one kind with an exponential synapse, and what each gets at the times of one Poisson process."""

    name: str
    neuron: Any
    times: Array
    weights: Array  #: of shape (neurons, times)
    until: float
    method: str = "rk4"  #: of Brian2

    @property
    def model(self) -> str:
        return type(self.neuron).__name__

    @property
    def parameters(self) -> dict[str, float]:
        return {name: float(value) for name, value in asdict(self.neuron).items() if value is not None}

    @property
    def initial(self) -> dict[str, float]:
        """Where every variable begins, in the order of the equations."""
        return {name: self.parameters.get(f"{name}_init", 0.0) for name in self.equations}

    @property
    def equations(self) -> dict[str, str]:
        return EQUATIONS[self.model] | CURRENT


def missing() -> list[str]:
    """Rivals that are not installed."""
    return [name for name in ("heyoka", "brian2") if importlib.util.find_spec(name) is None]


class Heyoka:
    """A batch of neurons side by side in vector registers (1: one after the other), each advanced from input to input.

    The interpreter calls the integrator once per input and batch, and is called once per spike.
    """

    def __init__(self, problem: Problem, tolerance: float, batch: int, *, high_accuracy: bool = False) -> None:
        import heyoka as hy

        self.problem, self.batch = problem, batch
        self.spikes: Trains = []
        names, self.start = list(problem.initial), np.array(list(problem.initial.values()))
        variables = dict(zip(names, hy.make_vars(*names), strict=True))
        known = {**problem.parameters, **variables, "exp": hy.exp}
        system = [(variables[name], eval(right, {}, known)) for name, right in problem.equations.items()]
        beyond = variables["v"] - problem.parameters["v_peak"]
        rising = {"direction": hy.event_direction.positive, "callback": _Reset(self)}
        options = {"tol": tolerance, "high_accuracy": high_accuracy}
        if batch == 1:
            events = [hy.t_event(beyond, **rising)]
            self.integrator = hy.taylor_adaptive(system, self.start, t_events=events, **options)
        else:
            events = [hy.t_event_batch(beyond, **rising)]
            self.start = np.repeat(self.start[:, np.newaxis], batch, axis=1)
            self.integrator = hy.taylor_adaptive_batch(system, self.start, t_events=events, **options)

    @staticmethod
    def lanes() -> int:
        """Neurons that fit into vector registers side by side."""
        import heyoka as hy

        return int(hy.recommended_simd_size())

    def run(self, *, only_calls: bool = False) -> Trains:
        """Simulate all neurons. With `only_calls`, do all that but integrate: no time passes."""
        found, problem, integrator = [], self.problem, self.integrator
        state, advance = integrator.state, integrator.propagate_until
        times = [0.0] * len(problem.times) if only_calls else problem.times.tolist()
        for first in range(0, len(problem.weights), self.batch):
            self.spikes = [[] for _ in range(self.batch)]
            self._rewind()
            weights = problem.weights[first : first + self.batch]
            for now, weight in zip(times, weights[0].tolist() if self.batch == 1 else weights.T.copy(), strict=True):
                advance(now)
                state[-1] += weight
            advance(0.0 if only_calls else problem.until)
            found += self.spikes
        return [np.array(train) for train in found]

    def _rewind(self) -> None:
        if self.batch == 1:
            self.integrator.time = 0.0
        else:
            self.integrator.set_time(0.0)
        self.integrator.reset_cooldowns()
        self.integrator.state[:] = self.start


class _Reset:
    """What a spike does; the integrator holds a copy, which has to know the same lists."""

    def __init__(self, owner: Heyoka) -> None:
        self.owner = owner
        p, model = owner.problem.parameters, owner.problem.model
        self.reset = p["c"] if model == "Izhikevich" else p["v_reset"]
        self.jump = {"Izhikevich": p.get("d"), "AdEx": p.get("b")}.get(model)

    def __deepcopy__(self, memo: Any) -> _Reset:
        return self

    def __call__(self, integrator: Any, _: int, lane: int | None = None) -> bool:
        state = integrator.state
        if lane is None:
            self.owner.spikes[0].append(integrator.time)
        else:
            self.owner.spikes[lane].append(integrator.time[lane])
            state = state[:, lane]
        state[0] = self.reset
        if self.jump is not None:
            state[1] += self.jump
        return True


class Brian:
    """The same neurons in steps of `dt`, as a program in C++ of one thread."""

    def __init__(self, problem: Problem, dt: float) -> None:
        import brian2 as b2

        self.brian, self.problem, self.dt = b2, problem, dt
        self.folder = tempfile.TemporaryDirectory()
        b2.BrianLogger.suppress_name("method_choice")
        b2.set_device("cpp_standalone", build_on_run=False)
        b2.device.reinit()
        b2.device.activate(build_on_run=False)
        b2.prefs.devices.cpp_standalone.openmp_threads = 0
        b2.defaultclock.dt = dt * b2.ms
        # A stage of a step may shoot past the peak: no further than the exponential at the peak, or it overflows.
        bounded = "exp(clip((v - v_t) / delta_t, -1000, (v_peak - v_t) / delta_t))"
        lines = [f"d{name}/dt = ({right}) / ms : 1" for name, right in problem.equations.items()]
        group = b2.NeuronGroup(
            len(problem.weights),
            "\n".join(lines).replace("exp((v - v_t) / delta_t)", bounded),
            threshold="v >= v_peak",
            reset=RESETS[problem.model].replace("; ", "\n"),
            method=problem.method,
            namespace=problem.parameters,
        )
        for name, value in problem.initial.items():
            setattr(group, name, value)
        # Inputs act at the end of their step: one step earlier, they come when they should.
        n, times = len(problem.times), (problem.times - dt) * b2.ms
        source = b2.SpikeGeneratorGroup(n, np.arange(n), times)
        synapses = b2.Synapses(source, group, "weight : 1", on_pre="current_post += weight")
        synapses.connect()
        synapses.weight = problem.weights.T.ravel()
        self.monitor = b2.SpikeMonitor(group)
        b2.Network(group, source, synapses, self.monitor).run(problem.until * b2.ms)
        b2.device.build(directory=self.folder.name, compile=True, run=False, debug=False)

    def run(self) -> float:
        """Simulate all neurons; return the seconds which the program gives for its loop over time alone."""
        self.brian.device.run(with_output=False)
        return float(self.brian.device._last_run_time)

    def spikes(self) -> Trains:
        """The spikes of the last run, each in the middle of the step in which it was noticed."""
        trains = self.monitor.spike_trains()
        return [np.array(trains[k] / self.brian.ms) + 0.5 * self.dt for k in range(len(self.problem.weights))]
