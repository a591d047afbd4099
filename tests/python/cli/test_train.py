"""evsim train: a configuration, checked; a training that goes on from its checkpoint; files that can be used again."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

import evsim
from evsim import errors
from evsim.cli import train_command
from evsim.cli.main import app
from evsim.cli.training_config import TrainingConfig
from evsim.cli.training_data import read_table, split

SMALL = {
    "data": {"file": "table.npz", "noise": 0.02},
    "network": {"hidden": [30]},
    "optimizer": {"lr": 0.02},
    "epochs": 6,
    "batch_size": 8,
    "seed": 3,
}


def write(folder, name="config.json", **changes):
    path = folder / name
    path.write_text(json.dumps({**SMALL, "output": str(folder / "out"), **changes}))
    return path


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(240, 3))
    np.savez(tmp_path / "table.npz", X=x, y=np.where(x[:, 0] > x[:, 1], "more", "less"))
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_a_table_is_learned_and_all_files_are_written(folder):
    result = run(write(folder, epochs=30))
    assert result.exit_code == 0, result.output
    names = {"network.safetensors", "code.json", "log.csv", "checkpoint.npz", "config.json"}
    assert names <= {path.name for path in (folder / "out").iterdir()}
    with (folder / "out" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])


def test_what_is_written_tells_classes_apart_without_the_command(folder):
    assert run(write(folder, epochs=30)).exit_code == 0
    code = json.loads((folder / "out" / "code.json").read_text())
    net = evsim.load(folder / "out" / "network.safetensors")
    x = np.random.default_rng(5).uniform(size=(200, 3))
    spikes = evsim.learning.LatencyCode(code["lowest"], code["highest"], code["window"]).encode(x)
    scores = evsim.learning.record(net, spikes, until=code["until"]).remembered("out", "mean")
    names = np.array(code["classes"])[scores.argmax(axis=1)]
    assert np.mean(names == np.where(x[:, 0] > x[:, 1], "more", "less")) > 0.8


def test_a_training_that_went_on_is_to_the_bit_one_that_was_not_stopped(folder):
    constant = {"schedule": {"kind": "constant"}}
    whole, parts = (
        write(folder, "a.json", **constant),
        write(folder, "b.json", **constant, output=str(folder / "parts")),
    )
    assert run(whole).exit_code == 0
    assert run(parts, "--epochs", 2).exit_code == 0
    assert run(parts).exit_code == 0
    one, other = (evsim.load(folder / name / "network.safetensors") for name in ("out", "parts"))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.weights, theirs.weights)


def test_a_checkpoint_of_other_settings_is_refused_by_name(folder):
    assert run(write(folder)).exit_code == 0
    result = run(write(folder, optimizer={"lr": 0.5}))
    assert result.exit_code == 1
    assert "optimizer.lr = 0.02, not 0.5" in result.output


def test_a_checkpoint_of_other_samples_is_refused(folder):
    assert run(write(folder)).exit_code == 0
    with np.load(folder / "table.npz") as file:
        x, y = file["X"], file["y"]
    x[5] = x[7]
    np.savez(folder / "table.npz", X=x, y=y)
    result = run(write(folder, epochs=9))
    assert result.exit_code == 1
    assert "other samples than table.npz holds" in result.output


@pytest.mark.parametrize("text", ["[1]", '"x"', "3", "{", "[" * 100_000])
def test_a_folder_with_something_else_in_its_files_is_refused(folder, text):
    assert run(write(folder, epochs=1)).exit_code == 0
    for name in ("config.json", "code.json"):
        before = (folder / "out" / name).read_text()
        (folder / "out" / name).write_text(text)
        result = run(write(folder, epochs=2))
        assert result.exit_code == 1
        assert name in result.output
        (folder / "out" / name).write_text(before)


def test_training_samples_are_tested_without_noise_however_often(folder):
    only = {"data": {"file": "table.npz", "noise": 0.5, "test": 0, "validation": 0}}
    config = write(folder, **only)
    told = [run(config).output.partition("training samples")[2].splitlines()[0] for _ in range(2)]
    assert told[0] == told[1] != ""


def test_what_a_network_needs_to_be_read_is_there_from_the_beginning(folder):
    """A process may be killed at any moment; here the network cannot be written."""
    (folder / "out" / "network.safetensors").mkdir(parents=True)
    assert run(write(folder)).exit_code == 1
    assert json.loads((folder / "out" / "code.json").read_text())["classes"] == ["less", "more"]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (1.0, 1j),
        (1j, 1),
        (1.0, np.datetime64("2020-01-01")),
        (1.0, np.array((1, 2), "i4,i4")),
        (1.0, np.inf),
        (1.0, np.nan),
    ],
    ids=["complex", "complex features", "dates", "fields", "infinity", "NaN"],
)
def test_tables_of_what_is_neither_number_nor_text_are_refused_before_training(folder, x, y):
    other = np.zeros((), np.asarray(y).dtype)
    np.savez(folder / "table.npz", X=np.full((40, 2), x), y=np.array([y, other] * 20))
    result = run(write(folder))
    assert result.exit_code == 1, result.output
    assert "Error:" in result.output
    assert not (folder / "out").exists()


def test_classes_as_bytes_are_their_text(folder):
    np.savez(folder / "table.npz", X=np.random.default_rng(1).uniform(size=(40, 2)), y=np.array([b"no", b"yes"] * 20))
    assert run(write(folder, epochs=1)).exit_code == 0
    assert json.loads((folder / "out" / "code.json").read_text())["classes"] == ["no", "yes"]


@pytest.mark.parametrize("loss", [{"kind": "first-spike"}, {"kind": "cross-entropy", "at": "maximum"}])
def test_all_losses_of_classes_run(folder, loss):
    result = run(write(folder, loss=loss, epochs=2))
    assert result.exit_code == 0, result.output


def test_numbers_are_learned_and_reported_without_accuracy(folder):
    x = np.random.default_rng(1).uniform(size=(100, 2))
    np.savez(folder / "table.npz", X=x, y=10.0 * x[:, 0])
    result = run(write(folder, loss={"kind": "squared-error"}, epochs=20))
    assert result.exit_code == 0, result.output
    assert "%" not in result.output.split("test samples")[1].split("time taken")[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer": {"lr": -1}}, "optimizer.lr must be > 0, got -1"),
        ({"optimizer": {"kind": "adamax"}}, "optimizer.kind must be 'sgd' or .*, got 'adamax'"),
        ({"data": {"test": 1.0}}, "data.test must be from 0 to below 1, got 1"),
        ({"network": {"hidden": 200}}, "network.hidden must be a list of sizes"),
        ({"network": {"until": 5.0}}, "network.until must be at least data.window, 20, got 5"),
        ({"schedule": {"factor": 2.0}}, "schedule.factor must be above 0 and at most 1, got 2"),
        ({"epochs": 0}, "epochs must be"),
        ({"schedule": {"kind": "exponential"}, "epochs": 400}, "schedule.factor, 0.01, brings the rate to 0"),
        ({"patience": 3, "data": {"validation": 0}}, "patience needs data.validation above 0"),
    ],
)
def test_errors_name_the_field_the_value_and_what_is_allowed(values, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        TrainingConfig.from_dict(values)


def test_an_unknown_field_is_named_with_those_that_there_are():
    with pytest.raises(errors.FileFormatError, match=r"no field 'learning_rate'; it has kind, lr"):
        TrainingConfig.from_dict({"optimizer": {"learning_rate": 0.1}})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.yaml", "epochs: 1\nseed: 2\nepochs: 2\n"),
        ("c.yaml", "optimizer: {lr: 0.1, lr: 0.2}\n"),
        ("c.json", '{"epochs": 1, "epochs": 2}'),
    ],
)
def test_a_field_that_is_given_twice_is_refused(folder, name, text):
    (folder / name).write_text(text)
    result = run(folder / name)
    assert result.exit_code == 1
    assert "is given more than once" in " ".join(result.output.split())


def test_parts_of_a_yaml_file_may_be_told_by_others(folder):
    (folder / "c.yaml").write_text("loss: &a {scale: 2.0, tau: 3.0}\n")
    config = TrainingConfig.from_file(folder / "c.yaml")
    (folder / "c.yaml").write_text("loss: {<<: {scale: 9.0, tau: 3.0}, scale: 2.0}\n")
    assert TrainingConfig.from_file(folder / "c.yaml") == config


def test_targets_beyond_all_measure_are_refused(folder):
    x = np.random.default_rng(1).uniform(size=(40, 2))
    np.savez(folder / "table.npz", X=x, y=1e200 * x[:, 0])
    result = run(write(folder, loss={"kind": "squared-error"}))
    assert result.exit_code == 1
    assert "too large" in result.output


def test_a_number_that_yaml_takes_for_text_is_told_how_to_write(folder):
    (folder / "c.yaml").write_text("optimizer: {lr: 1e-3}\n")
    result = run(folder / "c.yaml")
    assert result.exit_code == 1
    assert "optimizer.lr must be > 0, got the text '1e-3'; YAML takes" in " ".join(result.output.split())


def test_patience_without_a_sample_to_validate(folder):
    result = run(write(folder, patience=2, data={"file": "table.npz", "validation": 0.001}))
    assert result.exit_code == 1
    assert "data.validation, 0.001, is of none" in result.output


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("\ufeff1,2,x\n3,4,y\n", 2),
        ("\ufeffa,b,kind\n1,2,x\n3,4,y\n", 2),
        ("0,1,kind\n1,2,0\n3,4,1\n", 2),
        ("a,b,kind\n1,2,0\n3,4,1\n", 2),
        ("1,2,x\n3,4,0\n\n5,6,y\n", 3),
    ],
    ids=["byte order mark", "byte order mark and names", "numbers as names", "names", "no names"],
)
def test_no_row_of_a_csv_is_lost_or_made_of_names(tmp_path, text, n):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    table = read_table("t.csv", tmp_path)
    assert len(table.features) == n
    assert "kind" not in table.targets


def test_a_line_of_a_csv_is_named_as_editors_number_it(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,kind\n1,2,x\n\n3,,y\n")
    with pytest.raises(errors.FileFormatError, match="line 4"):
        read_table("t.csv", tmp_path)


@pytest.mark.parametrize("name", ["a\0.csv", "t.npz"])
def test_files_that_are_none(tmp_path, name):
    np.save(tmp_path / "t.npy", np.ones(3))
    (tmp_path / "t.npy").rename(tmp_path / "t.npz")
    with pytest.raises(errors.EvsimError, match=r"data\.file|t\.npz"):
        read_table(name, tmp_path)


def test_a_csv_may_have_names_of_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,kind\n1,2,x\n3,4,y\n")
    table = read_table("t.csv", tmp_path)
    np.testing.assert_array_equal(table.features, [[1, 2], [3, 4]])
    assert table.targets.tolist() == ["x", "y"]


@pytest.mark.parametrize("text", ["", "1,2,x\n1,x\n", "1,,x\n2,3,y\n", "1,2,x\n1,b,y\n", "1,nan,x\n"])
def test_a_csv_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(errors.FileFormatError, match=r"t\.csv"):
        read_table("t.csv", tmp_path)


def test_an_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "t.npz", a=[1])
    with pytest.raises(errors.FileFormatError, match="X and y"):
        read_table("t.npz", tmp_path)


def test_a_split_takes_the_same_share_of_each_class():
    classes = np.repeat([0, 1, 2], [10, 20, 70])
    rest, chosen = split(classes, 100, 0.2, seed=4)
    assert np.bincount(classes[chosen]).tolist() == [2, 4, 14]
    assert sorted([*rest, *chosen]) == list(range(100))


def test_curves_of_losses_are_drawn(folder):
    pytest.importorskip("matplotlib")
    epochs = [evsim.learning.Epoch(k, 1.0 / k, 0.5, 2.0 / k, 0.4, 0.1) for k in (1, 2, 3)]
    train_command.draw_curves(epochs, folder / "curves.png")
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
