"""Configurations: nested names, what is refused and how, and the way through dicts and files."""

import copy
import json
import pickle
import re

import numpy as np
import pytest

from evsim import errors, spark
from evsim.spark.config import configs

FULL = spark.NeuronConfig(
    units=(2, 3),
    inhibitory_rate=0.5,
    soma=spark.AdaptiveLeakySomaConfig(threshold=[-40.0, -41.0, -42.0, -43.0, -44.0, -45.0]),
    synapses=spark.RFSTracedSynapsesConfig(kernel=np.arange(12.0).reshape(6, 2)),
    delays=spark.N2NDelaysConfig(delays=0.0),
    learning_rule=spark.ZenkeRuleConfig(c=0.0, d=0.0),
    seed=3,
    dtype="float64",
)
CONFIGS = [
    *(kind() for kind in configs.values() if not issubclass(kind, spark.NeuronConfig)),
    *(kind(units=4) for kind in configs.values() if issubclass(kind, spark.NeuronConfig)),
    FULL,
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
@pytest.mark.parametrize("name", ["a.json", "a.scfg", "a.yaml", "a.YML"])
def test_files_hold_configurations(config, name, tmp_path):
    if name[2] in "yY":
        pytest.importorskip("yaml")
    config.to_file(tmp_path / name)
    assert type(config).from_file(tmp_path / name) == config
    assert spark.Config.from_file(tmp_path / name) == config
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
def test_dicts_and_copies_are_equal(config):
    plain = json.loads(json.dumps(config.to_dict()))
    others = [type(config).from_dict(plain), pickle.loads(pickle.dumps(config)), copy.deepcopy(config)]
    assert all(other == config and hash(other) == hash(config) for other in [*others, config.replace()])
    assert config != 3


def test_nested_names_reach_any_depth():
    config = spark.ALIFNeuronConfig(units=5, soma__threshold_tau=7.0, synapses__kernel__density=0.5)
    assert (config.units, config.soma.threshold_tau, config.synapses.kernel.density) == ((5,), 7.0, 0.5)
    changed = config.replace(synapses__kernel__scale=3.0, synapses=spark.TracedSynapsesConfig())
    assert (changed.synapses.kernel.scale, changed.synapses.kernel.density, changed.soma) == (3.0, 0.2, config.soma)
    assert config.synapses.kernel.scale == 1.0


def test_a_shared_name_reaches_all_parts_that_have_it():
    config = spark.NeuronConfig(_s_units=4, _s_scale=9.0, synapses=spark.TracedSynapsesConfig(), synapses__scale=2.0)
    assert (config.units, config.synapses.scale, config.synapses.kernel.scale) == ((4,), 2.0, 9.0)
    assert config.replace(_s_scale=5.0, _s_units=2) == spark.NeuronConfig(
        units=2, synapses=spark.TracedSynapsesConfig(_s_scale=5.0)
    )


def test_a_field_may_hold_a_dict():
    assert spark.NeuronConfig(units=1, soma={"threshold": -45.0}).soma == spark.LeakySomaConfig(threshold=-45.0)
    assert spark.NeuronConfig(units=1, synapses={"kernel": {"density": 0.5}}).synapses.kernel.density == 0.5
    with pytest.raises(errors.FileFormatError, match="there is no Config"):
        spark.NeuronConfig(units=1, learning_rule={"eta": 0.1})
    config = spark.NeuronConfig(units=1, soma={"type": "IzhikevichSomaConfig", "recovery_update": 8.0})
    assert config.soma == spark.IzhikevichSomaConfig(recovery_update=8.0)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: spark.LeakySomaConfig(potential_tau=0), ValueError, "Config.potential_tau must be > 0 (ms), got 0"),
        (lambda: spark.LeakySomaConfig(resistance=[1.0, -2.0]), ValueError, "resistance must be > 0 (GOhm), got -2"),
        (lambda: spark.LeakySomaConfig(threshold=np.nan), errors.NonFiniteError, "threshold must be a number"),
        (lambda: spark.LeakySomaConfig(threshold="high"), TypeError, "got 'high'"),
        (lambda: spark.LeakySomaConfig(potential_reset=-40.0), ValueError, "potential_reset must be < threshold (mV)"),
        (lambda: spark.RefractoryLeakySomaConfig(cooldown=-1), ValueError, "cooldown must be >= 0 (ms), got -1"),
        (lambda: spark.RefractoryLeakySomaConfig(cooldown=[1, -2]), ValueError, "cooldown must be >= 0 (ms), got -2"),
        (lambda: spark.NeuronConfig(units=1, inhibitory_rate=2), ValueError, "_rate must be from 0 to 1, got 2"),
        (lambda: spark.NeuronConfig(units=0), ValueError, "NeuronConfig.units must be from 1"),
        (lambda: spark.NeuronConfig(units=()), ValueError, "NeuronConfig.units"),
        (lambda: spark.NeuronConfig(), ValueError, "NeuronConfig needs units="),
        (lambda: spark.NeuronConfig(units=1, seed=-1), ValueError, "seed must be an integer >= 0"),
        (lambda: spark.NeuronConfig(units=1, dtype="float16"), ValueError, "'float32' or 'float64', got 'float16'"),
        (lambda: spark.NeuronConfig(units=1, soma=3), TypeError, "NeuronConfig.soma must be a SomaConfig, got 3"),
        (lambda: spark.NeuronConfig(units=1, soma=None), TypeError, "must be a SomaConfig, got None"),
        (lambda: spark.ALIFNeuronConfig(units=1, soma=spark.LeakySomaConfig()), TypeError, "AdaptiveLeakySomaConfig"),
        (lambda: spark.NeuronConfig(units=1, soma__tau=3), ValueError, "Config has no field 'tau'; it has poten"),
        (lambda: spark.NeuronConfig(units=1, size=3), ValueError, "NeuronConfig has no field 'size'"),
        (lambda: spark.NeuronConfig(units=1, units__x=3), ValueError, "NeuronConfig.units has no field 'x'"),
        (lambda: spark.NeuronConfig(units=1, delays__max_delay=3), ValueError, "delays is None"),
        (lambda: spark.NeuronConfig(_s_units=1, _s_tau=3), ValueError, "no part of NeuronConfig has a field 'tau'"),
        (lambda: spark.LinearSynapsesConfig(kernel=[[1.0, -1.0]]), ValueError, "kernel must be weights >= 0 (pA)"),
        (lambda: spark.LinearSynapsesConfig(kernel=[1.0]), errors.ShapeMismatchError, "got shape (1,)"),
        (lambda: spark.LinearSynapsesConfig(kernel="x"), TypeError, "kernel must be weights"),
        (lambda: spark.LinearSynapsesConfig(kernel=[[np.inf]]), errors.NonFiniteError, "kernel"),
        (lambda: spark.ZenkeRuleConfig(p=-1), ValueError, "ZenkeRuleConfig.p must be >= 0, got -1"),
        (lambda: spark.ZenkeRuleConfig(target_tau=0), ValueError, "Config.target_tau must be > 0 (ms), got 0"),
        (lambda: spark.ZenkeRuleConfig(target_weight=0), ValueError, "Config.target_weight must be > 0 (pA), got 0"),
        (lambda: spark.OjaRuleConfig(eta=-1), ValueError, "OjaRuleConfig.eta must be >= 0, got -1"),
        (lambda: spark.QuadrupletRuleConfig(q_alpha="x"), TypeError, "Config.q_alpha must be a number, got 'x'"),
        (lambda: spark.QuadrupletRuleConfig(baseline=np.nan), errors.NonFiniteError, "baseline must be a number"),
        (lambda: spark.QuadrupletRuleTensorConfig(pre_tau=[1, 2, 0, 4]), ValueError, "pre_tau[2] must be > 0 (ms)"),
        (lambda: spark.QuadrupletRuleTensorConfig(max_clip=-1), ValueError, "max_clip[0] must be >= 0 (pA), got -1"),
        (lambda: spark.QuadrupletRuleTensorConfig(q_beta=[1, 2]), ValueError, "q_beta must be one number or four"),
        (lambda: spark.QuadrupletRuleTensorConfig(q_beta=[1, 2, "x", 3]), TypeError, "q_beta[2] must be a number"),
        (lambda: spark.NDelaysConfig(delays=9.0), ValueError, "delays must be from 0 to max_delay, 8 (ms), got 9"),
        (lambda: spark.NDelaysConfig(delays=[1.0, np.nan]), ValueError, "got nan"),
        (lambda: spark.NDelaysConfig(delays="long"), TypeError, "delays must be times"),
    ],
)  # fmt: skip
def test_errors_name_field_range_and_value(make, error, words):
    with pytest.raises(error, match=re.escape(words)) as caught:
        make()
    assert isinstance(caught.value, errors.EvsimError)


@pytest.mark.parametrize("name", ["dt", "_s_dt", "soma__dt", "synapses__kernel__dt", "async_spikes"])
def test_what_needs_a_step_is_refused(name):
    with pytest.raises(errors.UnsupportedError, match="means nothing here"):
        spark.NeuronConfig(units=1, **{name: 1.0})


def test_configurations_do_not_change():
    with pytest.raises(AttributeError):
        FULL.units = 3
    with pytest.raises(ValueError, match="read-only"):
        FULL.synapses.kernel[0, 0] = 1.0


@pytest.mark.parametrize(
    "text",
    [
        b"", b"3", b"[1]", b"{", b"\xff\xfe", b'{"type": 3}', b'{"type": "Config2"}', b'{"type": "LeakySomaConfig"}',
        b'{"type": "NeuronConfig", "units": 1, "size": 3}', b"[" * 100_000, b'{"units": [[[1]]]}',
        b'{"units": 1, "soma": {"type": "NDelaysConfig"}}', b'{"units": 1, "inhibitory_rate": NaN}',
        b'{"units": 1, "synapses": {"type": "LinearSynapsesConfig", "kernel": [[1], [1, 2]]}}',
        b'{"units": 1, "dt": 0.1}', b'{"units": null}', b'{"units": 1, "soma": []}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_hostile_files_raise_named_errors(text, name, tmp_path):
    if name == "a.yaml":
        pytest.importorskip("yaml")
    (tmp_path / name).write_bytes(text)
    with pytest.raises(errors.EvsimError):
        spark.NeuronConfig.from_file(tmp_path / name)


def test_yaml_makes_no_objects_and_expands_nothing(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(errors.FileFormatError):
        spark.Config.from_file(tmp_path / "a.yaml")
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{k + 1}: &a{k + 1} [*a{k}, *a{k}]\n" for k in range(40))
    (tmp_path / "a.yaml").write_text(bomb + "units: *a40\n")
    with pytest.raises(errors.FileFormatError, match="no field 'a0'"):
        spark.NeuronConfig.from_file(tmp_path / "a.yaml")


def test_other_endings_and_missing_files(tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match=r"\.json"):
        FULL.to_file(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError):
        spark.Config.from_file(tmp_path / "a.json")
    with pytest.raises(errors.DTypeError):
        FULL.to_file(3)


def test_yaml_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(errors.MissingDependencyError, match=r"evsim\[yaml\]"):
        FULL.to_file(tmp_path / "a.yaml")
    assert not list(tmp_path.iterdir())
