"""Running out of memory is no damage of the file that is read."""

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.io.unreadable import reading
from evsim.spikeseg import SpikeSEG
from evsim.spikeseg.training.checkpoint import read_checkpoint

FULL = [MemoryError(), errors.MemoryLimitError("an array of 9 GB")]
full = pytest.mark.parametrize("error", FULL, ids=["memory", "limit"])


def raising(error):
    def function(*_arguments, **_options):
        raise error

    return function


@full
@pytest.mark.parametrize("read", [evsim.load, SpikeSEG.load, read_checkpoint])
def test_networks_models_and_checkpoints(read, error, tmp_path, monkeypatch):
    safetensors = pytest.importorskip("safetensors")
    (tmp_path / "a.safetensors").write_bytes(b"something")
    with pytest.raises(errors.FileFormatError, match="not a readable"):
        read(tmp_path / "a.safetensors")
    monkeypatch.setattr(safetensors, "safe_open", raising(error))
    with pytest.raises(errors.MemoryLimitError):
        read(tmp_path / "a.safetensors")


def test_a_model_whose_weights_exceed_the_memory(tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    SpikeSEG(seed=1).save(tmp_path / "model.safetensors")
    limit = errors.MemoryLimitError("weights of shape (4, 1, 5, 5) do not fit into memory")
    monkeypatch.setattr(SpikeSEG, "load_state_dict", raising(limit))
    with pytest.raises(errors.MemoryLimitError, match="do not fit"):
        SpikeSEG.load(tmp_path / "model.safetensors")


@full
@pytest.mark.parametrize("place", ["columns_of", "stored_size", "event_column"])
def test_events_in_archives(place, error, tmp_path, monkeypatch):
    evsim.io.write_events(evsim.EventArray([1, 2], [0, 1], [0, 0], [1, 0]), tmp_path / "a.npz")
    monkeypatch.setattr(f"evsim.io.formats.arrays.{place}", raising(error))
    with pytest.raises(errors.MemoryLimitError):
        evsim.io.read_events(tmp_path / "a.npz")


@full
def test_spikes_in_archives(error, tmp_path, monkeypatch):
    evsim.io.write_spikes(evsim.SpikeArray([1], [0.5]), tmp_path / "a.npz")
    monkeypatch.setattr("evsim.io.recordings.stored_shape", raising(error))
    with pytest.raises(errors.MemoryLimitError):
        evsim.io.read_spikes(tmp_path / "a.npz")


@full
def test_hdf5_files(error, tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in "txyp":
            file[f"events/{name}"] = np.array([1, 1])
    assert len(evsim.io.read_events(tmp_path / "a.h5")) == 2
    monkeypatch.setattr("evsim.io.formats.hdf5._size", raising(error))
    with pytest.raises(errors.MemoryLimitError):
        evsim.io.read_events(tmp_path / "a.h5")


def test_errors_of_evsim_are_told_in_their_own_words():
    with pytest.raises(errors.FileFormatError, match=r"^a is not a readable b: n must be 1$"), reading("a", "b"):
        raise errors.InvalidArgumentError("n must be 1")
