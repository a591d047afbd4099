"""A network as a PyTorch module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, UnsupportedError
from ..learning import Gradients
from ..learning.graphs import require_differentiable
from ..network import SpikingNetwork
from ..neurons.systems import linear_system
from ..nodes import Population
from .inputs import Given, by_input
from .outputs import Output
from .places import Place, as_train, first_values
from .runs import Run, Runner, Wanted
from .values import Values, as_numpy

__all__ = ["Network"]

_READOUTS = ("potentials", "maximum", "mean")
_DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Network(torch.nn.Module):
    """A spiking network whose weights are parameters of PyTorch, with exact gradients through spike times.

    Parameters
    ----------
    net : SpikingNetwork
        Of linear neurons, on the CPU, without plasticity rules and drives: see :func:`evsim.learning.record`.
    train : sequence of str
        What requires gradients: "weights", and one of "delays" (as many as the network has now: one, one for each input
        or one for each synapse), "axonal delays" (one for each input) and "synaptic delays" (one for each synapse).
        Weights are parameters, and in ``state_dict``, in any case.
    parameters : mapping of population or name to str or sequence of str, optional
        Parameters of neurons to train, such as ``{"hidden": ("tau_mem", "bias")}``; one for all neurons or one for
        each, as the neurons have them now.
    outputs : sequence of population or name, optional
        Whose spikes to return, as a dict by name. Default: those of the last layer, not in a dict.
    potentials : mapping of population or name to array_like, shape (n_times,), optional
        Times at which to return the potentials of outputs; ascending, within the simulated time.
    until, start : float, optional
        As of :meth:`SpikingNetwork.infer`.
    dt : float, optional
        Inputs are dense tensors of steps of this length.
    smallest_slope : float
        As of :meth:`evsim.learning.Tape.backward`.

    Attributes
    ----------
    weights, delays : Values
        Parameters by layer, or of projections that are not of layers, by "source -> target".
    neurons : Values
        Parameters by (population, parameter).

    Raises
    ------
    UnsupportedError
        The network has parts without exact gradients.
    InvalidArgumentError, NoSuchParameterError, IndexOutOfRangeError, DTypeError
        What is to be trained or returned is not there.

    Notes
    -----
    The parameters are what counts: each run copies them into the network, and each way back those of its run, so any
    number of runs may lie between a run and its way back. Pickling, ``deepcopy`` and ``state_dict`` are as of any
    module. Parameters and outputs have the type of the network; ``.to(torch.float64)`` makes the network one of
    float64. Cost: that of :func:`evsim.learning.record` and :meth:`~evsim.learning.Tape.backward`; with parameters of
    neurons also that of making the network anew whenever they have changed.

    Delays below 0 count as 0, with the gradient that they would have there.

    Examples
    --------
    How the time of the first spike depends on the weights:

    >>> import evsim, evsim.torch, torch
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    >>> layer = net.add_layer(evsim.Dense(2, 1, weights=[[12.0, 1.0]]), neuron, name="out")
    >>> model = evsim.torch.Network(net)
    >>> out = model(torch.tensor([[1.0, 2.0]]))
    >>> out.times.detach().numpy().round(3)
    array([[[3.045, 6.523]]])
    >>> out.first.sum().backward()
    >>> model.weights["out"].grad.numpy().round(4)
    array([[-0.2043, -0.118 ]])
    """

    def __init__(
        self,
        net: SpikingNetwork,
        *,
        train: str | Sequence[str] = ("weights",),
        parameters: Mapping[Any, str | Sequence[str]] | None = None,
        outputs: Sequence[Any] | None = None,
        potentials: Mapping[Any, Any] | None = None,
        until: float | None = None,
        start: float | None = None,
        dt: float | None = None,
        smallest_slope: float = 0.0,
    ) -> None:
        super().__init__()
        require_differentiable(net)
        for population in net.populations:
            if population.neuron is not None:
                linear_system(population.neuron)
        chosen = as_train(train)
        places = first_values(net, chosen, parameters or {})
        dtype = _DTYPES[net.dtype]

        def of(kind: str, train: bool = True) -> Values:
            return Values({p.label: value for p, value in places.items() if p.kind == kind}, dtype, train=train)

        self.weights, self.delays, self.neurons = of("weights", "weights" in chosen), of("delays"), of("neurons")
        self.until, self.start, self.dt, self.smallest_slope = until, start, dt, smallest_slope
        self._places = tuple(places)
        self._runner = Runner(net, self._places)
        self._one = outputs is None
        wanted = [net.output_layer] if outputs is None else net._wanted(outputs)
        self._outputs = tuple(one.name for one in wanted)
        self._readouts = tuple(one.name for one in wanted if one.neuron is not None and not one.neuron.spikes)
        self._potentials = _times_by_name(net, potentials or {}, self._outputs)

    @property
    def net(self) -> SpikingNetwork:
        """The network, with the values that the parameters have now; another one after a change of type or neurons."""
        self._runner.put(_arrays(self._values()))
        return self._runner.net

    def _values(self) -> list[torch.Tensor]:
        return [getattr(self, place.kind)[place.label] for place in self._places]

    @torch.compiler.disable
    def forward(self, inputs: Any, *, until: float | None = None, dt: float | None = None) -> Any:
        """Run a batch.

        Parameters
        ----------
        inputs : Tensor, SpikeArray, list of SpikeArray, or a dict of them by input
            A tensor is one of times, shape (batch, n_inputs, k), inf where there is no spike, or (batch, n_inputs) for
            one spike each; if it requires gradients, it gets them. Or with `dt` a dense one of 0 and 1, shape (time,
            batch, n_inputs). A SpikeArray is a batch of one. With several inputs a dict; one that is left out gets no
            spikes.
        until, dt : float, optional
            In place of those that the module was made with.

        Returns
        -------
        Output, or dict of str to Output
            By name where the module was made with `outputs`.

        Raises
        ------
        ShapeMismatchError, DTypeError, NonFiniteError, InvalidArgumentError, UnsortedSpikesError, IndexOutOfRangeError
            The input is none for this network, or a parameter has become none.
        UnsupportedError
            Tensors on another device than the CPU, or dense ones that require gradients.
        """
        given = by_input(inputs, self._runner.net.inputs, self.dt if dt is None else dt)
        wanted = Wanted(
            self._outputs, self._readouts, self._potentials, self.until if until is None else until, self.start
        )
        call = _Call(self._runner, self._places, given, wanted, self.smallest_slope)
        found = dict(zip(call.names, _Through.apply(call, *self._values(), *call.tensors), strict=True))
        out = {
            name: Output.of(found[name, "times"], **{kind: found.get((name, kind)) for kind in _READOUTS})
            for name in self._outputs
        }
        return out[self._outputs[0]] if self._one else out

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        """Apply what `.to`, `.double`, `.cuda` and their kin do to each tensor, where the network can follow."""
        try:
            moved = fn(torch.empty(0, dtype=_DTYPES[self._runner.net.dtype]))
        except (AssertionError, RuntimeError) as error:  # no such device
            raise UnsupportedError(f"evsim.torch runs on the CPU; PyTorch says: {error}") from error
        if moved.device.type != "cpu":
            raise UnsupportedError(f"evsim.torch runs on the CPU, and cannot move to {moved.device}")
        if moved.dtype not in _DTYPES.values():
            raise UnsupportedError(f"networks are of float32 or float64, and cannot become {moved.dtype}")
        return super()._apply(fn, recurse)

    def extra_repr(self) -> str:
        """Return the network."""
        return repr(self._runner.net)


class _Call:
    """A run of the module: what it needs of the module, and what its way back needs of it."""

    def __init__(
        self, runner: Runner, places: Sequence[Place], given: dict[str, Given], wanted: Wanted, smallest_slope: float
    ) -> None:
        self.runner, self.places, self.given, self.wanted = runner, places, given, wanted
        self.smallest_slope = smallest_slope
        self.timed = [name for name, one in given.items() if one.tensor is not None]
        self.tensors = [given[name].tensor for name in self.timed]
        self.names = [
            (name, kind)
            for name in wanted.outputs
            for kind, there in (
                ("times", True),
                ("potentials", name in wanted.potentials),
                ("maximum", name in wanted.readouts),
                ("mean", name in wanted.readouts and wanted.until is not None),
            )
            if there
        ]
        self.ran: Run | None = None

    def run(self, values: Sequence[torch.Tensor]) -> list[Any]:
        samples = {name: one.samples for name, one in self.given.items()}
        self.ran = self.runner.run(_arrays(values), samples, self.wanted)
        return [self.ran.found[name] for name in self.names]

    def back(
        self, values: Sequence[torch.Tensor], by: Sequence[torch.Tensor | None], needed: Sequence[bool]
    ) -> list[Any]:
        """Return the gradient by each value and each tensor of times, None where it is not `needed`."""
        derivatives = {
            name: one.detach().double().numpy() for name, one in zip(self.names, by, strict=True) if one is not None
        }
        parameters: dict[str, list[str]] = {}
        for place, wanted in zip(self.places, needed, strict=False):
            if wanted and place.kind == "neurons":
                parameters.setdefault(place.key, []).append(place.name)
        ran: Any = self.ran
        options = {"parameters": parameters, "smallest_slope": self.smallest_slope}
        found = self.runner.back(ran, _arrays(values), derivatives, self.wanted, **options)
        return [
            *(_of_place(found, place, value.dtype) for place, value in zip(self.places, values, strict=True)),
            *(self.given[name].gradient(found.times[name]) for name in self.timed),
        ]


def _of_place(found: Gradients, place: Place, dtype: torch.dtype) -> torch.Tensor | None:
    """The gradient by one parameter of the module; None by a parameter of neurons that was not asked for."""
    if place.kind == "neurons":
        gradient = found.parameters.get(place.key, {}).get(place.name)
    else:
        gradient = getattr(found, place.kind)[place.key]
    if gradient is None:
        return None
    return torch.from_numpy(np.array(gradient, np.float64).reshape(place.shape)).to(dtype)


class _Through(torch.autograd.Function):
    """From values of parameters and times of input spikes to what a run finds."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = tensors[: len(call.places)]
        ctx.call = call
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*values)  # PyTorch then raises where one has been changed in place before the way back
        dtype = values[0].dtype if values else _DTYPES[call.runner.net.dtype]
        return tuple(torch.from_numpy(np.ascontiguousarray(one)).to(dtype) for one in call.run(values))

    @staticmethod
    def backward(ctx: Any, *by: torch.Tensor | None) -> tuple[Any, ...]:
        needed = ctx.needs_input_grad[1:]
        found = ctx.call.back(ctx.saved_tensors, by, needed)
        wanted = [one if need else None for one, need in zip(found, needed, strict=True)]
        if torch.is_grad_enabled():  # with create_graph=True
            wanted = [None if one is None else _Once.apply(one.requires_grad_()) for one in wanted]
        return None, *wanted


class _Once(torch.autograd.Function):
    """What cannot be derived again."""

    @staticmethod
    def forward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *by: torch.Tensor) -> Any:
        raise UnsupportedError("there are no second derivatives of spike times and potentials")


def _arrays(values: Sequence[torch.Tensor]) -> list[Any]:
    if len({value.dtype for value in values}) > 1:
        raise DTypeError("the parameters of a module must be of one type; use .to(dtype) of the whole module")
    return [as_numpy(value) for value in values]


def _times_by_name(net: SpikingNetwork, given: Mapping[Any, Any], outputs: Sequence[str]) -> dict[str, Any]:
    found = {}
    for key, times in given.items():
        node = net._node_of(key)
        if node.name not in outputs or not isinstance(node, Population) or node.neuron is None:
            raise InvalidArgumentError(
                f"potentials are returned of outputs that have some: {', '.join(map(repr, outputs))}; got {node.name!r}"
            )
        found[node.name] = np.atleast_1d(np.asarray(times, np.float64))
    return found


__dir__ = only_public(__all__)
