"""What modules show of themselves."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def only_public(names: Sequence[str]) -> Callable[[], list[str]]:
    """Make the ``__dir__`` of a module whose completion shall offer `names` and nothing that it only uses.

    Examples
    --------
    >>> import evsim
    >>> [name for name in dir(evsim.encoders) if not name.startswith("__")]
    ['latency']
    """
    shown = sorted({*names, "__all__", "__doc__", "__file__", "__name__"})
    return lambda: list(shown)


def lazily(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package that imports what it offers when somebody asks for it.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    names : mapping of str to sequence of str
        For each module of the package, what of it the package offers as its own. Modules are offered as well.

    Examples
    --------
    >>> import evsim
    >>> evsim._lib.modules.lazily("evsim", {"spikes": ["Spike"]})("Spike") is evsim.Spike
    True
    """
    homes = {name: module for module, offered in names.items() for name in offered}

    def get(name: str) -> Any:
        if name in homes:
            value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        elif name.startswith("__") or importlib.util.find_spec(f"{package}.{name}") is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        else:
            value = importlib.import_module(f"{package}.{name}")
        setattr(sys.modules[package], name, value)
        return value

    return get
