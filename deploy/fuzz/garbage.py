"""Messages of a type that are hardly ever what they should be: extreme, deep, huge, wrong, or made of noise."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from deploy.fuzz.wire import BYTES, FIXED32, FIXED64, GROUP, VARINT, WIRE_TYPES, double, single, sized, tag, varint

DEPTH: Final = 6
SET: Final = 0.6
"""How often a field is there at all."""

INTEGERS: Final = (
    0, 1, -1, 2, 7, 127, 128, 255, 65_536, 2**31 - 1, -(2**31), 2**31, 2**32, 2**52, 2**53 + 1, 2**63 - 1, -(2**63),
    253_402_300_799, 253_402_300_800, -62_135_596_801, 999_999_999, 1_000_000_000, -999_999_999,
)  # fmt: skip
NUMBERS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.1, float("nan"), float("inf"), -float("inf"), 1.7976931348623157e308, 5e-324, -1e308,
    2.0**53,
)  # fmt: skip
TEXTS: Final = (
    b"", b"a", b"\x00", b"0", b"-1", b"nan", b"null", b"%s%n{0}{}", b"../../../etc/passwd", b"'; DROP TABLE x; --",
    b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "ä€😀\u202e\u0000".encode(), b"A" * 5_000,
    b"\n\r\t\x1b[31m", b"FP64", b"INT64", b"BYTES", b"__class__", b"*", b"_ms:x:y",
)  # fmt: skip


class Garbage:
    """Makes messages by chance. ``words`` are names that the server knows: they lead further than the door."""

    def __init__(self, generator: random.Random, words: Sequence[bytes] = ()) -> None:
        self._random = generator
        self._texts = (*TEXTS, *words, *words, *words)

    def message(self, kind: Descriptor, depth: int = 0) -> bytes:
        """The bytes of a message of that type, more or less."""
        chance = self._random.random
        parts = [part for field in kind.fields if chance() < SET for part in self._field(field, depth)]
        if chance() < 0.1:
            self._random.shuffle(parts)
        if chance() < 0.1:
            parts.append(self._unknown())
        return b"".join(parts)

    def noise(self, most: int = 200) -> bytes:
        """Bytes of no meaning."""
        return self._random.randbytes(self._random.randrange(most))

    def deep(self) -> bytes:
        """Messages within messages, or groups within groups, deeper than any parser goes."""
        levels = self._random.choice((50, 101, 1_000, 5_000))
        number = self._random.randrange(1, 8)
        if self._random.random() < 0.5:
            return tag(number, GROUP) * levels
        data = b""
        for _ in range(min(levels, 1_000)):
            data = tag(number, BYTES) + sized(data)
        return data

    def huge(self, kind: Descriptor) -> bytes:
        """One repeated field or map with thousands of entries; one field of any kind thousands of times."""
        fields = [field for field in kind.fields if field.is_repeated] or list(kind.fields)
        if not fields:
            return self.noise()
        field = self._random.choice(fields)
        few = [b"".join(self._field(field, DEPTH - 2)) for _ in range(8)]
        return b"".join(self._random.choices(few, k=self._random.choice((100, 1_000, 3_000))))

    def _field(self, field: FieldDescriptor, depth: int) -> list[bytes]:
        n = self._random.choice((1, 1, 2, 3, 6)) if field.is_repeated else self._random.choice((1, 1, 1, 1, 2))
        return [self._once(field, depth) for _ in range(n)]

    def _once(self, field: FieldDescriptor, depth: int) -> bytes:
        wire_type = WIRE_TYPES.get(field.type, VARINT)
        if self._random.random() < 0.03:
            wire_type = self._random.randrange(8)
        if wire_type == BYTES:
            return tag(field.number, BYTES) + sized(self._content(field, depth))
        return tag(field.number, wire_type) + self._number(wire_type)

    def _content(self, field: FieldDescriptor, depth: int) -> bytes:
        if field.message_type is not None:
            return (
                self.noise(8)
                if depth >= DEPTH or self._random.random() < 0.02
                else self.message(field.message_type, depth + 1)
            )
        texts: Sequence[bytes] = self._texts
        if field.type == FieldDescriptor.TYPE_STRING:
            return self._random.choice(texts)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return self._random.choice((b"", self.noise(), b"\x00" * 8, self.noise(9), b"\xff" * 4_096))
        numbers = [self._number(WIRE_TYPES.get(field.type, VARINT)) for _ in range(self._random.randrange(5))]
        return b"".join(numbers)  # packed

    def _number(self, wire_type: int) -> bytes:
        if wire_type in {FIXED64, FIXED32}:
            encode: Callable[[float], bytes] = double if wire_type == FIXED64 else single
            return encode(self._random.choice(NUMBERS)) if self._random.random() < 0.9 else self.noise(9)
        if self._random.random() < 0.02:
            return b"\xff" * 11  # longer than a varint may be
        return varint(self._random.choice(INTEGERS))

    def _unknown(self) -> bytes:
        number = self._random.choice((0, 15, 16, 19_000, 536_870_911, 536_870_912))
        return tag(number, self._random.randrange(8)) + self.noise(12)
