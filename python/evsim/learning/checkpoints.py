"""Checkpoints of a training: numbers and arrays in one file, written in one step and read without pickle."""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

import numpy as np

from .._lib.modules import only_public
from .._lib.paths import as_path, open_regular
from ..errors import FileFormatError
from ..io.atomic import replacing
from ..io.numpy_files import DAMAGE

__all__: list[str] = []

_FORMAT = "evsim training 1"


def write_checkpoint(path: str | PathLike[str], state: dict[str, Any]) -> None:
    """Write nested dicts of arrays and of what JSON knows."""
    arrays: dict[str, Any] = {}
    plain = _without_arrays(state, "", arrays)
    text = json.dumps({"format": _FORMAT, "state": plain})
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, text=np.frombuffer(text.encode(), np.uint8), **arrays)


def read_checkpoint(path: str | PathLike[str], like: dict[str, Any]) -> dict[str, Any] | None:
    """Return what was written, or None where there is no file. Raises FileFormatError.

    `like`: a state of the same kind; weights must have the shapes and types of its.
    """
    source = as_path(path)
    if not source.exists():
        return None
    try:
        with open_regular(source) as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        header = json.loads(arrays.pop("text").tobytes())
    except DAMAGE as error:
        raise FileFormatError(f"{source} is no checkpoint of a training: {error}") from None
    if not isinstance(header, dict) or header.get("format") != _FORMAT or not isinstance(header.get("state"), dict):
        raise FileFormatError(f"{source} is no checkpoint of a training")
    state: dict[str, Any] = _with_arrays(header["state"], "", arrays)
    if any(type(state.get(key)) is not type(one) for key, one in like.items()):
        raise FileFormatError(f"{source} is no checkpoint of a training")
    weights = [state["weights"], *([state["best"]] if state["best"] else [])]
    if state.keys() != like.keys() or any(_shapes(one) != _shapes(like["weights"]) for one in weights):
        raise FileFormatError(f"{source} is a checkpoint of another network")
    return state


def _shapes(weights: dict[str, Any]) -> dict[str, Any]:
    return {name: (np.shape(array), np.asarray(array).dtype) for name, array in weights.items()}


def _without_arrays(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, np.ndarray):
        arrays[f"array {name}"] = value
        return {"array": name}
    if isinstance(value, dict):
        return {key: _without_arrays(one, f"{name}/{key}", arrays) for key, one in value.items()}
    return value


def _with_arrays(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"array"} and value["array"] == name:
            if f"array {name}" not in arrays:
                raise FileFormatError(f"the checkpoint lacks the array {name}")
            return arrays[f"array {name}"]
        return {key: _with_arrays(one, f"{name}/{key}", arrays) for key, one in value.items()}
    return value


__dir__ = only_public(__all__)
