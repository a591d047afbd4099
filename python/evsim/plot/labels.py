"""Where labels of boxes go, so that they do not cover each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_LETTER, _LINE, _GAP = 5.4, 10.5, 0.4
"""Width of a letter, height of a line and distance from the box of labels of 7.5 points, in points."""

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class Spot:
    """A corner of a label, in pixels of the picture, and which of its corners that is."""

    x: float
    y: float
    ha: str
    va: str
    offset: tuple[float, float]
    """In points, away from the box."""


def spots(axes: Any, boxes: list[tuple[int, int, int, int]], labels: list[str], size: tuple[int, int]) -> list[Spot]:
    """Spot of each box's label: above or below a corner of the box, where no earlier label is, and in the picture.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        That show a picture of `size`, (height, width), with equal scales.
    boxes : list of (x0, y0, x1, y1)
    labels : list of str
    size : tuple of int
    """
    height, width = size
    figure = axes.figure
    extent = axes.get_window_extent()
    per_point = figure.dpi / 72.0 * max(width / max(extent.width, 1.0), height / max(extent.height, 1.0))
    line = _LINE * per_point
    taken: list[Rectangle] = []
    chosen = []
    for (x0, y0, x1, y1), label in zip(boxes, labels, strict=True):
        across = (_LETTER * len(label) + 3.0) * per_point
        rows = [(y0 - 0.5 - line, "bottom", y0 - 0.5, 1.0), (y1 + 0.5, "top", y1 + 0.5, -1.0)]
        rows.append((y0 - 0.5, "top", y0 - 0.5, -1.0))  # inside, where neither above nor below is room
        columns = [(x0 - 0.5, "left", x0 - 0.5), (x1 + 0.5 - across, "right", x1 + 0.5)]
        options = [
            ((left, top, left + across, top + line), Spot(x, y, ha, va, (_GAP if ha == "left" else -_GAP, up)))
            for top, va, y, up in rows
            for left, ha, x in columns
        ]
        inside = [
            (area, spot)
            for area, spot in options
            if min(area[:2]) > -0.51 and area[2] < width - 0.49 and area[3] < height - 0.49
        ] or options
        area, spot = min(inside, key=lambda option: sum(_shared(option[0], other) for other in taken))
        taken.append(area)
        chosen.append(spot)
    return chosen


def _shared(a: Rectangle, b: Rectangle) -> float:
    """Area that two rectangles share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
