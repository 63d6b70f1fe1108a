"""What a fuzz run found."""

from __future__ import annotations

import re
from typing import Final

import msgspec

LEAKS: Final = re.compile(r"Traceback|File \"|\.py\b|0x[0-9a-f]{6,}|site-packages|<class|Error\(")
"""What a caller has no business to read: where our code is, and how it works."""
SHOWN: Final = 20


class FuzzReport(msgspec.Struct, kw_only=True):
    """What a run found. ``examples`` are requests that the server stumbled over; in hexadecimal digits."""

    requests: int = 0
    internal_errors: int = 0
    leaks: int = 0
    good_refused: int = 0
    healthy: bool = False
    seconds: float = 0.0
    methods: int = 0
    routes: int = 0
    codes: dict[str, int] = {}
    examples: list[dict[str, str]] = []

    @property
    def passed(self) -> bool:
        """Whether the server took it all."""
        return self.healthy and not (self.internal_errors or self.leaks or self.good_refused)

    def judge(self, *, code: str, told: str, stumbled: bool, refused: bool, path: str, sent: bytes) -> None:
        """One request more: the code it was answered with and what was said beside it.

        ``stumbled`` where the server says that it failed, ``refused`` where a good request was not answered.
        """
        leaked = LEAKS.search(told) is not None
        self.requests += 1
        self.codes[code] = self.codes.get(code, 0) + 1
        self.internal_errors += stumbled
        self.leaks += leaked
        self.good_refused += refused
        if (stumbled or leaked or refused) and len(self.examples) < SHOWN:
            self.examples.append({"path": path, "code": code, "details": told[:1_000], "sent": sent[:1_000].hex()})
