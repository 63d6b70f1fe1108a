from collections.abc import Sequence

from features.compiled.finishing import Finisher

class FreshVectors:
    def __init__(
        self, *, finishers: Sequence[Finisher], ttls_us: Sequence[int], places: Sequence[tuple[int, int]]
    ) -> None: ...
    def take(self, stored: Sequence[bytes | None], as_of_us: int) -> tuple[list[float], list[int], int] | None: ...
