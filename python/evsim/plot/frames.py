"""Events of a camera as pictures: columns of events, and colours of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from ..errors import DTypeError, InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .common import COLORS, matplotlib, new_axes, time_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Image = npt.NDArray[np.float64]

_ON = {False: COLORS[0], True: COLORS[4]}
_OFF = {False: COLORS[1], True: COLORS[5]}
_GROUND = {False: "#FFFFFF", True: "#111111"}
_PLAIN = {False: "#222222", True: "#F2F2F2"}
_TITLE_SIZE, _SMALLEST_TITLE = 10.0, 6.0
_LETTER = 0.56
"""Mean width of the letters of a title, in its size."""
_FAINTEST = 0.5
"""Strength of the colour of a pixel with a single event."""


class Columns(NamedTuple):
    """Events as columns, sorted by time.

    Times are in the unit of the recording; ``(t - origin) * scale`` is what is shown, in `unit`.
    """

    t: npt.NDArray[Any]
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    p: npt.NDArray[np.int64]
    n_polarities: int
    width: int
    height: int
    scale: float
    unit: str | None
    origin: float

    def between(self, start: float | None, stop: float | None) -> Columns:
        """Events with ``start <= t < stop``."""
        first = 0 if start is None else int(np.searchsorted(self.t, start))
        last = len(self.t) if stop is None else int(np.searchsorted(self.t, stop))
        part = slice(first, max(last, first))
        return self._replace(t=self.t[part], x=self.x[part], y=self.y[part], p=self.p[part])

    def counts(self) -> npt.NDArray[np.int64]:
        """Events per polarity and pixel, shape (n_polarities, height, width)."""
        shape = (self.n_polarities, self.height, self.width)
        places = (self.p * self.height + self.y) * self.width + self.x
        return np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)

    def span(self) -> str:
        """How many events from when to when, for a title."""
        number = f"{len(self.t):,} event{'s' * (len(self.t) != 1)}"
        if not len(self.t):
            return number
        first, last = (self.shown(time) for time in (self.t[0], self.t[-1]))
        return f"{number}, {decimals(first, last - first)} to {decimals(last, last - first)}{self.after()}"

    def shown(self, times: Any) -> Any:
        """Times as they are shown."""
        return (times - self.origin) * self.scale

    def after(self) -> str:
        """Unit of a shown time, and what it counts from."""
        return f"{f' {self.unit}' if self.unit else ''}{' after the first event' if self.origin else ''}"

    def axis_label(self) -> str:
        """Label of an axis of shown times."""
        return time_label(self.unit).replace("time", "time after the first event" if self.origin else "time")


def decimals(time: float, span: float) -> str:
    """A time with as many decimals as tell thousandths of `span` apart."""
    digits = max(0, 3 - math.floor(math.log10(span))) if span > 0 else 3
    text = f"{time:,.{min(digits, 12)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def columns_of(events: Any, time_unit: str | None = None) -> Columns:
    """Columns of an event array, or of spikes with the shape (channels, height, width)."""
    if isinstance(events, SpikeArray):
        shape = events.shape
        if shape is None or len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] > 2):
            raise ShapeMismatchError(
                f"spikes are drawn as pixels if their shape is ([1 or 2 channels,] height, width), got {shape}"
            )
        n_polarities, height, width = (1, *shape) if len(shape) == 2 else shape
        p, y, x = np.unravel_index(events.indices.astype(np.int64), (n_polarities, height, width))
        t, scale, unit = events.times, 1.0, time_unit
    elif all(hasattr(events, name) for name in ("t", "x", "y", "p", "width", "height")):
        t, x, y, p = (np.asarray(getattr(events, name)) for name in ("t", "x", "y", "p"))
        n_polarities, height, width = 2, int(events.height), int(events.width)
        scale, unit = 1e-3, "ms"
    else:
        raise DTypeError(f"events must be an EventArray or a SpikeArray, got {type(events).__name__}")
    order = slice(None) if np.all(t[1:] >= t[:-1]) else np.argsort(t, kind="stable")
    x, y, p = (np.asarray(values)[order].astype(np.int64) for values in (x, y, p))
    t = t[order]
    origin = 0.0
    if len(t) and abs(float(t[0])) > 1000 * float(t[-1] - t[0]) > 0:  # such as microseconds since 1970
        origin = float(t[0])
    return Columns(t, x, y, p, n_polarities, width, height, scale, unit, origin)


def highest_count(counts: npt.NDArray[np.int64], limit: float | None) -> float:
    """Number of events of full colour: `limit`, or what 99 % of the pixels with events do not exceed."""
    if limit is not None:
        if as_number(limit, "limit") <= 0:
            raise InvalidArgumentError(f"limit must be positive, got {limit}")
        return float(limit)
    totals = counts.sum(axis=0)
    return float(np.percentile(totals[totals > 0], 99)) if totals.any() else 1.0


def painted(counts: npt.NDArray[np.int64], highest: float, dark: bool, plain: bool = False, fade: float = 1.0) -> Image:
    """Colours of the pixels, shape (height, width, 3): the mix of the polarities' colours, stronger for more events."""
    total = counts.sum(axis=0)[:, :, np.newaxis]
    if plain or len(counts) == 1:
        colour = np.broadcast_to(rgb(_PLAIN[dark]), (*total.shape[:2], 3))
    else:
        share = counts[1][:, :, np.newaxis] / np.maximum(total, 1)
        colour = share * rgb(_ON[dark]) + (1 - share) * rgb(_OFF[dark])
    rising = np.clip((total - 1) / max(highest - 1, 1), 0, 1)
    strength = fade * np.where(total > 0, _FAINTEST + (1 - _FAINTEST) * rising, 0.0)
    image: Image = strength * colour + (1 - strength) * rgb(_GROUND[dark])
    return image


def rgb(colour: str) -> npt.NDArray[np.float64]:
    """Red, green and blue of a colour, 0 to 1."""
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255


def show_frame(axes: Axes, image: Image, title: str | None, above_legend: bool = False) -> Any:
    """Draw the pixels with their axes; leave room for the names of the colours."""
    shown = axes.imshow(image, interpolation="nearest", origin="upper", aspect="equal")
    axes.set(xlabel="x (pixels)", ylabel="y (pixels)")
    if title:
        axes.set_title(title, fontsize=_title_size(title, axes), pad=22.0 if above_legend else None)
    return shown


def _title_size(title: str, axes: Axes) -> float:
    """Size of a title in points, small enough not to run beyond its axes: no layout makes room for its width."""
    room = axes.get_window_extent().width / axes.figure.dpi * 72.0
    longest = max(len(line) for line in title.split("\n"))
    return min(_TITLE_SIZE, max(room / (_LETTER * longest), _SMALLEST_TITLE))


def polarity_legend(axes: Axes, dark: bool) -> None:
    """Name the colours of the polarities, above the picture."""
    patch = matplotlib("patches").Patch
    axes.legend(
        handles=[patch(color=_ON[dark], label="ON"), patch(color=_OFF[dark], label="OFF")],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
        frameon=False,
        borderaxespad=0.1,
        handlelength=1.0,
        fontsize="small",
    )


def event_frame(
    events: Any,
    *,
    start: float | None = None,
    stop: float | None = None,
    dark: bool = False,
    limit: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    legend: bool = True,
    time_unit: str | None = None,
) -> Axes:
    """Draw events as an image: the colour is the polarity, the strength the number of events of a pixel.

    Parameters
    ----------
    events : EventArray or SpikeArray
        An event array has its times in microseconds. Spikes need the shape (height, width), (1, height, width) or
        (2, height, width), in which channel 0 is OFF and channel 1 is ON; without polarities all are drawn in one
        colour.
    start, stop : float, optional
        Draws the events with ``start <= t < stop``, in the events' unit of time.
    dark : bool
        Whether the ground is dark.
    limit : float, optional
        Number of events of full colour; by default what 99 % of the pixels with events do not exceed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str, optional
        By default the number of events and their first and last time, counted from the first event if it is far
        from 0; ``""`` leaves it out.
    legend : bool
        Whether to name the colours.
    time_unit : str, optional
        Unit of the times of spikes, such as ``"steps"``, for the title.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `events` is something else.
    ShapeMismatchError
        The spikes have no such shape.
    InvalidArgumentError
        `limit` is not positive.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> spikes = evsim.SpikeArray([0, 5, 11], [0.0, 1.0, 2.0], shape=(2, 2, 3))
    >>> ax = evsim.plot.event_frame(spikes, ax=Figure().subplots(), time_unit="steps")
    >>> ax.get_title()
    '3 events, 0 to 2 steps'
    """
    columns = columns_of(events, time_unit).between(start, stop)
    counts = columns.counts()
    highest = highest_count(counts, limit)
    axes = new_axes(ax)
    legend = legend and columns.n_polarities == 2
    show_frame(axes, painted(counts, highest, dark), columns.span() if title is None else title, legend)
    if legend:
        polarity_legend(axes, dark)
    return axes
