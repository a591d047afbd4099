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
from ..._lib.paths import as_path, open_regular
from ...io.atomic import replacing
from ...io.unreadable import reading
from .homeostasis import MapStatistics
from .standing import Standing
from .stopping import LayerHistory

_STATISTICS = ("wins", "counted", "seen", "thresholds")


def write_checkpoint(
    path: str | PathLike[str], description: dict[str, Any], standing: Standing, weights: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write where a training stands, with the weights of all layers; the file is replaced in one step."""
    files = require("safetensors.numpy", "safetensors", "files", "a checkpoint")
    arrays = {f"weights.{name}": np.ascontiguousarray(weight) for name, weight in weights.items()}
    if standing.statistics is not None:
        arrays |= {f"statistics.{name}": getattr(standing.statistics, name) for name in _STATISTICS}
    state = {
        "layer": standing.layer,
        "epoch": standing.epoch,
        "position": standing.position,
        "history": {name: dataclasses.asdict(history) for name, history in standing.history.items()},
        "decisions": list(standing.decisions),
        "unrecorded": list(standing.unrecorded),
    }
    header = {"evsim.training": json.dumps({"description": description, "state": state})}
    with replacing(path) as temporary:
        files.save_file(arrays, temporary, metadata=header)


def read_checkpoint(
    path: str | PathLike[str],
) -> tuple[dict[str, Any], Standing, dict[str, npt.NDArray[Any]]]:
    """Read (description, standing, weights of all layers); what is in them is yet to be checked."""
    safetensors = require("safetensors", "safetensors", "files", "a checkpoint")
    source = as_path(path)
    open_regular(source).close()  # safetensors' own message for a missing file names no file
    with reading(path, "checkpoint"):
        with safetensors.safe_open(source, framework="numpy") as file:
            header = json.loads((file.metadata() or {})["evsim.training"])
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
        weights = {
            name.removeprefix("weights."): array for name, array in arrays.items() if name.startswith("weights.")
        }
        statistics = None
        if "statistics.wins" in arrays:
            statistics = MapStatistics(*(arrays[f"statistics.{name}"] for name in _STATISTICS))
        state = header["state"]
        standing = Standing(
            state["layer"],
            state["epoch"],
            state["position"],
            history={name: LayerHistory(**values) for name, values in state["history"].items()},
            decisions=tuple(state["decisions"]),
            unrecorded=tuple(state["unrecorded"]),
            statistics=statistics,
        )
        return header["description"], standing, weights
