"""Neurons tuned to velocities: each sums the events of a place that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint16]

_SMEAR = 2.8
"""Step of velocities times window, in pixels: an object between two velocities moves a pixel within a neuron's cell."""
_CELLS, _FEWEST, _MOST = 400_000, 4, 32
"""Cells that are looked at together, which shall fit into the cache; and half windows that they belong to."""


@dataclass(frozen=True, eq=False)
class Response:
    """The neuron with most events at each event.

    Attributes
    ----------
    count : ndarray of uint16, shape (n_events,)
        How many events it summed.
    velocity : ndarray of float64, shape (n_events, 2)
        What it is tuned to, pixels per second.
    """

    count: npt.NDArray[np.uint16]
    velocity: Floats


@dataclass(frozen=True, eq=False)
class VelocityBank:
    """Neurons at every place for each of some velocities.

    A neuron of velocity v hears a pixel that lies r behind it with the conduction delay r / v, so that the events of an
    object of that velocity reach it together, and it counts what has reached it within a window: a delay line with a
    coincidence detector (Jeffress, J. Comp. Physiol. Psychol. 41, 1948; Reichardt, "Autocorrelation", 1961). Told in
    places x - v t that move along, its events are those of one cell, at any time; so the whole bank is a count of
    events per cell for each velocity, added up over neighbouring cells.

    Attributes
    ----------
    velocities : ndarray of float64, shape (n_velocities, 2)
        (x, y), pixels per second.
    window : float
        Seconds.
    cell : float
        Pixels; a neuron hears squares of two by two cells.

    Examples
    --------
    >>> import numpy as np
    >>> from evsim.motion import VelocityBank
    >>> bank = VelocityBank.up_to(100.0, window=0.2)
    >>> t = np.arange(0.0, 1.0, 0.01)
    >>> response = bank.respond(t, 10 + 50 * t, np.full(100, 20.0), (80, 40))
    >>> int(response.count.max())
    20
    >>> bool(np.all(abs(np.median(response.velocity, axis=0) - [50.0, 0.0]) <= bank.step))
    True
    """

    velocities: Floats
    window: float
    cell: float = 2.25

    @classmethod
    def up_to(cls, fastest: float, window: float, beside: npt.ArrayLike = (0.0, 0.0)) -> VelocityBank:
        """Neurons for all velocities up to `fastest`, beside a velocity, on a grid as fine as the window needs."""
        step = _SMEAR / window
        n = int(np.ceil(fastest / step))
        ticks = step * np.arange(-n, n + 1)
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        return cls(grid[np.hypot(grid[:, 0], grid[:, 1]) <= fastest] + np.asarray(beside, np.float64), window)

    @classmethod
    def near(cls, velocity: Floats, window: float) -> VelocityBank:
        """Neurons for one velocity and its eight neighbours."""
        ticks = _SMEAR / window * np.arange(-1, 2)
        return cls(velocity + np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2), window)

    @property
    def step(self) -> float:
        """Pixels per second between neighbouring velocities of a grid."""
        return _SMEAR / self.window

    @property
    def volume(self) -> float:
        """Pixels times seconds that a neuron hears."""
        return 4 * self.cell**2 * self.window

    def respond(self, t: Floats, x: Floats, y: Floats, size: tuple[int, int]) -> Response:
        """The neuron that sums most events, of those that hear an event near their middle, for each event.

        Parameters
        ----------
        t : ndarray of float64, shape (n_events,)
            Seconds from 0 on, not decreasing.
        x, y : ndarray of float64, shape (n_events,)
        size : tuple of int
            (width, height).

        Notes
        -----
        O(n_velocities (n_events + n_cells)), with a cell for each `cell` squared pixels and half a window.
        """
        count, chosen = np.zeros(len(t), np.uint16), np.zeros(len(t), np.int64)
        half = self.window / 2
        blocks = int(np.clip(_CELLS * self.cell**2 / (size[0] * size[1]), _FEWEST, _MOST))
        for first in range(0, int(t[-1] / half) + 1 if len(t) else 0, blocks):
            ends = half * (first + np.array([0, blocks, -1, blocks + 1]))
            start, stop, before, after = np.searchsorted(t, ends).tolist()
            part, inner = slice(before, after), slice(start - before, stop - before)
            best = self._respond(t[part], x[part], y[part], size, float(ends[2]), blocks + 2)
            count[start:stop], chosen[start:stop] = (values[inner] for values in best)
        return Response(count, self.velocities[chosen])

    def _respond(
        self, t: Floats, x: Floats, y: Floats, size: tuple[int, int], start: float, n_blocks: int
    ) -> tuple[Counts, npt.NDArray[np.int64]]:
        """Events and number of the best neuron of each event, in a stretch of time from `start` on.

        Right for all but the first and the last of its blocks of half a window.
        """
        # Times in quarters of windows and places in halves of cells, for the sake of floor(u - 1/2).
        time = (4 / self.window * (t - start)).astype(np.float32)
        block = np.clip(np.floor(time).astype(np.int64), 0, 2 * n_blocks - 1)
        column, row = ((2 / self.cell * values).astype(np.float32) for values in (x, y))
        speeds = self.velocities * (self.window / 2 / self.cell)
        # Where the cells of a velocity begin: at multiples of a cell from where they are at time 0.
        moved = np.mod(self.velocities * (start * 2 / self.cell), 2.0)
        ahead = 2 * np.ceil(np.maximum(speeds * n_blocks, 0)) + 4 - moved
        extents = [
            np.ceil(np.abs(s) * n_blocks + n / self.cell).astype(np.int64) + 6
            for s, n in zip(speeds.T, size, strict=True)
        ]
        best, chosen = np.zeros(len(t), np.uint16), np.zeros(len(t), np.int64)
        for k, (columns, rows) in enumerate(zip(*extents, strict=True)):
            u = (column + np.float32(ahead[k, 0]) - np.float32(speeds[k, 0]) * time).astype(np.int64)
            v = (row + np.float32(ahead[k, 1]) - np.float32(speeds[k, 1]) * time).astype(np.int64)
            plane = int(columns * rows)
            key = (block >> 1) * plane + (v >> 1) * columns + (u >> 1)
            counts = np.bincount(key, minlength=(n_blocks + 1) * plane).astype(np.uint16)
            # Two blocks, and two by two cells.
            for step in (1, int(columns), plane):
                counts[:-step] += counts[step:]
            # Those whose middle is nearest to the event.
            heard = counts[(np.maximum(block - 1, 0) >> 1) * plane + (v - 1 >> 1) * columns + (u - 1 >> 1)]
            better = heard > best
            best[better] = heard[better]
            chosen[better] = k
        return best, chosen
