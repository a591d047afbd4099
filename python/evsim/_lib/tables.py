"""Small tables, as text and for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

_MOST_ROWS = 10


def shown_rows(n: int) -> list[int]:
    """Which of `n` rows a table shows: all, or the first and the last.

    Examples
    --------
    >>> shown_rows(3), shown_rows(100)
    ([0, 1, 2], [0, 1, 2, 3, 4, 95, 96, 97, 98, 99])
    """
    if n <= _MOST_ROWS:
        return list(range(n))
    half = _MOST_ROWS // 2
    return [*range(half), *range(n - half, n)]


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[Any]], n_rows: int | None = None) -> str:
    """Make a table of `rows`, all text escaped; with `n_rows` it says how many it leaves out.

    Examples
    --------
    >>> html_table("a < b", ("n",), [(1,)])
    '<table><caption>a &lt; b</caption><thead><tr><th>n</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>'
    """
    lines = ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    if n_rows is not None and n_rows > len(lines):
        lines.insert(len(lines) // 2, f'<td colspan="{len(header)}">… {n_rows - len(lines):,} more</td>')
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a table of columns that are as wide as they need to be, under a title.

    Examples
    --------
    >>> print(text_table("layers", ("layer", "size"), [("0", "20"), ("1", "3")]))
    layers
    layer  size
    0      20
    1      3
    """
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    padded = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([title, *(line.rstrip() for line in padded)])


def bytes_text(n_bytes: int) -> str:
    """Write a number of bytes with the unit that fits.

    Examples
    --------
    >>> bytes_text(800), bytes_text(1040), bytes_text(2_500_000)
    ('800 B', '1.04 kB', '2.5 MB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes} B"
