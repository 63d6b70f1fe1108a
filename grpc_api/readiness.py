"""Which models can answer, told to whoever asks by the protocol grpc.health.v1: one service name per model.

The empty name is the server as a whole: it serves while every model that it holds, and at least one, can answer.
"""

from __future__ import annotations

import threading
from typing import Final

from grpc_health.v1 import health, health_pb2

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.births import Births, BirthWatch
from grpc_api.metrics import ScorerMetrics
from grpc_api.models import Models
from grpc_api.served_model import ServedModel

SERVICE: Final = pb.DESCRIPTOR.services_by_name["Scoring"].full_name

_STATUS: Final = {
    True: health_pb2.HealthCheckResponse.SERVING,
    False: health_pb2.HealthCheckResponse.NOT_SERVING,
}


def can_answer(model: ServedModel, births: Births) -> bool:
    """Whether all views that a model reads may be read."""
    return all(births.serve(view) for view in model.inputs.views)


class Readiness:
    """Keeps the health service in step with models and births."""

    def __init__(self, *, models: Models, servicer: health.HealthServicer, metrics: ScorerMetrics) -> None:
        self._models = models
        self._servicer = servicer
        self._metrics = metrics
        self._lock = threading.Lock()

    def update(self, watch: BirthWatch) -> None:
        """Say anew what serves: after a swap, or a change of the births."""
        with self._lock:
            births = watch.births
            ready = {name: can_answer(model, births) for name, model in self._models.served.items()}
            for name, is_ready in ready.items():
                self._servicer.set(name, _STATUS[is_ready])
                self._metrics.model_ready.labels(name).set(is_ready)
            whole = _STATUS[bool(ready) and all(ready.values())]
            self._servicer.set("", whole)
            self._servicer.set(SERVICE, whole)
