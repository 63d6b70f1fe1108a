"""Conversions between the messages of the protocol and the engine's own values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from features.errors import RequestError
from features.nouns import FeatureValue, Note, NoteReason, ViewReading
from features.vector import RequestValue
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb

SECOND_US: Final = 1_000_000
LATEST_US: Final = 2**52
"""Instants lie strictly between its negative and this: beyond, score records could not be told in the lake."""

REASONS: Final[Mapping[NoteReason, pb.Note.Reason]] = {
    "unknown_entity": pb.Note.UNKNOWN_ENTITY,
    "stale": pb.Note.STALE,
    "not_supplied": pb.Note.NOT_SUPPLIED,
    "as_of_behind_state": pb.Note.AS_OF_BEHIND_STATE,
    "store_unavailable": pb.Note.STORE_UNAVAILABLE,
}
PRESENCES: Final[Mapping[NoteReason, pb.Feature.Presence]] = {
    "unknown_entity": pb.Feature.UNKNOWN_ENTITY,
    "stale": pb.Feature.STALE,
    "not_supplied": pb.Feature.NOT_SUPPLIED,
}


def parse_into(message: Message, data: bytes) -> None:
    """Fill a message from its bytes; RequestError when they are not one."""
    try:
        message.ParseFromString(data)
    except DecodeError:
        name = message.DESCRIPTOR.name
        raise RequestError("request", f"is not a {name}", "build it with the stubs of this server's proto") from None


def to_scalar(value: pb.Value) -> RequestValue:
    """What a value holds; None where nothing is set."""
    kind = value.WhichOneof("kind")
    return None if kind is None else getattr(value, kind)


def to_scalars(values: Mapping[str, pb.Value]) -> dict[str, RequestValue]:
    """A map of values as a plain dict."""
    return {name: to_scalar(value) for name, value in values.items()}


def to_us(message: pb.ScoreRequest | pb.ScoreBatchRequest | pb.BatchRow | pb.GetFeaturesRequest) -> int | None:
    """The message's ``as_of`` in microseconds (what is finer is cut off), None where it was left out."""
    if not message.HasField("as_of"):
        return None
    instant = message.as_of
    us = instant.seconds * SECOND_US + instant.nanos // 1_000
    if not -LATEST_US < us < LATEST_US:
        raise RequestError("as_of", f"{instant.seconds} seconds is out of range", "use an instant before 2112")
    return us


def set_timestamp(stamp: Timestamp, us: int) -> None:
    """Set an instant from microseconds."""
    stamp.seconds, rest = divmod(us, SECOND_US)
    stamp.nanos = rest * 1_000


def set_duration(duration: Duration, us: int) -> None:
    """Set a duration from microseconds; protobuf wants seconds and nanoseconds of one sign."""
    seconds, rest = divmod(abs(us), SECOND_US)
    sign = 1 if us >= 0 else -1
    duration.seconds = sign * seconds
    duration.nanos = sign * rest * 1_000


def from_us(us: int) -> Timestamp:
    """An instant in microseconds as protobuf has it."""
    stamp = Timestamp()
    set_timestamp(stamp, us)
    return stamp


def from_feature(value: FeatureValue) -> pb.Value:
    """A finished feature: counts are integers, all else numbers, null is nothing set."""
    if value is None:
        return pb.Value()
    return pb.Value(integer=value) if isinstance(value, int) else pb.Value(number=value)


def from_note(note: Note) -> pb.Note:
    """A note as the protocol has it."""
    return pb.Note(feature=note.feature, reason=REASONS[note.reason], defaulted=note.defaulted)


def notes_in_words(answer: pb.ScoreResponse) -> list[dict[str, str | bool]]:
    """The notes of an answer as JSON has them."""
    return [
        {"feature": note.feature, "reason": pb.Note.Reason.Name(note.reason).lower(), "defaulted": note.defaulted}
        for note in answer.notes
    ]


def from_reading(reading: ViewReading) -> pb.ViewReading:
    """Which state was read, as the protocol has it."""
    return pb.ViewReading(
        view=reading.view,
        view_hash=reading.view_hash,
        birth=reading.birth,
        positions=[pb.Position(log=log, partition=part, offset=offset) for log, part, offset in reading.positions],
        newest=None if reading.newest_us is None else from_us(reading.newest_us),
    )
