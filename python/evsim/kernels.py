"""User kernels: callbacks and neuron models in C++, compiled when they are first used."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import itertools
import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from . import _core, jit
from ._lib.arrays import as_float
from ._lib.modules import only_public
from .errors import DTypeError, InvalidArgumentError, KernelError, KernelLoadError, NonFiniteError
from .jit.checks import assertions, refuse_mistakes, with_checked_traces

__all__ = ["INCLUDE_FOLDER", "BatchUpdate", "Kernel", "NeuronType", "Source", "shipped"]

INCLUDE_FOLDER = Path(_core.__file__).parent / "include"
"""The headers that kernel sources include."""


def shipped(name: str) -> Path:
    """Path of a kernel source that evsim ships, such as ``"adaptive_lif.h"``.

    Raises
    ------
    InvalidArgumentError
        There is none of this name; the message lists those there are.

    Examples
    --------
    >>> shipped("adaptive_lif.h").name
    'adaptive_lif.h'
    """
    sources = {path.name: path for path in sorted((INCLUDE_FOLDER / "shipped").iterdir())}
    if not isinstance(name, str) or name not in sources:
        raise InvalidArgumentError(f"evsim ships no kernel {name!r}; it ships: {', '.join(sources)}")
    return sources[name]


def _as_text(source: str) -> str:
    if len(source) > _LARGEST:
        raise InvalidArgumentError(f"a source of {len(source)} characters; a kernel source has at most {_LARGEST}")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"the source string is not text: {error}") from None
    return source.removeprefix("\ufeff").replace("\r\n", "\n")


_LARGEST = 1 << 24
BatchUpdate = Literal["sum", "mean"]
_T = TypeVar("_T")
_ONCE = re.compile(r"^[ \t]*#[ \t]*pragma[ \t]+once[ \t]*$", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)
_EVSPIKESIM = re.compile(r"^[ \t]*#[ \t]*include[ \t]*[<\"]evspikesim/", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    r"""C++ text, and the file it was read from, if any.

    Examples
    --------
    >>> Source.read("int answer() {\n    return 42;\n}").name
    'source string'
    """

    text: str = field(repr=False)
    path: str | None = None
    debug: bool = False
    """Whether callbacks look at the indices of traces."""

    @classmethod
    def read(cls, source: str | PathLike[str]) -> Source:
        """Take `source` as text if it is a string of more than one line, else as the path of a file."""
        if isinstance(source, str) and "\n" in source:
            return cls(_as_text(source))
        if not isinstance(source, (str, PathLike)):
            raise DTypeError(f"a kernel source is a path or a string of C++, got {source!r}")
        path = Path(fspath(source)).absolute()
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                raise InvalidArgumentError(f"{path} is no regular file, which a kernel source has to be")
            if status.st_size > _LARGEST:
                raise InvalidArgumentError(f"{path} has {status.st_size} bytes; a kernel source has at most {_LARGEST}")
            return cls(path.read_text(encoding="utf-8-sig"), str(path))
        except FileNotFoundError as error:
            hint = "no such file (a string of one line is a path; C++ text has more than one)"
            raise FileNotFoundError(error.errno, hint, str(path)) from None
        except UnicodeDecodeError as error:
            raise InvalidArgumentError(f"{path} is not a text file: {error}") from None
        except InvalidArgumentError:
            raise
        except ValueError as error:  # a null byte in the path
            raise InvalidArgumentError(f"{source!r} is not a path: {error}") from None

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.path or "source string"

    @property
    def shipped_name(self) -> str | None:
        """Name of the source that evsim ships, if it is one, as it is."""
        path = Path(self.path) if self.path and not self.debug else None
        return path.stem if path and path.parent == INCLUDE_FOLDER / "shipped" else None

    @property
    def is_evspikesim(self) -> bool:
        """Whether it was written for EvSpikeSim, whose headers it may include by way of its own."""
        texts = itertools.chain([self.text], (content.decode(errors="replace") for content in self.own_headers()))
        return any(_EVSPIKESIM.search(text) for text in texts)

    def own_headers(self) -> Iterator[bytes]:
        """Contents of what it includes in quotes from its own folder, and of what that includes."""
        return _own_headers(self.text, Path(self.path).parent, set()) if self.path else iter(())

    def at_line(self, number: int) -> str:
        """Return the directive that makes compiler messages name a line of this source."""
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'#line {number} "{escaped}"\n'

    def listing(self) -> str:
        """Return the text with the file and line that compiler messages shall name."""
        text = _ONCE.sub("", self.text)  # it is no header here
        return f"{self.at_line(1)}{with_checked_traces(text) if self.debug else text}\n"

    def checks(self) -> str:
        """Return what the compiler is asked about callbacks, after them."""
        return "".join(self.at_line(line) + assertion for line, assertion in assertions(self.text))


def _own_headers(text: str, folder: Path, seen: set[Path]) -> Iterator[bytes]:
    for name in _INCLUDE.findall(text):
        path = (folder / name).resolve()
        if path not in seen and path.is_file():
            seen.add(path)
            content = path.read_bytes()
            yield content
            yield from _own_headers(content.decode(errors="replace"), path.parent, seen)


class Kernel:
    r"""Callbacks of a layer, such as a plasticity rule, in C++.

    Parameters
    ----------
    source : path or str
        A file (``.cpp`` or ``.cu``), or the C++ text itself if it has more than one line.
    parameters : mapping of str to float, optional
        Values for what the source declares with ``EVSIM_PARAMETERS``; others keep the source's values.
    batch_update : {"sum", "mean"}
        For kernels that write weights. Each sample of a batch learns from the same first weights; afterwards the layer
        gets the sum, or the mean, of their changes.
    debug : bool
        Check the index of every trace that a callback reads or writes, on the CPU, at a few times the cost.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InvalidArgumentError, NonFiniteError, DTypeError
        For other values.

    See Also
    --------
    SpikingNetwork.add_layer : takes a kernel, and compiles it.

    Examples
    --------
    >>> import evsim
    >>> rule = evsim.Kernel('''
    ... #include <evsim/callbacks.h>
    ... using evsim::real;
    ... EVSIM_PARAMETERS(rate = 0.5)
    ... void on_pre_synapse(real& weight, const real*, real*, const Parameters& p) { weight += p.rate; }
    ... ''')
    >>> net = evsim.SpikingNetwork()
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), kernel=rule)
    >>> spikes = net.infer([0, 0, 0], [1.0, 2.0, 3.0])
    >>> layer.weights
    array([[2.5]], dtype=float32)
    """

    def __init__(
        self,
        source: str | PathLike[str],
        *,
        parameters: Mapping[str, float] | None = None,
        batch_update: BatchUpdate = "sum",
        debug: bool = False,
    ) -> None:
        if not isinstance(batch_update, str) or batch_update not in ("sum", "mean"):
            raise InvalidArgumentError(f"batch_update must be 'sum' or 'mean', got {batch_update!r}")
        if not isinstance(debug, bool):
            raise DTypeError(f"debug must be True or False, got {debug!r}")
        self.source = replace(Source.read(source), debug=debug)
        self.parameters = check_parameters({} if parameters is None else parameters)
        self.batch_update: BatchUpdate = batch_update

    def with_parameters(self, values: Mapping[str, float]) -> Kernel:
        """Return the same kernel with other values for some parameters."""
        other = copy.copy(self)
        other.parameters = self.parameters | check_parameters(values)
        return other

    def __repr__(self) -> str:
        debug = ", debug=True" if self.source.debug else ""
        return f"Kernel({self.source.name!r}, parameters={self.parameters}, batch_update={self.batch_update!r}{debug})"


def check_parameters(values: Mapping[str, float]) -> dict[str, float]:
    """Parameters as floats, none of them NaN."""
    if not isinstance(values, Mapping):
        raise DTypeError(f"kernel parameters are a mapping of names to numbers, got {values!r}")
    checked = {str(name): as_float(value, f"kernel parameter {name!r}") for name, value in values.items()}
    for name, value in checked.items():
        if value != value:
            raise NonFiniteError(f"kernel parameter {name!r} must not be NaN")
    return checked


def parameter_names(declaration: str) -> list[str]:
    """Names in the text of an ``EVSIM_PARAMETERS`` declaration.

    Examples
    --------
    >>> parameter_names("rate = 0.5, w_max = larger(1, 2), offset{3}")
    ['rate', 'w_max', 'offset']
    """
    depth, parts = 0, [""]
    for letter in declaration:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [match.group() for part in parts if (match := re.match(r"\w+", part.strip()))]


@dataclass(frozen=True)
class NeuronType:
    """A neuron model as C++ code sees it: what to include, and the name of the type."""

    name: str
    cpp_type: str
    source: Source | None = None


def compile_kernel(
    neuron: NeuronType, callbacks: Source | None, dtype: str, compile_path: str | PathLike[str] | None
) -> _core.Kernel:
    """Return a neuron model with callbacks beside it: those that ship, or compiled now or found in the cache.

    Raises
    ------
    KernelCompileError, CompilerNotFoundError, KernelCacheError, KernelLoadError
        The reason why not.
    """
    size, folder = np.dtype(dtype).itemsize, compile_folder(compile_path)
    if neuron.source is None:
        kernel = _core.Kernel.builtin(neuron.name, size)
    else:
        export = [
            "#include <evsim/loops/user_kernel.h>\n",
            f'EVSIM_EXPORT_KERNEL("{neuron.name}", {neuron.cpp_type})\n',
        ]
        text = unit(definitions(None, dtype, "user", folder), neuron, None, export)
        kernel = _loaded(_core.Kernel.load, text, neuron.source, folder)
    if callbacks is None:
        return kernel
    if (name := callbacks.shipped_name) in _core.Rule.builtin_names():
        return kernel.with_rule(_core.Rule.builtin(name, size))
    export = ["#include <evsim/loops/user_rule_table.h>\n", f"EVSIM_EXPORT_RULE({json.dumps(callbacks.name)})\n"]
    text = unit(definitions(callbacks, dtype, "user", folder), None, callbacks, export)
    return kernel.with_rule(_loaded(_core.Rule.load, text, callbacks, folder))


def _loaded(load: Callable[[str], _T], text: str, source: Source, folder: Path | None) -> _T:
    for _ in range(2):
        library = _build(text, source, folder)
        try:
            return load(str(library))
        except KernelLoadError:
            # Somebody has cleared the cache in between, or what it holds is of no use.
            with contextlib.suppress(OSError):
                library.unlink(missing_ok=True)
    return load(str(_build(text, source, folder)))


def compile_folder(compile_path: str | PathLike[str] | None) -> Path | None:
    """Return the folder that a user names for compiled kernels."""
    if compile_path is None or isinstance(compile_path, (str, PathLike)):
        return None if compile_path is None else Path(compile_path)
    raise DTypeError(f"compile_path must be a path, got {compile_path!r}")


def _trace_counts(library: Path, callbacks: Source) -> tuple[str, str]:
    try:
        count = ctypes.CDLL(str(library)).evsim_trace_count
    except OSError as error:
        raise KernelLoadError(f"{callbacks.name} cannot be loaded: {error}") from None
    neuron, synaptic = count(0), count(1)
    if min(neuron, synaptic) < 0:
        raise KernelError(f"{callbacks.name}: a function of trace time constants threw an exception")
    return str(neuron), str(synaptic)


def definitions(callbacks: Source | None, dtype: str, isa: str, folder: Path | None) -> dict[str, str]:
    """Return what has to be defined before a unit: `isa` names the copy of the inline functions."""
    definitions = {"EVSIM_ISA": isa, "EVSIM_REAL": {"float32": "float", "float64": "double"}[dtype]}
    if callbacks and callbacks.debug:
        definitions["EVSIM_DEBUG"] = ""
    if callbacks and callbacks.is_evspikesim:
        if callbacks.debug:
            raise InvalidArgumentError(
                f"{callbacks.name}: debug=True is for sources that include <evsim/callbacks.h>, not for those written "
                "for EvSpikeSim"
            )
        asking = unit({**definitions, "EVSIM_TRACE_COUNTS": ""}, None, callbacks, [])
        library = _build(asking, callbacks, folder)
        definitions["EVSIM_N_NEURON_TRACES"], definitions["EVSIM_N_SYNAPTIC_TRACES"] = _trace_counts(library, callbacks)
    return definitions


def unit(
    definitions: Mapping[str, str], neuron: NeuronType | None, callbacks: Source | None, export: Sequence[str]
) -> str:
    """Return the translation unit of a neuron model and callbacks; it ends with `export`."""
    parts = [f"#define {name} {value}\n" for name, value in definitions.items()]
    parts.append("#include <evsim/callbacks.h>\n")
    if callbacks:
        refuse_mistakes(callbacks.text, callbacks.name, weights_are_written=not callbacks.is_evspikesim)
    if callbacks and callbacks.debug:
        parts.append("#include <evsim/plasticity/checked_traces.h>\n")
    if neuron:
        parts += [neuron.source.listing() if neuron.source else "", "#include <evsim/neuron/models.h>\n"]
        parts.append("#include <evsim/neuron/nonlinear_models.h>\n")
    if callbacks:
        parts.append(callbacks.listing())
        if callbacks.is_evspikesim:
            parts.append("#include <evspikesim/adapter.h>\n")
        if export:
            parts += ['#line 1 "<evsim>"\n', "#include <evsim/plasticity/user_rule.h>\n", callbacks.checks()]
    parts.append('#line 1 "<evsim>"\n')
    return "".join([*parts, *export])


def _build(text: str, source: Source, folder: Path | None) -> Path:
    own = [Path(source.path).parent] if source.path else []
    return jit.build(text, include_folders=[INCLUDE_FOLDER], quote_folders=own, folder=folder)


__dir__ = only_public(__all__)
