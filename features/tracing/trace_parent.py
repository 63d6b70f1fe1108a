"""Where a span stands: the ``traceparent`` of W3C's Trace Context, and the one that a position in a log has.

References
----------
W3C Trace Context, https://www.w3.org/TR/trace-context/.

"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from typing import Final, NamedTuple

HEADER: Final = "traceparent"
"""The name of the gRPC metadata, and of the Kafka header, that carries it."""
SAMPLED_DIGITS: Final = frozenset(b"13579bdf")
"""What the last byte of one is whose trace is recorded."""
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_INVALID_VERSION: Final = "ff"


class TraceParent(NamedTuple):
    """A span of a trace."""

    trace_id: int
    span_id: int
    sampled: bool = True

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"

    def child(self) -> TraceParent:
        """A new span of the same trace."""
        return TraceParent(self.trace_id, _some(8), self.sampled)


def new_trace() -> TraceParent:
    """The first span of a new trace."""
    return TraceParent(_some(16), _some(8))


def parse_traceparent(text: str) -> TraceParent | None:
    """What a header says.

    Parameters
    ----------
    text
        Its value.

    Returns
    -------
    TraceParent or None
        None where it is not one, which is to be taken as if there were none.

    Examples
    --------
    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").sampled
    True
    >>> parse_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01") is None
    True

    """
    found = _FORM.fullmatch(text)
    if found is None or found[1] == _INVALID_VERSION:
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    if not trace_id or not span_id or (found[1] == "00" and len(text) != len(str(TraceParent(1, 1)))):
        return None
    return TraceParent(trace_id, span_id, bool(int(found[4], 16) & 1))


def trace_of_position(log: str, partition: int, offset: int) -> TraceParent:
    """The span that stands for one event: whoever knows the event's position knows it too.

    So a scorer links to the events that a state was computed from, and no identifier travels through the store.

    Parameters
    ----------
    log, partition, offset
        The event's position.

    Returns
    -------
    TraceParent
        The same for the same position, everywhere.

    Examples
    --------
    >>> str(trace_of_position("AAAAAAAAQACAAAAAAAAAAQ", 0, 7))
    '00-775153c0b37b9287dcb590af1c9e68f0-8f10287875ce5e0d-01'

    """
    digest = blake2b(f"{log}/{partition}/{offset}".encode(), digest_size=24, person=b"ms-position").digest()
    return TraceParent(int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:], "big"))


def _some(n_bytes: int) -> int:
    """A random identifier; zero is none."""
    return int.from_bytes(secrets.token_bytes(n_bytes), "big") or 1
