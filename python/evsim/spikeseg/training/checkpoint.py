"""Checkpoints of a training: safetensors, with everything that is no array as JSON in the header."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from ..._lib.optional import require
from ...errors import FileFormatError
from ...io.atomic import replacing
from .homeostasis import MapStatistics

_STATISTICS = ("wins", "spiked", "seen", "thresholds")


def write_checkpoint(
    path: str | PathLike[str], description: dict[str, Any], place: Any, weights: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write where a training stands; the file is replaced in one step."""
    files = require("safetensors.numpy", "safetensors", "files", "a checkpoint")
    arrays = {f"weights.{name}": np.ascontiguousarray(weight) for name, weight in weights.items()}
    if place.statistics is not None:
        arrays |= {f"statistics.{name}": np.ascontiguousarray(getattr(place.statistics, name)) for name in _STATISTICS}
    state = {
        "layer": place.layer,
        "epoch": place.epoch,
        "position": place.position,
        "decisions": [bool(right) for right in place.decisions],
        "history": {name: dataclasses.asdict(history) for name, history in place.history.items()},
    }
    header = {"evsim.training": json.dumps({"description": description, "state": state})}
    with replacing(path) as temporary:
        files.save_file(arrays, temporary, metadata=header)


def read_checkpoint(
    path: str | PathLike[str],
) -> tuple[dict[str, Any], dict[str, Any], MapStatistics | None, dict[str, npt.NDArray[Any]]]:
    """Read (description, state, statistics, weights)."""
    safetensors = require("safetensors", "safetensors", "files", "a checkpoint")
    with open(path, "rb"):  # safetensors' own message for a missing file names no file
        pass
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["evsim.training"])
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
        weights = {
            name.removeprefix("weights."): array for name, array in arrays.items() if name.startswith("weights.")
        }
        statistics = None
        if "statistics.wins" in arrays:
            statistics = MapStatistics(*(arrays[f"statistics.{name}"] for name in _STATISTICS))
        state = header["state"]
        for key in ("layer", "epoch", "position", "decisions", "history"):
            state[key]
        return header["description"], state, statistics, weights
    except Exception as error:  # a damaged header may make the reader raise anything
        raise FileFormatError(f"{path} is not a readable checkpoint: {error!r}") from None
