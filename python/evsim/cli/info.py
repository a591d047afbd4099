"""The commands ``evsim info`` and ``evsim cache``."""

from __future__ import annotations

import importlib
import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console, count, say, size, table_of

if TYPE_CHECKING:
    from rich.table import Table

    from ..jit import Entry


def info() -> None:
    """Show version, CPU features, threads, neuron models, GPU and optional packages."""
    import platform

    import numpy as np

    from .. import __version__, _core, num_threads
    from ..neurons import MODELS

    rows = [
        ("evsim", __version__),
        ("Python", f"{platform.python_version()}, NumPy {np.__version__}"),
        (
            "CPU features",
            f"[bold]{_core.active_isa()}[/bold] in use; available: {', '.join(_core.supported_isas())}",
        ),
        ("threads", f"{num_threads()} of {os.cpu_count()} processors"),
        ("GPU", _gpu()),
        ("neuron models", ", ".join(sorted(MODELS))),
    ]
    extras = (("matplotlib", "plot"), ("safetensors", "files"), ("scikit-learn", "demo"))
    rows += [(package, _installed(package, extra)) for package, extra in extras]
    console.print(table_of("evsim", rows))


def _gpu() -> str:
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        return "none (CuPy is not installed)"
    except Exception as error:  # a broken CUDA installation may raise anything
        return f"none (CuPy does not load: {type(error).__name__})"
    try:
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"]
        return f"{name.decode()}, found through CuPy {cupy.__version__}"
    except Exception as error:
        return f"none (CuPy {cupy.__version__} finds no device: {type(error).__name__})"


def _installed(package: str, extra: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return f"not installed: python -m pip install 'evsim\\[{extra}]'"


class CacheAction(str, Enum):
    """What ``evsim cache`` does."""

    LIST = "list"
    CLEAR = "clear"


def cache(
    action: Annotated[CacheAction, typer.Argument(help="Show the kernels, or remove them.")] = CacheAction.LIST,
    path: Annotated[
        Path | None, typer.Option(help="Folder given as compile_path, instead of your own cache folder.")
    ] = None,
) -> None:
    """List or clear the [bold]compiled kernels[/bold] that are kept on disk.

    Kernels are compiled anew when they are needed again.
    """
    from .. import jit

    folder = f"{jit.cache_folder(path)}  "
    if action is CacheAction.CLEAR:
        say(folder, f"{count(jit.clear(path), 'compiled kernel')} removed")
        return
    entries = jit.entries(path)
    if entries:
        console.print(_cache_table(entries))
    say(folder, f"{count(len(entries), 'compiled kernel')}, {size(sum(entry.size for entry in entries))}")


def _cache_table(entries: list[Entry]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from ..kernels import INCLUDE_FOLDER

    table = Table(title="Compiled kernels", title_justify="left", title_style="bold")
    table.add_column("kernel", style="cyan", overflow="fold", min_width=20)
    table.add_column("compiled", no_wrap=True)
    table.add_column("by", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("size", justify="right", no_wrap=True)
    for entry in entries:
        date = f"{entry.created.astimezone():%Y-%m-%d %H:%M}"
        path = Path(entry.name)
        name = path.name if path.is_relative_to(INCLUDE_FOLDER) else entry.name
        table.add_row(Text(name), date, Text(entry.compiler), size(entry.size))
    return table
