"""The arms of one model that serve together, and which of them a request goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from features.nouns import KeyValue
from features.routing import CHALLENGER, Routing
from grpc_api.served_model import ServedModel


class ModelSet(NamedTuple):
    """A model's arms as they stand at one instant: a request keeps the set that it began with."""

    champion: ServedModel
    challenger: ServedModel | None = None
    shadow: ServedModel | None = None
    routing: Routing = Routing()

    @property
    def arms(self) -> tuple[ServedModel, ...]:
        """All of them, the champion first."""
        return tuple(arm for arm in self[:3] if arm is not None)

    def route(self, entity: Mapping[str, KeyValue], request_id: str, given: str = "") -> ServedModel:
        """The arm that answers; see `Routing.key`."""
        challenger, routing = self.challenger, self.routing
        if challenger is None or not routing.challenger:
            return self.champion
        return challenger if routing.arm(routing.key(entity, request_id, given)) == CHALLENGER else self.champion

    def shadow_of(self, entity: Mapping[str, KeyValue], request_id: str, given: str = "") -> ServedModel | None:
        """The shadow that scores the request too, once it is answered."""
        shadow, routing = self.shadow, self.routing
        if shadow is None or not routing.shadow:
            return None
        wanted = routing.shadow == 1 or routing.is_shadowed(routing.key(entity, request_id, given))
        return shadow if wanted else None
