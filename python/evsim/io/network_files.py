"""Files of networks: safetensors for arrays, with the plain values as JSON in the header."""

from __future__ import annotations

import json
import operator
from os import PathLike

import numpy as np

from .._lib.optional import require
from .._lib.paths import as_path, open_regular
from ..description import NetworkDescription
from ..errors import FileFormatError, NonFiniteError
from .atomic import replacing
from .unreadable import reading

FORMAT_VERSION = 3


def write_network(description: NetworkDescription, path: str | PathLike[str]) -> None:
    """Write a network, without what a stream carries; the file is replaced in one step, or left alone on an error."""
    safetensors = require("safetensors.numpy", "safetensors", "files", "a network file")
    target = as_path(path)
    for name, values in description.arrays.items():
        if not np.all(np.isfinite(values)):
            raise NonFiniteError(f"{name} is not finite everywhere; such a network cannot be read back")
    plain = {
        "format": FORMAT_VERSION,
        "dtype": description.dtype,
        "max_spikes_per_instant": description.max_spikes_per_instant,
        "nodes": description.nodes,
        "projections": description.projections,
        "drives": description.drives,
    }
    with replacing(target) as temporary:
        safetensors.save_file(description.arrays, temporary, metadata={"evsim": json.dumps(plain)})


def read_network(path: str | PathLike[str]) -> NetworkDescription:
    """Read what :func:`write_network` wrote. Raises FileFormatError and OSError; runs no code of the file."""
    safetensors = require("safetensors", "safetensors", "files", "a network file")
    source = as_path(path)
    open_regular(source).close()  # safetensors' own message for a missing file names no file
    with reading(path, "network file"), safetensors.safe_open(source, framework="numpy") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    if "evsim" not in metadata:
        raise FileFormatError(f"{path} is a safetensors file, but not a network that evsim saved")
    try:
        plain = json.loads(metadata["evsim"])
        if plain["format"] != FORMAT_VERSION:
            raise FileFormatError(
                f"{path}: format {plain['format']} is not known, this evsim reads format {FORMAT_VERSION}"
            )
        if plain["dtype"] not in ("float32", "float64"):
            raise FileFormatError(f"{path}: dtype {plain['dtype']!r} is not known")
        nodes, projections, drives = ([dict(item) for item in plain[key]] for key in ("nodes", "projections", "drives"))
        limit = operator.index(plain["max_spikes_per_instant"])
        return NetworkDescription(plain["dtype"], "cpu", limit, nodes, projections, drives, arrays)
    except (FileFormatError, MemoryError):
        raise
    except Exception as error:  # the description may hold anything
        raise FileFormatError(f"the network description in {path} is damaged: {error!r}") from None
