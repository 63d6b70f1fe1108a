"""The kernel whose hot loops are compiled; what does not fit 64 bits, it leaves to the kernel in Python that it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from features.compiled.finishing import Finisher
from features.compiled.folding import Folder
from features.compiled.state_bytes import StateBytes
from features.kernel import ViewKernel, merge_row
from features.nouns import FeatureValue, Partition
from features.plan import SourcePlan, ViewPlan
from features.state import State


class CompiledKernel(ViewKernel):
    """See `features.kernel.ViewKernel`: the same states, the same bytes, the same values, several times as fast.

    ``finisher`` is what finishes its features.
    """

    def __init__(self, view: ViewPlan, source: SourcePlan) -> None:
        super().__init__(view, source)
        layout = self.layout
        self._has_cells = bool(self._lifter.cells)
        rings = [ring.held for ring in layout.rings]
        self._bytes = StateBytes(view_hash=bytes.fromhex(view.hash), tip=layout.tip, ever=layout.ever, rings=rings)
        self.finisher = Finisher(
            view_hash=bytes.fromhex(view.hash),
            n_integers=len(self._lifter.integers),
            tip=layout.tip,
            ever=layout.ever,
            rings=layout.rings,
            spans=layout.spans,
            outputs=layout.outputs,
            functions=[feature.function for feature in view.features],
            row=self.row,
        )
        self._folder = Folder(lifts=self._lifter.integers, tip=layout.tip, ever=layout.ever, rings=layout.rings)

    def encode(self, state: State) -> bytes:
        """See `ViewKernel.encode`."""
        data = self._bytes.encode(state)
        return super().encode(state) if data is None else data

    def decode(self, data: bytes) -> State:
        """See `ViewKernel.decode`."""
        state = self._bytes.decode(data)
        return super().decode(data) if state is None else state

    def positions_of(self, data: bytes) -> tuple[tuple[str, int, int], ...]:
        """See `ViewKernel.positions_of`."""
        positions = self._bytes.positions(data)
        return super().positions_of(data) if positions is None else positions

    def apply(self, state: State, partition: Partition, offset: int, event_us: int, columns: Sequence[Any]) -> bool:
        """See `ViewKernel.apply`."""
        if not self._has_cells:
            looked_at, applied = self._folder.apply_many(state, partition, (offset,), (event_us,), (columns,), (0,))
            if looked_at:
                return applied == 1
        return super().apply(state, partition, offset, event_us, columns)

    def apply_many(
        self,
        state: State,
        partition: Partition,
        offsets: Sequence[int],
        event_us: Sequence[int],
        rows: Sequence[Sequence[Any] | None],
        indexes: Sequence[int],
    ) -> int:
        """See `ViewKernel.apply_many`."""
        if self._has_cells:
            return super().apply_many(state, partition, offsets, event_us, rows, indexes)
        looked_at, applied = self._folder.apply_many(state, partition, offsets, event_us, rows, indexes)
        if looked_at < len(indexes):
            applied += super().apply_many(state, partition, offsets, event_us, rows, indexes[looked_at:])
        return applied

    def finish(self, state: State, at_us: int) -> list[FeatureValue]:
        """See `ViewKernel.finish`."""
        values = self.finisher.finish(state, at_us)
        return super().finish(state, at_us) if values is None else values

    def finish_stored(self, data: bytes, at_us: int) -> tuple[list[FeatureValue], int]:
        """See `ViewKernel.finish_stored`."""
        finished = self.finisher.finish_stored(data, at_us)
        return super().finish_stored(data, at_us) if finished is None else finished

    def fields(self, state: State) -> list[bytes]:
        """See `ViewKernel.fields`."""
        fields = self.finisher.fields(state)
        return super().fields(state) if fields is None else fields

    def _fold(self, state: State, event_us: int, row: list[Any], newest_us: int) -> None:
        if self._folder.fold_row(state.rings, event_us, row, newest_us):
            if self._ever:
                merge_row(state.ever, self._ever, row)
        else:
            super()._fold(state, event_us, row, newest_us)
