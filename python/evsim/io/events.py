"""Event-camera files."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .._lib.arrays import as_size
from .._lib.paths import as_path
from ..errors import FileFormatError, InvalidArgumentError
from ..events.array import EventArray
from ..events.columns import microsecond
from .atomic import replacing
from .recording import opened
from .sieve import Collection, Columns, Sieve, event_array, joined, within
from .sniff import layout_of
from .summary import RecordingSummary, warn_of_losses


def read_events(
    path: str | PathLike[str],
    *,
    start: float | None = None,
    stop: float | None = None,
    width: int | None = None,
    height: int | None = None,
    strict: bool = False,
) -> EventArray:
    """Read a recording of an event camera.

    The content decides on the format; only N-MNIST, which has no mark of its own, is also known by its ending.

    ===============================  =========================================================================
    content                          notes
    ===============================  =========================================================================
    Prophesee EVT 2.0, 2.1, 3.0      ``.raw``; size from the header, or of the sensor that it names
    Prophesee DAT                    ``.dat``; size from the header
    Event Stream 2, DVS events       ``.es``; rows are turned over, so that row 0 is the upper one
    AEDAT 2.0                        ``.aedat``; DVS128 and DAVIS, rows are turned over
    AEDAT 3.1                        ``.aedat``; polarity events
    AEDAT 4.0                        ``.aedat4``, with one event stream; extra ``events``
    HDF5                             DSEC, and others with x, y, p, t or ``CD/events``; extra ``events``
    N-MNIST                          ``.bin``, ``.bs2``; 34 x 34 pixels
    text, CSV                        ``t x y p`` (v2e and others) or as named by a first line; times with a
                                     decimal point are seconds, others microseconds
    ``.npz``                         arrays x, y, p, t, or one structured array; as :func:`write_events` writes it
    ``.npy``                         one structured array, such as tonic's
    ===============================  =========================================================================

    Parameters
    ----------
    path : path
    start, stop : float, optional
        Microseconds; only events with ``start <= t < stop`` are kept. By default all.
    width, height : int, optional
        Size of the sensor in pixels; by default as the file says, else just enough for the events.
    strict : bool
        Refuse a recording that is not as its format says. By default, what is good of it is read: words of types that
        the format reserves are skipped, events that are late are sorted (stably), and, with a
        :class:`~evsim.errors.RecordingWarning`, events outside the sensor are left out, a clock that steps back is
        kept, damaged packets and lines are left out and a broken end loses the end. :func:`scan_events` counts these.

    Returns
    -------
    EventArray
        Times in microseconds, as in the file.

    Raises
    ------
    FileFormatError
        The file is empty, of another kind, damaged so that nothing can be read, or, with `strict`, not all in order;
        the message gives the byte position. A file that was cut exactly between two events cannot be told from a
        shorter recording, except in ``.npz``, ``.npy`` and finished ``.aedat4``.
    InvalidArgumentError
        `start` is after `stop`, or a size or the path is none.
    MissingDependencyError
        The package for ``.aedat4`` or HDF5 is not installed, or the plugin that a HDF5 file needs.
    MemoryLimitError
        The events do not fit into memory; :func:`iterate_events` reads them piece by piece.
    OSError
        The file does not exist or cannot be read.

    Warns
    -----
    RecordingWarning
        Something was lost, or the clock steps back; the message names the first place.

    Notes
    -----
    The file is read piece by piece; memory is little more than that of the events (13 bytes each), and up to three
    times as much meanwhile where late events have to be sorted.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> events = evsim.EventArray([10, 25], [3, 0], [1, 1], [1, 0], width=4, height=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.io.write_events(events, os.path.join(folder, "events.npz"))
    ...     evsim.io.read_events(os.path.join(folder, "events.npz"), start=20)
    EventArray(1 event, 4 x 2 pixels, 25 to 25 us, 0 ON, 1 OFF)
    """
    source, options = as_path(path), _options(width, height, strict)
    first, end = _window(start, stop)
    with opened(source, **options) as file:
        sieve = Sieve(file, layout_of(file))
        collection = Collection()
        for part in sieve.columns():
            collection.add(within(part, first, end), file.file.tell() / file.n_bytes)
        columns = collection.by_time()
        warn_of_losses(source, file.skipped)
        return event_array(columns, sieve.size)


def scan_events(
    path: str | PathLike[str], *, width: int | None = None, height: int | None = None, strict: bool = False
) -> RecordingSummary:
    r"""Say what is in a recording, and what of it :func:`read_events` leaves out, without keeping the events.

    Parameters and errors are those of :func:`read_events`; there are no warnings.

    Returns
    -------
    RecordingSummary

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "events.txt")
    ...     with open(path, "w") as file:
    ...         _ = file.write("# t x y p\n0.001 3 1 1\n0.003 0 1 0\n0.002 2 0 1\n")
    ...     summary = evsim.io.scan_events(path)
    >>> summary.format, summary.n_events, summary.start, summary.stop, summary.late_events
    ('text', 3, 1000, 3001, 1)
    """
    with opened(as_path(path), **_options(width, height, strict)) as file:
        sieve = Sieve(file, layout_of(file))
        for _ in sieve.columns():
            pass
        return sieve.summary()


def iterate_events(
    path: str | PathLike[str],
    *,
    piece: int = 1_000_000,
    start: float | None = None,
    stop: float | None = None,
    width: int | None = None,
    height: int | None = None,
    strict: bool = False,
) -> Iterator[EventArray]:
    """Read a long recording piece by piece: together, the pieces are what :func:`read_events` returns.

    The file is read twice, first to learn the size of the sensor and how late events can be, so that the pieces follow
    each other in time. Memory is that of a few pieces, and of the events between a late one and where it belongs.
    ``.npz`` is held as a whole.

    Parameters
    ----------
    path : path
    piece : int
        Events of a piece; the last may have fewer.
    start, stop, width, height, strict
        As for :func:`read_events`.

    Returns
    -------
    iterator of EventArray
        All of one size of sensor; none is empty.

    Raises
    ------
    FileFormatError
        As for :func:`read_events`, before the first piece; or the file changes meanwhile.

    Examples
    --------
    >>> import evsim, os, tempfile
    >>> events = evsim.EventArray([10, 25, 40], [3, 0, 2], [1, 1, 0], [1, 0, 1], width=4, height=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     evsim.io.write_events(events, os.path.join(folder, "events.npz"))
    ...     for part in evsim.io.iterate_events(os.path.join(folder, "events.npz"), piece=2):
    ...         print(part)
    EventArray(2 events, 4 x 2 pixels, 10 to 25 us, 1 ON, 1 OFF)
    EventArray(1 event, 4 x 2 pixels, 40 to 40 us, 1 ON, 0 OFF)
    """
    source, options, n = as_path(path), _options(width, height, strict), as_size(piece, "piece")
    window = _window(start, stop)
    with opened(source, **options) as file:
        sieve = Sieve(file, layout_of(file))
        earliest = [int(part.t.min(initial=2**62)) for part in sieve.columns()]
        warn_of_losses(source, file.skipped)
    # An event may leave as soon as none that is earlier can follow.
    later = np.minimum.accumulate(np.array([2**62, *reversed(earliest)]))[::-1][1:]
    return _pieces(source, options, n, window, sieve.size, later.tolist())


def _pieces(
    source: Path,
    options: dict[str, Any],
    n: int,
    window: tuple[int | None, int | None],
    size: tuple[int, int],
    later: list[int],
) -> Iterator[EventArray]:
    with opened(source, **options) as file:
        waiting: list[Columns] = []
        left, k = None, -1
        for k, part in enumerate(Sieve(file, layout_of(file)).columns()):
            if k == len(later):
                break
            waiting.append(within(part, *window))
            if k + 1 < len(later) and sum(len(columns.t) for columns in waiting) < n:
                continue
            together = joined(waiting)
            n_free = int(np.searchsorted(together.t, later[k], side="right"))
            whole = n_free if k + 1 == len(later) else n_free // n * n
            for first in range(0, whole, n):
                events = _part(together, first, min(first + n, whole))
                if left is not None and events.t[0] < left:
                    raise FileFormatError(f"{source} has changed while it was read")
                left = int(events.t[-1])
                yield event_array(events, size)
            waiting = [_part(together, whole, len(together.t))]
        if k + 1 != len(later):
            raise FileFormatError(f"{source} has changed while it was read")


def _part(columns: Columns, start: int, stop: int) -> Columns:
    """Some events, in memory of their own, so that the others are freed."""
    return columns.at(np.arange(start, stop))


def _options(width: int | None, height: int | None, strict: bool) -> dict[str, Any]:
    return {
        "width": None if width is None else as_size(width, "width"),
        "height": None if height is None else as_size(height, "height"),
        "strict": bool(strict),
    }


def _window(start: float | None, stop: float | None) -> tuple[int | None, int | None]:
    first = None if start is None else microsecond(start, "start")
    end = None if stop is None else microsecond(stop, "stop")
    if first is not None and end is not None and first > end:
        raise InvalidArgumentError(f"start must not be after stop, got start = {start}, stop = {stop}")
    return first, end


def write_events(events: EventArray, path: str | PathLike[str]) -> None:
    """Write events to an ``.npz`` file: arrays ``t``, ``x``, ``y``, ``p`` and ``shape`` (2, height, width).

    Parameters
    ----------
    events : EventArray
    path : path
        Should end in ``.npz``. It is replaced in one step, or left alone on an error.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    arrays: dict[str, Any] = {"t": events.t, "x": events.x, "y": events.y, "p": events.p}
    arrays["shape"] = np.array([2, events.height, events.width], dtype=np.int64)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
