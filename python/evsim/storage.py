"""Networks in files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike

import numpy as np

from ._lib.modules import only_public
from .description import kernel_key
from .errors import (
    DTypeError,
    FileFormatError,
    IndexOutOfRangeError,
    InvalidArgumentError,
    MemoryLimitError,
    NonFiniteError,
    ShapeMismatchError,
)
from .io.network_files import read_network
from .kernels import Kernel
from .network import SpikingNetwork
from .neurons import MODELS, NeuronModel

__all__ = ["load", "save"]


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
    net.save(path)


def load(
    path: str | PathLike[str],
    *,
    kernels: Mapping[int | str, Kernel | str | PathLike[str] | None] | None = None,
    neurons: Iterable[type[NeuronModel]] = (),
) -> SpikingNetwork:
    """Read a network that :func:`save` wrote.

    A file holds no code, so that reading one never runs any; code comes from you.

    Parameters
    ----------
    path : path
    kernels : mapping of int or str to Kernel, path, str or None, optional
        For every layer that was saved with a kernel, by its number or name: the kernel, or None to do without. Where
        several projections to a population have one, by "source -> target". A kernel gets the parameters of the file.
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
    description = read_network(path)
    models = MODELS | {model.__name__: model for model in neurons}
    given = kernels or {}
    for name, values in description.arrays.items():
        if values.dtype.kind not in "iuf" or not np.all(np.isfinite(values)):
            raise FileFormatError(f"{path}: {name} must be finite numbers everywhere")
    try:
        layers = [node["name"] for node in description.nodes if node["kind"] != "input"]
        projections = [node["projection"] for node in description.nodes if node["kind"] == "layer"]
        saved_with = {
            kernel_key(saved): saved["kernel"]["name"]
            for saved in [*projections, *description.projections]
            if saved and saved["kernel"]
        }
    except Exception as error:  # the description may hold anything
        raise FileFormatError(f"the network description in {path} is damaged: {error!r}") from None

    def kernel_of(name: str) -> Kernel | None:
        number = layers.index(name) if name in layers else -1
        for key in (number, name):
            if key in given:
                kernel = given[key]
                return kernel if kernel is None or isinstance(kernel, Kernel) else Kernel(kernel)
        raise InvalidArgumentError(
            f"{name} was saved with the kernel {saved_with[name]}; give it as kernels={{"
            f"{number if number >= 0 else repr(name)}: ...}}, or None to do without"
        )

    chosen = {name: kernel_of(name) for name in saved_with}
    try:
        return SpikingNetwork.from_description(description, kernel_of=chosen.__getitem__, models=models)
    except MemoryLimitError:
        raise
    except (DTypeError, IndexOutOfRangeError, NonFiniteError, ShapeMismatchError, FileFormatError) as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(f"the network description in {path} is damaged: {error!r}") from None


__dir__ = only_public(__all__)
