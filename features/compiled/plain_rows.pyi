from features.nouns import KeyValue

class RowShape:
    def __init__(
        self,
        *,
        rows: int,
        entity: int,
        request_id: int,
        vector: int,
        kind: int,
        is_text: bool,
        values: int,
        name: bytes,
        n_values: int,
    ) -> None: ...

class RowReader:
    def __init__(self, shape: RowShape, data: bytes) -> None: ...
    def take(self, n: int) -> list[tuple[KeyValue | None, list[float] | None, str] | None]: ...
