"""What the commands of ``evsim`` share: where they write, and how."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads to use; all processors by default.")]


def use_threads(threads: int | None) -> None:
    """Use that many threads, if a number is given."""
    if threads is not None:
        from .. import set_num_threads

        set_num_threads(threads)


def check_output(path: Path | None, suffixes: tuple[str, ...], option: str) -> None:
    """Find out that a file cannot be written before the work is done, not after."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise typer.BadParameter(f"{path} must end in {' or '.join(suffixes)}", param_hint=option)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; {option} needs a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{option}: the folder {path.parent} is not writable")


@contextmanager
def progress_bar(*, shown: bool = True) -> Iterator[Progress]:
    """Show a bar on standard error, if that is a terminal."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=errors, transient=True, disable=not (shown and errors.is_terminal)) as progress:
        yield progress


def table_of(title: str, rows: list[tuple[str, str]]) -> Table:
    """Make a table of two columns."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def say(bold: str, text: str) -> None:
    """Print a line that begins in bold; neither part is markup."""
    console.print(bold, style="bold", end="", markup=False, soft_wrap=True)
    console.print(text, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Format a time with the unit that fits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def count(number: int, noun: str) -> str:
    """Format a number of things.

    Examples
    --------
    >>> count(1, "class"), count(1200, "class"), count(2, "window")
    ('1 class', '1,200 classes', '2 windows')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def size(n_bytes: int) -> str:
    """Format a number of bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes} B"
