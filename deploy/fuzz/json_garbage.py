"""JSON that is hardly ever what it should be: of wrong types, extreme, deep, huge, or not quite JSON."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Final

from deploy.fuzz.garbage import INTEGERS, NUMBERS

DEPTH: Final = 4
TEXTS: Final = (
    "", "a", "\x00", "0", "nan", "null", "%s%n{0}{}", "../../../etc/passwd", "'; DROP TABLE x; --", "\ud800", "\udfff",
    "ä€😀\u202e", "A" * 5_000, "\n\r\t\x1b[31m", "FP64", "INT64", "BYTES", "BOOL", "__class__", "*", "_ms:x:y",
    "1998-06-30T00:00:00Z", "1998-06-30T00:00:00", "9999-12-31T23:59:59.999999+14:00", "0001-01-01T00:00:00-14:00",
    "10000-01-01T00:00:00Z", "-1", "1e999",
)  # fmt: skip
LITERALS: Final = (
    b"1e999", b"-1e999", b"1" * 5_000, b"0.1" + b"0" * 500, b"-", b"NaN", b"Infinity", b"01", b'"\\ud800"', b'"\\x"',
    b'"\xff"', b"tru", b"{}{}", b"[1,]", b'{"a":1,"a":2}', b"/**/1", b"\xef\xbb\xbf{}", b"", b" ", b"\x00",
)  # fmt: skip
"""What `json.dumps` does not write."""


class JsonGarbage:
    """Makes JSON by chance. ``words`` are names that the server knows: they lead further than the door."""

    def __init__(self, generator: random.Random, words: Sequence[str] = ()) -> None:
        self._random = generator
        self._texts = (*TEXTS, *words, *words)

    def value(self, depth: int = 0) -> Any:
        """A value of any type."""
        generator = self._random
        kind = generator.randrange(4 if depth >= DEPTH else 6)
        if kind == 0:
            return generator.choice((None, True, False))
        if kind == 1:
            return generator.choice(INTEGERS)
        if kind == 2:
            return generator.choice(NUMBERS)
        if kind == 3:
            return generator.choice(self._texts)
        n = generator.choice((0, 1, 2, 5))
        if kind == 4:
            return [self.value(depth + 1) for _ in range(n)]
        return {generator.choice(self._texts): self.value(depth + 1) for _ in range(n)}

    def like(self, example: Any) -> Any:
        """An example with something in it changed."""
        generator = self._random
        if generator.random() < 0.2 or not isinstance(example, dict | list) or not example:
            return self.value()
        if isinstance(example, list):
            changed = list(example)
            at = generator.randrange(len(changed))
            if generator.random() < 0.2:
                return changed * generator.choice((0, 2, 300))
            changed[at] = self.like(changed[at])
            return changed
        names = dict(example)
        name = generator.choice(list(names))
        what = generator.random()
        if what < 0.15:
            del names[name]
        elif what < 0.3:
            names[generator.choice(self._texts)] = self.value()
        else:
            names[name] = self.like(names[name])
        return names

    def written(self, value: Any) -> bytes:
        """A value as JSON, or nearly."""
        data = json.dumps(value, ensure_ascii=self._random.random() < 0.8).encode(errors="surrogatepass")
        if self._random.random() < 0.1:
            at = self._random.randrange(len(data) + 1)
            data = data[:at] + self._random.choice(LITERALS) + data[at:]
        if self._random.random() < 0.03:
            data = data.decode(errors="replace").encode(self._random.choice(("utf-16", "utf-32", "utf-7")))
        return data

    def deep(self) -> bytes:
        """Deeper than any parser goes."""
        levels = self._random.choice((50, 500, 1_100, 100_000))
        opening, closing = self._random.choice(((b"[", b"]"), (b'{"a":', b"}")))
        return opening * levels + b"1" + closing * (levels if self._random.random() < 0.5 else 0)
