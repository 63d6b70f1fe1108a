"""The feature state of one entity in one view, and the bytes that it is stored as.

Stored form, little-endian, version 2::

    head      u8 version · 8 bytes view hash · u32 repair
              u16 n · n × (16 bytes log, i32 partition, i64 offset), sorted
    body      i64 newest event time
              tip and since-ever, each: integers · cells
              per ring: u32 n tiles · u8 width of each column of integers · n × i64 tile number
                        columns of integers, n values each · cells of each other column
    integers  u8 width · values
    cells     n × u16 length · bytes

An integer has 8 bytes; a column in which one does not fit is stored with the next multiple of 8 that holds all of it,
so that sums are exact at any size, and a wide one leaves the others narrow. Cells are partials that are no integers
(`features.aggregates.cells`); their columns come after those of integers.
"""

from __future__ import annotations

import base64
import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from features.errors import PlanMismatchError, StateCorruptError
from features.nouns import Partition
from features.ring import FIRST_CELL, Held, Integers, Ring

VERSION: Final = 2
_HEAD = struct.Struct("<B8sIH")
_POSITION = struct.Struct("<16siq")
_HEAD_OF_ONE = struct.Struct("<B8sIH16siq")
_NEWEST = struct.Struct("<q")

Buffer: TypeAlias = "bytes | array[int]"

ERA_BITS: Final = 20
"""The repair counter's upper bits count how often the entity was forgotten, the lower ones its repairs since then."""


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
        tip: list[Any],
        ever: list[Any],
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


class _Shape(NamedTuple):
    """How many partials of a row, or columns of a ring, are integers and how many cells.

    ``narrow`` are the widths of integers that all have 8 bytes, ``row`` is such a row with its width, ``ring`` what a
    ring begins with.
    """

    n_integers: int
    n_cells: int
    narrow: bytes
    row: struct.Struct
    ring: struct.Struct


def _shape(held: Held) -> _Shape:
    n_integers = sum(code < FIRST_CELL for code, _ in held)
    return _Shape(
        n_integers,
        len(held) - n_integers,
        narrow=bytes((8,)) * n_integers,
        row=struct.Struct(f"<B{n_integers}q"),
        ring=struct.Struct(f"<I{n_integers}s"),
    )


class StateCodec:
    """Turns the states of one view into bytes and back.

    Parameters
    ----------
    view_hash
        16 hexadecimal digits.
    tip, ever, rings
        What the tip, since-ever and each ring hold.

    """

    def __init__(self, *, view_hash: str, tip: Held, ever: Held, rings: Sequence[Held]) -> None:
        self._hash = bytes.fromhex(view_hash)
        self._tip = _shape(tip)
        self._ever = _shape(ever)
        self._rings = [_shape(held) for held in rings]

    def head(self, state: State) -> bytes:
        """Version, view hash, repair counter and positions; empty for a state that was never written."""
        positions = state.positions
        if not positions and not state.repair:
            return b""
        if len(positions) == 1:
            ((log, partition), offset) = next(iter(positions.items()))
            return _HEAD_OF_ONE.pack(VERSION, self._hash, state.repair, 1, log_bytes(log), partition, offset)
        parts = sorted(_POSITION.pack(log_bytes(log), p, offset) for (log, p), offset in positions.items())
        return b"".join((_HEAD.pack(VERSION, self._hash, state.repair, len(positions)), *parts))

    def encode(self, state: State) -> bytes:
        """Bytes as stored; ``state`` holds at least one event."""
        if state.newest_us is None:
            raise ValueError("a state without events is not stored")
        parts: list[Buffer] = [self.head(state), _NEWEST.pack(state.newest_us)]
        _put_row(parts, state.tip, self._tip)
        _put_row(parts, state.ever, self._ever)
        for ring, shape in zip(state.rings, self._rings, strict=True):
            tiles, integers = ring.tiles, ring.integers
            if type(integers) is array:
                parts += (shape.ring.pack(len(tiles), shape.narrow), tiles, integers)
            else:
                widths, columns = _packed_columns(integers, shape.n_integers, len(tiles))
                parts += (shape.ring.pack(len(tiles), widths), tiles, *columns)
            for cells in ring.cells:
                _put_cells(parts, cells)
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
            tip, at = _take_row(data, at + _NEWEST.size, self._tip)
            ever, at = _take_row(data, at, self._ever)
            rings = []
            for shape in self._rings:
                n_tiles, widths = shape.ring.unpack_from(data, at)
                at += shape.ring.size
                middle = at + 8 * n_tiles
                tiles, at = array("q", data[at:middle]), middle + 8 * n_tiles * shape.n_integers
                if widths == shape.narrow:
                    integers: Integers = array("q", data[middle:at])
                else:
                    integers, at = _take_columns(data, middle, n_tiles, widths)
                cells = []
                for _ in range(shape.n_cells):
                    column, at = _take_cells(data, at, n_tiles)
                    cells.append(column)
                rings.append(Ring(tiles, integers, cells))
            if at != len(data):
                raise StateCorruptError("feature state", f"has {len(data)} bytes, its parts end at {at}")
        except (struct.error, ValueError, IndexError) as error:
            raise StateCorruptError("feature state", f"is cut short at {len(data)} bytes ({error})") from error
        return State(positions=positions, repair=repair, newest_us=newest_us, tip=tip, ever=ever, rings=rings)


def era_of(data: bytes) -> int:
    """How often the entity had been forgotten when this state was begun; 0 for no bytes, StateCorruptError for few."""
    if not data:
        return 0
    if len(data) < _HEAD.size:
        raise StateCorruptError("feature state", f"is cut short at {len(data)} bytes")
    return int(_HEAD.unpack_from(data)[2]) >> ERA_BITS


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


def _put_row(parts: list[Buffer], row: list[Any], shape: _Shape) -> None:
    """Append a row of partials: integers, then cells."""
    if not row:
        parts.append(b"\x08")
        return
    integers = row[: shape.n_integers] if shape.n_cells else row
    try:
        parts.append(shape.row.pack(8, *integers))
    except struct.error:
        width, packed = _packed(integers)
        parts += (bytes((width,)), packed)
    if shape.n_cells:
        _put_cells(parts, row[shape.n_integers :])


def _take_row(data: bytes, at: int, shape: _Shape) -> tuple[list[Any], int]:
    """Read a row of partials, and where it ends."""
    row: list[Any]
    if data[at] == 8:
        _, *row = shape.row.unpack_from(data, at)
        at += shape.row.size
    else:
        integers, at = _take(data, at + 1, shape.n_integers, data[at])
        row = list(integers)
    if shape.n_cells:
        cells, at = _take_cells(data, at, shape.n_cells)
        row += cells
    return row, at


def _packed_columns(integers: Integers, n_columns: int, n_tiles: int) -> tuple[bytes, list[Buffer]]:
    """The widths of columns, and each in its own."""
    packed = [_packed(integers[at * n_tiles : (at + 1) * n_tiles]) for at in range(n_columns)]
    return bytes(width for width, _ in packed), [column for _, column in packed]


def _take_columns(data: bytes, at: int, n: int, widths: bytes) -> tuple[list[int], int]:
    """Read columns of n integers, each of its own width; all of them, and where they end."""
    integers: list[int] = []
    for width in widths:
        column, at = _take(data, at, n, width)
        integers += column
    return integers, at


def _packed(values: Integers) -> tuple[int, Buffer]:
    """Width of integers, and their bytes."""
    try:
        return 8, array("q", values)
    except OverflowError:
        width = max(value.bit_length() for value in values) // 64 * 8 + 8
        return width, b"".join(value.to_bytes(width, "little", signed=True) for value in values)


def _take(data: bytes, at: int, n: int, width: int) -> tuple[Any, int]:
    """Read n integers of a width; the column and where it ends."""
    end = at + width * n
    if width == 8:
        return array("q", data[at:end]), end
    if width % 8 or not width or end > len(data):
        raise ValueError(f"width {width} at byte {at}")
    return [int.from_bytes(data[i : i + width], "little", signed=True) for i in range(at, end, width)], end


def _put_cells(parts: list[Buffer], cells: Sequence[bytes]) -> None:
    """Append lengths and bytes."""
    parts.append(array("H", map(len, cells)))
    parts += cells


def _take_cells(data: bytes, at: int, n: int) -> tuple[list[bytes], int]:
    """Read n lengths and as many cells; the column and where it ends."""
    end = at + 2 * n
    cells = []
    for length in array("H", data[at:end]):
        cells.append(data[end : end + length])
        end += length
    return cells, end
