"""``/health`` and ``/metrics``, for who asks by HTTP."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from grpc_api.catalogue import Catalogue
from grpc_api.rest.prediction_models import Healthy


def health_routes(catalogue: Catalogue, registry: CollectorRegistry | None) -> APIRouter:
    """The two routes; the first alone where there is no registry, whose page tells of models and traffic."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/health",
        summary="Whether there are answers to be had",
        responses={HTTPStatus.SERVICE_UNAVAILABLE.value: {"model": Healthy, "description": "Nothing serves yet."}},
    )
    async def health(response: Response) -> Healthy:
        healthy, infos = catalogue.is_ready(""), catalogue.infos()
        if not healthy:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Healthy(
            status="healthy" if healthy else "unhealthy",
            model_loaded=bool(infos),
            model_version=_versions({info.model: catalogue.info(info.model).version for info in infos}),
        )

    if registry is None:
        return router

    @router.get("/metrics", summary="For Prometheus", response_class=Response)
    def metrics() -> Response:  # in a thread: a page takes as long as many scores
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    return router


def _versions(served: dict[str, str]) -> str | None:
    """The version of the one model, of each by name where there are several, None where there is none."""
    if len(served) < 2:
        return next(iter(served.values()), None)
    return ", ".join(f"{model}:{version}" for model, version in sorted(served.items()))
