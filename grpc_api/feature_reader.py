"""Features alone, for who asks for no score."""

from __future__ import annotations

import time
from collections.abc import Mapping

from features.clock import Clock
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.call import Call
from grpc_api.feature_answer import feature_answer
from grpc_api.finishing import finish, readings
from grpc_api.messages import parse_into, to_scalars, to_us
from grpc_api.models import Models
from grpc_api.reads import Reads
from grpc_api.served_model import Inputs
from grpc_api.status import UnknownNameError
from grpc_api.turns import Turns


class FeatureReader:
    """Gives the features of an entity.

    Parameters
    ----------
    services
        What each feature service needs; see `declare`.
    models, reads, turns, clock
        Collaborators.

    """

    def __init__(
        self, *, services: Mapping[str, Inputs], models: Models, reads: Reads, turns: Turns, clock: Clock
    ) -> None:
        self._services = services
        self._models = models
        self._reads = reads
        self._turns = turns
        self._clock = clock

    def declare(self, services: Mapping[str, Inputs]) -> None:
        """Give features of these services from the next request on."""
        self._services = services

    async def get_features(self, data: bytes, call: Call) -> bytes:
        """``GetFeaturesRequest`` to ``GetFeaturesResponse``."""
        message = pb.GetFeaturesRequest()
        parse_into(message, data)
        inputs = self._inputs(message)
        entity, as_of_us = inputs.keys.parse(message.entity), to_us(message)
        fetched = await self._reads.read(inputs, [entity], call)
        if not self._turns.free:
            await self._turns.wait()
            call.require_wanted()
        begin_s = time.perf_counter()
        try:
            if as_of_us is None:
                as_of_us = self._clock.now_us()
            finished, values = finish(inputs, fetched.rows[0], as_of_us)
            vector = inputs.assembler.assemble(as_of_us, values, to_scalars(message.request))
            read = readings(inputs, finished, fetched.births)
            return feature_answer(inputs, values, vector, read, as_of_us).SerializeToString()
        finally:
            self._turns.spent(time.perf_counter() - begin_s)

    def _inputs(self, message: pb.GetFeaturesRequest) -> Inputs:
        """The feature service that a request means: named, of the model named, or the only one."""
        if message.WhichOneof("source") == "model":
            return self._models.find(message.model).champion.bare
        name, services = message.service, self._services
        if not name and len(services) == 1:
            return next(iter(services.values()))
        if name not in services:
            problem = f"{name!r} is not declared" if name else "several are declared and none was named"
            raise UnknownNameError("service", problem, f"name one of {sorted(services)}")
        return services[name]
