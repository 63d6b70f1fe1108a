"""JSON objects, by the struct that msgspec compiles from the declared schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from features.formats.record import Reason, parse_each, record_type
from features.plan import SourcePlan

MAX_DEPTH = 200
"""Deeper nesting is refused: the parser's own limit depends on how deep its caller's stack is."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[{\]}]")


class JsonParser:
    """Reads records that are JSON objects; fields that are not declared are ignored."""

    def __init__(self, source: SourcePlan) -> None:
        self._decode = msgspec.json.Decoder(record_type(source)).decode

    def parse(self, values: Sequence[bytes | None], reasons: dict[int, str]) -> list[Any]:
        """See `features.formats.record.Parser`."""
        for i, value in enumerate(values):
            if value is not None and len(value) > 2 * MAX_DEPTH and _too_deep(value):
                reasons[i] = f"{Reason.NOT_DECODABLE}: nested deeper than {MAX_DEPTH}"
        return parse_each(self._decode, values, reasons)


def _too_deep(value: bytes) -> bool:
    """Whether arrays and objects are nested deeper than ``MAX_DEPTH``; brackets inside strings do not count."""
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
