"""Neurons tuned to velocities: each sums the events of a place that moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.uint16]

_SMEAR = 2.8
"""Step of velocities times window, in pixels: an object between two velocities moves a pixel within a neuron's cell."""
_BLOCKS = 32
"""Half windows that are looked at together."""


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
    def up_to(cls, fastest: float, window: float) -> VelocityBank:
        """Neurons for all velocities up to `fastest`, on a grid as fine as the window needs."""
        step = _SMEAR / window
        n = int(np.ceil(fastest / step))
        ticks = step * np.arange(-n, n + 1)
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        return cls(grid[np.hypot(grid[:, 0], grid[:, 1]) <= fastest], window)

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
        length = _BLOCKS * self.window / 2
        for k in range(int(t[-1] / length) + 1 if len(t) else 0):
            ends = k * length + np.array([0.0, length, -self.window, length + self.window])
            first, last, before, after = np.searchsorted(t, ends).tolist()
            part = slice(before, after)
            inner = slice(first - before, last - before)
            best = self._respond(t[part], x[part], y[part], size, max(float(ends[2]), 0.0))
            count[first:last], chosen[first:last] = (values[inner] for values in best)
        return Response(count, self.velocities[chosen])

    def _respond(
        self, t: Floats, x: Floats, y: Floats, size: tuple[int, int], start: float
    ) -> tuple[Counts, npt.NDArray[np.int64]]:
        """Events and number of the best neuron of each event, in a stretch whose cells fit into memory."""
        # Quarters of windows and halves of cells, from the beginning of the stretch; places as if from time 0.
        half = 4 / self.window * (t - start)
        n_blocks = int(half[-1] / 2) + 3 if len(t) else 3
        block = np.floor(half).astype(np.int64)
        # Of two blocks, and two by two cells: those whose middle is nearest, floor(u - 1/2) and the next.
        blocks = (block >> 1) + 1, ((block - 1) >> 1) + 1
        time, column, row = (values.astype(np.float32) for values in (half, 2 * x / self.cell, 2 * y / self.cell))
        best, chosen = np.zeros(len(t), np.uint16), np.zeros(len(t), np.int64)
        speeds = self.velocities * (self.window / 2 / self.cell)
        moved = np.mod(self.velocities * start * 2 / self.cell, 2.0).astype(np.float32)
        for k, (vx, vy) in enumerate(speeds.astype(np.float32)):
            # Rows of cells lie one after the other on a ring too long for two events of a window to meet in it.
            columns, rows = (int(n / self.cell + 2 * abs(v)) + 4 for n, v in zip(size, (vx, vy), strict=True))
            bits = int(rows * columns).bit_length()
            u = np.floor(column - moved[k, 0] - vx * time).astype(np.int64)
            v = np.floor(row - moved[k, 1] - vy * time).astype(np.int64)
            key = (((v >> 1) * columns + (u >> 1)) & ((1 << bits) - 1)) + (blocks[0] << bits)
            counts = np.bincount(key, minlength=n_blocks << bits).astype(np.uint16).reshape(n_blocks, -1)
            for step in (1, columns):
                head = counts[:, :step].copy()
                counts[:, :-step] += counts[:, step:]
                counts[:, -step:] += head
            counts[:-1] += counts[1:]
            heard = counts.reshape(-1)[
                (((v - 1 >> 1) * columns + (u - 1 >> 1)) & ((1 << bits) - 1)) + (blocks[1] << bits)
            ]
            better = heard > best
            best[better] = heard[better]
            chosen[better] = k
        return best, chosen
