"""SpikeSEG's encoder against plain loops over every neuron and step.

`spikeseg_agreement` says what is drawn and when equality is due; here it is equality of spikes, spike times, indices
and potentials of all five stages, not closeness.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from oracle import spikeseg as oracle
from spikeseg_agreement import (
    GRID,
    PAIRS,
    WTA,
    Case,
    binned,
    build,
    compare,
    compare_many,
    compare_output,
    difference_of_gaussians,
    random_case,
    random_conv,
    random_encoder,
    same,
    with_weights,
)

from evsim import SpikeArray, spikeseg

DTYPES = ("float32", "float64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)
leaks = pytest.mark.parametrize("leak_mode", ["subtractive", "multiplicative"])
wtas = pytest.mark.parametrize("wta", WTA)
firing = pytest.mark.parametrize("fire_once", [True, False])
index_modes = pytest.mark.parametrize("index_mode", ["per_spike", "last_step"])


# Encoder


@leaks
@wtas
@firing
def test_all_stages_equal_the_oracle(leak_mode, wta, fire_once):
    rng = np.random.default_rng([1, WTA.index(wta), fire_once])
    for dtype in DTYPES:
        compare_many(
            lambda dtype=dtype: random_case(rng, dtype=dtype, leak_mode=leak_mode, wta=wta, fire_once=fire_once),
            6,
            dtype,
        )


@dtypes
@index_modes
@pytest.mark.parametrize("pools", PAIRS, ids="+".join)
def test_pooled_spikes_and_their_causes_equal_the_oracle(dtype, index_mode, pools):
    rng = np.random.default_rng([2, PAIRS.index(pools)])
    compare_many(lambda: random_case(rng, dtype=dtype, pools=pools, fire_once=False), 4, dtype, index_mode)


@leaks
@dtypes
def test_any_weights_and_leaks_equal_the_oracle_where_no_potential_is_near_its_threshold(leak_mode, dtype):
    rng = np.random.default_rng([3, DTYPES.index(dtype)])
    compare_many(
        lambda: random_case(
            rng, dtype=dtype, leak_mode=leak_mode, exact=False, wta=WTA[int(rng.integers(4))], fire_once=False
        ),
        6,
        dtype,
    )


@pytest.mark.parametrize("steps", [1, 50])
@wtas
def test_short_and_long_inputs_equal_the_oracle(steps, wta):
    rng = np.random.default_rng([4, steps, WTA.index(wta)])
    compare_many(lambda: random_case(rng, dtype="float32", steps=steps, wta=wta, fire_once=False), 3, "float32")


@leaks
@firing
def test_values_weigh_the_current(leak_mode, fire_once):
    rng = np.random.default_rng([5, fire_once])
    compare_many(lambda: random_case(rng, kind="values", leak_mode=leak_mode, fire_once=fire_once), 6)


@pytest.mark.parametrize("steps", [None, 1, 2, 7, 20])
@firing
def test_images_are_shown_repeatedly_or_coded_by_rank(steps, fire_once):
    rng = np.random.default_rng([6, steps or 0, fire_once])

    def draw():
        case = random_case(rng, kind="image", steps=steps or 1, fire_once=fire_once)
        return replace(case, n_steps=steps)

    compare_many(draw, 6)


def test_images_of_equal_or_no_values_are_coded_by_rank():
    rng = np.random.default_rng(7)
    encoder = random_encoder(rng, fire_once=False, rate=0.3)
    x = np.zeros((3, 1, 12, 12))
    x[0] = 1.0
    x[1] = -1.0
    x[2, 0, 3:9, 3:9] = np.repeat([2.0, 1.0, 0.5], 12).reshape(6, 6)
    assert compare(Case(encoder, x, n_steps=5))["conv1"] > 0


@leaks
@wtas
def test_thresholds_of_channels_equal_the_oracle(leak_mode, wta):
    rng = np.random.default_rng([8, WTA.index(wta)])
    compare_many(
        lambda: random_case(rng, leak_mode=leak_mode, wta=wta, fire_once=False, thresholds=True),
        6,
    )


@leaks
@wtas
@firing
def test_carried_state_equals_the_oracle(leak_mode, wta, fire_once):
    rng = np.random.default_rng([9, WTA.index(wta), fire_once])
    total: Counter[str] = Counter()
    for _ in range(3):
        case = random_case(rng, leak_mode=leak_mode, wta=wta, fire_once=fire_once, steps=12)
        made = build(case.encoder)
        state = None
        for part in np.split(case.x, [1, 5, 6]):
            expected = oracle.encode(case.encoder, part, state=state)
            got = made.forward(part, reset_state=state is None)
            total += compare_output(got, expected)
            state = expected.state
    assert all(total[name] for name in oracle.STAGES), total


@firing
def test_a_reset_forgets_the_previous_input(fire_once):
    rng = np.random.default_rng([10, fire_once])
    case = random_case(rng, fire_once=fire_once, steps=8)
    made = build(case.encoder)
    made.forward(case.x)
    compare_output(made.forward(case.x), case.expected)
    made.forward(case.x)
    made.reset_state()
    compare_output(made.forward(case.x, reset_state=False), case.expected)


@leaks
@wtas
def test_steps_one_by_one_equal_the_oracle(leak_mode, wta):
    rng = np.random.default_rng([15, WTA.index(wta)])
    case = random_case(rng, leak_mode=leak_mode, wta=wta, steps=10)
    made = build(case.encoder)
    for t, x in enumerate(case.x):
        classes, spikes = made.forward_single_timestep(x)
        same(f"classes in step {t}", classes, case.expected.spikes["conv3"][t])
        for name in oracle.STAGES:
            same(f"{name} in step {t}", spikes[name], case.expected.spikes[name][t])


@firing
def test_spike_arrays_equal_the_oracle_on_the_same_spikes(fire_once):
    rng = np.random.default_rng([16, fire_once])
    for _ in range(4):
        case = random_case(rng, fire_once=fire_once)
        n_steps, n_samples, *shape = case.x.shape
        arrays = []
        for b in range(n_samples):
            steps, *pixel = np.nonzero(case.x[:, b])
            indices = np.ravel_multi_index(tuple(pixel), tuple(shape))
            arrays.append(SpikeArray(indices, steps.astype(float), shape=tuple(shape)))
        compare_output(build(case.encoder).forward(arrays, n_timesteps=n_steps), case.expected)


def test_samples_of_a_batch_do_not_see_each_other():
    rng = np.random.default_rng(11)
    case = random_case(rng, wta="both", fire_once=False, steps=8)
    x = np.concatenate([case.x, case.x[:, ::-1]], axis=1)
    batch = build(case.encoder).forward(x)
    for b in range(x.shape[1]):
        alone = build(case.encoder).forward(x[:, b : b + 1])
        for name in oracle.STAGES:
            same(name, np.asarray(batch.layer_spikes[name])[:, b], np.asarray(alone.layer_spikes[name])[:, 0])


def recorded_case(ids, n_bins, seed, *, leak_mode, wta, fire_once, exact):
    """N-MNIST through an ON/OFF difference of Gaussians and random further layers."""
    rng = np.random.default_rng(seed)
    dog = 5 * difference_of_gaussians()
    if exact:
        dog = np.round(dog / GRID) * GRID
    on_off = np.array([[dog, -dog], [-dog, dog], [dog, dog], [-dog, -dog]])
    conv1 = oracle.Conv(on_off, 0.75, {"subtractive": GRID, "multiplicative": 0.375}[leak_mode], leak_mode)
    conv2 = random_conv(rng, 8, 4, leak_mode=leak_mode, exact=exact, drive=0.03, kernel=5)
    conv3 = random_conv(rng, 3, 8, leak_mode=leak_mode, exact=exact, drive=0.03, kernel=7)
    encoder = oracle.Encoder(conv1, oracle.Pool(2, 2), conv2, oracle.Pool(2, 2), conv3, wta, 2, fire_once)
    return Case(encoder, binned(ids, n_bins), exact=exact)


@leaks
@pytest.mark.parametrize(("wta", "fire_once"), [(None, False), ("global", False), ("local", False), ("both", True)])
def test_real_recordings_through_negative_weights_equal_the_oracle(leak_mode, wta, fire_once):
    spikes = Counter()
    for seed in range(2):
        ids = [2 * seed, 2 * seed + 1]
        case = recorded_case(ids, 10, seed, leak_mode=leak_mode, wta=wta, fire_once=fire_once, exact=True)
        spikes += compare(case, "float64")
    assert all(spikes[name] for name in oracle.STAGES), spikes


@leaks
@pytest.mark.parametrize("wta", [None, "local"])
def test_real_recordings_through_a_difference_of_gaussians_equal_the_oracle(leak_mode, wta):
    case = recorded_case([50, 51, 52], 10, 5, leak_mode=leak_mode, wta=wta, fire_once=False, exact=False)
    assert case.is_well_posed("float64")
    spikes = compare(case, "float64")
    assert all(spikes[name] for name in oracle.STAGES), spikes


PRESETS = {"igarss2023": (9.0, 1.0, 0.0, oracle.Pool(2, 2)), "spikeseg": (0.0, 0.0, 0.0, oracle.Pool(7, 6))}


@dtypes
@pytest.mark.parametrize("name", PRESETS)
def test_published_networks_equal_the_oracle(name, dtype):
    rng = np.random.default_rng(14)
    *leak, pool1 = PRESETS[name]
    shapes = [(4, 1, 5, 5), (36, 4, 5, 5), (2, 36, 7, 7)]
    weights = [(rng.normal(0.8, 0.01, shape) / GRID).round() * GRID for shape in shapes]
    conv = [oracle.Conv(w, 10.0, value) for w, value in zip(weights, leak, strict=True)]
    encoder = oracle.Encoder(conv[0], pool1, conv[1], oracle.Pool(2, 2), conv[2], "both", 2, True)
    case = Case(encoder, (rng.random((20, 2, 1, 30, 32)) < 0.8).astype(float))
    config = replace(spikeseg.EncoderConfig.from_paper(name, n_classes=2), store_membranes=True)
    made = with_weights(spikeseg.SpikeSEGEncoder(config, dtype=dtype), encoder)
    spikes = compare_output(made.forward(case.x.astype(dtype)), case.expected)
    assert all(spikes[stage] for stage in oracle.STAGES), spikes


def test_the_settings_for_sparse_events_equal_the_oracle_on_a_recording():
    config = replace(spikeseg.EncoderConfig.from_paper("ebssa"), use_wta=False, store_membranes=True)
    made = spikeseg.SpikeSEGEncoder(config, dtype="float64", seed=1)
    made.use_difference_of_gaussians()
    weights = [np.array(getattr(made, name).weight) for name in oracle.CONVOLUTIONS]
    assert weights[0].shape[1] == 2
    conv = [oracle.Conv(w, 0.1, leak) for w, leak in zip(weights, (0.09, 0.01, 0.0), strict=True)]
    encoder = oracle.Encoder(conv[0], oracle.Pool(2, 2), conv[1], oracle.Pool(2, 2), conv[2])
    case = Case(encoder, binned([4, 5], 10), exact=False)
    assert case.is_well_posed("float64")
    spikes = compare_output(made.forward(case.x), case.expected, tolerance=1e-12)
    assert all(spikes[stage] for stage in oracle.STAGES), spikes


# Negative controls: a comparison that finds nothing must be able to find something


def control_case():
    """A case with potentials in all layers, compared without objection."""
    rng = np.random.default_rng(12)
    while True:
        case = random_case(rng, wta=None, fire_once=False, steps=10)
        alive = min((case.expected.membranes[name] > 0).mean(axis=(0, 1, 3, 4)).min() for name in oracle.CONVOLUTIONS)
        if alive > 0.05 and case.expected.spikes["conv3"].any():
            compare(case)
            return case


@pytest.mark.parametrize("name", oracle.CONVOLUTIONS)
def test_one_weight_that_is_off_by_one_grid_step_is_found(name):
    case = control_case()
    conv = getattr(case.encoder, name)
    weight = conv.weight.copy()
    weight[0, 0, weight.shape[2] // 2, weight.shape[2] // 2] += GRID
    other = replace(case, encoder=replace(case.encoder, **{name: replace(conv, weight=weight)}))
    with pytest.raises(AssertionError, match=name):
        compare(case, expected=other.expected)


@pytest.mark.parametrize("name", oracle.CONVOLUTIONS)
def test_a_leak_that_is_off_by_one_grid_step_is_found(name):
    case = control_case()
    conv = getattr(case.encoder, name)
    leak = conv.leak + (GRID if conv.leak < conv.threshold else -GRID)
    other = replace(case, encoder=replace(case.encoder, **{name: replace(conv, leak=leak)}))
    with pytest.raises(AssertionError, match=name):
        compare(case, expected=other.expected)


@pytest.mark.parametrize("stage", oracle.STAGES)
def test_one_spike_too_many_is_found(stage):
    case = control_case()
    expected = case.expected
    expected.spikes[stage][0, 0, 0, 0, 0] ^= True
    with pytest.raises(AssertionError, match=f"spikes of {stage}"):
        compare(case, expected=expected)


@pytest.mark.parametrize("pool", oracle.POOLS)
@index_modes
def test_one_wrong_index_is_found(pool, index_mode):
    case = control_case()
    expected = case.expected
    causes = expected.causes if index_mode == "per_spike" else expected.last_causes
    causes[pool].flat[-1] += 1
    with pytest.raises(AssertionError, match=f"indices of {pool}"):
        compare(case, index_mode=index_mode, expected=expected)


@pytest.mark.parametrize("other", ["local", "both", None])
def test_another_inhibition_is_found(other):
    rng = np.random.default_rng(13)
    case = random_case(rng, wta="global", fire_once=False, steps=10)
    assert compare(case)["conv1"] > 0
    changed = replace(case, encoder=replace(case.encoder, wta=other))
    with pytest.raises(AssertionError):
        compare(case, expected=changed.expected)


# The long campaign


@pytest.mark.nightly
@dtypes
def test_hundreds_of_configurations_equal_the_oracle(dtype, capsys):
    rng = np.random.default_rng([30, DTYPES.index(dtype)])
    total: Counter[str] = Counter()
    n = 240
    for i in range(n):
        pools = PAIRS[i % len(PAIRS)]
        case = random_case(
            rng,
            dtype=dtype,
            leak_mode=("subtractive", "multiplicative")[i // 2 % 2],
            wta=WTA[int(rng.integers(4))],
            fire_once=bool(rng.integers(2)),
            pools=pools,
            kind=("spikes", "values", "image")[int(rng.integers(3))],
            exact=bool(rng.integers(3)),
            thresholds=not rng.integers(3),
            steps=int(rng.integers(1, 51)),
        )
        total += compare(case, dtype, ("per_spike", "last_step")[i % 2])
    with capsys.disabled():
        print(f"\n{n} configurations in {dtype}, spikes compared: {dict(total)}")
    assert all(total[name] > n for name in oracle.STAGES), total


@pytest.mark.nightly
@leaks
@wtas
def test_many_real_recordings_equal_the_oracle(leak_mode, wta, capsys):
    total: Counter[str] = Counter()
    for seed in range(8):
        ids, fire_once, n_bins = [10 * seed + i for i in range(4)], bool(seed % 2), 20
        if leak_mode == "multiplicative":
            n_bins = 12
        case = recorded_case(ids, n_bins, seed, leak_mode=leak_mode, wta=wta, fire_once=fire_once, exact=True)
        total += compare(case, "float64")
    with capsys.disabled():
        print(f"\nN-MNIST, {leak_mode}, {wta}: spikes compared {dict(total)}")
    assert all(total[name] for name in oracle.STAGES), total
