"""Optional packages, imported where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import MissingDependencyError


def require(module: str, package: str, extra: str, purpose: str) -> Any:
    """Import `module`, or say which extra of evsim brings its package.

    Examples
    --------
    >>> require("json", "json", "plot", "this").dumps(1)
    '1'
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingDependencyError(f"{purpose} needs {package}: python -m pip install 'evsim[{extra}]'") from None
