from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "Adjoint",
    "Conv2dSettings",
    "ConvLearner",
    "ConvStage",
    "DelayStage",
    "GuetigStdp",
    "Kernel",
    "LinearNeurons",
    "Network",
    "Node",
    "NodeOfRun",
    "PoolRelay",
    "PoolStage",
    "Population",
    "Projection",
    "Ranks",
    "RecordingDecoder",
    "RecordingFindings",
    "Relay",
    "Rule",
    "SimplifiedStdp",
    "SpikeArray",
    "StepSpikes",
    "SteppedNetwork",
    "SteppedStage",
    "SynapseTable",
    "UnpoolRelay",
    "UnpoolStage",
    "active_isa",
    "adjoint_sizes",
    "by_distance",
    "check_spikes",
    "falls",
    "fixed_in_degree",
    "fixed_out_degree",
    "mark_active_features",
    "model_names",
    "num_threads",
    "one_to_one",
    "optimizer_step",
    "plan_call",
    "random_pairs",
    "select_winners",
    "set_num_threads",
    "spikes_from_dense",
    "sum_of_squares",
    "supported_isas",
]

class SpikeArray:
    def __getitem__(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, float]: ...
    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def add(self, indices: numpy.typing.NDArray[numpy.int32], times: numpy.typing.NDArray[numpy.float64]) -> None: ...
    def clear(self) -> None: ...
    def copy(self) -> SpikeArray: ...
    def equals(self, other: SpikeArray) -> bool: ...
    def is_sorted(self) -> bool: ...
    def sort(self) -> None: ...
    @property
    def indices(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def times(self) -> numpy.typing.NDArray[numpy.float64]: ...

class Rule:
    @staticmethod
    def builtin(name: str, value_bytes: typing.SupportsInt | typing.SupportsIndex) -> Rule: ...
    @staticmethod
    def builtin_names() -> list[str]: ...
    @staticmethod
    def load(path: str) -> Rule: ...

class Kernel:
    @staticmethod
    def builtin(model: str, value_bytes: typing.SupportsInt | typing.SupportsIndex) -> Kernel: ...
    @staticmethod
    def load(path: str) -> Kernel: ...
    def with_rule(self, rule: Rule) -> Kernel: ...
    @property
    def default_parameters(self) -> list[float]: ...
    @property
    def delivers(self) -> bool: ...
    @property
    def has_rule(self) -> bool: ...
    @property
    def n_neuron_traces(self) -> int: ...
    @property
    def n_ports(self) -> int: ...
    @property
    def n_synaptic_traces(self) -> int: ...
    @property
    def neuron_defaults(self) -> list[float]: ...
    @property
    def neuron_names(self) -> list[str]: ...
    @property
    def observable_names(self) -> list[str]: ...
    @property
    def parameter_text(self) -> str: ...
    @property
    def shared_defaults(self) -> list[float]: ...
    @property
    def shared_names(self) -> list[str]: ...
    @property
    def spikes(self) -> bool: ...
    @property
    def writes_weights(self) -> bool: ...

class Node:
    def observable(self, name: str) -> int: ...
    def output(self) -> tuple[list[SpikeArray], bool]: ...
    def remembered(self, name: str) -> tuple[numpy.typing.NDArray[numpy.float64], bool]: ...
    @property
    def n_neurons(self) -> int: ...

class Population(Node):
    def __init__(
        self,
        kernel: Kernel,
        n_neurons: typing.SupportsInt | typing.SupportsIndex,
        image: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ]
        | None,
        shared: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        per_neuron: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]],
    ) -> None: ...
    @property
    def endless_neuron(self) -> int | None: ...

class Relay(Node):
    def causes(self) -> tuple[list[numpy.typing.NDArray[numpy.int32]], bool]: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...

class PoolRelay(Relay):
    def __init__(
        self,
        in_shape: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        kernel_size: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        first: bool,
    ) -> None: ...

class UnpoolRelay(Relay):
    def __init__(self, pool: PoolRelay) -> None: ...

class SynapseTable:
    @staticmethod
    def sorted(
        sources: numpy.typing.NDArray[numpy.int32],
        targets: numpy.typing.NDArray[numpy.int32],
        sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    ) -> tuple[SynapseTable, numpy.ndarray | None]: ...
    def __init__(
        self,
        sources: numpy.typing.NDArray[numpy.int32],
        targets: numpy.typing.NDArray[numpy.int32],
        sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    ) -> None: ...
    def __reduce__(
        self,
    ) -> tuple[type, tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.int32], tuple[int, int]]]: ...
    def sources(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def firsts(self) -> numpy.typing.NDArray[numpy.uint64]: ...
    @property
    def n_neurons(self) -> int: ...
    @property
    def n_synapses(self) -> int: ...
    @property
    def targets(self) -> numpy.typing.NDArray[numpy.int32]: ...

class Conv2dSettings:
    def __init__(
        self,
        in_shape: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        out_channels: typing.SupportsInt | typing.SupportsIndex,
        kernel_size: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        dilation: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        output_padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        groups: typing.SupportsInt | typing.SupportsIndex,
        transposed: bool,
    ) -> None: ...
    @property
    def out_shape(self) -> tuple[int, int, int]: ...

class Projection:
    @staticmethod
    def conv(
        target: Population,
        connection: Conv2dSettings,
        rule: Kernel | None,
        rule_parameters: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        tau_syn: typing.SupportsFloat | typing.SupportsIndex,
        tau_mem: typing.SupportsFloat | typing.SupportsIndex,
        mean_of_batch: bool,
        port: typing.SupportsInt | typing.SupportsIndex,
    ) -> Projection: ...
    @staticmethod
    def dense(
        target: Population,
        n_inputs: typing.SupportsInt | typing.SupportsIndex,
        rule: Kernel | None,
        rule_parameters: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        tau_syn: typing.SupportsFloat | typing.SupportsIndex,
        tau_mem: typing.SupportsFloat | typing.SupportsIndex,
        mean_of_batch: bool,
        port: typing.SupportsInt | typing.SupportsIndex,
    ) -> Projection: ...
    @staticmethod
    def sparse(
        target: Population,
        synapses: SynapseTable,
        rule: Kernel | None,
        rule_parameters: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        tau_syn: typing.SupportsFloat | typing.SupportsIndex,
        tau_mem: typing.SupportsFloat | typing.SupportsIndex,
        mean_of_batch: bool,
        port: typing.SupportsInt | typing.SupportsIndex,
    ) -> Projection: ...
    def delays(self) -> numpy.typing.NDArray[numpy.float64]: ...
    def rule_parameters(self) -> list[float]: ...
    def set_delays(self, values: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], by_synapse: bool) -> None: ...
    def set_next_traces(
        self,
        neuron: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        synaptic: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ) -> None: ...
    def set_rule_parameters(
        self, values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> None: ...
    def shared_synapses(self) -> tuple[numpy.typing.NDArray[numpy.int32], numpy.typing.NDArray[numpy.uint32]]: ...
    def time_constants(self) -> list[float]: ...
    def traces(self, synaptic: bool) -> tuple[numpy.typing.NDArray[numpy.float64], int]: ...
    def waiting_traces(self) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]: ...
    @property
    def delays_by_synapse(self) -> bool: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def port(self) -> int: ...
    @property
    def synapse_bytes(self) -> int: ...
    @property
    def weights(self) -> numpy.ndarray: ...

class Ranks:
    @staticmethod
    def dry(
        rank: typing.SupportsInt | typing.SupportsIndex, size: typing.SupportsInt | typing.SupportsIndex
    ) -> Ranks: ...
    def __init__(
        self,
        rank: typing.SupportsInt | typing.SupportsIndex,
        size: typing.SupportsInt | typing.SupportsIndex,
        least: typing.SupportsInt | typing.SupportsIndex,
        most: typing.SupportsInt | typing.SupportsIndex,
        step: typing.Any,
        gather_long: typing.Any,
    ) -> None: ...
    def fail(self, message: str) -> None: ...
    def gather(self, own: bytes) -> list[bytes]: ...
    def note(self, what: bytes) -> None: ...
    def range(
        self, n_neurons: typing.SupportsInt | typing.SupportsIndex, rank: typing.SupportsInt | typing.SupportsIndex
    ) -> tuple[int, int]: ...
    @property
    def bytes_sent(self) -> int: ...
    @property
    def exchanges(self) -> int: ...
    @property
    def failures(self) -> int: ...

class Network:
    def __init__(self, max_spikes_per_instant: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def add_input(self, size: typing.SupportsInt | typing.SupportsIndex) -> int: ...
    def add_noise_drive(
        self,
        target: typing.SupportsInt | typing.SupportsIndex,
        means: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        deviations: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        first_means: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        first_deviations: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        step: typing.SupportsFloat | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        port: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add_part(self, part: Population, n_neurons: typing.SupportsInt | typing.SupportsIndex, label: str) -> int: ...
    def add_poisson_drive(
        self,
        target: typing.SupportsInt | typing.SupportsIndex,
        weights: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        times: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        rates: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        seed: typing.SupportsInt | typing.SupportsIndex,
        port: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def add_population(self, population: Population, label: str) -> int: ...
    def add_relay(self, relay: Relay, label: str) -> int: ...
    def connect(
        self,
        source: typing.SupportsInt | typing.SupportsIndex,
        target: typing.SupportsInt | typing.SupportsIndex,
        projection: Projection,
    ) -> None: ...
    def distribute(self, ranks: Ranks) -> None: ...
    def infer(
        self,
        samples: list[
            list[
                SpikeArray
                | tuple[
                    typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
                    typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
                ]
            ]
        ],
        until: typing.SupportsFloat | typing.SupportsIndex,
        start: typing.SupportsFloat | typing.SupportsIndex | None,
        reset: bool,
        batch: bool,
        outputs: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        record: collections.abc.Sequence[
            tuple[
                typing.SupportsInt | typing.SupportsIndex,
                typing.SupportsInt | typing.SupportsIndex,
                collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
                collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
            ]
        ],
    ) -> tuple[list[list[SpikeArray]], list[numpy.typing.NDArray[numpy.float64]]]: ...
    def replace(self, node: typing.SupportsInt | typing.SupportsIndex, population: Population) -> None: ...
    def reset(self) -> None: ...
    def restore(self, snapshot: dict[str, typing.Any]) -> None: ...
    def snapshot(self) -> dict[str, typing.Any]: ...
    @property
    def time(self) -> float | None: ...

class RecordingFindings:
    @property
    def clock_steps_back(self) -> int: ...
    @property
    def first_reserved(self) -> int: ...
    @property
    def first_step_back(self) -> int: ...
    @property
    def reserved_words(self) -> int: ...
    @property
    def untimed_events(self) -> int: ...

class RecordingDecoder:
    def __init__(self, format: str) -> None: ...
    def copy(self) -> RecordingDecoder: ...
    def decode(
        self, bytes: numpy.typing.NDArray[numpy.uint8]
    ) -> tuple[
        numpy.typing.NDArray[numpy.int64],
        numpy.typing.NDArray[numpy.uint16],
        numpy.typing.NDArray[numpy.uint16],
        numpy.typing.NDArray[numpy.uint8],
        int,
    ]: ...
    @property
    def findings(self) -> RecordingFindings: ...

class StepSpikes:
    def __init__(
        self,
        begin: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        indices: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        values: typing.Annotated[numpy.typing.ArrayLike, numpy.float64] | None = None,
        causes: typing.Annotated[numpy.typing.ArrayLike, numpy.int32] | None = None,
    ) -> None: ...
    def __len__(self) -> int: ...
    def __reduce__(self) -> tuple[typing.Any, typing.Any]: ...
    @property
    def begin(self) -> numpy.typing.NDArray[numpy.int64]: ...
    @property
    def causes(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def indices(self) -> numpy.typing.NDArray[numpy.int32]: ...
    @property
    def values(self) -> numpy.typing.NDArray[numpy.float64]: ...

class SteppedStage:
    @property
    def in_shape(self) -> tuple[int, int, int]: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...

class ConvStage(SteppedStage):
    def __init__(
        self,
        in_shape: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        out_channels: typing.SupportsInt | typing.SupportsIndex,
        kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        dilation: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        output_padding: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        groups: typing.SupportsInt | typing.SupportsIndex,
        transposed: bool,
        value_bytes: typing.SupportsInt | typing.SupportsIndex,
        threshold: typing.SupportsFloat | typing.SupportsIndex,
        leak: typing.SupportsFloat | typing.SupportsIndex,
        multiplicative: bool,
        fire_once: bool,
        analog: bool,
        competition: typing.SupportsInt | typing.SupportsIndex,
        radius: typing.SupportsInt | typing.SupportsIndex,
        report_membranes: bool = False,
    ) -> None: ...
    def set_competition(
        self, competition: typing.SupportsInt | typing.SupportsIndex, radius: typing.SupportsInt | typing.SupportsIndex
    ) -> None: ...
    def set_thresholds(
        self, thresholds: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> None: ...
    @property
    def weights(self) -> numpy.ndarray: ...

class PoolStage(SteppedStage):
    def __init__(
        self,
        in_shape: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        kernel: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
        stride: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    ) -> None: ...

class UnpoolStage(SteppedStage):
    def __init__(
        self,
        pooled: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        unpooled: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
    ) -> None: ...

class DelayStage(SteppedStage):
    def __init__(
        self,
        shape: tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
        ],
        n_steps: typing.SupportsInt | typing.SupportsIndex,
        decay: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...

class SteppedNetwork:
    def __init__(self, stages: collections.abc.Sequence[SteppedStage]) -> None: ...
    def reset(self) -> None: ...
    def run(
        self,
        inputs: collections.abc.Sequence[StepSpikes],
        sources: collections.abc.Sequence[collections.abc.Sequence[StepSpikes]],
        reset: bool,
        with_membranes: bool,
    ) -> list[tuple[list[StepSpikes], list[numpy.typing.NDArray[numpy.float64]]]]: ...
    def run_each(
        self,
        indices: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        steps: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        sources: collections.abc.Sequence[StepSpikes],
    ) -> list[StepSpikes]: ...

class SimplifiedStdp:
    def __init__(
        self,
        a_plus: typing.SupportsFloat | typing.SupportsIndex,
        a_minus: typing.SupportsFloat | typing.SupportsIndex,
        additive: bool,
        w_min: typing.SupportsFloat | typing.SupportsIndex,
        w_max: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...

class GuetigStdp:
    def __init__(
        self,
        learning_rate: typing.SupportsFloat | typing.SupportsIndex,
        alpha: typing.SupportsFloat | typing.SupportsIndex,
        mu_plus: typing.SupportsFloat | typing.SupportsIndex,
        mu_minus: typing.SupportsFloat | typing.SupportsIndex,
        tau_plus: typing.SupportsFloat | typing.SupportsIndex,
        tau_minus: typing.SupportsFloat | typing.SupportsIndex,
        w_min: typing.SupportsFloat | typing.SupportsIndex,
        w_max: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...

class ConvLearner:
    def __init__(self, stage: ConvStage) -> None: ...
    def learn(
        self,
        inputs: StepSpikes,
        winners: collections.abc.Sequence[
            tuple[
                typing.SupportsInt | typing.SupportsIndex,
                typing.SupportsInt | typing.SupportsIndex,
                typing.SupportsInt | typing.SupportsIndex,
            ]
        ],
        rule: SimplifiedStdp | GuetigStdp,
    ) -> None: ...

class LinearNeurons:
    def __init__(
        self,
        size: typing.SupportsInt | typing.SupportsIndex,
        variables: typing.SupportsInt | typing.SupportsIndex,
        flow: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        held_flow: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        reset: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        initial: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        readout: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        refractory: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        arrivals: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        held_arrivals: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    ) -> None: ...

class NodeOfRun:
    def __init__(
        self,
        spikes: collections.abc.Sequence[SpikeArray],
        causes: typing.Annotated[numpy.typing.ArrayLike, numpy.int32] | None,
        loss_by_spikes: typing.Annotated[numpy.typing.ArrayLike, numpy.float64] | None,
        n_seeds: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        seed_neurons: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        seed_times: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seed_values: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        seed_moving: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
    ) -> None: ...

class Adjoint:
    def __init__(
        self,
        nodes: collections.abc.Sequence[tuple[str, typing.SupportsInt | typing.SupportsIndex, LinearNeurons | None]],
        edges: collections.abc.Sequence[
            tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex, Projection]
        ],
    ) -> None: ...
    def backward(
        self,
        nodes: collections.abc.Sequence[NodeOfRun],
        starts: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        until: typing.SupportsFloat | typing.SupportsIndex,
        parameters: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        smallest_slope: typing.SupportsFloat | typing.SupportsIndex,
    ) -> dict[str, list[typing.Any]]: ...

def active_isa() -> str: ...
def adjoint_sizes() -> list[int]: ...
def by_distance(
    in_grid: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    out_grid: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    targets: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    profile: str,
    probability: typing.SupportsFloat | typing.SupportsIndex,
    sigma: typing.SupportsFloat | typing.SupportsIndex,
    periodic: bool,
    autapses: bool,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> SynapseTable: ...
def check_spikes(
    indices: numpy.typing.NDArray[numpy.int32],
    times: numpy.typing.NDArray[numpy.float64],
    n: typing.SupportsInt | typing.SupportsIndex,
    what: str,
) -> None: ...
def falls(times: numpy.typing.NDArray[numpy.float64]) -> bool: ...
def fixed_in_degree(
    sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    targets: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    degree: typing.SupportsInt | typing.SupportsIndex,
    autapses: bool,
    multapses: bool,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> SynapseTable: ...
def fixed_out_degree(
    sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    targets: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    degree: typing.SupportsInt | typing.SupportsIndex,
    autapses: bool,
    multapses: bool,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> SynapseTable: ...
def mark_active_features(
    features: StepSpikes,
    shape: tuple[
        typing.SupportsInt | typing.SupportsIndex,
        typing.SupportsInt | typing.SupportsIndex,
        typing.SupportsInt | typing.SupportsIndex,
    ],
    rows: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64], typing.Annotated[numpy.typing.ArrayLike, numpy.int64]
    ],
    columns: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64], typing.Annotated[numpy.typing.ArrayLike, numpy.int64]
    ],
    where: typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
    first_bit: typing.SupportsInt | typing.SupportsIndex,
    hashes: numpy.typing.NDArray[numpy.uint8],
) -> None: ...
def model_names() -> list[str]: ...
def num_threads() -> int: ...
def one_to_one(
    sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    targets: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
) -> SynapseTable: ...
@typing.overload
def optimizer_step(
    weights: numpy.typing.NDArray[numpy.float32],
    gradients: numpy.typing.NDArray[numpy.float32],
    first: numpy.typing.NDArray[numpy.float32],
    second: numpy.typing.NDArray[numpy.float32] | None,
    largest: numpy.typing.NDArray[numpy.float32] | None,
    numbers: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(10)"],
) -> None: ...
@typing.overload
def optimizer_step(
    weights: numpy.typing.NDArray[numpy.float64],
    gradients: numpy.typing.NDArray[numpy.float64],
    first: numpy.typing.NDArray[numpy.float64],
    second: numpy.typing.NDArray[numpy.float64] | None,
    largest: numpy.typing.NDArray[numpy.float64] | None,
    numbers: typing.Annotated[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], "FixedSize(10)"],
) -> None: ...
def plan_call(
    nodes: collections.abc.Sequence[
        tuple[str, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex | None]
    ],
    time: typing.SupportsFloat | typing.SupportsIndex | None,
    carried: typing.SupportsInt | typing.SupportsIndex,
    first_spikes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    until: typing.SupportsFloat | typing.SupportsIndex,
    start: typing.SupportsFloat | typing.SupportsIndex | None,
    reset: bool,
    record: collections.abc.Sequence[
        tuple[
            typing.SupportsInt | typing.SupportsIndex,
            typing.SupportsInt | typing.SupportsIndex,
            collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        ]
    ],
) -> tuple[bool, float, list[float]]: ...
def random_pairs(
    sizes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    targets: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex],
    probability: typing.SupportsFloat | typing.SupportsIndex,
    autapses: bool,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> SynapseTable: ...
def select_winners(
    spikes: StepSpikes,
    shape: tuple[
        typing.SupportsInt | typing.SupportsIndex,
        typing.SupportsInt | typing.SupportsIndex,
        typing.SupportsInt | typing.SupportsIndex,
    ],
    radius: typing.SupportsInt | typing.SupportsIndex,
    most: typing.SupportsInt | typing.SupportsIndex,
    thresholds: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
) -> list[tuple[int, int, int]]: ...
def set_num_threads(n: typing.SupportsInt | typing.SupportsIndex) -> None: ...
def spikes_from_dense(dense: numpy.ndarray) -> list[StepSpikes]: ...
@typing.overload
def sum_of_squares(rows: numpy.typing.NDArray[numpy.float32]) -> float: ...
@typing.overload
def sum_of_squares(rows: numpy.typing.NDArray[numpy.float64]) -> float: ...
def supported_isas() -> list[str]: ...

__version__: str = "0.1.0"
