"""What all pictures share: colours, axes and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._lib.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Colours that people with any colour vision tell apart (Okabe & Ito 2008), darkest contrasts first."""

INK = "#333333"
"""Colour of what needs no other: lone spike trains, thresholds."""


def new_axes(ax: Axes | None) -> Axes:
    """Axes to draw into: `ax`, or those of a new figure."""
    if ax is None:
        ax = cast("Axes", matplotlib("pyplot").subplots(layout="constrained")[1])
    return ax


def matplotlib(module: str) -> Any:
    """A module of matplotlib."""
    return require(f"matplotlib.{module}", "matplotlib", "plot", "evsim.plot")


def time_label(unit: str | None) -> str:
    """Label of an axis of time."""
    return "time" if unit is None else f"time ({unit})"
