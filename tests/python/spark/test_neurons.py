"""Neurons against evsim's models with the same numbers, against an adaptive integrator, and in pieces."""

import copy
import pickle

import numpy as np
import pytest

import evsim
from evsim import errors, spark
from evsim.spark.refractory import LeakingWhileRefractory

scipy_integrate = pytest.importorskip("scipy.integrate")

N_INPUTS, N_UNITS, END = 6, 4, 120.0
SOMAS = {
    "leaky": spark.LeakySomaConfig,
    "refractory": spark.RefractoryLeakySomaConfig,
    "strict": spark.StrictRefractoryLeakySomaConfig,
    "adaptive": lambda: spark.AdaptiveLeakySomaConfig(threshold_delta=12.0, threshold_tau=15.0),
    "exponential": spark.ExponentialSomaConfig,
    "refractory exponential": spark.RefractoryExponentialSomaConfig,
    "simplified": lambda: spark.SimplifiedAdaptiveExponentialSomaConfig(
        potential_reset=-60.0, threshold=-49.0, threshold_delta=6.0, cooldown=1.0
    ),
    "adex": spark.AdaptiveExponentialSomaConfig,
    "adex held": lambda: spark.AdaptiveExponentialSomaConfig(cooldown=3.0),
    "izhikevich": lambda: spark.IzhikevichSomaConfig(resistance=1.0),
}
SYNAPSES = {
    "linear": (spark.LinearSynapsesConfig, {"pulse": 0.8}),
    "traced": (spark.TracedSynapsesConfig, {"tau": 4.0, "scale": 1.5}),
    "rd": (spark.RDTracedSynapsesConfig, {}),
    "rfs": (spark.RFSTracedSynapsesConfig, {}),
}
STRENGTH = {"linear": 1500.0, "traced": 250.0, "rd": 350.0, "rfs": 250.0}
LINEAR = ("leaky", "refractory", "strict", "adaptive")
PAIRS = [(soma, kind) for soma in SOMAS for kind in SYNAPSES if soma in LINEAR or kind in ("linear", "traced")]


def recording(seed, n=60):
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, N_INPUTS, n), np.sort(rng.uniform(0.0, END - 20.0, n)))


def make(soma, kind, seed=1, **kwargs):
    synapses, values = SYNAPSES[kind]
    strength = STRENGTH[kind] * {"izhikevich": 0.02}.get(soma, 1.0 if soma in LINEAR else 0.2)
    kernel = np.random.default_rng(seed).uniform(0.3, 1.0, (N_UNITS, N_INPUTS)) * strength
    config = spark.NeuronConfig(
        units=N_UNITS, soma=SOMAS[soma](), synapses=synapses(kernel=kernel, **values), dtype="float64", **kwargs
    )
    return spark.Neuron(config)


def current_terms(kind):
    """Height and time constant of what a spike of weight 1 brings, from the equations of the page."""
    rise = {tau: tau / (1.0 + tau) for tau in (5.0, 50.0)}
    return {
        "traced": [(1.5, 4.0)],
        "rd": [(1.0, 5.0), (-1.0, rise[5.0])],
        "rfs": [(0.8, 5.0), (-0.8, rise[5.0]), (0.2, 50.0), (-0.2, rise[50.0])],
    }.get(kind, [])


class Reference:
    """One unit by an adaptive integrator, piece by piece between arrivals, spikes and releases."""

    def __init__(self, soma, kind):
        self.c, self.kind, self.terms = SOMAS[soma](), kind, current_terms(kind)
        self.name, self.taus = soma, np.array([tau for _, tau in current_terms(kind)])

    def slope(self, t, x, held):
        v, w, h, i = x[0], x[1], x[2], x[3:]
        c = self.c
        current = 0.0 if held else i.sum()
        if self.name in LINEAR:
            dv = (c.potential_rest - v + c.resistance * current) / c.potential_tau
            if held and self.name == "strict":
                dv = 0.0
            dw = 0.0
        elif self.name == "izhikevich":
            dv = 0.04 * v * v + 5 * v + 140 - w + c.resistance * current
            dw = c.recovery_timescale * (c.recovery_sensitivity * v - w)
        else:
            # Far above the threshold the integrator tries values at which the exponential overflows.
            upswing = c.spike_slope * np.exp(min((v - c.rheobase_threshold) / c.spike_slope, 20.0))
            dv = (c.potential_rest - v + upswing + c.resistance * (current - w)) / c.potential_tau
            dw = 0.0
            if held and self.name == "adex held":
                dv = 0.0
            if self.name.startswith("adex"):
                dw = (c.adaptation_subthreshold * (v - c.potential_rest) - w) / c.adaptation_tau
        dh = -h / c.threshold_tau if self.name in ("adaptive", "simplified") else 0.0
        return np.concatenate([[dv, dw, dh], -i / self.taus])

    def fire(self, x):
        c = self.c
        x[0] = c.potential_reset
        if self.name.startswith("adex"):
            x[1] += c.adaptation_delta
        elif self.name == "izhikevich":
            x[1] += c.recovery_update
        elif self.name in ("adaptive", "simplified"):
            x[2] += c.threshold_delta

    def arrive(self, x, weight, held):
        if self.kind == "linear":
            c = self.c
            tau = getattr(c, "potential_tau", 1.0)
            x[0] += 0.0 if held else weight * c.resistance * 0.8 / tau
        for k, (height, _) in enumerate(self.terms):
            x[3 + k] += height * weight

    def run(self, weights, spikes):
        x = np.zeros(3 + len(self.terms))
        x[0] = self.c.potential_rest
        if self.name == "izhikevich":
            x[1] = self.c.recovery_sensitivity * x[0]
        out, t, free = [], 0.0, 0.0
        arrivals = [*zip(spikes.times, spikes.indices, strict=True), (END, None)]
        cooldown = getattr(self.c, "cooldown", 0.0)
        for until, index in arrivals:
            while t < until:
                held = t < free
                stop = min(until, free) if held else until
                above = lambda t, x, held: x[0] - x[2] - self.c.threshold  # noqa: E731
                above.terminal, above.direction = not held, 1.0
                done = scipy_integrate.solve_ivp(
                    self.slope, (t, stop), x, method="DOP853", rtol=1e-11, atol=1e-11, events=above, args=(held,)
                )
                t, x = done.t[-1], done.y[:, -1].copy()
                if done.status == 1:
                    out.append(t)
                    self.fire(x)
                    free = t + cooldown
            if index is None:
                break
            self.arrive(x, weights[index], t < free)
            if x[0] - x[2] >= self.c.threshold and t >= free:
                out.append(t)
                self.fire(x)
                free = t + cooldown
        return np.array(out)


@pytest.mark.parametrize(("soma", "kind"), PAIRS)
def test_spikes_are_those_of_the_equations(soma, kind):
    neuron, spikes = make(soma, kind), recording(2)
    found = neuron(spikes, until=END)["out_spikes"]
    expected = Reference(soma, kind).run(neuron.synapses.kernel[0], spikes)
    times = found.times[found.indices == 0]
    assert len(expected) > 3
    np.testing.assert_allclose(times, expected, atol=2e-7)


def test_a_euler_step_fails_the_same_comparison():
    neuron, spikes = make("leaky", "traced"), recording(2)
    c, weights, v, i, out, dt = neuron.soma.config, neuron.config.synapses.kernel[0], -60.0, 0.0, [], 0.01
    arrivals = np.round(spikes.times / dt).astype(int)
    for step in range(int(END / dt)):
        i += 1.5 * weights[spikes.indices[arrivals == step]].sum() if step in arrivals else 0.0
        v, i = v + dt * (c.potential_rest - v + c.resistance * i) / c.potential_tau, i - dt * i / 4.0
        if v >= c.threshold:
            out.append(step * dt)
            v = c.potential_reset
    expected = Reference("leaky", "traced").run(weights, spikes)
    n = min(len(out), len(expected))
    assert np.max(np.abs(np.array(out[:n]) - expected[:n])) > 1e-3


def plain(neuron, model, factor=1.0):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(N_INPUTS, N_UNITS, weights=neuron.config.synapses.kernel * factor), model)
    return net.infer(recording(3), until=END)


MEMBRANE = {"tau_mem": 20.0, "threshold": -40.0, "v_rest": -60.0, "reset": -50.0}
ADEX = {"capacitance": 10.0, "g_leak": 2.0, "v_rest": -70.0, "v_t": -50.0, "v_peak": -30.0, "v_reset": -51.0}
RD = evsim.neurons.Exponential(5.0) + -1 * evsim.neurons.Exponential(5 / 6)
ADAPTATION = evsim.neurons.ThresholdAdaptation(15.0, 12.0)


@pytest.mark.parametrize(
    ("soma", "kind", "model", "factor"),
    [
        ("leaky", "traced", evsim.LIF(tau_syn=4.0, **MEMBRANE), 0.1 * 1.5),
        ("strict", "traced", evsim.LIF(tau_syn=4.0, refractory=2.0, **MEMBRANE), 0.1 * 1.5),
        ("leaky", "linear", evsim.LIFDelta(**MEMBRANE), 0.1 * 0.8 / 20),
        ("strict", "linear", evsim.LIFDelta(refractory=2.0, **MEMBRANE), 0.1 * 0.8 / 20),
        ("leaky", "rd", evsim.neurons.Linear(synapses=RD, **MEMBRANE), 0.1),
        ("strict", "rd", evsim.neurons.Linear(synapses=RD, refractory=2.0, **MEMBRANE), 0.1),
        ("adex", "traced", evsim.AdEx(a=0.5, b=7.0, tau_w=100.0, tau_syn=4.0, **ADEX), 1.5),
        ("adex", "linear", evsim.AdEx(a=0.5, b=7.0, tau_w=100.0, tau_syn=None, **ADEX), 0.8 / 10),
        ("izhikevich", "traced", evsim.Izhikevich(d=2.0, tau_syn=4.0, v_init=-65.0, u_init=-13.0), 1.5),
        ("izhikevich", "linear", evsim.Izhikevich(d=2.0, v_init=-65.0, u_init=-13.0), 0.8),
    ],
)
def test_spikes_are_those_of_the_plain_model(soma, kind, model, factor):
    neuron = make(soma, kind)
    found, expected = neuron(recording(3), until=END)["out_spikes"], plain(neuron, model, factor)
    assert len(found) > 10
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, atol=1e-7)


@pytest.mark.parametrize("soma", ["refractory", "adaptive"])
def test_without_cooldown_nothing_is_held(soma):
    neuron = make(soma, "traced").config.replace(soma__cooldown=0.0)
    adaptation = [ADAPTATION] if soma == "adaptive" else []
    model = evsim.neurons.Linear(synapses=evsim.neurons.Exponential(4.0), adaptation=adaptation, **MEMBRANE)
    found = spark.Neuron(neuron)(recording(3), until=END)["out_spikes"]
    expected = plain(spark.Neuron(neuron), model, 0.15)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, atol=1e-9)


def test_without_cooldown_a_refractory_exponential_soma_is_an_exponential_one():
    """Nor with a threshold that does not adapt."""
    plain, spikes = make("exponential", "traced"), recording(3)
    expected = plain(spikes, until=END)["out_spikes"]
    for soma in (
        spark.RefractoryExponentialSomaConfig(cooldown=0.0),
        spark.SimplifiedAdaptiveExponentialSomaConfig(cooldown=0.0, threshold_delta=0.0),
    ):
        config = spark.NeuronConfig(units=N_UNITS, soma=soma, synapses=plain.config.synapses, dtype="float64")
        assert spark.Neuron(config)(spikes, until=END)["out_spikes"] == expected


@pytest.mark.parametrize("soma", ["refractory", "strict", "adaptive", "refractory exponential", "simplified", "adex"])
def test_each_unit_has_its_own_cooldown(soma):
    cooldowns = np.array([0.0, 0.7, 2.5, 9.0])
    base = make(soma, "traced").config
    together = spark.Neuron(base.replace(soma__cooldown=cooldowns))(recording(5), until=END)["out_spikes"]
    assert len(set(np.bincount(together.indices, minlength=N_UNITS))) > 1
    for unit, cooldown in enumerate(cooldowns):
        alone = spark.Neuron(base.replace(soma__cooldown=cooldown))(recording(5), until=END)["out_spikes"]
        np.testing.assert_allclose(
            together.times[together.indices == unit], alone.times[alone.indices == unit], atol=1e-9, rtol=0.0
        )


def test_each_unit_leaks_from_its_own_reset():
    resets = np.array([-51.0, -60.0, -70.0, -80.0])
    base = make("refractory exponential", "traced").config
    together = spark.Neuron(base.replace(soma__potential_reset=resets))(recording(5), until=END)["out_spikes"]
    assert len(together) > 10
    for unit in range(N_UNITS):
        alone = spark.Neuron(base.replace(soma__potential_reset=float(resets[unit])))
        found = alone(recording(5), until=END)["out_spikes"]
        np.testing.assert_allclose(
            together.times[together.indices == unit], found.times[found.indices == unit], atol=1e-7
        )


@pytest.mark.parametrize(("soma", "kind"), PAIRS)
def test_pieces_equal_the_whole_and_reset_begins_anew(soma, kind):
    neuron, spikes = make(soma, kind), recording(4)
    whole = neuron(spikes, until=END)["out_spikes"]
    neuron.reset()
    pieces = evsim.SpikeArray()
    for start, end in [(0.0, 30.0), (30.0, 31.5), (31.5, 90.0), (90.0, END)]:
        piece = neuron(spikes.time_slice(start, end), until=end)["out_spikes"]
        pieces.add(piece.indices, piece.times)
    np.testing.assert_array_equal(pieces.indices, whole.indices)
    if kind == "rd":  # the way of linear neurons from parts to a crossing depends on its gap
        np.testing.assert_allclose(pieces.times, whole.times, rtol=1e-12)
    else:
        np.testing.assert_array_equal(pieces.times, whole.times)
    assert len(whole) > 0
    with pytest.raises(errors.StreamError):
        neuron([0], [1.0])
    neuron.reset()
    assert neuron(spikes, until=END)["out_spikes"] == whole


@pytest.mark.parametrize(("soma", "kind"), PAIRS)
def test_potentials_are_in_millivolts(soma, kind):
    neuron = make(soma, kind)
    output = neuron([0], [1.0], until=40.0, record=[0.5, 1.0, 39.0])
    potential, config = output["potential"], neuron.soma.config
    assert potential.shape == (3, N_UNITS)
    if soma in LINEAR:
        np.testing.assert_allclose(potential[0], config.potential_rest)
    if kind == "linear" and not len(output["out_spikes"]):
        tau = getattr(config, "potential_tau", 1.0)
        jump = neuron.synapses.kernel[:, 0] * config.resistance * 0.8 / tau
        np.testing.assert_allclose(potential[1], potential[0] + jump, atol=0.05)


def test_each_unit_may_have_its_own_numbers():
    resistance, tau = np.array([0.05, 0.1, 0.2, 0.3]), np.array([10.0, 20.0, 20.0, 40.0])
    for soma, kind in [("leaky", "traced"), ("strict", "linear"), ("adex", "traced"), ("izhikevich", "linear")]:
        own = {"soma__resistance": resistance} | ({"soma__potential_tau": tau} if soma != "izhikevich" else {})
        base = make(soma, kind).config
        together = spark.Neuron(base.replace(**own))(recording(5), until=END)["out_spikes"]
        for unit in range(N_UNITS):
            values = {name: one[unit] for name, one in own.items()}
            alone = spark.Neuron(base.replace(**values))(recording(5), until=END)["out_spikes"]
            np.testing.assert_allclose(
                together.times[together.indices == unit], alone.times[alone.indices == unit], atol=1e-7
            )


def test_numbers_for_each_unit_have_the_shape_of_the_population():
    thresholds = np.array([[-45.0, -44.0], [-43.0, -42.0]])
    kernel, spikes = np.random.default_rng(3).uniform(500.0, 3000.0, (4, N_INPUTS)), recording(7)
    found = [
        spark.LIFNeuron(units=units, soma__threshold=values, synapses__kernel=kernel)(spikes)["out_spikes"]
        for units, values in [((2, 2), thresholds), ((2, 2), thresholds.ravel()), (4, thresholds.ravel())]
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 0


def test_a_network_of_refractory_units_is_kept_in_a_file(tmp_path):
    pytest.importorskip("safetensors")
    neuron = make("adaptive", "traced")
    neuron.build(N_INPUTS)
    evsim.save(neuron.network, tmp_path / "net")
    net = evsim.load(tmp_path / "net", neurons=[LeakingWhileRefractory])
    assert net.infer(recording(3), until=END) == neuron(recording(3), until=END)["out_spikes"]


def test_inhibitory_units_push_the_other_way():
    source = spark.LIFNeuron(units=(2, 5), inhibitory_rate=0.3, seed=4)
    assert source.inhibitory.sum() == 3
    assert (source.inhibitory == spark.LIFNeuron(units=10, inhibitory_rate=0.3, seed=4).inhibitory).all()
    target = spark.LIFNeuron(units=1, synapses__kernel=np.full((1, 10), 900.0))
    target.build(source)
    signs = np.where(source.inhibitory, -1.0, 1.0)
    assert (target.synapses.kernel == 900.0).all()
    for unit in range(10):
        target.reset()
        potential = target([unit], [1.0], record=[1.0])["potential"]
        np.testing.assert_allclose(potential, -60.0 + signs[unit] * 900.0 * 0.1 / 20.0, rtol=1e-6)
    target.synapses.kernel = np.full((1, 10), 90.0)
    np.testing.assert_allclose(target.network[0].weights, 90.0 * signs[None])
    with pytest.raises(errors.InvalidArgumentError, match=">= 0"):
        target.synapses.kernel = np.full((1, 10), -1.0)
    mask = [True] + [False] * 9
    other = spark.LIFNeuron(units=1)
    other.build(10, inhibitory=mask)
    assert other.network[0].weights[0, 0] <= 0.0


@pytest.mark.parametrize(("rate", "n"), [(0.0, 0), (0.29, 29), (1.0, 100), (0.2, 20)])
def test_the_fraction_of_inhibitory_units(rate, n):
    assert spark.LIFNeuron(units=100, inhibitory_rate=rate, seed=1).inhibitory.sum() == n


def test_the_same_seed_draws_the_same_weights():
    first, second = (spark.LIFNeuron(units=5, seed=7) for _ in range(2))
    for neuron in (first, second):
        neuron.build((2, 2))
    assert (first.synapses.kernel == second.synapses.kernel).all()
    assert first.network[0].n_inputs == 4


def test_neurons_copy_and_pickle_in_the_middle_of_a_stream():
    neuron, spikes = make("adaptive", "rfs"), recording(6)
    neuron(spikes.time_slice(0.0, 50.0), until=50.0)
    others = [copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))]
    rest = [one(spikes.time_slice(50.0, END), until=END)["out_spikes"] for one in [neuron, *others]]
    assert rest[0] == rest[1] == rest[2]
    assert (others[0].synapses.kernel == neuron.synapses.kernel).all()


def test_parts_stand_as_attributes():
    neuron = spark.ALIFNeuron(units=(2, 2), delays=spark.NDelaysConfig(delays=0.0))
    assert isinstance(neuron.soma, spark.AdaptiveLeakySoma)
    assert isinstance(neuron.synapses, spark.LinearSynapses)
    assert isinstance(neuron.delays, spark.NDelays)
    assert neuron.learning_rule is None
    assert neuron.units == neuron.config.units == (2, 2)
    neuron.build(3)
    assert set(neuron([], [], until=1.0)) == {"out_spikes"}


@pytest.mark.parametrize("kind", ["linear", "traced", "rfs"])
@pytest.mark.parametrize("soma", ["refractory", "adaptive"])
def test_units_with_time_constants_of_their_own(soma, kind):
    own = {"potential_tau": [10.0, 15.0, 20.0, 60.0]}
    if soma == "adaptive":
        own["threshold_tau"] = [5.0, 15.0, 40.0, 90.0]
    config = make(soma, kind).config

    def unit(n):
        some = slice(None) if n is None else slice(n, n + 1)
        return spark.Neuron(
            units=len(range(N_UNITS)[some]),
            soma=type(config.soma)(**{**vars(config.soma), **{name: values[some] for name, values in own.items()}}),
            synapses=type(config.synapses)(**{**vars(config.synapses), "kernel": config.synapses.kernel[some]}),
            dtype="float64",
        )

    together = unit(None)(recording(8), until=END)["out_spikes"]
    for n in range(N_UNITS):
        expected = unit(n)(recording(8), until=END)["out_spikes"].times
        assert len(expected) > 1
        np.testing.assert_allclose(together[together.indices == n].times, expected, rtol=0, atol=1e-9)


def test_what_evsim_does_not_have_is_said():
    for soma in ("exponential", "adex", "izhikevich"):
        with pytest.raises(errors.UnsupportedError, match="takes LinearSynapses or TracedSynapses"):
            spark.Neuron(units=1, soma=SOMAS[soma](), synapses=spark.RDTracedSynapsesConfig()).build(1)
    for soma in (spark.SimplifiedAdaptiveExponentialSomaConfig(), spark.RefractoryExponentialSomaConfig()):
        config = spark.NeuronConfig(units=1, soma=soma, synapses=spark.RDTracedSynapsesConfig())
        with pytest.raises(errors.UnsupportedError):
            spark.Neuron(config).build(1)
    with pytest.raises(errors.UnsupportedError, match=r"cooldown 2 ms .*does not run away.*-41.0"):
        spark.Neuron(units=1, soma=spark.RefractoryExponentialSomaConfig(potential_reset=-41.0)).build(1)


def test_mistakes_in_building_and_calling():
    neuron = spark.LIFNeuron(units=2)
    with pytest.raises(errors.EmptyNetworkError, match=r"build\(n_inputs\)"):
        neuron([0], [1.0])
    with pytest.raises(errors.EmptyNetworkError, match="before the neuron is built"):
        _ = neuron.synapses.kernel
    for specs in (0, "x", 1.5, (2, 0), None):
        with pytest.raises(errors.EvsimError):
            neuron.build(specs)
    with pytest.raises(errors.ShapeMismatchError, match="inhibitory"):
        neuron.build(2, inhibitory=[True])
    with pytest.raises(errors.DTypeError, match="inhibitory"):
        neuron.build(2, inhibitory=[1, 0])
    neuron.build(2)
    with pytest.raises(errors.InvalidArgumentError, match="built already, for 2 inputs"):
        neuron.build(2)
    with pytest.raises(errors.ShapeMismatchError, match=r"\(n_units, n_inputs\) = \(2, 3\), got \(1, 3\)"):
        spark.LIFNeuron(units=2, synapses__kernel=np.ones((1, 3))).build(3)
    for shape in [(3,), (2, 1), (1, 2), (2, 2)]:
        with pytest.raises(errors.ShapeMismatchError, match=r"SomaConfig.threshold must be one number or one for each"):
            spark.LIFNeuron(units=2, soma__threshold=np.full(shape, -40.0))
    with pytest.raises(errors.InvalidArgumentError, match="no learning rule"):
        neuron([0], [1.0], reward=1.0)
    with pytest.raises(errors.DTypeError, match="takes a LIFNeuronConfig"):
        spark.LIFNeuron(spark.AdExNeuronConfig(units=1))
    for spikes in ({}, {"units": 3}):
        with pytest.raises(errors.DTypeError, match="no 'out_spikes'"):
            neuron(spikes)
    with pytest.raises(errors.IndexOutOfRangeError):
        neuron([5], [1.0])
