"""Saliency, instances and tracks over the events they were found in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number, as_size
from ..errors import InvalidArgumentError, ShapeMismatchError
from .common import INK, matplotlib, new_axes, time_label
from .frames import Columns, columns_of, highest_count, painted, rgb, show_frame
from .labels import spots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..spikeseg import Instance, Track

_MOST_NUMBERS = 60
_FADE = {False: 0.55, True: 0.65}
_OBJECTS = (
    *("#2E86D6", "#E06000", "#12A27A", "#D25FA0", "#C99700", "#8A63D2", "#D33A3A", "#1AA6B7"),
    *("#7A9E1F", "#A9714B", "#6A7FDB", "#B0529A"),
)
"""Colours of objects by their number, which stand out from a light and from a dark ground alike, so that an object has
one colour in every picture. Numbers are written beside, because colours come again after these."""


def object_color(number: int) -> str:
    """Colour of an object, wherever it is drawn."""
    return _OBJECTS[number % len(_OBJECTS)]


def saliency(
    events: Any,
    saliency_map: npt.ArrayLike,
    *,
    start: float | None = None,
    stop: float | None = None,
    dark: bool = False,
    limit: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
    colorbar: bool = True,
) -> Axes:
    """Draw a saliency map over the events, which are grey; where the saliency is 0, only they are seen.

    Parameters
    ----------
    events : EventArray, SpikeArray or array_like of shape (height, width)
        See :func:`event_frame`; or the numbers of events of the pixels.
    saliency_map : array_like, shape (height, width) or (..., height, width)
        Such as what :meth:`evsim.spikeseg.SpikeSEG.decode` returns for one sample; summed over steps and channels.
        Negative sums count as 0.
    start, stop : float, optional
        Draws the events with ``start <= t < stop``, in the events' unit of time.
    dark : bool
        Whether the ground is dark.
    limit : float, optional
        Saliency of full colour; by default what 99 % of the pixels with any do not exceed.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str, optional
        By default the number of events and their first and last time; ``""`` leaves it out.
    colorbar : bool
        Whether to add a colour bar.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `events` is something else.
    ShapeMismatchError
        Events and saliency have not as many pixels.
    InvalidArgumentError
        `limit` is not positive.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from matplotlib.figure import Figure
    >>> ax = evsim.plot.saliency(np.eye(4), np.tri(4), ax=Figure().subplots())
    >>> len(ax.images)
    2
    """
    values = np.asarray(saliency_map, np.float64)
    if values.ndim < 2:
        raise ShapeMismatchError(f"a saliency map has the shape (..., height, width), got {values.shape}")
    values = np.maximum(values.reshape(-1, *values.shape[-2:]).sum(axis=0), 0)
    counts, text = _counts(events, start, stop)
    if counts.shape[1:] != values.shape:
        raise ShapeMismatchError(f"the events have {counts.shape[1:]} pixels, the saliency map {values.shape}")
    highest = float(np.percentile(values[values > 0], 99)) if values.any() else 1.0
    if limit is not None:
        highest = as_number(limit, "limit")
        if highest <= 0:
            raise InvalidArgumentError(f"limit must be positive, got {limit}")
    axes = new_axes(ax)
    show_frame(axes, _ground(counts, dark), text if title is None else title)
    strength = np.clip(values / highest, 0, 1)
    cmap = matplotlib("cm").ScalarMappable(cmap="inferno" if dark else "YlOrRd").get_cmap()
    image = axes.imshow(
        np.ma.masked_equal(values, 0.0),
        cmap=cmap,
        vmin=0.0,
        vmax=highest,
        alpha=np.where(strength > 0, 0.45 + 0.4 * strength, 0.0),
        interpolation="nearest",
    )
    if colorbar:
        solid = matplotlib("cm").ScalarMappable(norm=image.norm, cmap=cmap)
        extend = "max" if values.max(initial=0.0) > highest else "neither"
        axes.figure.colorbar(solid, ax=axes, label="saliency", shrink=0.85, extend=extend)
    return axes


def instances(
    events: Any,
    found: Sequence[Instance],
    *,
    start: float | None = None,
    stop: float | None = None,
    dark: bool = False,
    ids: Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the pixels, boxes and numbers of instances over the events, which are grey.

    Parameters
    ----------
    events : EventArray, SpikeArray or array_like of shape (height, width)
        See :func:`event_frame`; or the numbers of events of the pixels.
    found : sequence of Instance
        Such as what :func:`evsim.spikeseg.find_instances` returns.
    start, stop : float, optional
        Draws the events with ``start <= t < stop``, in the events' unit of time.
    dark : bool
        Whether the ground is dark.
    ids : sequence of int, optional
        Numbers of the instances, such as those of their tracks; 0, 1, ... by default. They choose the colours too.
    class_names : sequence of str, optional
        Names of the classes; "class 0" and so on by default, and nothing if there is only class 0.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str, optional
        By default the numbers of instances and of events, and the events' first and last time; ``""`` leaves it out.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DTypeError
        `events` is something else.
    ShapeMismatchError
        Instances have not as many pixels as the events, or there are not as many numbers or names.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from evsim.spikeseg import Instance
    >>> from matplotlib.figure import Figure
    >>> seen = Instance(0, (4, 4), np.array([5, 6]), (1, 1, 2, 1), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> ax = evsim.plot.instances(np.eye(4), [seen], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['#0']
    """
    counts, text = _counts(events, start, stop)
    numbers = list(range(len(found))) if ids is None else [int(k) for k in ids]
    if len(numbers) != len(found):
        raise ShapeMismatchError(f"{len(numbers)} ids for {len(found)} instances")
    labels = [_label(one, number, found, class_names) for one, number in zip(found, numbers, strict=True)]
    for one in found:
        if one.shape != counts.shape[1:]:
            raise ShapeMismatchError(f"the events have {counts.shape[1:]} pixels, an instance {one.shape}")
    axes = new_axes(ax)
    many = f"{len(found)} instance{'s' * (len(found) != 1)}"
    show_frame(axes, _ground(counts, dark), f"{many}\n{text}" if title is None and text else title or many)
    if title == "":
        axes.set_title("")
    mark_instances(axes, found, numbers, labels, fill=0.38)
    return axes


def mark_instances(
    axes: Axes, found: Sequence[Instance], numbers: Sequence[int], labels: Sequence[str], fill: float
) -> list[Any]:
    """Draw pixels, with the opacity `fill`, box and label of each instance; return what was drawn."""
    patches = matplotlib("patches")
    limits = {"xlim": axes.get_xlim(), "ylim": axes.get_ylim()}
    drawn: list[Any] = []
    places = spots(axes, [one.box for one in found], list(labels), found[0].shape) if found else []
    for one, number, label, spot in zip(found, numbers, labels, places, strict=True):
        color = object_color(number)
        x0, y0, x1, y1 = one.box
        if fill:
            tint = np.zeros((y1 - y0 + 1, x1 - x0 + 1, 4))
            tint[..., :3] = rgb(color)
            tint[..., 3] = fill * one.mask[y0 : y1 + 1, x0 : x1 + 1]
            extent = (x0 - 0.5, x1 + 0.5, y1 + 0.5, y0 - 0.5)
            drawn.append(axes.imshow(tint, extent=extent, interpolation="nearest", zorder=2))
        box = patches.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0 + 1, y1 - y0 + 1, fill=False, ec=color, lw=1.6, zorder=3)
        drawn.append(axes.add_patch(box))
        drawn.append(
            axes.annotate(
                label,
                (spot.x, spot.y),
                xytext=spot.offset,
                textcoords="offset points",
                va=spot.va,
                ha=spot.ha,
                fontsize=7.5,
                color="#FFFFFF",
                bbox={"facecolor": color, "edgecolor": "none", "pad": 1.2},
                zorder=4,
            )
        )
    axes.set(**limits)
    return drawn


def trajectories(
    events: Any,
    tracks: Sequence[Track],
    *,
    start: float | None = None,
    stop: float | None = None,
    max_events: int = 20_000,
    ax: Axes | None = None,
    title: str | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw tracks through x, y and time: events as points, the centre of each track as a line.

    Parameters
    ----------
    events : EventArray, SpikeArray or None
        See :func:`event_frame`; None leaves them out.
    tracks : sequence of Track
        What :func:`evsim.spikeseg.track_instances` returns, with times in the unit of the events: microseconds for an
        event array.
    start, stop : float, optional
        Draws the events with ``start <= t < stop``, in the events' unit of time.
    max_events : int
        Of more events, that many are drawn, evenly spread over them.
    ax : mpl_toolkits.mplot3d.axes3d.Axes3D, optional
        Where to draw, made with ``projection="3d"``; a new figure by default.
    title : str, optional
        Nothing by default.
    time_unit : str, optional
        Unit of the times of spikes, such as ``"steps"``, for the axis label; of an event array it is milliseconds.

    Returns
    -------
    mpl_toolkits.mplot3d.axes3d.Axes3D
        With time along its first axis, x along its second, and y downwards.

    Raises
    ------
    DTypeError
        `events` is something else.
    ShapeMismatchError
        The spikes have no shape of pixels.
    InvalidArgumentError
        `ax` has no third dimension.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot, numpy as np
    >>> from evsim.spikeseg import Instance, track_instances
    >>> from matplotlib.figure import Figure
    >>> seen = Instance(0, (4, 4), np.array([5, 6]), (1, 1, 2, 1), np.ones((3, 1), bool), np.zeros((1, 4), int))
    >>> ax = Figure().add_subplot(projection="3d")
    >>> ax = evsim.plot.trajectories(None, track_instances([[seen], [seen]]), ax=ax, time_unit="windows")
    >>> ax.get_xlabel(), len(ax.lines)
    ('time (windows)', 1)
    """
    as_size(max_events, "max_events")
    columns = None if events is None else columns_of(events, time_unit).between(start, stop)
    axes: Any = ax
    if axes is None:
        figure = matplotlib("pyplot").figure(layout="constrained")
        axes = figure.add_subplot(projection="3d")
    if not hasattr(axes, "set_zlabel"):
        raise InvalidArgumentError("trajectories need axes with three dimensions: figure.add_subplot(projection='3d')")
    if columns is not None:
        _scatter(axes, columns, max_events)
    for track in tracks:
        color = object_color(track.track_id)
        x, y = track.centroids.T
        times = np.array(track.times) if columns is None else columns.shown(np.array(track.times))
        axes.plot(
            times,
            x,
            y,
            color=color,
            linewidth=2.2,
            marker="o",
            markersize=3.5,
            zorder=5,
            label=f"track {track.track_id} (class {track.class_id})",
        )
        if len(tracks) <= _MOST_NUMBERS:
            text = f"#{track.track_id}"
            axes.text(float(times[-1]), x[-1], y[-1], f" {text}", color=color, fontsize=8, fontweight="bold", zorder=6)
    label = time_label(time_unit) if columns is None else columns.axis_label()
    axes.set(xlabel=label, ylabel="x (pixels)", zlabel="y (pixels)")
    shapes = [one.shape for track in tracks for one in track.instances]
    if columns is not None or shapes:
        height, width = shapes[0] if columns is None else (columns.height, columns.width)
        axes.set(ylim=(0, width), zlim=(height, 0))
        axes.set_box_aspect((1.5 * max(width, height), width, height), zoom=0.86)
    axes.view_init(elev=20, azim=-55)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.labelpad = 8
        axis.set_major_locator(matplotlib("ticker").MaxNLocator(5))
        axis.pane.set_facecolor("#FFFFFF")
        axis.pane.set_edgecolor("#CCCCCC")
    if 0 < len(tracks) <= len(_OBJECTS):
        axes.legend(frameon=False, loc="upper left", fontsize="small", ncols=2)
    if title:
        axes.set_title(title, fontsize="medium")
    return axes  # type: ignore[no-any-return]


def _scatter(axes: Any, columns: Columns, max_events: int) -> None:
    n = len(columns.t)
    some = np.arange(n) if n <= max_events else np.linspace(0, n - 1, max_events).round().astype(np.int64)
    axes.scatter(
        columns.shown(columns.t[some]),
        columns.x[some],
        columns.y[some],
        s=1.5,
        c=INK,
        alpha=0.12 if len(some) > 5_000 else 0.3,
        linewidths=0,
        rasterized=True,
        depthshade=False,
    )


def _counts(events: Any, start: float | None, stop: float | None) -> tuple[npt.NDArray[np.int64], str]:
    """Events of each pixel, shape (n_polarities, height, width), and what they are."""
    if isinstance(events, (np.ndarray, list, tuple)):
        frame = np.asarray(events)
        if frame.ndim != 2:
            raise ShapeMismatchError(f"a frame of events has the shape (height, width), got {frame.shape}")
        return frame[np.newaxis].astype(np.int64), ""
    columns = columns_of(events).between(start, stop)
    return columns.counts(), columns.span()


def _ground(counts: npt.NDArray[np.int64], dark: bool) -> npt.NDArray[np.float64]:
    return painted(counts, highest_count(counts, None), dark, plain=True, fade=_FADE[dark])


def _label(one: Instance, number: int, found: Sequence[Instance], class_names: Sequence[str] | None) -> str:
    if class_names is not None:
        if one.class_id >= len(class_names):
            raise ShapeMismatchError(f"{len(class_names)} names, but there is an instance of class {one.class_id}")
        return f"#{number} {class_names[one.class_id]}"
    return f"#{number} class {one.class_id}" if any(other.class_id for other in found) else f"#{number}"
