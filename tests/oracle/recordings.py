"""Recordings of event cameras, written and read one item after another as the formats' pages say."""

from __future__ import annotations

import struct


class Clock:
    """Upper bits of time: a fall by at least half the range means that they are full; a smaller one is kept."""

    def __init__(self, bits):
        self.range, self.base, self.value, self.steps_back = 1 << bits, 0, None, 0

    def set(self, value):
        if self.value is not None and value < self.value:
            if 2 * (self.value - value) >= self.range:
                self.base += self.range
            else:
                self.steps_back += 1
        self.value = value

    @property
    def now(self):
        return None if self.value is None else self.base + self.value


def read_evt2(data):
    """(events in the file's order, reserved words, steps back)."""
    clock, events, reserved = Clock(28), [], 0
    for (word,) in struct.iter_unpack("<I", data[: len(data) // 4 * 4]):
        kind = word >> 28
        if kind == 8:
            clock.set(word & 0xFFFFFFF)
        elif kind in (0, 1):
            if clock.now is not None:
                events.append((clock.now * 64 + (word >> 22) % 64, (word >> 11) % 2048, word % 2048, kind))
        elif kind not in (10, 14, 15):
            reserved += 1
    return events, reserved, clock.steps_back


def read_evt21(data):
    """Like :func:`read_evt2`, for words of 64 bits."""
    clock, events, reserved = Clock(28), [], 0
    for (word,) in struct.iter_unpack("<Q", data[: len(data) // 8 * 8]):
        kind, pixels = word >> 60, [k for k in range(32) if word >> k & 1]
        if kind == 8:
            clock.set((word >> 32) % (1 << 28))
        elif kind in (0, 1):
            if clock.now is not None:
                t, x, y = clock.now * 64 + (word >> 54) % 64, (word >> 43) % 2048, (word >> 32) % 2048
                events += [(t, x + k, y, kind) for k in pixels]
        elif kind not in (10, 14, 15):
            reserved += 1
    return events, reserved, clock.steps_back


def read_evt3(data):
    """Like :func:`read_evt2`, for words of 16 bits."""
    clock, events, reserved = Clock(12), [], 0
    row = base = on = None
    low = 0
    for (word,) in struct.iter_unpack("<H", data[: len(data) // 2 * 2]):
        kind, payload = word >> 12, word % 4096
        known = clock.now is not None and row is not None
        if kind == 0:
            row = payload % 2048
        elif kind == 2 and known:
            events.append((clock.now * 4096 + low, payload % 2048, row, payload >> 11))
        elif kind == 3:
            base, on = payload % 2048, payload >> 11
        elif kind in (4, 5) and base is not None:
            width = 12 if kind == 4 else 8
            if known:
                events += [(clock.now * 4096 + low, base + k, row, on) for k in range(width) if payload >> k & 1]
            base += width
        elif kind == 6:
            low = payload
        elif kind == 8:
            if payload != clock.value:
                low = 0
            clock.set(payload)
        elif kind in (1, 9, 11, 12, 13):
            reserved += 1
    return events, reserved, clock.steps_back


def dat(events, version=2, width=None, height=None):
    """A .dat file; version 1 has 9 bits of x, 8 of y and 1 of polarity."""
    size = f"% Height {height}\n% Width {width}\n" if width else ""
    out = f"% Data file containing CD events.\n% Version {version}\n{size}% end\n".encode() + bytes([12, 8])
    x_bits, y_bits = (14, 14) if version == 2 else (9, 8)
    for t, x, y, p in events:
        out += struct.pack("<II", t % (1 << 32), x | y << x_bits | p << x_bits + y_bits)
    return out


def aedat2(events, chip, height, others=()):
    """An AEDAT 2.0 file; y counts from below in it. `others` are raw (address, time) put first."""
    out = b"#!AER-DAT2.0\r\n# This is a raw AE data file \xe0\r\n" + f"# AEChip: eu.seebetter.{chip}\r\n".encode()
    out += b"".join(struct.pack(">II", *item) for item in others)
    for t, x, y, p in events:
        row = height - 1 - y
        address = row << 8 | x << 1 | p if chip == "DVS128" else row << 22 | x << 12 | p << 11
        out += struct.pack(">II", address, t % (1 << 32))
    return out


def aedat3_packet(kind, source, items, overflows=0, item_bytes=8):
    return struct.pack("<HH6i", kind, source, item_bytes, 4, overflows, len(items), len(items), len(items)) + b"".join(
        items
    )


def aedat3(events, source="DVS128", per_packet=7, others=b""):
    """An AEDAT 3.1 file of polarity events; `others` are packets put between those."""
    out = f"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {source}\r\n#!END-HEADER\r\n".encode()
    for start in range(0, len(events), per_packet):
        part = events[start : start + per_packet]
        overflows = part[0][0] >> 31
        items = [struct.pack("<Ii", x << 17 | y << 2 | p << 1 | 1, t - (overflows << 31)) for t, x, y, p in part]
        items.append(struct.pack("<Ii", 5 << 17 | 5 << 2, 0))  # marked invalid
        out += aedat3_packet(1, 1, items, overflows) + others
    return out


def flatbuffer(identifier, fields):
    """A table: `fields` are ("i", number), ("q", number), ("vector", count, bytes) or None, each at its own place."""
    heap = b""
    n_table = 4 + 8 * len(fields)
    offsets = []
    body = b""
    for k, field in enumerate(fields):
        offsets.append(0 if field is None else 4 + 8 * k)
        if field is None:
            body += bytes(8)
        elif field[0] == "vector":
            body += struct.pack("<I4x", n_table - (4 + 8 * k) + len(heap))
            heap += struct.pack("<I", field[1]) + field[2] + b"\0"
        else:
            body += struct.pack("<" + field[0], field[1]).ljust(8, b"\0")
    entries = struct.pack(f"<HH{len(fields)}H", 4 + 2 * len(fields), n_table, *offsets)
    root = 8 + len(entries)
    table = struct.pack("<i", root - 8)
    return struct.pack("<I", root) + identifier + entries + table + body + heap


def aedat4_events(events, with_vector=True):
    """The content of an events packet."""
    items = b"".join(struct.pack("<qhhB3x", t, x, y, p) for t, x, y, p in events)
    content = flatbuffer(b"EVTS", [("vector", len(events), items) if with_vector else None])
    return struct.pack("<I", len(content)) + content


def aedat4(packets, streams=(("EVTS", 40, 30),), compress=None, compression=0, table=True, xml=None):
    """An AEDAT 4 file of (stream, content) packets."""
    compress = compress or (lambda data: data)
    nodes = "".join(
        f'<node name="{k}"><attr key="typeIdentifier" type="string">{kind}</attr><node name="info">'
        f'<attr key="sizeX" type="int">{width}</attr><attr key="sizeY" type="int">{height}</attr></node></node>'
        for k, (kind, width, height) in enumerate(streams)
    )
    text = xml if xml is not None else f'<dv version="2.0"><node name="outInfo">{nodes}</node></dv>'.encode()
    body = b""
    for stream, content in packets:
        data = compress(content)
        body += struct.pack("<ii", stream, len(data)) + data

    def header(position):
        content = flatbuffer(b"IOHE", [("i", compression), ("q", position), ("vector", len(text), text)])
        return b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(content)) + content

    start = len(header(0))
    if not table:
        return header(-1) + body
    return header(start + len(body)) + body + compress(b"the table of packets")
