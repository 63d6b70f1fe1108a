"""Protobuf's wire format, for the few messages that are written so often that building them as objects costs too much.

Fields with numbers up to 15 alone, whose tag is one byte. By compiled code where it was built.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from features.compiled import WhereBuilt

SECOND_US: Final = 1_000_000


def varint_in_python(number: int) -> bytes:
    """An integer from −2^63 to 2^64 − 1; a negative one takes ten bytes."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited_in_python(field: int, content: bytes) -> bytes:
    """A field of bytes, of text in UTF-8, or of an encoded message."""
    return b"%c%b%b" % (field << 3 | 2, varint_in_python(len(content)), content)


def seconds_and_nanos_in_python(us: int) -> bytes:
    """The content of a ``Timestamp``, from microseconds since 1970."""
    seconds, rest = divmod(us, SECOND_US)
    return _pair(seconds, rest * 1_000)


def duration_in_python(us: int) -> bytes:
    """The content of a ``Duration``, whose seconds and nanoseconds are of one sign."""
    if us >= 0:
        return seconds_and_nanos_in_python(us)
    seconds, rest = divmod(-us, SECOND_US)
    return _pair(-seconds, -rest * 1_000)


def _pair(seconds: int, nanos: int) -> bytes:
    return b"%b%b" % (
        b"\x08" + varint_in_python(seconds) if seconds else b"",
        b"\x10" + varint_in_python(nanos) if nanos else b"",
    )


varint: Callable[[int], bytes] = varint_in_python
delimited: Callable[[int, bytes], bytes] = delimited_in_python
seconds_and_nanos: Callable[[int], bytes] = seconds_and_nanos_in_python
duration: Callable[[int], bytes] = duration_in_python

with WhereBuilt():
    import features.compiled.wire_bytes as compiled

    varint, delimited = compiled.varint, compiled.delimited
    seconds_and_nanos, duration = compiled.seconds_and_nanos, compiled.duration


@lru_cache(maxsize=1024)
def text(field: int, content: str) -> bytes:
    """A field of text that comes again and again; nothing where it is empty."""
    return delimited(field, content.encode()) if content else b""
