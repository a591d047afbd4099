"""Pooling, and its way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_number
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from .base import ImageConnection, Shape, as_pair, as_shape, with_input_shape

if TYPE_CHECKING:
    from ..layer import Layer


@dataclass(frozen=True, eq=False)
class Pool2d(ImageConnection):
    """Pooling: the spikes of a window of one channel become those of one cell.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Rows and columns of the window.
    stride : int or (int, int), optional
        Rows and columns between windows; by default the windows lie side by side.
    mode : {"or", "first", "sum"}
        "or": the cell spikes whenever an input of its window does, at the same time; several at one instant are one
        spike. "first": only the first spike of a window in a sample passes. "sum": an input spike arrives with `weight`
        at a neuron of any model, one for each cell.
    weight : float
        For "sum".
    padding : int or (int, int)
        Rows and columns of silent border; at most half the window.
    in_shape : (int, int, int), optional
        Channels, rows and columns of the input. May be left out where the layer before has a shape.

    Notes
    -----
    Windows that stick out of the input and its padding are left out. Of inputs that spike at one instant the first,
    row by row, is the cause of the pooled spike: see :attr:`Layer.causes`. "or" and "first" cost a sort of the spikes
    of each instant, and nothing for silent cells.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> pool = net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4)))
    >>> net.infer([1, 4, 15], [1.0, 1.0, 2.0])
    SpikeArray(2 spikes, indices 0 to 3, times 1.0 to 2.0, shape=(1, 2, 2))
    >>> pool.causes
    array([ 1, 15], dtype=int32)
    """

    kernel_size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    mode: Literal["or", "first", "sum"] = "or"
    weight: float = 1.0
    padding: int | tuple[int, int] = field(default=0, kw_only=True)
    in_shape: Shape | None = field(default=None, kw_only=True)

    learnable: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = ("kernel_size", "stride", "mode", "weight", "padding", "in_shape")

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel_size", as_pair(self.kernel_size, "kernel_size", 1))
        stride = self.kernel_size if self.stride is None else self.stride
        object.__setattr__(self, "stride", as_pair(stride, "stride", 1))
        object.__setattr__(self, "padding", as_pair(self.padding, "padding", 0))
        if self.mode not in ("or", "first", "sum"):
            raise InvalidArgumentError(f"mode must be 'or', 'first' or 'sum', got {self.mode!r}")
        object.__setattr__(self, "weight", as_number(self.weight, "weight"))
        if self.in_shape is not None:
            object.__setattr__(self, "in_shape", as_shape(self.in_shape))

    @property
    def takes_neurons(self) -> bool:
        """Whether the spikes go to neurons."""
        return self.mode == "sum"

    def _checked(self) -> Shape:
        if self.in_shape is None:
            raise InvalidArgumentError("Pool2d needs in_shape=(channels, height, width)")
        return self.in_shape

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        channels, height, width = self._checked()
        return channels * height * width

    @property
    def out_shape(self) -> Shape:
        """Channels, rows and columns of the cells."""
        shape: Shape = self.relay().shape
        return shape

    def placed(self, shape: Shape | None, *, first: bool = False) -> Pool2d:
        """Return the connection as it is behind a source of `shape`."""
        return with_input_shape(self, shape, first)

    def _geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        return (
            as_pair(self.kernel_size, "kernel_size", 1),
            as_pair(self.stride, "stride", 1),
            as_pair(self.padding, "padding", 0),
        )

    def relay(self) -> Any:
        """Return the node of the core for pooling without neurons."""
        return _core.PoolRelay(self._checked(), *self._geometry(), self.mode == "first")

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core for pooling into neurons."""
        shape = self._checked()
        size, stride, padding = self._geometry()
        settings = _core.Conv2dSettings(shape, shape[0], size, stride, padding, (1, 1), (0, 0), shape[0], False)
        project: Callable[..., Any] = _core.Projection.conv
        return project(population, settings, *rule, port)

    def initial_weights(self, dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return the weights of pooling by sums, shape (channels, 1, rows, columns)."""
        rows, columns = self._geometry()[0]
        weights = np.full((self._checked()[0], 1, rows, columns), self.weight, dtype)
        if not np.all(np.isfinite(weights)):
            raise InvalidArgumentError(f"weight must be finite as {np.dtype(dtype).name}, got {self.weight}")
        return weights

    def __repr__(self) -> str:
        options = [f"stride={self.stride}", f"mode={self.mode!r}"]
        options += [f"weight={self.weight}"] if self.mode == "sum" else []
        options += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        options += [f"in_shape={self.in_shape}"] if self.in_shape is not None else []
        return f"Pool2d({', '.join([str(self.kernel_size), *options])})"


@dataclass(frozen=True, eq=False)
class Unpool2d(ImageConnection):
    """The way back from pooling: a spike of a cell goes to the input that caused the cell's last pooled spike.

    A spike at time t of cell (c, y, x) becomes a spike at t of the input that caused the most recent pooled spike of
    that cell at t or before, in the same run. Where the cell has not spiked yet, nothing comes out.

    Parameters
    ----------
    pool : Layer
        A layer of :class:`Pool2d` with ``mode="or"`` or ``"first"``, earlier in the same network.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork()
    >>> pool = net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4)))
    >>> back = net.add_layer(evsim.Unpool2d(pool))
    >>> net.infer([5, 10], [1.0, 2.0]).indices
    array([ 5, 10], dtype=int32)
    """

    pool: Layer

    learnable: ClassVar[bool] = False

    def __post_init__(self) -> None:
        connection = getattr(self.pool, "connection", None)
        if not isinstance(connection, Pool2d) or connection.takes_neurons:
            raise DTypeError(f"pool must be a layer of Pool2d(mode='or') or 'first', got {self.pool!r}")

    @property
    def takes_neurons(self) -> bool:
        """Whether the spikes go to neurons."""
        return False

    @property
    def n_inputs(self) -> int:
        """Number of inputs: the cells of the pooling layer."""
        return self.pool.n_neurons

    @property
    def in_shape(self) -> Shape | None:
        """Shape of the input: that of the pooling layer."""
        return self.pool.shape

    @property
    def out_shape(self) -> Shape | None:
        """Shape of what comes out: that of the input of the pooling layer."""
        shape: Shape | None = self.pool.connection.in_shape
        return shape

    def placed(self, shape: Shape | None, *, first: bool = False) -> Unpool2d:
        """Return the connection as it is behind a source of `shape`."""
        if shape is not None and shape != self.in_shape:
            raise ShapeMismatchError(f"the pooling layer gives {self.in_shape}, but the layer before gives {shape}")
        return self

    @property
    def requires(self) -> tuple[Layer, ...]:
        """The pooling layer."""
        return (self.pool,)

    def relay(self) -> Any:
        """Return the node of the core."""
        return _core.UnpoolRelay(self.pool._core)

    def to_description(self, name_of: Callable[[Any], str]) -> dict[str, Any]:
        """Return plain values to make it of."""
        return {"type": "Unpool2d", "pool": name_of(self.pool)}

    @classmethod
    def from_description(
        cls, values: Mapping[str, Any], weights: npt.NDArray[Any] | None, named: Callable[[str], Any]
    ) -> Unpool2d:
        """Return what :meth:`to_description` described."""
        return cls(named(values["pool"]))

    def __repr__(self) -> str:
        return f"Unpool2d({self.in_shape})"
