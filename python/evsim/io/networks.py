"""Network files: safetensors for arrays, with a JSON description in the header."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..connections import Connection, Conv2d, ConvTranspose2d, Dense, Pool2d, Unpool2d
from ..errors import (
    DTypeError,
    FileFormatError,
    IndexOutOfRangeError,
    InvalidArgumentError,
    MemoryLimitError,
    MissingDependencyError,
    NonFiniteError,
    ShapeMismatchError,
)
from ..kernels import Kernel
from ..neurons import MODELS, NeuronModel
from .atomic import replacing

if TYPE_CHECKING:
    from ..layer import Layer
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
    """Write a network to a file: weights, neuron and kernel parameters; no carried state and no source code.

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
        parameters: dict[str, Any] = {}
        entry = _described_connection(net, layer)
        if layer.neuron is not None:
            if not isinstance(layer.connection, Pool2d):
                arrays[f"{k}.weights"] = _finite_weights(k, layer)
            for item in fields(layer.neuron):
                value = getattr(layer.neuron, item.name)
                if isinstance(value, np.ndarray):
                    arrays[f"{k}.neuron.{item.name}"] = np.ascontiguousarray(value)
                else:
                    parameters[item.name] = value
            entry |= {"neuron": type(layer.neuron).__name__, "parameters": parameters}
        if layer.kernel:
            values = {name: repr(value) for name, value in layer.kernel_parameters.items()}  # JSON has no infinity
            entry["kernel"] = {"name": Path(layer.kernel.source.name).name, "parameters": values}
        layers.append(entry)
    description = {
        "format": FORMAT_VERSION,
        "dtype": net.dtype,
        "max_spikes_per_instant": net._max_spikes_per_instant,
        "layers": layers,
    }
    with replacing(path) as temporary:
        safetensors.numpy.save_file(arrays, temporary, metadata={"evsim": json.dumps(description)})


def _finite_weights(k: int, layer: Layer) -> Any:
    weights = layer._host_weights()
    if not np.all(np.isfinite(weights)):
        raise NonFiniteError(f"the weights of layer {k} are not all finite; such a network cannot be read back")
    return weights


def _described_connection(net: SpikingNetwork, layer: Layer) -> dict[str, Any]:
    connection: Any = layer.connection
    entry: dict[str, Any] = {"connection": type(connection).__name__}
    if isinstance(connection, Unpool2d):
        entry["pool"] = next(k for k, other in enumerate(net) if other is connection.pool)
    elif not isinstance(connection, Dense):
        entry["settings"] = {name: getattr(connection, name) for name in connection.settings}
    return entry


def load(
    path: str | PathLike[str],
    *,
    kernels: Mapping[int, Kernel | str | PathLike[str] | None] | None = None,
    neurons: Iterable[type[NeuronModel]] = (),
) -> SpikingNetwork:
    """Read a network that :func:`save` wrote.

    A file holds no code, so that reading one never runs any; code comes from you.

    Parameters
    ----------
    path : path
    kernels : mapping of int to Kernel, path, str or None, optional
        For every layer that was saved with a kernel: the kernel, or None to do without. A kernel gets the parameters of
        the file.
    neurons : iterable of type, optional
        Your own neuron models in the file, from :func:`evsim.neurons.from_source`.

    Returns
    -------
    SpikingNetwork

    Raises
    ------
    FileFormatError
        The file is truncated, damaged or not a network, or a neuron model of yours is not given.
    InvalidArgumentError
        A kernel of the file is not given.
    FileNotFoundError
        There is no such file.
    MissingDependencyError
        Without the package safetensors.
    """
    safetensors = _safetensors()
    models = MODELS | {model.__name__: model for model in neurons}
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
        description = json.loads(metadata["evsim"])
        net = _empty_network(description)
        layers = [_read_layer(k, layer, arrays, net.dtype, models) for k, layer in enumerate(description["layers"])]
    except MemoryLimitError:
        raise
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except Exception as error:  # the description may hold anything
        raise FileFormatError(f"the network description in {path} is damaged: {error!r}") from None
    chosen = [_kernel(k, saved, kernels or {}) for k, (_, _, saved) in enumerate(layers)]
    try:
        for (connection, neuron, _), kernel in zip(layers, chosen, strict=True):
            net.add_layer(
                Unpool2d(net[connection]) if isinstance(connection, int) else connection, neuron, kernel=kernel
            )
    except (DTypeError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError) as error:
        raise FileFormatError(f"{path}: {error}") from None
    return net


def _empty_network(description: dict[str, Any]) -> SpikingNetwork:
    from ..network import SpikingNetwork

    if description["format"] != FORMAT_VERSION:
        raise FileFormatError(f"format {description['format']} is not known, this evsim reads format {FORMAT_VERSION}")
    if description["dtype"] not in ("float32", "float64"):
        raise FileFormatError(f"dtype {description['dtype']!r} is not known")
    return SpikingNetwork(
        dtype=description["dtype"], max_spikes_per_instant=description.get("max_spikes_per_instant", 1000)
    )


def _read_layer(
    k: int, layer: dict[str, Any], arrays: dict[str, Any], dtype: str, models: Mapping[str, type[NeuronModel]]
) -> tuple[Connection | int, NeuronModel | None, dict[str, Any] | None]:
    saved = layer.get("kernel")
    if saved is not None:
        saved = {"name": str(saved["name"]), "parameters": {n: float(v) for n, v in saved["parameters"].items()}}
    neuron = _neuron(k, layer, arrays, models) if "neuron" in layer else None
    return _connection(k, layer, arrays, dtype), neuron, saved


def _kernel(
    k: int, saved: dict[str, Any] | None, kernels: Mapping[int, Kernel | str | PathLike[str] | None]
) -> Kernel | None:
    if saved is None:
        return None
    if k not in kernels:
        raise InvalidArgumentError(
            f"layer {k} was saved with the kernel {saved['name']}; give it as kernels={{{k}: ...}}, or None to do "
            "without"
        )
    given = kernels[k]
    if given is None:
        return None
    kernel = given if isinstance(given, Kernel) else Kernel(given)
    return kernel.with_parameters(saved["parameters"])


_IMAGE_CONNECTIONS = {kind.__name__: kind for kind in (Conv2d, ConvTranspose2d)}


def _connection(k: int, layer: dict[str, Any], arrays: dict[str, Any], dtype: str) -> Connection | int:
    """The connection of a layer; of unpooling, the number of its pooling layer."""
    kind = layer["connection"]
    if kind == "Unpool2d":
        return int(layer["pool"])
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in layer.get("settings", {}).items()
    }
    if kind == "Pool2d":
        return Pool2d(**settings)
    weights = arrays[f"{k}.weights"]
    if weights.dtype != dtype:
        raise FileFormatError(f"the weights of layer {k} are {weights.dtype}, but the network is {dtype}")
    if kind == "Dense" and weights.ndim == 2:
        n_neurons, n_inputs = weights.shape
        return Dense(n_inputs, n_neurons, weights=weights)
    if kind in _IMAGE_CONNECTIONS and weights.ndim == 4:
        return _IMAGE_CONNECTIONS[kind](**settings, weights=weights)
    raise FileFormatError(f"a connection {kind!r} with weights of shape {weights.shape} is not known")


def _neuron(
    k: int, layer: dict[str, Any], arrays: dict[str, Any], models: Mapping[str, type[NeuronModel]]
) -> NeuronModel:
    name = layer["neuron"]
    if name not in models:
        raise FileFormatError(
            f"layer {k} has the neuron model {name!r}, which evsim does not ship; if it is yours, give neurons=[{name}]"
        )
    prefix = f"{k}.neuron."
    parameters = dict(layer["parameters"])
    parameters.update({name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)})
    return models[name](**parameters)
