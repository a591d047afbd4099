"""What the first weights of synapses are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .config import FRACTION, ONE_NOT_NEGATIVE, Config, config_class, quantity


@config_class
class InitializerConfig(Config):
    """Base class of what weights are drawn from."""

    scale: float = quantity(1.0, ONE_NOT_NEGATIVE, "pA")

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return weights of shape (n_units, n_inputs)."""
        raise NotImplementedError


@config_class
class ConstantInitializerConfig(InitializerConfig):
    """All weights are `scale`, in pA.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spark import ConstantInitializerConfig
    >>> ConstantInitializerConfig(scale=3.0).draw((1, 2), np.random.default_rng(1))
    array([[3., 3.]])
    """

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return weights of shape (n_units, n_inputs)."""
        return np.full(shape, self.scale)


@config_class
class UniformInitializerConfig(InitializerConfig):
    """Weights are uniform from 0 to `scale`, in pA.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spark import UniformInitializerConfig
    >>> UniformInitializerConfig(scale=3.0).draw((1, 2), np.random.default_rng(1)).round(3)
    array([[1.535, 2.851]])
    """

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return weights of shape (n_units, n_inputs)."""
        return self.scale * rng.random(shape)


@config_class
class SparseUniformInitializerConfig(UniformInitializerConfig):
    """A fraction `density` of the weights is uniform from 0 to `scale`, in pA; the others are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.spark import SparseUniformInitializerConfig
    >>> weights = SparseUniformInitializerConfig(density=0.1).draw((100, 100), np.random.default_rng(1))
    >>> bool(0.09 < (weights > 0).mean() < 0.11)
    True
    """

    density: float = quantity(0.2, FRACTION)

    def draw(self, shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return weights of shape (n_units, n_inputs)."""
        weights: Any = super().draw(shape, rng)
        return np.where(rng.random(shape) < self.density, weights, 0.0)
