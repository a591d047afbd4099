"""Looking up parameters by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..errors import InvalidArgumentError

Entry = TypeVar("Entry")


def find(presets: Mapping[str, Entry], name: str, model: str) -> Entry:
    """Return a preset. Raises InvalidArgumentError, naming those there are."""
    if name not in presets:
        raise InvalidArgumentError(f"{model} has no preset {name!r}; there are: {', '.join(presets)}")
    return presets[name]
