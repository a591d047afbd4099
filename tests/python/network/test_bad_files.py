"""Files that are no network, or no longer one, are refused by name; a failed save leaves the old file alone."""

import pickle

import numpy as np
import pytest

import evsim
from evsim import errors


@pytest.fixture
def saved(net, tmp_path):
    path = tmp_path / "net.safetensors"
    net.save(path)
    return path


def test_files_cut_at_any_place_are_refused(saved):
    whole = saved.read_bytes()
    for size in [0, 1, 7, 8, 9, 50, len(whole) // 2, len(whole) - 1]:
        saved.write_bytes(whole[:size])
        with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
            evsim.load(saved)


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"PK\3\4 a zip", b"\xff" * 64, b"{}", pickle.dumps([1])])
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(errors.FileFormatError, match="foreign"):
        evsim.load(path)


def rewritten(path, change_arrays=None, change_text=None):
    import safetensors
    import safetensors.numpy

    with safetensors.safe_open(path, framework="numpy") as file:
        text, arrays = file.metadata()["evsim"], {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    arrays = change_arrays(arrays) if change_arrays else arrays
    text = change_text(text) if change_text else text
    safetensors.numpy.save_file(arrays, path, metadata={} if text is None else {"evsim": text})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: None,
        lambda text: "",
        lambda text: "[]",
        lambda text: "{}",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: text[:-5],
        lambda text: text.replace('"format": 3', '"format": 99'),
        lambda text: text.replace('"format": 3', '"format": "1"'),
        lambda text: text.replace("float32", "float7"),
        lambda text: text.replace('"float32"', "3"),
        lambda text: text.replace('"LIF"', '"__class__"'),
        lambda text: text.replace('"LIF"', "[1]"),
        lambda text: text.replace('"Dense"', '"Sparse"'),
        lambda text: text.replace("tau_mem", "tau_men"),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": -1.0'),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": NaN'),
        lambda text: text.replace('"tau_syn": 1.0', '"tau_syn": "1"'),
        lambda text: text.replace('"threshold": 1.0', '"threshold": {}'),
        lambda text: text.replace('"size": 4', '"size": 1000000000'),
        lambda text: text.replace('"n_inputs": 4', '"n_inputs": 1000000000'),
        lambda text: text.replace('"source": "input 0"', '"source": "layer 0"'),
        lambda text: text.replace('"source": "input 0"', '"source": 7'),
        lambda text: text.replace('"kind": "layer"', '"kind": "population"'),
        lambda text: text.replace('"kind": "input"', '"kind": "layer"'),
        lambda text: text.replace('"projections": []', '"projections": [{}]'),
        lambda text: text.replace('"name": "layer 1"', '"name": "layer 0"'),
        lambda text: text.replace('"nodes": [', '"nodes": [0, '),
        lambda text: text[: text.index('"nodes"')] + '"nodes": 7, "projections": []}',
        lambda text: text[: text.index('"nodes"')] + '"nodes": {"0": 1}, "projections": []}',
    ],
)
def test_damaged_descriptions_are_refused(saved, change):
    rewritten(saved, change_text=change)
    with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
        evsim.load(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: {},
        lambda arrays: {"layer 0.weights": arrays["layer 0.weights"]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][0]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][:, :0]},
        lambda arrays: {**arrays, "layer 0.weights": arrays["layer 0.weights"][:5]},
        lambda arrays: {**arrays, "layer 1.weights": arrays["layer 1.weights"] * np.float32(np.nan)},
        lambda arrays: {**arrays, "layer 1.weights": arrays["layer 1.weights"] > 0},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": np.ones(5)},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": -np.ones(6)},
        lambda arrays: {**arrays, "layer 0.neuron.strange": np.ones(6)},
        lambda arrays: {**arrays, "layer 0.neuron.threshold": np.ones((6, 1))},
    ],
)
def test_damaged_arrays_are_refused(saved, change):
    rewritten(saved, change_arrays=change)
    with pytest.raises(errors.FileFormatError, match=r"net\.safetensors"):
        evsim.load(saved)


def test_missing_files_and_folders_are_os_errors(net, tmp_path):
    with pytest.raises(FileNotFoundError):
        evsim.load(tmp_path / "nothing")
    with pytest.raises(OSError, match="nowhere"):
        net.save(tmp_path / "nowhere" / "net")
    with pytest.raises(OSError, match=str(tmp_path)):
        evsim.load(tmp_path)


def test_a_failed_save_leaves_the_old_file_alone(saved, net, monkeypatch):
    import safetensors.numpy

    before = saved.read_bytes()

    def broken(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", broken)
    with pytest.raises(OSError, match="no space"):
        net.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
