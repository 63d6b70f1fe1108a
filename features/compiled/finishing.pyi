from collections.abc import Sequence
from typing import Literal, overload

from features.feast_layout import FeastRow
from features.kernel_plan import Output, RingPlan, Span
from features.nouns import FeatureValue
from features.ring import Held
from features.state import State

class Finisher:
    n_values: int
    is_plain: bool
    def __init__(
        self,
        *,
        view_hash: bytes,
        n_integers: int,
        tip: Held,
        ever: Held,
        rings: Sequence[RingPlan],
        spans: Sequence[Span],
        outputs: Sequence[Output],
        functions: Sequence[str],
        row: FeastRow,
    ) -> None: ...
    def finish(self, state: State, at_us: int) -> list[FeatureValue] | None: ...
    @overload
    def finish_stored(self, data: bytes, asked_us: int) -> tuple[list[FeatureValue], int] | None: ...
    @overload
    def finish_stored(
        self, data: bytes, asked_us: int, as_numbers: Literal[True]
    ) -> tuple[list[float], int] | None: ...
    def fields(self, state: State) -> list[bytes] | None: ...
