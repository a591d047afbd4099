"""Objects whose parts are chosen when they are made."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

_set = object.__setattr__


class SetOnce:
    """Base of classes with slots whose public slots are set once, in ``__init__``.

    To replace a part of such an object afterwards would be accepted and half ignored, because other parts were made
    from it. Names that are no slots are refused by Python itself; properties with a setter stay assignable.

    Examples
    --------
    >>> class Pair(SetOnce):
    ...     __slots__ = ("first",)
    ...     def __init__(self, first):
    ...         self.first = first
    >>> pair = Pair(1)
    >>> pair.first = 2
    Traceback (most recent call last):
    ...
    dataclasses.FrozenInstanceError: Pair.first cannot be replaced; make a new Pair
    """

    __slots__ = ("__weakref__",)

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:1] != "_" and name in self.__slots__ and hasattr(self, name):
            kind = type(self).__name__
            raise FrozenInstanceError(f"{kind}.{name} cannot be replaced; make a new {kind}")
        _set(self, name, value)


def fill(target: Any, **parts: Any) -> None:
    """Set attributes of an object that is being made, without asking of each whether it was set before."""
    for name, value in parts.items():
        _set(target, name, value)


def restore(target: Any, state: dict[str, Any]) -> None:
    """Set attributes of an object that is being made again, as ``__setstate__`` does."""
    for name, value in state.items():
        setattr(target, name, value)
