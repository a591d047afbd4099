"""The commands that segment recordings and train models on them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import evsim
from evsim.cli import main as cli
from evsim.spikeseg import SpikeSEG

pytest.importorskip("matplotlib")


@pytest.fixture
def run(monkeypatch):
    for console in (cli.console, cli.errors):
        monkeypatch.setattr(console, "_width", 100)
    return lambda *arguments: CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def recording(tmp_path):
    """Something 8 pixels wide that moves right for 100 ms."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.integers(0, 100_000, 6000))
    x, y = t // 2000 + 10 + rng.integers(0, 8, t.size), 20 + rng.integers(0, 8, t.size)
    events = evsim.EventArray(t, x, y, rng.integers(0, 2, t.size), width=80, height=48)
    path = tmp_path / "moving.npz"
    evsim.io.write_events(events, path)
    return path


def test_segment_writes_instances_masks_pictures_and_a_film(run, recording, tmp_path):
    result = run("segment", recording, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "6,000 events, 80 x 48 pixels" in result.output
    found = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert [len(window["instances"]) for window in found["windows"]] == [1] * 5
    (track,) = found["tracks"]
    assert track["windows"] == [0, 1, 2, 3, 4]
    assert np.all(np.diff(np.array(track["centroids"])[:, 0]) > 5)
    with np.load(tmp_path / "out" / "masks.npz") as masks:
        assert masks["labels"].shape == (5, 48, 80)
        x0, y0, x1, y1 = found["windows"][2]["instances"][0]["box"]
        ys, xs = np.nonzero(masks["labels"][2])
        assert (xs.min(), ys.min(), xs.max(), ys.max()) == (x0, y0, x1, y1)
    assert (tmp_path / "out" / "film.gif").read_bytes()[:6] == b"GIF89a"
    assert len(list((tmp_path / "out").glob("window_*.png"))) == 5


def test_a_trained_model_segments(run, recording, tmp_path):
    model = tmp_path / "model.safetensors"
    arguments = ("--epochs", 2, "--layers", "conv2", "--checkpoint", tmp_path / "run.safetensors")
    trained = run("train-stdp", recording, "-o", model, *arguments)
    assert trained.exit_code == 0, trained.output
    assert "conv2" in trained.output
    assert not np.array_equal(
        SpikeSEG.load(model).encoder.conv2.weight, SpikeSEG.from_paper("ebssa", seed=0).encoder.conv2.weight
    )
    result = run("segment", recording, "-m", model, "-o", tmp_path / "out", "--film", "none", "--clean")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "instances.json").exists()
    assert not list((tmp_path / "out").glob("film.*"))


def test_wrong_calls_end_in_one_line(run, recording, tmp_path):
    missing = run("segment", tmp_path / "nothing.es", "-o", tmp_path / "out")
    assert missing.exit_code == 1
    assert "nothing.es: No such file or directory" in missing.output
    assert run("segment", recording, "--film", "avi").exit_code == 2
    assert run("train-stdp", recording, "-o", tmp_path / "model.h5").exit_code == 2
    assert run("train-stdp", recording, "--resume").exit_code == 2
    unknown = run("train-stdp", recording, "-o", tmp_path / "m.safetensors", "--paper", "nature2099")
    assert unknown.exit_code == 1
    assert "there is no preset 'nature2099'" in unknown.output
    (tmp_path / "file").write_text("")
    blocked = run("segment", recording, "-o", tmp_path / "file")
    assert blocked.exit_code == 1
    assert "--output needs a folder" in blocked.output
    damaged = tmp_path / "damaged.es"
    damaged.write_bytes(b"Event Stream" + b"\x02\x00")
    assert run("segment", damaged, "-o", tmp_path / "out").exit_code == 1
    assert not (tmp_path / "out").exists()
