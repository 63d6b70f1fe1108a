"""The window arithmetic of the stream: one event at a time into one entity's state.

A state is the fold of the set of valid events at or below its positions. Each event is lifted to a row of integers
(`features.aggregates.accumulator`); rows merge by commutative monoids into tiles, one per hop, so that no order,
batch or crash shows. Events at exactly the newest time stand aside in the tip, because a window covers what is
strictly before the instant that it is seen at.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from features.aggregates import AGGREGATES, EMPTY_MAX, EMPTY_MIN, IDENTITY, Accumulator
from features.feast_layout import FeastRow
from features.nouns import FeatureValue, Partition
from features.plan import SourcePlan, ViewPlan
from features.state import ADD, MAX, MIN, Head, Ring, State, StateCodec

_CODE = {"add": ADD, "min": MIN, "max": MAX}
_ONE, _VALUE, _TIME = 0, 1, 2
_LIFT = {"one": _ONE, "value": _VALUE, "time": _TIME}
_FEW = 4  # events, from which on merging them first pays


Held: TypeAlias = tuple[tuple[int, int], ...]
"""What a tile, or since-ever, holds of an event's row: (code of the monoid, slot in the row) of each cell."""


class _RingPlan(NamedTuple):
    """The tiles of one hop: how long they are kept, and what they hold."""

    hop_us: int
    keep_us: int
    held: Held


class _Span(NamedTuple):
    """One window over one ring: which cells of each tile to merge. ``ring`` None means since ever."""

    ring: int | None
    length_us: int
    cells: tuple[int, ...]


class _Output(NamedTuple):
    """One feature: what picks its merged integers from those of all spans, and the function that ends them."""

    pick: Callable[[Sequence[int]], Sequence[int]]
    finish: Callable[[Sequence[int], int, int], FeatureValue]
    scale: int


class ViewKernel:
    """Folds, finishes and encodes the states of one view.

    Parameters
    ----------
    view, source
        The view and the source that feeds it, from one plan.

    Attributes
    ----------
    view
        As given.
    row
        Writes Feast's own fields of the view.

    """

    def __init__(self, view: ViewPlan, source: SourcePlan) -> None:
        self.view = view
        self.row = FeastRow(view)
        accumulators = _distinct(
            accumulator
            for feature in view.features
            for accumulator in AGGREGATES[feature.function].accumulators(feature.column)
        )
        slot_of = {accumulator: slot for slot, accumulator in enumerate(accumulators)}
        ordinal = {column.name: i for i, column in enumerate(source.row)}
        self._tip: Held = tuple((_CODE[a.monoid], slot) for slot, a in enumerate(accumulators))
        self._identities = [IDENTITY[accumulator.monoid] for accumulator in accumulators]
        self._lifts = tuple((_LIFT[a.lift], ordinal[a.column], IDENTITY[a.monoid]) for a in accumulators)
        self._rings = _plan_rings(view, slot_of)
        self._grain_us = math.gcd(*(ring.hop_us for ring in self._rings)) or 1
        self._ever = _held(view, slot_of, None)
        self._spans, self._outputs = _plan_outputs(view, source, slot_of, self._rings, self._ever)
        self.codec = StateCodec(
            view_hash=view.hash,
            n_slots=len(accumulators),
            n_ever=len(self._ever),
            ring_widths=tuple(len(ring.held) for ring in self._rings),
        )

    def new_state(self) -> State:
        """State of no events."""
        return State(
            positions={},
            repair=0,
            newest_us=None,
            tip=self._identities.copy(),
            ever=[self._identities[slot] for _, slot in self._ever],
            rings=[Ring(len(ring.held)) for ring in self._rings],
        )

    def encode(self, state: State) -> bytes:
        """Bytes as they are stored; they begin with `head`."""
        return self.codec.encode(state)

    def decode(self, data: bytes) -> State:
        """State from its stored bytes; StateCorruptError, or PlanMismatchError when another view's hash is in them."""
        return self.codec.decode(data)

    def decode_head(self, data: bytes) -> Head:
        """Positions and repair counter alone, though the rest were damaged; errors as `decode`."""
        return self.codec.decode_head(data)

    def head(self, state: State) -> bytes:
        """Version, view hash, repair counter and positions: what a compare-and-set compares. Empty if never written."""
        return self.codec.head(state)

    def apply(self, state: State, partition: Partition, offset: int, event_us: int, columns: Sequence[Any]) -> bool:
        """Fold one event in, unless it has been.

        Parameters
        ----------
        state
            Changed in place.
        partition, offset
            The event's position: the fence skips it when the state's position of that partition is not below.
        event_us
            Event time.
        columns
            The event's values in the order of ``SourcePlan.row``; numbers quantised, null is None.

        Returns
        -------
        bool
            False if the event was fenced and nothing changed.

        """
        if offset <= state.positions.get(partition, -1):
            return False
        state.positions[partition] = offset
        row = self._row(columns, event_us)
        newest_us = state.newest_us
        if newest_us is None:
            state.newest_us, state.tip = event_us, row
        elif event_us > newest_us:
            settled, state.newest_us, state.tip = state.tip, event_us, row
            self._fold(state, newest_us, settled, event_us)
        elif event_us == newest_us:
            _merge(state.tip, self._tip, row)
        else:
            self._fold(state, event_us, row, newest_us)
        return True

    def apply_many(
        self,
        state: State,
        partition: Partition,
        offsets: Sequence[int],
        event_us: Sequence[int],
        rows: Sequence[Sequence[Any] | None],
        indexes: Sequence[int],
    ) -> int:
        """Fold some events of a batch in, each unless it has been; the state ends as if each had gone through `apply`.

        Events that share all their tiles are merged first and folded once, which is what makes a busy entity cheap.

        Parameters
        ----------
        state
            Changed in place.
        partition
            Where the batch is from.
        offsets, event_us, rows
            The batch, as parallel sequences; see `apply`.
        indexes
            Which of the batch, by ascending offset; their rows are not None.

        Returns
        -------
        int
            How many were not fenced.

        """
        if len(indexes) < _FEW:
            return sum(self.apply(state, partition, offsets[i], event_us[i], rows[i] or ()) for i in indexes)
        applied = state.positions.get(partition, -1)
        if offsets[indexes[0]] <= applied:
            indexes = [i for i in indexes if offsets[i] > applied]
            if not indexes:
                return 0
        state.positions[partition] = offsets[indexes[-1]]
        before_us, settled = state.newest_us, state.tip
        newest_us = max(map(event_us.__getitem__, indexes))
        if before_us is not None and before_us >= newest_us:
            newest_us = before_us
        else:
            state.newest_us, state.tip = newest_us, self._identities.copy()
            if before_us is not None:
                self._fold(state, before_us, settled, newest_us)
        at_tip: list[int] = []
        tiles: dict[int, list[int]] = {}
        for i in indexes:
            at_us = event_us[i]
            if at_us == newest_us:
                at_tip.append(i)
            elif (tile := at_us // self._grain_us) in tiles:
                tiles[tile].append(i)
            else:
                tiles[tile] = [i]
        if at_tip:
            _merge(state.tip, self._tip, self._merged_row([rows[i] or () for i in at_tip], [newest_us] * len(at_tip)))
        for tile, group in tiles.items():
            row = self._merged_row([rows[i] or () for i in group], [event_us[i] for i in group])
            self._fold(state, tile * self._grain_us, row, newest_us)
        return len(indexes)

    def finish(self, state: State, at_us: int) -> list[FeatureValue]:
        """Values of all features, seen at an instant.

        Parameters
        ----------
        state
            Not changed.
        at_us
            Microseconds; raised to the state's newest event time where it lies before.

        Returns
        -------
        list
            In the order of ``view.features``; None is null.

        """
        newest_us = state.newest_us
        if newest_us is None:
            newest_us = at_us
        at_us = max(at_us, newest_us)
        tip_counts = at_us > newest_us
        tip = state.tip
        merged: list[int] = []
        for ring_at, length_us, wanted in self._spans:
            if ring_at is None:
                for cell in wanted:
                    code, slot = self._ever[cell]
                    partial = state.ever[cell]
                    merged.append(_merged(code, partial, tip[slot]) if tip_counts else partial)
                continue
            (hop_us, _, held), ring = self._rings[ring_at], state.rings[ring_at]
            cells, width = ring.cells, ring.width
            first = (at_us - length_us) // hop_us
            begin = bisect_left(ring.tiles, first) * width
            tip_in = tip_counts and newest_us // hop_us >= first
            for cell in wanted:
                code, slot = held[cell]
                values = cells[begin + cell :: width]
                if code == ADD:
                    merged.append(sum(values, tip[slot] if tip_in else 0))
                elif code == MIN:
                    partial = min(values, default=EMPTY_MIN)
                    merged.append(tip[slot] if tip_in and tip[slot] < partial else partial)
                else:
                    partial = max(values, default=EMPTY_MAX)
                    merged.append(tip[slot] if tip_in and tip[slot] > partial else partial)
        return [finish(pick(merged), at_us, scale) for pick, finish, scale in self._outputs]

    def _row(self, columns: Sequence[Any], event_us: int) -> list[int]:
        """One event, lifted: an integer for each slot, the identity where the column is null."""
        return [
            identity
            if (value := columns[column]) is None
            else (value if lift == _VALUE else 1 if lift == _ONE else event_us)
            for lift, column, identity in self._lifts
        ]

    def _merged_row(self, rows: Sequence[Sequence[Any]], event_us: Sequence[int]) -> list[int]:
        """Several events, lifted and merged into one row."""
        if len(rows) == 1:
            return self._row(rows[0], event_us[0])
        lifted: dict[tuple[int, int], list[int]] = {}
        merged = []
        for (lift, column, identity), (code, _) in zip(self._lifts, self._tip, strict=True):
            values = lifted.get((lift, column))
            if values is None:
                if lift == _VALUE:
                    values = [value for row in rows if (value := row[column]) is not None]
                elif lift == _ONE:
                    values = [1 for row in rows if row[column] is not None]
                else:
                    values = [at for row, at in zip(rows, event_us, strict=True) if row[column] is not None]
                lifted[lift, column] = values
            if code == ADD:
                merged.append(sum(values))
            elif code == MIN:
                merged.append(min(values, default=identity))
            else:
                merged.append(max(values, default=identity))
        return merged

    def _fold(self, state: State, event_us: int, row: list[int], newest_us: int) -> None:
        """Merge a row into since-ever and into its tile of each ring, and drop what no window covers any more."""
        if self._ever:
            _merge(state.ever, self._ever, row)
        for (hop_us, keep_us, held), ring in zip(self._rings, state.rings, strict=True):
            first = (newest_us - keep_us) // hop_us
            tiles = ring.tiles
            if tiles and tiles[0] < first:
                ring.drop_before(first)
            tile = event_us // hop_us
            if tile >= first:
                ring.merge(tile, held, row)


def _merged(code: int, one: int, other: int) -> int:
    if code == ADD:
        return one + other
    if code == MIN:
        return min(one, other)
    return max(one, other)


def _merge(into: list[int], held: Held, row: list[int]) -> None:
    """Merge a row into a list that holds these slots of it."""
    for cell, (code, slot) in enumerate(held):
        into[cell] = _merged(code, into[cell], row[slot])


def _distinct(accumulators: Any) -> tuple[Accumulator, ...]:
    """Each once, in order of first use."""
    return tuple(dict.fromkeys(accumulators))


def _held(view: ViewPlan, slot_of: dict[Accumulator, int], hop_us: int | None) -> Held:
    """What the features of one hop need of a row (None: since ever), by ascending slot."""
    needed = {
        accumulator
        for feature in view.features
        if feature.hop_us == hop_us
        for accumulator in AGGREGATES[feature.function].accumulators(feature.column)
    }
    return tuple((_CODE[a.monoid], slot_of[a]) for a in sorted(needed, key=slot_of.__getitem__))


def _plan_rings(view: ViewPlan, slot_of: dict[Accumulator, int]) -> tuple[_RingPlan, ...]:
    """One ring per hop, shortest first, kept as long as the longest window over it."""
    keep: dict[int, int] = {}
    for feature in view.features:
        if feature.hop_us is not None and feature.window_us is not None:
            keep[feature.hop_us] = max(keep.get(feature.hop_us, 0), feature.window_us)
    return tuple(_RingPlan(hop, keep[hop], _held(view, slot_of, hop)) for hop in sorted(keep))


def _plan_outputs(
    view: ViewPlan,
    source: SourcePlan,
    slot_of: dict[Accumulator, int],
    rings: tuple[_RingPlan, ...],
    ever: Held,
) -> tuple[tuple[_Span, ...], tuple[_Output, ...]]:
    """Spans, each merging a slot once, and for each feature which of the merged integers it takes."""
    ring_at = {ring.hop_us: i for i, ring in enumerate(rings)}
    needed: dict[tuple[int | None, int], list[int]] = {}
    keys: list[tuple[tuple[int | None, int], tuple[int, ...]]] = []
    for feature in view.features:
        at = None if feature.hop_us is None else ring_at[feature.hop_us]
        slots = [slot for _, slot in (ever if at is None else rings[at].held)]
        key = (at, feature.window_us or 0)
        accumulators = AGGREGATES[feature.function].accumulators(feature.column)
        cells = tuple(slots.index(slot_of[accumulator]) for accumulator in accumulators)
        wanted = needed.setdefault(key, [])
        wanted += [cell for cell in cells if cell not in wanted]
        keys.append((key, cells))
    spans, base, n_merged = [], {}, 0
    for key, wanted in needed.items():
        spans.append(_Span(key[0], key[1], tuple(wanted)))
        base[key] = n_merged
        n_merged += len(wanted)
    outputs = []
    for feature, (key, cells) in zip(view.features, keys, strict=True):
        picked = tuple(base[key] + needed[key].index(cell) for cell in cells)
        scale = 10 ** (source.column(feature.column).decimals or 0)
        # a slice of one, or an itemgetter of several: both make a sequence without a frame of Python's
        pick = itemgetter(slice(picked[0], picked[0] + 1)) if len(picked) == 1 else itemgetter(*picked)
        outputs.append(_Output(pick, AGGREGATES[feature.function].finish, scale))
    return tuple(spans), tuple(outputs)
