"""Neuron models from a user's C++ header."""

from __future__ import annotations

import keyword
import math
import re
from dataclasses import dataclass, field, make_dataclass
from os import PathLike
from typing import Any, ClassVar

import numpy as np

from .._lib.arrays import as_number
from ..errors import InvalidArgumentError
from ..kernels import NeuronType, Source, compile_kernel
from .base import NeuronModel, PerNeuron, per_neuron, same_length

_DECLARATION = re.compile(r"^[ \t]*EVSIM_NEURON_MODEL\((.*)\)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, eq=False)
class UserNeuronModel(NeuronModel):
    """Base class of the models that :func:`from_source` makes."""

    source: ClassVar[Source]
    compile_path: ClassVar[str | PathLike[str] | None]
    variables: ClassVar[tuple[str, ...]] = ()
    n_ports: ClassVar[int] = 1
    """How many kinds of synapse there are; ``port=`` of a projection is a number below that, 0 if left out."""

    def __post_init__(self) -> None:
        for name in self._shared:
            object.__setattr__(self, name, as_number(getattr(self, name), name))
        for name in self._neuron:
            object.__setattr__(self, name, per_neuron(getattr(self, name), name))
        same_length(self, *self._neuron)

    @property
    def kernel_name(self) -> str:
        """Name of the compiled kernel."""
        return type(self).__name__

    def kernel_type(self) -> NeuronType:
        """Return what kernels compiled at run time call the model."""
        return NeuronType(self.kernel_name, "evsim_neuron_model", self.source)

    def port(self, port: int | str | None) -> int:
        """Return the core's number of a port. Raises InvalidArgumentError."""
        if self.n_ports == 1 or port is None:
            return super().port(port)
        if isinstance(port, (int, np.integer)) and not isinstance(port, bool) and 0 <= port < self.n_ports:
            return int(port)
        raise InvalidArgumentError(
            f"{type(self).__name__} has {self.n_ports} ports, 0 to {self.n_ports - 1}; got port={port!r}"
        )

    def __eq__(self, other: object) -> bool:
        # Classes made twice from one source are one model.
        if not isinstance(other, UserNeuronModel) or other.source.text != self.source.text:
            return NotImplemented
        return [self._value(n) for n in self._shared] == [other._value(n) for n in self._shared] and (
            self.kernel_settings()[2] == other.kernel_settings()[2]
        )

    def __hash__(self) -> int:
        return hash((self.source.text, repr(self.kernel_settings())))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: getattr(self, name) for name in (*self._shared, *self._neuron)}
        return _rebuild, (self.source, self.compile_path, values)


def _rebuild(source: Source, compile_path: str | PathLike[str] | None, values: dict[str, Any]) -> UserNeuronModel:
    return _model(source, compile_path)(**values)


def from_source(
    source: str | PathLike[str], *, compile_path: str | PathLike[str] | None = None
) -> type[UserNeuronModel]:
    """Make a neuron model of a C++ header with the interface of ``<evsim/neuron/model.h>``.

    It is then used like a built-in one: in every layer, with refractory period, probes, user callbacks, streams and
    batches. The parameters of the class are the header's ``shared_names`` and ``neuron_names``.

    Parameters
    ----------
    source : path or str
        A file, or the C++ text itself if it has more than one line. It ends with ``EVSIM_NEURON_MODEL(Type)``.
    compile_path : path, optional
        Folder for compiled kernels, in place of the user's cache folder.

    Returns
    -------
    type
        A subclass of :class:`NeuronModel`, to be called with keyword arguments.

    Raises
    ------
    KernelCompileError, CompilerNotFoundError
        It does not compile, or nothing is there to compile it with.
    InvalidArgumentError
        There is no ``EVSIM_NEURON_MODEL`` line, or a parameter has a name that Python does not take.

    Notes
    -----
    Cost: about two seconds when a source is compiled first; a few milliseconds when it is found in the cache.

    Examples
    --------
    >>> import evsim
    >>> AdaptiveLif = evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))
    >>> AdaptiveLif(tau_mem=20.0, tau_adapt=100.0, jump=0.5)
    AdaptiveLif(tau_mem=20.0, tau_adapt=100.0, jump=0.5, threshold=1.0)
    """
    return _model(Source.read(source), compile_path)


def _model(source: Source, compile_path: str | PathLike[str] | None) -> type[UserNeuronModel]:
    declaration = _DECLARATION.search(source.text)
    if declaration is None:
        raise InvalidArgumentError(
            f"{source.name} has no line EVSIM_NEURON_MODEL(Type); it says which type is the model"
        )
    name = "".join(re.findall(r"(?:\w+::)*(\w+)", declaration.group(1)))
    kernel = compile_kernel(NeuronType(name, "evsim_neuron_model", source), None, "float32", compile_path)
    twice = set(kernel.shared_names) & set(kernel.neuron_names)
    if twice:
        raise InvalidArgumentError(f"{source.name}: {sorted(twice)} cannot be both shared and per neuron")
    members: list[Any] = []
    for names, defaults, kind in (
        (kernel.shared_names, kernel.shared_defaults, float),
        (kernel.neuron_names, kernel.neuron_defaults, PerNeuron),
    ):
        for parameter, default in zip(names, defaults, strict=True):
            if not parameter.isidentifier() or keyword.iskeyword(parameter) or hasattr(UserNeuronModel, parameter):
                raise InvalidArgumentError(f"{source.name}: a parameter cannot be called {parameter!r}")
            members.append((parameter, kind) if math.isnan(default) else (parameter, kind, field(default=default)))
    return make_dataclass(
        name,
        members,
        bases=(UserNeuronModel,),
        frozen=True,
        kw_only=True,
        eq=False,
        namespace={
            "__doc__": f"Neuron model of {source.name}.",
            "__module__": UserNeuronModel.__module__,
            "_shared": tuple(kernel.shared_names),
            "_neuron": tuple(kernel.neuron_names),
            "spikes": kernel.spikes,
            "n_ports": kernel.n_ports,
            "source": source,
            "compile_path": compile_path,
            "variables": tuple(kernel.observable_names),
        },
    )


__all__ = ["UserNeuronModel", "from_source"]
