"""The window arithmetic of the stream: one event at a time into one entity's state.

A state is the fold of the set of valid events at or below its positions. Each event is lifted to a row of partials
(`features.lifting`); rows merge by commutative monoids into tiles, one per hop, so that no order, batch or crash shows.
Events at exactly the newest time stand aside in the tip, because a window covers what is strictly before the instant
that it is seen at.

This is the reference; `features.kernels` opens the kernel that runs, whose hot loops may be compiled.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from operator import mul
from typing import Any

from features.aggregates import EMPTY_MAX, EMPTY_MIN
from features.feast_layout import FeastRow
from features.kernel_plan import KernelPlan
from features.lifting import Lifter
from features.nouns import FeatureValue, Partition
from features.plan import SourcePlan, ViewPlan
from features.ring import ADD, FIRST_CELL, MAX, MERGE_CELLS, MIN, Held, Ring
from features.state import ERA_BITS, Head, State, StateCodec

_FEW = 4  # events, from which on merging them first pays


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
    layout
        What is kept and merged.

    """

    def __init__(self, view: ViewPlan, source: SourcePlan) -> None:
        self.view = view
        self.row = FeastRow(view)
        self.layout = layout = KernelPlan(view, source)
        self._lifter = lifter = Lifter(layout.slots, source)
        self._identities = lifter.identities
        self._row, self._merged_row = lifter.row, lifter.merged_row
        self._tip, self._rings, self._ever = layout.tip, layout.rings, layout.ever
        self._grain_us = math.gcd(*(ring.hop_us for ring in self._rings)) or 1
        self._spans, self._outputs = layout.spans, layout.outputs
        self.codec = StateCodec(
            view_hash=view.hash, tip=self._tip, ever=self._ever, rings=[ring.held for ring in self._rings]
        )

    def new_state(self, era: int = 0) -> State:
        """State of no events, of an entity that was forgotten ``era`` times."""
        return State(
            positions={},
            repair=era << ERA_BITS,
            newest_us=None,
            tip=self._identities.copy(),
            ever=[self._identities[slot] for _, slot in self._ever],
            rings=[Ring.empty(ring.n_cells) for ring in self._rings],
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

    def positions_of(self, data: bytes) -> tuple[tuple[str, int, int], ...]:
        """Where the stored bytes of a state stand: (log, partition, last applied offset) each; errors as `decode`."""
        return tuple((log, partition, offset) for (log, partition), offset in self.decode_head(data).positions.items())

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
        row = self._row(columns, event_us, partition, offset)
        newest_us = state.newest_us
        if newest_us is None:
            state.newest_us, state.tip = event_us, row
        elif event_us > newest_us:
            settled, state.newest_us, state.tip = state.tip, event_us, row
            self._fold(state, newest_us, settled, event_us)
        elif event_us == newest_us:
            merge_row(state.tip, self._tip, row)
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
            merge_row(state.tip, self._tip, self._merged_row(at_tip, partition, offsets, event_us, rows))
        for tile, group in tiles.items():
            row = self._merged_row(group, partition, offsets, event_us, rows)
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
        merged: list[Any] = []
        for ring_at, length_us, wanted, weights in self._spans:
            if ring_at is None:
                for column, code, slot in wanted:
                    partial = state.ever[column]
                    merged.append(_merged(code, partial, tip[slot]) if tip_counts else partial)
                continue
            (hop_us, _, held, n_cells), ring = self._rings[ring_at], state.rings[ring_at]
            integers, n_tiles = ring.integers, len(ring.tiles)
            first = (at_us - length_us) // hop_us
            begin = bisect_left(ring.tiles, first)
            tip_in = tip_counts and newest_us // hop_us >= first
            if weights:
                now = at_us // hop_us
                of_tile = [weights[now - tile] for tile in ring.tiles[begin:]]
                of_tip = weights[now - newest_us // hop_us] if tip_in else 0
                for column, _, slot in wanted:
                    total = sum(map(mul, integers[column * n_tiles + begin : (column + 1) * n_tiles], of_tile))
                    merged.append(total + of_tip * tip[slot])
                continue
            for column, code, slot in wanted:
                if code >= FIRST_CELL:
                    cells = ring.cells[column - len(held) + n_cells][begin:]
                    merged.append(MERGE_CELLS[code]([*cells, tip[slot]] if tip_in else cells))
                    continue
                end = column * n_tiles + n_tiles
                values = integers[end - n_tiles + begin : end]
                if code == ADD:
                    merged.append(sum(values, tip[slot] if tip_in else 0))
                elif code == MIN:
                    partial = min(values, default=EMPTY_MIN)
                    merged.append(tip[slot] if tip_in and tip[slot] < partial else partial)
                else:
                    partial = max(values, default=EMPTY_MAX)
                    merged.append(tip[slot] if tip_in and tip[slot] > partial else partial)
        return [finish(pick(merged), at_us, scale) for pick, finish, scale in self._outputs]

    def finish_stored(self, data: bytes, at_us: int) -> tuple[list[FeatureValue], int]:
        """Values of all features of a stored state, and the time of its newest event.

        Parameters
        ----------
        data
            As `encode` gives it.
        at_us
            As `finish` takes it.

        Raises
        ------
        StateCorruptError, PlanMismatchError
            As `decode`.

        """
        state = self.decode(data)
        assert state.newest_us is not None
        return self.finish(state, at_us), state.newest_us

    def fields(self, state: State) -> list[bytes]:
        """Feast's own fields, names and values in turn, as of one microsecond after the newest event.

        Parameters
        ----------
        state
            Not changed; it holds at least one event.

        Returns
        -------
        list of bytes
            As `features.feast_layout.FeastRow.fields` writes them.

        """
        newest_us = state.newest_us
        if newest_us is None:
            raise ValueError("a state without events has no features to store")
        return self.row.fields(self.finish(state, newest_us + 1), newest_us)

    def _fold(self, state: State, event_us: int, row: list[Any], newest_us: int) -> None:
        """Merge a row into since-ever and into its tile of each ring, and drop what no window covers any more."""
        if self._ever:
            merge_row(state.ever, self._ever, row)
        for (hop_us, keep_us, held, _), ring in zip(self._rings, state.rings, strict=True):
            first = (newest_us - keep_us) // hop_us
            tiles = ring.tiles
            if tiles and tiles[0] < first:
                ring.drop_before(first)
            tile = event_us // hop_us
            if tile >= first:
                ring.merge(tile, held, row)


def _merged(code: int, one: Any, other: Any) -> Any:
    if code == ADD:
        return one + other
    if code == MIN:
        return min(one, other)
    if code == MAX:
        return max(one, other)
    return MERGE_CELLS[code]((one, other))


def merge_row(into: list[Any], held: Held, row: Sequence[Any]) -> None:
    """Merge a row into a list that holds these slots of it."""
    for place, (code, slot) in enumerate(held):
        into[place] = _merged(code, into[place], row[slot])
