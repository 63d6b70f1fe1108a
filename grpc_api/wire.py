"""Protobuf's wire format, for the few messages that are written so often that building them as objects costs too much.

Fields with numbers up to 15 alone, whose tag is one byte.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

SECOND_US: Final = 1_000_000
_SMALL: Final = tuple(bytes((number,)) for number in range(128))


def varint(number: int) -> bytes:
    r"""An integer of the types ``int32``, ``int64`` and ``uint64``.

    Parameters
    ----------
    number
        From −2^63 to 2^64 − 1; a negative one takes ten bytes.

    Examples
    --------
    >>> varint(1), varint(300), len(varint(-1))
    (b'\x01', b'\xac\x02', 10)

    References
    ----------
    Protocol Buffers, "Encoding": base 128 varints.

    """
    if 0 <= number < 128:
        return _SMALL[number]
    number &= 0xFFFF_FFFF_FFFF_FFFF
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited(field: int, content: bytes) -> bytes:
    """A field of bytes, of text in UTF-8, or of an encoded message."""
    return b"%c%b%b" % (field << 3 | 2, varint(len(content)), content)


@lru_cache(maxsize=1024)
def text(field: int, content: str) -> bytes:
    """A field of text that comes again and again; nothing where it is empty."""
    return delimited(field, content.encode()) if content else b""


def seconds_and_nanos(us: int) -> bytes:
    """The content of a ``Timestamp``, from microseconds since 1970."""
    seconds, rest = divmod(us, SECOND_US)
    return _pair(seconds, rest * 1_000)


def duration(us: int) -> bytes:
    """The content of a ``Duration``, whose seconds and nanoseconds are of one sign."""
    if us >= 0:
        return seconds_and_nanos(us)
    seconds, rest = divmod(-us, SECOND_US)
    return _pair(-seconds, -rest * 1_000)


def _pair(seconds: int, nanos: int) -> bytes:
    return b"%b%b" % (
        b"\x08" + varint(seconds) if seconds else b"",
        b"\x10" + varint(nanos) if nanos else b"",
    )
