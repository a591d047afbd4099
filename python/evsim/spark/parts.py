"""What somas, synapses, delays and learning rules share."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from ..errors import DTypeError, ShapeMismatchError
from .config import Config


class Part:
    """A part of a neuron: a configuration, and what it means.

    Parameters
    ----------
    config : Config, optional
        Of the part's class; the defaults without it.
    **kwargs
        Fields that differ from those of `config`.
    """

    config_class: ClassVar[type[Config]] = Config
    """Class of the configuration."""

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        if config is not None and not isinstance(config, self.config_class):
            raise DTypeError(f"{type(self).__name__} takes a {self.config_class.__name__}, got {config!r}")
        if config is None:
            config = self.config_class(**kwargs)
        elif kwargs:
            config = config.replace(**kwargs)
        self.config: Any = config

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"


def part_of(config: Config, base: type[Part]) -> Any:
    """Return the part that a configuration describes."""
    kinds = [base]
    while kinds:
        kind = kinds.pop()
        if kind.__dict__.get("config_class") is type(config):
            return kind(config)
        kinds += kind.__subclasses__()
    raise DTypeError(f"{type(config).__name__} describes no {base.__name__}")


def for_units(config: Config, units: tuple[int, ...]) -> Config:
    """Return the configuration with numbers for each unit in a row. Raises ShapeMismatchError."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if "domain" not in field.metadata or not isinstance(value, np.ndarray):
            continue
        flat[field.name] = value.ravel()
        if value.shape not in (units, (flat[field.name].size,)) or value.size != np.prod(units):
            raise ShapeMismatchError(
                f"{type(config).__name__}.{field.name} must be one number or one for each unit, shape {units}, got "
                f"shape {value.shape}"
            )
    return config.replace(**flat) if flat else config
