"""Unpooling: overlapping windows, and files that name a pooling layer that there is not."""

import json

import numpy as np
import pytest

import evsim
from evsim.errors import FileFormatError


def overlapping():
    """Windows of 3 pixels at every one of 5: pixel 2 lies in all three of them."""
    net = evsim.SpikingNetwork()
    pool = net.add_pool_layer((1, 3), (1, 1), in_shape=(1, 1, 5))
    net.add_unpool_layer(pool)
    return net


def test_cells_of_overlapping_windows_give_one_spike_back_once():
    net = overlapping()
    back = net.infer([2, 0], [1.0, 4.0])
    assert list(zip(back.indices.tolist(), back.times.tolist(), strict=True)) == [(2, 1.0), (0, 4.0)]


def test_spikes_at_other_times_or_of_other_pixels_stay_apart():
    back = overlapping().infer([0, 4, 4], [1.0, 1.0, 2.0])
    assert list(zip(back.indices.tolist(), back.times.tolist(), strict=True)) == [(0, 1.0), (4, 1.0), (4, 2.0)]


@pytest.mark.parametrize("pool", [-1, 0.9, 1, 10**30, True, None, "0", [0], "layer 1", "input 0", {}])
def test_a_file_whose_unpooling_names_no_pooling_before_it_is_refused(tmp_path, pool):
    files = pytest.importorskip("safetensors.numpy")
    safetensors = pytest.importorskip("safetensors")
    path = tmp_path / "net.safetensors"
    overlapping().save(path)
    with safetensors.safe_open(path, "numpy") as file:
        description = json.loads(file.metadata()["evsim"])
    described = next(node for node in description["nodes"] if node["name"] == "layer 1")
    assert described["connection"].pop("pool") == "layer 0"
    described["connection"]["pool"] = pool
    files.save_file({"none": np.zeros(1)}, path, metadata={"evsim": json.dumps(description)})
    with pytest.raises(FileFormatError, match=r"net\.safetensors"):
        evsim.load(path)
