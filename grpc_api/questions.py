"""What requests ask: each row checked, and the arm of its model that is to answer."""

from __future__ import annotations

from itertools import count
from secrets import token_hex

import msgspec

from features.errors import MillstreamError, RequestError
from features.nouns import KeyValue
from features.vector import RequestValue, Vector
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import parse_into, to_scalars, to_us
from grpc_api.model_set import ModelSet
from grpc_api.models import Models
from grpc_api.plain_rows import PlainRow
from grpc_api.scoring import Asked
from grpc_api.served_model import Inputs, ServedModel


class Question(msgspec.Struct, frozen=True, gc=False):
    """One row: the model that it asks, which of its arms is to answer, and what it asks."""

    models: ModelSet
    model: ServedModel
    row: Asked


class Questions:
    """Reads rows; those that bring no id get one of this process."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._id_prefix = token_hex(8)
        self._ids = count(1)

    def read(
        self, models: ModelSet, message: pb.ScoreRequest | pb.BatchRow, as_of_us: int | None, routing_key: str
    ) -> Question:
        """What one row asks for, and who is to answer; RequestError where its keys or its vector are wrong.

        ``as_of_us`` is for a row that has no instant of its own.
        """
        has_vector, own_us = message.HasField("vector"), to_us(message)
        keys = models.champion.inputs.keys  # those of all arms
        entity = keys.parse(message.entity) if message.entity or not has_vector else {}
        request_id = message.request_id or self._new_id()
        model = models.route(entity, request_id, routing_key)
        if has_vector and not message.vector.names and model.features != models.champion.features:
            model = models.champion  # its order is the one that callers know
        request = to_scalars(message.request) if message.request else {}
        if request and model is not models.champion:
            request = known_fields(request, model, models.champion)
        asked = Asked(
            request_id=request_id,
            entity=entity,
            as_of_us=as_of_us if own_us is None else own_us,
            request=request,
            vector=vector_of(model.inputs, message) if has_vector else None,
            routing_key=routing_key,
        )
        return Question(models, model, asked)

    def plain(self, models: ModelSet, row: PlainRow, as_of_us: int | None, routing_key: str) -> Question:
        """The same for a row that was read where it lies."""
        key, values, request_id = row
        request_id = request_id or self._new_id()
        if values is None:
            (name,) = models.champion.inputs.keys.types
            entity: dict[str, KeyValue] = {name: key}  # type: ignore[dict-item]  # it has one of the two
            model, vector = models.route(entity, request_id, routing_key), None
        else:
            entity, vector = {}, Vector(values, [])
            model = models.route(entity, request_id, routing_key)
            if model.features != models.champion.features:
                model = models.champion
        return Question(models, model, Asked(request_id, entity, as_of_us, {}, vector, routing_key))

    def try_read(
        self, models: ModelSet, row: pb.ScoreRequest | pb.BatchRow, as_of_us: int | None, routing_key: str
    ) -> Question | Exception:
        """The same, or what is wrong with the row."""
        try:
            return self.read(models, row, as_of_us, routing_key)
        except RequestError as error:
            return error

    def try_read_message(self, data: bytes) -> Question | Exception:
        """What one message of a stream asks for, and of which model; or why that cannot be told."""
        message = pb.ScoreRequest()
        try:
            parse_into(message, data)
            models = self._models.find(message.model)
        except MillstreamError as error:
            return error
        return self.try_read(models, message, None, message.routing_key)

    def _new_id(self) -> str:
        return f"{self._id_prefix}-{next(self._ids)}"


def known_fields(
    request: dict[str, RequestValue], model: ServedModel, champion: ServedModel
) -> dict[str, RequestValue]:
    """Request fields without those that the champion alone asks for: callers cannot know who will answer."""
    known, theirs = (one.inputs.assembler.request_fields for one in (model, champion))
    return {name: value for name, value in request.items() if name in known or name not in theirs}


def vector_of(inputs: Inputs, message: pb.ScoreRequest | pb.BatchRow) -> Vector:
    """The vector that a row brings."""
    if message.request:
        raise RequestError("request", "comes beside a vector, which has all features", "send one of the two")
    return inputs.assembler.supplied(message.vector.values, message.vector.names)
