"""Network files: safetensors for arrays, with a JSON description in the header."""

from __future__ import annotations

import json
from dataclasses import fields
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connections import Dense
from ..errors import FileFormatError, MemoryLimitError, MissingDependencyError, NonFiniteError
from ..neurons import MODELS, NeuronModel
from .atomic import replacing

if TYPE_CHECKING:
    from ..network import SpikingNetwork

FORMAT_VERSION = 1


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise MissingDependencyError("network files need safetensors: python -m pip install 'evsim[files]'") from None
    return safetensors


def save(net: SpikingNetwork, path: str | PathLike[str]) -> None:
    """Write a network to a file: weights and neuron parameters, not the carried state.

    Parameters
    ----------
    net : SpikingNetwork
    path : path
        By custom it ends in ``.safetensors``. It is replaced in one step, or left alone on an error.

    Raises
    ------
    NonFiniteError
        A weight is NaN or infinite.
    MissingDependencyError
        Without the package safetensors.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> layer = net.add_fc_layer(4, 2, tau_s=0.1, threshold=0.2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.save(net, os.path.join(folder, "net.safetensors"))
    ...     evsim.load(os.path.join(folder, "net.safetensors"))
    SpikingNetwork(4 -> 2 LIF, float32)
    """
    safetensors = _safetensors()
    arrays: dict[str, Any] = {}
    layers = []
    for k, layer in enumerate(net):
        weights = layer._host_weights()
        if not np.all(np.isfinite(weights)):
            raise NonFiniteError(f"the weights of layer {k} are not all finite; such a network cannot be read back")
        arrays[f"{k}.weights"] = weights
        parameters: dict[str, Any] = {}
        for item in fields(layer.neuron):
            value = getattr(layer.neuron, item.name)
            if isinstance(value, np.ndarray):
                arrays[f"{k}.neuron.{item.name}"] = np.ascontiguousarray(value)
            else:
                parameters[item.name] = value
        layers.append({"connection": "Dense", "neuron": type(layer.neuron).__name__, "parameters": parameters})
    description = {
        "format": FORMAT_VERSION,
        "dtype": net.dtype,
        "max_spikes_per_instant": net._max_spikes_per_instant,
        "layers": layers,
    }
    with replacing(path) as temporary:
        safetensors.numpy.save_file(arrays, temporary, metadata={"evsim": json.dumps(description)})


def load(path: str | PathLike[str]) -> SpikingNetwork:
    """Read a network that :func:`save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    SpikingNetwork

    Raises
    ------
    FileFormatError
        The file is truncated, damaged or not a network.
    FileNotFoundError
        There is no such file.
    MissingDependencyError
        Without the package safetensors.
    """
    safetensors = _safetensors()
    with open(path, "rb"):  # safetensors' own message for a missing file names no file
        pass
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:  # whatever a damaged header or an unknown tensor type makes the reader raise
        raise FileFormatError(f"{path} is not a readable network file: {error}") from None
    if "evsim" not in metadata:
        raise FileFormatError(f"{path} is a safetensors file, but not a network that evsim saved")
    try:
        return _build(json.loads(metadata["evsim"]), arrays)
    except MemoryLimitError:
        raise
    except Exception as error:  # the description may hold anything
        raise FileFormatError(f"the network description in {path} is damaged: {error!r}") from None


def _build(description: dict[str, Any], arrays: dict[str, Any]) -> SpikingNetwork:
    from ..network import SpikingNetwork

    if description["format"] != FORMAT_VERSION:
        raise FileFormatError(f"format {description['format']} is not known, this evsim reads format {FORMAT_VERSION}")
    if description["dtype"] not in ("float32", "float64"):
        raise FileFormatError(f"dtype {description['dtype']!r} is not known")
    net = SpikingNetwork(
        dtype=description["dtype"], max_spikes_per_instant=description.get("max_spikes_per_instant", 1000)
    )
    for k, layer in enumerate(description["layers"]):
        weights = arrays[f"{k}.weights"]
        if weights.dtype != net.dtype:
            raise FileFormatError(f"the weights of layer {k} are {weights.dtype}, but the network is {net.dtype}")
        net.add_layer(_connection(layer["connection"], weights), _neuron(k, layer, arrays))
    return net


def _connection(kind: str, weights: Any) -> Dense:
    if kind != "Dense" or weights.ndim != 2:
        raise FileFormatError(f"a connection {kind!r} with weights of shape {weights.shape} is not known")
    n_neurons, n_inputs = weights.shape
    return Dense(n_inputs, n_neurons, weights=weights)


def _neuron(k: int, layer: dict[str, Any], arrays: dict[str, Any]) -> NeuronModel:
    prefix = f"{k}.neuron."
    parameters = dict(layer["parameters"])
    parameters.update({name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)})
    return MODELS[layer["neuron"]](**parameters)
