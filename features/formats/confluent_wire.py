"""The header of Confluent's wire format: a zero, the schema's id in four bytes, and for Protobuf the message's place.

References
----------
Confluent, "Formats, Serializers, and Deserializers for Schema Registry", section "Wire format".

"""

from __future__ import annotations

from features.formats.record import Reason, RefusedError

HEADER = 5
_LONGEST_VARINT = 10


def header(schema_id: int) -> bytes:
    r"""The bytes before an Avro or JSON record.

    Examples
    --------
    >>> header(258)
    b'\x00\x00\x00\x01\x02'

    """
    return b"\0" + schema_id.to_bytes(4, "big")


def schema_id(value: bytes | None) -> int:
    """Id of the schema that a record was written with; TypeError for a tombstone, RefusedError for no header."""
    if value is None:
        raise TypeError
    if len(value) < HEADER or value[0]:
        raise RefusedError(Reason.NOT_DECODABLE, "does not begin with a zero and a schema id, as wire: confluent says")
    return int.from_bytes(value[1:HEADER], "big")


def json_body(value: bytes | None) -> memoryview:
    """A record without its header."""
    schema_id(value)
    return memoryview(value)[HEADER:]  # type: ignore[arg-type]  # a tombstone has raised


def protobuf_body(value: bytes | None) -> tuple[tuple[int, ...], bytes]:
    """The path of a Protobuf record's message in its file, (0,) for the first, and the record itself."""
    schema_id(value)
    whole: bytes = value  # type: ignore[assignment]  # a tombstone has raised
    count, at = _zigzag(whole, HEADER)
    if count == 0:
        return (0,), whole[at:]
    path = []
    if not 0 < count <= len(whole):
        raise RefusedError(Reason.NOT_DECODABLE, "the path of its message is malformed")
    for _ in range(count):
        index, at = _zigzag(whole, at)
        path.append(index)
    return tuple(path), whole[at:]


def protobuf_header(schema_id: int, path: tuple[int, ...]) -> bytes:
    r"""The bytes before a Protobuf record.

    Examples
    --------
    >>> protobuf_header(1, (0,)), protobuf_header(1, (2, 0))
    (b'\x00\x00\x00\x00\x01\x00', b'\x00\x00\x00\x00\x01\x04\x04\x00')

    """
    if path == (0,):
        return header(schema_id) + b"\0"
    return header(schema_id) + b"".join(map(_to_zigzag, (len(path), *path)))


def _zigzag(value: bytes, at: int) -> tuple[int, int]:
    """A signed number of variable length, and where it ends."""
    number = shift = 0
    for byte in value[at : at + _LONGEST_VARINT]:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    raise RefusedError(Reason.NOT_DECODABLE, "the path of its message is malformed")


def _to_zigzag(number: int) -> bytes:
    number <<= 1  # none is negative
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
