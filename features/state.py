"""The feature state of one entity in one view, and the bytes that it is stored as.

Stored form, little-endian, version 1::

    head    u8 version · 8 bytes view hash · u32 repair · u16 n · n × (16 bytes log, i32 partition, i64 offset), sorted
    body    i64 newest event time
            tip and since-ever, each: u8 width · values
            per ring: u32 n tiles · n × i64 tile number · u8 width · n rows of values

A value has 8 bytes; a list in which one does not fit is stored with the next multiple of 8 that holds all of it, so
that sums are exact at any size.
"""

from __future__ import annotations

import base64
import struct
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from features.errors import PlanMismatchError, StateCorruptError
from features.nouns import Partition

VERSION: Final = 1
_HEAD = struct.Struct("<B8sIH")
_POSITION = struct.Struct("<16siq")
_NEWEST = struct.Struct("<q")
_COUNT = struct.Struct("<I")

Integers: TypeAlias = "array[int] | list[int]"
"""The cells of a ring: an ``array('q')`` while every value fits, a list from the first that does not."""

ADD, MIN, MAX = 0, 1, 2
"""Codes of the monoids."""


class Ring:
    """The sparse tiles of one hop: ascending tile numbers, and a row of ``width`` integers for each in ``cells``."""

    __slots__ = ("cells", "tiles", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.tiles: array[int] = array("q")
        self.cells: Integers = array("q")

    def merge(self, tile: int, slots: Sequence[tuple[int, int]], row: Sequence[int]) -> None:
        """Merge a row into a tile, made where it is not there yet. ``slots`` pairs monoid code and place in the row."""
        tiles = self.tiles
        at = len(tiles) - 1
        if at < 0 or tiles[at] != tile:
            if at < 0 or tiles[at] < tile:
                at += 1
                fresh = True
            else:
                at = bisect_left(tiles, tile)
                fresh = tiles[at] != tile
            if fresh:
                tiles.insert(at, tile)
                self._insert(at * self.width, [row[slot] for _, slot in slots])
                return
        cell = at * self.width
        cells = self.cells
        for code, slot in slots:
            value = row[slot]
            if code == ADD:
                try:
                    cells[cell] += value
                except OverflowError:
                    self.cells = cells = list(cells)
                    cells[cell] += value
            elif code == MIN:
                if value < cells[cell]:
                    cells[cell] = value
            elif value > cells[cell]:
                cells[cell] = value
            cell += 1

    def drop_before(self, tile: int) -> None:
        """Drop all tiles below this one."""
        if self.tiles and self.tiles[0] < tile:
            n = bisect_left(self.tiles, tile)
            del self.tiles[:n]
            del self.cells[: n * self.width]

    def _insert(self, cell: int, values: list[int]) -> None:
        if type(self.cells) is array:
            try:
                self.cells[cell:cell] = array("q", values)
                return
            except OverflowError:
                self.cells = list(self.cells)
        self.cells[cell:cell] = values  # type: ignore[call-overload]  # a list by now


class State:
    """What one entity's valid events, at or below ``positions``, fold to.

    ``newest_us`` is the newest event time, None before the first event; ``tip`` is the row of the events at exactly
    that time; ``ever`` and ``rings`` hold those before it. ``repair`` counts rewrites that positions cannot tell.
    """

    __slots__ = ("ever", "newest_us", "positions", "repair", "rings", "tip")

    def __init__(
        self,
        *,
        positions: dict[Partition, int],
        repair: int,
        newest_us: int | None,
        tip: list[int],
        ever: list[int],
        rings: list[Ring],
    ) -> None:
        self.positions = positions
        self.repair = repair
        self.newest_us = newest_us
        self.tip = tip
        self.ever = ever
        self.rings = rings


class Head(NamedTuple):
    """What identifies a state: how often it was repaired, and the last applied offset of each partition."""

    repair: int
    positions: dict[Partition, int]
    size: int


class StateCodec:
    """Turns the states of one view into bytes and back.

    Parameters
    ----------
    view_hash
        16 hexadecimal digits.
    n_slots, n_ever, ring_widths
        Length of the tip, of the since-ever row, and of a row of each ring.

    """

    def __init__(self, *, view_hash: str, n_slots: int, n_ever: int, ring_widths: tuple[int, ...]) -> None:
        self._hash = bytes.fromhex(view_hash)
        self._n_slots = n_slots
        self._n_ever = n_ever
        self._ring_widths = ring_widths

    def head(self, state: State) -> bytes:
        """Version, view hash, repair counter and positions; empty for a state that was never written."""
        positions = state.positions
        if not positions and not state.repair:
            return b""
        parts = [_HEAD.pack(VERSION, self._hash, state.repair, len(positions))]
        if len(positions) == 1:
            ((log, partition), offset) = next(iter(positions.items()))
            parts.append(_POSITION.pack(log_bytes(log), partition, offset))
        else:
            parts += sorted(_POSITION.pack(log_bytes(log), p, offset) for (log, p), offset in positions.items())
        return b"".join(parts)

    def encode(self, state: State) -> bytes:
        """Bytes as stored; ``state`` holds at least one event."""
        if state.newest_us is None:
            raise ValueError("a state without events is not stored")
        parts = [self.head(state), _NEWEST.pack(state.newest_us)]
        _put(parts, state.tip)
        _put(parts, state.ever)
        for ring in state.rings:
            parts.append(_COUNT.pack(len(ring.tiles)))
            parts.append(ring.tiles.tobytes())
            _put(parts, ring.cells)
        return b"".join(parts)

    def decode_head(self, data: bytes) -> Head:
        """The head of stored bytes; errors as `decode`."""
        try:
            version, view_hash, repair, n_positions = _HEAD.unpack_from(data)
            if version != VERSION:
                raise StateCorruptError("feature state", f"has version {version}, known is {VERSION}")
            if view_hash != self._hash:
                raise PlanMismatchError("feature state", view_hash.hex(), self._hash.hex(), "the stored state")
            at = _HEAD.size
            positions: dict[Partition, int] = {}
            for _ in range(n_positions):
                log, partition, offset = _POSITION.unpack_from(data, at)
                positions[log_text(log), partition] = offset
                at += _POSITION.size
        except struct.error as error:
            raise StateCorruptError("feature state", f"is cut short at {len(data)} bytes ({error})") from error
        return Head(repair, positions, at)

    def decode(self, data: bytes) -> State:
        """State from stored bytes.

        Raises
        ------
        StateCorruptError
            The bytes are cut short, too long, or of another version.
        PlanMismatchError
            They were written for another declaration of the view.

        """
        try:
            repair, positions, at = self.decode_head(data)
            (newest_us,) = _NEWEST.unpack_from(data, at)
            view = memoryview(data)
            tip, at = _take(view, at + _NEWEST.size, self._n_slots)
            ever, at = _take(view, at, self._n_ever)
            rings = []
            for width in self._ring_widths:
                ring = Ring(width)
                (n_tiles,) = _COUNT.unpack_from(data, at)
                at += _COUNT.size
                ring.tiles.frombytes(view[at : at + 8 * n_tiles])
                at += 8 * n_tiles
                ring.cells, at = _take(view, at, n_tiles * width)
                rings.append(ring)
            if at != len(data):
                raise StateCorruptError("feature state", f"has {len(data)} bytes, its parts end at {at}")
        except (struct.error, ValueError, IndexError) as error:
            raise StateCorruptError("feature state", f"is cut short at {len(data)} bytes ({error})") from error
        return State(
            positions=positions, repair=repair, newest_us=newest_us, tip=list(tip), ever=list(ever), rings=rings
        )


def head_of(data: bytes) -> bytes:
    """The head of a stored state; empty for no bytes."""
    if not data:
        return b""
    n_positions = _HEAD.unpack_from(data)[3]
    return data[: _HEAD.size + n_positions * _POSITION.size]


@lru_cache(maxsize=1024)
def log_bytes(log: str) -> bytes:
    """The 16 bytes of a Kafka topic id from its text form.

    Examples
    --------
    >>> log_text(log_bytes("AAAAAAAAQACAAAAAAAAAAQ"))
    'AAAAAAAAQACAAAAAAAAAAQ'

    """
    raw = base64.urlsafe_b64decode(log + "==")
    if len(raw) != 16:
        raise ValueError(f"{log!r} is not a Kafka topic id (22 characters of URL-safe base64)")
    return raw


@lru_cache(maxsize=1024)
def log_text(raw: bytes) -> str:
    """Kafka's text form of a topic id."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _put(parts: list[bytes], values: Integers) -> None:
    """Append width and values."""
    if type(values) is array:
        parts.append(b"\x08")
        parts.append(values.tobytes())
        return
    try:
        packed = struct.pack(f"<B{len(values)}q", 8, *values) if values else b"\x08"
    except struct.error:
        width = max(value.bit_length() for value in values) // 64 * 8 + 8
        packed = bytes([width]) + b"".join(value.to_bytes(width, "little", signed=True) for value in values)
    parts.append(packed)


def _take(data: memoryview, at: int, n: int) -> tuple[Integers, int]:
    """Read width and n values; the column and where it ends."""
    width = data[at]
    at += 1
    end = at + width * n
    if width == 8:
        values = array("q")
        values.frombytes(data[at:end])
        if len(values) != n:
            raise ValueError(f"{n} values wanted, {len(values)} there")
        return values, end
    if width % 8 or not width or end > len(data):
        raise ValueError(f"width {width} at byte {at - 1}")
    return [int.from_bytes(data[i : i + width], "little", signed=True) for i in range(at, end, width)], end
