"""Convolution and transposed convolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import InvalidArgumentError
from ..initializers import ConstantInitializer, Initializer, UniformInitializer
from .base import (
    ImageConnection,
    Shape,
    as_count,
    as_pair,
    as_shape,
    as_weights,
    check_weights_or_initializer,
    with_input_shape,
)


@dataclass(frozen=True, eq=False)
class Conv2d(ImageConnection):
    r"""Convolution: every input spike reaches the neurons whose window it lies in.

    The neuron of channel `o` at row `y`, column `x` receives a spike of input channel `c` at row
    :math:`y s_y + k_y d_y - p_y`, column :math:`x s_x + k_x d_x - p_x` with the weight
    ``weights[o, c - first channel of its group, k_y, k_x]``, where `s`, `d` and `p` are stride, dilation and padding:
    PyTorch's ``Conv2d`` without bias. Input and output are numbered channel by channel and row by row:
    see :func:`evsim.index_of`.

    Parameters
    ----------
    out_channels : int
        Channels of the output, each a plane of neurons that share their weights.
    kernel_size : int or (int, int)
        Rows and columns of the window.
    in_shape : (int, int, int), optional
        Channels, rows and columns of the input. May be left out where the layer before has a shape.
    stride, padding, dilation : int or (int, int)
        Rows and columns between windows, of silent border, and between the points of a window.
    groups : int
        The channels are cut into this many groups, each with its own inputs; must divide both numbers of channels.
    initializer : callable, optional
        Makes the first weights: ``initializer(shape, rng)`` with the shape of `weights`. Default: uniform in [-1, 1).
    weights : array_like, shape (out_channels, in_channels / groups, rows, columns), optional
        The first weights themselves, in place of an initialiser.

    Raises
    ------
    InvalidArgumentError, ShapeMismatchError, DTypeError
        For values outside these domains, or a window that does not fit into the input.

    Notes
    -----
    Cost: an input spike visits about ``rows * columns * out_channels / (stride_y * stride_x)`` neurons, and nobody
    else; a neuron costs memory whether it is visited or not. With a ``kernel=``, 20 bytes for each pair of an input and
    a neuron too.

    Where a plasticity rule or callbacks go with it, each pair of an input and a neuron has traces of its own, and all
    pairs that share a weight learn it together, in the order of time. At one instant, what arrives comes first, by
    projection, input and neuron; then those who fire, by neuron.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> conv = evsim.Conv2d(4, 5, in_shape=(2, 34, 34), padding=2, stride=2)
    >>> layer = net.add_layer(conv, evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    >>> layer.shape, layer.weights.shape
    ((4, 17, 17), (4, 2, 5, 5))
    """

    out_channels: int
    kernel_size: int | tuple[int, int]
    in_shape: Shape | None = field(default=None, kw_only=True)
    stride: int | tuple[int, int] = field(default=1, kw_only=True)
    padding: int | tuple[int, int] = field(default=0, kw_only=True)
    dilation: int | tuple[int, int] = field(default=1, kw_only=True)
    groups: int = field(default=1, kw_only=True)
    initializer: Initializer | None = field(default=None, kw_only=True)
    weights: npt.ArrayLike | None = field(default=None, kw_only=True)

    takes_kernels: ClassVar[bool] = True
    transposed: ClassVar[bool] = False
    settings: ClassVar[tuple[str, ...]] = (
        "out_channels",
        "kernel_size",
        "in_shape",
        "stride",
        "padding",
        "dilation",
        "groups",
    )
    weight_names: ClassVar[str] = "(out_channels, in_channels / groups, rows, columns)"

    def __post_init__(self) -> None:
        for name in ("out_channels", "groups"):
            object.__setattr__(self, name, as_count(getattr(self, name), name, 1))
        for name, least in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, name, as_pair(getattr(self, name), name, least))
        if self.in_shape is not None:
            object.__setattr__(self, "in_shape", as_shape(self.in_shape))
        check_weights_or_initializer(self)

    def _checked(self) -> Shape:
        if self.in_shape is None:
            raise InvalidArgumentError(f"{type(self).__name__} needs in_shape=(channels, height, width)")
        if self.in_shape[0] % self.groups or self.out_channels % self.groups:
            raise InvalidArgumentError(
                f"groups must divide the channels, got {self.groups} groups for {self.in_shape[0]} input and "
                f"{self.out_channels} output channels"
            )
        return self.in_shape

    @property
    def n_inputs(self) -> int:
        """Number of inputs."""
        channels, height, width = self._checked()
        return channels * height * width

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights."""
        channels = self._checked()[0]
        rows, columns = as_pair(self.kernel_size, "kernel_size", 1)
        return self.out_channels, channels // self.groups, rows, columns

    @property
    def out_shape(self) -> Shape:
        """Channels, rows and columns of the neurons."""
        shape: Shape = self._geometry().out_shape
        return shape

    @property
    def synapse_shape(self) -> tuple[int, ...]:
        """Shape of what every synapse has for itself: that of the neurons, then of the weights that lead to one."""
        return (*self.out_shape, self._checked()[0] // self.groups, *as_pair(self.kernel_size, "kernel_size", 1))

    def of_shared(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sums over the synapses that share a weight, of values whose last axes are those of `synapse_shape`."""
        sums: npt.NDArray[Any] = values.sum(axis=(-5, -4))
        return sums

    def placed(self, shape: Shape | None, *, first: bool = False) -> Conv2d:
        """Return the connection as it is behind a source of `shape`."""
        return with_input_shape(self, shape, first)

    def _geometry(self) -> _core.Conv2dSettings:
        return _core.Conv2dSettings(
            self._checked(),
            self.out_channels,
            as_pair(self.kernel_size, "kernel_size", 1),
            as_pair(self.stride, "stride", 1),
            as_pair(self.padding, "padding", 0),
            as_pair(self.dilation, "dilation", 1),
            getattr(self, "output_padding", (0, 0)),
            self.groups,
            self.transposed,
        )

    def project(self, population: Any, dense: Callable[..., Any], rule: Sequence[Any], port: int) -> Any:
        """Return the projection of the core to `population`, with weights of 0."""
        project: Callable[..., Any] = _core.Projection.conv
        return project(population, self._geometry(), *rule, port)

    def bare(self) -> Conv2d:
        """Return the connection without its first weights."""
        return replace(self, initializer=ConstantInitializer(), weights=None)

    def initial_weights(self, dtype: npt.DTypeLike, rng: np.random.Generator) -> npt.NDArray[Any]:
        """Return the first weights."""
        shape = self.weight_shape
        values = self.weights if self.weights is not None else (self.initializer or UniformInitializer())(shape, rng)
        return as_weights(values, shape, dtype, self.weight_names)

    def __repr__(self) -> str:
        defaults = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, "output_padding": (0, 0)}
        options = [
            f"{name}={getattr(self, name)}"
            for name in self.settings[2:]
            if getattr(self, name) is not None and getattr(self, name) != defaults.get(name)
        ]
        return f"{type(self).__name__}({', '.join([str(self.out_channels), str(self.kernel_size), *options])})"


@dataclass(frozen=True, eq=False, repr=False)
class ConvTranspose2d(Conv2d):
    r"""Transposed convolution: every input spike reaches a window of neurons, ``stride`` apart from its neighbour's.

    The transpose of :class:`Conv2d` with the same weights, as PyTorch's ``ConvTranspose2d`` without bias: an input
    at row `y`, column `x` reaches the neuron at row :math:`y s_y + k_y d_y - p_y`, column
    :math:`x s_x + k_x d_x - p_x` with ``weights[c, o, k_y, k_x]``.

    Parameters
    ----------
    out_channels, kernel_size, in_shape, stride, padding, dilation, groups, initializer
        As for :class:`Conv2d`.
    output_padding : int or (int, int)
        Rows and columns added to the output at its end; smaller than stride or dilation.
    weights : array_like, shape (in_channels, out_channels / groups, rows, columns), optional
        The first weights. Note the order, which is PyTorch's: those of a ``Conv2d`` undo its step as they are.

    Examples
    --------
    >>> import evsim
    >>> net = evsim.SpikingNetwork(seed=1)
    >>> up = evsim.ConvTranspose2d(1, 4, in_shape=(3, 8, 8), stride=2, padding=1)
    >>> net.add_layer(up, evsim.IAFDelta()).shape
    (1, 16, 16)
    """

    output_padding: int | tuple[int, int] = field(default=0, kw_only=True)

    transposed: ClassVar[bool] = True
    settings: ClassVar[tuple[str, ...]] = (*Conv2d.settings, "output_padding")
    weight_names: ClassVar[str] = "(in_channels, out_channels / groups, rows, columns)"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "output_padding", as_pair(self.output_padding, "output_padding", 0))

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights."""
        channels = self._checked()[0]
        rows, columns = as_pair(self.kernel_size, "kernel_size", 1)
        return channels, self.out_channels // self.groups, rows, columns

    def of_shared(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sums over the synapses that share a weight, of values whose last axes are those of `synapse_shape`."""
        sums = super().of_shared(values)
        *samples, outputs, inputs, rows, columns = sums.shape
        grouped = sums.reshape(*samples, self.groups, outputs // self.groups, inputs, rows, columns)
        return np.moveaxis(grouped, -3, -4).reshape(*samples, *self.weight_shape)
