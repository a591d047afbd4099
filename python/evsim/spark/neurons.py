"""Neurons: populations made of a soma, synapses, delays and a learning rule."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, ClassVar, TypedDict

import numpy as np
import numpy.typing as npt

from .. import random
from .._lib.arrays import as_array, as_number, as_times
from ..connections import Dense
from ..errors import DTypeError, EmptyNetworkError, InvalidArgumentError, ShapeMismatchError
from ..network import SpikingNetwork
from ..neurons import NeuronModel
from ..probe import Probe
from ..spikes import SpikeArray
from .config import FRACTION, Config, as_seed, as_text, as_units, config_class, other, part, quantity
from .delays import Delays, DelaysConfig
from .initializers import InitializerConfig
from .learning_rules import LearningRule, LearningRuleConfig
from .nonlinear_somas import AdaptiveExponentialSomaConfig
from .parts import Part, for_units, part_of
from .somas import AdaptiveLeakySomaConfig, LeakySomaConfig, Soma, SomaConfig
from .synapses import LinearSynapsesConfig, Synapses, SynapsesConfig


class _Spikes(TypedDict):
    out_spikes: SpikeArray


class NeuronOutput(_Spikes, total=False):
    """What a neuron returns: a dict of ``out_spikes`` and, where ``record=`` asked for it, ``potential``."""

    potential: npt.NDArray[np.float64]


@config_class
class NeuronConfig(Config):
    """Configuration of :class:`Neuron`; see :class:`Config` for nested names, files and errors.

    Parameters
    ----------
    units : int or tuple of int
        Size or shape of the population. Spikes name units by their index in C order.
    inhibitory_rate : float
        Fraction of the units that is inhibitory, from 0 to 1.
    soma, synapses : Config
        Of the parts.
    delays, learning_rule : Config, optional
        Likewise; None does without.
    seed : int, optional
        For inhibitory units, weights and delays; without it they are drawn from :mod:`evsim.random`.
    dtype : {"float32", "float64"}
        Type of weights and state; times are always float64.

    Examples
    --------
    >>> from evsim.spark import NeuronConfig, TracedSynapsesConfig
    >>> config = NeuronConfig(units=(10,), synapses=TracedSynapsesConfig(), synapses__tau=3.0, _s_scale=2.0)
    >>> config.synapses.tau, config.synapses.scale, config.synapses.kernel.scale
    (3.0, 2.0, 2.0)
    >>> NeuronConfig.from_dict(config.to_dict()) == config
    True
    """

    units: tuple[int, ...] = other(MISSING, as_units)
    inhibitory_rate: float = quantity(0.2, FRACTION)
    soma: Any = part(LeakySomaConfig, lambda: SomaConfig)
    synapses: Any = part(LinearSynapsesConfig, lambda: SynapsesConfig)
    delays: Any = part(None, lambda: DelaysConfig, optional=True)
    learning_rule: Any = part(None, lambda: LearningRuleConfig, optional=True)
    seed: int | None = other(None, as_seed)
    dtype: str = other("float32", as_text("float32", "float64"))


@config_class
class LIFNeuronConfig(NeuronConfig):
    """Configuration of :class:`LIFNeuron`: any leaky soma."""

    soma: Any = part(LeakySomaConfig, lambda: LeakySomaConfig)


@config_class
class ALIFNeuronConfig(NeuronConfig):
    """Configuration of :class:`ALIFNeuron`: the soma is adaptive and leaky."""

    soma: Any = part(AdaptiveLeakySomaConfig, lambda: AdaptiveLeakySomaConfig)


@config_class
class AdExNeuronConfig(NeuronConfig):
    """Configuration of :class:`AdExNeuron`: the soma is adaptive and exponential."""

    soma: Any = part(AdaptiveExponentialSomaConfig, lambda: AdaptiveExponentialSomaConfig)


class Neuron(Part):
    """A population of units: synapses and a soma, with delays and a learning rule if they are given.

    A thin face on a :class:`evsim.SpikingNetwork` of one layer. Units are mV, ms, pA and GOhm. A fraction
    `inhibitory_rate` of the units is inhibitory, for as long as the neuron lives: their spikes lower the potential of
    those that they reach. Weights are never negative; it is the connection that leads away from such a unit which
    evsim runs with the opposite sign.

    Parameters
    ----------
    config : NeuronConfig, optional
        Made of the keywords without it.
    **kwargs
        Fields that differ from those of `config`, with nested names.

    Raises
    ------
    ShapeMismatchError
        A field of the soma or the synapses has neither one number nor one for each unit.

    Attributes
    ----------
    config : NeuronConfig
    soma, synapses, delays, learning_rule
        The parts; the last two may be None.
    units : tuple of int
        Shape of the population.
    inhibitory : ndarray of bool, shape (n_units,)
        Which units are inhibitory.

    Examples
    --------
    Two populations, one after the other, whose calls go on from one another:

    >>> from evsim.spark import ConstantInitializerConfig, LIFNeuron, TracedSynapsesConfig
    >>> synapses = TracedSynapsesConfig(kernel=ConstantInitializerConfig(scale=900.0))
    >>> first = LIFNeuron(units=(2,), synapses=synapses, inhibitory_rate=0.5, seed=1)
    >>> second = LIFNeuron(units=(1,), synapses=synapses, seed=2)
    >>> first.build(3)
    >>> second.build(first)
    >>> spikes = first([0, 1, 2], [1.0, 2.0, 3.0], until=20.0)["out_spikes"]
    >>> spikes
    SpikeArray(8 spikes, indices 0 to 1, times 3.955... to 11.434...)
    >>> second(spikes, until=20.0)["out_spikes"]
    SpikeArray(empty)
    """

    config_class: ClassVar[type[Config]] = NeuronConfig

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.units: tuple[int, ...] = self.config.units
        self.soma: Soma = part_of(for_units(self.config.soma, self.units), Soma)
        self.synapses: Synapses = part_of(for_units(self.config.synapses, self.units), Synapses)
        self.delays: Delays | None = None
        self.learning_rule: LearningRule | None = None
        if self.config.delays is not None:
            self.delays = part_of(self.config.delays, Delays)
        if self.config.learning_rule is not None:
            self.learning_rule = part_of(self.config.learning_rule, LearningRule)
        seed = self.config.seed
        self._rng = random.generator() if seed is None else random.from_seed(seed)
        self.inhibitory = np.zeros(self.n_units, bool)
        n_inhibitory = round(self.n_units * self.config.inhibitory_rate)
        self.inhibitory[self._rng.permutation(self.n_units)[:n_inhibitory]] = True
        self.inhibitory.flags.writeable = False
        self._network: SpikingNetwork | None = None
        self._inhibitory_inputs = np.zeros(0, bool)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return math.prod(self.config.units)

    @property
    def model(self) -> NeuronModel:
        """The model of soma and synapses, to which a weight of 1 is 1 pA.

        Raises
        ------
        UnsupportedError
            evsim has none; the message says why.
        """
        return self.soma.model(self.synapses.drive())

    @property
    def network(self) -> SpikingNetwork:
        """The network of one layer behind it.

        Raises
        ------
        EmptyNetworkError
            Before :meth:`build`.
        """
        if self._network is None:
            raise EmptyNetworkError(f"{type(self).__name__} does not know its inputs yet: call build(n_inputs) first")
        return self._network

    def build(self, input_specs: Any, *, inhibitory: npt.ArrayLike | None = None) -> None:
        """Make the connection from the inputs. A kernel that is given as weights needs no call.

        Parameters
        ----------
        input_specs : int or tuple of int or Neuron
            Number or shape of the inputs, or the neuron that they come from.
        inhibitory : array_like of bool, shape (n_inputs,), optional
            Which inputs are inhibitory; by default those of the neuron, or none.

        Raises
        ------
        InvalidArgumentError
            It is built already.
        UnsupportedError
            The parts do not go together, or evsim does not have them; the message says which and why.
        ShapeMismatchError
            The kernel or the delays have another shape.
        """
        if self._network is not None:
            raise InvalidArgumentError(f"{type(self).__name__} is built already, for {self.network[0].n_inputs} inputs")
        n_inputs, mask = _sources(input_specs, inhibitory)
        rule = None if self.learning_rule is None else self.learning_rule.kernel()
        signs = np.where(mask, -1.0, 1.0)
        delay = None if self.delays is None else self.delays.draw(self.n_units, n_inputs, self._rng)
        weights = self._weights(n_inputs) * signs
        network = SpikingNetwork(dtype=self.config.dtype)
        connection = Dense(n_inputs, self.n_units, weights=weights + 0.0)
        layer = network.add_layer(connection, self.model, delay=delay, kernel=rule)
        if self.learning_rule is not None:
            self.learning_rule.begin(layer, self.inhibitory, mask)
        self._network, self._inhibitory_inputs = network, mask
        self.synapses.connect(network, signs, self.learning_rule)

    def _weights(self, n_inputs: int) -> npt.NDArray[np.float64]:
        kernel, shape = self.config.synapses.kernel, (self.n_units, n_inputs)
        if isinstance(kernel, InitializerConfig):
            return kernel.draw(shape, self._rng)
        if kernel.shape != shape:
            raise ShapeMismatchError(
                f"{type(self.config.synapses).__name__}.kernel must have shape (n_units, n_inputs) = {shape}, got "
                f"{kernel.shape}"
            )
        given: npt.NDArray[np.float64] = kernel
        return given

    def reset(self) -> None:
        """Go back to the initial state and to time 0; weights stay as they are."""
        if self._network is None:
            return
        if self.learning_rule is not None:
            self.learning_rule.settle(self._network)
        self._network.reset()
        if self.learning_rule is not None:
            self.learning_rule.begin(self._network[0], self.inhibitory, self._inhibitory_inputs)

    def __call__(
        self,
        in_spikes: Any,
        times: npt.ArrayLike | None = None,
        *,
        until: float | None = None,
        reward: float | None = None,
        record: npt.ArrayLike | None = None,
    ) -> NeuronOutput:
        """Run spikes from where the last call ended.

        Parameters
        ----------
        in_spikes : SpikeArray or array_like of int or NeuronOutput
            Spikes of the inputs, or their indices (with `times`).
        times : array_like of float, optional
            In ms.
        until : float, optional
            End of the call, where the next one begins. Without it the neuron runs until nothing more can happen, and
            only :meth:`reset` begins anew.
        reward : float, optional
            For a rule that takes one; constant during the call.
        record : array_like of float, optional
            Times at which to record the potential.

        Returns
        -------
        NeuronOutput
            ``out_spikes``, and with `record` also ``potential`` in mV, of shape (n_times, n_units).

        Raises
        ------
        StreamError
            Spikes before the end of the last call.
        InvalidArgumentError
            A reward without a rule that takes it, or none for one that does.
        EmptyNetworkError
            Before :meth:`build`, unless the kernel is given as weights.

        Examples
        --------
        >>> from evsim.spark import LIFNeuron
        >>> neuron = LIFNeuron(units=1, synapses__kernel=[[3000.0]])
        >>> output = neuron([0], [1.0], record=[0.5, 1.5])
        >>> output["potential"].round(3)
        array([[-60.  ],
               [-45.37]])
        """
        if self._network is None and not isinstance(self.config.synapses.kernel, InitializerConfig):
            self.build(self.config.synapses.kernel.shape[1])
        if isinstance(in_spikes, Mapping):
            if "out_spikes" not in in_spikes:
                raise DTypeError(f"in_spikes has no 'out_spikes', got {reprlib.repr(in_spikes)}")
            in_spikes = in_spikes["out_spikes"]
        network = self.network
        self._give(reward)
        if record is None:
            return {"out_spikes": network.infer(in_spikes, times, until=until, reset=False)}
        at = as_times(record, "record")
        probes = [Probe(0, times=at, variable=name) for name in self.soma.variables]
        spikes = network.infer(in_spikes, times, until=until, reset=False, record=probes)
        potential = np.asarray(
            sum(np.asarray(probe.values) for probe in probes) * self.soma.scale(self.synapses.drive())
        )
        return {"out_spikes": spikes, "potential": potential}

    def _give(self, reward: float | None) -> None:
        rule = self.learning_rule
        if rule is not None and rule.takes_reward:
            if reward is None:
                raise InvalidArgumentError(f"{type(rule).__name__} needs a reward: neuron(spikes, reward=...)")
            self.network[0].kernel_parameters = rule.parameters(as_number(reward, "reward"))
        elif reward is not None:
            name = "no learning rule" if rule is None else type(rule).__name__
            raise InvalidArgumentError(f"reward goes with a rule that takes one; this neuron has {name}")


class LIFNeuron(Neuron):
    """Leaky integrate-and-fire units: a leaky soma, by default :class:`LeakySoma`, with linear synapses.

    Parameters, attributes and methods are those of :class:`Neuron`.

    Examples
    --------
    >>> from evsim.spark import LIFNeuron, StrictRefractoryLeakySomaConfig
    >>> neuron = LIFNeuron(units=2, soma=StrictRefractoryLeakySomaConfig(cooldown=5.0), synapses__kernel=[[5e3], [0]])
    >>> neuron([0, 0, 0], [1.0, 2.0, 7.0])["out_spikes"].times
    array([1., 7.])
    """

    config_class: ClassVar[type[Config]] = LIFNeuronConfig


class ALIFNeuron(Neuron):
    """Adaptive leaky integrate-and-fire units: :class:`AdaptiveLeakySoma` with linear synapses.

    Parameters, attributes and methods are those of :class:`Neuron`. Spark's default learning rule is Zenke's; here
    there is none by default, nor delays.

    Examples
    --------
    >>> from evsim.spark import ALIFNeuron, ALIFNeuronConfig
    >>> config = ALIFNeuronConfig(units=(1,), soma__threshold_delta=15.0, synapses__kernel=[[5000.0]])
    >>> ALIFNeuron(config)([0, 0, 0, 0], [1.0, 4.0, 7.0, 10.0])["out_spikes"].times
    array([ 1.,  4., 10.])
    """

    config_class: ClassVar[type[Config]] = ALIFNeuronConfig


class AdExNeuron(Neuron):
    """Adaptive exponential integrate-and-fire units: :class:`AdaptiveExponentialSoma` with linear synapses.

    Parameters, attributes and methods are those of :class:`Neuron`; no learning rule and no delays by default.

    Examples
    --------
    >>> from evsim.spark import AdExNeuron, TracedSynapsesConfig
    >>> neuron = AdExNeuron(units=1, synapses=TracedSynapsesConfig(kernel=[[200.0]], tau=20.0))
    >>> neuron([0], [1.0], until=50.0)["out_spikes"].times.round(3)
    array([ 2.662,  3.281,  3.948,  4.677,  5.481,  6.383,  7.422,  8.665,
           10.265, 12.768])
    """

    config_class: ClassVar[type[Config]] = AdExNeuronConfig


def _sources(specs: Any, inhibitory: npt.ArrayLike | None) -> tuple[int, npt.NDArray[np.bool_]]:
    """How many inputs there are, and which of them are inhibitory."""
    if isinstance(specs, Neuron):
        n_inputs, mask = specs.n_units, specs.inhibitory
    else:
        n_inputs = math.prod(as_units(specs, "input_specs"))
        mask = np.zeros(n_inputs, bool)
    if inhibitory is None:
        return n_inputs, mask
    given = np.asarray(as_array(inhibitory, "inhibitory"))
    if given.dtype != bool:
        raise DTypeError(f"inhibitory must be True or False for each input, got dtype {given.dtype}")
    if given.size != n_inputs:
        raise ShapeMismatchError(f"inhibitory must have shape ({n_inputs},), got {given.shape}")
    return n_inputs, given.ravel()
