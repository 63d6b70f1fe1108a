"""Feast's byte layout of the online store in Redis: keys, hash fields, values.

Any Feast client reads what is written in this layout, and what ``feast materialize`` wrote is read through it.
Our own fields and keys stand beside Feast's: ``_ms:<view>:<birth>`` in each entity's hash, one certificate and
one progress hash per shard.

References
----------
Feast 0.67: ``feast/infra/key_encoding_utils.py`` (entity key version 3), ``feast/infra/online_stores/redis.py``,
``protos/feast/types/Value.proto``; golden tests in ``tests/features/test_feast_layout.py``.

"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

import mmh3

from features.errors import RequestError, StateCorruptError
from features.nouns import FeatureValue, KeyValue
from features.plan import EntityKeyPlan, ViewPlan

_TYPE_CODES = {"string": 2, "int32": 3, "int64": 4}
_INTEGERS = {"int32": struct.Struct("<IIi"), "int64": struct.Struct("<IIq")}
_INTEGER_SIZES = {"int32": 4, "int64": 8}
_LENGTH = struct.Struct("<II")
_DOUBLE = struct.Struct("<Bd")

_INT32_TAG, _INT64_TAG, _DOUBLE_TAG, _FLOAT_TAG, _BOOL_TAG, _SECONDS_TAG = 0x18, 0x20, 0x29, 0x35, 0x38, 0x40
_VARINT_TAGS = frozenset({_INT32_TAG, _INT64_TAG, _BOOL_TAG, _SECONDS_TAG})
_NULL_TAG = b"\x98\x01"

STATE_PREFIX = b"_ms:"
"""How the hash fields of states begin."""

TIMESTAMP_PREFIX = b"_ts:"
"""How the hash fields begin that say at which event time a view's features stand."""

_WORD = 1 << 64
_SPECIAL = re.compile(rb"[\\*?\[\]^-]")


class KeyLayout:
    r"""The Redis key of one entity, as Feast writes it.

    Parameters
    ----------
    project
        Name of the Feast project.
    keys
        Join keys, in the order in which `key` gets their values; Feast sorts them by name.

    Examples
    --------
    >>> KeyLayout("shop", [EntityKeyPlan(name="id", type="string")]).key(["c7"])
    b'\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00id\x02\x00\x00\x00\x02\x00\x00\x00c7shop'

    """

    def __init__(self, project: str, keys: Sequence[EntityKeyPlan]) -> None:
        self._order = sorted(range(len(keys)), key=lambda index: keys[index].name)
        self._keys = [keys[index] for index in self._order]
        self._prefix = key_prefix([key.name for key in self._keys])
        self._project = project.encode()
        self._only = keys[0] if len(keys) == 1 else None
        self._one_string = self._only is not None and self._only.type == "string"

    def key(self, values: Sequence[KeyValue]) -> bytes:
        """The key of the entity with these values, in declared order.

        Raises
        ------
        RequestError
            When a value has the wrong type or does not fit.

        """
        if self._one_string:  # the common case, once per event
            try:
                text = values[0].encode()  # type: ignore[union-attr]  # an int has none: refused below
                return b"%b%b%b%b" % (self._prefix, _LENGTH.pack(2, len(text)), text, self._project)
            except (AttributeError, UnicodeEncodeError):
                pass
        if self._only is not None:
            return b"%b%b%b" % (self._prefix, _encode_key_value(self._only, values[0]), self._project)
        parts = [_encode_key_value(key, values[index]) for key, index in zip(self._keys, self._order, strict=True)]
        return b"".join((self._prefix, *parts, self._project))


def entity_key(project: str, keys: Sequence[EntityKeyPlan], values: Sequence[KeyValue]) -> bytes:
    """The Redis key of one entity; `KeyLayout` does the same faster for many.

    Parameters
    ----------
    project
        Name of the Feast project.
    keys, values
        Join keys and their values, in the same order.

    Returns
    -------
    bytes
        Feast's entity key, version 3, followed by the project's name.

    Raises
    ------
    RequestError
        When a value has the wrong type or does not fit.

    """
    return KeyLayout(project, keys).key(values)


def read_key(key: bytes, project: str) -> dict[str, KeyValue] | None:
    """The entity that a Redis key stands for.

    Parameters
    ----------
    key
        Any key of the store.
    project
        Name of the Feast project.

    Returns
    -------
    dict or None
        Join keys and their values; None for what is no entity's key of this project.

    Examples
    --------
    >>> read_key(entity_key("shop", [EntityKeyPlan(name="id", type="int64")], [7]), "shop")
    {'id': 7}

    """
    try:
        (n_keys,) = struct.unpack_from("<I", key)
        at = 4
        parts: list[KeyValue] = []
        for _ in range(2 * n_keys):
            code, size = _LENGTH.unpack_from(key, at)
            at += _LENGTH.size
            raw = key[at : at + size]
            parts.append(raw.decode() if code == _TYPE_CODES["string"] else int.from_bytes(raw, "little", signed=True))
            if len(raw) != size or code not in _TYPE_CODES.values():
                return None
            at += size
    except (struct.error, UnicodeDecodeError):
        return None
    if not n_keys or key[at:] != project.encode():
        return None
    return dict(zip(map(str, parts[:n_keys]), parts[n_keys:], strict=True))


def field_name(view: str, feature: str) -> bytes:
    """The hash field of a feature: 32 bits of murmur3, so that two features of an entity may collide.

    Examples
    --------
    >>> field_name("spend", "total_usd").hex()
    '43f5f188'

    """
    return struct.pack("<I", mmh3.hash(f"{view}:{feature}", signed=False))


def timestamp_field(view: str) -> bytes:
    """The hash field of the event time at which a view's features stand."""
    return TIMESTAMP_PREFIX + view.encode()


def state_field(view: str, birth: str) -> bytes:
    """The hash field of a view's state in one of its lives."""
    return STATE_PREFIX + f"{view}:{birth}".encode()


def certificate_key(project: str, shard: bytes = b"") -> bytes:
    """The key of a shard's certificate. It ends in a colon, lest Feast's SCAN for ``*<project>`` delete it.

    ``shard`` tells the shards of a cluster apart; in braces, so that certificate and progress have one slot.
    """
    return f"_ms:{project}:certificate:".encode() + _braced(shard)


def progress_key(project: str, shard: bytes = b"") -> bytes:
    """The key of a shard's progress marks; as `certificate_key`."""
    return f"_ms:{project}:progress:".encode() + _braced(shard)


def witness_key(project: str, join_keys: Sequence[str], shard: bytes = b"") -> bytes:
    """A key among those of the entities with these join keys, though no entity's: what deletes them deletes it too."""
    return key_prefix(sorted(join_keys)) + b"_ms:births:" + _braced(shard) + project.encode()


def entity_pattern(project: str, join_keys: Sequence[str]) -> bytes:
    r"""What SCAN matches the keys of all entities with these join keys by; their witness matches as well.

    Examples
    --------
    >>> entity_pattern("shop", ["id"])
    b'\x01\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00id*shop'

    """
    return _SPECIAL.sub(rb"\\\g<0>", key_prefix(sorted(join_keys))) + b"*" + project.encode()


def _braced(shard: bytes) -> bytes:
    return b"{%b}:" % shard if shard else b""


def encode_value(value: FeatureValue) -> bytes:
    """Feast's ``Value`` message of a feature.

    Parameters
    ----------
    value
        An int becomes ``int64_val``, a float ``double_val``, None the empty message.

    Returns
    -------
    bytes
        Byte for byte what Feast's own serialisation gives.

    Examples
    --------
    >>> encode_value(300).hex(), encode_value(1.0).hex(), encode_value(None)
    ('20ac02', '29000000000000f03f', b'')

    """
    if isinstance(value, float):
        return _DOUBLE.pack(_DOUBLE_TAG, value)
    if value is None:
        return b""
    return b"\x20" + _encode_varint(value)


def decode_value(data: bytes) -> FeatureValue:
    """The feature in Feast's ``Value`` message: any numeric type, bool and timestamp (seconds) as numbers.

    Raises
    ------
    StateCorruptError
        When the message holds something else, or is cut short.

    """
    if not data or data.startswith(_NULL_TAG):
        return None
    tag = data[0]
    try:
        if tag == _DOUBLE_TAG:
            return float(_DOUBLE.unpack(data)[1])
        if tag == _FLOAT_TAG:
            return float(struct.unpack("<Bf", data)[1])
        if tag in _VARINT_TAGS:
            number, end = _decode_varint(data, 1)
            if end == len(data):
                return number
    except (struct.error, IndexError):
        pass
    raise StateCorruptError("online feature value", f"is not a number in Feast's layout: {data[:24].hex()}")


def encode_timestamp(us: int) -> bytes:
    """Protobuf ``Timestamp`` of an instant in microseconds.

    Examples
    --------
    >>> encode_timestamp(1_500_000).hex()
    '08011080cab5ee01'

    """
    seconds, rest = divmod(us, 1_000_000)
    data = b"\x08" + _encode_varint(seconds) if seconds else b""
    return data + b"\x10" + _encode_varint(rest * 1_000) if rest else data


def decode_timestamp(data: bytes) -> int:
    """Microseconds of a protobuf ``Timestamp``; a remainder below one microsecond is dropped.

    Raises
    ------
    StateCorruptError
        When the bytes are not a ``Timestamp``.

    """
    seconds = nanos = at = 0
    try:
        while at < len(data):
            tag = data[at]
            number, at = _decode_varint(data, at + 1)
            if tag == 0x08:
                seconds = number
            elif tag == 0x10:
                nanos = number
            else:
                break
        else:
            return seconds * 1_000_000 + nanos // 1_000
    except IndexError:
        pass
    raise StateCorruptError("online feature timestamp", f"is not a protobuf Timestamp: {data[:24].hex()}")


class FeastRow:
    """Feast's fields of one view, with their names made once.

    Parameters
    ----------
    view
        Whose features are written.

    Attributes
    ----------
    template
        The fields, with every value empty.

    """

    def __init__(self, view: ViewPlan) -> None:
        names = [*(field_name(view.name, feature) for feature in view.feature_names), timestamp_field(view.name)]
        self.template = [part for name in names for part in (name, b"")]

    def fields(self, values: Sequence[FeatureValue], newest_us: int) -> list[bytes]:
        """Names and values in turn, as HSET takes them.

        Parameters
        ----------
        values
            In order of the view's features.
        newest_us
            Event time at which the values stand; it becomes Feast's ``_ts:`` field.

        Returns
        -------
        list of bytes
            ``[name, value, …, b"_ts:<view>", timestamp]``.

        """
        fields = self.template.copy()
        pack = _DOUBLE.pack
        fields[1:-2:2] = [pack(_DOUBLE_TAG, v) if v.__class__ is float else encode_value(v) for v in values]
        fields[-1] = encode_timestamp(newest_us)
        return fields


def key_prefix(names: Sequence[str]) -> bytes:
    """How the keys of all entities with these join keys, sorted, begin; Feast deletes by it."""
    encoded = [name.encode() for name in names]
    return struct.pack("<I", len(encoded)) + b"".join(_LENGTH.pack(2, len(name)) + name for name in encoded)


def _encode_key_value(key: EntityKeyPlan, value: KeyValue) -> bytes:
    """Type, length and bytes of one join key's value."""
    try:
        if key.type == "string":
            text = value.encode()  # type: ignore[union-attr]  # an int has none: refused below
            return _LENGTH.pack(2, len(text)) + text
        return _INTEGERS[key.type].pack(_TYPE_CODES[key.type], _INTEGER_SIZES[key.type], value)
    except (AttributeError, UnicodeEncodeError, struct.error):
        raise RequestError(key.name, f"{value!r} is not a value of type {key.type}", "send that type") from None


def _encode_varint(number: int) -> bytes:
    """Protobuf varint; negative numbers as 64-bit two's complement."""
    if 0 <= number < 0x80:
        return bytes((number,))
    if 1 << 28 <= number < 1 << 35:  # the seconds and most nanoseconds of a timestamp: unrolled, three times as fast
        return bytes(
            (
                number & 0x7F | 0x80,
                number >> 7 & 0x7F | 0x80,
                number >> 14 & 0x7F | 0x80,
                number >> 21 & 0x7F | 0x80,
                number >> 28,
            )
        )
    if not -_WORD >> 1 <= number < _WORD >> 1:
        raise OverflowError(f"{number} does not fit Feast's int64_val")
    number %= _WORD
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """A signed 64-bit number, and where the next field starts; IndexError when cut short or too long."""
    number = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number - _WORD if number >= _WORD >> 1 else number), at
    raise IndexError
