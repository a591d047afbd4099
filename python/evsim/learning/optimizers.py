"""Optimizers: what becomes of weights and delays, given the derivatives of a loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._lib.arrays import as_float
from .._lib.modules import only_public
from ..errors import InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..network import SpikingNetwork
from ..projection import Projection
from .delays import KINDS, DelayBounds, learned_delays, set_delays
from .gradients import Gradients
from .graphs import projection_keys

__all__ = ["SGD", "Adam", "AdamW", "NAdam", "Optimizer"]

Array = npt.NDArray[Any]


class Optimizer:
    """Base class of optimizers.

    Parameters
    ----------
    net : SpikingNetwork
        Whose weights are learned; they are changed where they lie.
    lr : float
        Learning rate, which may be changed between steps.
    projections : sequence of str, optional
        Which to learn, by the names that :attr:`Gradients.weights` has; all that can learn by default.
    delays : DelayBounds, optional
        Learn delays too, within these bounds, with the rate `delay_lr` (default `lr`), in units of u.
    delay_kind : "delays", "axonal delays" or "synaptic delays"
        As every projection has them; or one for each input; or one for each synapse, which is set up here.
    weight_decay : float
        See the optimizer.
    clip : float, optional
        Gradients of all weights together are scaled down to this Euclidean norm where theirs is larger (Pascanu et al.
        2013, "On the difficulty of training recurrent neural networks", algorithm 1).
    max_step : float, optional
        No single weight changes by more than this in one step: bounds what crossings that graze the threshold, whose
        derivatives are without bound, do (Goeltz et al. 2021, Nat. Mach. Intell. 3, "Methods").
    """

    _adaptive = False

    def __init__(
        self,
        net: SpikingNetwork,
        lr: float,
        *,
        projections: Sequence[str] | None = None,
        delays: DelayBounds | None = None,
        delay_kind: str = "delays",
        delay_lr: float | None = None,
        weight_decay: float = 0.0,
        clip: float | None = None,
        max_step: float | None = None,
    ) -> None:
        self.lr = _positive(lr, "lr")
        self._net = net
        self._weight_decay = as_float(weight_decay, "weight_decay")
        if not 0.0 <= self._weight_decay < math.inf:
            raise InvalidArgumentError(f"weight_decay must be at least 0 and finite, got {weight_decay}")
        self._clip = None if clip is None else _positive(clip, "clip")
        self._max_step = None if max_step is None else _positive(max_step, "max_step")
        self.delay_lr = None if delay_lr is None else _positive(delay_lr, "delay_lr")
        keys = projection_keys(net)
        self._projections: dict[str, Projection] = {
            key: projection for projection, key in keys.items() if projection.connection.learnable
        }
        if projections is not None:
            unknown = [key for key in projections if key not in self._projections]
            if unknown:
                known = ", ".join(map(repr, self._projections))
                raise InvalidArgumentError(f"no projection {unknown[0]!r} learns; there are {known}")
            self._projections = {key: self._projections[key] for key in projections}
        self._bounds = delays
        self._learned: dict[str, npt.NDArray[np.float64]] = {}
        self._by_synapse: dict[str, bool] = {}
        if delay_kind not in KINDS:
            raise InvalidArgumentError(f"delay_kind must be one of {', '.join(map(repr, KINDS))}, got {delay_kind!r}")
        if delays is not None:
            for key, one in self._projections.items():
                now, self._by_synapse[key] = learned_delays(one, delay_kind)
                self._learned[key] = delays.learned(now)
                self._set_delays(key)
        self._memory: dict[str, list[Array]] = {}
        self.n_steps = 0

    def step(self, gradients: Gradients) -> None:
        """Change weights, and delays if they learn, by one step.

        Raises NonFiniteError where a gradient is not finite, and then changes nothing; ShapeMismatchError.
        """
        rows = {key: _rows(one.weights, gradients.weights[key]) for key, one in self._projections.items()}
        by_delays = {key: np.asarray(gradients.delays[key], np.float64) for key in self._learned}
        for key, by_delay in by_delays.items():
            if by_delay.shape != self._learned[key].shape:
                raise ShapeMismatchError(
                    f"{key}: {self._learned[key].shape} delays learn, but {by_delay.shape} gradients came"
                )
        norm = math.sqrt(sum(_core.sum_of_squares(gradient) for _, gradient in rows.values()))
        if not math.isfinite(norm) or not all(np.all(np.isfinite(one)) for one in by_delays.values()):
            raise NonFiniteError("gradients are not finite; bound them with smallest_slope")
        scale = 1.0 if self._clip is None or norm <= self._clip else self._clip / norm
        self.n_steps += 1
        for key, (weights, gradient) in rows.items():
            scaled = gradient if scale == 1.0 else gradient * gradient.dtype.type(scale)
            before = None if self._max_step is None else weights.copy()
            self._update(f"{key}.weights", weights, scaled, self.lr)
            if before is not None:
                np.clip(weights, before - self._max_step, before + self._max_step, out=weights)
        for key, by_delay in by_delays.items():
            assert self._bounds is not None
            learned = self._learned[key]
            by_learned = (by_delay * self._bounds.slope(learned)).reshape(1, -1)
            moved = learned.reshape(1, -1).copy()
            self._update(f"{key}.delays", moved, by_learned, self.delay_lr or self.lr)
            self._learned[key] = moved.reshape(learned.shape)
            self._set_delays(key)

    def _set_delays(self, key: str) -> None:
        assert self._bounds is not None
        values = self._bounds.delays(self._learned[key])
        set_delays(self._projections[key], key, values, self._by_synapse[key])

    def read_delays(self) -> None:
        """Go on learning from the delays that the network has now."""
        for key in self._learned:
            assert self._bounds is not None
            now = np.asarray(self._projections[key].delays, np.float64)
            self._learned[key] = self._bounds.learned(now).reshape(self._learned[key].shape)

    def _update(self, key: str, w: Array, g: Array, lr: float) -> None:
        if key not in self._memory:
            self._memory[key] = [np.zeros(w.shape, w.dtype) for _ in range(self._n_memories())]
        first, *others = self._memory[key]
        second = others[0] if others else None
        largest = others[1] if len(others) > 1 else None
        _core.optimizer_step(w, g, first, second, largest, self._numbers(lr))

    def _n_memories(self) -> int:
        return 2 if self._adaptive else 1

    def _numbers(self, lr: float) -> tuple[float, ...]:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Return what the optimizer remembers, as numbers and arrays by name."""
        arrays = {f"{key}.{k}": one.copy() for key, parts in self._memory.items() for k, one in enumerate(parts)}
        learned = {f"{key}.learned": np.array(u) for key, u in self._learned.items()}
        return {"kind": type(self).__name__, "n_steps": self.n_steps, "lr": self.lr, **arrays, **learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as the optimizer that :meth:`state_dict` came from would, with its delays.

        Raises InvalidArgumentError where that was another kind of optimizer or learned something else.
        """
        if state.get("kind") != type(self).__name__:
            raise InvalidArgumentError(f"the state is of {state.get('kind')!r}, not of {type(self).__name__}")
        learned = {
            name.removesuffix(".learned"): np.array(one) for name, one in state.items() if name.endswith(".learned")
        }
        shapes = {key: one.shape for key, one in self._learned.items()}
        if {key: one.shape for key, one in learned.items()} != shapes:
            raise InvalidArgumentError("the state is of an optimizer that learns other delays")
        memory: dict[str, list[Array]] = {}
        for name in state:
            key, _, part = name.rpartition(".")
            if part.isdecimal():
                memory.setdefault(key, []).append(np.array(state[name]))
        for key, parts in memory.items():
            like = self._like(key)
            if (
                like is None
                or len(parts) != self._n_memories()
                or any(part.shape != like.shape or part.dtype != like.dtype for part in parts)
            ):
                raise InvalidArgumentError(f"the state holds {key!r} of another network or optimizer")
        self._memory, self._learned = memory, learned
        self.n_steps, self.lr = int(state["n_steps"]), float(state["lr"])
        for key in learned:
            self._set_delays(key)

    def _like(self, key: str) -> Array | None:
        """What is learned by that name, as rows."""
        name, _, kind = key.rpartition(".")
        if kind == "delays" and name in self._learned:
            return self._learned[name].reshape(1, -1)
        if kind == "weights" and name in self._projections:
            weights = self._projections[name].weights
            return _rows(weights, weights)[0]
        return None


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum: :math:`m \leftarrow \mu m + g`, :math:`w \leftarrow w - \eta m`.

    Parameters
    ----------
    net, lr, projections, delays, delay_lr, clip, max_step
        As of :class:`Optimizer`.
    momentum : float
        In [0, 1).
    nesterov : bool
        Step along :math:`g + \mu m`.
    weight_decay : float
        Added to the gradient, times the weight.

    Notes
    -----
    As in PyTorch. One pass through memory, in compiled code.

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import SGD, record
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[12.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    >>> optimizer = SGD(net, lr=2.0)
    >>> for _ in range(50):  # towards a first spike at 4
    ...     tape = record(net, [0], [1.0])
    ...     error = tape.spikes["out"].times[0] - 4.0
    ...     by_times = [error] + [0.0] * (len(tape.spikes["out"]) - 1)
    ...     optimizer.step(tape.backward({"out": by_times}))
    >>> record(net, [0], [1.0]).spikes["out"].times[0].round(3)
    np.float64(4.0)
    """

    def __init__(
        self, net: SpikingNetwork, lr: float, *, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(net, lr, **options)
        self._momentum, self._nesterov = _share(momentum, "momentum"), bool(nesterov)

    def _numbers(self, lr: float) -> tuple[float, ...]:
        along = (lr * self._momentum, lr) if self._nesterov else (lr, 0.0)
        return (0.0, self._weight_decay, self._momentum, 1.0, *along, 0.0, 0.0, 0.0, 1.0)


class Adam(Optimizer):
    """Adam.

    Parameters
    ----------
    net, lr, projections, delays, delay_lr, clip, max_step
        As of :class:`Optimizer`.
    betas : pair of float
        By which the means of gradients and of their squares fade in a step; in [0, 1).
    eps : float
        Added to the root of the mean square.
    weight_decay : float
        Added to the gradient, times the weight.
    amsgrad : bool
        Over the largest mean square so far.

    Notes
    -----
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1; amsgrad: Reddi et al. 2018, "On the
    convergence of Adam and beyond". As in PyTorch. One pass through memory, in compiled code.
    """

    _adaptive = True

    def __init__(
        self,
        net: SpikingNetwork,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(net, lr, **options)
        self._betas = (_share(betas[0], "betas[0]"), _share(betas[1], "betas[1]"))
        self._eps, self._amsgrad = _positive(eps, "eps"), bool(amsgrad)

    def _n_memories(self) -> int:
        return 3 if self._amsgrad else 2

    def _numbers(self, lr: float) -> tuple[float, ...]:
        b1, b2 = self._betas
        along = lr / (1.0 - b1**self.n_steps)
        root = 1.0 / math.sqrt(1.0 - b2**self.n_steps)
        return (*self._decay(lr), b1, 1.0 - b1, along, 0.0, b2, 1.0 - b2, root, self._eps)

    def _decay(self, lr: float) -> tuple[float, float]:
        return 0.0, self._weight_decay


class AdamW(Adam):
    """Adam with decoupled weight decay: a step first takes `lr * weight_decay` of every weight.

    Parameters
    ----------
    net, lr, betas, eps, amsgrad, projections, delays, delay_lr, clip, max_step
        As of :class:`Adam`.
    weight_decay : float
        0.01 by default.

    Notes
    -----
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2.
    """

    def __init__(self, net: SpikingNetwork, lr: float = 1e-3, *, weight_decay: float = 0.01, **options: Any) -> None:
        super().__init__(net, lr, weight_decay=weight_decay, **options)

    def _decay(self, lr: float) -> tuple[float, float]:
        return lr * self._weight_decay, 0.0


class NAdam(Adam):
    r"""Adam with Nesterov's momentum.

    Parameters
    ----------
    net, lr, betas, eps, weight_decay, projections, delays, delay_lr, clip, max_step
        As of :class:`Adam`; `lr` is 0.002 by default.

    Notes
    -----
    Dozat 2016, "Incorporating Nesterov momentum into Adam", with the warming momentum :math:`\mu_t = \beta_1 (1 - 0.5
    \cdot 0.96^{0.004 t})` of section 3, as in PyTorch.
    """

    def __init__(self, net: SpikingNetwork, lr: float = 2e-3, **options: Any) -> None:
        super().__init__(net, lr, **options)
        self._product = 1.0

    def step(self, gradients: Gradients) -> None:
        """As of :class:`Optimizer`."""
        super().step(gradients)
        self._product *= self._mu(self.n_steps)

    def _mu(self, step: int) -> float:
        share: float = self._betas[0] * (1.0 - 0.5 * 0.96 ** (0.004 * step))
        return share

    def _numbers(self, lr: float) -> tuple[float, ...]:
        b1, b2 = self._betas
        mu, following = self._mu(self.n_steps), self._mu(self.n_steps + 1)
        product = self._product * mu
        of_memory, of_gradient = lr * following / (1.0 - product * following), lr * (1.0 - mu) / (1.0 - product)
        root = 1.0 / math.sqrt(1.0 - b2**self.n_steps)
        return (*self._decay(lr), b1, 1.0 - b1, of_memory, of_gradient, b2, 1.0 - b2, root, self._eps)

    def state_dict(self) -> dict[str, Any]:
        """As of :class:`Optimizer`."""
        return {**super().state_dict(), "product": self._product}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As of :class:`Optimizer`."""
        super().load_state_dict(state)
        self._product = float(state["product"])


def _rows(weights: Array, gradient: Array) -> tuple[Array, Array]:
    """Weights, a view, and their gradient as (rows, values), rows without gaps: dense ones lie input by input."""
    if gradient.shape != weights.shape:
        raise ShapeMismatchError(f"weights of shape {weights.shape} learn, but gradients of {gradient.shape} came")
    if weights.flags.c_contiguous:
        w, g = weights.reshape(1, -1), gradient.reshape(1, -1)
    else:
        w, g = weights.T, gradient.T
    if g.shape[1] > 1 and g.strides[1] != g.itemsize:
        g = np.ascontiguousarray(g)
    return w, g.astype(w.dtype, copy=False)


def _positive(value: Any, name: str) -> float:
    number = as_float(value, name)
    if not 0.0 < number < math.inf:
        raise InvalidArgumentError(f"{name} must be above 0 and finite, got {value}")
    return number


def _share(value: Any, name: str) -> float:
    number = as_float(value, name)
    if not 0.0 <= number < 1.0:
        raise InvalidArgumentError(f"{name} must be in [0, 1), got {value}")
    return number


__dir__ = only_public(__all__)
