"""Event-camera filters, grids and file formats as plain loops over events."""

from __future__ import annotations

import struct


def refractory(events, period):
    """Positions that stay."""
    last_kept, stay = {}, []
    for k, (t, x, y, _) in enumerate(events):
        if (x, y) not in last_kept or t - last_kept[x, y] >= period:
            last_kept[x, y] = t
            stay.append(k)
    return stay


def isolated(events, radius, window):
    """Positions that stay."""
    last, stay = {}, []
    for k, (t, x, y, _) in enumerate(events):
        for row in range(y - radius, y + radius + 1):
            for column in range(x - radius, x + radius + 1):
                if (column, row) != (x, y) and (column, row) in last and t - last[column, row] <= window:
                    stay.append(k)
                    break
            else:
                continue
            break
        last[x, y] = t
    return stay


def counts(events, n_steps, step_of, channel_of, value_of):
    """{(step, channel, y, x): sum of values}, for the events whose step is one of n_steps."""
    grid = {}
    for t, x, y, p in events:
        step, channel = step_of(t), channel_of(p)
        if 0 <= step < n_steps and channel is not None:
            grid[step, channel, y, x] = grid.get((step, channel, y, x), 0) + value_of(p)
    return grid


def bilinear(events, n_bins, channel_of):
    """The voxel grid of Zhu et al. (2019) from its definition: every event at every instant."""
    first, last = events[0][0], events[-1][0]
    grid = {}
    for t, x, y, p in events:
        scaled = (n_bins - 1) * (t - first) / (last - first) if last > first else 0.0
        for b in range(n_bins):
            cell = (b, channel_of(p), y, x)
            grid[cell] = grid.get(cell, 0.0) + max(0.0, 1.0 - abs(b - scaled))
    return grid


def read_evt2(data):
    """(t, x, y, p) of the words after the header."""
    events, high = [], None
    for (word,) in struct.iter_unpack("<I", data):
        kind = word >> 28
        if kind == 8:
            value = word & 0xFFFFFFF
            wraps = 0 if high is None else high >> 28
            if high is not None and value < high & 0xFFFFFFF:
                wraps += 1
            high = wraps << 28 | value
        elif kind in (0, 1) and high is not None:
            events.append((high << 6 | word >> 22 & 63, word >> 11 & 2047, word & 2047, kind))
    return sorted(events, key=lambda event: event[0])


def read_evt3(data):
    """(t, x, y, p) of the words after the header."""
    events = []
    high = row = base = None
    low = wraps = on = 0
    for (word,) in struct.iter_unpack("<H", data):
        kind, payload = word >> 12, word & 0xFFF
        if kind == 8:
            if high is not None and payload < high:
                wraps += 1
            if payload != high:
                low = 0
            high = payload
        elif kind == 6:
            low = payload
        elif kind == 0:
            row = payload & 2047
        elif kind == 3:
            base, on = payload & 2047, payload >> 11
        elif kind == 2 and high is not None and row is not None:
            events.append(((wraps << 12 | high) << 12 | low, payload & 2047, row, payload >> 11))
        elif kind in (4, 5) and base is not None:
            width = 12 if kind == 4 else 8
            if high is not None and row is not None:
                time = (wraps << 12 | high) << 12 | low
                events += [(time, base + k, row, on) for k in range(width) if payload >> k & 1]
            base += width
    return sorted(events, key=lambda event: event[0])


def write_event_stream(events, width, height):
    """Event Stream 2 file of (t, x, y, p), y counted from above."""
    out = bytearray(b"Event Stream" + bytes([2, 0, 0, 1]) + struct.pack("<HH", width, height))
    now = 0
    for t, x, y, p in events:
        while t - now > 126:
            out.append(0xFF)
            now += 127
        out += bytes([t - now << 1 | p]) + struct.pack("<HH", x, height - 1 - y)
        now = t
    return bytes(out)
