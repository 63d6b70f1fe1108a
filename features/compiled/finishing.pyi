from collections.abc import Sequence

from features.feast_layout import FeastRow
from features.kernel_plan import Output, RingPlan, Span
from features.nouns import FeatureValue
from features.state import State

class Finisher:
    def __init__(
        self,
        *,
        n_integers: int,
        rings: Sequence[RingPlan],
        spans: Sequence[Span],
        outputs: Sequence[Output],
        functions: Sequence[str],
        row: FeastRow,
    ) -> None: ...
    def finish(self, state: State, at_us: int) -> list[FeatureValue] | None: ...
    def fields(self, state: State) -> list[bytes] | None: ...
