from collections.abc import Sequence
from typing import Any

from features.kernel_plan import RingPlan
from features.nouns import Partition
from features.ring import Held, Ring
from features.state import State

class Folder:
    def __init__(
        self, *, lifts: Sequence[tuple[int, int, int]], tip: Held, ever: Held, rings: Sequence[RingPlan]
    ) -> None: ...
    def apply_many(
        self,
        state: State,
        partition: Partition,
        offsets: Sequence[int],
        event_us: Sequence[int],
        rows: Sequence[Sequence[Any] | None],
        indexes: Sequence[int],
    ) -> tuple[int, int]: ...
    def fold_row(self, rings: list[Ring], event_us: int, whole_row: list[Any], newest_us: int) -> bool: ...
