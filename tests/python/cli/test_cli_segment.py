"""The commands that segment recordings and train models on them."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

import evsim
from evsim.cli import main as cli
from evsim.errors import RecordingWarning
from evsim.spikeseg import SpikeSEG
from evsim.spikeseg.training.step import TrainingStep

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


def write_set(path, prefix="train_", n=3, **changes):
    """Several small recordings in one file, as N-MNIST's is laid out."""
    rng = np.random.default_rng(1)
    t = np.sort(rng.integers(0, 40_000, (n, 500)), axis=1).ravel()
    arrays = {"t": t, "x": rng.integers(0, 34, t.size), "y": rng.integers(0, 34, t.size), "p": t % 2}
    arrays |= {"offsets": np.arange(n + 1) * 500, "labels": np.arange(n)} | changes
    np.savez(path, **{prefix + name: array for name, array in arrays.items()})
    return path


def train(run, *arguments):
    return run("train-stdp", *arguments, "--layers", "conv2", "--steps", 4)


def test_train_stdp_reads_a_file_of_many_recordings(run, tmp_path):
    result = train(run, write_set(tmp_path / "set.npz"), "-o", tmp_path / "m.safetensors")
    assert result.exit_code == 0, result.output
    assert "samples" in result.output
    assert " 6 " in result.output  # two windows of 20 ms in each of three recordings


def test_train_stdp_reads_folders_and_what_lies_below(run, recording, tmp_path):
    below = tmp_path / "digits" / "7"
    below.mkdir(parents=True)
    (tmp_path / "digits" / "README.txt").write_text("not a recording")
    for name in ("a.npz", "b.npz"):
        (below / name).write_bytes(recording.read_bytes())
    result = train(run, tmp_path / "digits", "-o", tmp_path / "m.safetensors")
    assert result.exit_code == 0, result.output
    assert " 10 " in result.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offsets": np.array([0, 500, 400, 1500])}, "train_offsets must rise from 0 to 1500"),
        ({"offsets": np.array([0, 1400])}, "train_offsets must rise from 0 to 1500"),
        ({"offsets": np.zeros((2, 2), int)}, "train_offsets must be integers"),
        ({"p": np.zeros(7, int)}, "one length"),
    ],
    ids=["falling", "short", "square", "columns"],
)
def test_damaged_sets_end_in_one_line(run, tmp_path, changes, message):
    result = train(run, write_set(tmp_path / "set.npz", **changes), "-o", tmp_path / "m.safetensors")
    assert result.exit_code == 1, result.output
    assert message in " ".join(result.output.split())
    assert isinstance(result.exception, SystemExit)


def test_recordings_of_two_sensors_end_in_one_line(run, recording, tmp_path):
    result = train(run, recording, write_set(tmp_path / "set.npz"), "-o", tmp_path / "m.safetensors")
    assert result.exit_code == 1
    assert "all recordings must be of one sensor" in " ".join(result.output.split())


def test_an_interrupted_training_says_where_it_stopped_and_how_to_go_on(run, recording, tmp_path, monkeypatch):
    model, path = tmp_path / "m.safetensors", tmp_path / "run.safetensors"
    whole = train(run, recording, "-o", model)
    assert whole.exit_code == 0, whole.output
    expected = SpikeSEG.load(model).encoder.conv2.weight
    after, seen = TrainingStep.after, []

    def interrupted(self, *arguments):
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return after(self, *arguments)

    monkeypatch.setattr(TrainingStep, "after", interrupted)
    result = train(run, recording, "-o", model, "--checkpoint", path)
    assert result.exit_code == 130
    assert "conv2 has learned from 2 of 5 samples" in " ".join(result.output.split())
    assert "--resume goes on" in " ".join(result.output.split())
    resumed = train(run, recording, "-o", model, "--checkpoint", path, "--resume")
    assert resumed.exit_code == 0, resumed.output
    np.testing.assert_array_equal(SpikeSEG.load(model).encoder.conv2.weight, expected)
    seen.clear()
    assert "nothing is kept without --checkpoint" in train(run, recording, "-o", model).output


def test_resuming_from_nothing_is_an_error(run, recording, tmp_path):
    result = train(
        run, recording, "-o", tmp_path / "m.safetensors", "--checkpoint", tmp_path / "no.safetensors", "--resume"
    )
    assert result.exit_code == 1
    assert "there is no checkpoint" in result.output


def test_a_missing_ffmpeg_is_found_before_the_work(run, recording, tmp_path, monkeypatch):
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(evsim.io, "read_events", lambda *_: pytest.fail("the work began"))
    result = run("segment", recording, "-o", tmp_path / "out", "--film", "mp4")
    assert result.exit_code == 1
    assert "an MP4 needs ffmpeg" in result.output
    assert not (tmp_path / "out").exists()


def test_an_object_has_one_number_in_windows_and_tracks(run, recording, tmp_path, monkeypatch):
    numbers = []
    draw = evsim.plot.instances
    monkeypatch.setattr(
        evsim.plot, "instances", lambda *a, ids, **o: numbers.append(list(ids)) or draw(*a, ids=ids, **o)
    )
    assert run("segment", recording, "-o", tmp_path / "out", "--film", "none").exit_code == 0
    assert numbers == [[0]] * 5  # the one track


def test_classes_are_counted_in_english(run, recording, tmp_path):
    model = tmp_path / "m.safetensors"
    assert train(run, recording, "-o", model, "--classes", 10).exit_code == 0
    options = ("-m", model, "-o", tmp_path / "out", "--film", "none", "--across-classes", "--max-step", 8)
    result = run("segment", recording, *options)
    assert result.exit_code == 0, result.output
    assert "10 classes," in result.output


def test_a_largest_step_keeps_tracks_from_jumping(run, recording, tmp_path):
    assert run("segment", recording, "-o", tmp_path / "out", "--film", "none", "--max-step", 1).exit_code == 0
    found = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert len(found["tracks"]) == 5  # it moves 10 pixels from window to window


HOSTILE = [b"", b"\x00" * 64, b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"Event Stream\x02\x00\x00\x01", bytes(range(256))]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("command", ["segment", "train-stdp"])
def test_no_traceback_escapes_from_wrong_inputs(run, recording, tmp_path, command, content):
    for suffix in (".npz", ".es", ".bin", ".safetensors"):
        bad = tmp_path / f"bad{suffix}"
        bad.write_bytes(content)
        calls = [(command, bad, "-o", tmp_path / "out.safetensors")]
        if suffix == ".safetensors":
            output = tmp_path / "m.safetensors"
            calls = [
                ("segment", recording, "-m", bad, "-o", tmp_path / "out"),
                ("train-stdp", recording, "-o", output, "--checkpoint", bad, "--resume", "--steps", 2),
            ]
        for call in calls:
            result = run(*call)
            assert result.exit_code == 1, (call, result.output)
            if isinstance(result.exception, RecordingWarning):
                continue  # read up to its broken end; warnings are errors here
            assert isinstance(result.exception, SystemExit), (call, result.exception)
            assert result.output.count("\n") <= 3, result.output


@pytest.mark.parametrize(
    "options",
    [
        ("--window", "nan"),
        ("--window", "-1"),
        ("--window", "0"),
        ("--window", "inf"),
        ("--window", "1e-9"),
        ("--steps", "100000000"),
        ("--max-step", "nan"),
        ("--max-step", "inf"),
    ],
    ids=" ".join,
)
def test_segment_refuses_options_in_one_line(run, recording, tmp_path, options):
    result = run("segment", recording, "-o", tmp_path / "out", "--film", "none", *options)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception


@pytest.mark.parametrize(
    "options",
    [
        ("--layers", "conv9"),
        ("--layers", ""),
        ("--layers", "conv2,conv2"),
        ("--a-plus", "nan"),
        ("--a-minus", "inf"),
        ("--window", "nan"),
        ("--classes", "2000000000"),
        ("--steps", "2000000000"),
        ("--seed", "-1"),
    ],
    ids=" ".join,
)
def test_train_stdp_refuses_options_in_one_line(run, recording, tmp_path, options):
    result = run("train-stdp", recording, "-o", tmp_path / "m.safetensors", *options)
    assert result.exit_code in (1, 2), result.output
    assert isinstance(result.exception, SystemExit), result.exception


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
