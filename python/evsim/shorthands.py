"""Layers that are added often, each in one call; EvSpikeSim's among them."""

from __future__ import annotations

from os import PathLike
from typing import Literal

import numpy.typing as npt

from ._lib.arrays import as_number, as_size
from ._lib.modules import only_public
from .building import NetworkBuilder
from .connections import Conv2d, Dense, Pool2d, Unpool2d
from .connections.base import Shape
from .initializers import Initializer
from .kernels import Kernel
from .layer import Layer
from .neurons import LIF, NeuronModel

__all__ = ["LayerShorthands"]


class LayerShorthands(NetworkBuilder):
    """What :meth:`NetworkBuilder.add_layer` does, for connections and neurons that are named by the method."""

    __slots__ = ()

    def add_fc_layer(
        self,
        n_inputs: int,
        n_neurons: int,
        tau_s: float,
        threshold: float,
        initializer: Initializer | None = None,
        buffer_size: int = 64,
    ) -> Layer:
        """Append a fully-connected layer of EvSpikeSim's neurons: :class:`LIF` with ``tau_mem = 2 * tau_s``.

        Parameters
        ----------
        n_inputs, n_neurons : int
            Sizes.
        tau_s : float
            Synaptic time constant.
        threshold : float
            Firing threshold; a spike subtracts it.
        initializer : callable, optional
            See :mod:`evsim.initializers`.
        buffer_size : int
            For compatibility: buffers grow as needed, and no spike is ever lost, whatever its value.

        Returns
        -------
        Layer

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork()
        >>> layer = net.add_fc_layer(10, 5, tau_s=0.1, threshold=0.2)
        >>> layer.tau
        0.2
        """
        as_size(buffer_size, "buffer_size")
        tau_syn = as_number(tau_s, "tau_s")
        return self.add_layer(
            Dense(n_inputs, n_neurons, initializer), LIF(tau_mem=2 * tau_syn, tau_syn=tau_syn, threshold=threshold)
        )

    def add_fc_layer_from_source(
        self,
        src_path: str | PathLike[str] | Kernel,
        n_inputs: int,
        n_neurons: int,
        tau_s: float,
        threshold: float,
        initializer: Initializer | None = None,
        buffer_size: int = 64,
    ) -> Layer:
        """Append a layer like :meth:`add_fc_layer` with the callbacks of a source file.

        Parameters
        ----------
        src_path : path, str or Kernel
            See :class:`Kernel`. Sources written for EvSpikeSim compile as they are.
        n_inputs, n_neurons, tau_s, threshold, initializer, buffer_size
            As for :meth:`add_fc_layer`.

        Returns
        -------
        Layer

        Raises
        ------
        KernelCompileError, CompilerNotFoundError, KernelCacheError, KernelLoadError
            The source cannot be compiled or loaded.
        """
        as_size(buffer_size, "buffer_size")
        tau_syn = as_number(tau_s, "tau_s")
        neuron = LIF(tau_mem=2 * tau_syn, tau_syn=tau_syn, threshold=threshold)
        return self.add_layer(Dense(n_inputs, n_neurons, initializer), neuron, kernel=src_path)

    def add_conv_layer(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        neuron: NeuronModel,
        *,
        in_shape: Shape | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        initializer: Initializer | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> Layer:
        """Append a convolutional layer: ``add_layer(Conv2d(...), neuron)``.

        Parameters
        ----------
        out_channels, kernel_size, in_shape, stride, padding, dilation, groups, initializer, weights
            As for :class:`Conv2d`. `in_shape` may be left out where the last layer has a shape.
        neuron : NeuronModel
            Such as ``LIF(...)``.

        Returns
        -------
        Layer

        Examples
        --------
        >>> import evsim
        >>> net = evsim.SpikingNetwork(seed=1)
        >>> conv = net.add_conv_layer(4, 5, evsim.LIFDelta(tau_mem=10.0), in_shape=(2, 34, 34))
        >>> pool = net.add_pool_layer(2)
        >>> net.add_layer(evsim.Dense(pool.n_neurons, 10), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
        Layer(Dense(900, 10), LIF(...))
        """
        connection = Conv2d(
            out_channels,
            kernel_size,
            in_shape=in_shape,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            initializer=initializer,
            weights=weights,
        )
        return self.add_layer(connection, neuron)

    def add_pool_layer(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        mode: Literal["or", "first", "sum"] = "or",
        neuron: NeuronModel | None = None,
        *,
        weight: float = 1.0,
        padding: int | tuple[int, int] = 0,
        in_shape: Shape | None = None,
    ) -> Layer:
        """Append a pooling layer: ``add_layer(Pool2d(...), neuron)``.

        Parameters
        ----------
        kernel_size, stride, mode, weight, padding, in_shape
            As for :class:`Pool2d`.
        neuron : NeuronModel, optional
            For ``mode="sum"``.

        Returns
        -------
        Layer
        """
        pool = Pool2d(kernel_size, stride, mode, weight, padding=padding, in_shape=in_shape)
        return self.add_layer(pool, neuron)

    def add_unpool_layer(self, pool: Layer) -> Layer:
        """Append the way back from a pooling layer of this network: ``add_layer(Unpool2d(pool))``.

        Parameters
        ----------
        pool : Layer
            See :class:`Unpool2d`.

        Returns
        -------
        Layer
        """
        return self.add_layer(Unpool2d(pool))


__dir__ = only_public(__all__)
