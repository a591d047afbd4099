"""Where networks run: what a device offers to :class:`~evsim.SpikingNetwork` and its layers."""

from .._lib.modules import only_public
from ..errors import InvalidArgumentError
from .base import Backend, KernelSource
from .cpu import CPU

__all__ = ["CPU", "Backend", "KernelSource", "find_backend"]


def find_backend(device: str) -> Backend:
    """Return the backend of a device."""
    if not isinstance(device, str):
        raise InvalidArgumentError(f"device must be 'cpu' or 'cuda', got {device!r}")
    if device == "cpu":
        return CPU
    if device == "cuda":
        from .cuda import backend

        return backend()
    raise InvalidArgumentError(f"device must be 'cpu' or 'cuda', got {device!r}")


__dir__ = only_public(__all__)
