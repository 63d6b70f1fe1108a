"""Which models can answer, told by the protocol grpc.health.v1: one service name per model.

The empty name is the server as a whole: it serves while every model that it holds, and at least one, can answer. A
model that does without the store answers always; its metric says whether its views serve. One whose first version is
refused is known and does not serve; it takes no part in the whole, since a bad bundle is no reason to send away those
who ask for other models.
"""

from __future__ import annotations

from features.vector import StoreDown
from grpc_api.births import Births, BirthWatch
from grpc_api.core import SERVICE
from grpc_api.health import Health
from grpc_api.metrics import ScorerMetrics
from grpc_api.models import Models
from grpc_api.reads import does_without_store
from grpc_api.served_model import ServedModel


def can_answer(model: ServedModel, births: Births) -> bool:
    """Whether all views that a model reads may be read."""
    return all(births.serve(view) for view in model.inputs.views)


class Readiness:
    """Keeps health and metrics in step with models and births."""

    def __init__(self, *, models: Models, health: Health, metrics: ScorerMetrics, store_down: StoreDown) -> None:
        self._models = models
        self._health = health
        self._metrics = metrics
        self._store_down: StoreDown = store_down

    def update(self, watch: BirthWatch) -> None:
        """Say anew what serves: after a swap, or a change of the births."""
        births = watch.births
        ready = {}
        for name, arms in self._models.served.items():
            model = arms.champion
            views_serve = can_answer(model, births)
            self._metrics.model_ready.labels(name).set(views_serve)
            ready[name] = views_serve or does_without_store(model, self._store_down)
            self._health.set(name, ready[name])
        whole = bool(ready) and all(ready.values())
        self._health.set("", whole)
        self._health.set(SERVICE, whole)

    def refuse(self, name: str, n_refused: int) -> None:
        """Say how much is refused of what the files of a model say; where nothing of it serves, it cannot answer."""
        if name not in self._models.served:
            self._metrics.model_ready.labels(name).set(0)
            self._health.set(name, False)
        self._metrics.refusing.labels(name).set(n_refused)
