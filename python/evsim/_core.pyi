from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "Layer",
    "Network",
    "SpikeArray",
    "active_isa",
    "model_names",
    "num_threads",
    "set_num_threads",
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

class Layer:
    def __init__(
        self,
        n_inputs: typing.SupportsInt | typing.SupportsIndex,
        n_neurons: typing.SupportsInt | typing.SupportsIndex,
        value_bytes: typing.SupportsInt | typing.SupportsIndex,
        model: str,
        shared: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        per_neuron: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]],
    ) -> None: ...
    def n_spikes(self) -> tuple[list[int], bool]: ...
    def output(self) -> tuple[list[SpikeArray], bool]: ...
    def remembered(self, name: str) -> tuple[numpy.typing.NDArray[numpy.float64], bool]: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def n_neurons(self) -> int: ...
    @property
    def weights(self) -> numpy.ndarray: ...

class Network:
    def __init__(self, max_spikes_per_instant: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def add(self, layer: Layer) -> None: ...
    def infer(
        self,
        samples: collections.abc.Sequence[
            tuple[
                typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
                typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
            ]
        ],
        until: typing.SupportsFloat | typing.SupportsIndex,
        start: typing.SupportsFloat | typing.SupportsIndex | None,
        reset: bool,
        batch: bool,
        record: collections.abc.Sequence[
            tuple[
                typing.SupportsInt | typing.SupportsIndex,
                str,
                collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
                collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
            ]
        ],
    ) -> tuple[list[SpikeArray], list[numpy.typing.NDArray[numpy.float64]]]: ...
    def reset(self) -> None: ...
    def restore(
        self,
        snapshot: tuple[
            typing.SupportsFloat | typing.SupportsIndex | None,
            bool,
            collections.abc.Sequence[
                collections.abc.Sequence[
                    tuple[
                        bytes,
                        collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
                        typing.SupportsFloat | typing.SupportsIndex,
                    ]
                ]
            ],
        ],
    ) -> None: ...
    def snapshot(self) -> tuple[float | None, bool, list[list[tuple[bytes, list[float], float]]]]: ...
    @property
    def time(self) -> float | None: ...

def active_isa() -> str: ...
def model_names() -> list[str]: ...
def num_threads() -> int: ...
def set_num_threads(n: typing.SupportsInt | typing.SupportsIndex) -> None: ...
def supported_isas() -> list[str]: ...

__version__: str = "0.1.0"
