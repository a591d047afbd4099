"""Parameters of a module under the names that a network has for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from .._lib.modules import only_public
from ..errors import InvalidArgumentError, UnsupportedError

__all__ = ["Values"]


def as_numpy(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """Return what a tensor holds. Raises UnsupportedError within transformations of torch.func, which hide it."""
    try:
        array: npt.NDArray[Any] = tensor.detach().numpy()
    except RuntimeError as error:
        raise UnsupportedError(
            "transformations such as torch.func.grad and vmap cannot look into evsim; use torch.autograd and batches"
        ) from error
    return array


class Values(torch.nn.Module):
    """Parameters of a :class:`Network` by name: of a projection, of a population, or (population, parameter).

    Where the name of a parameter would hold a dot, which PyTorch keeps for modules, it has "/" in ``state_dict``.

    Examples
    --------
    >>> import evsim, evsim.torch
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[1.0, 2.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    >>> model = evsim.torch.Network(net)
    >>> model.weights["out"]
    Parameter containing:
    tensor([[1., 2.]], requires_grad=True)
    """

    def __init__(self, values: Mapping[Any, Any], dtype: torch.dtype, *, train: bool = True) -> None:
        super().__init__()
        self._names: dict[Any, str] = {}
        for key, value in values.items():
            name = (key if isinstance(key, str) else ":".join(key)).replace(".", "/")
            if name in self._parameters:
                raise InvalidArgumentError(
                    f"{key!r} and another name differ by dots only; give populations other names"
                )
            self._names[key] = name
            tensor = torch.tensor(np.asarray(value, np.float64), dtype=dtype)
            # Not by register_parameter, which forbids the names of attributes of modules, such as "train" and "type".
            self._parameters[name] = torch.nn.Parameter(tensor, requires_grad=train)

    def __getitem__(self, key: Any) -> Any:
        if key not in self._names:
            known = ", ".join(map(repr, self._names)) or "none"
            raise InvalidArgumentError(f"there are no parameters of {key!r}; there are those of: {known}")
        name = self._names[key]
        return self._parameters[name] if name in self._parameters else getattr(self, name)  # of a parametrization

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __iter__(self) -> Iterator[Any]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def extra_repr(self) -> str:
        """Return names and shapes."""
        return ", ".join(f"{key!r}: {tuple(self[key].shape)}" for key in self)


__dir__ = only_public(__all__)
