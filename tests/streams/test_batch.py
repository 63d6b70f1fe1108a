"""What a batch reads of its records' headers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from features.tracing import HEADER
from streams.batch import REDRIVE_HEADER, Headers, to_batch

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"


@pytest.mark.parametrize(
    ("headers", "redrives", "traced"),
    [
        ([], {}, {}),
        ([(REDRIVE_HEADER, b"log/0/5")], {7: "log/0/5"}, {}),
        ([(HEADER, f"{PARENT}1".encode())], {}, {7: f"{PARENT}1"}),
        ([(HEADER, f"{PARENT}0".encode())], {}, {}),
        ([(HEADER, None), (REDRIVE_HEADER, None), (HEADER, b"")], {}, {}),
        ([(REDRIVE_HEADER, b"\xff")], {7: "\N{REPLACEMENT CHARACTER}"}, {}),
    ],
    ids=["none", "repeats", "traced", "not recorded", "null and empty", "no text"],
)
def test_headers_are_read_as_they_come(headers: Headers, redrives: dict[int, str], traced: dict[int, str]) -> None:
    """Also those that a stranger left without a value: they must not end the fetch loop."""
    record = SimpleNamespace(offset=7, timestamp=1, value=b"{}", headers=headers)
    batch = to_batch([record], topic="sales", log="log", partition=0)
    assert (batch.redrives, batch.traced) == (redrives, traced)
