"""The gateway, put together."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from grpc_api.catalogue import Catalogue
from grpc_api.gate import Gate
from grpc_api.http2.limits import Room
from grpc_api.methods import Methods
from grpc_api.open_inference.service import VERSION
from grpc_api.rest.asking import Asking
from grpc_api.rest.bodies import Bodies
from grpc_api.rest.errors import add_error_handlers
from grpc_api.rest.examples import with_examples
from grpc_api.rest.health import health_routes
from grpc_api.rest.open_inference import open_inference_routes
from grpc_api.rest.prediction import prediction_routes

MOST_BYTES: Final = 16 * 2**20
"""Of a body. JSON is read in one go, and others wait meanwhile."""
HELD_BYTES: Final = 16 * MOST_BYTES
"""Of all bodies at a time."""


class Gateway(FastAPI):
    """The application; its description follows the models that serve, where everybody may know of them."""

    def __init__(self, catalogue: Catalogue, *, shows_models: bool) -> None:
        super().__init__(
            title="Millstream",
            version=VERSION,
            description="Scores entities with the features that the stream has computed for them.",
        )
        self._catalogue = catalogue
        self._shows_models = shows_models

    def openapi(self) -> dict[str, Any]:
        """The description, with examples that can be sent, which are made anew each time, as models come and go."""
        return with_examples(_without_422(super().openapi()), self._catalogue.infos() if self._shows_models else ())


def build_app(
    *,
    gate: Gate,
    methods: Methods,
    catalogue: Catalogue,
    registry: CollectorRegistry,
    max_batch_rows: int,
    max_message_bytes: int,
    shows_models: bool,
) -> FastAPI:
    """The routes in front of the methods of the table; ``shows_models``: whether everybody may hear of the models."""
    app, asking = Gateway(catalogue, shows_models=shows_models), Asking(gate=gate, methods=methods)
    add_error_handlers(app)
    app.add_middleware(Bodies, most_bytes=min(MOST_BYTES, max_message_bytes), room=Room(HELD_BYTES))
    app.include_router(prediction_routes(asking, catalogue, max_batch_rows))
    app.include_router(health_routes(catalogue, registry if shows_models else None))
    app.include_router(open_inference_routes(asking))
    return app


def _without_422(schema: dict[str, Any]) -> dict[str, Any]:
    """A description without what FastAPI would say to a wrong question: it is told in the one form, with 400."""
    for routes in schema["paths"].values():
        for route in routes.values():
            route["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
    return schema
