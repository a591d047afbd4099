"""Configurations: what a part is made with, checked, and in plain form."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, TypeVar

import numpy as np

from .._lib.arrays import as_array, as_number, as_size
from ..errors import DTypeError, FileFormatError, InvalidArgumentError, NonFiniteError, UnsupportedError
from .files import read_plain, write_plain

Own = TypeVar("Own", bound="Config")
_SHARED = "_s_"
_STEPS = {
    "dt": "evsim computes exact spike times in continuous time and has no step; leave dt out (a LinearSynapses kernel "
    "gives its charge in a time of its own, pulse)",
    "async_spikes": "spikes have times of their own here, so there is no array of spikes by connection and step",
}
"""Fields of Spark that mean something only where time goes in steps, and why not here."""

configs: dict[str, type[Config]] = {}
"""All classes of configurations by name."""


@dataclasses.dataclass(frozen=True)
class Domain:
    """Which values a field may have: numbers of a range, one or, where `arrays` says so, one for each unit."""

    words: str
    accepts: Callable[[Any], Any]
    arrays: bool = True

    def convert(self, value: Any, name: str, unit: str) -> Any:
        """Return the value as a float, or a read-only array of them. Raises the errors of :class:`Config`."""
        wanted = f"{name} must be {self.words}{f' ({unit})' if unit else ''}"
        if isinstance(value, str) and _is_number(value):
            raise DTypeError(f"{wanted}, got the text {value!r}; YAML takes 1e-3 for text, and 1.0e-3 for a number")
        array: Any = as_array(value, name, self.words).copy()
        if array.dtype.kind not in "iuf" or (array.ndim and not self.arrays):
            raise DTypeError(f"{wanted}, got {reprlib.repr(value)}")
        array = array.astype(np.float64)
        if not np.all(np.isfinite(array)):
            raise NonFiniteError(f"{wanted}, got {reprlib.repr(value)}")
        if not np.all(self.accepts(array)):
            wrong = array[~self.accepts(array)].ravel()[0]
            raise InvalidArgumentError(f"{wanted}, got {wrong:g}")
        if array.ndim == 0:
            return float(array)
        array.flags.writeable = False
        return array


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


ANY = Domain("a number, or one for each unit", lambda x: np.isfinite(x))
POSITIVE = Domain("> 0", lambda x: x > 0)
NOT_NEGATIVE = Domain(">= 0", lambda x: x >= 0)
FRACTION = Domain("from 0 to 1", lambda x: (x >= 0) & (x <= 1), arrays=False)
NUMBER = Domain("a number", lambda x: np.isfinite(x), arrays=False)
ONE_POSITIVE = dataclasses.replace(POSITIVE, arrays=False)
ONE_NOT_NEGATIVE = dataclasses.replace(NOT_NEGATIVE, arrays=False)


def quantity(default: float, domain: Domain = ANY, unit: str = "") -> Any:
    """Make a field that holds a number in `unit`, or one for each unit of the population."""
    return dataclasses.field(default=default, metadata={"domain": domain, "unit": unit})


def part(default: Callable[[], Any] | None, kind: Callable[[], type[Any]], *, optional: bool = False) -> Any:
    """Make a field that holds another configuration, of class `kind()` or one derived from it."""
    return dataclasses.field(
        default_factory=default or (lambda: None), metadata={"kind": kind, "default": default, "optional": optional}
    )


def other(default: Any, convert: Callable[[Any, str], Any]) -> Any:
    """Make a field whose value `convert(value, name)` checks."""
    return dataclasses.field(default=default, metadata={"convert": convert})


@dataclasses.dataclass(init=False, frozen=True, eq=False, repr=False)
class Config:
    """Base class of all configurations: fields by keyword, checked when it is made, never changed afterwards.

    Parameters
    ----------
    **kwargs
        Fields of the class. ``soma__threshold=-45.0`` is a field of a field, however deep. ``_s_tau=5.0`` sets the
        field in this configuration and in all within it that have it, unless they are given it themselves.

    Raises
    ------
    InvalidArgumentError, NonFiniteError, DTypeError
        A value outside its domain, or no such field. The message names class, field, allowed range and value.
    UnsupportedError
        A field that means something only where time goes in steps, such as ``dt``.

    Examples
    --------
    >>> from evsim.spark import ALIFNeuronConfig
    >>> config = ALIFNeuronConfig(units=(100,), soma__potential_tau=15.0)
    >>> config.soma.potential_tau, config.replace(soma__cooldown=3.0).soma.cooldown
    (15.0, 3.0)
    >>> ALIFNeuronConfig(units=(100,), soma__potential_tau=-1.0)
    Traceback (most recent call last):
    ...
    evsim.errors.InvalidArgumentError: AdaptiveLeakySomaConfig.potential_tau must be > 0 (ms), got -1
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            configs[cls.__name__] = cls

    def __init__(self, **kwargs: Any) -> None:
        own, nested, shared = _sorted_keywords(type(self), kwargs)
        for field in dataclasses.fields(self):
            given = nested.get(field.name, {})
            if "kind" in field.metadata:
                value = self._part(field, own.get(field.name, dataclasses.MISSING), given, shared)
            elif given:
                raise InvalidArgumentError(f"{self._path(field.name)} has no field {next(iter(given))!r}")
            else:
                value = own.get(field.name, shared.get(field.name, field.default))
                if value is dataclasses.MISSING:
                    raise InvalidArgumentError(f"{type(self).__name__} needs {field.name}=")
                value = self._converted(field, value)
            object.__setattr__(self, field.name, value)
        _refuse_unknown_shared(self, shared)
        self._check()

    def _check(self) -> None:
        """Raise InvalidArgumentError where fields do not go together."""

    def _path(self, name: str) -> str:
        return f"{type(self).__name__}.{name}"

    def _converted(self, field: dataclasses.Field[Any], value: Any) -> Any:
        name = self._path(field.name)
        if "convert" in field.metadata:
            return field.metadata["convert"](value, name)
        domain: Domain = field.metadata["domain"]
        return domain.convert(value, name, field.metadata["unit"])

    def _part(
        self, field: dataclasses.Field[Any], value: Any, given: Mapping[str, Any], shared: Mapping[str, Any]
    ) -> Any:
        kind, default = field.metadata["kind"](), field.metadata["default"]
        name = self._path(field.name)
        if value is dataclasses.MISSING:
            value = None if default is None else default()
        if isinstance(value, Mapping):
            typed = "type" in value or default is None
            value = (Config if typed else type(default())).from_dict(value)
        if value is None and given:
            raise InvalidArgumentError(f"{name} is None and has no field {next(iter(given))!r}; give {name} first")
        if value is None and field.metadata["optional"]:
            return None
        if isinstance(value, kind) and isinstance(value, Config):
            theirs = {_SHARED + key: one for key, one in shared.items() if _anywhere(value, key)}
            return value.replace(**theirs, **given) if theirs or given else value
        if "convert" in field.metadata:
            return field.metadata["convert"](value, name)
        raise DTypeError(f"{name} must be a {kind.__name__}, got {reprlib.repr(value)}")

    # Copies

    def replace(self: Own, **kwargs: Any) -> Own:
        """Return the same configuration with other values of some fields; keywords as of the class."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for key in kwargs:
            if key.startswith(_SHARED):
                own.pop(key[len(_SHARED) :], None)
        return type(self)(**{**own, **kwargs})

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as text, numbers and lists, with the name of its class as ``"type"``."""
        plain: dict[str, Any] = {"type": type(self).__name__}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Config):
                value = value.to_dict()
            elif isinstance(value, np.ndarray):
                value = value.tolist()
            plain[field.name] = list(value) if isinstance(value, tuple) else value
        return plain

    @classmethod
    def from_dict(cls: type[Own], values: Mapping[str, Any]) -> Own:
        """Return what :meth:`to_dict` gave; fields that are left out have their defaults.

        Raises
        ------
        FileFormatError
            It names no class of configurations, or another one than this.
        """
        if not isinstance(values, Mapping):
            raise FileFormatError(f"a configuration is a mapping of names to values, got {reprlib.repr(values)}")
        name = values.get("type", cls.__name__)
        kind = configs.get(name) if isinstance(name, str) else None
        if kind is None or not issubclass(kind, cls):
            known = ", ".join(sorted(key for key, one in configs.items() if issubclass(one, cls)))
            raise FileFormatError(f"there is no {cls.__name__} {reprlib.repr(name)}; there are {known}")
        fields = {key: value for key, value in values.items() if key != "type"}
        unknown = [key for key in fields if key not in _STEPS and not _is_field(kind, key)]
        if unknown:
            raise FileFormatError(f"{name} has no field {reprlib.repr(unknown[0])}; it has {_names(kind)}")
        return kind(**fields)

    # Text and files

    def to_file(self, path: str | PathLike[str]) -> None:
        """Write the configuration as JSON or, where the name ends in .yaml or .yml, as YAML; whole or not at all.

        Raises
        ------
        MissingDependencyError
            YAML without PyYAML.
        """
        write_plain(self.to_dict(), path)

    @classmethod
    def from_file(cls: type[Own], path: str | PathLike[str]) -> Own:
        """Read what :meth:`to_file` wrote.

        Raises
        ------
        FileFormatError
            The file holds something else.
        MissingDependencyError
            YAML without PyYAML.
        """
        try:
            return cls.from_dict(read_plain(path))
        except FileFormatError as error:
            raise FileFormatError(f"{path}: {error}") from None

    # Comparison

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self)
        )

    def __hash__(self) -> int:
        return hash(repr(self.to_dict()))

    def __repr__(self) -> str:
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self))
        return f"{type(self).__name__}({values})"


def config_class(cls: type[Own]) -> type[Own]:
    """Make a class of configurations from its fields."""
    return dataclasses.dataclass(init=False, frozen=True, eq=False, repr=False)(cls)


def _is_field(kind: type[Config], name: Any) -> bool:
    return any(field.name == name for field in dataclasses.fields(kind))


def _names(kind: type[Config]) -> str:
    return ", ".join(field.name for field in dataclasses.fields(kind)) or "none"


def _is_part(field: dataclasses.Field[Any]) -> bool:
    return "kind" in field.metadata


def _sorted_keywords(
    kind: type[Config], keywords: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, Any]]:
    """Fields; fields of fields by field; and those for all."""
    own: dict[str, Any] = {}
    nested: dict[str, dict[str, Any]] = {}
    shared: dict[str, Any] = {}
    for key, value in keywords.items():
        name = key.removeprefix(_SHARED)
        last = name.rpartition("__")[2]
        if last in _STEPS:
            raise UnsupportedError(f"{kind.__name__}: {last} means nothing here. {_STEPS[last]}")
        if key.startswith(_SHARED):
            shared[name] = value
            continue
        head, deeper, rest = name.partition("__")
        if not _is_field(kind, head):
            raise InvalidArgumentError(f"{kind.__name__} has no field {head!r}; it has {_names(kind)}")
        if deeper:
            nested.setdefault(head, {})[rest] = value
        else:
            own[head] = value
    return own, nested, shared


def _refuse_unknown_shared(config: Config, shared: Mapping[str, Any]) -> None:
    for name in shared:
        if not _anywhere(config, name):
            raise InvalidArgumentError(f"no part of {type(config).__name__} has a field {name!r} ({_SHARED}{name}=)")


def _anywhere(config: Config, name: str) -> bool:
    if _is_field(type(config), name):
        return True
    parts = (getattr(config, field.name) for field in dataclasses.fields(config) if _is_part(field))
    return any(_anywhere(one, name) for one in parts if isinstance(one, Config))


def as_units(value: Any, name: str) -> tuple[int, ...]:
    """Return the shape of a population, from its size or its shape."""
    sizes = list(value) if isinstance(value, (list, tuple)) else [value]
    if not sizes:
        raise InvalidArgumentError(f"{name} must be sizes of 1 or more, got {value!r}")
    return tuple(as_size(one, name) for one in sizes)


def as_text(*allowed: str) -> Callable[[Any, str], str]:
    """Return a check that a field is one of some words."""

    def convert(value: Any, name: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise InvalidArgumentError(f"{name} must be {' or '.join(map(repr, allowed))}, got {reprlib.repr(value)}")
        return value

    return convert


def as_seed(value: Any, name: str) -> int | None:
    """Return a seed: None, or an integer >= 0."""
    if value is None:
        return None
    number = as_number(value, name)
    if number < 0 or number != int(number):
        raise InvalidArgumentError(f"{name} must be an integer >= 0 or None, got {value!r}")
    return int(value)
