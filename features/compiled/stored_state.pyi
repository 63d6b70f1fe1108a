from collections.abc import Sequence

from features.ring import Held

class StoredShape:
    is_plain: bool

    def __init__(self, view_hash: bytes, held: Sequence[Held]) -> None: ...
